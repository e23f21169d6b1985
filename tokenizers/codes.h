/* Pictures as codes, palette first: vector quantization relative to the picture's own few colours. Version 2.
 *
 *     sprite  = size  colours  end  place{256 or 128}  [fill  pattern{holes}]
 *     colours = colour{1..16}                            native 32
 *             | (colour  [red green blue]){1..24}        native 16
 *     place   = pattern | hole
 *
 * `size` tells native 32 or 16. Each `colour` is one entry of a learned master palette, in order of lightness. A `pattern` is
 * four indices into the palette just sent (0 = transparent, 1 … 24), from a learned codebook. So shape and colour are apart: hard
 * alpha is exact, a limit on colours is a limit on ids, and another palette recolours the sprite.
 *
 * Native 32: a pattern is 2 x 2 pixels, 16 x 16 of them in the order of rows. Native 16, kept as doubled art of 32 x 32: a pattern
 * (a, b, a, b) is two native pixels side by side, 8 x 16 of them; all 625 pairs are in the codebook, so the pixels are
 * exact. The other patterns are for native 32 alone and have no index above 16. `red`, `green`, `blue` are differences of -20 … 20 from
 * the master colour, so that the colours are exact as well, nearly always.
 *
 * The encoder's own choice for native 32 takes at most 14 colours, so a sprite has at most 1 + 14 + 1 + 256 = 272 ids; the grammar and
 * wishes, such as a palette of 16, may send 16: 274 ids. Native 16 has at most 1 + 24 x 4 + 1 + 128 = 226.
 *
 * A `hole` stands for a pattern that comes later: behind the last place `fill` follows, then the pattern of each hole, in the order of
 * places. So a model sees all that stays before it draws what is missing. The grammar takes holes but never offers them: they
 * come from prompts (codes_leave_out).
 *
 * Both codebooks are learned from the training sprites: the palette by k-means over the sprites' colours with centres
 * put on real colours, the patterns by taking those that save most squared error, with unused ones replaced.
 *
 *   local ids:  size 32, size 16 | colours (K) | end | patterns (P) | red (41) | green (41) | blue (41) | hole | fill
 */
#ifndef TOKENIZERS_CODES_H
#define TOKENIZERS_CODES_H

#include "core/ids.h"
#include "outputs/sprite.h"

struct codes;

enum {
    CODES_COLOURS_32 = 16, CODES_COLOURS_16 = 24,            /* most colours of native 32 and of native 16 */
    CODES_COLOURS_MOST = CODES_COLOURS_16,                   /* of either, for arrays */
    CODES_ENCODED_MOST = 14,                                 /* the encoder's own choice for native 32 */
    CODES_NAME_MOST = 48,
    CODES_PATTERNS = 256,                                    /* places of native 32; native 16 has half as many */
    CODES_PALETTE_MOST = 2 + 4 * CODES_COLOURS_16,           /* ids up to the end of the palette */
    CODES_PALETTE_32 = 2 + CODES_COLOURS_32,                 /* the same of native 32 */
    CODES_IDS_MOST = 2 + CODES_COLOURS_32 + CODES_PATTERNS   /* of a picture without holes: native 32 has the most */
};

struct codes_options {
    int colours;             /* entries of the master palette */
    int patterns;            /* entries of the pattern codebook, at least the 625 pairs */
    uint64_t seed;
};
#define CODES_OPTIONS_DEFAULT ((struct codes_options){.colours = 1024, .patterns = 1936, .seed = 1})

/* Called now and then while training; returning false stops (ERROR_STOPPED). */
typedef bool codes_progress(void *context, const char *what, int done, int total);

/* Learn both codebooks from n sprites of 32 x 32. Deterministic. */
bool codes_train(const struct sprite *sprites, size_t n, const struct codes_options *options, codes_progress *progress, void *context,
                 struct codes **out, struct error *error);
bool codes_load(const char *path, struct codes **out, struct error *error);          /* vq.safetensors, version 2 */
bool codes_save(const struct codes *codes, const char *path, struct error *error);
void codes_free(struct codes *codes);

/* Convolutional codes (vq.h) in the place of palette-first ones: another way to learn, then the same functions, but no holes and of wishes only the size. */
struct vq_options;
struct threads;
bool codes_train_vq(const struct sprite *sprites, size_t n, const struct vq_options *options, struct threads *pool, codes_progress *progress, void *context,
                    struct codes **out, struct error *error);
bool codes_has_palettes(const struct codes *codes);                                  /* palette-first: holes and all wishes */

int codes_vocabulary(const struct codes *codes);                                     /* how many local ids there are */
const char *codes_name(const struct codes *codes, int32_t id, char text[CODES_NAME_MOST]); /* "colour 12 #a0b0c0"; returns text */

/* What encoding lost. PSNR as 10 log10(255^2 / mean squared error) over RGB on mid-grey, at most 60 dB. */
struct codes_loss { double mse, psnr; int wrong_alpha; bool exact; int colours_in, colours_kept; };

/* Append the ids of a 32 x 32 sprite with hard alpha. loss may be NULL. */
bool codes_encode(const struct codes *codes, const struct sprite *sprite, struct ids *out, struct codes_loss *loss, struct error *error);

/* The sprite that ids stand for, 32 x 32 (overwritten; sprite_free); *native, when not NULL, gets 32 or 16. */
bool codes_decode(const struct codes *codes, const int32_t *ids, size_t n, struct sprite *out, int *native, struct error *error);
/* The same with these (n_colours) colours in place of the first that are sent. */
bool codes_decode_exact(const struct codes *codes, const int32_t *ids, size_t n, const uint8_t (*rgb)[3], int n_colours, struct sprite *out, int *native, struct error *error);

