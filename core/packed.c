/* Packing and rounding; see packed.h. */
#include "core/packed.h"
#include "core/mem.h"
#include "core/simd.h"

#include <math.h>
#include <string.h>

static int padded_to(int n, int unit) { return (n + unit - 1) / unit * unit; }

/* ---- packing ---- */

static void pack_f32(struct matrix *m, const float *w, int panel)
{
    float *to = (float *)m->data + (long)panel * PANEL * m->k;
    int rows = m->rows - panel * PANEL < PANEL ? m->rows - panel * PANEL : PANEL;
    for (int r = 0; r < rows; r++) {
        const float *row = w + (long)(panel * PANEL + r) * m->k;
        for (int i = 0; i < m->k; i++) to[(long)i * PANEL + r] = row[i];
    }
}

/* Scale and bytes of one row's block, n <= BLOCK numbers. */
static uint16_t round_block(const float *x, int n, int8_t q[BLOCK])
{
    float most = 0;
    for (int i = 0; i < n; i++) most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    uint16_t scale = half_from_float(most / 127.0f);
    float step = most / 127.0f, inverse = step > 0 ? 1.0f / step : 0.0f;
    for (int i = 0; i < BLOCK; i++) q[i] = i < n ? (int8_t)lrintf(x[i] * inverse) : 0;
    return scale;
}

static void pack_int8(struct matrix *m, const float *w, int panel)
{
    int blocks = m->padded / BLOCK;
    uint8_t *to = (uint8_t *)m->data + (long)panel * blocks * BLOCK_BYTES;
    for (int b = 0; b < blocks; b++, to += BLOCK_BYTES) {
        memset(to + 2 * PANEL, 128, PANEL * BLOCK);            /* rows behind the last are zeros */
        for (int r = 0; r < PANEL && panel * PANEL + r < m->rows; r++) {
            int8_t q[BLOCK];
            int n = m->k - b * BLOCK < BLOCK ? m->k - b * BLOCK : BLOCK;
            uint16_t scale = round_block(w + (long)(panel * PANEL + r) * m->k + b * BLOCK, n, q);
            memcpy(to + 2 * r, &scale, sizeof scale);
            for (int i = 0; i < BLOCK; i++) to[2 * PANEL + (i / 4 * PANEL + r) * 4 + i % 4] = (uint8_t)(q[i] + 128);
        }
    }
}

static bool prepare(struct matrix *m, enum precision precision, int rows, int k, struct error *error)
{
    *m = (struct matrix){.precision = precision, .rows = rows, .k = k, .padded = precision == PRECISION_INT8 ? padded_to(k, BLOCK) : k,
        .panels = padded_to(rows, PANEL) / PANEL};
    m->bytes = (size_t)m->panels * (precision == PRECISION_INT8 ? (size_t)m->padded / BLOCK * BLOCK_BYTES : (size_t)k * PANEL * sizeof(float));
    m->data = mem_alloc(m->bytes, 1, error);
    return m->data != NULL;
}

static void pack(struct matrix *m, const float *w, int part, int parts)
{
    for (int panel = (int)((long)m->panels * part / parts); panel < (int)((long)m->panels * (part + 1) / parts); panel++) {
        if (m->precision == PRECISION_INT8) pack_int8(m, w, panel);
        else pack_f32(m, w, panel);
    }
}

bool matrix_pack(struct matrix *m, enum precision precision, const float *w, int rows, int k, struct error *error)
{
    if (!prepare(m, precision, rows, k, error)) return false;
    pack(m, w, 0, 1);
    return true;
}

void matrix_free(struct matrix *m)
{
    mem_free(m->data);
    *m = (struct matrix){0};
}

/* ---- a whole model ---- */

struct packing { struct packed *packed; const struct model *model; int parts; };

static void pack_share(void *context, int part, int worker)
{
    struct packing *p = context;
    (void)worker;
    for (int l = 0; l < p->packed->layers; l++) {
        struct layer w = model_layer(p->model, p->model->weights, l);
        struct packed_layer *to = &p->packed->layer[l];
        pack(&to->qkv, w.qkv, part, p->parts);
        pack(&to->o, w.o, part, p->parts);
        pack(&to->up, w.up, part, p->parts);
        pack(&to->down, w.down, part, p->parts);
    }
    pack(&p->packed->head, model_head(p->model, p->model->weights), part, p->parts);
}

