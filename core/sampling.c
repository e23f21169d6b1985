/* The sampling chain: the table of its steps, their order, and the choice; see sampling.h. The steps are in
 * sampling_processors.c (what may come next), sampling_warpers.c (how likely) and sampling_llama.c (llama.cpp's). */
#include "core/sampling.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/sampling_inside.h"

#include <math.h>
#include <string.h>

void sampling_free(struct sampling *s)
{
    ids_free(&s->forced_eos), ids_free(&s->eos), ids_free(&s->suppress), ids_free(&s->begin_suppress);
    ids_list_free(&s->bad_words), ids_list_free(&s->dry_breakers);
    for (size_t i = 0; i < s->bias_n; i++) ids_free(&s->bias[i].ids);
    mem_free(s->bias);
    s->bias = NULL;
    s->bias_n = 0;
}

bool sampling_scratch_init(struct sampling_scratch *x, int V, struct error *error)
{
    *x = (struct sampling_scratch){.V = V, .values = mem_alloc((size_t)V, sizeof *x->values, error),
        .order = mem_alloc((size_t)V, sizeof *x->order, error), .sorted = mem_alloc((size_t)V, sizeof *x->sorted, error)};
    if (x->values != NULL && x->order != NULL && x->sorted != NULL) return true;
    sampling_scratch_free(x);
    return false;
}

void sampling_scratch_free(struct sampling_scratch *x)
{
    mem_free(x->values);
    mem_free(x->order);
    mem_free(x->sorted);
    *x = (struct sampling_scratch){0};
}

/* The chain. `cuts`: a step that narrows or reshapes the distribution, run only when sampling. */
#define STEP(name) step_##name##_on, step_##name
static const struct step {
    const char *name, *alias;
    bool movable, cuts;
    bool (*on)(const struct work *w);
    void (*apply)(struct work *w);
} CHAIN[] = {
    {"sequence_bias", NULL, false, false, STEP(bias)},
    {"diversity_penalty", NULL, false, false, STEP(diversity)},
    {"encoder_repetition_penalty", NULL, false, false, STEP(encoder_repetition)},
    {"repetition_penalty", NULL, false, false, STEP(repetition)},
    {"no_repeat_ngram_size", NULL, false, false, STEP(ngram)},
    {"encoder_no_repeat_ngram_size", NULL, false, false, STEP(encoder_ngram)},
    {"bad_words_ids", NULL, false, false, STEP(bad_words)},
    {"min_length", NULL, false, false, STEP(min_length)},
    {"min_new_tokens", NULL, false, false, STEP(min_new)},
    {"constraint", NULL, false, false, STEP(constraint)},
    {"forced_bos_token_id", NULL, false, false, STEP(forced_bos)},
    {"forced_eos_token_id", NULL, false, false, STEP(forced_eos)},
    {"remove_invalid_values", NULL, false, false, STEP(invalid)},
    {"exponential_decay_length_penalty", NULL, false, false, STEP(decay)},
    {"suppress_tokens", NULL, false, false, STEP(suppress)},
    {"begin_suppress_tokens", NULL, false, false, STEP(begin_suppress)},
    {"penalties", NULL, true, false, STEP(penalties)},
    {"dry", NULL, true, false, STEP(dry)},
    {"top_n_sigma", NULL, true, true, STEP(top_n_sigma)},
    {"temperature", "temp", true, true, STEP(temperature)},
    {"top_h", NULL, true, true, STEP(top_h)},
    {"top_k", NULL, true, true, STEP(top_k)},
    {"top_p", NULL, true, true, STEP(top_p)},
    {"min_p", NULL, true, true, STEP(min_p)},
    {"typical_p", "typ_p", true, true, STEP(typical)},
    {"epsilon_cutoff", NULL, true, true, STEP(epsilon)},
    {"eta_cutoff", NULL, true, true, STEP(eta)},
    {"xtc", NULL, true, true, STEP(xtc)},
    {"mirostat", NULL, true, true, STEP(mirostat)},
    {"renormalize_logits", NULL, false, false, STEP(renormalize)},
};
#undef STEP
enum { STEPS = sizeof CHAIN / sizeof *CHAIN };

