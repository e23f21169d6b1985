/* Models in GGUF files; see gguf_model.h. */
#include "core/gguf_model.h"
#include "core/mem.h"
#include "core/rope.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const ARCHITECTURES[FAMILIES] = {[FAMILY_GPT2] = "gpt2", [FAMILY_LLAMA] = "llama", [FAMILY_QWEN3] = "qwen3"};

/* Our names and GGUF's, without ".weight" and ".bias"; those of a layer behind its number. */
static const struct { const char *ours, *theirs; } NAMES[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"},
    {"transformer.wte", "token_embd"}, {"transformer.wpe", "position_embd"}, {"transformer.ln_f", "output_norm"},
}, LAYER_NAMES[] = {
    {"input_layernorm", "attn_norm"}, {"self_attn.q_proj", "attn_q"}, {"self_attn.k_proj", "attn_k"}, {"self_attn.v_proj", "attn_v"},
    {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"}, {"self_attn.o_proj", "attn_output"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"}, {"mlp.up_proj", "ffn_up"}, {"mlp.down_proj", "ffn_down"},
    {"ln_1", "attn_norm"}, {"attn.c_attn", "attn_qkv"}, {"attn.c_proj", "attn_output"}, {"ln_2", "ffn_norm"}, {"mlp.c_fc", "ffn_up"}, {"mlp.c_proj", "ffn_down"},
};
#define FREQUENCIES "rope_freqs.weight"

static bool same(const char *ours, size_t n, const char *name) { return strlen(name) == n && memcmp(ours, name, n) == 0; }

/* GGUF's name of a parameter. The tables know every name that the model's table makes. */
static void their_name(const char *ours, char out[100])
{
    const char *kind = strrchr(ours, '.'), *rest = ours;
    int layer = -1, used = 0;
    if (sscanf(ours, "model.layers.%d.%n", &layer, &used) == 1 || sscanf(ours, "transformer.h.%d.%n", &layer, &used) == 1) rest = ours + used;
    size_t n = (size_t)(kind - rest);
    for (size_t i = 0; layer < 0 && i < sizeof NAMES / sizeof *NAMES; i++)
        if (same(rest, n, NAMES[i].ours)) snprintf(out, 100, "%s%s", NAMES[i].theirs, kind);
    for (size_t i = 0; layer >= 0 && i < sizeof LAYER_NAMES / sizeof *LAYER_NAMES; i++)
        if (same(rest, n, LAYER_NAMES[i].ours)) snprintf(out, 100, "blk.%d.%s%s", layer, LAYER_NAMES[i].theirs, kind);
}

/* Heads of q or k whose rows are interleaved in the file; 0 for all other parameters. */
static int interleaved_heads(const struct config *c, const struct parameter *p)
{
    if (c->family != FAMILY_LLAMA) return 0;
    return strstr(p->name, ".q_proj.") != NULL ? c->H : strstr(p->name, ".k_proj.") != NULL ? c->G : 0;
}

/* Rows of each head from halves (ours) to neighbours (theirs), or back. */
static void interleave(const float *in, int heads, int D, int cols, bool back, float *out)
{
    size_t row = (size_t)(cols > 0 ? cols : 1);
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < D; i++) {
            size_t halves = (size_t)(h * D + (i % 2) * (D / 2) + i / 2), neighbours = (size_t)(h * D + i);
            memcpy(out + (back ? halves : neighbours) * row, in + (back ? neighbours : halves) * row, row * sizeof *out);
        }
}

/* ---- configuration ---- */

struct keys { const struct gguf *gguf; const char *architecture; struct error *error; char key[200]; };

static const char *key_of(struct keys *k, const char *name)
{
    snprintf(k->key, sizeof k->key, "%s.%s", k->architecture, name);
    return k->key;
}

static bool has(struct keys *k, const char *name) { return gguf_find(k->gguf, key_of(k, name)) != NULL; }

static bool get(struct keys *k, const char *name, int low, int high, int *out)
{
    int64_t x;
    if (!gguf_integer(k->gguf, key_of(k, name), low, high, &x, k->error)) return false;
    *out = (int)x;
    return true;
}

