/* config.json; see config.h. One table says where each number stands, its range and its default. */
#include "core/config.h"
#include "core/file.h"
#include "core/json.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

static const struct { const char *model_type, *architecture; } FAMILY[FAMILIES] = {
    [FAMILY_GPT2] = {"gpt2", "GPT2LMHeadModel"},
    [FAMILY_LLAMA] = {"llama", "LlamaForCausalLM"},
    [FAMILY_QWEN3] = {"qwen3", "Qwen3ForCausalLM"},
};

enum { NEEDED = INT_MIN };   /* no default: the member must be there */

/* Whole numbers of config.json: name, GPT-2's name for it (NULL: it has none), offset in struct config, least, most, default when absent. */
static const struct { const char *name, *gpt2; size_t at; int low, high, absent; } NUMBERS[] = {
    {"vocab_size", "vocab_size", offsetof(struct config, V), 2, 1 << 20, NEEDED},
    {"max_position_embeddings", "n_positions", offsetof(struct config, T), 1, 1 << 20, NEEDED},
    {"hidden_size", "n_embd", offsetof(struct config, C), 1, 1 << 15, NEEDED},
    {"num_hidden_layers", "n_layer", offsetof(struct config, L), 1, 512, NEEDED},
    {"num_attention_heads", "n_head", offsetof(struct config, H), 1, 1024, NEEDED},
    {"num_key_value_heads", NULL, offsetof(struct config, G), 1, 1024, 0},      /* absent: as many as query heads */
    {"head_dim", NULL, offsetof(struct config, D), 2, 1024, 0},                 /* absent: C / H */
    {"intermediate_size", "n_inner", offsetof(struct config, F), 1, 1 << 17, 0},/* absent: 4 C, in GPT-2 only */
    {"bos_token_id", "bos_token_id", offsetof(struct config, bos), -1, 1 << 20, -1},
    {"pad_token_id", "pad_token_id", offsetof(struct config, pad), -1, 1 << 20, -1},
};
enum { NUMBERS_N = sizeof NUMBERS / sizeof *NUMBERS };

static int *number(struct config *config, int i) { return (int *)(void *)((char *)config + NUMBERS[i].at); }

void config_set_family(struct config *config, enum family family)
{
    bool gpt2 = family == FAMILY_GPT2;
    config->family = family;
    config->qk_norm = family == FAMILY_QWEN3;
    config->layer_norm = config->learned_positions = config->gelu = config->attention_bias = config->mlp_bias = gpt2;
}

static bool check_rope(const struct config *c, struct error *error)
{
    const struct rope_scaling *s = &c->rope_scaling;
    if (c->D % 2 != 0) return error_set(error, ERROR_INPUT, "head_dim %d is odd; rotary positions want an even one", c->D);
    if (!(c->rope_theta > 1 && c->rope_theta <= 1e12)) return error_set(error, ERROR_INPUT, "rope_theta %g is not between 1 and 1e12", c->rope_theta);
    if (s->kind == ROPE_DEFAULT) return true;
    if (!(s->factor >= 1 && s->factor <= 1e6)) return error_set(error, ERROR_INPUT, "rope scaling factor %g is not between 1 and 1e6", s->factor);
    if (s->kind == ROPE_LINEAR) return true;
    if (!(s->low > 0 && s->high > s->low && s->high <= 1e6))
        return error_set(error, ERROR_INPUT, "rope scaling bounds %g and %g; positive rising numbers are wanted", s->low, s->high);
    if (!(s->original >= 1 && s->original <= 1e9)) return error_set(error, ERROR_INPUT, "original_max_position_embeddings %g is no length", s->original);
    return true;
}

bool config_check(const struct config *c, struct error *error)
{
    if (c->G < 1 || c->H % c->G != 0) return error_set(error, ERROR_INPUT, "num_key_value_heads %d does not divide num_attention_heads %d", c->G, c->H);
    if (!(c->norm_eps > 0 && c->norm_eps < 0.1f)) return error_set(error, ERROR_INPUT, "the norms' epsilon %g is not between 0 and 0.1", (double)c->norm_eps);
    if (!c->learned_positions && !check_rope(c, error)) return false;
    if (c->bos >= c->V || c->eos >= c->V || c->pad >= c->V)
        return error_set(error, ERROR_INPUT, "a special token id lies behind vocab_size %d", c->V);
    return true;
}

