/* Group (diverse) beam search as in Hugging Face 4.51 (Vijayakumar et al. 2016); see search.h.
 *
 * The beams fall into groups that each run a beam search of their own, one after the other within a step: what the earlier groups
 * took in this step costs diversity_penalty for the later ones. A group that is done goes on with padding ids, which count
 * towards that penalty too. */
#include "core/mem.h"
#include "core/search_inside.h"

#include <string.h>

struct groups {
    struct beams *b;
    int groups, size, k;              /* groups, beams of each, candidates of each */
    struct hypotheses *kept;          /* (groups) */
    bool *done;                       /* (groups) */
    float *running;                   /* (n) */
    struct candidate *candidates;     /* (k) */
    int *parent;                      /* (n) */
    int32_t *tokens;                  /* (n): what the groups take in this step */
};

/* A done group: every beam follows the group's first with padding. */
static void idle(struct groups *s, int group)
{
    for (int i = group * s->size; i < (group + 1) * s->size; i++) s->parent[i] = group * s->size, s->tokens[i] = generation_pad(s->b->g), s->running[i] = 0;
}

static bool step_group(struct groups *s, int group, struct error *error)
{
    struct beams *b = s->b;
    int first = group * s->size, made = 0;
    size_t generated = b->length + 1 - b->q->prompt_n;
    for (int i = first; i < first + s->size; i++) (void)beams_scores(b, i, s->tokens, (size_t)first);
    beams_top(b, first, s->size, s->running + first, s->k, s->candidates);
    for (int i = 0; i < s->k && made < s->size; i++) {
        const struct candidate *c = &s->candidates[i];
        if (!ids_have(&b->g->sampling.eos, c->id)) {
            s->parent[first + made] = c->beam, s->tokens[first + made] = c->id, s->running[first + made] = c->score;
            made++;
        } else if (i < s->size && !hypotheses_add(&s->kept[group], b->g, beams_ids(b, c->beam), b->length, (double)c->score, generated, error)) return false;
    }
    if (made < s->size) return error_set(error, ERROR_INPUT, "search: all of a group's candidates end; fewer end ids or more beams are wanted");
    s->done[group] = hypotheses_done(&s->kept[group], b->g, (double)s->candidates[0].score, generated, b->q->last - b->q->prompt_n);
    return true;
}

static bool all_ended(const struct groups *s)
{
    bool done = true, ended = true;
    for (int i = 0; i < s->groups; i++) done = done && s->done[i];
    for (int i = 0; i < s->b->n; i++) ended = ended && stopping_hit(&s->b->stopping, beams_ids(s->b, i), s->b->length);
    return done || ended;
}

static bool loop(struct groups *s, struct error *error)
{
    for (;;) {
        for (int group = 0; group < s->groups; group++) {
            if (s->done[group]) idle(s, group);
            else if (!step_group(s, group, error)) return false;
        }
        beams_extend(s->b, s->parent, s->tokens);
        if (all_ended(s)) return true;
        if (!beams_run(s->b, error)) return false;
    }
}

/* What still runs competes with what has ended. */
static bool add_open(struct groups *s, struct error *error)
{
    struct beams *b = s->b;
    for (int i = 0; i < b->n; i++)
        if (!s->done[i / s->size] &&
            !hypotheses_add(&s->kept[i / s->size], b->g, beams_ids(b, i), b->length, (double)s->running[i], b->length - b->q->prompt_n, error)) return false;
    return true;
}

bool search_group_beam(struct beams *b, struct search_result *result, struct error *error)
{
    size_t n = (size_t)b->n, ends = b->g->sampling.eos.n;
    struct groups s = {.b = b, .groups = b->g->num_beam_groups, .size = b->n / b->g->num_beam_groups};
    s.k = (int)(ends + 1 > 2 ? ends + 1 : 2) * s.size;
    bool ok = (s.kept = mem_alloc((size_t)s.groups, sizeof *s.kept, error)) != NULL && (s.done = mem_alloc((size_t)s.groups, sizeof *s.done, error)) != NULL &&
              (s.running = mem_alloc(n, sizeof *s.running, error)) != NULL && (s.candidates = mem_alloc((size_t)s.k, sizeof *s.candidates, error)) != NULL &&
              (s.parent = mem_alloc(n, sizeof *s.parent, error)) != NULL && (s.tokens = mem_alloc(n, sizeof *s.tokens, error)) != NULL;
    if (ok && (size_t)s.k > (size_t)s.size * (size_t)b->V) ok = error_set(error, ERROR_INPUT, "num_beams: %d candidates of a group in a vocabulary of %d; fewer end ids are wanted", s.k, b->V);
    for (int i = 0; ok && i < s.groups; i++) ok = hypotheses_start(&s.kept[i], s.size, error);
    for (int i = 0; ok && i < b->n; i++) s.running[i] = i % s.size == 0 ? 0 : -1e9f;
    ok = ok && loop(&s, error) && add_open(&s, error) && hypotheses_finish(s.kept, s.groups, b, b->g->num_return_sequences, result, error);
    for (int i = 0; s.kept != NULL && i < s.groups; i++) hypotheses_free(&s.kept[i]);
    mem_free(s.kept), mem_free(s.done), mem_free(s.running), mem_free(s.candidates), mem_free(s.parent), mem_free(s.tokens);
    return ok;
}