/* The same where it may be absent: *out stays as it was. */
static bool may_get(struct keys *k, const char *name, int low, int high, int *out) { return !has(k, name) || get(k, name, low, high, out); }
static bool may_get_number(struct keys *k, const char *name, double low, double high, double *out) { return !has(k, name) || gguf_number(k->gguf, key_of(k, name), low, high, out, k->error); }

static bool get_shape(struct keys *k, struct config *c)
{
    if (!get(k, "context_length", 1, 1 << 20, &c->T) || !get(k, "embedding_length", 1, 1 << 15, &c->C) || !get(k, "block_count", 1, 512, &c->L) ||
        !get(k, "feed_forward_length", 1, 1 << 17, &c->F) || !get(k, "attention.head_count", 1, 1024, &c->H)) return false;
    int value;
    c->G = c->H, c->D = c->C / c->H;
    if (!may_get(k, "attention.head_count_kv", 1, 1024, &c->G) || !may_get(k, "attention.key_length", 2, 1024, &c->D)) return false;
    value = c->D;
    if (!may_get(k, "attention.value_length", 2, 1024, &value)) return false;
    if (value != c->D) return error_set(k->error, ERROR_INPUT, "GGUF: %s is %d; that of the keys, %d, is wanted", key_of(k, "attention.value_length"), value, c->D);
    const struct gguf_tensor *embed = gguf_find_tensor(k->gguf, "token_embd.weight");
    if (embed == NULL || embed->rank != 2 || embed->shape[0] > 1 << 20) return error_set(k->error, ERROR_INPUT, "GGUF: no token_embd.weight with a row for each of at most %d ids", 1 << 20);
    c->V = (int)embed->shape[0];
    return true;
}

/* The divisors that the file has against those that Llama 3's parameters give. */
static bool are_divisors(const struct config *config, const float *divisors)
{
    struct config plain = *config;
    plain.rope_scaling.kind = ROPE_DEFAULT;
    for (int i = 0; i < config->D / 2; i++) {
        double wanted = (double)rope_frequency(&plain, i) / (double)rope_frequency(config, i);
        if (fabs((double)divisors[i] / wanted - 1) > 1e-5) return false;
    }
    return true;
}

/* The factor that gives the last pair, whose wave is the longest, its divisor: 1 / divisor = (1 - smooth) / factor + smooth. */
static double factor_of(const struct config *config, double divisor)
{
    struct config plain = *config;
    plain.rope_scaling.kind = ROPE_DEFAULT;
    const struct rope_scaling *s = &config->rope_scaling;
    double rounds = s->original * (double)rope_frequency(&plain, config->D / 2 - 1) / 6.283185307179586476925;
    double smooth = fmin(fmax((rounds - s->low) / (s->high - s->low), 0), 1);
    return smooth < 1 ? (1 - smooth) / (1 / divisor - smooth) : 1;
}

static bool get_divisors(struct keys *k, const struct gguf_tensor *tensor, struct config *c)
{
    static const double originals[] = {8192, 4096, 2048, 16384, 32768, 1024};
    if (tensor->rank != 1 || tensor->shape[0] != c->D / 2) return error_set(k->error, ERROR_INPUT, "GGUF: tensor " FREQUENCIES " has no number for each of %d pairs", c->D / 2);
    float *divisors = mem_alloc((size_t)c->D / 2, sizeof *divisors, k->error);
    bool ok = divisors != NULL && gguf_floats(k->gguf, tensor, divisors, k->error), found = false;
    c->rope_scaling = (struct rope_scaling){.kind = ROPE_LLAMA3, .low = 1, .high = 4, .attention = 1, .factor = 1};
    for (size_t i = 0; ok && !found && i < sizeof originals / sizeof *originals; i++) {
        c->rope_scaling.original = originals[i];
        c->rope_scaling.factor = factor_of(c, (double)divisors[c->D / 2 - 1]);
        if (fabs(c->rope_scaling.factor - round(c->rope_scaling.factor)) < 1e-3) c->rope_scaling.factor = round(c->rope_scaling.factor);
        found = c->rope_scaling.factor >= 1 && c->rope_scaling.factor <= 1e6 && are_divisors(c, divisors);
    }
    mem_free(divisors);
    return ok && (found || error_set(k->error, ERROR_INPUT, "GGUF: tensor " FREQUENCIES ": divisors of a kind that is unknown; those of Llama 3 are wanted"));
}

