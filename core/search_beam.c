/* Beam search and beam sampling as in Hugging Face's version 5; see search.h.
 *
 * Two sets of num_beams sequences: the running and the finished. Each step takes the best max(2, 1 + end ids) * num_beams
 * continuations of the running ones, so that enough are left when some of them end. Those that have ended and are among the first
 * num_beams compete with the finished; the best others run on. A score of -1e9 marks what is not in the race: sums with it round
 * in float32 as they do there, which decides ties the same way. */
#include "core/mem.h"
#include "core/random.h"
#include "core/search_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float OUT = -1e9f;

struct finished { float score; bool done; size_t generated; int32_t *ids; /* (last) */ };

struct beam_search {
    struct beams *b;
    int n, k;                       /* beams, candidates of a step */
    size_t prompt, last;
    float *running;                 /* (n) scores */
    struct finished *finished, *merged;   /* (n), (n + k) */
    int32_t *room;                  /* (n, last) twice: the finished ids and their successors */
    struct candidate *candidates;   /* (k) */
    bool *hit, *used;               /* (k): the candidate has ended; is taken */
    int *parent;                    /* (n) */
    int32_t *tokens, *sequence;     /* (n), (last) */
    struct candidate *mass;         /* (n V) when sampling: what can be drawn, its probability as score */
    int32_t fill;
    bool improvable;
};

/* k draws without replacement from the softmax of all scores, then best first. What has no mass comes last, by its place. */
static void draw(struct beam_search *s)
{
    struct beams *b = s->b;
    size_t count = 0, V = (size_t)b->V;
    float most = -INFINITY;
    double left = 0;
    for (size_t i = 0; i < (size_t)s->n * V; i++) {
        float x = b->logits[i] + s->running[i / V];
        if (!(x > -INFINITY)) continue;
        s->mass[count++] = (struct candidate){x, (int)(i / V), (int32_t)(i % V)};
        most = x > most ? x : most;
    }
    for (size_t i = 0; i < count; i++) left += exp((double)(s->mass[i].score - most));
    int taken = 0;
    for (; taken < s->k && count > 0; taken++) {
        double mark = left * random_unit(b->g->sampling.seed, b->q->piece, ((uint64_t)b->length << 16) + (uint64_t)taken + 1), sum = 0;
        size_t at = 0, heaviest = 0;
        for (; at < count; at++) {
            if (s->mass[at].score > s->mass[heaviest].score) heaviest = at;
            sum += exp((double)(s->mass[at].score - most));
            if (sum > mark) break;
        }
        if (at == count) at = heaviest;                        /* the rest has no mass that a double can hold */
        left = fmax(left - exp((double)(s->mass[at].score - most)), 0);
        s->candidates[taken] = s->mass[at];
        memmove(s->mass + at, s->mass + at + 1, (--count - at) * sizeof *s->mass);
    }
    for (int32_t id = 0; taken < s->k; taken++, id++) s->candidates[taken] = (struct candidate){-INFINITY, 0, id % b->V};
    for (int i = 1; i < s->k; i++) {
        struct candidate c = s->candidates[i];
        int at = i;
        for (; at > 0 && c.score > s->candidates[at - 1].score; at--) s->candidates[at] = s->candidates[at - 1];
        s->candidates[at] = c;
    }
}

static void mark_ended(struct beam_search *s)
{
    for (int i = 0; i < s->k; i++) {
        memcpy(s->sequence, beams_ids(s->b, s->candidates[i].beam), s->b->length * sizeof *s->sequence);
        s->sequence[s->b->length] = s->candidates[i].id;
        s->hit[i] = stopping_hit(&s->b->stopping, s->sequence, s->b->length + 1);
    }
}

/* The best n candidates that go on: score less 1e9 for those that have ended. */
static void choose_running(struct beam_search *s)
{
    memset(s->used, 0, (size_t)s->k * sizeof *s->used);
    for (int i = 0; i < s->n; i++) {
        int best = -1;
        float most = -INFINITY;
        for (int k = 0; k < s->k; k++) {
            float score = s->candidates[k].score + (s->hit[k] ? OUT : 0);
            if (!s->used[k] && (best < 0 || score > most)) best = k, most = score;
        }
        s->used[best] = true;
        s->running[i] = most;
        s->parent[i] = s->candidates[best].beam;
        s->tokens[i] = s->candidates[best].id;
    }
}

static float length_factor(const struct beam_search *s, size_t generated) { return (float)pow((double)generated, s->b->g->length_penalty); }

static bool is_better(const struct finished *a, const struct finished *b)
{
    return a->score > b->score || (a->score == b->score && a->done && !b->done);
}

/* Merge the newly ended with the finished and keep the best n. */
static void choose_finished(struct beam_search *s)
{
    bool full = true, stop_when_full = s->b->g->early_stopping == EARLY_STOPPING_TRUE;
    size_t generated = s->b->length + 1 - s->prompt;
    for (int i = 0; i < s->n; i++) full = full && s->finished[i].done;
    memcpy(s->merged, s->finished, (size_t)s->n * sizeof *s->merged);
    for (int i = 0; i < s->k; i++) {
        bool done = s->hit[i] && i < s->n;
        float score = s->candidates[i].score / length_factor(s, generated);
        if (full && stop_when_full) score += OUT;
        if (!s->improvable) score += OUT;
        if (!done) score += OUT;
        s->merged[s->n + i] = (struct finished){score, done, generated, NULL};
    }
    int32_t *room = s->finished[0].ids == s->room ? s->room + (size_t)s->n * s->last : s->room;
    for (int i = 0; i < s->n; i++) {
        int best = -1;
        for (int k = 0; k < s->n + s->k; k++)
            if (s->merged[k].generated != SIZE_MAX && (best < 0 || is_better(&s->merged[k], &s->merged[best]))) best = k;
        struct finished next = s->merged[best];
        s->merged[best].generated = SIZE_MAX;                  /* taken */
        next.ids = room + (size_t)i * s->last;
        if (best < s->n) memcpy(next.ids, s->merged[best].ids, s->last * sizeof *next.ids);
        else {
            const struct candidate *c = &s->candidates[best - s->n];
            for (size_t t = 0; t < s->last; t++) next.ids[t] = s->fill;
            memcpy(next.ids, beams_ids(s->b, c->beam), s->b->length * sizeof *next.ids);
            next.ids[s->b->length] = c->id;
        }
        s->finished[i] = next;
    }
}

