/* Steps that say what may come next, as Hugging Face's logits processors; see sampling.h. */
#include "core/sampling_inside.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* True when `ids` without its last id ends the sequence so far. */
static bool may_complete(const struct work *w, const struct ids *ids)
{
    size_t before = ids->n - 1;
    return ids->n > 0 && before <= w->c->n && (before == 0 || memcmp(w->c->ids + w->c->n - before, ids->id, before * sizeof *ids->id) == 0);
}

bool step_bias_on(const struct work *w) { return w->s->bias_n > 0; }
void step_bias(struct work *w)
{
    for (size_t i = 0; i < w->s->bias_n; i++) {
        const struct ids *ids = &w->s->bias[i].ids;
        if (may_complete(w, ids) && ids->id[ids->n - 1] < w->V) w->logits[ids->id[ids->n - 1]] += (float)w->s->bias[i].value;
    }
}

bool step_diversity_on(const struct work *w) { return w->s->diversity_penalty != 0 && w->c->others_n > 0; }
void step_diversity(struct work *w)                          /* Vijayakumar et al. 2016, Hamming diversity */
{
    for (size_t i = 0; i < w->c->others_n; i++) w->logits[w->c->others[i]] -= (float)w->s->diversity_penalty;
}

/* Each id of a stretch once: towards less likely with a penalty above 1. */
static void repetition(struct work *w, size_t n, float penalty)
{
    memset(w->scratch->order, 0, (size_t)w->V * sizeof *w->scratch->order);
    for (size_t i = 0; i < n; i++) {
        int32_t id = w->c->ids[i];
        if (id < 0 || id >= w->V || w->scratch->order[id]) continue;
        w->scratch->order[id] = 1;
        w->logits[id] = w->logits[id] < 0 ? w->logits[id] * penalty : w->logits[id] / penalty;
    }
}

bool step_encoder_repetition_on(const struct work *w) { return w->s->encoder_repetition_penalty != 1; }
void step_encoder_repetition(struct work *w) { repetition(w, w->c->prompt, (float)(1 / w->s->encoder_repetition_penalty)); }

bool step_repetition_on(const struct work *w) { return w->s->repetition_penalty != 1; }
void step_repetition(struct work *w) { repetition(w, w->c->n, (float)w->s->repetition_penalty); }

/* Forbid what would complete a stretch of k ids that occurs within the first n. */
static void forbid_repeats(struct work *w, size_t k, size_t n)
{
    if (w->c->n + 1 < k) return;
    const int32_t *tail = w->c->ids + w->c->n - (k - 1);
    for (size_t i = 0; i + k <= n; i++)
        if (memcmp(w->c->ids + i, tail, (k - 1) * sizeof *tail) == 0) forbid(w, w->c->ids[i + k - 1]);
}

bool step_ngram_on(const struct work *w) { return w->s->no_repeat_ngram_size > 0; }
void step_ngram(struct work *w) { forbid_repeats(w, (size_t)w->s->no_repeat_ngram_size, w->c->n); }

bool step_encoder_ngram_on(const struct work *w) { return w->s->encoder_no_repeat_ngram_size > 0; }
void step_encoder_ngram(struct work *w) { forbid_repeats(w, (size_t)w->s->encoder_no_repeat_ngram_size, w->c->prompt); }

bool step_bad_words_on(const struct work *w) { return w->s->bad_words.n > 0; }
void step_bad_words(struct work *w)
{
    for (size_t i = 0; i < w->s->bad_words.n; i++) {
        const struct ids *word = &w->s->bad_words.list[i];
        if (word->n == 1 && ids_have(&w->s->eos, word->id[0])) continue;     /* the end cannot be a bad word */
        if (may_complete(w, word)) forbid(w, word->id[word->n - 1]);
    }
}

static void forbid_all(struct work *w, const struct ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) forbid(w, ids->id[i]);
}

/* min_new_tokens takes the place of min_length where both are given. */
bool step_min_length_on(const struct work *w) { return w->s->min_new_tokens == 0 && w->c->n < (size_t)w->s->min_length; }
void step_min_length(struct work *w) { forbid_all(w, &w->s->eos); }