static bool get_rope(struct keys *k, struct config *c)
{
    const char *type = "none";
    double factor = 1, original = c->T;
    int dimensions = c->D;
    c->rope_theta = 10000;
    c->rope_scaling = (struct rope_scaling){.kind = ROPE_DEFAULT, .factor = 1, .attention = 1};
    if (!may_get_number(k, "rope.freq_base", 1, 1e12, &c->rope_theta) || !may_get(k, "rope.dimension_count", 1, 1024, &dimensions) ||
        (has(k, "rope.scaling.type") && !gguf_text(k->gguf, key_of(k, "rope.scaling.type"), &type, k->error)) || !may_get_number(k, "rope.scaling.factor", 0, 1e6, &factor)) return false;
    if (dimensions != c->D) return error_set(k->error, ERROR_INPUT, "GGUF: %s is %d; all %d of a head are wanted", key_of(k, "rope.dimension_count"), dimensions, c->D);
    if (has(k, "rope.scaling.original_context_length")) {
        int length;
        if (!get(k, "rope.scaling.original_context_length", 1, 1 << 20, &length)) return false;
        original = length;
    }
    const struct gguf_tensor *divisors = gguf_find_tensor(k->gguf, FREQUENCIES);
    if (divisors != NULL) return get_divisors(k, divisors, c);
    if (strcmp(type, "none") == 0) return true;
    if (strcmp(type, "linear") == 0) c->rope_scaling = (struct rope_scaling){.kind = ROPE_LINEAR, .factor = factor, .attention = 1};
    else if (strcmp(type, "yarn") == 0) c->rope_scaling = (struct rope_scaling){.kind = ROPE_YARN, .factor = factor, .original = original, .low = 1, .high = 32, .attention = 0.1 * log(factor) + 1};
    else return error_set(k->error, ERROR_INPUT, "GGUF: %s is %.40s; none, linear or yarn is wanted", key_of(k, "rope.scaling.type"), type);
    return true;
}

static bool get_ids(struct keys *k, struct config *c)
{
    const struct { const char *key; int *to; } ids[] = {{"tokenizer.ggml.bos_token_id", &c->bos}, {"tokenizer.ggml.eos_token_id", &c->eos}, {"tokenizer.ggml.padding_token_id", &c->pad}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        int64_t x = -1;
        if (gguf_find(k->gguf, ids[i].key) != NULL && !gguf_integer(k->gguf, ids[i].key, 0, c->V - 1, &x, k->error)) return false;
        *ids[i].to = (int)x;
    }
    return true;
}

bool gguf_config(const struct gguf *g, struct config *c, struct error *error)
{
    struct keys k = {.gguf = g, .error = error};
    double eps;
    int family = 0;
    *c = (struct config){.init_std = 0.02};
    if (!gguf_text(g, "general.architecture", &k.architecture, error)) return false;
    while (family < FAMILIES && strcmp(k.architecture, ARCHITECTURES[family]) != 0) family++;
    if (family == FAMILIES) return error_set(error, ERROR_INPUT, "GGUF: general.architecture is %.40s; llama, qwen3 or gpt2 is wanted", k.architecture);
    config_set_family(c, (enum family)family);
    const char *norm = c->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    if (!get_shape(&k, c) || !gguf_number(g, key_of(&k, norm), 1e-12, 0.1, &eps, error)) return false;
    c->norm_eps = (float)eps;
    c->tied = gguf_find_tensor(g, "output.weight") == NULL;
    if (!c->layer_norm) {
        c->attention_bias = gguf_find_tensor(g, "blk.0.attn_output.bias") != NULL;
        c->mlp_bias = gguf_find_tensor(g, "blk.0.ffn_down.bias") != NULL;
    }
    return (c->learned_positions || get_rope(&k, c)) && get_ids(&k, c) && (config_check(c, error) || error_prefix(error, "GGUF"));
}

