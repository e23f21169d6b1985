/* GGUF: every refusal of core/gguf.h by name, the number formats against ggml's own results, round trips. */
#include "core/file.h"
#include "core/gguf.h"
#include "core/mem.h"
#include "core/random.h"
#include "tests/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file put together by hand: s string, 4 and 8 numbers, 1 byte, z zeros up to a multiple of 32, d that many bytes of data. */
struct piece { char kind; const char *text; uint64_t number; };
#define S(text) {'s', text, 0}
#define U4(x) {'4', NULL, x}
#define U8(x) {'8', NULL, x}
#define U1(x) {'1', NULL, x}
#define RAW(text) {'r', text, 0}
#define ALIGN {'z', NULL, 0}
#define DATA(n) {'d', NULL, n}
#define START(tensors, values) RAW("GGUF"), U4(3), U8(tensors), U8(values)
#define VECTOR(name, n, type, offset) S(name), U4(1), U8(n), U4(type), U8(offset)
enum { PIECES = 40 };

static const struct { const char *name; struct piece pieces[PIECES]; const char *message; } BAD[] = {
    {"an empty file", {{0}}, "ends inside its header"},
    {"wrong magic", {RAW("GGUE"), U4(3), U8(0), U8(0)}, "does not start with"},
    {"cut behind the magic", {RAW("GGUF"), U1(3)}, "ends inside its header"},
    {"version 1", {RAW("GGUF"), U4(1), U8(0), U8(0)}, "version 1"},
    {"version 4", {RAW("GGUF"), U4(4), U8(0), U8(0)}, "version 4"},
    {"version 0", {RAW("GGUF"), U4(0), U8(0), U8(0)}, "version 0"},
    {"big-endian", {RAW("GGUF"), U4(3u << 24), U8(0), U8(0)}, "big-endian"},
    {"no counts", {RAW("GGUF"), U4(3)}, "ends inside its header"},
    {"too many tensors", {START(20001, 0)}, "20001 tensors"},
    {"tensors beyond any file", {START(UINT64_MAX, 0)}, "tensors; at most"},
    {"too many values", {START(0, 20001)}, "20001 values"},
    {"values beyond any file", {START(0, UINT64_MAX)}, "values; at most"},
    {"a value is missing", {START(0, 1)}, "ends inside its header"},
    {"an empty key", {START(0, 1), S(""), U4(GGUF_U8), U1(1)}, "a value without a name"},
    {"a key longer than the file", {START(0, 1), U8(1000000), RAW("key")}, "a string is longer than the file"},
    {"a key of 2^64 - 1 bytes", {START(0, 1), U8(UINT64_MAX), RAW("key")}, "a string is longer than the file"},
    {"a key over 1 kB", {START(0, 1), U8(1025), DATA(1100)}, "a string is too long"},
    {"a key with NUL", {START(0, 1), U8(3), RAW("ab"), U1(0), U4(GGUF_U8), U1(1)}, "NUL"},
    {"a key that is not UTF-8", {START(0, 1), S("a\xff"), U4(GGUF_U8), U1(1)}, "not UTF-8"},
    {"a key twice", {START(0, 2), S("a"), U4(GGUF_U8), U1(1), S("a"), U4(GGUF_U8), U1(2)}, "the value a stands twice"},
    {"a kind that is unknown", {START(0, 1), S("a"), U4(13), U1(1)}, "a value of unknown kind"},
    {"a kind of 2^32 - 1", {START(0, 1), S("a"), U4(UINT32_MAX), U1(1)}, "a value of unknown kind"},
    {"a value that is cut", {START(0, 1), S("a"), U4(GGUF_U32), U1(1)}, "longer than the file"},
    {"a BOOL of 2", {START(0, 1), S("a"), U4(GGUF_BOOL), U1(2)}, "neither 0 nor 1"},
    {"a text longer than the file", {START(0, 1), S("a"), U4(GGUF_TEXT), U8(100)}, "a string is longer than the file"},
    {"an array of arrays", {START(0, 1), S("a"), U4(GGUF_ARRAY), U4(GGUF_ARRAY), U8(1)}, "an array of arrays"},
    {"an array of an unknown kind", {START(0, 1), S("a"), U4(GGUF_ARRAY), U4(99), U8(1)}, "a value of unknown kind"},
    {"an array longer than the file", {START(0, 1), S("a"), U4(GGUF_ARRAY), U4(GGUF_U32), U8(3), U4(1), U4(2)}, "an array is longer than the file"},
    {"an array of 2^62 numbers", {START(0, 1), S("a"), U4(GGUF_ARRAY), U4(GGUF_U64), U8((uint64_t)1 << 62), U8(1)}, "an array is longer than the file"},
    {"an array of 2^61 texts", {START(0, 1), S("a"), U4(GGUF_ARRAY), U4(GGUF_TEXT), U8((uint64_t)1 << 61), U8(0)}, "an array is longer than the file"},
    {"a text of an array longer than the file", {START(0, 1), S("a"), U4(GGUF_ARRAY), U4(GGUF_TEXT), U8(2), S("b"), U8(9), U8(0)}, "a string is longer than the file"},
    {"an alignment of 0", {START(0, 1), S("general.alignment"), U4(GGUF_U32), U4(0)}, "general.alignment is 0"},
    {"an alignment of 33", {START(0, 1), S("general.alignment"), U4(GGUF_U32), U4(33)}, "general.alignment is 33"},
    {"an alignment of 2^31", {START(0, 1), S("general.alignment"), U4(GGUF_U32), U4(1u << 31)}, "a power of 2 up to"},
    {"an alignment of another kind", {START(0, 1), S("general.alignment"), U4(GGUF_U64), U8(32)}, "general.alignment is no U32"},
    {"a tensor is missing", {START(1, 0)}, "ends inside its header"},
    {"a tensor without a name", {START(1, 0), VECTOR("", 1, 0, 0), ALIGN, DATA(4)}, "a tensor without a name"},
    {"a tensor's name is not UTF-8", {START(1, 0), VECTOR("\xc3", 1, 0, 0), ALIGN, DATA(4)}, "not UTF-8"},
    {"a tensor's name is too long", {START(1, 0), U8(513), DATA(600)}, "a string is too long"},
    {"a tensor twice", {START(2, 0), VECTOR("a", 8, 0, 0), VECTOR("a", 8, 0, 32), ALIGN, DATA(64)}, "the tensor a stands twice"},
    {"rank 0", {START(1, 0), S("a"), U4(0), U4(0), U8(0), ALIGN, DATA(4)}, "its rank is not 1 to 4"},
    {"rank 5", {START(1, 0), S("a"), U4(5), U8(1), U8(1), U8(1), U8(1), U8(1), U4(0), U8(0), ALIGN, DATA(4)}, "its rank is not 1 to 4"},
    {"a dimension of 0", {START(1, 0), VECTOR("a", 0, 0, 0), ALIGN}, "a dimension is not"},
    {"a negative dimension", {START(1, 0), VECTOR("a", UINT64_MAX, 0, 0), ALIGN}, "a dimension is not"},
    {"a dimension of 2^31", {START(1, 0), VECTOR("a", (uint64_t)1 << 31, 0, 0), ALIGN}, "a dimension is not"},
    {"a product that overflows", {START(1, 0), S("a"), U4(4), U8(1 << 30), U8(1 << 30), U8(1 << 30), U8(1 << 30), U4(0), U8(0), ALIGN, DATA(4)}, "its size overflows"},
    {"logical size of exabytes", {START(1, 0), S("a"), U4(3), U8(1 << 20), U8(1 << 20), U8(1 << 20), U4(0), U8(0), ALIGN, DATA(4)}, "its size overflows"},
    {"a type that is not read", {START(1, 0), VECTOR("a", 256, 10, 0), ALIGN, DATA(84)}, "type 10; F32, F16"},
    {"a type that was removed", {START(1, 0), VECTOR("a", 32, 4, 0), ALIGN, DATA(20)}, "type 4;"},
    {"a type that is unknown", {START(1, 0), VECTOR("a", 32, 4000000000u, 0), ALIGN, DATA(20)}, "type 4000000000;"},
    {"rows that are no whole blocks", {START(1, 0), VECTOR("a", 33, GGUF_TYPE_Q8_0, 0), ALIGN, DATA(68)}, "no whole blocks"},
    {"data that are not aligned", {START(1, 0), VECTOR("a", 1, 0, 4), ALIGN, DATA(40)}, "not aligned"},
    {"a gap first", {START(1, 0), VECTOR("a", 1, 0, 32), ALIGN, DATA(64)}, "a gap lies before"},
    {"a gap between", {START(2, 0), VECTOR("a", 1, 0, 0), VECTOR("b", 1, 0, 64), ALIGN, DATA(96)}, "tensor b: a gap lies before"},
    {"two tensors at one place", {START(2, 0), VECTOR("a", 1, 0, 0), VECTOR("b", 1, 0, 0), ALIGN, DATA(64)}, "tensor b: its data overlap"},
    {"an offset of 2^64 - 32", {START(1, 0), VECTOR("a", 1, 0, UINT64_MAX - 31), ALIGN, DATA(4)}, "a gap lies before"},
    {"data behind the end", {START(1, 0), VECTOR("a", 9, 0, 0), ALIGN, DATA(32)}, "behind the end of the file"},
    {"no data at all", {START(1, 0), VECTOR("a", 1, 0, 0)}, "behind the end of the file"},
    {"bytes behind the last tensor", {START(1, 0), VECTOR("a", 8, 0, 0), ALIGN, DATA(33)}, "1 bytes follow"},
};

