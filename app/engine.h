/* A loaded model ready to make pieces: weights, vocabulary, session, sampling; and the recipe that a made piece carries.
 *
 * A recipe is one JSON object: {"triptych", "verb", "modality", "prompt", "seed", "options", "model", "vocabulary", "ids"}. The ids
 * are the payload as sampled, so that `redo` gives the same piece on any machine that has the same vocabulary.
 */
#ifndef APP_ENGINE_H
#define APP_ENGINE_H

#include "app/controls.h"
#include "app/decoding.h"
#include "modalities/image.h"

struct engine {
    const struct arguments *a;
    char folder[4096];
    struct model model;
    struct vocabulary vocabulary;
    struct packed *packed;
    struct threads *pool;
    struct runner runner;          /* the three above, for generating */
    struct sampling_scratch scratch;
    char model_hash[17], vocabulary_hash[17];
};

/* Load the model that the options name. `joint`: it must have music and images. */
bool engine_start(struct engine *engine, const struct arguments *a, bool joint, struct error *error);
void engine_stop(struct engine *engine);

/* --seed, or one from the system that is then told on stderr. */
uint64_t engine_seed(const struct arguments *a);

/* The end of a triptych's pieces, to be lent to options. */
struct ids engine_eos(void);

/* What is asked of a picture beside its prompt. The exact colours of the finish are filled in by what is sampled; `before` are local ids that its
 * payload begins with: what is known of it, with holes; the first `head` of them are up to the end of the palette. */
struct picture_order { struct codes_wishes wishes; struct image_finish finish; struct ids before; size_t head; };

/* What is asked of one piece. */
struct engine_order {
    enum modality_kind kind;
    const char *verb, *prompt, *negative;
    uint64_t seed;
    const struct generation *options;
    const struct music_wishes *wishes; /* of music, or NULL */
    const struct music_order *music;   /* bars before, script; or NULL. Room, wishes and what is taken are each piece's own */
    const struct score *kept;          /* a tune made from a user's file, whose recipe has what ids do not tell (kept.h); or NULL */
    const struct picture_order *picture;   /* or NULL */
    int candidate;                         /* of those for one seed: each draws other numbers */
    int scale;                             /* of a picture's file, told in the recipe; 0: the usual one */
};

/* Sample n pieces side by side, each as it would be alone, with their recipes; they differ in seed and prompt only. */
bool engine_make(struct engine *engine, const struct engine_order *orders, int n, struct piece *out, struct error *error);
int engine_batch(const struct engine *engine, enum modality_kind kind);     /* how many at a time are reasonable */

/* One picture with holes (order->picture->before): the best of `candidates` fillings, in the sense of inpaint.h. */
bool engine_fill(struct engine *engine, const struct engine_order *order, int candidates, struct piece *out, struct error *error);

/* Sample n <= engine_batch palettes for the order, as its first n candidates would have them: local ids, appended to out (n). */
bool engine_palettes(struct engine *engine, const struct engine_order *order, int n, struct ids *out, struct error *error);

/* Sample words after `so_far` (which grows by them) until the token `end`; the words alone into *words. */
bool engine_words(struct engine *engine, struct ids *so_far, int32_t end, int most, const struct generation *options, uint64_t piece,
                  struct bytes *words, struct error *error);

/* The recipe's JSON for a payload of ids. */
bool engine_recipe(const struct engine *engine, const struct engine_order *order, const int32_t *ids, size_t n, struct bytes *out, struct error *error);

/* Write a piece to a file by its extension; refuses to replace files without --overwrite. */
bool engine_write(const struct arguments *a, const struct piece *piece, const char *path, const char *parameters, struct error *error);

/* The scale for a picture: --scale, or the default, by which 16 x 16 art is drawn twice as large, so that all have one size. */
int engine_scale(const struct arguments *a, const struct sprite *sprite);

/* engine_write for a picture at exactly this scale. */
bool engine_write_picture(const struct arguments *a, const struct piece *piece, const char *path, const char *parameters, int scale, struct error *error);

/* log p(payload | prompt) - log p(payload) of a picture: what the prompt tells of it (pointwise mutual information). */
bool engine_information(const struct engine *engine, const char *prompt, const struct ids *payload, double *out, struct error *error);

/* True when `path` may be written (it is not there, or --overwrite). */
bool engine_may_write(const struct arguments *a, const char *path, struct error *error);

/* Show a picture on the terminal, in the way of --preview: asked for, it is always written; else when stdout is a terminal. What is wider than the
 * terminal is thinned by a whole factor. */
void engine_preview(const struct arguments *a, const struct sprite *sprite);
bool engine_preview_check(const struct arguments *a, struct error *error);      /* is --preview a way that there is? engine_start asks, too */

#endif
