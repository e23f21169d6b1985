/* The parameter table and what walks it; see model.h. */
#include "core/model.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/weights.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MOST = 16, ALIGN = 16 };

size_t parameter_count(const struct parameter *p) { return (size_t)p->rows * (size_t)(p->cols > 0 ? p->cols : 1); }

/* One row of a table of parameters. Sizes are letters, so that the table reads like the paper. */
struct row {
    const char *name;        /* behind the layer's prefix, NULL: this family has no such parameter */
    int rows, cols;
    enum parameter_role role;
    size_t to;               /* offset in struct layer of the pointer that is set; JOINED: none, it follows the row before without padding */
    bool transposed;
};
#define TO(member) offsetof(struct layer, member)
enum { JOINED = SIZE_MAX >> 1 };

static int keep(struct row out[ROWS_MOST], const struct row *rows, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (rows[i].name != NULL) out[kept++] = rows[i];
    return kept;
}

static int gpt2_rows(const struct config *c, struct row out[ROWS_MOST])
{
    const struct row rows[] = {
        {"ln_1.weight", c->C, 0, PARAMETER_NORM, TO(norm1), false},
        {"ln_1.bias", c->C, 0, PARAMETER_BIAS, TO(norm1_bias), false},
        {"attn.c_attn.weight", 3 * c->C, c->C, PARAMETER_MATRIX, TO(qkv), true},
        {"attn.c_attn.bias", 3 * c->C, 0, PARAMETER_BIAS, TO(qkv_bias), false},
        {"attn.c_proj.weight", c->C, c->C, PARAMETER_MATRIX, TO(o), true},
        {"attn.c_proj.bias", c->C, 0, PARAMETER_BIAS, TO(o_bias), false},
        {"ln_2.weight", c->C, 0, PARAMETER_NORM, TO(norm2), false},
        {"ln_2.bias", c->C, 0, PARAMETER_BIAS, TO(norm2_bias), false},
        {"mlp.c_fc.weight", c->F, c->C, PARAMETER_MATRIX, TO(up), true},
        {"mlp.c_fc.bias", c->F, 0, PARAMETER_BIAS, TO(up_bias), false},
        {"mlp.c_proj.weight", c->C, c->F, PARAMETER_MATRIX, TO(down), true},
        {"mlp.c_proj.bias", c->C, 0, PARAMETER_BIAS, TO(down_bias), false},
    };
    return keep(out, rows, sizeof rows / sizeof *rows);
}

static int llama_rows(const struct config *c, struct row out[ROWS_MOST])
{
    int HD = c->H * c->D, GD = c->G * c->D;
    bool attention = c->attention_bias, mlp = c->mlp_bias;
    const struct row rows[] = {
        {"input_layernorm.weight", c->C, 0, PARAMETER_NORM, TO(norm1), false},
        {"self_attn.q_proj.weight", HD, c->C, PARAMETER_MATRIX, TO(qkv), false},
        {"self_attn.k_proj.weight", GD, c->C, PARAMETER_MATRIX, JOINED, false},
        {"self_attn.v_proj.weight", GD, c->C, PARAMETER_MATRIX, JOINED, false},
        {attention ? "self_attn.q_proj.bias" : NULL, HD, 0, PARAMETER_BIAS, TO(qkv_bias), false},
        {attention ? "self_attn.k_proj.bias" : NULL, GD, 0, PARAMETER_BIAS, JOINED, false},
        {attention ? "self_attn.v_proj.bias" : NULL, GD, 0, PARAMETER_BIAS, JOINED, false},
        {c->qk_norm ? "self_attn.q_norm.weight" : NULL, c->D, 0, PARAMETER_NORM, TO(q_norm), false},
        {c->qk_norm ? "self_attn.k_norm.weight" : NULL, c->D, 0, PARAMETER_NORM, TO(k_norm), false},
        {"self_attn.o_proj.weight", c->C, HD, PARAMETER_MATRIX, TO(o), false},
        {attention ? "self_attn.o_proj.bias" : NULL, c->C, 0, PARAMETER_BIAS, TO(o_bias), false},
        {"post_attention_layernorm.weight", c->C, 0, PARAMETER_NORM, TO(norm2), false},
        {"mlp.gate_proj.weight", c->F, c->C, PARAMETER_MATRIX, TO(up), false},
        {"mlp.up_proj.weight", c->F, c->C, PARAMETER_MATRIX, JOINED, false},
        {mlp ? "mlp.gate_proj.bias" : NULL, c->F, 0, PARAMETER_BIAS, TO(up_bias), false},
        {mlp ? "mlp.up_proj.bias" : NULL, c->F, 0, PARAMETER_BIAS, JOINED, false},
        {"mlp.down_proj.weight", c->C, c->F, PARAMETER_MATRIX, TO(down), false},
        {mlp ? "mlp.down_proj.bias" : NULL, c->C, 0, PARAMETER_BIAS, TO(down_bias), false},
    };
    return keep(out, rows, sizeof rows / sizeof *rows);
}