static struct bytes build(const struct piece *pieces)
{
    struct bytes out = {0};
    struct error error = {0};
    for (int i = 0; i < PIECES && pieces[i].kind != 0; i++) {
        const struct piece *p = &pieces[i];
        uint64_t n = p->text == NULL ? 0 : strlen(p->text);
        if (p->kind == 's') ck_assert(bytes_append(&out, &n, 8, &error));
        if (p->text != NULL) ck_assert(bytes_append(&out, p->text, n, &error));
        if (strchr("148", p->kind) != NULL) ck_assert(bytes_append(&out, &p->number, (size_t)(p->kind - '0'), &error));
        for (uint64_t k = 0; p->kind == 'd' && k < p->number; k++) ck_assert(bytes_append_byte(&out, 'x', &error));
        while (p->kind == 'z' && out.n % 32 != 0) ck_assert(bytes_append_byte(&out, 0, &error));
    }
    return out;
}

START_TEST(malformed_files_are_refused)
{
    struct bytes bytes = build(BAD[_i].pieces);
    struct gguf gguf;
    struct error error = {0};
    ck_assert_msg(!gguf_parse(bytes.data, bytes.n, &gguf, &error), "%s was accepted", BAD[_i].name);
    ck_assert_msg(strncmp(error.text, "GGUF: ", 6) == 0 && strstr(error.text, BAD[_i].message) != NULL, "%s: %s", BAD[_i].name, error.text);
    gguf_close(&gguf);
    gguf_close(&gguf);
    bytes_free(&bytes);
}
END_TEST

