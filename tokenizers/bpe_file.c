/* tokenizer.json: reading and writing; see bpe.h for what is understood.
 *
 *     {"version":"1.0", "truncation":null, "padding":null, "added_tokens":[{"id":0,"content":"<bos>",…,"special":true}],
 *      "normalizer":null, "pre_tokenizer":{"type":"ByteLevel",…}, "post_processor":…, "decoder":{"type":"ByteLevel",…},
 *      "model":{"type":"BPE",…, "vocab":{"!":0,…}, "merges":[["Ġ","t"],…]}}
 *
 * Token names in `vocab` write each byte as one character (bpe_byte_char); names with other characters, and added tokens, are
 * taken as they stand. */
#include "tokenizers/bpe_inside.h"
#include "tokenizers/unicode.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { KEPT_NORMALIZER, KEPT_PRE_TOKENIZER, KEPT_POST_PROCESSOR, KEPT_DECODER };
static const char *const kept_names[] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};

enum { IDS_MOST = 1 << 22, TOKEN_BYTES_MOST = 1 << 10 };

static bool is_type(const cJSON *node, const char *type)
{
    const cJSON *name = json_member(node, "type");
    return cJSON_IsString(name) && strcmp(name->valuestring, type) == 0;
}

static const char *type_name(const cJSON *node)
{
    const cJSON *name = json_member(node, "type");
    return cJSON_IsString(name) ? name->valuestring : "nothing";
}

static bool is_null(const cJSON *node) { return node == NULL || cJSON_IsNull(node); }

/* The bytes that a name stands for, into out (at least as long as the name); false when it has other characters. */
static bool name_bytes(const char *name, uint8_t *out, size_t *n)
{
    *n = 0;
    size_t length;
    for (const uint8_t *p = (const uint8_t *)name; *p != 0; p += length) {
        int byte = bpe_char_byte(unicode_at(p, &length));
        if (byte < 0) return false;
        out[(*n)++] = (uint8_t)byte;
    }
    return true;
}

static bool check_name(const char *name, struct error *error)
{
    size_t n = strlen(name);
    if (n == 0) return error_set(error, ERROR_INPUT, "a token without text; at least one character is wanted");
    return n <= TOKEN_BYTES_MOST || error_set(error, ERROR_INPUT, "a token of %zu bytes; at most %d are wanted", n, TOKEN_BYTES_MOST);
}

static bool refuse_flag(const cJSON *object, const char *where, const char *name, struct error *error)
{
    const cJSON *flag = json_member(object, name);
    if (is_null(flag) || cJSON_IsFalse(flag) || (cJSON_IsString(flag) && flag->valuestring[0] == '\0')) return true;
    if (cJSON_IsNumber(flag) && flag->valuedouble <= 0) return true;
    return error_set(error, ERROR_INPUT, "%s: \"%s\" is set; this is not understood, null or false is wanted", where, name);
}

/* Split by a regular expression, or by a plain string, which becomes one. */
static bool parse_split(struct bpe *bpe, const cJSON *node, struct error *error)
{
    const cJSON *pattern = json_member(json_member(node, "pattern"), "Regex"), *plain = json_member(json_member(node, "pattern"), "String");
    const cJSON *how = json_member(node, "behavior");
    if (!cJSON_IsString(pattern) && !cJSON_IsString(plain)) return error_set(error, ERROR_INPUT, "pre_tokenizer: Split without a \"Regex\" or \"String\"; a pattern is wanted");
    bool inverted = cJSON_IsTrue(json_member(node, "invert"));
    if (!cJSON_IsString(how) || strcasecmp(how->valuestring, inverted ? "Removed" : "Isolated") != 0)
        return error_set(error, ERROR_INPUT, "pre_tokenizer: Split with another behavior; Isolated is wanted (or Removed with invert)");
    if (cJSON_IsString(pattern)) return bpe_add_stage(bpe, pattern->valuestring, true, error);
    struct bytes quoted = {0};
    bool ok = plain->valuestring[0] != '\0' || error_set(error, ERROR_INPUT, "pre_tokenizer: Split by an empty string; one character at least is wanted");
    for (const char *p = plain->valuestring; ok && *p != '\0'; p++)
        ok = (isalnum((unsigned char)*p) || (*p & 0x80) || bytes_append_byte(&quoted, '\\', error)) && bytes_append(&quoted, p, 1, error);
    ok = ok && bpe_add_stage(bpe, bytes_text(&quoted), true, error);
    bytes_free(&quoted);
    return ok;
}

