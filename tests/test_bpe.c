/* The tokenizer: against the reference ids (where the fixtures are), against a plain merge, against bad files. */
#include "tokenizers/bpe.h"
#include "tokenizers/bpe_inside.h"
#include "tokenizers/unicode.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "tests/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES "../shared/fixtures/tokenizers/"

static const char tiny_text[] = "the cat and the hat and the bat; the fat cat sat on that mat. 12 hats, 120 cats!\n\n  they're the cats' hats \xc3\xa9t\xc3\xa9 ";

static struct bpe *tiny(int32_t size)
{
    struct error error = {0};
    struct bpe *bpe = NULL;
    struct bpe_text text = {tiny_text, sizeof tiny_text - 1};
    ck_assert_msg(bpe_train(&text, 1, size, (const char *const[]){"<bos>", "<eos>"}, 2, NULL, NULL, &bpe, &error), "%s", error.text);
    return bpe;
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static void same_ids(const struct ids *ids, const cJSON *list, const char *where, int line)
{
    ck_assert_msg(ids->n == (size_t)cJSON_GetArraySize(list), "%s line %d: %zu ids, %d wanted", where, line, ids->n, cJSON_GetArraySize(list));
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        ck_assert_msg(ids->id[i] == item->valueint, "%s line %d: id %zu", where, line, i);
        i++;
    }
}

/* A line of cases.jsonl (text -> ids), bytes.jsonl (bytes -> ids) or decode.jsonl (ids -> bytes). */
static void check_line(const struct bpe *bpe, const cJSON *line, const char *where, int number)
{
    static uint8_t raw[1 << 16];
    struct error error = {0};
    struct ids ids = {0};
    const cJSON *text = json_member(line, "text"), *hex = json_member(line, "hex"), *wanted = json_member(line, "ids");
    const cJSON *replaced = json_member(line, "ids_with_replacement"), *mode = json_member(line, "special_tokens");
    bool specials = mode == NULL || strcmp(mode->valuestring, "recognised") == 0;
    if (text != NULL) {
        size_t n = strlen(text->valuestring);
        ck_assert_msg(bpe_encode(bpe, text->valuestring, n, specials, &ids, &error), "%s", error.text);
        same_ids(&ids, wanted, where, number);
        struct bytes back = {0};
        ck_assert(bpe_decode(bpe, ids.id, ids.n, false, &back, &error));
        ck_assert_msg(strcmp(bytes_text(&back), text->valuestring) == 0, "%s line %d: decoding", where, number);
        bytes_free(&back);
    } else if (replaced != NULL) {
        size_t n = from_hex(hex->valuestring, raw);
        ck_assert(bpe_encode(bpe, raw, n, true, &ids, &error));
        same_ids(&ids, replaced, where, number);
    } else {
        size_t n = from_hex(hex->valuestring, raw);
        const cJSON *item;
        cJSON_ArrayForEach(item, wanted) ck_assert(ids_append(&ids, item->valueint, &error));
        struct bytes back = {0};
        ck_assert(bpe_decode(bpe, ids.id, ids.n, false, &back, &error));
        ck_assert_msg(back.n == n && (n == 0 || memcmp(back.data, raw, n) == 0), "%s line %d", where, number);
        bytes_free(&back);
    }
    ids_free(&ids);
}

static int check_file(const struct bpe *bpe, const char *path)
{
    struct error error = {0};
    struct bytes file = {0};
    int lines = 0;
    if (!file_exists(path)) return 0;
    ck_assert(file_read(path, FILE_LIMIT_JSON, &file, &error));
    for (char *p = (char *)file.data, *end; *p != '\0'; p = end + 1) {
        end = strchr(p, '\n');
        if (end == NULL) break;
        cJSON *line = json_parse(p, (size_t)(end - p), &error);
        ck_assert_msg(line != NULL || strstr(error.text, "u0000") != NULL, "%s", error.text);
        if (line == NULL) {                                  /* our JSON reader refuses NUL in strings; cJSON would cut it */
            error_clear(&error);
            continue;
        }
        check_line(bpe, line, path, ++lines);
        cJSON_Delete(line);
    }
    bytes_free(&file);
    return lines;
}

