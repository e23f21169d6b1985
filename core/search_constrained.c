/* Constrained beam search as in Hugging Face 4.51 (Hokamp & Liu 2017; Hu et al. 2019); see search.h.
 *
 * Every word of force_words_ids (or one of several alternatives) must occur. A progress follows a sequence: which words it holds,
 * and how far it is in one that has begun; a word that is broken off starts anew, and the id that broke it begins nothing. Each
 * step adds to the best continuations those that go a step towards the words, and sorts all into banks by how far they are. The
 * next beams are the best of each bank in turn.
 *
 * Where several ids go on with a begun word, the progress of the continuations is one and the same object there, so that a later
 * one moves the earlier; this is kept, since the choice of beams depends on it. */
#include "core/mem.h"
#include "core/search_inside.h"

#include <math.h>
#include <string.h>

/* The part of a begun word. */
struct part { int32_t *id; size_t n; };

struct progress {
    int *pending;                     /* (pending_n) words not begun, in their order */
    int pending_n, complete;          /* number of whole words */
    int begun;                        /* a word, or -1 */
    struct part own, *part;           /* of the begun word: its own, or another progress's */
    bool completed;
};

struct constrained {
    struct beams *b;
    int n, k, words;                  /* beams, candidates, words that are wanted */
    size_t longest;                   /* ids of the longest word */
    struct hypotheses kept;
    bool done;
    float *running;                   /* (n) */
    struct candidate *candidates;     /* (k) */
    int *parent;                      /* (n) */
    int32_t *tokens, *sequence;       /* (n), (last) */
    struct progress *progress;        /* (most): of the n plain continuations, then of the added ones */
    struct progress towards;          /* of the beam at hand */
    struct candidate *all;            /* (most) */
    int *bank, *order, *rank;         /* (most) */
    int all_n, most;
};

/* ---- progress ---- */

/* The j-th different id that goes on with a part of a word; -1 behind the last. */
static int32_t next_id(const struct constrained *s, int word, const struct part *part, int j)
{
    const struct ids_list *words = &s->b->g->force_words[word].words;
    for (size_t i = 0; i < words->n; i++) {
        const struct ids *w = &words->list[i];
        if (w->n <= part->n || (part->n > 0 && memcmp(w->id, part->id, part->n * sizeof *w->id) != 0)) continue;
        bool known = false;
        for (size_t e = 0; e < i; e++) {
            const struct ids *v = &words->list[e];
            known = known || (v->n > part->n && memcmp(v->id, w->id, (part->n + 1) * sizeof *v->id) == 0);
        }
        if (!known && j-- == 0) return w->id[part->n];
    }
    return -1;
}

static bool goes_on(const struct constrained *s, int word, const struct part *part, int32_t id)
{
    int32_t next;
    for (int j = 0; (next = next_id(s, word, part, j)) >= 0; j++)
        if (next == id) return true;
    return false;
}

static size_t height(const struct constrained *s, int word)
{
    size_t most = 0;
    for (size_t i = 0; i < s->b->g->force_words[word].words.n; i++)
        most = s->b->g->force_words[word].words.list[i].n > most ? s->b->g->force_words[word].words.list[i].n : most;
    return most;
}

static void restart(const struct constrained *s, struct progress *p)
{
    p->pending_n = s->words, p->complete = 0, p->begun = -1, p->completed = false;
    for (int i = 0; i < s->words; i++) p->pending[i] = i;
    p->part = &p->own, p->own.n = 0;
}

/* A part that has no next id is a whole word. */
static void close_word(const struct constrained *s, struct progress *p)
{
    if (next_id(s, p->begun, p->part, 0) >= 0) return;
    p->complete++;
    p->begun = -1;
    p->completed = p->pending_n == 0;
}

static void add(const struct constrained *s, struct progress *p, int32_t id)
{
    if (p->completed) return;
    if (p->begun >= 0) {
        if (goes_on(s, p->begun, p->part, id)) p->part->id[p->part->n++] = id;
        else {
            p->pending[p->pending_n++] = p->begun;
            p->begun = -1;
            return;
        }
    } else {
        const struct part empty = {0};
        int at = 0;
        while (at < p->pending_n && !goes_on(s, p->pending[at], &empty, id)) at++;
        if (at == p->pending_n) return;
        p->begun = p->pending[at];
        memmove(p->pending + at, p->pending + at + 1, (size_t)(--p->pending_n - at) * sizeof *p->pending);
        p->part = &p->own;
        p->own.id[0] = id, p->own.n = 1;
    }
    close_word(s, p);
}

static void follow(const struct constrained *s, struct progress *p, const int32_t *ids, size_t n)
{
    restart(s, p);
    for (size_t i = 0; i < n && !p->completed; i++) add(s, p, ids[i]);
}

