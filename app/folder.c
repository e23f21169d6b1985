/* Small files of a model folder; see folder.h. */
#include "app/folder.h"
#include "core/file.h"
#include "core/json.h"

#include <limits.h>
#include <string.h>

static bool put_file(const char *folder, const char *name, const struct bytes *text, struct error *error)
{
    char path[PATH_MAX];
    return file_join(path, sizeof path, folder, name, error) && file_write(path, text->data, text->n, error);
}

bool folder_copy(const char *from, const char *to, const char *name, bool *copied, struct error *error)
{
    char path[PATH_MAX];
    struct bytes text = {0};
    *copied = false;
    if (!file_join(path, sizeof path, from, name, error)) return false;
    if (!file_exists(path)) return true;
    bool ok = file_read(path, FILE_LIMIT_JSON, &text, error);
    if (ok && file_has_extension(name, ".json")) {
        cJSON *root = json_parse(text.data, text.n, error);
        ok = root != NULL || error_prefix(error, "%s", path);
        cJSON_Delete(root);
    }
    ok = ok && put_file(to, name, &text, error);
    *copied = ok;
    bytes_free(&text);
    return ok;
}

bool folder_write_generation(const char *to, const struct config *config, struct error *error)
{
    const struct { const char *name; int id; } ids[] = {{"bos_token_id", config->bos}, {"eos_token_id", config->eos}, {"pad_token_id", config->pad}};
    struct bytes text = {0};
    bool ok = bytes_append_text(&text, "{", error), first = true;
    for (size_t i = 0; ok && i < sizeof ids / sizeof *ids; i++) {
        if (ids[i].id < 0) continue;
        ok = bytes_printf(&text, error, "%s\n  \"%s\": %d", first ? "" : ",", ids[i].name, ids[i].id);
        first = false;
    }
    ok = ok && bytes_append_text(&text, "\n}\n", error) && put_file(to, "generation_config.json", &text, error);
    bytes_free(&text);
    return ok;
}

bool folder_write_tokenizer(const char *to, const struct bpe *bpe, struct error *error)
{
    struct bytes text = {0};
    bool ok = bpe_print(bpe, &text, error) && put_file(to, "tokenizer.json", &text, error);
    bytes_free(&text);
    return ok;
}

bool folder_write_tokenizer_config(const char *to, const struct bpe *bpe, const struct config *config, const char *chat_template, struct error *error)
{
    const struct { const char *name; int id; } ids[] = {{"bos_token", config->bos}, {"eos_token", config->eos}, {"pad_token", config->pad}};
    struct bytes text = {0};
    bool ok = bytes_printf(&text, error, "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"clean_up_tokenization_spaces\": false,\n  \"model_max_length\": %d", config->T);
    for (size_t i = 0; ok && i < sizeof ids / sizeof *ids; i++) {
        size_t n = 0;
        const uint8_t *name = bpe_token(bpe, ids[i].id, &n);
        if (name == NULL || !bpe_is_special(bpe, ids[i].id)) continue;
        ok = bytes_printf(&text, error, ",\n  \"%s\": ", ids[i].name) && json_quote(&text, (const char *)name, n, error);
    }
    if (ok && chat_template[0] != '\0') ok = bytes_append_text(&text, ",\n  \"chat_template\": ", error) && json_quote(&text, chat_template, strlen(chat_template), error);
    ok = ok && bytes_append_text(&text, "\n}\n", error) && put_file(to, "tokenizer_config.json", &text, error);
    bytes_free(&text);
    return ok;
}

bool folder_may_write(const struct arguments *a, const char *folder, struct error *error)
{
    static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!file_join(path, sizeof path, folder, files[i], error)) return false;
        if (file_exists(path) && !a->option[OPTION_OVERWRITE].given) return error_set(error, ERROR_IO, "%s: is there already; --overwrite replaces it", path);
    }
    return file_make_folder(folder, error);
}