START_TEST(fixtures_are_met)
{
    static const char *const folders[] = {"gpt2", "smollm2"};
    for (int i = 0; i < 2; i++) {
        struct error error = {0};
        struct bpe *bpe = NULL;
        char path[300];
        snprintf(path, sizeof path, FIXTURES "%s/tokenizer.json", folders[i]);
        if (!file_exists(path)) return;
        ck_assert_msg(bpe_load(path, &bpe, &error), "%s", error.text);
        for (int again = 0; again < 2; again++) {            /* as read, and as printed and read again */
            static const char *const names[] = {"cases", "bytes", "decode"};
            int lines = 0;
            for (int k = 0; k < 3; k++) {
                snprintf(path, sizeof path, FIXTURES "%s/%s.jsonl", folders[i], names[k]);
                lines += check_file(bpe, path);
            }
            ck_assert_int_gt(lines, 400);
            struct bytes printed = {0};
            ck_assert(bpe_print(bpe, &printed, &error));
            bpe_free(bpe);
            ck_assert_msg(bpe_parse(printed.data, printed.n, &bpe, &error), "%s", error.text);
            bytes_free(&printed);
        }
        bpe_free(bpe);
    }
}
END_TEST

static void check_training(const char *name, int32_t size, const struct bpe_text *texts, size_t n)
{
    struct error error = {0};
    struct bpe *bpe;
    struct bytes mine = {0}, wanted = {0};
    char path[300];
    ck_assert_msg(bpe_train(texts, n, size, (const char *const[]){"<|endoftext|>"}, 1, NULL, NULL, &bpe, &error), "%s", error.text);
    snprintf(path, sizeof path, FIXTURES "trained/%s/tokenizer.json", name);
    ck_assert(file_read(path, FILE_LIMIT_JSON, &wanted, &error) && bpe_print(bpe, &mine, &error));
    ck_assert_msg(mine.n == wanted.n && memcmp(mine.data, wanted.data, mine.n) == 0, "%s differs", name);
    bytes_free(&mine);
    bytes_free(&wanted);
    bpe_free(bpe);
}

START_TEST(training_equals_hugging_face)
{
    struct error error = {0};
    struct bytes text = {0};
    struct file_list list = {0};
    if (!file_exists(FIXTURES "trained/stories-4096/tokenizer.json")) return;
    ck_assert(file_read("../shared/data/text/shakespeare/input.txt", FILE_LIMIT_TEXT, &text, &error));
    struct bpe_text one = {text.data, text.n};
    check_training("shakespeare-512", 512, &one, 1);
    check_training("shakespeare-2048", 2048, &one, 1);
    bytes_free(&text);
    ck_assert(file_list_read("../shared/data/text/stories", &list, &error));
    struct bpe_text *texts = mem_alloc(list.n, sizeof *texts, &error);
    struct bytes *files = mem_alloc(list.n, sizeof *files, &error);
    size_t n = 0;
    for (size_t i = 0; i < list.n; i++) {
        char path[500];
        if (!file_has_extension(list.names[i], ".txt")) continue;
        ck_assert(file_join(path, sizeof path, "../shared/data/text/stories", list.names[i], &error));
        ck_assert(file_read(path, FILE_LIMIT_TEXT, &files[n], &error));
        texts[n] = (struct bpe_text){files[n].data, files[n].n};
        n++;
    }
    check_training("stories-4096", 4096, texts, n);
    for (size_t i = 0; i < n; i++) bytes_free(&files[i]);
    mem_free(files);
    mem_free(texts);
    file_list_free(&list);
}
END_TEST

