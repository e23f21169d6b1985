/* import: a Hugging Face folder or a GGUF file becomes a model folder that every verb for text takes.
 *
 *     config.json  generation_config.json  tokenizer.json  tokenizer_config.json  [chat_template.jinja]  model.safetensors
 *
 * config.json is written last: a folder without it is no model, so an import that was cut off is not taken for one. */
#include "app/folder.h"
#include "core/file.h"
#include "core/gguf_model.h"
#include "core/json.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct importing {
    const struct arguments *a;
    const char *from, *to;
    struct model model;
    struct bpe *bpe;                 /* NULL: the source has no tokenizer */
    enum tensor_type store;
};

static bool is_gguf(const char *path)
{
    struct source source;
    struct error ignored = {0};
    char magic[4] = {0};
    if (file_is_folder(path) || !source_open(&source, path, &ignored)) return false;
    bool found = source_read(&source, 0, magic, 4, &ignored) && memcmp(magic, "GGUF", 4) == 0;
    source_close(&source);
    return found || file_has_extension(path, ".gguf");
}

/* --store, else the type of the source where that is one of ours (f32 for packed ones). */
static bool set_store(struct importing *im, enum tensor_type own, struct error *error)
{
    static const struct { const char *name; enum tensor_type type; } TYPES[] = {{"f32", TENSOR_F32}, {"f16", TENSOR_F16}, {"bf16", TENSOR_BF16}};
    const char *name = im->a->option[OPTION_STORE].text;
    im->store = own;
    if (name == NULL) return true;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(name, TYPES[i].name) != 0) continue;
        im->store = TYPES[i].type;
        return true;
    }
    return error_set(error, ERROR_USAGE, "--store: '%.20s' is unknown; f32, f16 or bf16 is wanted", name);
}

static bool check_tokenizer(const struct importing *im, struct error *error)
{
    if (im->bpe == NULL || bpe_size(im->bpe) <= im->model.config.V) return true;
    return error_set(error, ERROR_INPUT, "%s: the model has %d ids, its tokenizer %d", im->from, im->model.config.V, (int)bpe_size(im->bpe));
}

static bool save(const struct importing *im, struct error *error)
{
    return (im->bpe == NULL || folder_write_tokenizer(im->to, im->bpe, error)) && model_save(&im->model, im->to, im->store, error);
}

/* ---- GGUF ---- */

static bool from_gguf(struct importing *im, struct error *error)
{
    struct gguf g;
    struct config config;
    const char *chat_template = "";
    bool ok = gguf_open(im->from, &g, error);
    if (ok) {
        const struct gguf_tensor *embed = gguf_find_tensor(&g, "token_embd.weight");
        enum gguf_type own = embed == NULL ? GGUF_TYPE_F32 : embed->type;
        ok = set_store(im, own == GGUF_TYPE_F16 ? TENSOR_F16 : own == GGUF_TYPE_BF16 ? TENSOR_BF16 : TENSOR_F32, error);
        ok = ok && gguf_config(&g, &config, error) && (gguf_find(&g, "tokenizer.ggml.model") == NULL || bpe_from_gguf(&g, &im->bpe, error)) &&
             (gguf_find(&g, "tokenizer.chat_template") == NULL || gguf_text(&g, "tokenizer.chat_template", &chat_template, error)) &&
             model_init(&im->model, &config, error) && check_tokenizer(im, error) && gguf_weights(&g, &im->model, error);
        if (!ok && error->kind == ERROR_INPUT) error_prefix(error, "%s", im->from);
        ok = ok && folder_may_write(im->a, im->to, error) && folder_write_generation(im->to, &config, error) &&
             (im->bpe == NULL || folder_write_tokenizer_config(im->to, im->bpe, &config, chat_template, error)) && save(im, error);
    }
    gguf_close(&g);
    return ok;
}

/* ---- Hugging Face ---- */

/* The type that config.json names for the weights. */
static enum tensor_type own_type(const char *folder)
{
    char path[PATH_MAX];
    struct error ignored = {0};
    cJSON *root = file_join(path, sizeof path, folder, "config.json", &ignored) ? json_read(path, FILE_LIMIT_JSON, &ignored) : NULL;
    const cJSON *type = json_member(root, "dtype") != NULL ? json_member(root, "dtype") : json_member(root, "torch_dtype");
    const char *name = cJSON_IsString(type) ? type->valuestring : "";
    enum tensor_type own = strcmp(name, "float16") == 0 ? TENSOR_F16 : strcmp(name, "bfloat16") == 0 ? TENSOR_BF16 : TENSOR_F32;
    cJSON_Delete(root);
    return own;
}

static bool has(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct error ignored = {0};
    return file_join(path, sizeof path, folder, name, &ignored) && file_exists(path);
}

static bool carry_over(const struct importing *im, struct error *error)
{
    bool generation, config, chat;
    if (!folder_copy(im->from, im->to, "generation_config.json", &generation, error) || !folder_copy(im->from, im->to, "tokenizer_config.json", &config, error) ||
        !folder_copy(im->from, im->to, "chat_template.jinja", &chat, error)) return false;
    return (generation || folder_write_generation(im->to, &im->model.config, error)) &&
           (config || im->bpe == NULL || folder_write_tokenizer_config(im->to, im->bpe, &im->model.config, "", error));
}

static bool from_folder(struct importing *im, struct error *error)
{
    bool tokenizer = has(im->from, "tokenizer.json") || has(im->from, "vocab.json");
    if (has(im->from, "triptych.json")) return error_set(error, ERROR_INPUT, "%s: is a model of this program already; any verb takes it with -m", im->from);
    return set_store(im, own_type(im->from), error) && model_load(im->from, &im->model, error) && (!tokenizer || bpe_load_folder(im->from, &im->bpe, error)) &&
           check_tokenizer(im, error) && folder_may_write(im->a, im->to, error) && carry_over(im, error) && save(im, error);
}

bool verb_import(const struct arguments *a, struct error *error)
{
    struct importing im = {.a = a, .from = a->words > 0 ? a->word[0] : NULL, .to = a->option[OPTION_OUT].text};
    if (a->words != 1) return error_set(error, ERROR_USAGE, "%d sources; one, a Hugging Face folder or a .gguf file, is wanted", a->words);
    if (im.to == NULL) return error_set(error, ERROR_USAGE, "--out is missing; the folder of the new model is wanted");
    if (!file_exists(im.from)) return error_set(error, ERROR_IO, "%s: no such file or folder", im.from);
    bool gguf = is_gguf(im.from);
    if (!gguf && !file_is_folder(im.from)) return error_set(error, ERROR_INPUT, "%s: neither a folder nor a GGUF file", im.from);
    bool ok = gguf ? from_gguf(&im, error) : from_folder(&im, error);
    if (ok && im.bpe == NULL) app_say("%s has no tokenizer: generate and logits will take the model, write will not", im.from);
    if (ok) printf("%s: %.1f M parameters, %d layers, %d wide, %d ids\n", im.to, (double)im.model.numbers / 1e6, im.model.config.L, im.model.config.C, im.model.config.V);
    model_free(&im.model);
    bpe_free(im.bpe);
    return ok;
}