static bool completes(struct constrained *s, const int32_t *ids, size_t n)
{
    follow(s, &s->towards, ids, n);
    return s->towards.completed;
}

static int bank_of(const struct constrained *s, const struct progress *p)
{
    size_t begun = p->begun < 0 ? 0 : s->longest - (height(s, p->begun) - p->part->n);
    return (int)((size_t)p->complete * s->longest + begun);
}

/* ---- one step ---- */

static bool is_known(const struct constrained *s, int beam, int32_t id)
{
    const struct beams *b = s->b;
    for (int i = 0; i < s->all_n; i++)
        if (s->all[i].id == id && memcmp(beams_ids(b, s->all[i].beam), beams_ids(b, beam), b->length * sizeof(int32_t)) == 0) return true;
    return false;
}

/* Add the continuations of one beam that go a step towards the words. */
static void add_towards(struct constrained *s, int beam)
{
    struct progress *from = &s->towards;
    const float *x = s->b->logits + (size_t)beam * (size_t)s->b->V;
    follow(s, from, beams_ids(s->b, beam), s->b->length);
    if (from->completed) return;
    int begun = from->begun;
    static const struct part nothing = {0};
    struct part before = begun >= 0 ? *from->part : nothing;   /* the ids are fixed before the progress moves */
    for (int i = 0; i < (begun >= 0 ? 1 : from->pending_n); i++) {
        int word = begun >= 0 ? begun : from->pending[i];
        int32_t id;
        for (int j = 0; (id = next_id(s, word, &before, j)) >= 0; j++) {
            struct progress *p = &s->progress[s->all_n];
            memcpy(p->pending, from->pending, (size_t)from->pending_n * sizeof *p->pending);
            p->pending_n = from->pending_n, p->complete = from->complete, p->begun = from->begun, p->completed = false;
            if (from->begun >= 0 && from->part == &from->own) {          /* shared by all continuations of this beam */
                memcpy(s->progress[s->most + beam].own.id, from->own.id, from->own.n * sizeof *from->own.id);
                s->progress[s->most + beam].own.n = from->own.n;
                from->part = &s->progress[s->most + beam].own;
            }
            p->part = from->begun >= 0 ? from->part : &p->own;
            add(s, p, id);
            if (is_known(s, beam, id)) continue;
            s->all[s->all_n++] = (struct candidate){x[id] + s->running[beam], beam, id};
        }
    }
}

/* Places in `order` by falling key, equal ones as they stand. */
static void sort_places(int *order, int n, const float *key)
{
    for (int i = 0; i < n; i++) order[i] = i;
    for (int i = 1; i < n; i++) {
        int p = order[i], at = i;
        for (; at > 0 && key[p] > key[order[at - 1]]; at--) order[at] = order[at - 1];
        order[at] = p;
    }
}

/* The best of each bank, then the second of each, … */
static void choose_from_banks(struct constrained *s, float *key)
{
    for (int i = 0; i < s->all_n; i++) {
        s->bank[i] = bank_of(s, &s->progress[i]);
        key[i] = (float)(s->bank[i] * 100) + s->all[i].score;
    }
    sort_places(s->order, s->all_n, key);
    for (int i = 0, count = -1; i < s->all_n; i++) {
        count = i == 0 || s->bank[s->order[i]] == s->bank[s->order[i - 1]] ? count + 1 : 0;
        s->rank[i] = count;
    }
    for (int place = 0, rank = 0; place < s->n; rank++)
        for (int i = 0; i < s->all_n && place < s->n; i++)
            if (s->rank[i] == rank) {
                const struct candidate *c = &s->all[s->order[i]];
                s->parent[place] = c->beam, s->tokens[place] = c->id, s->candidates[place++] = *c;
            }
}

static bool step(struct constrained *s, float *key, struct error *error)
{
    struct beams *b = s->b;
    size_t generated = b->length + 1 - b->q->prompt_n;
    int made = 0;
    for (int i = 0; i < s->n; i++) (void)beams_scores(b, i, NULL, 0);
    beams_top(b, 0, s->n, s->running, s->k, s->candidates);
    double best = (double)s->candidates[0].score;
    for (int i = 0; i < s->k && made < s->n; i++) {
        const struct candidate *c = &s->candidates[i];
        if (!ids_have(&b->g->sampling.eos, c->id)) s->all[made++] = *c;
        else if (i < s->n && completes(s, beams_ids(b, c->beam), b->length) &&
                 !hypotheses_add(&s->kept, b->g, beams_ids(b, c->beam), b->length, (double)c->score, generated, error)) return false;
    }
    if (made < s->n) return error_set(error, ERROR_INPUT, "search: all candidates end; fewer end ids or more beams are wanted");
    s->all_n = s->n;
    for (int i = 0; i < s->n; i++) {
        s->parent[i] = s->all[i].beam, s->tokens[i] = s->all[i].id, s->candidates[i] = s->all[i];
        memcpy(s->sequence, beams_ids(b, s->parent[i]), b->length * sizeof *s->sequence);
        s->sequence[b->length] = s->tokens[i];
        follow(s, &s->progress[i], s->sequence, b->length + 1);
        s->progress[s->most + i].own.n = 0;
    }
    for (int i = 0; i < s->n; i++) add_towards(s, i);
    if (s->all_n > s->n) choose_from_banks(s, key);
    for (int i = 0; i < s->n; i++) s->running[i] = s->candidates[i].score;
    s->done = hypotheses_done(&s->kept, b->g, best, generated, b->q->last - b->q->prompt_n);
    return true;
}

