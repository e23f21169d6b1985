/* The joint vocabulary: one range of ids after the other.
 *
 *     | special tokens (16) | text: bytes and merges | music events | image codes |
 *     0                    16                    music_first    image_first     size
 *
 * The special tokens are the first tokens of the text tokenizer (tokenizer.json), so that the text range and the special
 * tokens load in other programs as they are. A model directory holds the parts as tokenizer.json, vq.safetensors and
 * triptych.json (the ranges and the versions of the grids); a directory without triptych.json is a text model, whose tokenizer is
 * its own and has none of these special tokens.
 */
#ifndef TOKENIZERS_VOCABULARY_H
#define TOKENIZERS_VOCABULARY_H

#include "core/error.h"
#include "tokenizers/bpe.h"
#include "tokenizers/codes.h"
#include "tokenizers/music.h"

#include <stdint.h>

/* The table of special tokens; the order is the ids. */
enum special {
    SPECIAL_PAD, SPECIAL_BOS, SPECIAL_EOS,
    SPECIAL_CAPTION,      /* a caption follows */
    SPECIAL_TEXT,         /* a text follows */
    SPECIAL_MUSIC,        /* music events follow; behind <idea>: a prompt for a tune */
    SPECIAL_IMAGE,        /* image codes follow; behind <idea>: a prompt for a sprite */
    SPECIAL_IDEA,         /* an idea follows, from which text and prompts are made */
    SPECIAL_FILL,         /* a hole to fill */
    SPECIALS = 16,        /* with room for more */
};

/* The token's text ("<bos>"), also of the reserved ones. Static. */
const char *special_name(enum special special);

struct vocabulary {
    struct bpe *bpe;      /* owned */
    struct codes *codes;  /* owned; NULL for a text model */
    bool joint;           /* has music and images */
    int32_t music_first, image_first, size;
    int32_t begin, end;   /* of a text model: ids that open and close a text, -1 for none; see vocabulary_edges */
};

/* Take over a tokenizer and image codes and lay out the ranges. */
void vocabulary_join(struct vocabulary *vocabulary, struct bpe *bpe, struct codes *codes);
void vocabulary_free(struct vocabulary *vocabulary);

/* Take over from a text model's configuration what closes a text, and what opens one: the tokenizer's own first id, or the
 * same where the model was trained on texts with one id between them (GPT-2). */
void vocabulary_edges(struct vocabulary *vocabulary, int bos, int eos);

/* Read from / write into a model directory. Loading refuses parts that do not fit each other. */
bool vocabulary_load(const char *folder, struct vocabulary *vocabulary, struct error *error);
bool vocabulary_save(const struct vocabulary *vocabulary, const char *folder, struct error *error);

/* The ids from `first` on that lie in [from, from + n) moved by -from; false when one lies outside. For decoding a payload. */
bool vocabulary_local(const int32_t *ids, size_t n, int32_t from, int32_t count, struct ids *out, struct error *error);

#endif