/* Can a running beam still become better than a finished one? */
static bool improvement_possible(const struct beam_search *s)
{
    const struct generation *g = s->b->g;
    bool far = g->early_stopping == EARLY_STOPPING_NEVER && g->length_penalty > 0;
    float best = s->running[0] / length_factor(s, far ? s->last - s->prompt : s->b->length - s->prompt), worst = INFINITY;
    for (int i = 0; i < s->n; i++) worst = s->finished[i].score < worst ? s->finished[i].score : worst;
    for (int i = 0; i < s->n; i++)
        if (best > (s->finished[i].done ? worst : OUT)) return true;
    return false;
}

static bool loop(struct beam_search *s, struct error *error)
{
    struct beams *b = s->b;
    for (bool go_on = true; go_on;) {
        for (int i = 0; i < s->n; i++) (void)beams_scores(b, i, NULL, 0);
        if (b->g->sampling.do_sample) draw(s);
        else beams_top(b, 0, s->n, s->running, s->k, s->candidates);
        mark_ended(s);
        choose_running(s);
        choose_finished(s);
        beams_extend(b, s->parent, s->tokens);
        s->improvable = s->improvable && improvement_possible(s);
        bool full = true, all_hit = true;
        for (int i = 0; i < s->n; i++) full = full && s->finished[i].done;
        for (int i = 0; i < s->k; i++) all_hit = all_hit && s->hit[i];
        go_on = s->improvable && !(full && b->g->early_stopping == EARLY_STOPPING_TRUE) && !all_hit;
        if (go_on && !beams_run(b, error)) return false;
    }
    return true;
}

static bool start(struct beam_search *s, struct beams *b, struct error *error)
{
    size_t n = (size_t)b->n, ends = b->g->sampling.eos.n, k = (ends + 1 > 2 ? ends + 1 : 2) * n;
    int32_t pad = generation_pad(b->g);
    *s = (struct beam_search){.b = b, .n = b->n, .k = (int)k, .prompt = b->q->prompt_n, .last = b->q->last, .improvable = true};
    s->fill = ends == 0 ? -1 : pad == 0 ? b->g->sampling.eos.id[0] : pad;      /* a padding id 0 counts as none there */
    if (n * (size_t)b->V < k) return error_set(error, ERROR_INPUT, "num_beams: %zu candidates in a vocabulary of %d; fewer end ids are wanted", k, b->V);
    bool ok = (s->running = mem_alloc(n, sizeof *s->running, error)) != NULL && (s->finished = mem_alloc(n, sizeof *s->finished, error)) != NULL &&
              (s->merged = mem_alloc(n + k, sizeof *s->merged, error)) != NULL && (s->room = mem_alloc(2 * n * s->last, sizeof *s->room, error)) != NULL &&
              (s->candidates = mem_alloc(k, sizeof *s->candidates, error)) != NULL && (s->hit = mem_alloc(k, sizeof *s->hit, error)) != NULL &&
              (s->used = mem_alloc(k, sizeof *s->used, error)) != NULL &&
              (s->parent = mem_alloc(n, sizeof *s->parent, error)) != NULL && (s->tokens = mem_alloc(n, sizeof *s->tokens, error)) != NULL &&
              (s->sequence = mem_alloc(s->last, sizeof *s->sequence, error)) != NULL &&
              (s->mass = mem_alloc(b->g->sampling.do_sample ? n * (size_t)b->V : 1, sizeof *s->mass, error)) != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        s->running[i] = i == 0 ? 0 : OUT;                      /* all beams are the same at first: only one is in the race */
        s->finished[i] = (struct finished){OUT, false, 0, s->room + i * s->last};
        for (size_t t = 0; t < s->last; t++) s->finished[i].ids[t] = t < s->prompt ? b->q->prompt[t] : s->fill;
    }
    return ok;
}

bool search_beam(struct beams *b, struct search_result *result, struct error *error)
{
    struct beam_search s;
    bool ok = start(&s, b, error) && loop(&s, error);
    size_t longest = 0, wanted = (size_t)b->g->num_return_sequences;
    for (size_t i = 0; ok && i < wanted; i++) longest = s.finished[i].generated > longest ? s.finished[i].generated : longest;
    for (size_t i = 0; ok && i < wanted; i++)
        ok = search_result_add(result, s.finished[i].ids, s.prompt + longest, 0, s.fill, (double)s.finished[i].score, error);
    mem_free(s.running), mem_free(s.finished), mem_free(s.merged), mem_free(s.room), mem_free(s.candidates), mem_free(s.hit), mem_free(s.used);
    mem_free(s.parent), mem_free(s.tokens), mem_free(s.sequence), mem_free(s.mass);
    return ok;
}
