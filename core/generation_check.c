/* Options against each other and against a model: which search they ask for, and what does not go together; see generation.h. */
#include "core/generation.h"

#include <string.h>

enum generation_mode generation_mode(const struct generation *g)
{
    if (g->force_words_n > 0) return GENERATION_CONSTRAINED_BEAM;
    if (g->num_beams == 1 && g->sampling.do_sample) return GENERATION_SAMPLE;
    if (g->num_beams == 1) return g->sampling.top_k > 1 && g->penalty_alpha > 0 ? GENERATION_CONTRASTIVE : GENERATION_GREEDY;
    return g->num_beam_groups > 1 ? GENERATION_GROUP_BEAM : GENERATION_BEAM;
}

static bool check_ids(const struct ids *ids, const char *name, int V, struct error *error)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->id[i] >= V) return error_set(error, ERROR_INPUT, "%s: id %d; 0 to %d is wanted", name, (int)ids->id[i], V - 1);
    return true;
}

static bool check_lists(const struct generation *g, int V, struct error *error)
{
    bool ok = check_ids(&g->sampling.forced_eos, "forced_eos_token_id", V, error) && check_ids(&g->negative_prompt, "negative_prompt_ids", V, error);
    for (size_t i = 0; ok && i < g->sampling.bad_words.n; i++) ok = check_ids(&g->sampling.bad_words.list[i], "bad_words_ids", V, error);
    for (size_t i = 0; ok && i < g->sampling.bias_n; i++) ok = check_ids(&g->sampling.bias[i].ids, "sequence_bias", V, error);
    for (size_t i = 0; ok && i < g->force_words_n; i++)
        for (size_t k = 0; ok && k < g->force_words[i].words.n; k++) ok = check_ids(&g->force_words[i].words.list[k], "force_words_ids", V, error);
    return ok;
}

/* A list of alternatives none of which may begin another. */
static bool check_force(const struct generation *g, struct error *error)
{
    for (size_t i = 0; i < g->force_words_n; i++) {
        const struct ids_list *words = &g->force_words[i].words;
        for (size_t a = 0; a < words->n; a++)
            for (size_t b = 0; b < words->n; b++) {
                const struct ids *x = &words->list[a], *y = &words->list[b];
                if (a != b && x->n <= y->n && memcmp(x->id, y->id, x->n * sizeof *x->id) == 0)
                    return error_set(error, ERROR_INPUT, "force_words_ids: one of several words is the beginning of another; words apart are wanted");
            }
    }
    return true;
}

static bool check_modes(const struct generation *g, struct error *error)
{
    const struct sampling *s = &g->sampling;
    enum generation_mode mode = generation_mode(g);
    bool stiff = mode == GENERATION_GROUP_BEAM || mode == GENERATION_CONSTRAINED_BEAM;
    if (g->num_return_sequences > 1 && g->num_beams == 1 && !s->do_sample)
        return error_set(error, ERROR_INPUT, "num_return_sequences: %d; greedy search has one result, so do_sample or num_beams is wanted", g->num_return_sequences);
    if (g->num_beams > 1 && g->num_return_sequences > g->num_beams)
        return error_set(error, ERROR_INPUT, "num_return_sequences: %d; at most num_beams, %d, is wanted", g->num_return_sequences, g->num_beams);
    if (mode == GENERATION_CONSTRAINED_BEAM && g->num_beams == 1) return error_set(error, ERROR_INPUT, "force_words_ids: num_beams is 1; at least 2 is wanted");
    if (mode == GENERATION_CONSTRAINED_BEAM && g->num_beam_groups > 1) return error_set(error, ERROR_INPUT, "force_words_ids: num_beam_groups is %d; 1 is wanted", g->num_beam_groups);
    if (stiff && s->do_sample) return error_set(error, ERROR_INPUT, "%s: does not sample; do_sample must be off", g->force_words_n > 0 ? "force_words_ids" : "num_beam_groups");
    if (mode == GENERATION_GROUP_BEAM && g->num_beams % g->num_beam_groups != 0)
        return error_set(error, ERROR_INPUT, "num_beam_groups: %d; a divisor of num_beams, %d, is wanted", g->num_beam_groups, g->num_beams);
    if (mode == GENERATION_GROUP_BEAM && !(s->diversity_penalty > 0)) return error_set(error, ERROR_INPUT, "diversity_penalty: 0; more is wanted for num_beam_groups");
    if (g->num_beam_groups > 1 && mode != GENERATION_GROUP_BEAM && mode != GENERATION_CONSTRAINED_BEAM)
        return error_set(error, ERROR_INPUT, "num_beam_groups: %d, but num_beams is %d; at least as many beams are wanted", g->num_beam_groups, g->num_beams);
    if (g->guidance_scale != 1 && (mode == GENERATION_CONTRASTIVE || g->prompt_lookup_num_tokens > 0))
        return error_set(error, ERROR_INPUT, "guidance_scale: goes with neither penalty_alpha nor prompt_lookup_num_tokens; 1 is wanted");
    if (g->prompt_lookup_num_tokens > 0 && g->num_return_sequences > 1)
        return error_set(error, ERROR_INPUT, "prompt_lookup_num_tokens: num_return_sequences is %d; 1 is wanted", g->num_return_sequences);
    if (s->mirostat == 1) return error_set(error, ERROR_INPUT, "mirostat: version 1 is not here; 0 or 2 is wanted");
    if (s->mirostat == 2 && g->num_beams > 1) return error_set(error, ERROR_INPUT, "mirostat: does not go with beams; num_beams 1 is wanted");
    return true;
}

static bool check_forced(const struct generation *g, struct error *error)
{
    const struct sampling *s = &g->sampling;
    size_t suppressed = 0;
    for (size_t i = 0; i < s->forced_eos.n; i++) suppressed += ids_have(&s->suppress, s->forced_eos.id[i]);
    if ((s->forced_eos.n > 0 && suppressed == s->forced_eos.n) || (s->forced_bos >= 0 && ids_have(&s->suppress, s->forced_bos)))
        return error_set(error, ERROR_INPUT, "suppress_tokens: holds the forced id; another one is wanted");
    return true;
}

bool generation_check(const struct generation *g, int V, struct error *error)
{
    if (g->sampling.forced_bos >= V || g->pad >= V) return error_set(error, ERROR_INPUT, "forced_bos_token_id or pad_token_id: beyond the vocabulary; 0 to %d is wanted", V - 1);
    return check_lists(g, V, error) && check_force(g, error) && check_modes(g, error) && check_forced(g, error);
}

bool generation_last(const struct generation *g, size_t n, int T, size_t *last, struct error *error)
{
    enum { NEW = 20 };
    size_t end = g->max_new_tokens > 0 ? n + (size_t)g->max_new_tokens : g->max_length > 0 ? (size_t)g->max_length : n + NEW;
    if (n >= (size_t)T) return error_set(error, ERROR_INPUT, "the prompt takes %zu tokens; less than %d, the model's context, is wanted", n, T);
    if (end <= n) return error_set(error, ERROR_INPUT, "max_length: %zu, but the prompt takes %zu tokens; more, or max_new_tokens, is wanted", end, n);
    *last = end < (size_t)T ? end : (size_t)T;
    return true;
}

int32_t generation_pad(const struct generation *g)
{
    return g->pad >= 0 ? g->pad : g->sampling.eos.n > 0 ? g->sampling.eos.id[0] : -1;
}
