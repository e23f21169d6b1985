/* safetensors: every refusal of the list in core/safetensors.h by name, round trips, half-precision numbers. */
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/safetensors.h"
#include "tests/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A file of this header and `data` zero bytes. */
static struct bytes file_of(const char *header, size_t data)
{
    struct error error = {0};
    struct bytes out = {0};
    uint64_t n = strlen(header);
    ck_assert(bytes_append(&out, &n, 8, &error) && bytes_append_text(&out, header, &error));
    for (size_t i = 0; i < data; i++) ck_assert(bytes_append_byte(&out, 0, &error));
    return out;
}

static const struct { const char *name, *header; size_t data; const char *message; } BAD[] = {
    {"not an object", "[1]", 0, "does not start with '{'"},
    {"space first", " {}", 0, "does not start with '{'"},
    {"broken JSON", "{\"a\":", 0, "JSON"},
    {"trailing junk", "{} x", 0, "follows"},
    {"invalid UTF-8", "{\"a\xff\":1}", 0, "UTF-8"},
    {"duplicate name", "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "twice"},
    {"entry no object", "{\"a\":3}", 0, "no object"},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "no dtype"},
    {"unknown dtype", "{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "unknown"},
    {"no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "no shape"},
    {"rank 5", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, "more than 4"},
    {"negative dimension", "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "whole number"},
    {"fractional dimension", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", 1, "whole number"},
    {"huge dimension", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296],\"data_offsets\":[0,1]}}", 1, "whole number"},
    {"product overflow", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647],\"data_offsets\":[0,4]}}", 4, "overflows"},
    {"begin > end", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1, "begin behind"},
    {"end > data", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 1, "behind the end"},
    {"size mismatch", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "do not fit"},
    {"one offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "two whole numbers"},
    {"negative offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 1, "two whole numbers"},
    {"overlap", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "overlap"},
    {"alias", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "overlap"},
    {"gap", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}", 3, "gap"},
    {"first offset not 0", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "gap"},
    {"last not at the end", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 2, "1 bytes follow"},
    {"empty name", "{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "name"},
    {"metadata no strings", "{\"__metadata__\":{\"a\":1}}", 0, "no string"},
    {"metadata no object", "{\"__metadata__\":[]}", 0, "no object"},
    {"NUL in a name", "{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "NUL"},
};

START_TEST(malformed_headers_are_refused)
{
    struct bytes bytes = file_of(BAD[_i].header, BAD[_i].data);
    struct safetensors file = {0};
    struct error error = {0};
    ck_assert_msg(!safetensors_parse(&bytes, &file, &error), "%s was accepted", BAD[_i].name);
    ck_assert_msg(strstr(error.text, BAD[_i].message) != NULL, "%s: %s", BAD[_i].name, error.text);
    safetensors_free(&file);
}
END_TEST

START_TEST(bad_lengths_are_refused)
{
    const struct { uint8_t bytes[12]; size_t n; const char *message; } cases[] = {
        {{0}, 0, "0 bytes"}, {{1, 0, 0}, 3, "3 bytes"}, {{0, 0, 0, 0, 0, 0, 0, 0}, 8, "header of 0"},
        {{9, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, "ends inside"}, {{0, 0, 0, 0, 0, 0, 0, 0x80, '{'}, 9, "header of"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct bytes bytes = {0};
        struct safetensors file = {0};
        ck_assert(bytes_append(&bytes, cases[i].bytes, cases[i].n, &error));
        ck_assert(!safetensors_parse(&bytes, &file, &error));
        ck_assert_msg(strstr(error.text, cases[i].message) != NULL, "%s", error.text);
        safetensors_free(&file);
    }
}
END_TEST

START_TEST(too_many_tensors_are_refused)
{
    struct error error = {0};
    struct bytes header = {0};
    ck_assert(bytes_append_byte(&header, '{', &error));
    for (int i = 0; i < 20001; i++)
        ck_assert(bytes_printf(&header, &error, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? "," : "", i));
    ck_assert(bytes_append_byte(&header, '}', &error));
    struct bytes bytes = file_of(bytes_text(&header), 0);
    struct safetensors file = {0};
    ck_assert(!safetensors_parse(&bytes, &file, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "at most 20000"));
    safetensors_free(&file);
    bytes_free(&header);
}
END_TEST

START_TEST(round_trip)
{
    const float numbers[6] = {1, -2, 0.5f, 3e-8f, 65504, 0};
    const uint8_t small[3] = {1, 2, 3};
    const struct tensor tensors[] = {
        {"matrix \"quoted\"", TENSOR_F32, 2, {2, 3}, numbers, sizeof numbers}, {"empty", TENSOR_F32, 1, {0}, numbers, 0}, {"bytes", TENSOR_U8, 1, {3}, small, 3}};
    const char *metadata[] = {"format", "pt", NULL};
    struct error error = {0};
    struct bytes bytes = {0};
    struct safetensors file = {0};
    ck_assert(safetensors_print(tensors, 3, metadata, &bytes, &error));
    ck_assert_msg(safetensors_parse(&bytes, &file, &error), "%s", error.text);
    ck_assert_uint_eq(file.n, 3);
    ck_assert_str_eq(safetensors_metadata(&file, "format"), "pt");
    const struct tensor *matrix = safetensors_need(&file, "matrix \"quoted\"", 2, (int64_t[]){2, -1}, &error);
    float back[6];
    ck_assert_ptr_nonnull(matrix);
    ck_assert(tensor_floats(matrix, back, &error));
    ck_assert_mem_eq(back, numbers, sizeof back);
    ck_assert_ptr_null(safetensors_need(&file, "matrix \"quoted\"", 2, (int64_t[]){3, 2}, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "( 2 3 ); ( 3 2 ) is wanted"));
    ck_assert_ptr_null(safetensors_need(&file, "none", 1, (int64_t[]){3}, &(struct error){0}));
    safetensors_free(&file);
}
END_TEST

START_TEST(values_that_are_not_finite_are_refused)
{
    const float numbers[2] = {1, INFINITY};
    struct tensor tensor = {"w", TENSOR_F32, 1, {2}, numbers, 8};
    float back[2];
    struct error error = {0};
    ck_assert(!tensor_floats(&tensor, back, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "not finite"));
}
END_TEST

START_TEST(truncations_and_mutations_never_crash)
{
    const float numbers[6] = {1, 2, 3, 4, 5, 6};
    const struct tensor tensors[] = {{"a", TENSOR_F32, 2, {2, 3}, numbers, sizeof numbers}, {"b", TENSOR_F32, 1, {2}, numbers, 8}};
    struct error error = {0};
    struct bytes good = {0};
    ck_assert(safetensors_print(tensors, 2, NULL, &good, &error));
    for (size_t cut = 0; cut < good.n; cut++) {
        struct bytes bytes = {0};
        struct safetensors file = {0};
        error_clear(&error);
        ck_assert(bytes_append(&bytes, good.data, cut, &error));
        ck_assert(!safetensors_parse(&bytes, &file, &error));
        safetensors_free(&file);
    }
    for (uint64_t round = 0; round < 20000; round++) {
        struct bytes bytes = {0};
        struct safetensors file = {0};
        error_clear(&error);
        ck_assert(bytes_append(&bytes, good.data, good.n, &error));
        for (uint64_t k = 0; k <= round % 3; k++)
            bytes.data[random_below(1, round, 2 * k, good.n)] = (uint8_t)random_below(1, round, 2 * k + 1, 256);
        if (safetensors_parse(&bytes, &file, &error))
            for (size_t i = 0; i < file.n; i++) {
                float *out = mem_alloc((size_t)tensor_count(&file.tensors[i]), sizeof *out, &error);
                (void)tensor_floats(&file.tensors[i], out, &error);
                mem_free(out);
            }
        safetensors_free(&file);
    }
    bytes_free(&good);
}
END_TEST

START_TEST(half_precision)
{
    for (unsigned bits = 0; bits < 65536; bits++) {
        float x = float_from_half((uint16_t)bits);
        if (x != x) continue;
        ck_assert_uint_eq(half_from_float(x), bits);          /* every half is a float and comes back */
    }
    ck_assert_uint_eq(half_from_float(1.0f + 0x1p-11f), 0x3c00);          /* ties go to even */
    ck_assert_uint_eq(half_from_float(1.0f + 3 * 0x1p-11f), 0x3c02);
    ck_assert_uint_eq(half_from_float(65519.0f), 0x7bff);
    ck_assert_uint_eq(half_from_float(65520.0f), 0x7c00);
    ck_assert_uint_eq(half_from_float(0x1p-25f), 0);
    ck_assert_uint_eq(bfloat_from_float(1.0f + 0x1p-8f), 0x3f80);
    ck_assert_uint_eq(bfloat_from_float(1.0f + 3 * 0x1p-8f), 0x3f82);
    ck_assert(float_from_bfloat(bfloat_from_float(-2.5f)) == -2.5f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, malformed_headers_are_refused, 0, (int)(sizeof BAD / sizeof *BAD));
    tcase_add_test(all, bad_lengths_are_refused);
    tcase_add_test(all, too_many_tensors_are_refused);
    tcase_add_test(all, round_trip);
    tcase_add_test(all, values_that_are_not_finite_are_refused);
    tcase_add_test(all, truncations_and_mutations_never_crash);
    tcase_add_test(all, half_precision);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