/* Most colours of a picture: 16, or for native 16 (doubled) 24. */
int codes_colours_most(bool doubled);

/* Places of a picture, and of a row of them: 256 and 16, or for native 16 (doubled) 128 and 8. */
int codes_places(bool doubled);
int codes_per_row(bool doubled);

/* Are all pixels of a place kept (keep (SPRITE_PIXELS) is not 0)? */
bool codes_place_kept(bool doubled, int place, const uint8_t *keep);

bool codes_is_hole(const struct codes *codes, int32_t id);
bool codes_is_fill(const struct codes *codes, int32_t id);

/* A whole payload of n local ids without holes, with `hole` (places) left out and filled behind `fill`; appended to out. */
bool codes_leave_out(const struct codes *codes, const int32_t *ids, size_t n, const bool *hole, struct ids *out, struct error *error);

/* ---- Wishes: what the grammar obeys by masks, whatever is sampled ---- */

/* One colour that may be sent: an entry of the master palette, and the exact colour that stands for it in the picture. */
struct codes_colour { int16_t master; bool must; uint8_t rgb[3]; };

/* What is wanted of a pixel: a master colour from 0 on, or one of these. */
enum { CODES_ANY = -1, CODES_CLEAR = -2, CODES_OPAQUE = -3 };

/* Plain data; {0} wishes nothing. */
struct codes_wishes {
    int size;                             /* 32 or 16; 0: either */
    int limit;                            /* most colours; 0: as many as the size may have */
    int least;                            /* fewest colours, of those listed (with `only`) */
    bool only;                            /* no colours but those listed */
    bool dark;                            /* the darkest colour is a dark one, fit for outlines */
    bool symmetric;                       /* the right half mirrors the left one */
    bool tile_x, tile_y;                  /* the step over the seam is no larger than the mean step inside */
    bool grounded;                        /* transparent pixels will be shown in the colour `ground`; steps are measured so */
    uint8_t ground[3];
    int colours;                          /* listed below, ascending by master, each once */
    struct codes_colour colour[256];      /* those marked `must` are sent in any case: at most 16, or 24 when the size is to be 16 */
    const int16_t *want;                  /* (SPRITE_PIXELS) what is wanted of each pixel, borrowed; NULL: nothing. Colours wanted must be sent */
};

/* List colours: each gets the nearest master colour that no other has taken; alike ones are listed once. n <= 256. */
bool codes_wishes_palette(const struct codes *codes, struct codes_wishes *wishes, const uint8_t (*rgb)[3], int n, struct error *error);

/* Want the pixels of a 32 x 32 sprite, in the size that is wished or (0) seems to be its own: its palette, thinned to at most `most` colours, is listed and must be sent (`only` is left as it is), and want
 * (SPRITE_PIXELS) gets its master colours where keep (SPRITE_PIXELS) is not 0, elsewhere CODES_ANY. */
bool codes_wishes_sprite(const struct codes *codes, struct codes_wishes *wishes, const struct sprite *sprite, const uint8_t *keep, int most, int16_t *want, struct error *error);

/* List, as colours that must be sent, at most `most` new ones that most of n palettes (the starts of payloads of local ids) have and that are unlike those listed. */
void codes_wishes_extend(const struct codes *codes, struct codes_wishes *wishes, const struct ids *palettes, int n, int most);

/* Append the ids of a sprite in the colours that must be sent, with native 16 if that size is wished. */
bool codes_encode_in(const struct codes *codes, const struct sprite *sprite, const struct codes_wishes *wishes, struct ids *out, struct error *error);

/* False with a message when the wishes cannot be met together. */
bool codes_wishes_check(const struct codes *codes, const struct codes_wishes *wishes, struct error *error);

/* Colours are sent from dark to light, so a limit alone would keep the dark ones. A palette that n local ids send (a payload's start) is
 * thinned to the limit, of the two nearest always one, and is what must be sent from now on. */
void codes_wishes_thin(const struct codes *codes, struct codes_wishes *wishes, const int32_t *ids, size_t n);

/* The exact colours for those that a payload of n local ids sends, in their order; returns how many. */
int codes_wishes_exact(const struct codes *codes, const struct codes_wishes *wishes, const int32_t *ids, size_t n, uint8_t rgb[CODES_COLOURS_MOST][3]);

/* ---- The grammar, one id at a time ---- */

/* Plain data, copied freely. */
struct codes_grammar {
    const struct codes_wishes *wishes;    /* borrowed, or NULL */
    uint8_t state, channel;               /* what comes next; of the last colour: differences that may or must come */
    bool doubled;                         /* native 16: pairs only */
    int colours;                          /* sent so far */
    int last_rank;                        /* of the last colour in the order of lightness */
    int place;                            /* of the next pattern */
    int holes;                            /* not yet filled */
    int16_t master[CODES_COLOURS_MOST];   /* (colours) those sent */
    uint8_t rgb[CODES_COLOURS_MOST][3];   /* (colours) with their differences */
    int16_t pattern[CODES_PATTERNS];      /* (places) those sent; below 0: none yet */
    int64_t step[2], seam[2];             /* with tiles: colour steps so far inside and over the seam, along x and y */
};

void codes_grammar_start(struct codes_grammar *grammar, const struct codes_wishes *wishes);
void codes_grammar_allowed(const struct codes *codes, const struct codes_grammar *grammar, uint8_t *allowed /* (vocabulary) */, bool *may_end);
/* False when the id does not fit. Wishes are obeyed by the mask alone: an id that fits without them is taken. */
bool codes_grammar_advance(const struct codes *codes, struct codes_grammar *grammar, int32_t id);

#endif
