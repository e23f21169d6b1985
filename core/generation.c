/* The options of generate(): the table of fields and what walks it; see generation.h. Checks are in generation_check.c. */
#include "core/generation.h"
#include "core/file.h"
#include "core/mem.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum type { BOOL, INTEGER, REAL, ID, IDS, IDS_LIST, BIAS, DECAY, STRINGS, FORCE, EARLY, ORDER };

static const struct field {
    const char *name;
    enum type type;
    size_t at;
    double low, high;        /* of numbers */
} FIELDS[] = {
#define AT(member) offsetof(struct generation, member)
    {"max_length", INTEGER, AT(max_length), 1, 1048576},
    {"max_new_tokens", INTEGER, AT(max_new_tokens), 1, 1048576},
    {"min_length", INTEGER, AT(sampling.min_length), 0, 1048576},
    {"min_new_tokens", INTEGER, AT(sampling.min_new_tokens), 0, 1048576},
    {"max_time", REAL, AT(max_time), 0, 1e9},
    {"stop_strings", STRINGS, AT(stop_strings), 0, 0},
    {"do_sample", BOOL, AT(sampling.do_sample), 0, 0},
    {"num_beams", INTEGER, AT(num_beams), 1, 1024},
    {"num_return_sequences", INTEGER, AT(num_return_sequences), 1, 1024},
    {"early_stopping", EARLY, AT(early_stopping), 0, 0},
    {"length_penalty", REAL, AT(length_penalty), -100, 100},
    {"num_beam_groups", INTEGER, AT(num_beam_groups), 1, 1024},
    {"diversity_penalty", REAL, AT(sampling.diversity_penalty), 0, 1e6},
    {"force_words_ids", FORCE, 0, 0, 0},
    {"penalty_alpha", REAL, AT(penalty_alpha), 0, 1},
    {"prompt_lookup_num_tokens", INTEGER, AT(prompt_lookup_num_tokens), 0, 1024},
    {"max_matching_ngram_size", INTEGER, AT(max_matching_ngram_size), 1, 1024},
    {"temperature", REAL, AT(sampling.temperature), 0.01, 100},
    {"top_k", INTEGER, AT(sampling.top_k), 0, 1048576},
    {"top_p", REAL, AT(sampling.top_p), 0, 1},
    {"min_p", REAL, AT(sampling.min_p), 0, 1},
    {"top_h", REAL, AT(sampling.top_h), 0, 1},
    {"typical_p", REAL, AT(sampling.typical_p), 0.000001, 1},
    {"epsilon_cutoff", REAL, AT(sampling.epsilon_cutoff), 0, 0.999},
    {"eta_cutoff", REAL, AT(sampling.eta_cutoff), 0, 0.999},
    {"repetition_penalty", REAL, AT(sampling.repetition_penalty), 0.01, 100},
    {"encoder_repetition_penalty", REAL, AT(sampling.encoder_repetition_penalty), 0.01, 100},
    {"no_repeat_ngram_size", INTEGER, AT(sampling.no_repeat_ngram_size), 0, 1024},
    {"encoder_no_repeat_ngram_size", INTEGER, AT(sampling.encoder_no_repeat_ngram_size), 0, 1024},
    {"bad_words_ids", IDS_LIST, AT(sampling.bad_words), 0, 0},
    {"sequence_bias", BIAS, 0, 0, 0},
    {"suppress_tokens", IDS, AT(sampling.suppress), 0, 0},
    {"begin_suppress_tokens", IDS, AT(sampling.begin_suppress), 0, 0},
    {"forced_bos_token_id", ID, AT(sampling.forced_bos), 0, 0},
    {"forced_eos_token_id", IDS, AT(sampling.forced_eos), 0, 0},
    {"exponential_decay_length_penalty", DECAY, 0, 0, 0},
    {"remove_invalid_values", BOOL, AT(sampling.remove_invalid_values), 0, 0},
    {"renormalize_logits", BOOL, AT(sampling.renormalize_logits), 0, 0},
    {"guidance_scale", REAL, AT(guidance_scale), 0, 20},
    {"negative_prompt_ids", IDS, AT(negative_prompt), 0, 0},
    {"bos_token_id", ID, AT(bos), 0, 0},
    {"eos_token_id", IDS, AT(sampling.eos), 0, 0},
    {"pad_token_id", ID, AT(pad), 0, 0},
    {"min_keep", INTEGER, AT(sampling.min_keep), 0, 1024},
    {"repeat_last_n", INTEGER, AT(sampling.penalty_last_n), -1, 1048576},
    {"repeat_penalty", REAL, AT(sampling.penalty_repeat), 0.01, 100},
    {"frequency_penalty", REAL, AT(sampling.penalty_freq), -100, 100},
    {"presence_penalty", REAL, AT(sampling.penalty_present), -100, 100},
    {"dry_multiplier", REAL, AT(sampling.dry_multiplier), 0, 100},
    {"dry_base", REAL, AT(sampling.dry_base), 0, 100},
    {"dry_allowed_length", INTEGER, AT(sampling.dry_allowed_length), 1, 1024},
    {"dry_penalty_last_n", INTEGER, AT(sampling.dry_penalty_last_n), -1, 1048576},
    {"dry_sequence_breakers_ids", IDS_LIST, AT(sampling.dry_breakers), 0, 0},
    {"top_n_sigma", REAL, AT(sampling.top_n_sigma), -1, 100},
    {"xtc_probability", REAL, AT(sampling.xtc_probability), 0, 1},
    {"xtc_threshold", REAL, AT(sampling.xtc_threshold), 0, 1},
    {"mirostat", INTEGER, AT(sampling.mirostat), 0, 2},
    {"mirostat_tau", REAL, AT(sampling.mirostat_tau), 0, 100},
    {"mirostat_eta", REAL, AT(sampling.mirostat_eta), 0, 1},
    {"samplers", ORDER, 0, 0, 0},
#undef AT
};