static bool read_family(const cJSON *root, struct config *config, struct error *error)
{
    const char *type;
    if (!json_string(root, "model_type", &type, error)) return false;
    for (int f = 0; f < FAMILIES; f++) {
        if (strcmp(type, FAMILY[f].model_type) != 0) continue;
        config_set_family(config, (enum family)f);
        return true;
    }
    return error_set(error, ERROR_INPUT, "model_type is %.40s; gpt2, llama or qwen3 is wanted", type);
}

/* Members whose value changes the arithmetic in a way that is not built here. */
static bool refuse_unknown(const cJSON *root, bool gpt2, struct error *error)
{
    static const char *const gelu[] = {"gelu_new", "gelu_pytorch_tanh", "gelu_fast", NULL}, *const silu[] = {"silu", "swish", NULL};
    static const struct { const char *name; bool wanted; } FLAGS[] = {
        {"use_sliding_window", false}, {"scale_attn_by_inverse_layer_idx", false}, {"add_cross_attention", false}, {"scale_attn_weights", true}};
    const char *name = gpt2 ? "activation_function" : "hidden_act";
    const cJSON *item = json_member(root, name);
    bool known = !cJSON_IsString(item);
    for (const char *const *a = gpt2 ? gelu : silu; !known && *a != NULL; a++) known = strcmp(item->valuestring, *a) == 0;
    if (!known) return error_set(error, ERROR_INPUT, "%s is %.40s; %s is wanted", name, item->valuestring, gpt2 ? "gelu_new" : "silu");
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
        item = json_member(root, FLAGS[i].name);
        if (cJSON_IsBool(item) && cJSON_IsTrue(item) != FLAGS[i].wanted)
            return error_set(error, ERROR_INPUT, "%s is %s; %s is wanted", FLAGS[i].name, FLAGS[i].wanted ? "false" : "true", FLAGS[i].wanted ? "true" : "false");
    }
    return true;
}

static bool read_numbers(const cJSON *root, struct config *config, struct error *error)
{
    bool gpt2 = config->family == FAMILY_GPT2;
    for (int i = 0; i < NUMBERS_N; i++) {
        const char *name = gpt2 ? NUMBERS[i].gpt2 : NUMBERS[i].name;
        const cJSON *item = name == NULL ? NULL : json_member(root, name);
        int64_t x = NUMBERS[i].absent;
        if ((item == NULL || cJSON_IsNull(item)) && x != NEEDED) {
            *number(config, i) = NUMBERS[i].absent;
            continue;
        }
        if (!json_integer(root, name, NUMBERS[i].low, NUMBERS[i].high, &x, error)) return false;
        *number(config, i) = (int)x;
    }
    if (config->F == 0 && !gpt2) return error_set(error, ERROR_INPUT, "\"intermediate_size\" is missing; a whole number is wanted");
    if (config->F == 0) config->F = 4 * config->C;
    if (config->G == 0) config->G = config->H;
    if (config->D == 0) {
        if (config->C % config->H != 0) return error_set(error, ERROR_INPUT, "num_attention_heads %d does not divide hidden_size %d", config->H, config->C);
        config->D = config->C / config->H;
    }
    return true;
}

static bool read_eos(const cJSON *root, struct config *config, struct error *error)
{
    const cJSON *item = json_member(root, "eos_token_id");
    config->eos = -1;
    if (cJSON_IsArray(item)) item = cJSON_GetArrayItem(item, 0);    /* several ends: the first is the model's own */
    if (item == NULL || cJSON_IsNull(item)) return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < config->V))
        return error_set(error, ERROR_INPUT, "\"eos_token_id\" is no id below vocab_size %d", config->V);
    config->eos = (int)item->valuedouble;
    return true;
}

/* A number that may be absent or null. */
static bool real(const cJSON *object, const char *name, double low, double high, double absent, double *out, struct error *error)
{
    const cJSON *item = json_member(object, name);
    *out = absent;
    return item == NULL || cJSON_IsNull(item) || json_number(object, name, low, high, out, error);
}

/* ---- rotary positions: "rope_scaling" of older files, "rope_parameters" of newer ones ---- */

static const char *const ROPE_NAMES[ROPE_KINDS] = {[ROPE_DEFAULT] = "default", [ROPE_LINEAR] = "linear", [ROPE_LLAMA3] = "llama3", [ROPE_YARN] = "yarn"};