#define TYPES "tests/fixtures/gguf/types.gguf"

START_TEST(every_type_is_decoded_as_ggml_does)
{
    static const char *const names[] = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"};
    struct error error = {0};
    struct gguf gguf;
    float found[512], wanted[512];
    ck_assert_msg(gguf_open(TYPES, &gguf, &error), "%s", error.text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char other[20];
        snprintf(other, sizeof other, "%s.wanted", names[i]);
        const struct gguf_tensor *a = gguf_find_tensor(&gguf, names[i]), *b = gguf_find_tensor(&gguf, other);
        ck_assert_msg(a != NULL && b != NULL && strcmp(gguf_type_name(a->type), names[i]) == 0, "%s", names[i]);
        ck_assert(a->rank == 2 && a->shape[0] == 2 && a->shape[1] == 256);
        ck_assert_msg(gguf_floats(&gguf, a, found, &error) && gguf_floats(&gguf, b, wanted, &error), "%s", error.text);
        for (int k = 0; k < 512; k++) ck_assert_msg(found[k] == wanted[k], "%s: number %d is %g, %g is wanted", names[i], k, (double)found[k], (double)wanted[k]);
    }
    gguf_close(&gguf);
}
END_TEST

START_TEST(values_are_found_by_key_and_kind)
{
    struct error error = {0};
    struct gguf gguf;
    const char *text;
    int64_t whole;
    double number;
    ck_assert_msg(gguf_open(TYPES, &gguf, &error), "%s", error.text);
    ck_assert(gguf_text(&gguf, "test.text", &text, &error));
    ck_assert_str_eq(text, "\xc3\xa9");
    ck_assert(gguf_number(&gguf, "test.number", 0, 1, &number, &error) && number == 0.5);
    ck_assert(gguf_flag(&gguf, "test.flag", false) && gguf_flag(&gguf, "test.none", true) && !gguf_flag(&gguf, "test.text", false));
    const struct gguf_value *texts = gguf_array(&gguf, "test.texts", GGUF_TEXT, &error), *numbers = gguf_array(&gguf, "test.numbers", GGUF_I32, &error);
    ck_assert(texts != NULL && texts->n == 3 && numbers != NULL && numbers->n == 3);
    ck_assert_str_eq(((const struct gguf_text *)texts->data)[2].text, "bc");
    ck_assert_uint_eq(((const struct gguf_text *)texts->data)[1].n, 0);
    ck_assert_int_eq(gguf_element(numbers, 1), -2);
    static const char *const messages[] = {"test.none is missing", "test.text is no whole number", "test.numbers is no whole number"};
    static const char *const keys[] = {"test.none", "test.text", "test.numbers"};
    for (int i = 0; i < 3; i++) {
        error_clear(&error);
        ck_assert(!gguf_integer(&gguf, keys[i], 0, 9, &whole, &error));
        ck_assert_ptr_nonnull(strstr(error.text, messages[i]));
    }
    error_clear(&error);
    ck_assert(!gguf_number(&gguf, "test.number", 1, 2, &number, &error) && strstr(error.text, "is 0.5; 1 to 2 is wanted") != NULL);
    ck_assert(!gguf_text(&gguf, "test.number", &text, &(struct error){0}) && gguf_array(&gguf, "test.text", GGUF_TEXT, &(struct error){0}) == NULL);
    gguf_close(&gguf);
}
END_TEST