const char *sampling_step(int i) { return i < STEPS ? CHAIN[i].name : NULL; }

static bool same_name(const char *given, size_t n, const char *name)
{
    if (name == NULL || strlen(name) != n) return false;
    for (size_t i = 0; i < n; i++)
        if ((given[i] == '-' ? '_' : given[i]) != name[i]) return false;
    return true;
}

bool sampling_order(struct sampling *s, const char *names, struct error *error)
{
    s->order_n = 0;
    for (const char *at = names; *at != '\0';) {
        size_t n = strcspn(at, ";,");
        int found = -1;
        for (int i = 0; i < STEPS; i++)
            if (CHAIN[i].movable && (same_name(at, n, CHAIN[i].name) || same_name(at, n, CHAIN[i].alias))) found = i;
        if (found < 0)
            return error_set(error, ERROR_INPUT, "'%.*s' is no step; penalties, dry, top_n_sigma, temperature, top_h, top_k, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff, xtc or mirostat is wanted", (int)(n < 40 ? n : 40), at);
        for (int i = 0; i < s->order_n; i++)
            if (s->order[i] == found) return error_set(error, ERROR_INPUT, "step %s stands twice", CHAIN[found].name);
        s->order[s->order_n++] = (uint8_t)found;
        at += n + (at[n] != '\0');
    }
    return true;
}

static void run(struct work *w, const struct step *step)
{
    if ((!step->cuts || w->s->do_sample) && step->on(w)) step->apply(w);
}

void sampling_process(const struct sampling *s, const struct sampling_context *c, struct sampling_scratch *scratch, float *logits)
{
    struct work w = {s, c, scratch, logits, scratch->V};
    bool moved = false;
    for (int i = 0; i < STEPS; i++) {
        if (s->order_n == 0 || !CHAIN[i].movable) run(&w, &CHAIN[i]);
        else if (!moved) {                                     /* the first of the movable steps: all of them, as ordered */
            for (int k = 0; k < s->order_n; k++) run(&w, &CHAIN[s->order[k]]);
            moved = true;
        }
    }
}

static int32_t best_of(const float *x, int V)
{
    int best = 0;
    for (int i = 1; i < V; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* The likeliest id that the constraint allows, when the other steps have forbidden everything. */
static int32_t fallback(const struct sampling_context *c, int V)
{
    for (int i = 0; c->allowed != NULL && i < V; i++)
        if (SAMPLING_IS_ALLOWED(c->allowed[i])) return i;
    return 0;
}

static int32_t draw(struct work *w, int32_t best)
{
    double sum = 0, mark = 0;
    for (int i = 0; i < w->V; i++) mark += (double)w->scratch->values[i];
    mark *= random_unit(w->s->seed, w->c->piece, w->c->n);
    for (int i = 0; i < w->V; i++) {
        sum += (double)w->scratch->values[i];
        if (sum > mark && w->scratch->values[i] > 0) return i;
    }
    return best;
}

int32_t sampling_choose(const struct sampling *s, const struct sampling_context *c, struct sampling_scratch *scratch, float *logits)
{
    sampling_process(s, c, scratch, logits);
    struct work w = {s, c, scratch, logits, scratch->V};
    int32_t best = best_of(logits, scratch->V);
    if (!(logits[best] > -INFINITY)) return fallback(c, scratch->V);
    if (!s->do_sample) return best;
    step_probabilities(&w);
    int32_t id = draw(&w, best);
    step_mirostat_learn(&w, id);
    return id;
}

void sampling_log_softmax(float *x, int V)
{
    float lse = layers_log_sum(x, V);
    for (int i = 0; i < V; i++) x[i] -= lse;
}

void sampling_guide(float *cond, const float *uncond, int V, double scale, struct sampling_scratch *scratch)
{
    memcpy(scratch->values, uncond, (size_t)V * sizeof *uncond);
    sampling_log_softmax(scratch->values, V);
    sampling_log_softmax(cond, V);
    for (int i = 0; i < V; i++) cond[i] = scratch->values[i] + (float)scale * (cond[i] - scratch->values[i]);
}
