/* AdamW and Muon; see optimizer.h. One parameter of the table is one item of work for the pool. */
#include "core/optimizer.h"
#include "core/blas.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/simd.h"

#include <math.h>
#include <string.h>

enum { NEWTON_SCHULZ_STEPS = 5 };

/* Scratch of one worker: x and its successor (rows, cols), y = x x' and z (small, small). */
static size_t scratch_size(const struct model *model)
{
    size_t most = 0;
    for (size_t i = 0; i < model->n; i++) {
        const struct parameter *p = &model->parameters[i];
        if (p->role != PARAMETER_MATRIX) continue;
        size_t small = (size_t)(p->rows < p->cols ? p->rows : p->cols), need = 2 * parameter_count(p) + 2 * small * small;
        if (need > most) most = need;
    }
    return most;
}

bool optimizer_init(struct optimizer *o, const struct model *model, const struct optimizer_options *options, int workers, struct error *error)
{
    *o = (struct optimizer){.options = *options, .workers = workers};
    o->first = mem_alloc(model->numbers, sizeof *o->first, error);
    o->second = mem_alloc(model->numbers, sizeof *o->second, error);
    o->scratch = mem_alloc((size_t)workers, sizeof *o->scratch, error);
    bool ok = o->first != NULL && o->second != NULL && o->scratch != NULL;
    for (int i = 0; ok && options->muon && i < workers; i++) {
        o->scratch[i] = mem_alloc(scratch_size(model), sizeof **o->scratch, error);
        ok = o->scratch[i] != NULL;
    }
    if (!ok) optimizer_free(o);
    return ok;
}

void optimizer_free(struct optimizer *o)
{
    for (int i = 0; o->scratch != NULL && i < o->workers; i++) mem_free(o->scratch[i]);
    mem_free(o->scratch);
    mem_free(o->first);
    mem_free(o->second);
    *o = (struct optimizer){0};
}

VARIANTS static void adam_update(float *restrict w, const float *restrict g, float *restrict m, float *restrict v, size_t n, float b1, float b2,
                                 float rate, float correct, float eps, float shrink)
{
    for (size_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + (1.0f - b1) * g[i];
        v[i] = b2 * v[i] + (1.0f - b2) * g[i] * g[i];
        w[i] = w[i] * shrink - rate * m[i] / (sqrtf(v[i]) * correct + eps);
    }
}

static void adam(const struct optimizer *o, const struct parameter *p, float *w, const float *g, double rate)
{
    double first = 1 - pow(o->options.beta1, (double)o->step), second = 1 - pow(o->options.beta2, (double)o->step);
    double decay = p->cols > 0 ? o->options.weight_decay : 0;
    adam_update(w + p->at, g + p->at, o->first + p->at, o->second + p->at, parameter_count(p), (float)o->options.beta1,
                (float)o->options.beta2, (float)(rate / first), (float)(1 / sqrt(second)), (float)o->options.eps, (float)(1 - rate * decay));
}

/* x <- a x + (b y + c y y) x with y = x x', five times: about U V' of x's singular value decomposition. x is (rows, cols)
 * with rows <= cols; next is scratch of the same size, y and z are (rows, rows). */
static void orthogonalize(float *x, float *next, float *y, float *z, int rows, int cols)
{
    const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
    long n = (long)rows * cols;
    float scale = 1.0f / ((float)sqrt(layers_square_sum(x, n)) + 1e-7f);
    for (long i = 0; i < n; i++) x[i] *= scale;
    for (int step = 0; step < NEWTON_SCHULZ_STEPS; step++) {
        blas_gemm(false, true, rows, rows, cols, 1.0f, x, cols, x, cols, 0.0f, y, rows);
        memcpy(z, y, (size_t)rows * (size_t)rows * sizeof *z);
        blas_gemm(false, false, rows, rows, rows, c, y, rows, y, rows, b, z, rows);      /* z = b y + c y y */
        memcpy(next, x, (size_t)n * sizeof *next);
        blas_gemm(false, false, rows, cols, rows, 1.0f, z, rows, x, cols, a, next, cols);
        memcpy(x, next, (size_t)n * sizeof *x);
    }
}

static void muon(const struct optimizer *o, const struct parameter *p, float *weights, const float *gradients, double rate, float *scratch)
{
    int rows = p->rows, cols = p->cols;
    bool flip = rows > cols;
    int small = flip ? cols : rows, large = flip ? rows : cols;
    size_t n = parameter_count(p);
    float *w = weights + p->at, *m = o->first + p->at, *x = scratch, *next = x + n, *y = next + n, *z = y + (size_t)small * (size_t)small;
    const float *g = gradients + p->at;
    float momentum = (float)o->options.momentum;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            long i = (long)r * cols + c;
            m[i] = momentum * m[i] + g[i];
            x[flip ? (long)c * rows + r : i] = g[i] + momentum * m[i];                   /* Nesterov */
        }
    orthogonalize(x, next, y, z, small, large);
    float shrink = (float)(1 - rate * o->options.weight_decay), step = (float)(rate * 0.2 * sqrt((double)large));
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            long i = (long)r * cols + c;
            w[i] = w[i] * shrink - step * x[flip ? (long)c * rows + r : i];
        }
}

struct job { struct optimizer *optimizer; struct model *model; float *gradients; double rate; };

static void update(void *context, int item, int worker)
{
    struct job *job = context;
    const struct parameter *p = &job->model->parameters[item];
    if (job->optimizer->options.muon && p->role == PARAMETER_MATRIX)
        muon(job->optimizer, p, job->model->weights, job->gradients, job->rate, job->optimizer->scratch[worker]);
    else adam(job->optimizer, p, job->model->weights, job->gradients, job->rate);
}

double optimizer_step(struct optimizer *o, struct model *model, float *gradients, double learning_rate, struct threads *pool)
{
    double norm = sqrt(layers_square_sum(gradients, (long)model->numbers));
    if (o->options.clip > 0 && norm > o->options.clip) {
        float scale = (float)(o->options.clip / (norm + 1e-6));
        for (size_t i = 0; i < model->numbers; i++) gradients[i] *= scale;
    }
    o->step++;
    struct job job = {o, model, gradients, learning_rate};
    threads_run(pool, (int)model->n, update, &job);
    return norm;
}

double optimizer_schedule(long step, long total, long warmup, long decay, double peak, double least)
{
    if (step < warmup) return peak * (double)(step + 1) / (double)warmup;
    long left = total - step;
    if (decay > 0 && left < decay) return peak * (least + (1 - least) * (double)left / (double)decay);
    return peak;
}