static bool loop(struct constrained *s, float *key, struct error *error)
{
    struct beams *b = s->b;
    for (;;) {
        if (!step(s, key, error)) return false;
        beams_extend(b, s->parent, s->tokens);
        bool ended = true;
        for (int i = 0; i < s->n; i++) ended = ended && stopping_hit(&b->stopping, beams_ids(b, i), b->length);
        if (s->done || ended) return true;
        if (!beams_run(b, error)) return false;
    }
}

/* What still runs and holds all words competes with what has ended; when that is too little, the rest does too. */
static bool add_open(struct constrained *s, struct error *error)
{
    struct beams *b = s->b;
    int whole = 0;
    for (int pass = 0; pass < 2 && !s->done; pass++)
        for (int i = 0; i < s->n; i++) {
            bool complete = completes(s, beams_ids(b, i), b->length);
            if (complete != (pass == 0) || (pass == 1 && whole >= b->g->num_return_sequences)) continue;
            if (pass == 0) whole++;
            if (!hypotheses_add(&s->kept, b->g, beams_ids(b, i), b->length, (double)s->running[i], b->length - b->q->prompt_n, error)) return false;
        }
    return true;
}

static bool start(struct constrained *s, struct beams *b, int32_t **parts, int **pending, struct error *error)
{
    size_t n = (size_t)b->n, ends = b->g->sampling.eos.n, most = n;
    *s = (struct constrained){.b = b, .n = b->n, .words = (int)b->g->force_words_n, .k = (int)(ends + 1 > 2 ? ends + 1 : 2) * b->n};
    for (int w = 0; w < s->words; w++) {
        s->longest = height(s, w) > s->longest ? height(s, w) : s->longest;
        most += n * b->g->force_words[w].words.n;
    }
    size_t states = most + n + 2, words = (size_t)s->words + 1;
    s->most = (int)most + 1;
    bool ok = hypotheses_start(&s->kept, b->n, error) && (s->running = mem_alloc(n, sizeof *s->running, error)) != NULL &&
              (s->candidates = mem_alloc((size_t)s->k, sizeof *s->candidates, error)) != NULL && (s->parent = mem_alloc(n, sizeof *s->parent, error)) != NULL &&
              (s->tokens = mem_alloc(n, sizeof *s->tokens, error)) != NULL && (s->sequence = mem_alloc(b->q->last + 1, sizeof *s->sequence, error)) != NULL &&
              (s->progress = mem_alloc(states, sizeof *s->progress, error)) != NULL && (s->all = mem_alloc(most, sizeof *s->all, error)) != NULL &&
              (s->bank = mem_alloc(3 * most, sizeof *s->bank, error)) != NULL && (*parts = mem_alloc((states + 1) * (s->longest + 1), sizeof **parts, error)) != NULL &&
              (*pending = mem_alloc((states + 1) * words, sizeof **pending, error)) != NULL;
    if (!ok) return false;
    s->order = s->bank + most, s->rank = s->order + most;
    for (size_t i = 0; i <= states; i++) {
        struct progress *p = i == states ? &s->towards : &s->progress[i];
        p->pending = *pending + i * words, p->own.id = *parts + i * (s->longest + 1);
    }
    for (int i = 1; i < s->n; i++) s->running[i] = -1e9f;
    return true;
}

bool search_constrained_beam(struct beams *b, struct search_result *result, struct error *error)
{
    struct constrained s;
    int32_t *parts = NULL;
    int *pending = NULL;
    bool ok = start(&s, b, &parts, &pending, error);
    float *key = ok ? mem_alloc((size_t)s.most, sizeof *key, error) : NULL;
    ok = key != NULL && loop(&s, key, error) && add_open(&s, error) && hypotheses_finish(&s.kept, 1, b, b->g->num_return_sequences, result, error);
    hypotheses_free(&s.kept);
    mem_free(s.running), mem_free(s.candidates), mem_free(s.parent), mem_free(s.tokens), mem_free(s.sequence), mem_free(s.progress);
    mem_free(s.all), mem_free(s.bank), mem_free(parts), mem_free(pending), mem_free(key);
    return ok;
}
