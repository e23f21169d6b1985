/* The tokenizer of a Hugging Face folder; see bpe.h. Older folders have no tokenizer.json but GPT-2's pair of files:
 *
 *     vocab.json    {"!": 0, …}                       added_tokens.json       {"<|im_end|>": 50257, …}
 *     merges.txt    #version: 0.2                      tokenizer_config.json   {"added_tokens_decoder": {"50256": {"content": …}}}
 *                   Ġ t
 *
 * They are put together as a tokenizer.json with GPT-2's pre-tokenizer, which is then parsed. */
#include "tokenizers/bpe.h"
#include "core/file.h"
#include "core/json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool read_member(const char *folder, const char *name, cJSON **out, struct error *error)
{
    char path[PATH_MAX];
    *out = NULL;
    if (!file_join(path, sizeof path, folder, name, error)) return false;
    if (!file_exists(path)) return true;
    *out = json_read(path, FILE_LIMIT_JSON, error);
    return *out != NULL;
}

static bool print_token(const char *text, double id, bool special, bool *first, struct bytes *out, struct error *error)
{
    bool ok = bytes_printf(out, error, "%s{\"id\":%.0f,\"content\":", *first ? "" : ",", id) && json_quote(out, text, strlen(text), error) &&
              bytes_printf(out, error, ",\"special\":%s}", special ? "true" : "false");
    *first = false;
    return ok;
}

/* The added tokens: those of tokenizer_config.json with their flags; else added_tokens.json and GPT-2's own. */
static bool print_added(const cJSON *vocab, const cJSON *config, const cJSON *more, struct bytes *out, struct error *error)
{
    const cJSON *decoder = json_member(config, "added_tokens_decoder"), *item, *end = json_member(vocab, "<|endoftext|>");
    bool ok = true, first = true;
    if (cJSON_IsObject(decoder)) {
        cJSON_ArrayForEach(item, decoder) {
            cJSON *copy = cJSON_Duplicate(item, true);
            char *stop;
            double id = strtod(item->string, &stop);
            ok = ok && copy != NULL && *stop == '\0' && cJSON_AddNumberToObject(copy, "id", id) != NULL && (first || bytes_append_byte(out, ',', error)) && json_print(copy, false, out, error);
            if (!ok) error_set(error, ERROR_INPUT, "tokenizer_config.json: added_tokens_decoder: \"%.40s\" is no token", item->string);
            first = false;
            cJSON_Delete(copy);
        }
        return ok;
    }
    cJSON_ArrayForEach(item, more) {
        if (!cJSON_IsNumber(item)) return error_set(error, ERROR_INPUT, "added_tokens.json: \"%.60s\" has no id", item->string);
        ok = ok && print_token(item->string, item->valuedouble, true, &first, out, error);
    }
    return ok && (!cJSON_IsNumber(end) || print_token("<|endoftext|>", end->valuedouble, true, &first, out, error));
}

/* The lines of merges.txt as strings; a first line with "#version" and empty lines are passed over. */
static bool print_merges(const struct bytes *file, struct bytes *out, struct error *error)
{
    const char *text = bytes_text(file), *stop = text + file->n;
    bool ok = true, first = true;
    for (const char *line = text; ok && line < stop;) {
        const char *end = memchr(line, '\n', (size_t)(stop - line));
        size_t n = (size_t)((end == NULL ? stop : end) - line);
        if (n > 0 && line[n - 1] == '\r') n--;
        if (n > 0 && !(line == text && n > 8 && memcmp(line, "#version", 8) == 0)) {
            ok = (first || bytes_append_byte(out, ',', error)) && json_quote(out, line, n, error);
            first = false;
        }
        line = end == NULL ? stop : end + 1;
    }
    return ok;
}

static bool print_pair(const char *folder, const cJSON *vocab, struct bytes *out, struct error *error)
{
    char path[PATH_MAX];
    struct bytes merges = {0};
    cJSON *config = NULL, *more = NULL;
    bool ok = file_join(path, sizeof path, folder, "merges.txt", error) && file_read(path, FILE_LIMIT_JSON, &merges, error) &&
              read_member(folder, "tokenizer_config.json", &config, error) && read_member(folder, "added_tokens.json", &more, error);
    bool space = cJSON_IsTrue(json_member(config, "add_prefix_space"));
    ok = ok && bytes_append_text(out, "{\"added_tokens\":[", error) && print_added(vocab, config, more, out, error) &&
         bytes_printf(out, error, "],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":%s,\"trim_offsets\":true,\"use_regex\":true},"
                      "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"vocab\":", space ? "true" : "false") &&
         json_print(vocab, false, out, error) && bytes_append_text(out, ",\"merges\":[", error) && print_merges(&merges, out, error) && bytes_append_text(out, "]}}", error);
    cJSON_Delete(config);
    cJSON_Delete(more);
    bytes_free(&merges);
    return ok;
}

bool bpe_load_pair(const char *folder, struct bpe **out, struct error *error)
{
    char path[PATH_MAX];
    struct bytes json = {0};
    *out = NULL;
    cJSON *vocab = file_join(path, sizeof path, folder, "vocab.json", error) ? json_read(path, FILE_LIMIT_JSON, error) : NULL;
    bool ok = vocab != NULL && print_pair(folder, vocab, &json, error) && (bpe_parse(json.data, json.n, out, error) || error_prefix(error, "%s", folder));
    cJSON_Delete(vocab);
    bytes_free(&json);
    return ok;
}

bool bpe_load_folder(const char *folder, struct bpe **out, struct error *error)
{
    char path[PATH_MAX], vocab[PATH_MAX];
    *out = NULL;
    if (!file_join(path, sizeof path, folder, "tokenizer.json", error) || !file_join(vocab, sizeof vocab, folder, "vocab.json", error)) return false;
    return file_exists(path) || !file_exists(vocab) ? bpe_load(path, out, error) : bpe_load_pair(folder, out, error);
}
