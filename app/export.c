/* export: a model for other programs: a GGUF file for llama.cpp, or a folder for Hugging Face transformers.
 *
 * The music and image ids of a joint model become special tokens with names ("<pitch 60>", "<colour 12 #a0b0c0>"), so that every id
 * has a token; those programs then run the same transformer on the same ids, and know nothing of scores and sprites. */
#include "app/folder.h"
#include "core/file.h"
#include "core/gguf_model.h"
#include "core/mem.h"
#include "modalities/chat.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct exporting {
    const struct arguments *a;
    char from[PATH_MAX];
    const char *to;
    struct model model;
    struct vocabulary vocabulary;
    struct bytes chat_template;
};

static bool add_names(struct vocabulary *v, struct error *error)
{
    size_t n = (size_t)(v->size - v->music_first);
    char (*text)[64] = mem_alloc(n, sizeof *text, error);
    const char **names = mem_alloc(n, sizeof *names, error);
    bool ok = text != NULL && names != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        char name[60];
        int32_t id = v->music_first + (int32_t)i;
        const char *found = id < v->image_first ? music_name(id - v->music_first, name) : codes_name(v->codes, id - v->image_first, name);
        snprintf(text[i], sizeof text[i], "<%.60s>", found);
        names[i] = text[i];
    }
    ok = ok && bpe_add_special(v->bpe, names, n, error);
    mem_free(text);
    mem_free(names);
    return ok;
}

static bool load(struct exporting *ex, struct error *error)
{
    if (!app_model_folder(ex->a, ex->from, sizeof ex->from, error) || !vocabulary_load(ex->from, &ex->vocabulary, error) || !model_load(ex->from, &ex->model, error)) return false;
    if (ex->vocabulary.size > ex->model.config.V)
        return error_set(error, ERROR_INPUT, "%s: the model has %d ids, its tokenizers %d", ex->from, ex->model.config.V, (int)ex->vocabulary.size);
    return chat_template_read(ex->from, &ex->chat_template, error) && (!ex->vocabulary.joint || add_names(&ex->vocabulary, error));
}

/* ---- GGUF ---- */

static bool put_ids(const struct config *c, struct gguf_values *values, struct error *error)
{
    const struct { const char *key; int id; } ids[] = {{"tokenizer.ggml.bos_token_id", c->bos}, {"tokenizer.ggml.eos_token_id", c->eos}, {"tokenizer.ggml.padding_token_id", c->pad}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i].id >= 0 && !gguf_put_integer(values, ids[i].key, (uint32_t)ids[i].id, error)) return false;
    return true;
}

static bool to_gguf(struct exporting *ex, struct error *error)
{
    static const struct { const char *name; enum gguf_type type; } TYPES[] = {{"f16", GGUF_TYPE_F16}, {"f32", GGUF_TYPE_F32}, {"q8_0", GGUF_TYPE_Q8_0}};
    const char *store = ex->a->option[OPTION_STORE].text == NULL ? "f16" : ex->a->option[OPTION_STORE].text;
    size_t i = 0;
    while (i < sizeof TYPES / sizeof *TYPES && strcmp(store, TYPES[i].name) != 0) i++;
    if (i == sizeof TYPES / sizeof *TYPES) return error_set(error, ERROR_USAGE, "--store: '%.20s' is unknown; f32, f16 or q8_0 is wanted for a GGUF file", store);
    struct gguf_values values = {0};
    bool ok = load(ex, error) && gguf_describe(&ex->model, file_base(ex->from), TYPES[i].type, &values, error) &&
              bpe_to_gguf(ex->vocabulary.bpe, ex->model.config.V, &values, error) && put_ids(&ex->model.config, &values, error) &&
              (ex->chat_template.n == 0 || gguf_put_text(&values, "tokenizer.chat_template", bytes_text(&ex->chat_template), error)) &&
              gguf_save(&ex->model, ex->to, &values, TYPES[i].type, error);
    bytes_free(&values.bytes);
    return ok;
}

/* ---- a folder ---- */

static bool to_folder(struct exporting *ex, struct error *error)
{
    static const struct { const char *name; enum tensor_type type; } TYPES[] = {{"f16", TENSOR_F16}, {"f32", TENSOR_F32}, {"bf16", TENSOR_BF16}};
    const char *store = ex->a->option[OPTION_STORE].text == NULL ? "f16" : ex->a->option[OPTION_STORE].text;
    bool generation, config, chat;
    size_t i = 0;
    while (i < sizeof TYPES / sizeof *TYPES && strcmp(store, TYPES[i].name) != 0) i++;
    if (i == sizeof TYPES / sizeof *TYPES) return error_set(error, ERROR_USAGE, "--store: '%.20s' is unknown; f32, f16 or bf16 is wanted for a folder", store);
    return load(ex, error) && folder_may_write(ex->a, ex->to, error) && folder_copy(ex->from, ex->to, "generation_config.json", &generation, error) &&
           folder_copy(ex->from, ex->to, "tokenizer_config.json", &config, error) && folder_copy(ex->from, ex->to, "chat_template.jinja", &chat, error) &&
           (generation || folder_write_generation(ex->to, &ex->model.config, error)) &&
           (config || folder_write_tokenizer_config(ex->to, ex->vocabulary.bpe, &ex->model.config, bytes_text(&ex->chat_template), error)) &&
           folder_write_tokenizer(ex->to, ex->vocabulary.bpe, error) && model_save(&ex->model, ex->to, TYPES[i].type, error);
}

bool verb_export(const struct arguments *a, struct error *error)
{
    struct exporting ex = {.a = a, .to = a->option[OPTION_OUT].text};
    if (a->words > 0) return error_set(error, ERROR_USAGE, "'%.80s' is no option; the model comes with -m", a->word[0]);
    if (ex.to == NULL) return error_set(error, ERROR_USAGE, "--out is missing; a .gguf file or a folder is wanted");
    bool gguf = file_has_extension(ex.to, ".gguf");
    if (gguf && file_exists(ex.to) && !a->option[OPTION_OVERWRITE].given) return error_set(error, ERROR_IO, "%s: is there already; --overwrite replaces it", ex.to);
    bool ok = gguf ? to_gguf(&ex, error) : to_folder(&ex, error);
    if (ok) printf("%s\n", ex.to);
    model_free(&ex.model);
    vocabulary_free(&ex.vocabulary);
    bytes_free(&ex.chat_template);
    return ok;
}
