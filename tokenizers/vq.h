/* Pictures as codes, the other way: a convolutional VQ-VAE (van den Oord et al. 2017), the palette-first codes' rival.
 *
 *     native 32:  x (256 patches of 2 x 2, 16 numbers)  ->  z = x + encoder(x)  ->  nearest of K codes e  ->  y = e + decoder(e)
 *     native 16:  each pixel is the nearest of K colours
 *
 * A patch is its pixels' premultiplied RGB and alpha, 0 to 1; a code is a patch too. Both networks (conv.h) correct what plain vector
 * quantization of patches does, so training starts where k-means ends: the decoder learns from the codes around a place, the encoder learns to
 * choose codes that the decoder makes most of. Pixels are opaque from alpha 1/2 on.
 *
 * The nearest codes are a first guess: the encoder then tries others, decodes them, and keeps those that make the painted sprite more like the
 * one wanted (analysis by synthesis, vq_refine.c). VQ_ROUNDS says how long: 8 rounds take some 30 ms a sprite, 12 give 0.05 dB more.
 *
 * Training (vq_train.c) minimises, averaged over pictures, log(d + 0.15 a + 10) + c |z - e|^2: d the squared error of RGB on mid-grey,
 * a that of alpha, in units of 1/255. The logarithm is what PSNR measures. Through the choice of a code the gradient goes straight (Bengio et al. 2013).
 *
 *   local ids:  size 32, size 16 | codes (K)          a sprite = size code{256}
 */
#ifndef TOKENIZERS_VQ_H
#define TOKENIZERS_VQ_H

#include "core/error.h"
#include "core/threads.h"
#include "outputs/sprite.h"
#include "tokenizers/conv.h"

enum { VQ_PATCH = 16, VQ_CODES = CONV_PLACES, VQ_ROUNDS = 8 };

struct vq {
    int K;
    struct conv net;             /* the shape of both networks */
    float *encoder, *decoder;    /* (conv_numbers) */
    float *code;                 /* (K, 16) */
    uint8_t (*colour)[4];        /* (K): RGBA for native 16, the first one transparent */
};

struct vq_options {
    int codes, channels, blocks;
    long steps;                  /* of `batch` pictures */
    int batch;
    double rate;
    uint64_t seed;
};
#define VQ_OPTIONS_DEFAULT ((struct vq_options){.codes = 1024, .channels = 64, .blocks = 4, .steps = 9700, .batch = 32, .rate = 1e-3, .seed = 1})

/* Called now and then while training with the mean loss since the last call; returning false stops (ERROR_STOPPED). */
typedef bool vq_progress(void *context, long step, long steps, double loss);

/* Train on n sprites of 32 x 32. The same on any number of threads but for rounding. */
bool vq_train(const struct sprite *sprites, size_t n, const struct vq_options *options, struct threads *pool, vq_progress *progress, void *context,
              struct vq *out, struct error *error);
void vq_free(struct vq *vq);

/* codes (256) of a 32 x 32 sprite with hard alpha. Always the same ones. */
bool vq_encode(const struct vq *vq, const struct sprite *sprite, int32_t codes[VQ_CODES], struct error *error);

/* The 32 x 32 sprite that codes stand for (overwritten; sprite_free). Codes are in range. */
bool vq_decode(const struct vq *vq, const int32_t codes[VQ_CODES], bool doubled, struct sprite *out, struct error *error);

#endif
