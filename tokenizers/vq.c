/* The convolutional codes: encoding and decoding; see vq.h. Learning is in vq_train.c. */
#include "core/blas.h"
#include "core/mem.h"
#include "core/simd.h"
#include "tokenizers/vq_inside.h"

#include <math.h>
#include <string.h>

static const double GREY = VQ_GREY / 255.0;

bool vq_init(struct vq *vq, int K, struct conv net, struct error *error)
{
    size_t numbers = conv_numbers(&net);
    *vq = (struct vq){.K = K, .net = net, .encoder = mem_alloc(numbers, sizeof(float), error), .decoder = mem_alloc(numbers, sizeof(float), error),
        .code = mem_alloc((size_t)K * VQ_PATCH, sizeof(float), error), .colour = mem_alloc((size_t)K, 4, error)};
    if (vq->encoder != NULL && vq->decoder != NULL && vq->code != NULL && vq->colour != NULL) return true;
    vq_free(vq);
    return false;
}

void vq_free(struct vq *vq)
{
    mem_free(vq->encoder), mem_free(vq->decoder), mem_free(vq->code), mem_free(vq->colour);
    *vq = (struct vq){0};
}

/* ---- patches ---- */

/* The pixel k of the patch at `place`, as an index into a sprite's pixels. */
static int pixel_of(int place, int k) { return (place / CONV_SIDE * 2 + k / 2) * SPRITE_SIDE + place % CONV_SIDE * 2 + k % 2; }

void vq_patches(const struct sprite *sprite, float *x)
{
    for (int place = 0; place < VQ_CODES; place++)
        for (int k = 0; k < 4; k++, x += 4) {
            const uint8_t *p = sprite->rgba + 4 * pixel_of(place, k);
            float alpha = p[3] ? 1 : 0;
            for (int d = 0; d < 3; d++) x[d] = alpha * (float)p[d] / 255;
            x[3] = alpha;
        }
}

static uint8_t byte_of(float x) { return (uint8_t)lrintf(255 * (x < 0 ? 0 : x > 1 ? 1 : x)); }

void vq_pixel(const float y[4], uint8_t rgba[4])
{
    memset(rgba, 0, 4);
    if (y[3] < 0.5f) return;
    for (int d = 0; d < 3; d++) rgba[d] = byte_of(y[d] / y[3]);
    rgba[3] = 255;
}

static void paint(const float *y, struct sprite *out)
{
    for (int place = 0; place < VQ_CODES; place++)
        for (int k = 0; k < 4; k++, y += 4) vq_pixel(y, out->rgba + 4 * pixel_of(place, k));
}

/* ---- codes ---- */

VARIANTS static int least_of(const float *s, int n)
{
    float least = s[0];
    for (int k = 1; k < n; k++) least = s[k] < least ? s[k] : least;
    int best = 0;
    while (s[best] > least) best++;
    return best;
}

void vq_nearest(const float *code, int K, const float *z, int rows, int32_t *nearest, float *score)
{
    for (int k = 0; k < K; k++) {
        score[k] = 0;
        for (int i = 0; i < VQ_PATCH; i++) score[k] += code[k * VQ_PATCH + i] * code[k * VQ_PATCH + i];
    }
    for (int r = 1; r < rows; r++) memcpy(score + (size_t)r * (size_t)K, score, (size_t)K * sizeof *score);
    blas_gemm(false, true, rows, K, VQ_PATCH, -2, z, VQ_PATCH, code, VQ_PATCH, 1, score, K);
    for (int r = 0; r < rows; r++) nearest[r] = least_of(score + (size_t)r * (size_t)K, K);
}

double vq_error(const float *y, const float *x, double alpha_weight, float *dy)
{
    double sum = 0, alpha = 0, scale = 255.0 * 255 / (3 * 4 * VQ_CODES), scale_alpha = alpha_weight * 255 * 255 / (4 * VQ_CODES);
    for (int i = 0; i < VQ_NUMBERS; i += 4) {
        double da = (double)y[i + 3] - (double)x[i + 3], on_grey = 0;
        for (int d = 0; d < 3; d++) {
            double e = (double)y[i + d] - (double)x[i + d] - GREY * da;
            sum += e * e, on_grey += e;
            if (dy != NULL) dy[i + d] = (float)(2 * scale * e);
        }
        alpha += da * da;
        if (dy != NULL) dy[i + 3] = (float)(-2 * scale * GREY * on_grey + 2 * scale_alpha * da);
    }
    return scale * sum + scale_alpha * alpha;
}