/* One pre-tokenizer node becomes stages; `depth` bounds nested sequences. */
static bool parse_stages(struct bpe *bpe, const cJSON *node, int depth, struct error *error)
{
    if (is_null(node)) return true;
    if (depth > 3) return error_set(error, ERROR_INPUT, "pre_tokenizer: sequences nested too deep; at most 3 are wanted");
    if (is_type(node, "Sequence")) {
        const cJSON *list = json_member(node, "pretokenizers"), *item;
        if (!cJSON_IsArray(list)) return error_set(error, ERROR_INPUT, "pre_tokenizer: \"pretokenizers\" is no list; a list is wanted");
        cJSON_ArrayForEach(item, list)
            if (!parse_stages(bpe, item, depth + 1, error)) return false;
        return true;
    }
    if (is_type(node, "ByteLevel")) {
        bool space = cJSON_IsTrue(json_member(node, "add_prefix_space"));
        if (space && bpe->n_stages > 0) return error_set(error, ERROR_INPUT, "pre_tokenizer: add_prefix_space behind another stage; it is wanted in the first one only");
        bpe->prefix_space = bpe->prefix_space || space;
        return cJSON_IsFalse(json_member(node, "use_regex")) || bpe_add_stage(bpe, BPE_GPT2_PATTERN, true, error);
    }
    if (is_type(node, "Digits"))
        return bpe_add_stage(bpe, cJSON_IsTrue(json_member(node, "individual_digits")) ? BPE_DIGIT_PATTERN : BPE_DIGITS_PATTERN, true, error);
    if (is_type(node, "Split")) return parse_split(bpe, node, error);
    return error_set(error, ERROR_INPUT, "pre_tokenizer: type %s; ByteLevel, Digits, Split or Sequence is wanted", type_name(node));
}

static bool parse_normalizer(struct bpe *bpe, const cJSON *node, int depth, struct error *error)
{
    const cJSON *item;
    if (is_null(node)) return true;
    if (is_type(node, "NFC")) return bpe->nfc = true;
    if (!is_type(node, "Sequence") || depth > 3) return error_set(error, ERROR_INPUT, "normalizer: type %s; null or NFC is wanted", type_name(node));
    cJSON_ArrayForEach(item, json_member(node, "normalizers"))
        if (!parse_normalizer(bpe, item, depth + 1, error)) return false;
    return true;
}

static bool parse_model_options(struct bpe *bpe, const cJSON *root, const cJSON *model, struct error *error)
{
    static const char *const refused[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"};
    if (!is_type(model, "BPE") && !(cJSON_IsObject(model) && json_member(model, "type") == NULL))
        return error_set(error, ERROR_INPUT, "model: type %s; BPE is wanted", type_name(model));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (!refuse_flag(model, "model", refused[i], error)) return false;
    bpe->ignore_merges = cJSON_IsTrue(json_member(model, "ignore_merges"));
    const cJSON *decoder = json_member(root, "decoder");
    if (!parse_normalizer(bpe, json_member(root, "normalizer"), 0, error)) return false;
    if (!is_null(decoder) && !is_type(decoder, "ByteLevel"))
        return error_set(error, ERROR_INPUT, "decoder: type %s; ByteLevel is wanted", type_name(decoder));
    for (int i = 0; i < 4; i++) {
        const cJSON *node = json_member(root, kept_names[i]);
        struct bytes text = {0};
        if (is_null(node)) continue;
        bool ok = json_print(node, false, &text, error) && (bpe->kept[i] = mem_copy_string(bytes_text(&text), error)) != NULL;
        bytes_free(&text);
        if (!ok) return false;
    }
    return parse_stages(bpe, json_member(root, "pre_tokenizer"), 0, error);
}

struct entry { const char *name; const cJSON *added; };      /* what an id is; name NULL: nothing yet */

static bool read_vocab(const cJSON *vocab, struct entry *entries, int32_t most, struct error *error)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, vocab) {
        double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(id >= 0 && id < most) || id != (double)(int32_t)id)
            return error_set(error, ERROR_INPUT, "vocab: \"%.60s\" has no id below %ld; dense ids are wanted", item->string, (long)most);
        struct entry *entry = &entries[(int32_t)id];
        if (entry->name != NULL)
            return error_set(error, ERROR_INPUT, "vocab: id %ld is both \"%.60s\" and \"%.60s\"; one token an id is wanted", (long)id, entry->name, item->string);
        if (!check_name(item->string, error)) return error_prefix(error, "vocab");
        entry->name = item->string;
    }
    return true;
}