/* Members of generation_config.json that change no result here. */
static const char *const IGNORED[] = {
    "transformers_version", "_from_model_config", "_commit_hash", "_original_object_hash", "use_cache", "cache_implementation", "cache_config",
    "max_cache_len", "return_legacy_cache", "output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate",
    "decoder_start_token_id", "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold", "assistant_lookbehind",
    "target_lookbehind", "is_assistant", "low_memory", "compile_config", "disable_compile", "prefill_chunk_size", "trust_remote_code"};
/* Members that change the result and cannot be obeyed, with the values that switch them off. */
static const char *const REFUSED[] = {"constraints", "dola_layers", "watermarking_config", "token_healing", "assistant_early_exit", "use_mtp"};

static bool same_name(const char *given, const char *name)
{
    while (*given != '\0' && (*given == '-' ? '_' : *given) == *name) given++, name++;
    return *given == '\0' && *name == '\0';
}

static const struct field *find(const char *name)
{
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++)
        if (same_name(name, FIELDS[i].name)) return &FIELDS[i];
    return NULL;
}

bool generation_has(const char *name) { return find(name) != NULL; }

static void strings_free(struct strings *s)
{
    for (size_t i = 0; i < s->n; i++) mem_free(s->text[i]);
    mem_free(s->text);
    *s = (struct strings){0};
}

static void force_words_free(struct generation *g)
{
    for (size_t i = 0; i < g->force_words_n; i++) ids_list_free(&g->force_words[i].words);
    mem_free(g->force_words);
    g->force_words = NULL;
    g->force_words_n = 0;
}

void generation_free(struct generation *g)
{
    sampling_free(&g->sampling);
    strings_free(&g->stop_strings);
    force_words_free(g);
    ids_free(&g->negative_prompt);
}

/* ---- values ---- */

