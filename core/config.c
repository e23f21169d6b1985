/* config.json; see config.h. One table says where each number stands, its range and its default. */
#include "core/config.h"
#include "core/file.h"
#include "core/json.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

static const struct { const char *model_type, *architecture; } FAMILY[FAMILIES] = {
    [FAMILY_LLAMA] = {"llama", "LlamaForCausalLM"},
    [FAMILY_QWEN3] = {"qwen3", "Qwen3ForCausalLM"},
};

enum { NEEDED = INT_MIN };   /* no default: the member must be there */

/* Whole numbers of config.json: name, offset in struct config, least, most, default when absent. */
static const struct { const char *name; size_t at; int low, high, absent; } NUMBERS[] = {
    {"vocab_size", offsetof(struct config, V), 2, 1 << 20, NEEDED},
    {"max_position_embeddings", offsetof(struct config, T), 1, 1 << 20, NEEDED},
    {"hidden_size", offsetof(struct config, C), 1, 1 << 15, NEEDED},
    {"num_hidden_layers", offsetof(struct config, L), 1, 512, NEEDED},
    {"num_attention_heads", offsetof(struct config, H), 1, 1024, NEEDED},
    {"num_key_value_heads", offsetof(struct config, G), 1, 1024, 0},      /* absent: as many as query heads */
    {"head_dim", offsetof(struct config, D), 2, 1024, 0},                 /* absent: C / H */
    {"intermediate_size", offsetof(struct config, F), 1, 1 << 17, NEEDED},
    {"bos_token_id", offsetof(struct config, bos), -1, 1 << 20, -1},
    {"pad_token_id", offsetof(struct config, pad), -1, 1 << 20, -1},
};
enum { NUMBERS_N = sizeof NUMBERS / sizeof *NUMBERS };

static int *number(struct config *config, int i) { return (int *)(void *)((char *)config + NUMBERS[i].at); }

bool config_check(const struct config *c, struct error *error)
{
    if (c->H % c->G != 0) return error_set(error, ERROR_INPUT, "num_key_value_heads %d does not divide num_attention_heads %d", c->G, c->H);
    if (c->D % 2 != 0) return error_set(error, ERROR_INPUT, "head_dim %d is odd; rotary positions want an even one", c->D);
    if (!(c->norm_eps > 0 && c->norm_eps < 0.1f)) return error_set(error, ERROR_INPUT, "rms_norm_eps %g is not between 0 and 0.1", (double)c->norm_eps);
    if (!(c->rope_theta >= 1 && c->rope_theta <= 1e12)) return error_set(error, ERROR_INPUT, "rope_theta %g is not between 1 and 1e12", c->rope_theta);
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
        config->family = (enum family)f;
        config->qk_norm = f == FAMILY_QWEN3;
        return true;
    }
    return error_set(error, ERROR_INPUT, "model_type is %.40s; llama or qwen3 is wanted", type);
}

/* Members whose presence changes the arithmetic in a way that is not built here. */
static bool refuse_unknown(const cJSON *root, struct error *error)
{
    const cJSON *item = json_member(root, "hidden_act");
    if (cJSON_IsString(item) && strcmp(item->valuestring, "silu") != 0)
        return error_set(error, ERROR_INPUT, "hidden_act is %.40s; silu is wanted", item->valuestring);
    if (cJSON_IsTrue(json_member(root, "attention_bias")) || cJSON_IsTrue(json_member(root, "mlp_bias")))
        return error_set(error, ERROR_INPUT, "attention_bias or mlp_bias is true; models without them are wanted");
    if (cJSON_IsTrue(json_member(root, "use_sliding_window")))
        return error_set(error, ERROR_INPUT, "use_sliding_window is true; full attention is wanted");
    const cJSON *scaling = json_member(root, "rope_scaling");
    if (scaling == NULL || cJSON_IsNull(scaling)) scaling = json_member(root, "rope_parameters");
    item = json_member(scaling, "rope_type");
    if (cJSON_IsString(item) && strcmp(item->valuestring, "default") != 0)
        return error_set(error, ERROR_INPUT, "rope_type is %.40s; default is wanted", item->valuestring);
    return true;
}