static bool read_added(const cJSON *added, struct entry *entries, int32_t most, struct error *error)
{
    const cJSON *item;
    int at = 0;
    cJSON_ArrayForEach(item, added) {
        int64_t id;
        const char *content;
        bool ok = json_integer(item, "id", 0, most - 1, &id, error) && json_string(item, "content", &content, error) && check_name(content, error);
        if (ok && (entries[id].added != NULL || (entries[id].name != NULL && strcmp(entries[id].name, content) != 0)))
            ok = error_set(error, ERROR_INPUT, "id %ld is \"%.60s\" already, not \"%.60s\"; one token an id is wanted", (long)id, entries[id].name, content);
        if (!ok) return error_prefix(error, "added_tokens[%d]", at);
        entries[id] = (struct entry){content, item};
        at++;
    }
    return true;
}

static const struct { const char *name; unsigned flag; } ADDED_FLAGS[] = {
    {"single_word", BPE_FLAG_SINGLE_WORD}, {"lstrip", BPE_FLAG_LSTRIP}, {"rstrip", BPE_FLAG_RSTRIP}, {"normalized", BPE_FLAG_NORMALIZED}, {"special", BPE_FLAG_SPECIAL}};
enum { ADDED_FLAGS_N = sizeof ADDED_FLAGS / sizeof *ADDED_FLAGS };

static bool add_entry(struct bpe *bpe, const struct entry *entry, struct error *error)
{
    size_t n = strlen(entry->name);
    if (entry->added != NULL) {
        unsigned flags = BPE_FLAG_ADDED | BPE_FLAG_RAW;
        for (int i = 0; i < ADDED_FLAGS_N; i++)
            if (cJSON_IsTrue(json_member(entry->added, ADDED_FLAGS[i].name))) flags |= ADDED_FLAGS[i].flag;
        if (bpe->nfc && (flags & BPE_FLAG_NORMALIZED) && !unicode_is_stable(entry->name, n))
            return error_set(error, ERROR_INPUT, "added_tokens: \"%.60s\" is not in NFC; one that normalizing leaves alone is wanted", entry->name);
        return bpe_add_token(bpe, entry->name, n, flags, error);
    }
    uint8_t *text = mem_alloc(n, 1, error);
    if (text == NULL) return false;
    size_t length;
    bool alphabet = name_bytes(entry->name, text, &length);
    bool ok = alphabet ? bpe_add_token(bpe, text, length, 0, error) : bpe_add_token(bpe, entry->name, n, BPE_FLAG_RAW, error);
    mem_free(text);
    return ok;
}

static bool parse_tokens(struct bpe *bpe, const cJSON *root, const cJSON *model, struct error *error)
{
    const cJSON *vocab = json_member(model, "vocab"), *added = json_member(root, "added_tokens");
    if (!cJSON_IsObject(vocab) || vocab->child == NULL) return error_set(error, ERROR_INPUT, "model: \"vocab\" is no object with tokens; one is wanted");
    if (!is_null(added) && !cJSON_IsArray(added)) return error_set(error, ERROR_INPUT, "\"added_tokens\" is no list; a list is wanted");
    size_t most = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, vocab) most++;
    cJSON_ArrayForEach(item, added) most++;
    if (most > IDS_MOST) return error_set(error, ERROR_INPUT, "vocab: %zu tokens; at most %d are wanted", most, IDS_MOST);
    struct entry *entries = mem_alloc(most, sizeof *entries, error);
    if (entries == NULL) return false;
    bool ok = read_vocab(vocab, entries, (int32_t)most, error) && read_added(added, entries, (int32_t)most, error);
    size_t n = most;
    while (ok && n > 0 && entries[n - 1].name == NULL) n--;  /* added tokens that are in vocab too were counted twice */
    for (size_t i = 0; ok && i < n; i++) {
        if (entries[i].name == NULL) ok = error_set(error, ERROR_INPUT, "vocab: id %zu has no token; dense ids are wanted", i);
        ok = ok && add_entry(bpe, &entries[i], error);
    }
    mem_free(entries);
    return ok;
}

/* The id of a merge's part, given by name; *text gets its bytes behind what is there. */
static int32_t part(const struct bpe *bpe, const char *name, size_t n, struct bytes *text, struct error *error)
{
    struct bytes copy = {0};
    size_t from = text->n, length = 0;
    int32_t id = -1;
    if (n > 0 && bytes_append(&copy, name, n, error) && bytes_reserve(text, n, error) &&
        name_bytes(bytes_text(&copy), text->data + from, &length)) {
        text->n += length;
        text->data[text->n] = 0;
        id = bpe_find(bpe, text->data + from, length);
    }
    bytes_free(&copy);
    return id;
}

