/* What a text, a tune and a sprite are: three entries of one table, and the only place that knows all three.
 *
 *     file --read--> piece --encode--> payload ids (joint vocabulary) --decode--> piece --write--> file
 *
 * `grammar` follows a payload id by id and says what may come next, so that anything sampled decodes. A new modality is
 * one file with these functions, its tokenizer, its writer and one line in modality.c.
 */
#ifndef MODALITIES_MODALITY_H
#define MODALITIES_MODALITY_H

#include "modalities/music_order.h"
#include "modalities/piece.h"
#include "tokenizers/vocabulary.h"

#include "core/generate.h"

/* Where a payload stands; plain data, one member a modality. */
struct modality_state {
    const struct vocabulary *vocabulary;
    enum modality_kind kind;
    const struct music_order *order; /* of music, or NULL; borrowed */
    const struct codes_wishes *wishes;   /* of pictures, or NULL; borrowed */
    const struct ids *before;      /* of pictures: local ids that stand in the prompt already, or NULL; borrowed */
    struct music_grammar music;
    struct music_place place;      /* in the order's script */
    struct codes_grammar codes;
    size_t ids;                    /* so far */
    uint8_t utf8_left;             /* text: continuation bytes that a character still wants */
};

struct modality_write {
    int scale;                     /* pictures: each pixel becomes scale x scale */
    const char *soundfont;         /* sound: NULL = the system's, "none" = the built-in synth */
    const char *parameters;        /* pictures: the text that image viewers show, or NULL */
};

struct modality {
    const char *name;              /* "text", "music", "image" */
    const char *extensions;        /* those it reads, each with a space behind it: ".mid .midi " */
    enum special start;            /* the token before its payload */
    size_t file_limit;
    /* Parse a file's bytes. */
    bool (*read)(const void *data, size_t n, struct piece *out, struct error *error);
    /* Append the payload's ids; `lost`, when not NULL, gets one line on what the tokens cannot keep. */
    bool (*encode)(const struct vocabulary *v, const struct piece *piece, struct ids *out, struct bytes *lost, struct error *error);
    bool (*decode)(const struct vocabulary *v, const int32_t *ids, size_t n, struct piece *out, struct error *error);
    /* The bytes of a file; the extension says which kind (".mid" or ".wav"). */
    bool (*write)(const struct piece *piece, const char *extension, const struct modality_write *how, struct bytes *out, struct error *error);
    void (*start_payload)(struct modality_state *state);
    /* Mark the ids of the joint vocabulary that may come next (allowed is all 0 on entry), <eos> included where the piece may end. */
    void (*allowed)(const struct modality_state *state, uint8_t *allowed);
    void (*taken)(struct modality_state *state, int32_t id);
    int (*closing)(const struct modality_state *state, int32_t *ids, int most);
};

const struct modality *modality_of(enum modality_kind kind);

/* The modality that reads files with this path's extension; NULL when none does. */
const struct modality *modality_of_path(const char *path);
enum modality_kind modality_kind_of(const struct modality *modality);

/* Read a file into a piece; messages start with the path. */
bool modality_read_file(const char *path, struct piece *out, struct error *error);

/* A generation constraint that follows `state` (started by this call) through one payload. An order of music is set in the state afterwards. */
struct generate_constraint modality_constraint(struct modality_state *state, const struct vocabulary *v, enum modality_kind kind);

/* The same for a picture that obeys wishes and goes on behind local ids that fit the grammar (both borrowed; NULL: none). */
struct generate_constraint modality_constraint_picture(struct modality_state *state, const struct vocabulary *v, const struct codes_wishes *wishes, const struct ids *before);

/* The entries, each in its own file. */
extern const struct modality modality_text, modality_music, modality_image;

#endif