/* ---- weights ---- */

static bool fill(const struct gguf *g, const struct model *model, const struct parameter *p, const char *name, float *room, struct error *error)
{
    const struct gguf_tensor *tensor = gguf_find_tensor(g, name);
    float *to = model->weights + p->at;
    int heads = interleaved_heads(&model->config, p);
    if (tensor == NULL) return error_set(error, ERROR_INPUT, "GGUF: tensor %s is missing", name);
    if (tensor->rank != (p->cols > 0 ? 2 : 1) || tensor->shape[0] != p->rows || (p->cols > 0 && tensor->shape[1] != p->cols))
        return error_set(error, ERROR_INPUT, "GGUF: tensor %s: its shape is not (%d, %d)", name, p->rows, p->cols);
    if (!gguf_floats(g, tensor, heads > 0 ? room : to, error)) return false;
    if (heads > 0) interleave(room, heads, model->config.D, p->cols, true, to);
    return true;
}

static size_t largest_interleaved(const struct model *model)
{
    size_t most = 0;
    for (size_t i = 0; i < model->n; i++)
        if (interleaved_heads(&model->config, &model->parameters[i]) > 0 && parameter_count(&model->parameters[i]) > most) most = parameter_count(&model->parameters[i]);
    return most;
}

/* With a tied head the file may hold a copy of nothing: every tensor must have been asked for, but for the frequencies. */
static bool refuse_extra(const struct gguf *g, const struct model *model, struct error *error)
{
    size_t known = gguf_find_tensor(g, FREQUENCIES) != NULL;
    if (known + model->n == g->n_tensors) return true;
    for (size_t k = 0; k < g->n_tensors; k++) {
        bool found = strcmp(g->tensors[k].name, FREQUENCIES) == 0;
        for (size_t i = 0; !found && i < model->n; i++) {
            char name[100];
            their_name(model->parameters[i].name, name);
            found = strcmp(g->tensors[k].name, name) == 0;
        }
        if (!found) return error_set(error, ERROR_INPUT, "GGUF: tensor %.80s is not part of this model", g->tensors[k].name);
    }
    return true;
}

bool gguf_weights(const struct gguf *g, const struct model *model, struct error *error)
{
    float *room = mem_alloc(largest_interleaved(model), sizeof *room, error);
    bool ok = room != NULL;
    for (size_t i = 0; ok && i < model->n; i++) {
        char name[100];
        their_name(model->parameters[i].name, name);
        ok = fill(g, model, &model->parameters[i], name, room, error);
    }
    mem_free(room);
    return ok && refuse_extra(g, model, error);
}

/* ---- writing ---- */

static bool put(struct gguf_values *v, const char *architecture, const char *name, int x, struct error *error)
{
    char key[100];
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    return gguf_put_integer(v, key, (uint32_t)x, error);
}

static bool put_number(struct gguf_values *v, const char *architecture, const char *name, double x, struct error *error)
{
    char key[100];
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    return gguf_put_number(v, key, (float)x, error);
}

static bool put_rope(const struct config *c, const char *a, struct gguf_values *v, struct error *error)
{
    char key[100];
    bool yarn = c->rope_scaling.kind == ROPE_YARN;
    bool ok = put(v, a, "attention.head_count_kv", c->G, error) && put(v, a, "attention.key_length", c->D, error) && put(v, a, "attention.value_length", c->D, error) &&
              put(v, a, "rope.dimension_count", c->D, error) && put_number(v, a, "rope.freq_base", c->rope_theta, error);
    if (!ok || (c->rope_scaling.kind != ROPE_LINEAR && !yarn)) return ok;
    snprintf(key, sizeof key, "%s.rope.scaling.type", a);
    return gguf_put_text(v, key, yarn ? "yarn" : "linear", error) && put_number(v, a, "rope.scaling.factor", c->rope_scaling.factor, error) &&
           (!yarn || put(v, a, "rope.scaling.original_context_length", (int)c->rope_scaling.original, error));
}