START_TEST(vocabulary_has_its_order)
{
    struct bpe *bpe = tiny(300);
    size_t n;
    ck_assert_int_le(bpe_size(bpe), 300);
    ck_assert_int_gt(bpe_size(bpe), 270);
    ck_assert_int_eq(bpe_special(bpe, "<bos>"), 0);
    ck_assert_int_eq(bpe_special(bpe, "<eos>"), 1);
    ck_assert_int_eq(bpe_special(bpe, "<music>"), -1);
    ck_assert(bpe_is_special(bpe, 1) && !bpe_is_special(bpe, 2) && !bpe_is_special(bpe, -1));
    const uint8_t *token = bpe_token(bpe, 2, &n);
    ck_assert(n == 1 && *token == '!');
    ck_assert_ptr_null(bpe_token(bpe, bpe_size(bpe), &n));
    struct error error = {0};
    struct ids ids = {0};
    ck_assert(bpe_encode(bpe, "<bos>the", 8, true, &ids, &error));
    ck_assert_int_eq(ids.id[0], 0);
    ids.n = 0;
    ck_assert(bpe_encode(bpe, "<bos>the", 8, false, &ids, &error));
    for (size_t i = 0; i < ids.n; i++) ck_assert_int_gt(ids.id[i], 1);
    struct bytes text = {0};
    ck_assert(bpe_decode(bpe, (int32_t[]){0, ids.id[0], 1}, 3, true, &text, &error));
    ck_assert_str_eq(bytes_text(&text), "<");
    ck_assert(!bpe_decode(bpe, (int32_t[]){100000}, 1, true, &text, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "id 100000 at place 0; 0 to "));
    bytes_free(&text);
    ids_free(&ids);
    bpe_free(bpe);
}
END_TEST

/* Merges one pair at a time by looking through the whole list of merges: slow and plain. */
static size_t plain_merge(const struct bpe *bpe, int32_t *id, size_t n)
{
    for (size_t m = 0; m < bpe->n_merges; m++) {
        const struct bpe_merge *merge = &bpe->merges[m];
        bool any = false;
        for (size_t i = 0; i + 1 < n; i++)
            if (id[i] == merge->left && id[i + 1] == merge->right) {
                id[i] = merge->result;
                memmove(id + i + 1, id + i + 2, (n - i - 2) * sizeof *id);
                n--;
                any = true;
            }
        if (any) m = SIZE_MAX;                               /* a new token may allow an earlier merge */
    }
    return n;
}

START_TEST(fast_merges_equal_plain_ones)
{
    struct bpe *bpe = tiny(320);
    struct error error = {0};
    for (uint64_t round = 0; round < 1500; round++) {
        char word[400];
        int32_t plain[400];
        size_t n = 1 + random_below(1, round, 0, round % 3 == 0 ? 390 : 20);
        for (size_t i = 0; i < n; i++) {
            word[i] = "thecatsndbofmry"[random_below(1, round, i + 1, round % 2 ? 15 : 6)];
            plain[i] = bpe->byte_id[(uint8_t)word[i]];
        }
        size_t wanted = plain_merge(bpe, plain, n);
        struct ids ids = {0};
        for (int twice = 0; twice < 2; twice++) {            /* the second time from the cache */
            ids.n = 0;
            ck_assert(bpe_encode(bpe, word, n, false, &ids, &error));
            ck_assert_uint_eq(ids.n, wanted);
            ck_assert(memcmp(ids.id, plain, wanted * sizeof plain[0]) == 0);
        }
        ids_free(&ids);
    }
    bpe_free(bpe);
}
END_TEST

/* Random text of pieces on which the patterns differ, and of random code points. Characters younger than PCRE2's Unicode, which
 * it takes for no letters, are left out. */
static size_t random_text(uint64_t round, bool known[0x30000], char *out)
{
    static const char *const parts[] = {"a", "Zz", "1", "20", "4567", " ", "  ", "\n", "\r\n", " \n ", "\t", "'", "'s", "'LL", "'ve", "'x", "'\xc5\xbf", ".", "!?", "\xc3\xa9", "\xe2\x80\x83",
        "\xc2\x85", "\xd9\xa3", "\xe1\xa0\x8e", "\xf0\x9f\x98\x80", "\xe4\xb8\xad", "\x1c", "\xc2\xa0", "\xe0\xa5\x8d", "abcdefgh", "ijklmnopq"};
    struct bytes text = {0};
    struct error error = {0};
    for (uint64_t i = 0; i < 12; i++) {
        uint32_t c = (uint32_t)random_below(5, round, 2 * i, round % 3 == 0 ? 0x30000 : 0x3000);
        if (random_below(5, round, 2 * i + 1, 4) > 0 || !known[c]) ck_assert(bytes_append_text(&text, parts[random_below(2, round, i, sizeof parts / sizeof parts[0])], &error));
        else ck_assert(unicode_append(&text, c, &error));
    }
    size_t n = text.n;
    memcpy(out, text.data, n);
    bytes_free(&text);
    return n;
}