static bool set_number(struct generation *g, const struct field *f, double x, const char *who, struct error *error)
{
    void *to = (char *)g + f->at;
    if (f->type == INTEGER && floor(x) != x) return error_set(error, ERROR_INPUT, "%s: %.15g is no whole number; %.15g to %.15g is wanted", who, x, f->low, f->high);
    if (!(x >= f->low && x <= f->high)) return error_set(error, ERROR_INPUT, "%s: %.15g is out of range; %.15g to %.15g is wanted", who, x, f->low, f->high);
    if (f->type == INTEGER) *(int *)to = (int)x;
    else *(double *)to = x;
    return true;
}

static bool read_id(const cJSON *item, const char *who, int32_t *out, struct error *error)
{
    double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (x < 0 || x > INT32_MAX || floor(x) != x) return error_set(error, ERROR_INPUT, "%s: holds something that is no id", who);
    *out = (int32_t)x;
    return true;
}

/* A list of ids, or one. */
static bool read_ids(const cJSON *value, const char *who, struct ids *out, struct error *error)
{
    const cJSON *item;
    int32_t id = -1;
    ids_free(out);
    if (cJSON_IsNumber(value)) return read_id(value, who, &id, error) && ids_append(out, id, error);
    if (!cJSON_IsArray(value)) return error_set(error, ERROR_INPUT, "%s: a JSON list of ids is wanted", who);
    cJSON_ArrayForEach(item, value)
        if (!read_id(item, who, &id, error) || !ids_append(out, id, error)) return false;
    return true;
}

static bool read_word(const cJSON *value, const char *who, struct ids *out, struct error *error)
{
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) == 0) return error_set(error, ERROR_INPUT, "%s: a JSON list of lists of ids, none of them empty, is wanted", who);
    return read_ids(value, who, out, error);
}

static bool read_ids_list(const cJSON *value, const char *who, struct ids_list *out, struct error *error)
{
    const cJSON *item;
    ids_list_free(out);
    if (!cJSON_IsArray(value)) return error_set(error, ERROR_INPUT, "%s: a JSON list of lists of ids is wanted", who);
    cJSON_ArrayForEach(item, value) {
        struct ids *word = ids_list_add(out, error);
        if (word == NULL || !read_word(item, who, word, error)) return false;
    }
    return true;
}

/* [[[5, 6], -1.5], [[9], 2.0]] */
static bool read_bias(struct generation *g, const cJSON *value, const char *who, struct error *error)
{
    const cJSON *item;
    size_t n = (size_t)cJSON_GetArraySize(value);
    if (!cJSON_IsArray(value) || g->sampling.bias_n > 0)
        return error_set(error, ERROR_INPUT, "%s: a JSON list of pairs like [[5,6],-1.5] is wanted, once", who);
    g->sampling.bias = mem_alloc(n, sizeof *g->sampling.bias, error);
    if (g->sampling.bias == NULL) return false;
    cJSON_ArrayForEach(item, value) {
        const cJSON *ids = cJSON_GetArrayItem(item, 0), *number = cJSON_GetArrayItem(item, 1);
        struct sampling_bias *bias = &g->sampling.bias[g->sampling.bias_n];
        if (cJSON_GetArraySize(item) != 2 || !cJSON_IsNumber(number)) return error_set(error, ERROR_INPUT, "%s: a JSON list of pairs like [[5,6],-1.5] is wanted", who);
        g->sampling.bias_n++;
        bias->value = number->valuedouble;
        if (!read_word(ids, who, &bias->ids, error)) return false;
    }
    return true;
}

/* [start, factor] */
static bool read_decay(struct generation *g, const cJSON *value, const char *who, struct error *error)
{
    const cJSON *start = cJSON_GetArrayItem(value, 0), *factor = cJSON_GetArrayItem(value, 1);
    bool ok = cJSON_IsArray(value) && cJSON_GetArraySize(value) == 2 && cJSON_IsNumber(start) && cJSON_IsNumber(factor) && start->valuedouble >= 0 &&
              start->valuedouble <= 1048576 && floor(start->valuedouble) == start->valuedouble && factor->valuedouble > 0 && factor->valuedouble < 1e6;
    if (!ok) return error_set(error, ERROR_INPUT, "%s: a pair [start, factor] like [10,1.05] is wanted", who);
    g->sampling.decay_start = (int)start->valuedouble, g->sampling.decay_factor = factor->valuedouble;
    return true;
}

