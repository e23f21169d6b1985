/* Weights of Hugging Face folders; see weights.h. */
#include "core/weights.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <limits.h>
#include <string.h>

enum { TENSORS_MOST = 20000 };
#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"

struct filling {
    const struct model *model;
    bool *done;                  /* (n) parameters that are filled */
    float *turn;                 /* room for a matrix that files hold transposed */
    const cJSON *map;            /* the index's tensor -> file; NULL for a single file */
};

static const char *without_prefix(const char *name)
{
    static const char *const prefixes[] = {"transformer.", "model."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return name + strlen(prefixes[i]);
    return name;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* What files hold beside the parameters. */
static bool is_buffer(const struct model *model, const char *name)
{
    static const char *const buffers[] = {".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        if (ends_with(name, buffers[i])) return true;
    return model->config.tied && strcmp(name, "lm_head.weight") == 0;
}

static bool take_tensor(struct filling *f, const struct tensor *tensor, struct error *error)
{
    const struct model *model = f->model;
    if (is_buffer(model, tensor->name)) return true;
    for (size_t i = 0; i < model->n; i++) {
        const struct parameter *p = &model->parameters[i];
        if (strcmp(without_prefix(tensor->name), without_prefix(p->name)) != 0) continue;
        if (f->done[i]) return error_set(error, ERROR_INPUT, "safetensors: tensor %.80s: is there twice", tensor->name);
        return f->done[i] = model_parameter_fill(p, tensor, model->weights + p->at, f->turn, error);
    }
    return error_set(error, ERROR_INPUT, "safetensors: tensor %.80s is not part of this model", tensor->name);
}

static bool take_file(struct filling *f, const char *folder, const char *name, struct error *error)
{
    char path[PATH_MAX];
    struct safetensors file = {0};
    if (!file_join(path, sizeof path, folder, name, error)) return false;
    bool ok = safetensors_read(path, &file, error);
    for (size_t i = 0; ok && i < file.n; i++) {
        const cJSON *home = f->map == NULL ? NULL : json_member(f->map, file.tensors[i].name);
        if (f->map != NULL && (home == NULL || strcmp(home->valuestring, name) != 0))
            ok = error_set(error, ERROR_INPUT, "safetensors: tensor %.80s: the index does not put it into this file", file.tensors[i].name);
        ok = (ok && take_tensor(f, &file.tensors[i], error)) || error_prefix(error, "%s", path);
    }
    safetensors_free(&file);
    return ok;
}

/* A file of the folder itself: no path, nothing hidden. */
static bool check_shard(const cJSON *item, struct error *error)
{
    if (!cJSON_IsString(item)) return error_set(error, ERROR_INPUT, "weight_map: \"%.80s\" has no file name", item->string);
    const char *name = item->valuestring;
    if (name[0] == '.' || strchr(name, '/') != NULL || strchr(name, '\\') != NULL || !ends_with(name, ".safetensors"))
        return error_set(error, ERROR_INPUT, "weight_map: \"%.80s\" is no name of a .safetensors file in this folder", name);
    return true;
}

static bool is_new(const cJSON *map, const cJSON *item)
{
    const cJSON *other;
    cJSON_ArrayForEach(other, map) {
        if (other == item) return true;
        if (strcmp(other->valuestring, item->valuestring) == 0) return false;
    }
    return true;
}

static bool take_shards(struct filling *f, const char *folder, const char *index, struct error *error)
{
    const cJSON *item;
    cJSON *root = json_read(index, FILE_LIMIT_JSON, error);
    f->map = json_member(root, "weight_map");
    bool ok = root != NULL;
    if (ok && (!cJSON_IsObject(f->map) || f->map->child == NULL)) ok = error_set(error, ERROR_INPUT, "no \"weight_map\"; an object of tensors and files is wanted");
    if (ok && cJSON_GetArraySize(f->map) > TENSORS_MOST) ok = error_set(error, ERROR_INPUT, "weight_map: %d tensors; at most %d are read", cJSON_GetArraySize(f->map), TENSORS_MOST);
    if (ok) cJSON_ArrayForEach(item, f->map) ok = ok && check_shard(item, error);
    if (root != NULL && !ok) error_prefix(error, "%s", index);
    if (ok) cJSON_ArrayForEach(item, f->map) ok = ok && (!is_new(f->map, item) || take_file(f, folder, item->valuestring, error));
    cJSON_Delete(root);
    f->map = NULL;
    return ok;
}

bool weights_read(const char *folder, const struct model *model, struct error *error)
{
    char single[PATH_MAX], index[PATH_MAX];
    if (!file_join(single, sizeof single, folder, SINGLE, error) || !file_join(index, sizeof index, folder, INDEX, error)) return false;
    struct filling f = {.model = model, .done = mem_alloc(model->n, sizeof *f.done, error), .turn = mem_alloc(model_turn_room(model), sizeof *f.turn, error)};
    bool ok = f.done != NULL && f.turn != NULL;
    ok = ok && (file_exists(single) || !file_exists(index) ? take_file(&f, folder, SINGLE, error) : take_shards(&f, folder, index, error));
    for (size_t i = 0; ok && i < model->n; i++)
        if (!f.done[i]) ok = error_set(error, ERROR_INPUT, "%s: safetensors: tensor %s is missing", folder, model->parameters[i].name);
    mem_free(f.done);
    mem_free(f.turn);
    return ok;
}
