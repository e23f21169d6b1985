/* A model's matrices laid out for inference, in float32 or int8 (see kernels.h for the layout and its arithmetic).
 *
 * int8 is llama.cpp's Q8_0 in another order: blocks of 32 weights of a row with one half-precision scale, the largest of them
 * becoming 127; what a matrix is multiplied with is rounded the same way, a scale a block. Embeddings that are looked up,
 * norms and biases stay float32 in the model's own block.
 */
#ifndef CORE_PACKED_H
#define CORE_PACKED_H

#include "core/kernels.h"
#include "core/model.h"
#include "core/threads.h"

#include <stddef.h>

enum precision { PRECISION_F32, PRECISION_INT8 };

struct matrix {
    enum precision precision;
    int rows, k;             /* as in the model; */
    int padded;              /* k as stored: a multiple of BLOCK in int8 */
    int panels;
    size_t bytes;
    void *data;
};

struct packed_layer { struct matrix qkv, o, up, down; };

struct packed {
    enum precision precision;
    const struct kernels *kernels;
    int layers;
    struct packed_layer *layer;  /* (layers) */
    struct matrix head;
    size_t bytes;                /* of all matrices: what a step reads from memory */
};

/* A copy of the model's matrices as they are now; pool (may be NULL) shares the work. NULL and an error when memory lacks. */
struct packed *packed_start(const struct model *model, enum precision precision, struct threads *pool, struct error *error);
void packed_stop(struct packed *packed);

/* One matrix alone: w (rows, k). */
bool matrix_pack(struct matrix *matrix, enum precision precision, const float *w, int rows, int k, struct error *error);
void matrix_free(struct matrix *matrix);

/* Rows first … last-1 of x (n, k) rounded to int8: q (n, padded), scales and sums (n, padded / BLOCK), as struct kernel_job wants them. */
struct rounded { int8_t *q; float *scales; int32_t *sums; };
void matrix_round(const struct rounded *to, const float *x, int k, int first, int last);

/* y (n, rows) (+)= x (n, k) w' for the panels of part `part` of `parts`; in int8 x is taken from `rounded`. */
void matrix_multiply(const struct kernels *kernels, const struct matrix *matrix, const float *x, const struct rounded *rounded, int n, float *y, bool add,
                     int part, int parts);

#endif