bool generation_add_stop(struct generation *g, const char *text, struct error *error)
{
    char **more = mem_resize(g->stop_strings.text, g->stop_strings.n + 1, sizeof *more, error);
    if (more == NULL) return false;
    g->stop_strings.text = more;
    if (text[0] == '\0') return error_set(error, ERROR_INPUT, "a stop string is empty; letters are wanted");
    more[g->stop_strings.n] = mem_copy_string(text, error);
    return more[g->stop_strings.n] != NULL && ++g->stop_strings.n;
}

static bool read_strings(struct generation *g, const cJSON *value, const char *who, struct error *error)
{
    const cJSON *item;
    strings_free(&g->stop_strings);
    if (cJSON_IsString(value)) return generation_add_stop(g, value->valuestring, error);
    if (!cJSON_IsArray(value)) return error_set(error, ERROR_INPUT, "%s: a text or a JSON list of texts is wanted", who);
    cJSON_ArrayForEach(item, value) {
        if (!cJSON_IsString(item)) return error_set(error, ERROR_INPUT, "%s: a text or a JSON list of texts is wanted", who);
        if (!generation_add_stop(g, item->valuestring, error)) return false;
    }
    return true;
}

/* [[5, 6], [[7], [8, 9]]]: a word, or a list of words one of which is wanted. */
static bool read_force(struct generation *g, const cJSON *value, const char *who, struct error *error)
{
    const cJSON *item;
    force_words_free(g);
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) == 0) return error_set(error, ERROR_INPUT, "%s: a JSON list of lists of ids is wanted", who);
    g->force_words = mem_alloc((size_t)cJSON_GetArraySize(value), sizeof *g->force_words, error);
    if (g->force_words == NULL) return false;
    cJSON_ArrayForEach(item, value) {
        struct ids_list *words = &g->force_words[g->force_words_n++].words;
        bool several = cJSON_IsArray(cJSON_GetArrayItem(item, 0));
        struct ids *word = several ? NULL : ids_list_add(words, error);
        if (several ? !read_ids_list(item, who, words, error) : (word == NULL || !read_word(item, who, word, error))) return false;
    }
    return true;
}

static bool read_early(struct generation *g, const cJSON *value, const char *who, struct error *error)
{
    static const char *const names[] = {"false", "true", "never"};
    for (int i = 0; i < 3; i++)
        if ((cJSON_IsString(value) && strcmp(value->valuestring, names[i]) == 0) || (i == 0 && cJSON_IsFalse(value)) || (i == 1 && cJSON_IsTrue(value))) {
            g->early_stopping = (enum early_stopping)i;
            return true;
        }
    return error_set(error, ERROR_INPUT, "%s: true, false or never is wanted", who);
}

static bool set_bool(struct generation *g, const struct field *f, const cJSON *value, const char *who, struct error *error)
{
    if (!cJSON_IsBool(value)) return error_set(error, ERROR_INPUT, "%s: true or false is wanted", who);
    *(bool *)((char *)g + f->at) = cJSON_IsTrue(value);
    return true;
}

