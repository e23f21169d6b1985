/* What the files of the image codes share; everyone else includes codes.h. */
#ifndef TOKENIZERS_CODES_INSIDE_H
#define TOKENIZERS_CODES_INSIDE_H

#include "core/safetensors.h"
#include "tokenizers/codes.h"
#include "tokenizers/vq.h"

enum {
    CODES_SIZES = 2,                        /* local ids 0 and 1: native 32, native 16 */
    CODES_INDICES = CODES_COLOURS_MOST + 1, /* 0 = transparent */
    CODES_SHAPES = CODES_INDICES * CODES_INDICES * CODES_INDICES * CODES_INDICES,
    CODES_PAIRS = CODES_INDICES * CODES_INDICES,   /* patterns of native 16 */
    CODES_REACH = 20,                       /* of a difference */
    CODES_STEPS = 2 * CODES_REACH + 1,
};

/* What the grammar waits for. */
enum { CODES_AT_SIZE, CODES_AT_COLOURS, CODES_AT_PLACES, CODES_AT_FILL, CODES_AT_HOLES, CODES_AT_END };

/* Differences of the last colour: red may come; green, then blue must come; none. */
enum { CODES_MAY_RED, CODES_GREEN, CODES_BLUE, CODES_NO_CHANNEL };

struct codes {
    int colours, patterns;
    uint8_t (*colour)[3];        /* (colours): the master palette, by lightness, darkest first */
    uint8_t (*pattern)[4];       /* (patterns): top left, top right, bottom left, bottom right */
    uint8_t *top;                /* (patterns): largest index of each */
    int16_t *code_of_shape;      /* (CODES_SHAPES): pattern with exactly these indices, or -1 */
    struct vq *vq;               /* the convolutional codes in the place of all this, owned; else NULL */
};

/* The sprite's pixels as indices into its palette, and the palette as master colours. */
struct codes_picture {
    int n;                            /* colours, 1 … 16 or 24 (1 also for an empty sprite) */
    int master[CODES_COLOURS_MOST];   /* ascending, distinct */
    uint8_t rgb[CODES_COLOURS_MOST][3]; /* what is shown: the master colour, with native 16 plus a difference within reach */
    bool doubled;
};

static inline int codes_shape(const uint8_t index[4]) { return ((index[0] * CODES_INDICES + index[1]) * CODES_INDICES + index[2]) * CODES_INDICES + index[3]; }

/* Native 16: the left two pixels alike and the right two. */
static inline bool codes_is_pair(const uint8_t index[4]) { return index[0] == index[2] && index[1] == index[3]; }

/* Which pixels of the 32 x 32 the index k of a pattern stands for: this one, and with native 16 (doubled) its right neighbour too. All that
 * knows where patterns lie is here. */
static inline int codes_pixel(bool doubled, int place, int k)
{
    int per_row = codes_per_row(doubled), wide = doubled ? 2 : 1;
    return (place / per_row * 2 + k / 2) * SPRITE_SIDE + (place % per_row * 2 + k % 2) * wide;
}

/* May a pattern stand in this picture, wishes aside? */
bool codes_pattern_fits(const struct codes *codes, const struct codes_grammar *grammar, int pattern);

/* Mark what wishes leave of the colours and the end of the palette (`colour` (colours), `end`), and of the patterns (`allowed` (patterns), 1 where they fit). */
void codes_wishes_colours(const struct codes *codes, const struct codes_grammar *grammar, uint8_t *colour, uint8_t *end);
void codes_wishes_patterns(const struct codes *codes, const struct codes_grammar *grammar, uint8_t *allowed);

/* May the last colour sent get differences? */
bool codes_wishes_steps(const struct codes_grammar *grammar);

/* Count the colour steps that this pattern adds at the grammar's place. */
void codes_wishes_take(const struct codes *codes, struct codes_grammar *grammar, int pattern);

/* Rebuild top and code_of_shape from the patterns. */
void codes_index(struct codes *codes);
bool codes_init(struct codes **out, int colours, int patterns, struct error *error);

/* The nearest master colour by squared distance in RGB. */
int codes_nearest(const struct codes *codes, const uint8_t rgb[3]);

/* Choose a sprite's palette: of native 32 at most `most` colours, of native 16 as many as it may have. */
void codes_choose_palette(const struct codes *codes, const struct sprite *sprite, bool doubled, int most, struct codes_picture *picture);

/* cost[k][index] of a place: squared error in RGB on grey, a wrong alpha made prohibitive. */
void codes_patch_costs(const struct codes_picture *picture, const struct sprite *sprite, int place, int32_t cost[4][CODES_INDICES]);

/* The cheapest pattern for these costs; second, when not NULL, gets the cost of the next best. */
int codes_best_pattern(const struct codes *codes, const struct codes_picture *picture, int32_t cost[4][CODES_INDICES], int32_t *best, int32_t *second);

/* ---- the convolutional codes behind the same door (codes_vq.c) ---- */

bool codes_vq_is(const char *codec);                         /* a file's metadata `codec` */
int codes_vq_vocabulary(const struct vq *vq);
/* Take over *vq, also on failure. */
bool codes_vq_wrap(struct vq *vq, struct codes **out, struct error *error);
bool codes_vq_save(const struct vq *vq, const char *path, struct error *error);
bool codes_vq_read(const struct safetensors *file, struct codes **out, struct error *error);
void codes_vq_allowed(const struct vq *vq, const struct codes_grammar *grammar, uint8_t *allowed);
bool codes_vq_advance(const struct vq *vq, struct codes_grammar *grammar, int32_t id);
bool codes_vq_encode(const struct vq *vq, const struct sprite *sprite, struct ids *out, struct error *error);
/* The picture of a grammar that has read a whole payload. */
bool codes_vq_paint(const struct vq *vq, const struct codes_grammar *grammar, struct sprite *out, struct error *error);

/* Weighted k-means of n colours (r, g, b interleaved) into k <= 4096 centres, the first `fixed` of which stay. */
void codes_kmeans(const uint8_t (*colour)[3], const float *weight, int *owner, int n, float (*centre)[3], int fixed, int k, int rounds);

#endif