bool step_min_new_on(const struct work *w) { return w->c->n - w->c->prompt < (size_t)w->s->min_new_tokens; }
void step_min_new(struct work *w) { forbid_all(w, &w->s->eos); }

bool step_constraint_on(const struct work *w) { return w->c->allowed != NULL; }
static void pass_on(struct work *w)
{
    const uint8_t *marks = w->c->allowed;
    double allowed[SAMPLING_GROUPS] = {0}, passing[SAMPLING_GROUPS] = {0};
    float most = -INFINITY;
    for (int i = 0; i < w->V; i++)
        if (marks[i] != SAMPLING_FORBIDDEN && w->logits[i] > most) most = w->logits[i];
    for (int i = 0; i < w->V; i++) {
        if (marks[i] == SAMPLING_FORBIDDEN || !(w->logits[i] > -INFINITY)) continue;
        *(SAMPLING_IS_ALLOWED(marks[i]) ? &allowed[marks[i] >> 2] : &passing[marks[i] >> 2]) += exp((double)(w->logits[i] - most));
    }
    for (int i = 0; i < w->V; i++) {
        int group = marks[i] >> 2;
        if (SAMPLING_IS_ALLOWED(marks[i]) && passing[group] > 0 && allowed[group] > 0) w->logits[i] += (float)log1p(passing[group] / allowed[group]);
    }
}

void step_constraint(struct work *w)
{
    bool passes = false;
    for (int i = 0; i < w->V && !passes; i++) passes = (w->c->allowed[i] & 3) == SAMPLING_PASSES;
    if (passes) pass_on(w);
    for (int i = 0; i < w->V; i++)
        if (!SAMPLING_IS_ALLOWED(w->c->allowed[i])) w->logits[i] = -INFINITY;
}

/* Nothing but these ids; a forbidden one is allowed again. */
static void force(struct work *w, const int32_t *ids, size_t n)
{
    for (int i = 0; i < w->V; i++) w->logits[i] = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= 0 && ids[i] < w->V) w->logits[ids[i]] = 0;
}

bool step_forced_bos_on(const struct work *w) { return w->s->forced_bos >= 0 && w->c->n == 1; }
void step_forced_bos(struct work *w) { force(w, (const int32_t[]){w->s->forced_bos}, 1); }

bool step_forced_eos_on(const struct work *w) { return w->s->forced_eos.n > 0 && w->c->n + 1 == w->c->last; }
void step_forced_eos(struct work *w) { force(w, w->s->forced_eos.id, w->s->forced_eos.n); }

bool step_invalid_on(const struct work *w) { return w->s->remove_invalid_values; }
void step_invalid(struct work *w)
{
    for (int i = 0; i < w->V; i++) {
        if (isnan(w->logits[i])) w->logits[i] = 0;
        else if (isinf(w->logits[i])) w->logits[i] = w->logits[i] > 0 ? FLT_MAX : -FLT_MAX;
    }
}

bool step_decay_on(const struct work *w) { return w->s->decay_factor != 1 && w->c->n > w->c->prompt + (size_t)w->s->decay_start; }
void step_decay(struct work *w)
{
    float grown = (float)(pow(w->s->decay_factor, (double)(w->c->n - w->c->prompt - (size_t)w->s->decay_start)) - 1);
    for (size_t i = 0; i < w->s->eos.n; i++) {
        int32_t id = w->s->eos.id[i];
        if (id < w->V && isfinite(w->logits[id])) w->logits[id] += fabsf(w->logits[id]) * grown;
    }
}

bool step_suppress_on(const struct work *w) { return w->s->suppress.n > 0; }
void step_suppress(struct work *w) { forbid_all(w, &w->s->suppress); }

bool step_begin_suppress_on(const struct work *w)
{
    size_t begin = w->c->prompt > 1 || w->s->forced_bos < 0 ? w->c->prompt : w->c->prompt + 1;   /* behind a forced start */
    return w->s->begin_suppress.n > 0 && w->c->n == begin;
}
void step_begin_suppress(struct work *w) { forbid_all(w, &w->s->begin_suppress); }

bool step_renormalize_on(const struct work *w) { return w->s->renormalize_logits; }
void step_renormalize(struct work *w) { sampling_log_softmax(w->logits, w->V); }
