/* What the files of the convolutional codes share; everyone else includes vq.h. */
#ifndef TOKENIZERS_VQ_INSIDE_H
#define TOKENIZERS_VQ_INSIDE_H

#include "tokenizers/vq.h"

enum { VQ_NUMBERS = VQ_CODES * VQ_PATCH };      /* of one picture */

bool vq_init(struct vq *vq, int K, struct conv net, struct error *error);

/* A sprite's patches (256, 16): four pixels of premultiplied RGB and alpha each. */
void vq_patches(const struct sprite *sprite, float *x);

/* The nearest of K codes for each of `rows` patches z; score (rows, K) is working memory. */
void vq_nearest(const float *code, int K, const float *z, int rows, int32_t *nearest, float *score);

/* Squared error of one picture, a number (RGB on grey; by alpha_weight: alpha), in units of 1/255; dy (256, 16), when not NULL, gets its gradient by y. */
double vq_error(const float *y, const float *x, double alpha_weight, float *dy);

#endif
