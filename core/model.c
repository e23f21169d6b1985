/* The parameter table and what walks it; see model.h. */
#include "core/model.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/random.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PER_LAYER = 11, ALIGN = 16 };

size_t parameter_count(const struct parameter *p) { return (size_t)p->rows * (size_t)(p->cols > 0 ? p->cols : 1); }

/* One row of the layer's part of the table. Sizes are letters, so that the table reads like the paper. */
struct row { const char *name; int rows, cols; enum parameter_role role; bool joined; /* to the row before, without padding */ };

static int layer_rows(const struct config *c, struct row rows[PER_LAYER])
{
    int n = 0;
    rows[n++] = (struct row){"input_layernorm", c->C, 0, PARAMETER_NORM, false};
    rows[n++] = (struct row){"self_attn.q_proj", c->H * c->D, c->C, PARAMETER_MATRIX, false};
    rows[n++] = (struct row){"self_attn.k_proj", c->G * c->D, c->C, PARAMETER_MATRIX, true};
    rows[n++] = (struct row){"self_attn.v_proj", c->G * c->D, c->C, PARAMETER_MATRIX, true};
    if (c->qk_norm) {
        rows[n++] = (struct row){"self_attn.q_norm", c->D, 0, PARAMETER_NORM, false};
        rows[n++] = (struct row){"self_attn.k_norm", c->D, 0, PARAMETER_NORM, false};
    }
    rows[n++] = (struct row){"self_attn.o_proj", c->C, c->H * c->D, PARAMETER_MATRIX, false};
    rows[n++] = (struct row){"post_attention_layernorm", c->C, 0, PARAMETER_NORM, false};
    rows[n++] = (struct row){"mlp.gate_proj", c->F, c->C, PARAMETER_MATRIX, false};
    rows[n++] = (struct row){"mlp.up_proj", c->F, c->C, PARAMETER_MATRIX, true};
    rows[n++] = (struct row){"mlp.down_proj", c->C, c->F, PARAMETER_MATRIX, false};
    return n;
}

static bool add(struct model *model, const char *name, const struct row *row, struct error *error)
{
    struct parameter *p = &model->parameters[model->n++];
    snprintf(p->name, sizeof p->name, "%s.weight", name);
    p->rows = row->rows, p->cols = row->cols, p->role = row->role;
    size_t at = model->numbers, end;
    if (!row->joined) at = (at + ALIGN - 1) / ALIGN * ALIGN;
    p->at = at;
    if (!mem_add(at, parameter_count(p), &end) || end > SIZE_MAX / 16)
        return error_set(error, ERROR_INPUT, "model: its size overflows");
    model->numbers = end;
    return true;
}

static bool build_table(struct model *model, struct error *error)
{
    const struct config *c = &model->config;
    struct row rows[PER_LAYER];
    int per_layer = layer_rows(c, rows);
    model->parameters = mem_alloc((size_t)c->L * (size_t)per_layer + 3, sizeof *model->parameters, error);
    if (model->parameters == NULL) return false;
    char name[64];
    bool ok = add(model, "model.embed_tokens", &(struct row){"", c->V, c->C, PARAMETER_EMBEDDING, false}, error);
    for (int l = 0; ok && l < c->L; l++)
        for (int i = 0; ok && i < per_layer; i++) {
            snprintf(name, sizeof name, "model.layers.%d.%s", l, rows[i].name);
            ok = add(model, name, &rows[i], error);
        }
    ok = ok && add(model, "model.norm", &(struct row){"", c->C, 0, PARAMETER_NORM, false}, error);
    if (ok && !c->tied) ok = add(model, "lm_head", &(struct row){"", c->V, c->C, PARAMETER_EMBEDDING, false}, error);
    return ok;
}

bool model_init(struct model *model, const struct config *config, struct error *error)
{
    *model = (struct model){.config = *config};
    if (!config_check(config, error) || !build_table(model, error)) return false;
    model->weights = mem_alloc(model->numbers, sizeof *model->weights, error);
    return model->weights != NULL;
}