static bool parse_merge(struct bpe *bpe, const cJSON *item, struct bytes *text, struct error *error)
{
    const cJSON *first = cJSON_IsArray(item) ? item->child : NULL, *second = first == NULL ? NULL : first->next;
    const char *left = NULL, *right = NULL;
    size_t left_n = 0;
    if (cJSON_IsString(item)) {
        left = item->valuestring;
        left_n = strcspn(left, " ");
        if (left[left_n] == ' ') right = left + left_n + 1;
    } else if (cJSON_IsString(first) && cJSON_IsString(second) && second->next == NULL) {
        left = first->valuestring;
        left_n = strlen(left);
        right = second->valuestring;
    }
    if (right == NULL) return error_set(error, ERROR_INPUT, "no pair; two tokens are wanted");
    text->n = 0;
    int32_t a = part(bpe, left, left_n, text, error);
    if (a < 0) return error_set(error, ERROR_INPUT, "\"%.*s\" is not in vocab; tokens of vocab are wanted", (int)(left_n < 60 ? left_n : 60), left);
    int32_t b = part(bpe, right, strlen(right), text, error);
    if (b < 0) return error_set(error, ERROR_INPUT, "\"%.60s\" is not in vocab; tokens of vocab are wanted", right);
    int32_t whole = bpe_find(bpe, text->data, text->n);
    if (whole < 0) return error_set(error, ERROR_INPUT, "\"%.*s%.60s\" is not in vocab; the merged token is wanted", (int)(left_n < 60 ? left_n : 60), left, right);
    return bpe_add_merge(bpe, a, b, whole, error);
}

static bool parse_merges(struct bpe *bpe, const cJSON *model, struct error *error)
{
    const cJSON *merges = json_member(model, "merges"), *item;
    if (!cJSON_IsArray(merges)) return error_set(error, ERROR_INPUT, "model: \"merges\" is no list; a list is wanted");
    struct bytes text = {0};
    size_t at = 0;
    bool ok = true;
    cJSON_ArrayForEach(item, merges) {
        ok = parse_merge(bpe, item, &text, error) || error_prefix(error, "merges[%zu]", at);
        if (!ok) break;
        at++;
    }
    bytes_free(&text);
    return ok;
}

/* A special token of a template: its ids stand in "special_tokens" of the post-processor. */
static bool template_ids(const struct bpe *bpe, const cJSON *special, const cJSON *table, struct ids *out, struct error *error)
{
    const char *name;
    if (!json_string(special, "id", &name, error)) return false;
    const cJSON *ids = json_member(json_member(table, name), "ids"), *item;
    if (!cJSON_IsArray(ids)) return error_set(error, ERROR_INPUT, "special token \"%.60s\" has no list \"ids\"; one is wanted", name);
    cJSON_ArrayForEach(item, ids) {
        double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(id >= 0 && id < bpe->n) || id != (double)(int32_t)id) return error_set(error, ERROR_INPUT, "special token \"%.60s\" has an id outside of 0 to %ld", name, (long)bpe->n - 1);
        if (!ids_append(out, (int32_t)id, error)) return false;
    }
    return true;
}

/* What the post-processor puts before and behind a text: TemplateProcessing's "single", also within a Sequence. ByteLevel
 * changes offsets only. */
static bool parse_around(struct bpe *bpe, const cJSON *node, int depth, struct error *error)
{
    const cJSON *item;
    bool text = false, ok = true;
    if (is_null(node) || is_type(node, "ByteLevel")) return true;
    if (is_type(node, "Sequence") && depth < 3) {
        cJSON_ArrayForEach(item, json_member(node, "processors")) ok = ok && parse_around(bpe, item, depth + 1, error);
        return ok;
    }
    if (!is_type(node, "TemplateProcessing"))
        return error_set(error, ERROR_INPUT, "post_processor: type %s; ByteLevel, TemplateProcessing or Sequence is wanted", type_name(node));
    cJSON_ArrayForEach(item, json_member(node, "single")) {
        const cJSON *special = json_member(item, "SpecialToken");
        if (special != NULL) ok = ok && template_ids(bpe, special, json_member(node, "special_tokens"), text ? &bpe->after : &bpe->before, error);
        else text = true;
    }
    return ok || error_prefix(error, "post_processor");
}