/* Where our classes and PCRE2's agree: letters, numbers and spaces by matching each code point. */
static void find_known(bool known[0x30000])
{
    static const char *const classes[] = {[UNICODE_LETTER] = "^\\p{L}", [UNICODE_NUMBER] = "^\\p{N}", [UNICODE_SPACE] = "^\\s"};
    struct error error = {0};
    struct bpe *bpe = bpe_new(&error);
    pcre2_match_data *match = bpe_match_data(&error);
    for (int kind = 1; kind <= 3; kind++) ck_assert(bpe_add_stage(bpe, classes[kind], false, &error));
    size_t agreed = 0;
    for (uint32_t c = 1; c < 0x30000; c++) {
        struct bytes text = {0};
        unsigned kind = 0;
        if (c >= 0xd800 && c < 0xe000) continue;
        ck_assert(unicode_append(&text, c, &error));
        for (unsigned k = 1; k <= 3; k++)
            if (pcre2_match(bpe->stage[k - 1].code, text.data, text.n, 0, 0, match, NULL) > 0) kind = k;
        known[c] = kind == (unicode_facts(c) & UNICODE_KIND);
        agreed += known[c];
        bytes_free(&text);
    }
    ck_assert_uint_gt(agreed, 0x30000 - 2048 - 6000);         /* Unicode 15 and 16 brought fewer letters than that */
    pcre2_match_data_free(match);
    bpe_free(bpe);
}

START_TEST(matchers_equal_their_patterns)
{
    static bool known[0x30000];
    static const char *const pairs[][2] = {{BPE_GPT2_PATTERN, NULL}, {BPE_DIGIT_PATTERN, BPE_GPT2_PATTERN}, {BPE_DIGITS_PATTERN, NULL}, {BPE_LLAMA3_PATTERN, NULL}, {BPE_QWEN2_PATTERN, NULL}};
    struct error error = {0};
    find_known(known);
    pcre2_match_data *match = bpe_match_data(&error);
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        struct bpe *by_hand = bpe_new(&error), *by_pattern = bpe_new(&error);
        for (int i = 0; i < 2 && pairs[k][i] != NULL; i++)
            ck_assert(bpe_add_stage(by_hand, pairs[k][i], true, &error) && bpe_add_stage(by_pattern, pairs[k][i], false, &error));
        ck_assert(!bpe_needs_match(by_hand) && bpe_needs_match(by_pattern));
        for (uint64_t round = 0; round < 6000; round++) {
            char text[400];
            size_t n = random_text(round, known, text), a, b, c, d, last = 0;
            struct bpe_walk quick, slow;
            bpe_walk_start(&quick, by_hand, NULL, text, n, &error);
            bpe_walk_start(&slow, by_pattern, match, text, n, &error);
            while (bpe_walk_next(&slow, &a, &b)) {
                ck_assert(bpe_walk_next(&quick, &c, &d));
                ck_assert_msg(a == c && b == d && a == last && b > a, "%s: %.*s: [%zu, %zu) by hand, [%zu, %zu) by the pattern", pairs[k][0], (int)n, text, c, d, a, b);
                last = b;
            }
            ck_assert(!bpe_walk_next(&quick, &c, &d) && !slow.failed && last == n);
        }
        bpe_free(by_hand);
        bpe_free(by_pattern);
    }
    pcre2_match_data_free(match);
}
END_TEST