bool gguf_describe(const struct model *model, const char *name, enum gguf_type type, struct gguf_values *v, struct error *error)
{
    const struct config *c = &model->config;
    const char *a = ARCHITECTURES[c->family];
    uint32_t file_type = type == GGUF_TYPE_F32 ? 0 : type == GGUF_TYPE_F16 ? 1 : 7;
    if (c->attention_bias && c->family == FAMILY_QWEN3) return error_set(error, ERROR_INPUT, "GGUF: a qwen3 model with biases; llama.cpp has none");
    return gguf_put_text(v, "general.architecture", a, error) && gguf_put_text(v, "general.type", "model", error) && gguf_put_text(v, "general.name", name, error) &&
           gguf_put_integer(v, "general.file_type", file_type, error) && gguf_put_integer(v, "general.quantization_version", 2, error) &&
           put(v, a, "vocab_size", c->V, error) && put(v, a, "context_length", c->T, error) && put(v, a, "embedding_length", c->C, error) && put(v, a, "block_count", c->L, error) &&
           put(v, a, "feed_forward_length", c->F, error) && put(v, a, "attention.head_count", c->H, error) &&
           put_number(v, a, c->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", (double)c->norm_eps, error) &&
           (c->learned_positions || put_rope(c, a, v, error));
}

/* The tensors to write; q and k of llama go through `room`, which is as large as all of them. */
static void list_tensors(const struct model *model, enum gguf_type type, float *room, char (*names)[100], struct gguf_output *out)
{
    for (size_t i = 0; i < model->n; i++) {
        const struct parameter *p = &model->parameters[i];
        const float *w = model->weights + p->at;
        int heads = interleaved_heads(&model->config, p);
        their_name(p->name, names[i]);
        if (heads > 0) {
            interleave(w, heads, model->config.D, p->cols, false, room);
            w = room;
            room += parameter_count(p);
        }
        enum gguf_type own = p->cols == 0 || strstr(p->name, ".wpe.") != NULL ? GGUF_TYPE_F32 : type == GGUF_TYPE_Q8_0 && p->cols % 32 != 0 ? GGUF_TYPE_F16 : type;
        out[i] = (struct gguf_output){names[i], own, p->cols > 0 ? 2 : 1, {p->rows, p->cols}, w};
    }
}

bool gguf_save(const struct model *model, const char *path, const struct gguf_values *values, enum gguf_type type, struct error *error)
{
    const struct config *c = &model->config;
    size_t turned = 0, n = model->n;
    struct config plain = *c;
    plain.rope_scaling.kind = ROPE_DEFAULT;
    for (size_t i = 0; i < model->n; i++)
        if (interleaved_heads(c, &model->parameters[i]) > 0) turned += parameter_count(&model->parameters[i]);
    float *room = mem_alloc(turned, sizeof *room, error), *divisors = mem_alloc((size_t)c->D, sizeof *divisors, error);
    char (*names)[100] = mem_alloc(model->n, sizeof *names, error);
    struct gguf_output *tensors = mem_alloc(model->n + 1, sizeof *tensors, error);
    bool ok = room != NULL && divisors != NULL && names != NULL && tensors != NULL;
    if (ok) list_tensors(model, type, room, names, tensors);
    if (ok && c->rope_scaling.kind == ROPE_LLAMA3) {
        for (int i = 0; i < c->D / 2; i++) divisors[i] = (float)((double)rope_frequency(&plain, i) / (double)rope_frequency(c, i));
        tensors[n++] = (struct gguf_output){FREQUENCIES, GGUF_TYPE_F32, 1, {c->D / 2}, divisors};
    }
    ok = ok && gguf_write(path, values, tensors, n, error);
    mem_free(room), mem_free(divisors);
    mem_free(names);
    mem_free(tensors);
    return ok;
}