bool generation_set(struct generation *g, const char *name, const cJSON *value, const char *who, struct error *error)
{
    const struct field *f = find(name);
    if (f == NULL) return error_set(error, ERROR_INPUT, "%s: there is no such option", who);
    if (cJSON_IsNull(value)) return true;
    void *to = (char *)g + f->at;
    switch (f->type) {
        case BOOL: return set_bool(g, f, value, who, error);
        case INTEGER: case REAL:
            if (!cJSON_IsNumber(value)) return error_set(error, ERROR_INPUT, "%s: is no number; %.15g to %.15g is wanted", who, f->low, f->high);
            return set_number(g, f, value->valuedouble, who, error);
        case ID: return read_id(value, who, to, error);
        case IDS: return read_ids(value, who, to, error);
        case IDS_LIST: return read_ids_list(value, who, to, error);
        case BIAS: return read_bias(g, value, who, error);
        case DECAY: return read_decay(g, value, who, error);
        case STRINGS: return read_strings(g, value, who, error);
        case FORCE: return read_force(g, value, who, error);
        case EARLY: return read_early(g, value, who, error);
        case ORDER: break;
    }
    if (!cJSON_IsString(value)) return error_set(error, ERROR_INPUT, "%s: names with ';' between them are wanted", who);
    return sampling_order(&g->sampling, value->valuestring, error) || error_prefix(error, "%s", who);
}

bool generation_set_text(struct generation *g, const char *name, const char *text, const char *who, struct error *error)
{
    const struct field *f = find(name);
    if (f != NULL && (f->type == INTEGER || f->type == REAL)) {
        char *end;
        errno = 0;
        double x = strtod(text, &end);
        bool number = end != text && *end == '\0' && errno == 0 && isfinite(x) && (f->type == REAL || floor(x) == x);
        if (!number) return error_set(error, ERROR_INPUT, "%s: '%.60s' is no %s; %.15g to %.15g is wanted", who, text, f->type == INTEGER ? "whole number" : "number", f->low, f->high);
        return set_number(g, f, x, who, error);
    }
    bool plain = f != NULL && (f->type == ORDER || f->type == STRINGS || (f->type == EARLY && strcmp(text, "never") == 0));
    cJSON *value = plain ? cJSON_CreateString(text) : json_parse(text, strlen(text), error);
    if (value == NULL) return plain ? error_set(error, ERROR_MEMORY, "%s: no memory", who) : error_prefix(error, "%s", who);
    bool ok = generation_set(g, name, value, who, error);
    cJSON_Delete(value);
    return ok;
}

/* ---- generation_config.json ---- */

static bool among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static bool neutral(const cJSON *value)
{
    return cJSON_IsNull(value) || cJSON_IsFalse(value) || (cJSON_IsArray(value) && cJSON_GetArraySize(value) == 0);
}

static bool read_members(const cJSON *root, bool all, struct generation *g, struct bytes *notes, struct error *error)
{
    const cJSON *item;
    bool legacy = cJSON_IsTrue(json_member(root, "_from_model_config"));       /* whose other members Hugging Face ignores too */
    cJSON_ArrayForEach(item, root) {
        struct error problem = {0};
        const struct field *f = find(item->string);
        if (f != NULL) {
            if (generation_set(g, item->string, item, item->string, &problem)) continue;
            if (problem.kind == ERROR_MEMORY || !cJSON_IsNumber(item) || (f->type != INTEGER && f->type != REAL)) { *error = problem; return false; }
            if (!bytes_printf(notes, error, "%s; left out\n", problem.text)) return false;         /* a number no step could use */
        } else if (all && !neutral(item) && among(item->string, REFUSED, sizeof REFUSED / sizeof *REFUSED))
            return error_set(error, ERROR_INPUT, "%s is not supported; it must be taken out", item->string);
        else if (all && !legacy && !neutral(item) && !among(item->string, IGNORED, sizeof IGNORED / sizeof *IGNORED) &&
                 !bytes_printf(notes, error, "%s is unknown; left out\n", item->string)) return false;
    }
    return true;
}

bool generation_read(const char *folder, struct generation *g, struct bytes *notes, struct error *error)
{
    char path[PATH_MAX];
    if (!file_join(path, sizeof path, folder, "generation_config.json", error)) return false;
    bool own = file_exists(path);
    if (!own && !file_join(path, sizeof path, folder, "config.json", error)) return false;
    cJSON *root = json_read(path, FILE_LIMIT_JSON, error);
    if (root == NULL) return false;
    bool ok = read_members(root, own, g, notes, error) || error_prefix(error, "%s", path);
    cJSON_Delete(root);
    return ok;
}