/* ---- encoding and decoding ---- */

bool vq_desk_init(struct vq_desk *d, const struct vq *vq, int pictures, struct error *error)
{
    size_t n = (size_t)pictures;
    *d = (struct vq_desk){.x = mem_alloc(n * VQ_NUMBERS, sizeof(float), error), .y = mem_alloc(n * VQ_NUMBERS, sizeof(float), error),
        .dx = mem_alloc(VQ_NUMBERS, sizeof(float), error), .dy = mem_alloc(VQ_NUMBERS, sizeof(float), error), .kept = mem_alloc(n * conv_kept(&vq->net), sizeof(float), error),
        .scratch = mem_alloc(n * conv_scratch(&vq->net), sizeof(float), error), .score = mem_alloc((size_t)VQ_CODES * (size_t)vq->K, sizeof(float), error)};
    return d->x != NULL && d->y != NULL && d->dx != NULL && d->dy != NULL && d->kept != NULL && d->scratch != NULL && d->score != NULL;
}

void vq_desk_free(struct vq_desk *d)
{
    mem_free(d->x), mem_free(d->y), mem_free(d->dx), mem_free(d->dy), mem_free(d->kept), mem_free(d->scratch), mem_free(d->score);
    *d = (struct vq_desk){0};
}

void vq_correct(const struct vq *vq, const float *weights, int n, struct vq_desk *d)
{
    conv_forward(&vq->net, weights, n, d->x, d->y, d->kept, d->scratch);
    for (int i = 0; i < n * VQ_NUMBERS; i++) d->y[i] += d->x[i];
}

void vq_look_up(const struct vq *vq, const int32_t codes[VQ_CODES], float *e)
{
    for (int i = 0; i < VQ_CODES; i++) memcpy(e + i * VQ_PATCH, vq->code + (size_t)codes[i] * VQ_PATCH, VQ_PATCH * sizeof *e);
}

/* Native 16: each doubled pixel is the nearest colour. */
static void encode_doubled(const struct vq *vq, const struct sprite *sprite, int32_t *codes)
{
    for (int place = 0; place < VQ_CODES; place++) {
        const uint8_t *p = sprite->rgba + 4 * pixel_of(place, 0);
        int least = INT32_MAX;
        codes[place] = 0;
        for (int k = 1; p[3] != 0 && k < vq->K; k++) {
            const uint8_t *c = vq->colour[k];
            int r = c[0] - p[0], g = c[1] - p[1], b = c[2] - p[2], far = r * r + g * g + b * b;
            if (far < least) least = far, codes[place] = k;
        }
    }
}

bool vq_encode(const struct vq *vq, const struct sprite *sprite, int32_t codes[VQ_CODES], struct error *error)
{
    struct vq_desk d;
    float x[VQ_NUMBERS];
    if (sprite_is_doubled(sprite)) {
        encode_doubled(vq, sprite, codes);
        return true;
    }
    bool ok = vq_desk_init(&d, vq, VQ_TRIALS, error);
    if (ok) {
        vq_patches(sprite, x);
        memcpy(d.x, x, sizeof x);
        vq_correct(vq, vq->encoder, 1, &d);
        vq_nearest(vq->code, vq->K, d.y, VQ_CODES, codes, d.score);
        vq_refine(vq, x, VQ_ROUNDS, codes, &d);
    }
    vq_desk_free(&d);
    return ok;
}

bool vq_decode(const struct vq *vq, const int32_t codes[VQ_CODES], bool doubled, struct sprite *out, struct error *error)
{
    struct vq_desk d;
    if (!sprite_init(out, SPRITE_SIDE, SPRITE_SIDE, error)) return false;
    for (int i = 0; doubled && i < SPRITE_PIXELS; i++)
        memcpy(out->rgba + 4 * i, vq->colour[codes[i / SPRITE_SIDE / 2 * CONV_SIDE + i % SPRITE_SIDE / 2]], 4);
    if (doubled) return true;
    bool ok = vq_desk_init(&d, vq, 1, error);
    if (ok) {
        vq_look_up(vq, codes, d.x);
        vq_correct(vq, vq->decoder, 1, &d);
        paint(d.y, out);
    } else sprite_free(out);
    vq_desk_free(&d);
    return ok;
}
