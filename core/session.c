/* Inference with a KV cache; see session.h.
 *
 * Rows go through the layers at most ROWS_MOST at a time. A layer is a few phases; in each, the workers take their parts (of a
 * matrix's panels, of the rows, of the heads), and a phase too small to share is done by the caller alone.
 *
 * The cache of a sequence, layer and key/value head:   keys    (length / 16, D, 16): 16 positions side by side, see layers_scores
 *                                                      values  (length, D)
 */
#include "core/session.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/rope.h"

#include <math.h>
#include <string.h>

enum { ROWS_MOST = 256, SHARED_BYTES = 1 << 17, SHARED_ROWS = 8, PARTS = 4 };     /* PARTS a worker: who is late gets fewer */

struct row { int sequence, position; int32_t id; };

struct session {
    const struct model *model;
    struct packed *own;      /* made here when the model had none */
    const struct packed *packed;
    struct threads *pool;    /* or NULL */
    int parts;               /* of a phase: PARTS a worker, or 1 */
    int sequences, length, room;   /* room: length rounded up to whole key blocks */
    int rows_most;
    int *at;                 /* (sequences): positions held */
    float *keys, *values;    /* (L, sequences, G, room, D) each, keys in blocks and rotated */
    float *rope;             /* (length, D/2, 2) */
    float *x, *normed;       /* (rows_most, C) */
    float *qkv;              /* (rows_most, (H + 2G) D) */
    float *att;              /* (rows_most, H D) */
    float *up, *h;           /* (rows_most, 2F; F with GELU), (rows_most, F) */
    float *scores;           /* (workers, room) */
    float *hidden;           /* where states behind the last norm are kept, borrowed; NULL: they are not */
    struct rounded rounded;  /* int8: (rows_most, the widest k) */
    struct row *rows;        /* (rows_most) */
    /* the phase at hand */
    int n, layer;
    const struct matrix *matrix;
    const float *from;
    const float *bias;
    float *to;
    bool add;
    struct layer w;
    struct norm norm;
};

/* ---- starting ---- */