void model_free(struct model *model)
{
    mem_free(model->parameters);
    mem_free(model->weights);
    *model = (struct model){0};
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

void model_randomize(struct model *model, uint64_t seed)
{
    for (size_t i = 0; i < model->n; i++) {
        const struct parameter *p = &model->parameters[i];
        bool writes_residual = ends_with(p->name, "o_proj.weight") || ends_with(p->name, "down_proj.weight");
        double std = model->config.init_std / (writes_residual ? sqrt(2.0 * model->config.L) : 1.0);
        float *w = model->weights + p->at;
        for (size_t k = 0; k < parameter_count(p); k++)
            w[k] = p->role == PARAMETER_NORM ? 1.0f : (float)(std * random_normal(seed, i, k));
    }
}

static const struct parameter *find(const struct model *model, int layer, int row)
{
    struct row rows[PER_LAYER];
    int per_layer = layer_rows(&model->config, rows);
    return &model->parameters[1 + layer * per_layer + row];
}

struct layer model_layer(const struct model *model, const float *block, int layer)
{
    float *base = (float *)(uintptr_t)block;      /* the caller knows whether its block may be written */
    struct layer out = {0};
    int i = 0;
    out.norm1 = base + find(model, layer, i++)->at;
    out.qkv = base + find(model, layer, i)->at, i += 3;
    if (model->config.qk_norm) {
        out.q_norm = base + find(model, layer, i++)->at;
        out.k_norm = base + find(model, layer, i++)->at;
    }
    out.o = base + find(model, layer, i++)->at;
    out.norm2 = base + find(model, layer, i++)->at;
    out.gate_up = base + find(model, layer, i)->at, i += 2;
    out.down = base + find(model, layer, i)->at;
    return out;
}

float *model_embed(const struct model *model, const float *block) { return (float *)(uintptr_t)block + model->parameters[0].at; }

float *model_norm(const struct model *model, const float *block)
{
    return (float *)(uintptr_t)block + model->parameters[model->n - (model->config.tied ? 1 : 2)].at;
}

float *model_head(const struct model *model, const float *block)
{
    return model->config.tied ? model_embed(model, block) : (float *)(uintptr_t)block + model->parameters[model->n - 1].at;
}

bool model_block_read(const struct model *model, const struct safetensors *file, const char *prefix, float *block, struct error *error)
{
    char name[128];
    for (size_t i = 0; i < model->n; i++) {
        const struct parameter *p = &model->parameters[i];
        const int64_t shape[2] = {p->rows, p->cols};
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        const struct tensor *tensor = safetensors_need(file, name, p->cols > 0 ? 2 : 1, shape, error);
        if (tensor == NULL || !tensor_floats(tensor, block + p->at, error)) return false;
    }
    return true;
}

/* A tied model may carry its head a second time; any other tensor that the table does not name is an error. */
static bool refuse_extra(const struct model *model, const struct safetensors *file, struct error *error)
{
    for (size_t k = 0; k < file->n; k++) {
        bool known = model->config.tied && strcmp(file->tensors[k].name, "lm_head.weight") == 0;
        for (size_t i = 0; !known && i < model->n; i++) known = strcmp(file->tensors[k].name, model->parameters[i].name) == 0;
        if (!known) return error_set(error, ERROR_INPUT, "safetensors: tensor %.80s is not part of this model", file->tensors[k].name);
    }
    return true;
}

bool model_load(const char *folder, struct model *model, struct error *error)
{
    struct config config;
    char path[PATH_MAX];
    struct safetensors file = {0};
    *model = (struct model){0};
    bool ok = config_read(folder, &config, error) && file_join(path, sizeof path, folder, "model.safetensors", error) &&
              safetensors_read(path, &file, error);
    if (ok) {
        ok = model_init(model, &config, error) && refuse_extra(model, &file, error) && model_block_read(model, &file, "", model->weights, error);
        if (!ok) error_prefix(error, "%s", path);
    }
    safetensors_free(&file);
    if (!ok) model_free(model);
    return ok;
}

/* Fill one tensor entry, converting into `half` (room for the numbers) when the type is a 16-bit one. */
static struct tensor entry(const struct model *model, const struct parameter *p, enum tensor_type type, uint16_t *half)
{
    const float *w = model->weights + p->at;
    size_t n = parameter_count(p);
    struct tensor tensor = {.name = p->name, .type = type, .rank = p->cols > 0 ? 2 : 1, .shape = {p->rows, p->cols},
                            .data = w, .bytes = n * tensor_type_size(type)};
    if (type == TENSOR_F32) return tensor;
    for (size_t i = 0; i < n; i++) half[i] = type == TENSOR_F16 ? half_from_float(w[i]) : bfloat_from_float(w[i]);
    tensor.data = half;
    return tensor;
}

static const char *type_name(enum tensor_type type) { return type == TENSOR_F32 ? "float32" : type == TENSOR_F16 ? "float16" : "bfloat16"; }

bool model_save(const struct model *model, const char *folder, enum tensor_type type, struct error *error)
{
    char path[PATH_MAX];
    struct bytes text = {0};
    struct tensor *tensors = mem_alloc(model->n, sizeof *tensors, error);
    uint16_t *half = mem_alloc(type == TENSOR_F32 ? 0 : model->numbers, sizeof *half, error);
    bool ok = tensors != NULL && half != NULL && file_make_folder(folder, error);
    for (size_t i = 0, at = 0; ok && i < model->n; i++) {
        tensors[i] = entry(model, &model->parameters[i], type, half + at);
        if (type != TENSOR_F32) at += parameter_count(&model->parameters[i]);
    }
    static const char *const metadata[] = {"format", "pt", NULL};
    ok = ok && file_join(path, sizeof path, folder, "model.safetensors", error) && safetensors_write(path, tensors, model->n, metadata, error);
    ok = ok && config_print(&model->config, type_name(type), &text, error) && file_join(path, sizeof path, folder, "config.json", error) &&
         file_write(path, text.data, text.n, error);
    bytes_free(&text);
    mem_free(tensors);
    mem_free(half);
    return ok;
}