bool bpe_parse(const void *json, size_t n, struct bpe **out, struct error *error)
{
    *out = NULL;
    cJSON *root = json_parse(json, n, error);
    if (root == NULL) return error_prefix(error, "tokenizer.json");
    const cJSON *model = json_member(root, "model");
    struct bpe *bpe = bpe_new(error);
    bool ok = bpe != NULL && (cJSON_IsObject(model) || error_set(error, ERROR_INPUT, "no \"model\"; a tokenizer.json of Hugging Face tokenizers is wanted"));
    ok = ok && parse_model_options(bpe, root, model, error) && parse_tokens(bpe, root, model, error);
    ok = ok && bpe_index_names(bpe, error) && parse_merges(bpe, model, error) && bpe_finish(bpe, error) && parse_around(bpe, json_member(root, "post_processor"), 0, error);
    cJSON_Delete(root);
    if (!ok) {
        bpe_free(bpe);
        return error_prefix(error, "tokenizer.json");
    }
    *out = bpe;
    return true;
}

bool bpe_load(const char *path, struct bpe **out, struct error *error)
{
    struct bytes text = {0};
    *out = NULL;
    bool ok = file_read(path, FILE_LIMIT_JSON, &text, error);
    if (ok && !bpe_parse(text.data, text.n, out, error)) ok = error_prefix(error, "%s", path);
    bytes_free(&text);
    return ok;
}

bool bpe_name(const struct bpe *bpe, int32_t id, struct bytes *out, struct error *error)
{
    size_t n;
    const uint8_t *text = bpe_token(bpe, id, &n);
    if (bpe->flags[id] & BPE_FLAG_RAW) return bytes_append(out, text, n, error);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = unicode_append(out, bpe_byte_char(text[i]), error);
    return ok;
}

/* The name of a token as a JSON string. */
static bool print_name(const struct bpe *bpe, int32_t id, struct bytes *out, struct error *error)
{
    struct bytes name = {0};
    bool ok = bpe_name(bpe, id, &name, error) && json_quote(out, bytes_text(&name), name.n, error);
    bytes_free(&name);
    return ok;
}

static bool print_added(const struct bpe *bpe, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_text(out, "\"added_tokens\":[", error), first = true;
    for (int32_t id = 0; ok && id < bpe->n; id++) {
        if ((bpe->flags[id] & BPE_FLAG_ADDED) == 0) continue;
        ok = bytes_printf(out, error, "%s{\"id\":%ld,\"content\":", first ? "" : ",", (long)id) && print_name(bpe, id, out, error);
        for (int i = 0; ok && i < ADDED_FLAGS_N; i++) ok = bytes_printf(out, error, ",\"%s\":%s", ADDED_FLAGS[i].name, bpe->flags[id] & ADDED_FLAGS[i].flag ? "true" : "false");
        ok = ok && bytes_append_byte(out, '}', error);
        first = false;
    }
    return ok && bytes_append_text(out, "],", error);
}

bool bpe_print(const struct bpe *bpe, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_text(out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,", error) && print_added(bpe, out, error);
    for (int i = 0; ok && i < 4; i++)
        ok = bytes_printf(out, error, "\"%s\":%s,", kept_names[i], bpe->kept[i] == NULL ? "null" : bpe->kept[i]);
    ok = ok && bytes_printf(out, error,
        "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
        "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":%s,\"vocab\":{", bpe->ignore_merges ? "true" : "false");
    bool first = true;
    for (int32_t id = 0; ok && id < bpe->n; id++) {
        /* An added token whose text is also the name of an ordinary one stands in added_tokens only. */
        size_t n;
        const uint8_t *text = bpe_token(bpe, id, &n);
        if ((bpe->flags[id] & BPE_FLAG_ADDED) && bpe_find(bpe, text, n) != id) continue;
        ok = (first || bytes_append_byte(out, ',', error)) && print_name(bpe, id, out, error) && bytes_printf(out, error, ":%ld", (long)id);
        first = false;
    }
    ok = ok && bytes_append_text(out, "},\"merges\":[", error);
    for (size_t i = 0; ok && i < bpe->n_merges; i++)
        ok = bytes_append_text(out, i == 0 ? "[" : ",[", error) && print_name(bpe, bpe->merges[i].left, out, error) &&
             bytes_append_byte(out, ',', error) && print_name(bpe, bpe->merges[i].right, out, error) && bytes_append_byte(out, ']', error);
    return ok && bytes_append_text(out, "]}}", error);
}
