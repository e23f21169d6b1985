/* The foundation: errors, memory, buffers, files, random numbers, JSON. */
#include "core/bytes.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(first_error_stays)
{
    struct error error = {0};
    ck_assert(!error_set(&error, ERROR_INPUT, "file: %d notes; %d are wanted", 0, 1));
    error_set(&error, ERROR_IO, "something later");
    error_prefix(&error, "%s", "a.mid");
    ck_assert_str_eq(error.text, "a.mid: file: 0 notes; 1 are wanted");
    ck_assert_int_eq(error.kind, ERROR_INPUT);
}
END_TEST

START_TEST(memory_failure_is_an_error)
{
    struct error error = {0};
    ck_assert_ptr_null(mem_alloc(SIZE_MAX / 2, 16, &error));
    ck_assert_int_eq(error.kind, ERROR_MEMORY);
    error_clear(&error);
    mem_fail_at(2);
    void *a = mem_alloc(1, 1, &error), *b = mem_alloc(1, 1, &error);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(b);
    mem_fail_at(0);
    char *text = mem_copy_string("kept", &(struct error){0});
    text = mem_resize(text, 1000, 1, &error);
    ck_assert_str_eq(text, "kept");
    ck_assert_uint_eq((uintptr_t)text % 64, 0);
    mem_free(text);
    mem_free(a);
}
END_TEST