static bool allocate(struct session *s, struct error *error)
{
    const struct config *c = &s->model->config;
    size_t n = (size_t)s->sequences, R = (size_t)s->rows_most, C = (size_t)c->C, F = (size_t)c->F, D = (size_t)c->D, H = (size_t)c->H, G = (size_t)c->G;
    size_t cache = (size_t)c->L * n * G * (size_t)s->room * D, widest = C > F ? C : F;
    widest = ((H * D > widest ? H * D : widest) + BLOCK - 1) / BLOCK * BLOCK;
    struct { float **to; size_t n; } all[] = {
        {&s->keys, cache}, {&s->values, cache}, {&s->rope, (size_t)s->length * D}, {&s->x, R * C}, {&s->normed, R * C}, {&s->qkv, R * (H + 2 * G) * D},
        {&s->att, R * H * D}, {&s->up, R * (size_t)config_up(c)}, {&s->h, R * F}, {&s->scores, (size_t)(s->pool == NULL ? 1 : threads_size(s->pool)) * (size_t)s->room}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((*all[i].to = mem_alloc(all[i].n, sizeof(float), error)) == NULL) return false;
    s->at = mem_alloc(n, sizeof *s->at, error);
    s->rows = mem_alloc(R, sizeof *s->rows, error);
    if (s->at == NULL || s->rows == NULL) return false;
    if (s->packed->precision != PRECISION_INT8) return true;
    s->rounded = (struct rounded){mem_alloc(R * widest, 1, error), mem_alloc(R * widest / BLOCK, sizeof(float), error), mem_alloc(R * widest / BLOCK, sizeof(int32_t), error)};
    return s->rounded.q != NULL && s->rounded.scales != NULL && s->rounded.sums != NULL;
}

struct session *session_start(const struct model *model, int sequences, int length, struct error *error)
{
    return session_start_on(model, NULL, sequences, length, NULL, error);
}

struct session *session_start_on(const struct model *model, const struct packed *packed, int sequences, int length, struct threads *pool, struct error *error)
{
    const struct config *c = &model->config;
    if (length > c->T || length < 1) {
        error_set(error, ERROR_INPUT, "session: %d positions; 1 to %d, the model's context, are wanted", length, c->T);
        return NULL;
    }
    struct session *s = mem_alloc(1, sizeof *s, error);
    if (s == NULL) return NULL;
    int widest = sequences > length ? sequences : length;
    *s = (struct session){.model = model, .sequences = sequences, .length = length, .room = (length + KEY_ROOM - 1) / KEY_ROOM * KEY_ROOM, .pool = pool,
        .parts = pool == NULL || threads_size(pool) == 1 ? 1 : PARTS * threads_size(pool), .rows_most = widest < ROWS_MOST ? widest : ROWS_MOST};
    s->packed = packed != NULL ? packed : (s->own = packed_start(model, PRECISION_F32, pool, error));
    if (s->packed == NULL || !allocate(s, error)) {
        session_stop(s);
        return NULL;
    }
    rope_table(c, length, s->rope);
    return s;
}

void session_stop(struct session *s)
{
    if (s == NULL) return;
    void *all[] = {s->keys, s->values, s->rope, s->x, s->normed, s->qkv, s->att, s->up, s->h, s->scores, s->at, s->rows, s->rounded.q, s->rounded.scales, s->rounded.sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
    packed_stop(s->own);
    mem_free(s);
}

/* ---- the cache ---- */

void session_keep_hidden(struct session *s, float *rows) { s->hidden = rows; }

struct threads *session_pool(const struct session *session) { return session->pool; }
int session_length(const struct session *session, int s) { return session->at[s]; }
void session_cut(struct session *session, int s, int length) { if (length < session->at[s]) session->at[s] = length; }

static long cache_at(const struct session *s, int layer, int sequence, int g)
{
    return (((long)layer * s->sequences + sequence) * s->model->config.G + g) * s->room * s->model->config.D;
}

void session_copy(struct session *s, int from, int to)
{
    const struct config *c = &s->model->config;
    size_t n = (size_t)(s->at[from] + KEY_BLOCK - 1) / KEY_BLOCK * KEY_BLOCK * (size_t)c->D * sizeof(float);
    for (int l = 0; l < c->L && from != to; l++)
        for (int g = 0; g < c->G; g++) {
            memcpy(s->keys + cache_at(s, l, to, g), s->keys + cache_at(s, l, from, g), n);
            memcpy(s->values + cache_at(s, l, to, g), s->values + cache_at(s, l, from, g), n);
        }
    s->at[to] = s->at[from];
}

/* Position `position` of a key/value head: k (D) goes into column position % 16 of its block. */
static void cache_put(struct session *s, long head, int position, const float *k, const float *v)
{
    int D = s->model->config.D;
    float *block = s->keys + head + (long)(position / KEY_BLOCK) * KEY_BLOCK * D + position % KEY_BLOCK;
    for (int i = 0; i < D; i++) block[(long)i * KEY_BLOCK] = k[i];
    memcpy(s->values + head + (long)position * D, v, (size_t)D * sizeof *v);
}

/* ---- phases ---- */

/* Let the workers share a phase's parts, or the caller do it alone when it is not worth their while. */
static void share(struct session *s, threads_work *work, bool worth)
{
    int parts = s->parts;
    if (parts > 1 && worth) {
        threads_share(s->pool, parts, work, s);
        return;
    }
    s->parts = 1;
    work(s, 0, 0);
    s->parts = parts;
}

static int first_of(const struct session *s, int part) { return (int)((long)s->n * part / s->parts); }

static void multiply_part(void *context, int part, int worker)
{
    struct session *s = context;
    (void)worker;
    matrix_multiply(s->packed->kernels, s->matrix, s->from, &s->rounded, s->n, s->to, s->add, part, s->parts);
}

static void round_part(void *context, int part, int worker)
{
    struct session *s = context;
    (void)worker;
    matrix_round(&s->rounded, s->from, s->matrix->k, first_of(s, part), first_of(s, part + 1));
}

/* to (n, rows) (+)= from (n, k) matrix' + bias */
static void linear(struct session *s, const float *from, const struct matrix *m, const float *bias, float *to, bool add)
{
    s->matrix = m, s->from = from, s->to = to, s->add = add;
    if (m->precision == PRECISION_INT8) share(s, round_part, s->n >= SHARED_ROWS);
    share(s, multiply_part, m->bytes >= SHARED_BYTES);
    layers_add_rows(to, bias, s->n, m->rows);
}

static void norm_part(void *context, int part, int worker)
{
    struct session *s = context;
    int C = s->model->config.C, first = first_of(s, part);
    (void)worker;
    layers_norm_forward(s->x + (long)first * C, C, &s->norm, first_of(s, part + 1) - first, C, s->normed + (long)first * C, C, NULL);
}

static void norm(struct session *s, const float *gain, const float *bias)
{
    s->norm = (struct norm){gain, bias, s->model->config.norm_eps};
    share(s, norm_part, s->n >= SHARED_ROWS);
}

/* Norm and rotate queries and keys; put keys and values in the cache. */
static void rotate_part(void *context, int part, int worker)
{
    struct session *s = context;
    const struct config *c = &s->model->config;
    int wide = (c->H + 2 * c->G) * c->D, last = first_of(s, part + 1);
    struct norm q_norm = {s->w.q_norm, NULL, c->norm_eps}, k_norm = {s->w.k_norm, NULL, c->norm_eps};
    (void)worker;
    for (int i = first_of(s, part); i < last; i++) {
        float *q = s->qkv + (long)i * wide, *k = q + c->H * c->D, *v = k + c->G * c->D;
        const float *turn = s->rope + (long)s->rows[i].position * c->D;
        if (s->w.q_norm != NULL) {
            layers_norm_forward(q, c->D, &q_norm, c->H, c->D, q, c->D, NULL);
            layers_norm_forward(k, c->D, &k_norm, c->G, c->D, k, c->D, NULL);
        }
        for (int h = 0; h < c->H + c->G && !c->learned_positions; h++) rope_forward(q + h * c->D, turn, c->D);
        for (int g = 0; g < c->G; g++) cache_put(s, cache_at(s, s->layer, s->rows[i].sequence, g), s->rows[i].position, k + g * c->D, v + g * c->D);
    }
}

/* Heads of rows, dealt out in turn: causal rows differ in length. */
static void attend_part(void *context, int part, int worker)
{
    struct session *s = context;
    const struct config *c = &s->model->config;
    int wide = (c->H + 2 * c->G) * c->D;
    float *scores = s->scores + (long)worker * s->room, scale = 1.0f / sqrtf((float)c->D);
    for (int item = part; item < s->n * c->H; item += s->parts) {
        int i = item / c->H, h = item % c->H, n = s->rows[i].position + 1;
        long head = cache_at(s, s->layer, s->rows[i].sequence, h / (c->H / c->G));
        layers_scores(s->qkv + (long)i * wide + h * c->D, s->keys + head, n, c->D, scale, scores);
        layers_softmax(scores, n, n);
        layers_mix(scores, s->values + head, n, c->D, s->att + ((long)i * c->H + h) * c->D);
    }
}

static void activate_part(void *context, int part, int worker)
{
    struct session *s = context;
    const struct config *c = &s->model->config;
    int first = first_of(s, part), n = first_of(s, part + 1) - first;
    (void)worker;
    if (c->gelu) layers_gelu_forward(s->up + (long)first * c->F, (long)n * c->F, s->h + (long)first * c->F);
    else layers_swiglu_forward(s->up + (long)first * 2 * c->F, n, c->F, s->h + (long)first * c->F);
}

static void run_layer(struct session *s, int layer)
{
    const struct config *c = &s->model->config;
    const struct packed_layer *m = &s->packed->layer[layer];
    long positions = 0;
    for (int i = 0; i < s->n; i++) positions += s->rows[i].position + 1;
    s->layer = layer;
    s->w = model_layer(s->model, s->model->weights, layer);
    norm(s, s->w.norm1, s->w.norm1_bias);
    linear(s, s->normed, &m->qkv, s->w.qkv_bias, s->qkv, false);
    share(s, rotate_part, s->n >= SHARED_ROWS);
    share(s, attend_part, positions * c->H * c->D * 8 >= SHARED_BYTES);
    linear(s, s->att, &m->o, s->w.o_bias, s->x, true);
    norm(s, s->w.norm2, s->w.norm2_bias);
    linear(s, s->normed, &m->up, s->w.up_bias, s->up, false);
    share(s, activate_part, s->n >= SHARED_ROWS);
    linear(s, s->h, &m->down, s->w.down_bias, s->x, true);
}

/* ---- feeding ---- */

static bool check(const struct session *s, int sequence, int32_t id, size_t more, struct error *error)
{
    const struct config *c = &s->model->config;
    if (id < 0 || id >= c->V) return error_set(error, ERROR_INPUT, "session: id %d; 0 to %d is wanted", (int)id, c->V - 1);
    if ((size_t)s->at[sequence] + more > (size_t)s->length)
        return error_set(error, ERROR_INPUT, "session: %zu positions; there is room for %d", (size_t)s->at[sequence] + more, s->length);
    return true;
}

/* Run the n rows in s->rows. Logits, when not NULL, of the rows from first_wanted on, in order. */
static void run(struct session *s, int n, int first_wanted, float *logits)
{
    const struct config *c = &s->model->config;
    const float *weights = s->model->weights, *embed = model_embed(s->model, weights), *positions = model_positions(s->model, weights);
    s->n = n;
    for (int i = 0; i < n; i++) {
        memcpy(s->x + (long)i * c->C, embed + (long)s->rows[i].id * c->C, (size_t)c->C * sizeof *s->x);
        if (positions != NULL) layers_add(s->x + (long)i * c->C, positions + (long)s->rows[i].position * c->C, c->C);
    }
    for (int l = 0; l < c->L; l++) run_layer(s, l);
    for (int i = 0; i < n; i++) s->at[s->rows[i].sequence] = s->rows[i].position + 1;
    if (logits == NULL || first_wanted >= n) return;
    if (first_wanted > 0) memmove(s->x, s->x + (long)first_wanted * c->C, (size_t)(n - first_wanted) * (size_t)c->C * sizeof *s->x);
    s->n = n - first_wanted;
    norm(s, model_norm(s->model, weights), model_norm_bias(s->model, weights));
    if (s->hidden != NULL) {
        memcpy(s->hidden, s->normed, (size_t)s->n * (size_t)c->C * sizeof *s->hidden);
        s->hidden += (long)s->n * c->C;
    }
    linear(s, s->normed, &s->packed->head, NULL, logits, false);
}

bool session_feed(struct session *s, int sequence, const int32_t *ids, size_t n, bool all, float *logits, struct error *error)
{
    for (size_t i = 0; i < n; i++)
        if (!check(s, sequence, ids[i], n, error)) return false;
    for (size_t done = 0; done < n;) {
        int m = n - done < (size_t)s->rows_most ? (int)(n - done) : s->rows_most;
        for (int i = 0; i < m; i++) s->rows[i] = (struct row){sequence, s->at[sequence] + i, ids[done + (size_t)i]};
        bool last = done + (size_t)m == n;
        if (all) run(s, m, 0, logits == NULL ? NULL : logits + done * (size_t)s->model->config.V);
        else run(s, m, last ? m - 1 : m, logits);
        done += (size_t)m;
    }
    return true;
}

bool session_step(struct session *s, int n, const int *sequences, const int32_t *ids, float *logits, struct error *error)
{
    for (int i = 0; i < n; i++)
        if (!check(s, sequences[i], ids[i], 1, error)) return false;
    for (int done = 0; done < n; done += s->rows_most) {
        int m = n - done < s->rows_most ? n - done : s->rows_most;
        for (int i = 0; i < m; i++) s->rows[i] = (struct row){sequences[done + i], s->at[sequences[done + i]], ids[done + i]};
        run(s, m, 0, logits + (long)done * s->model->config.V);
    }
    return true;
}