/* NFC of every part of UAX 15 that matters: singletons, order of marks, blocked marks, Hangul, exclusions, stability. */
START_TEST(nfc_normalizes)
{
    static const struct { const char *text, *wanted; } cases[] = {
        {"e\xcc\x81", "\xc3\xa9"}, {"\xc3\xa9", "\xc3\xa9"}, {"\xe2\x84\xab", "\xc3\x85"}, {"\xe2\x84\xa6", "\xce\xa9"},
        {"q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87"}, {"s\xcc\x87\xcc\xa3", "\xe1\xb9\xa9"}, {"e\xcc\x81\xcc\x81", "\xc3\xa9\xcc\x81"},
        {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"}, {"\xed\x95\x98\xe1\x86\xab", "\xed\x95\x9c"}, {"\xed\x95\x9c\xe1\x86\xab", "\xed\x95\x9c\xe1\x86\xab"},
        {"\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc"}, {"\xcd\x84", "\xcc\x88\xcc\x81"}, {"\xcc\x81" "e", "\xcc\x81" "e"}, {"\xf0\xaf\xa0\x80", "\xe4\xb8\xbd"},
        {"a\xcc\xa3\xcc\x82", "\xe1\xba\xad"}, {"a\xcc\x82\xcc\xa3", "\xe1\xba\xad"}, {"plain", "plain"}, {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes out = {0}, again = {0};
        struct error error = {0};
        ck_assert(unicode_nfc(cases[i].text, strlen(cases[i].text), &out, &error));
        ck_assert_msg(strcmp(bytes_text(&out), cases[i].wanted) == 0, "%s -> %s", cases[i].text, bytes_text(&out));
        ck_assert(unicode_nfc(out.data, out.n, &again, &error));
        ck_assert_str_eq(bytes_text(&again), bytes_text(&out));
        if (unicode_is_stable(cases[i].text, strlen(cases[i].text))) ck_assert_str_eq(cases[i].text, cases[i].wanted);
        bytes_free(&out);
        bytes_free(&again);
    }
    struct error error = {0};
    struct bytes text = {0}, out = {0};
    ck_assert(bytes_append_byte(&text, 'e', &error));        /* 200,000 marks: the order must not take quadratic time */
    for (int i = 0; i < 100000; i++) ck_assert(bytes_append_text(&text, "\xcc\x81\xcc\xa3", &error));
    ck_assert(unicode_nfc(text.data, text.n, &out, &error) && out.n == text.n);
    bytes_free(&text);
    bytes_free(&out);
}
END_TEST

/* Texts and the ids that Hugging Face tokenizers 0.23 gives: the options of added tokens, NFC, spaces put first, templates. */
#define LETTERS "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"\xc4\xa0\":3,\"\xc3\x83\":4,\"\xc2\xa9\":5},\"merges\":[]}}"
#define ADDED(options) "{\"added_tokens\":[{\"id\":6,\"content\":\"<x>\"" options "},{\"id\":7,\"content\":\"<x>y\",\"special\":true}],\"model\":{\"type\":\"BPE\"," LETTERS
static const struct { const char *json, *text; bool specials; int n; int32_t ids[10]; } OPTIONS_OF_ADDED[] = {
    {ADDED(""), "a <x> b", true, 5, {0, 3, 6, 3, 1}},
    {ADDED(",\"lstrip\":true"), "a \t <x> b", true, 4, {0, 6, 3, 1}},
    {ADDED(",\"rstrip\":true"), "a <x>  b", true, 4, {0, 3, 6, 1}},
    {ADDED(",\"lstrip\":true,\"rstrip\":true"), " <x> <x> b", true, 3, {6, 6, 1}},
    {ADDED(",\"single_word\":true"), "a<x>b <x> <x>.", true, 6, {0, 1, 3, 6, 3, 6}},
    {ADDED(",\"single_word\":true"), "<x>", true, 1, {6}},
    {ADDED(""), "<x>y<x>a", true, 3, {7, 6, 0}},
    {ADDED(""), "<x>y<x>a", false, 2, {6, 0}},
    {ADDED(",\"normalized\":true"), "<x>y<x>a", true, 3, {7, 6, 0}},
    {ADDED(",\"special\":true"), "a<x>b", false, 2, {0, 1}},
    {"{\"normalizer\":{\"type\":\"NFC\"},\"model\":{\"type\":\"BPE\"," LETTERS, "e\xcc\x81", true, 2, {4, 5}},
    {"{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}]},\"model\":{\"type\":\"BPE\"," LETTERS, "e\xcc\x81", true, 2, {4, 5}},
    {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"use_regex\":true},\"added_tokens\":[{\"id\":6,\"content\":\"<x>\"}],\"model\":{\"type\":\"BPE\"," LETTERS, "a b<x>c<x> c", true, 10, {3, 0, 3, 1, 6, 3, 2, 6, 3, 2}},
    {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\".\"},\"behavior\":\"Isolated\"},\"model\":{\"type\":\"BPE\"," LETTERS, "a.b", true, 2, {0, 1}},
};

START_TEST(options_of_added_tokens_are_honoured)
{
    struct error error = {0};
    struct bpe *bpe;
    struct ids ids = {0};
    ck_assert_msg(bpe_parse(OPTIONS_OF_ADDED[_i].json, strlen(OPTIONS_OF_ADDED[_i].json), &bpe, &error), "%s", error.text);
    ck_assert(bpe_encode(bpe, OPTIONS_OF_ADDED[_i].text, strlen(OPTIONS_OF_ADDED[_i].text), OPTIONS_OF_ADDED[_i].specials, &ids, &error));
    ck_assert_msg(ids.n == (size_t)OPTIONS_OF_ADDED[_i].n, "case %d: %zu ids", _i, ids.n);
    for (size_t i = 0; i < ids.n; i++) ck_assert_msg(ids.id[i] == OPTIONS_OF_ADDED[_i].ids[i], "case %d: id %zu is %d", _i, i, (int)ids.id[i]);
    ids_free(&ids);
    bpe_free(bpe);
}
END_TEST

START_TEST(any_bytes_come_back)
{
    struct bpe *bpe = tiny(300);
    struct error error = {0};
    for (uint64_t round = 0; round < 3000; round++) {
        uint8_t raw[64];
        size_t n = random_below(3, round, 0, 64);
        for (size_t i = 0; i < n; i++) raw[i] = (uint8_t)random_below(3, round, i + 1, round % 2 ? 256 : 128);
        struct ids ids = {0};
        struct bytes back = {0}, mended = {0};
        ck_assert(bpe_encode(bpe, raw, n, true, &ids, &error) && bpe_decode(bpe, ids.id, ids.n, false, &back, &error));
        ck_assert(bpe_mend(raw, n, &mended, &error) && utf8_valid(mended.data, mended.n, NULL));
        ck_assert(back.n == mended.n && (back.n == 0 || memcmp(back.data, mended.data, back.n) == 0));
        if (utf8_valid(raw, n, NULL)) ck_assert(back.n == n);
        ids_free(&ids);
        bytes_free(&back);
        bytes_free(&mended);
    }
    size_t n = 300000;                                       /* one word of 300 kB, and as much white space */
    char *big = mem_alloc(n, 1, &error);
    for (int kind = 0; kind < 3; kind++) {
        memset(big, "t \xff"[kind], n);
        struct ids ids = {0};
        ck_assert_msg(bpe_encode(bpe, big, n, true, &ids, &error), "%s", error.text);
        ids_free(&ids);
    }
    mem_free(big);
    bpe_free(bpe);
}
END_TEST

static void *encode_many(void *bpe)
{
    struct error error = {0};
    size_t wrong = 0;
    for (int i = 0; i < 2000; i++) {
        struct ids ids = {0};
        struct bytes back = {0};
        if (!bpe_encode(bpe, tiny_text + i % 20, 60, false, &ids, &error) || !bpe_decode(bpe, ids.id, ids.n, false, &back, &error) ||
            back.n != 60 || memcmp(back.data, tiny_text + i % 20, 60) != 0) wrong++;
        ids_free(&ids);
        bytes_free(&back);
    }
    return (void *)wrong;
}

START_TEST(threads_share_a_tokenizer)
{
    struct bpe *bpe = tiny(300);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&thread[i], NULL, encode_many, bpe), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(thread[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    bpe_free(bpe);
}
END_TEST

#define MODEL(vocab, merges) "{\"model\":{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges "}}"
#define FOUR(x) x x x x
#define LONG_NAME FOUR(FOUR(FOUR(FOUR("abcd")))) "e"        /* 1,025 bytes */
static const struct { const char *json, *message; } bad_files[] = {
    {MODEL("{\"" LONG_NAME "\":0}", "[]"), "a token of 1025 bytes; at most 1024"},
    {MODEL("{\"a\\u0000b\":0}", "[]"), "NUL is not accepted"},
    {MODEL("{\"a\":0}", "[[\"a\",\"\"]]"), "merges[0]: \"\" is not in vocab"},
    {MODEL("{\"a\":9}", "[]"), "has no id below 1"},
    {"", "JSON"},
    {"[]", "no \"model\"; a tokenizer.json of Hugging Face tokenizers is wanted"},
    {"{\"model\":{\"type\":\"WordPiece\"}}", "model: type WordPiece; BPE is wanted"},
    {MODEL("[]", "[]"), "\"vocab\" is no object"},
    {MODEL("{}", "[]"), "\"vocab\" is no object"},
    {MODEL("{\"a\":0}", "0"), "\"merges\" is no list"},
    {MODEL("{\"a\":0,\"b\":2}", "[]"), "vocab: \"b\" has no id below 2; dense ids are wanted"},
    {MODEL("{\"a\":0,\"b\":0}", "[]"), "vocab: id 0 is both \"a\" and \"b\""},
    {MODEL("{\"a\":-1}", "[]"), "has no id below 1"},
    {MODEL("{\"a\":0.5}", "[]"), "has no id below 1"},
    {MODEL("{\"a\":\"0\"}", "[]"), "has no id below 1"},
    {MODEL("{\"a\":0,\"a\":1}", "[]"), "JSON"},
    {MODEL("{\"\":0}", "[]"), "a token without text"},
    {MODEL("{\"a\":0,\"b\":1}", "[[\"a\",\"b\"]]"), "merges[0]: \"ab\" is not in vocab; the merged token is wanted"},
    {MODEL("{\"a\":0,\"b\":1}", "[[\"a\",\"c\"]]"), "merges[0]: \"c\" is not in vocab"},
    {MODEL("{\"a\":0,\"b\":1}", "[[\"a\"]]"), "merges[0]: no pair; two tokens are wanted"},
    {MODEL("{\"a\":0,\"aa\":1}", "[\"a a\",\"aa\"]"), "merges[1]: no pair"},
    {MODEL("{\"a\":0,\"aa\":1}", "[[\"a\",\"a\",\"a\"]]"), "merges[0]: no pair"},
    {"{\"added_tokens\":{},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "\"added_tokens\" is no list"},
    {"{\"added_tokens\":[{\"id\":0,\"content\":\"b\"}],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "added_tokens[0]: id 0 is \"a\" already, not \"b\""},
    {"{\"added_tokens\":[{\"id\":7,\"content\":\"b\"}],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "added_tokens[0]: \"id\" is 7; 0 to 1 is wanted"},
    {"{\"post_processor\":{\"type\":\"BertProcessing\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "post_processor: type BertProcessing"},
    {"{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<b>\"}}],\"special_tokens\":{\"<b>\":{\"ids\":[1]}}},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "post_processor: special token \"<b>\" has an id outside"},
    {"{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<b>\"}}]},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "post_processor: special token \"<b>\" has no list"},
    {"{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "normalizer: type Lowercase; null or NFC is wanted"},
    {"{\"decoder\":{\"type\":\"WordPiece\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "decoder: type WordPiece"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "pre_tokenizer: type Metaspace"},
    {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},{\"type\":\"ByteLevel\",\"add_prefix_space\":true}]},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "add_prefix_space behind another stage"},
    {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "pre_tokenizer: pattern: missing closing parenthesis"},
    {"{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0},\"merges\":[]}}", "\"byte_fallback\" is set"},
};

START_TEST(bad_files_are_refused)
{
    for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++) {
        struct error error = {0};
        struct bpe *bpe = NULL;
        ck_assert_msg(!bpe_parse(bad_files[i].json, strlen(bad_files[i].json), &bpe, &error), "%s", bad_files[i].json);
        ck_assert_ptr_null(bpe);
        ck_assert_msg(strncmp(error.text, "tokenizer.json: ", 16) == 0 && strstr(error.text, bad_files[i].message) != NULL,
                      "\"%s\" is not in \"%s\"", bad_files[i].message, error.text);
    }
    struct error error = {0};
    struct bpe *bpe = NULL;
    struct bpe_text text = {"a", 1};
    ck_assert(!bpe_train(&text, 1, 100, (const char *const[]){"<a>"}, 1, NULL, NULL, &bpe, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "a vocabulary of 100; 257"));
}
END_TEST

START_TEST(split_patterns_work)
{
    static const char json[] = "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
        "\"(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|\\\\s+\"},\"behavior\":\"Isolated\",\"invert\":false},"
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]},\"decoder\":{\"type\":\"ByteLevel\"},"
        "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true,\"vocab\":{\"1\":0,\"11\":1,\"111\":2,\"a\":3,\"aab\":4,\"b\":5},\"merges\":[\"1 1\"]}}";
    struct error error = {0};
    struct bpe *bpe = NULL;
    struct ids ids = {0};
    ck_assert_msg(bpe_parse(json, sizeof json - 1, &bpe, &error), "%s", error.text);
    ck_assert(bpe_encode(bpe, "11111aab", 8, true, &ids, &error));
    ck_assert_uint_eq(ids.n, 3);                             /* 111 whole (ignore_merges), 11, aab whole */
    ck_assert(ids.id[0] == 2 && ids.id[1] == 1 && ids.id[2] == 4);
    ids_free(&ids);
    bpe_free(bpe);
}
END_TEST

START_TEST(mutated_files_do_no_harm)
{
    struct bpe *bpe = tiny(290), *other = NULL;
    struct bytes good = {0};
    struct error error = {0};
    ck_assert(bpe_print(bpe, &good, &error));
    for (uint64_t round = 0; round < 600; round++) {
        struct bytes bad = {0};
        ck_assert(bytes_append(&bad, good.data, good.n, &error));
        for (uint64_t k = 0; k < 1 + round % 3; k++) {
            size_t at = random_below(4, round, 2 * k, bad.n);
            bad.data[at] = round % 2 ? bad.data[random_below(4, round, 2 * k + 100, bad.n)] : (uint8_t)random_below(4, round, 2 * k + 1, 256);
        }
        if (round % 10 == 0) bad.n = random_below(4, round, 50, bad.n);
        struct error fault = {0};
        if (bpe_parse(bad.data, bad.n, &other, &fault)) {
            struct ids ids = {0};
            bpe_encode(other, tiny_text, sizeof tiny_text - 1, true, &ids, &fault);
            ids_free(&ids);
            bpe_free(other);
        } else ck_assert_str_ne(fault.text, "");
        bytes_free(&bad);
    }
    bytes_free(&good);
    bpe_free(bpe);
}
END_TEST

static const char TINY_FILE[] = "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}";

START_TEST(memory_may_run_out_anywhere)
{
    struct bpe_text text = {tiny_text, sizeof tiny_text - 1};
    for (size_t k = 1; k < 100000; k += 1 + k / 40) {        /* every early one, then ever fewer */
        struct error error = {0};
        struct bpe *bpe = NULL, *again = NULL;
        struct bytes json = {0};
        struct ids ids = {0};
        mem_fail_at(k);
        bool ok = bpe_train(&text, 1, 270, NULL, 0, NULL, NULL, &bpe, &error) && bpe_print(bpe, &json, &error) &&
                  bpe_encode(bpe, tiny_text, sizeof tiny_text - 1, true, &ids, &error);
        ok = ok && bpe_parse(TINY_FILE, sizeof TINY_FILE - 1, &again, &error);
        size_t counted = mem_fail_at(0);
        if (!ok) ck_assert_msg(error.kind != ERROR_NONE, "allocation %zu", k);
        bpe_free(bpe);
        bpe_free(again);
        bytes_free(&json);
        ids_free(&ids);
        if (ok && counted < k) break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bpe");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, fixtures_are_met);
    tcase_add_test(all, training_equals_hugging_face);
    tcase_add_test(all, vocabulary_has_its_order);
    tcase_add_test(all, fast_merges_equal_plain_ones);
    tcase_add_test(all, matchers_equal_their_patterns);
    tcase_add_test(all, nfc_normalizes);
    tcase_add_loop_test(all, options_of_added_tokens_are_honoured, 0, (int)(sizeof OPTIONS_OF_ADDED / sizeof *OPTIONS_OF_ADDED));
    tcase_add_test(all, any_bytes_come_back);
    tcase_add_test(all, threads_share_a_tokenizer);
    tcase_add_test(all, bad_files_are_refused);
    tcase_add_test(all, split_patterns_work);
    tcase_add_test(all, mutated_files_do_no_harm);
    tcase_add_test(all, memory_may_run_out_anywhere);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