/* How much yarn raises attention: 0.1 ln(factor) + 1, times mscale where a file has one. */
static double yarn_scale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1; }

static bool read_yarn(const cJSON *from, struct rope_scaling *s, struct error *error)
{
    double mscale, all;
    if (!real(from, "beta_slow", 0, 1e6, 1, &s->low, error) || !real(from, "beta_fast", 0, 1e6, 32, &s->high, error) ||
        !real(from, "mscale", 0, 1e6, 0, &mscale, error) || !real(from, "mscale_all_dim", 0, 1e6, 0, &all, error)) return false;
    bool both = mscale > 0 && all > 0;
    if (cJSON_IsFalse(json_member(from, "truncate"))) return error_set(error, ERROR_INPUT, "rope scaling: truncate is false; true is wanted");
    return real(from, "attention_factor", 0, 1e6, both ? yarn_scale(s->factor, mscale) / yarn_scale(s->factor, all) : yarn_scale(s->factor, 1), &s->attention, error);
}

static bool read_scaling(const cJSON *root, const cJSON *from, struct config *config, struct error *error)
{
    struct rope_scaling *s = &config->rope_scaling;
    const cJSON *type = json_member(from, "rope_type") != NULL ? json_member(from, "rope_type") : json_member(from, "type");
    *s = (struct rope_scaling){.kind = ROPE_DEFAULT, .factor = 1, .attention = 1};
    if (!cJSON_IsString(type)) return true;
    int kind = 0;
    while (kind < ROPE_KINDS && strcmp(type->valuestring, ROPE_NAMES[kind]) != 0) kind++;
    if (kind == ROPE_KINDS) return error_set(error, ERROR_INPUT, "rope_type is %.40s; default, linear, llama3 or yarn is wanted", type->valuestring);
    s->kind = (enum rope_kind)kind;
    if (kind == ROPE_DEFAULT) return true;
    double original;
    if (!json_number(from, "factor", 1, 1e6, &s->factor, error) || !real(root, "original_max_position_embeddings", 1, 1e9, config->T, &original, error) ||
        !real(from, "original_max_position_embeddings", 1, 1e9, original, &s->original, error)) return false;
    if (kind == ROPE_LLAMA3) return json_number(from, "low_freq_factor", 0, 1e6, &s->low, error) && json_number(from, "high_freq_factor", 0, 1e6, &s->high, error);
    return kind != ROPE_YARN || read_yarn(from, s, error);
}

static bool read_reals(const cJSON *root, struct config *config, struct error *error)
{
    double eps;
    bool gpt2 = config->family == FAMILY_GPT2;
    const cJSON *rope = json_member(root, "rope_scaling"), *tied = json_member(root, "tie_word_embeddings");
    if (rope == NULL || cJSON_IsNull(rope)) rope = json_member(root, "rope_parameters");
    const cJSON *home = json_member(root, "rope_theta") != NULL ? root : rope;
    if (!real(root, gpt2 ? "layer_norm_epsilon" : "rms_norm_eps", 1e-12, 0.1, gpt2 ? 1e-5 : 1e-6, &eps, error) ||
        !real(home, "rope_theta", 1, 1e12, 10000, &config->rope_theta, error) || !real(root, "initializer_range", 0, 10, 0.02, &config->init_std, error)) return false;
    config->norm_eps = (float)eps;
    config->tied = gpt2 ? !cJSON_IsFalse(tied) : cJSON_IsTrue(tied);
    if (gpt2) return true;
    config->attention_bias = cJSON_IsTrue(json_member(root, "attention_bias"));
    config->mlp_bias = cJSON_IsTrue(json_member(root, "mlp_bias"));
    return read_scaling(root, rope, config, error);
}

bool config_read(const char *folder, struct config *config, struct error *error)
{
    char path[PATH_MAX];
    *config = (struct config){0};
    if (!file_join(path, sizeof path, folder, "config.json", error)) return false;
    cJSON *root = json_read(path, FILE_LIMIT_JSON, error);
    if (root == NULL) return false;
    bool ok = read_family(root, config, error) && refuse_unknown(root, config->family == FAMILY_GPT2, error) && read_numbers(root, config, error) &&
              read_eos(root, config, error) && read_reals(root, config, error) && config_check(config, error);
    cJSON_Delete(root);
    return ok || error_prefix(error, "%s", path);
}