/* Known answers from the authors' Random123 distribution. */
START_TEST(philox_known_answers)
{
    uint32_t out[4];
    random_philox((uint32_t[]){0, 0}, (uint32_t[]){0, 0, 0, 0}, out);
    ck_assert_uint_eq(out[0], 0x6627e8d5u);
    ck_assert_uint_eq(out[1], 0xe169c58du);
    ck_assert_uint_eq(out[2], 0xbc57ac4cu);
    ck_assert_uint_eq(out[3], 0x9b00dbd8u);
    random_philox((uint32_t[]){0xa4093822u, 0x299f31d0u}, (uint32_t[]){0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, out);
    ck_assert_uint_eq(out[0], 0xd16cfe09u);
    ck_assert_uint_eq(out[3], 0x24126ea1u);
}
END_TEST

START_TEST(random_numbers_look_uniform)
{
    double sum = 0, square = 0, normal = 0, variance = 0;
    enum { N = 20000 };
    for (int i = 0; i < N; i++) {
        double u = random_unit(7, 1, (uint64_t)i), z = random_normal(7, 2, (uint64_t)i);
        ck_assert(u >= 0 && u < 1);
        ck_assert_uint_lt(random_below(7, 3, (uint64_t)i, 10), 10);
        sum += u, square += u * u, normal += z, variance += z * z;
    }
    ck_assert_double_eq_tol(sum / N, 0.5, 0.01);
    ck_assert_double_eq_tol(square / N, 1.0 / 3, 0.01);
    ck_assert_double_eq_tol(normal / N, 0, 0.03);
    ck_assert_double_eq_tol(variance / N, 1, 0.05);
}
END_TEST

START_TEST(readers_stop_at_the_end)
{
    struct reader r = reader_on("\x01\x02\x03", 3);
    ck_assert_uint_eq(reader_be16(&r), 0x0102);
    ck_assert_uint_eq(reader_be32(&r), 0);
    ck_assert(r.failed);
    ck_assert_uint_eq(reader_u8(&r), 0);
    ck_assert_uint_eq(reader_left(&r), 0);
}
END_TEST

START_TEST(utf8_refuses_what_unicode_refuses)
{
    const char *good[] = {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xb5", "\xed\x9f\xbf"};
    const char *bad[] = {"\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5", "\xe2\x82", "a\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) ck_assert(utf8_valid(good[i], strlen(good[i]), NULL));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert(!utf8_valid(bad[i], strlen(bad[i]), NULL));
}
END_TEST

START_TEST(files_are_replaced_whole)
{
    struct error error = {0};
    struct bytes back = {0};
    char folder[] = "/tmp/triptych-test-XXXXXX", path[200], inner[200];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(inner, sizeof inner, "%s/a/b/c", folder);
    ck_assert(file_make_folder(inner, &error));
    ck_assert(file_join(path, sizeof path, inner, "x.txt", &error));
    ck_assert(file_write(path, "one", 3, &error));
    ck_assert(file_write(path, "three", 5, &error));
    ck_assert(file_read(path, 100, &back, &error));
    ck_assert_str_eq(bytes_text(&back), "three");
    struct file_list list = {0};
    ck_assert(file_list_read(inner, &list, &error));
    ck_assert_uint_eq(list.n, 1);                    /* no temporary file is left */
    file_list_free(&list);
    ck_assert(!file_read(path, 4, &back, &error));   /* over the limit */
    ck_assert_ptr_nonnull(strstr(error.text, "more than 4 bytes"));
    error_clear(&error);
    ck_assert(!file_write(inner, "x", 1, &error));   /* a folder is never replaced */
    error_clear(&error);
    ck_assert(!file_read("/nowhere/at/all", 10, &back, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "No such file"));
    bytes_free(&back);
    char command[300];
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(json_accepts_json)
{
    const char *good[] = {"0", "-1.5e+3", "\"\"", " [1, 2,{\"a\":[]}] ", "{\"a\":1,\"A\":2}", "\"\\ud83c\\udfb5\"", "true", "null"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct error error = {0};
        cJSON *tree = json_parse(good[i], strlen(good[i]), &error);
        ck_assert_msg(tree != NULL, "%s: %s", good[i], error.text);
        cJSON_Delete(tree);
    }
}
END_TEST

START_TEST(json_refuses_the_rest)
{
    const struct { const char *text, *message; } bad[] = {
        {"", "ends where a value"},        {"01", "leading zero"},          {"1.", "a digit"},         {"+1", "digit"},
        {"[1,]", "digit"},                 {"[1 2]", "',' or ']'"},         {"{\"a\" 1}", "':'"},      {"{\"a\":1,}", "a string"},
        {"{\"a\":1,\"a\":2}", "twice"},    {"\"a\nb\"", "control"},         {"\"\\u0000\"", "NUL"},    {"\"\\ud800\"", "surrogate"},
        {"\"\\udc00\"", "surrogate"},      {"\"\\x\"", "escape"},           {"\"abc", "inside a string"}, {"1e999", "range"},
        {"nul", "a value"},                {"{} x", "follows"},             {"\"\xff\"", "UTF-8"},     {"NaN", "digit"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error error = {0};
        ck_assert_ptr_null(json_parse(bad[i].text, strlen(bad[i].text), &error));
        ck_assert_msg(strstr(error.text, bad[i].message) != NULL, "%s -> %s", bad[i].text, error.text);
    }
    char deep[200];
    memset(deep, '[', sizeof deep);
    struct error error = {0};
    ck_assert_ptr_null(json_parse(deep, sizeof deep, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "64 deep"));
}
END_TEST

START_TEST(json_members_are_checked)
{
    const char *text = "{\"n\":3,\"x\":0.5,\"s\":\"word\"}";
    struct error error = {0};
    cJSON *tree = json_parse(text, strlen(text), &error);
    int64_t n;
    double x;
    const char *s;
    ck_assert(json_integer(tree, "n", 1, 5, &n, &error) && n == 3);
    ck_assert(json_number(tree, "x", 0, 1, &x, &error) && x > 0.4);
    ck_assert(json_string(tree, "s", &s, &error) && strcmp(s, "word") == 0);
    ck_assert(!json_integer(tree, "n", 4, 5, &n, &error));
    ck_assert_str_eq(error.text, "\"n\" is 3; 4 to 5 is wanted");
    error_clear(&error);
    ck_assert(!json_integer(tree, "x", 0, 5, &n, &error));
    error_clear(&error);
    ck_assert(!json_integer(tree, "N", 0, 5, &n, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "missing"));
    struct bytes out = {0};
    ck_assert(json_quote(&out, "a\"\\\n\x01\xff\xc3\xa9", 8, &(struct error){0}));
    ck_assert_str_eq(bytes_text(&out), "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\"");
    bytes_free(&out);
    cJSON_Delete(tree);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foundation");
    TCase *all = tcase_create("all");
    tcase_add_test(all, first_error_stays);
    tcase_add_test(all, memory_failure_is_an_error);
    tcase_add_test(all, philox_known_answers);
    tcase_add_test(all, random_numbers_look_uniform);
    tcase_add_test(all, readers_stop_at_the_end);
    tcase_add_test(all, utf8_refuses_what_unicode_refuses);
    tcase_add_test(all, files_are_replaced_whole);
    tcase_add_test(all, json_accepts_json);
    tcase_add_test(all, json_refuses_the_rest);
    tcase_add_test(all, json_members_are_checked);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