struct packed *packed_start(const struct model *model, enum precision precision, struct threads *pool, struct error *error)
{
    const struct config *c = &model->config;
    struct packed *p = mem_alloc(1, sizeof *p, error);
    if (p == NULL) return NULL;
    *p = (struct packed){.precision = precision, .kernels = kernels_best(), .layers = c->L, .layer = mem_alloc((size_t)c->L, sizeof *p->layer, error)};
    bool ok = p->layer != NULL && prepare(&p->head, precision, c->V, c->C, error);
    p->bytes = p->head.bytes;
    for (int l = 0; ok && l < c->L; l++) {
        struct packed_layer *to = &p->layer[l];
        ok = prepare(&to->qkv, precision, (c->H + 2 * c->G) * c->D, c->C, error) && prepare(&to->o, precision, c->C, c->H * c->D, error) &&
             prepare(&to->up, precision, config_up(c), c->C, error) && prepare(&to->down, precision, c->C, c->F, error);
        p->bytes += to->qkv.bytes + to->o.bytes + to->up.bytes + to->down.bytes;
    }
    if (!ok) {
        packed_stop(p);
        return NULL;
    }
    struct packing packing = {p, model, pool == NULL ? 1 : threads_size(pool)};
    if (pool == NULL) pack_share(&packing, 0, 0);
    else threads_run(pool, packing.parts, pack_share, &packing);
    return p;
}

void packed_stop(struct packed *p)
{
    if (p == NULL) return;
    for (int l = 0; p->layer != NULL && l < p->layers; l++) {
        struct matrix *all[] = {&p->layer[l].qkv, &p->layer[l].o, &p->layer[l].up, &p->layer[l].down};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) matrix_free(all[i]);
    }
    matrix_free(&p->head);
    mem_free(p->layer);
    mem_free(p);
}

/* ---- products ---- */

VARIANTS static void round_row(const float *x, int k, int blocks, int8_t *q, float *scales, int32_t *sums)
{
    for (int b = 0; b < blocks; b++) {
        float block[BLOCK] = {0}, most = 0;
        int n = k - b * BLOCK < BLOCK ? k - b * BLOCK : BLOCK;
        int32_t sum = 0, whole[BLOCK];
        memcpy(block, x + b * BLOCK, (size_t)n * sizeof *block);
        for (int i = 0; i < BLOCK; i++) most = fabsf(block[i]) > most ? fabsf(block[i]) : most;
        float inverse = most > 0 ? 127.0f / most : 0.0f;
        for (int i = 0; i < BLOCK; i++) {
            float scaled = block[i] * inverse + 12582912.0f;   /* 1.5 * 2^23: the nearest whole number lies in the low bits */
            memcpy(&whole[i], &scaled, sizeof scaled);
            whole[i] -= 0x4b400000;
        }
        for (int i = 0; i < BLOCK; i++) sum += whole[i];
        for (int i = 0; i < BLOCK; i++) q[b * BLOCK + i] = (int8_t)whole[i];
        scales[b] = most / 127.0f;
        sums[b] = -128 * sum;
    }
}

void matrix_round(const struct rounded *to, const float *x, int k, int first, int last)
{
    int padded = padded_to(k, BLOCK), blocks = padded / BLOCK;
    for (long i = first; i < last; i++) round_row(x + i * k, k, blocks, to->q + i * padded, to->scales + i * blocks, to->sums + i * blocks);
}

void matrix_multiply(const struct kernels *kernels, const struct matrix *m, const float *x, const struct rounded *rounded, int n, float *y, bool add, int part, int parts)
{
    struct kernel_job job = {.panels = m->data, .rows = m->rows, .k = m->padded, .from = (int)((long)m->panels * part / parts),
        .to = (int)((long)m->panels * (part + 1) / parts), .n = n, .x = x, .y = y, .add = add};
    if (m->precision == PRECISION_INT8) {
        job.q = rounded->q, job.scales = rounded->scales, job.sums = rounded->sums;
        kernels->i8(&job);
    } else kernels->f32(&job);
}