/* ---- writing ---- */

static const char *word(bool x) { return x ? "true" : "false"; }

static bool print_scaling(const struct rope_scaling *s, struct bytes *out, struct error *error)
{
    if (s->kind == ROPE_DEFAULT) return true;
    if (!bytes_printf(out, error, "  \"rope_scaling\": {\"rope_type\": \"%s\", \"factor\": %g", ROPE_NAMES[s->kind], s->factor)) return false;
    if (s->kind != ROPE_LINEAR && !bytes_printf(out, error, ", \"original_max_position_embeddings\": %.0f, \"%s\": %g, \"%s\": %g", s->original,
        s->kind == ROPE_YARN ? "beta_slow" : "low_freq_factor", s->low, s->kind == ROPE_YARN ? "beta_fast" : "high_freq_factor", s->high)) return false;
    if (s->kind == ROPE_YARN && !bytes_printf(out, error, ", \"attention_factor\": %.17g", s->attention)) return false;
    return bytes_append_text(out, "},\n", error);
}

static bool print_family(const struct config *c, struct bytes *out, struct error *error)
{
    if (c->family == FAMILY_GPT2)
        return bytes_printf(out, error, "  \"activation_function\": \"gelu_new\",\n  \"attn_pdrop\": 0.0,\n  \"embd_pdrop\": 0.0,\n  \"resid_pdrop\": 0.0,\n"
                            "  \"layer_norm_epsilon\": %g,\n", (double)c->norm_eps);
    return bytes_printf(out, error, "  \"hidden_act\": \"silu\",\n  \"attention_bias\": %s,\n%s%s%s  \"attention_dropout\": 0.0,\n  \"rms_norm_eps\": %g,\n  \"rope_theta\": %.17g,\n",
                        word(c->attention_bias), c->family == FAMILY_LLAMA ? "  \"mlp_bias\": " : "", c->family == FAMILY_LLAMA ? word(c->mlp_bias) : "",
                        c->family == FAMILY_LLAMA ? ",\n" : "", (double)c->norm_eps, c->rope_theta) && print_scaling(&c->rope_scaling, out, error);
}

bool config_print(const struct config *config, const char *type, struct bytes *out, struct error *error)
{
    struct config copy = *config;
    bool gpt2 = config->family == FAMILY_GPT2;
    bool ok = bytes_printf(out, error, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n",
                           FAMILY[config->family].architecture, FAMILY[config->family].model_type);
    for (int i = 0; ok && i < NUMBERS_N; i++) {
        const char *name = gpt2 ? NUMBERS[i].gpt2 : NUMBERS[i].name;
        if (name != NULL && *number(&copy, i) >= 0) ok = bytes_printf(out, error, "  \"%s\": %d,\n", name, *number(&copy, i));
    }
    if (ok && config->eos >= 0) ok = bytes_printf(out, error, "  \"eos_token_id\": %d,\n", config->eos);
    return ok && print_family(config, out, error) &&
           bytes_printf(out, error, "  \"initializer_range\": %g,\n  \"tie_word_embeddings\": %s,\n  \"use_cache\": true,\n  \"dtype\": \"%s\"\n}\n",
                        config->init_std, word(config->tied), type);
}

bool config_preset(const char *name, int V, struct config *config)
{
    static const struct { const char *name; int T, C, L, H, G, D, F; } PRESETS[] = {
        {"tiny", 1024, 64, 2, 2, 1, 32, 192},
        {"small", 1024, 192, 6, 6, 3, 32, 512},
        {"default", 1024, 256, 6, 4, 2, 64, 704},
        {"large", 1024, 384, 8, 6, 3, 64, 1024},
    };
    for (size_t i = 0; i < sizeof PRESETS / sizeof *PRESETS; i++) {
        if (strcmp(name, PRESETS[i].name) != 0) continue;
        *config = (struct config){.V = V, .T = PRESETS[i].T, .C = PRESETS[i].C, .L = PRESETS[i].L,
            .H = PRESETS[i].H, .G = PRESETS[i].G, .D = PRESETS[i].D, .F = PRESETS[i].F, .tied = true,
            .norm_eps = 1e-6f, .rope_theta = 10000, .init_std = 0.02, .bos = -1, .eos = -1, .pad = -1};
        config_set_family(config, FAMILY_QWEN3);
        return true;
    }
    return false;
}