static int layer_rows(const struct config *c, struct row rows[ROWS_MOST])
{
    return c->family == FAMILY_GPT2 ? gpt2_rows(c, rows) : llama_rows(c, rows);
}

static bool add(struct model *model, const char *name, const struct row *row, struct error *error)
{
    struct parameter *p = &model->parameters[model->n++];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->rows = row->rows, p->cols = row->cols, p->role = row->role, p->transposed = row->transposed;
    size_t at = model->numbers, end;
    if (row->to != JOINED) at = (at + ALIGN - 1) / ALIGN * ALIGN;
    p->at = at;
    if (!mem_add(at, parameter_count(p), &end) || end > SIZE_MAX / 16)
        return error_set(error, ERROR_INPUT, "model: its size overflows");
    model->numbers = end;
    return true;
}

static bool build_table(struct model *model, struct error *error)
{
    const struct config *c = &model->config;
    struct row rows[ROWS_MOST];
    bool gpt2 = c->family == FAMILY_GPT2;
    int per_layer = layer_rows(c, rows);
    model->parameters = mem_alloc((size_t)c->L * (size_t)per_layer + 5, sizeof *model->parameters, error);
    if (model->parameters == NULL) return false;
    char name[80];
    bool ok = add(model, gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight", &(struct row){"", c->V, c->C, PARAMETER_EMBEDDING, 0, false}, error);
    if (ok && c->learned_positions) ok = add(model, "transformer.wpe.weight", &(struct row){"", c->T, c->C, PARAMETER_EMBEDDING, 0, false}, error);
    model->first = model->n, model->per_layer = (size_t)per_layer;
    for (int l = 0; ok && l < c->L; l++)
        for (int i = 0; ok && i < per_layer; i++) {
            snprintf(name, sizeof name, "%s.%d.%s", gpt2 ? "transformer.h" : "model.layers", l, rows[i].name);
            ok = add(model, name, &rows[i], error);
        }
    ok = ok && add(model, gpt2 ? "transformer.ln_f.weight" : "model.norm.weight", &(struct row){"", c->C, 0, PARAMETER_NORM, 0, false}, error);
    if (ok && c->layer_norm) ok = add(model, "transformer.ln_f.bias", &(struct row){"", c->C, 0, PARAMETER_BIAS, 0, false}, error);
    if (ok && !c->tied) ok = add(model, "lm_head.weight", &(struct row){"", c->V, c->C, PARAMETER_EMBEDDING, 0, false}, error);
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
        bool writes_residual = ends_with(p->name, "o_proj.weight") || ends_with(p->name, "down_proj.weight") || ends_with(p->name, "c_proj.weight");
        double std = model->config.init_std / (writes_residual ? sqrt(2.0 * model->config.L) : 1.0);
        float *w = model->weights + p->at;
        for (size_t k = 0; k < parameter_count(p); k++)
            w[k] = p->role == PARAMETER_NORM ? 1.0f : p->role == PARAMETER_BIAS ? 0.0f : (float)(std * random_normal(seed, i, k));
    }
}

static float *at(const struct model *model, const float *block, size_t parameter)
{
    return (float *)(uintptr_t)block + model->parameters[parameter].at;      /* the caller knows whether its block may be written */
}

struct layer model_layer(const struct model *model, const float *block, int layer)
{
    struct layer out = {0};
    struct row rows[ROWS_MOST];
    int n = layer_rows(&model->config, rows);
    for (int i = 0; i < n; i++)
        if (rows[i].to != JOINED) *(float **)(void *)((char *)&out + rows[i].to) = at(model, block, model->first + (size_t)(layer * n + i));
    return out;
}

static size_t behind_layers(const struct model *model) { return model->first + (size_t)model->config.L * model->per_layer; }

float *model_embed(const struct model *model, const float *block) { return at(model, block, 0); }
float *model_positions(const struct model *model, const float *block) { return model->config.learned_positions ? at(model, block, 1) : NULL; }
float *model_norm(const struct model *model, const float *block) { return at(model, block, behind_layers(model)); }
float *model_norm_bias(const struct model *model, const float *block) { return model->config.layer_norm ? at(model, block, behind_layers(model) + 1) : NULL; }
float *model_head(const struct model *model, const float *block) { return at(model, block, model->config.tied ? 0 : model->n - 1); }

