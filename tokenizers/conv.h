/* A small residual convolutional network on a grid of 16 x 16 places, and its gradient.
 *
 *     h = W0 * x + b0                                   3 x 3, in -> channels
 *     h = h + Wb relu(Wa * relu(h) + ba) + bb           blocks times: 3 x 3, then 1 x 1
 *     y = Wo relu(h) + bo                               1 x 1, channels -> out
 *
 * (residual blocks as in van den Oord et al. 2017, "Neural Discrete Representation Learning"). A 3 x 3 convolution is a product of
 * the matrix of neighbourhoods (places, 9 in) with the weights (9 in, out); beyond the edge there are zeros. All matrices
 * are row-major, a picture's places in raster order. The second matrix of each block starts at zero and the last one near it, so an untrained
 * network adds next to nothing to whatever it corrects.
 */
#ifndef TOKENIZERS_CONV_H
#define TOKENIZERS_CONV_H

#include <stddef.h>
#include <stdint.h>

enum { CONV_SIDE = 16, CONV_PLACES = CONV_SIDE * CONV_SIDE };

struct conv { int in, channels, blocks, out; };

/* One tensor of a network: (rows, cols) numbers from `at` on; cols 0 marks a bias of `rows` numbers. */
struct conv_tensor { char name[24]; int rows, cols; size_t at; };
int conv_tensors(const struct conv *net);
struct conv_tensor conv_tensor(const struct conv *net, int i);    /* 0 <= i < conv_tensors() */

size_t conv_numbers(const struct conv *net);                      /* of weights and biases */
size_t conv_kept(const struct conv *net);                         /* of what forward keeps for backward, a picture */
size_t conv_scratch(const struct conv *net);                      /* of working memory, a picture */

/* The weights (numbers) of a network before training. */
void conv_start(const struct conv *net, uint64_t seed, float *weights);

/* y (n, places, out) from x (n, places, in); kept (n * conv_kept) and scratch (n * conv_scratch) are overwritten. */
void conv_forward(const struct conv *net, const float *weights, int n, const float *x, float *y, float *kept, float *scratch);

/* From dy (n, places, out), of the forward pass that left `kept`: gradient (numbers) is added to; dx (n, places, in) is overwritten, NULL: not wanted.
 * gradient NULL: only dx. */
void conv_backward(const struct conv *net, const float *weights, int n, const float *x, const float *kept, const float *dy, float *gradient, float *dx, float *scratch);

#endif
