/* Pictures as codes, palette first: vector quantization relative to the picture's own few colours.
 *
 *     sprite = size  colour{1..16}  end  pattern{256}
 *
 * `size` tells native 32 or 16. Each `colour` is one entry of a learned master palette, in order of lightness. A `pattern` codes
 * a 2 x 2 patch as four indices into the palette just sent (0 = transparent, 1 … 16), from a learned codebook; 16 x 16
 * patterns in raster order make 32 x 32 pixels. So shape and colour are apart: hard alpha is exact, a limit on colours is
 * a limit on ids, and another palette recolours the sprite.
 *
 * Both codebooks are learned from the training sprites: the palette by k-means over the sprites' colours with centres
 * put on real colours, the patterns by taking those that save most squared error, with unused ones replaced.
 *
 *   local ids:  size 32, size 16 | colours (K) | end | patterns (P)
 */
#ifndef TOKENIZERS_CODES_H
#define TOKENIZERS_CODES_H

#include "core/ids.h"
#include "outputs/sprite.h"

struct codes;

enum { CODES_COLOURS_MOST = 16, CODES_PATTERNS = 256, CODES_NAME_MOST = 48 };

struct codes_options {
    int colours;             /* entries of the master palette */
    int patterns;            /* entries of the pattern codebook */
    uint64_t seed;
};
#define CODES_OPTIONS_DEFAULT ((struct codes_options){.colours = 1024, .patterns = 1536, .seed = 1})

/* Called now and then while training; returning false stops (ERROR_STOPPED). */
typedef bool codes_progress(void *context, const char *what, int done, int total);

/* Learn both codebooks from n sprites of 32 x 32. Deterministic. */
bool codes_train(const struct sprite *sprites, size_t n, const struct codes_options *options, codes_progress *progress, void *context,
                 struct codes **out, struct error *error);
bool codes_load(const char *path, struct codes **out, struct error *error);          /* vq.safetensors */
bool codes_save(const struct codes *codes, const char *path, struct error *error);
void codes_free(struct codes *codes);

int codes_vocabulary(const struct codes *codes);                                     /* how many local ids there are */
const char *codes_name(const struct codes *codes, int32_t id, char text[CODES_NAME_MOST]); /* "colour 12 #a0b0c0"; returns text */

/* What encoding lost. PSNR as 10 log10(255^2 / mean squared error) over RGB on mid-grey, at most 60 dB. */
struct codes_loss { double mse, psnr; int wrong_alpha; bool exact; int colours_in, colours_kept; };

/* Append the ids of a 32 x 32 sprite with hard alpha. loss may be NULL. */
bool codes_encode(const struct codes *codes, const struct sprite *sprite, struct ids *out, struct codes_loss *loss, struct error *error);

/* The sprite that ids stand for, 32 x 32 (overwritten; sprite_free); *native, when not NULL, gets 32 or 16. */
bool codes_decode(const struct codes *codes, const int32_t *ids, size_t n, struct sprite *out, int *native, struct error *error);

/* ---- The grammar, one id at a time ---- */

/* Plain data, copied freely. */
struct codes_grammar {
    uint8_t state;           /* what comes next: size, colours, patterns, nothing */
    bool doubled;            /* native 16: flat patterns only */
    int colours;             /* sent so far */
    int last_rank;           /* of the last colour in the order of lightness */
    int patterns;            /* sent so far */
    int limit;               /* most colours: 1 … 16 */
};

void codes_grammar_start(struct codes_grammar *grammar);
void codes_grammar_allowed(const struct codes *codes, const struct codes_grammar *grammar, uint8_t *allowed /* (vocabulary) */, bool *may_end);
bool codes_grammar_advance(const struct codes *codes, struct codes_grammar *grammar, int32_t id);

#endif