/* out (cols, rows) = in (rows, cols) turned over. */
static void transpose(const float *in, int rows, int cols, float *out)
{
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < cols; c++) out[c * rows + r] = in[r * cols + c];
}

bool model_parameter_fill(const struct parameter *p, const struct tensor *tensor, float *to, float *turn, struct error *error)
{
    const int64_t shape[2] = {p->transposed ? p->cols : p->rows, p->transposed ? p->rows : p->cols};
    if (!tensor_has_shape(tensor, p->cols > 0 ? 2 : 1, shape, error) || !tensor_floats(tensor, p->transposed ? turn : to, error)) return false;
    if (p->transposed) transpose(turn, p->cols, p->rows, to);
    return true;
}

size_t model_turn_room(const struct model *model)
{
    size_t most = 0;
    for (size_t i = 0; i < model->n; i++)
        if (model->parameters[i].transposed && parameter_count(&model->parameters[i]) > most) most = parameter_count(&model->parameters[i]);
    return most;
}

bool model_block_read(const struct model *model, const struct safetensors *file, const char *prefix, float *block, struct error *error)
{
    char name[128];
    float *turn = mem_alloc(model_turn_room(model), sizeof *turn, error);
    bool ok = turn != NULL;
    for (size_t i = 0; ok && i < model->n; i++) {
        const struct parameter *p = &model->parameters[i];
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        const struct tensor *tensor = safetensors_find(file, name);
        ok = tensor != NULL ? model_parameter_fill(p, tensor, block + p->at, turn, error) : error_set(error, ERROR_INPUT, "safetensors: tensor %s is missing", name);
    }
    mem_free(turn);
    return ok;
}

bool model_load(const char *folder, struct model *model, struct error *error)
{
    struct config config;
    *model = (struct model){0};
    bool ok = config_read(folder, &config, error) && model_init(model, &config, error) && weights_read(folder, model, error);
    if (!ok) model_free(model);
    return ok;
}

/* Fill one tensor entry; what is not in the block as files want it goes through `room`: a turned matrix (rows * cols floats) and, for
 * 16-bit types, the halves. Returns the bytes used of it. */
static size_t entry(const struct model *model, const struct parameter *p, enum tensor_type type, uint8_t *room, struct tensor *out)
{
    const float *w = model->weights + p->at;
    size_t n = parameter_count(p), used = 0;
    *out = (struct tensor){.name = p->name, .type = type, .rank = p->cols > 0 ? 2 : 1, .shape = {p->rows, p->cols}, .bytes = n * tensor_type_size(type)};
    if (p->transposed) {
        float *turned = (float *)(void *)room;
        transpose(w, p->rows, p->cols, turned);
        out->shape[0] = p->cols, out->shape[1] = p->rows;
        w = turned, used = n * sizeof *w;
    }
    out->data = w;
    if (type == TENSOR_F32) return used;
    uint16_t *half = (uint16_t *)(void *)(room + used);
    for (size_t i = 0; i < n; i++) half[i] = type == TENSOR_F16 ? half_from_float(w[i]) : bfloat_from_float(w[i]);
    out->data = half;
    return used + (n * sizeof *half + 15) / 16 * 16;
}

static const char *type_name(enum tensor_type type) { return type == TENSOR_F32 ? "float32" : type == TENSOR_F16 ? "float16" : "bfloat16"; }

bool model_save(const struct model *model, const char *folder, enum tensor_type type, struct error *error)
{
    char path[PATH_MAX];
    struct bytes text = {0};
    struct tensor *tensors = mem_alloc(model->n, sizeof *tensors, error);
    size_t per_number = (model_turn_room(model) > 0 ? sizeof(float) : 0) + (type == TENSOR_F32 ? 0 : sizeof(uint16_t)), used = 0;
    uint8_t *room = mem_alloc(model->numbers + 16 * model->n, per_number, error);
    bool ok = tensors != NULL && room != NULL && file_make_folder(folder, error);
    for (size_t i = 0; ok && i < model->n; i++) used += entry(model, &model->parameters[i], type, room + used, &tensors[i]);
    static const char *const metadata[] = {"format", "pt", NULL};
    ok = ok && file_join(path, sizeof path, folder, "model.safetensors", error) && safetensors_write(path, tensors, model->n, metadata, error);
    ok = ok && config_print(&model->config, type_name(type), &text, error) && file_join(path, sizeof path, folder, "config.json", error) &&
         file_write(path, text.data, text.n, error);
    bytes_free(&text);
    mem_free(tensors);
    mem_free(room);
    return ok;
}
