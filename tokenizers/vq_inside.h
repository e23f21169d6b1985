/* What the files of the convolutional codes share; everyone else includes vq.h. */
#ifndef TOKENIZERS_VQ_INSIDE_H
#define TOKENIZERS_VQ_INSIDE_H

#include "tokenizers/vq.h"

enum {
    VQ_NUMBERS = VQ_CODES * VQ_PATCH,      /* of one picture */
    VQ_TRIALS = 4,                         /* pictures decoded together by vq_refine */
    VQ_GREY = 128
};
static const double VQ_ALPHA = 0.15;       /* the weight of alpha's error in the loss */

/* Memory for the networks on `pictures` pictures: in x, out y (pictures, 256, 16). */
struct vq_desk { float *x, *y, *dx, *dy, *kept, *scratch, *score; };
bool vq_desk_init(struct vq_desk *desk, const struct vq *vq, int pictures, struct error *error);
void vq_desk_free(struct vq_desk *desk);

bool vq_init(struct vq *vq, int K, struct conv net, struct error *error);

/* A sprite's patches (256, 16): four pixels of premultiplied RGB and alpha each. */
void vq_patches(const struct sprite *sprite, float *x);

/* The pixel that four numbers of a patch are painted as; transparent: all 0. */
void vq_pixel(const float y[4], uint8_t rgba[4]);

/* The patches (256, 16) of codes. */
void vq_look_up(const struct vq *vq, const int32_t codes[VQ_CODES], float *e);

/* y = x + network(x) for n pictures on the desk. */
void vq_correct(const struct vq *vq, const float *weights, int n, struct vq_desk *desk);

/* Better codes for the patches x (256, 16): at most `rounds` rounds of trials, each of about VQ_TRIALS + 3 decodings. The painted picture's squared
 * error and its wrong alphas never grow. The desk is of VQ_TRIALS pictures. */
void vq_refine(const struct vq *vq, const float *x, int rounds, int32_t codes[VQ_CODES], struct vq_desk *desk);

/* The nearest of K codes for each of `rows` patches z; score (rows, K) is working memory. */
void vq_nearest(const float *code, int K, const float *z, int rows, int32_t *nearest, float *score);

/* Squared error of one picture, a number (RGB on grey; by alpha_weight: alpha), in units of 1/255; dy (256, 16), when not NULL, gets its gradient by y. */
double vq_error(const float *y, const float *x, double alpha_weight, float *dy);

#endif