static const char *temporary(void)
{
    static char path[60];
    snprintf(path, sizeof path, "/tmp/triptych-gguf-%ld", (long)getpid());
    return path;
}

START_TEST(what_is_written_is_read_again)
{
    static const struct { enum gguf_type type; float within; } types[] = {{GGUF_TYPE_F32, 0}, {GGUF_TYPE_F16, 2e-3f}, {GGUF_TYPE_Q8_0, 2e-2f}};
    struct error error = {0};
    struct gguf_values values = {0};
    struct gguf_output tensors[3];
    static float numbers[3 * 20000 * 32], back[20000 * 32];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) numbers[i] = (float)random_normal(1, 1, i);
    for (int i = 0; i < 3; i++) {
        int64_t rows = i == 0 ? 3 : 20000;                    /* larger than a piece */
        tensors[i] = (struct gguf_output){gguf_type_name(types[i].type), types[i].type, 2, {rows, 32}, numbers + i * 20000 * 32};
    }
    ck_assert(gguf_put_text(&values, "a.text", "caf\xc3\xa9", &error) && gguf_put_integer(&values, "a.whole", 7, &error) && gguf_put_number(&values, "a.number", 0.25f, &error) &&
              gguf_put_flag(&values, "a.flag", true, &error) && gguf_put_array(&values, "a.texts", GGUF_TEXT, 2, &error) && gguf_put_element(&values, "x", 1, &error) &&
              gguf_put_element(&values, "", 0, &error) && gguf_put_array(&values, "a.wholes", GGUF_I32, 1, &error) && gguf_put_int(&values, -3, &error));
    ck_assert_msg(gguf_write(temporary(), &values, tensors, 3, &error), "%s", error.text);
    struct gguf gguf;
    int64_t whole;
    ck_assert_msg(gguf_open(temporary(), &gguf, &error), "%s", error.text);
    ck_assert(gguf.version == 3 && gguf.n_values == 6 && gguf.n_tensors == 3);
    ck_assert(gguf_integer(&gguf, "a.whole", 7, 7, &whole, &error) && gguf_flag(&gguf, "a.flag", false));
    ck_assert_int_eq(gguf_element(gguf_find(&gguf, "a.wholes"), 0), -3);
    for (int i = 0; i < 3; i++) {
        ck_assert(gguf_floats(&gguf, &gguf.tensors[i], back, &error));
        for (int64_t k = 0; k < gguf.tensors[i].shape[0] * 32; k++)
            ck_assert(fabsf(back[k] - tensors[i].numbers[k]) <= types[i].within);
    }
    gguf_close(&gguf);
    bytes_free(&values.bytes);
    unlink(temporary());
}
END_TEST