static bool read_numbers(const cJSON *root, struct config *config, struct error *error)
{
    for (int i = 0; i < NUMBERS_N; i++) {
        const cJSON *item = json_member(root, NUMBERS[i].name);
        int64_t x = NUMBERS[i].absent;
        if ((item == NULL || cJSON_IsNull(item)) && x != NEEDED) {
            *number(config, i) = NUMBERS[i].absent;
            continue;
        }
        if (!json_integer(root, NUMBERS[i].name, NUMBERS[i].low, NUMBERS[i].high, &x, error)) return false;
        *number(config, i) = (int)x;
    }
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

static bool read_reals(const cJSON *root, struct config *config, struct error *error)
{
    double eps = 1e-6, theta = 10000, std = 0.02;
    const cJSON *rope = json_member(root, "rope_parameters");
    const cJSON *home = json_member(root, "rope_theta") != NULL ? root : rope;
    if (json_member(root, "rms_norm_eps") && !json_number(root, "rms_norm_eps", 1e-12, 0.1, &eps, error)) return false;
    if (json_member(home, "rope_theta") && !json_number(home, "rope_theta", 1, 1e12, &theta, error)) return false;
    if (json_member(root, "initializer_range") && !json_number(root, "initializer_range", 0, 10, &std, error)) return false;
    config->norm_eps = (float)eps;
    config->rope_theta = theta;
    config->init_std = std;
    config->tied = cJSON_IsTrue(json_member(root, "tie_word_embeddings"));
    return true;
}

bool config_read(const char *folder, struct config *config, struct error *error)
{
    char path[PATH_MAX];
    *config = (struct config){0};
    if (!file_join(path, sizeof path, folder, "config.json", error)) return false;
    cJSON *root = json_read(path, FILE_LIMIT_JSON, error);
    if (root == NULL) return false;
    bool ok = read_family(root, config, error) && refuse_unknown(root, error) && read_numbers(root, config, error) &&
              read_eos(root, config, error) && read_reals(root, config, error) && config_check(config, error);
    cJSON_Delete(root);
    return ok || error_prefix(error, "%s", path);
}

bool config_print(const struct config *config, const char *type, struct bytes *out, struct error *error)
{
    struct config copy = *config;
    bool ok = bytes_printf(out, error, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n",
                           FAMILY[config->family].architecture, FAMILY[config->family].model_type);
    for (int i = 0; ok && i < NUMBERS_N; i++)
        if (*number(&copy, i) >= 0) ok = bytes_printf(out, error, "  \"%s\": %d,\n", NUMBERS[i].name, *number(&copy, i));
    if (ok && config->eos >= 0) ok = bytes_printf(out, error, "  \"eos_token_id\": %d,\n", config->eos);
    return ok && bytes_printf(out, error,
        "  \"hidden_act\": \"silu\",\n  \"attention_bias\": false,\n  \"attention_dropout\": 0.0,\n  \"rms_norm_eps\": %g,\n"
        "  \"rope_theta\": %g,\n  \"initializer_range\": %g,\n  \"tie_word_embeddings\": %s,\n  \"use_cache\": true,\n  \"dtype\": \"%s\"\n}\n",
        (double)config->norm_eps, config->rope_theta, config->init_std, config->tied ? "true" : "false", type);
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
        *config = (struct config){.family = FAMILY_QWEN3, .V = V, .T = PRESETS[i].T, .C = PRESETS[i].C, .L = PRESETS[i].L,
            .H = PRESETS[i].H, .G = PRESETS[i].G, .D = PRESETS[i].D, .F = PRESETS[i].F, .tied = true, .qk_norm = true,
            .norm_eps = 1e-6f, .rope_theta = 10000, .init_std = 0.02, .bos = -1, .eos = -1, .pad = -1};
        return true;
    }
    return false;
}