START_TEST(numbers_that_are_not_finite_are_refused)
{
    const float numbers[2] = {1, NAN};
    struct gguf_output tensor = {"w", GGUF_TYPE_F32, 1, {2}, numbers};
    struct gguf_values none = {0};
    struct gguf gguf;
    struct error error = {0};
    float back[2];
    ck_assert(gguf_write(temporary(), &none, &tensor, 1, &error) && gguf_open(temporary(), &gguf, &error));
    ck_assert(!gguf_floats(&gguf, &gguf.tensors[0], back, &error) && strstr(error.text, "tensor w: holds a value that is not finite") != NULL);
    gguf_close(&gguf);
    unlink(temporary());
}
END_TEST

START_TEST(a_file_that_shrinks_is_an_error)
{
    static const float numbers[100];
    struct gguf_output tensor = {"w", GGUF_TYPE_F32, 1, {100}, numbers};
    struct gguf_values none = {0};
    struct gguf gguf;
    struct error error = {0};
    float back[100];
    ck_assert(gguf_write(temporary(), &none, &tensor, 1, &error) && gguf_open(temporary(), &gguf, &error));
    ck_assert_int_eq(truncate(temporary(), 100), 0);
    ck_assert(!gguf_floats(&gguf, &gguf.tensors[0], back, &error) && strstr(error.text, "shorter while it was read") != NULL);
    gguf_close(&gguf);
    unlink(temporary());
    ck_assert(!gguf_open(temporary(), &gguf, &error));
    gguf_close(&gguf);
    error_clear(&error);
    ck_assert(!gguf_open("/tmp", &gguf, &error) && strstr(error.text, "is no regular file") != NULL);
    gguf_close(&gguf);
}
END_TEST

START_TEST(truncations_and_mutations_never_crash)
{
    struct bytes good = {0};
    struct error error = {0};
    static float out[1 << 16];
    ck_assert(file_read(TYPES, FILE_LIMIT_JSON, &good, &error));
    for (size_t cut = 0; cut < good.n; cut += cut < 3000 ? 1 : 97) {
        struct gguf gguf;
        error_clear(&error);
        ck_assert(!gguf_parse(good.data, cut, &gguf, &error) || cut >= good.n - 31);
        gguf_close(&gguf);
    }
    for (uint64_t round = 0; round < 20000; round++) {
        struct gguf gguf;
        uint8_t kept[3];
        size_t at[3];
        error_clear(&error);
        for (uint64_t k = 0; k < 3; k++) {
            at[k] = random_below(1, round, 2 * k, 2200);
            kept[k] = good.data[at[k]];
            good.data[at[k]] = (uint8_t)random_below(1, round, 2 * k + 1, 256);
        }
        if (gguf_parse(good.data, good.n, &gguf, &error))
            for (size_t i = 0; i < gguf.n_tensors; i++)
                if (gguf.tensors[i].bytes < 5000) (void)gguf_floats(&gguf, &gguf.tensors[i], out, &error);
        gguf_close(&gguf);
        for (int k = 2; k >= 0; k--) good.data[at[k]] = kept[k];
    }
    bytes_free(&good);
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
    for (size_t k = 1;; k++) {
        struct gguf gguf;
        struct error error = {0};
        static float out[512];
        mem_fail_at(k);
        bool ok = gguf_open(TYPES, &gguf, &error) && gguf_floats(&gguf, &gguf.tensors[0], out, &error);
        gguf_close(&gguf);
        size_t counted = mem_fail_at(0);
        if (ok && counted < k) break;
        ck_assert(!ok && error.kind == ERROR_MEMORY);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gguf");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, malformed_files_are_refused, 0, (int)(sizeof BAD / sizeof *BAD));
    tcase_add_test(all, every_type_is_decoded_as_ggml_does);
    tcase_add_test(all, values_are_found_by_key_and_kind);
    tcase_add_test(all, what_is_written_is_read_again);
    tcase_add_test(all, numbers_that_are_not_finite_are_refused);
    tcase_add_test(all, a_file_that_shrinks_is_an_error);
    tcase_add_test(all, truncations_and_mutations_never_crash);
    tcase_add_test(all, memory_may_run_out_anywhere);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
