/* Data sets: folders and files of texts, tunes and sprites with their captions, made into pieces of ids.
 *
 * A data set is a file (.txt, .mid, .png, .jsonl) or a folder. A folder may hold metadata.jsonl, a line of JSON for each
 * file: `file_name`, `text` (the caption), `alt` (more captions), `colours` and `category` (for one more), `title`, `split` (train, valid or test). Without it all
 * files below the folder are taken; a caption then comes from name.txt beside name.mid or name.png, else from the file's
 * name, and the split from a hash of the name (90/5/5); pictures that are nearly alike go into one split (dataset_groups.c). A .jsonl file holds ideas: `idea`, `text`, `music`, `picture`.
 *
 * Work goes in two steps: dataset_scan lists items and captions (what tokenizers are trained on); dataset_encode makes
 * the pieces, none longer than the context: long texts are cut at paragraphs, long tunes at bar lines. A data set is
 * then a source of the training stream, which draws a form and a caption for a piece each time (forms.h; of tunes draw_music.h).
 */
#ifndef MODALITIES_DATASET_H
#define MODALITIES_DATASET_H

#include "core/stream.h"
#include "core/threads.h"
#include "modalities/forms.h"

enum split { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, SPLITS };
const char *split_name(enum split split);
bool split_of(const char *name, enum split *out);

enum { DATASET_CAPTIONS = 4, DATASET_CAPTION_IDS = 48 };            /* captions of a piece at most; of more ids they are left out */
enum item_kind { ITEM_TEXT, ITEM_MUSIC, ITEM_IMAGE, ITEM_IDEA };   /* the first three as enum modality_kind */

struct dataset_item {
    enum item_kind kind;
    enum split split;
    bool hashed;                       /* the split comes from a hash of the name */
    char *path;                        /* owned; NULL for an idea */
    char *caption[DATASET_CAPTIONS];   /* owned; of an idea: idea, text, music, picture */
    int captions;
    bool regular;                      /* the last of them is "<colour> <category>" */
};

struct dataset_piece {
    enum item_kind kind;
    bool opens, closes;                /* a text's first and last piece; others are both */
    struct ids payload, mirrored, turned;      /* joint ids; the latter two only of pictures: left for right, and with its hues turned */
    struct ids caption[DATASET_CAPTIONS], mirrored_caption[DATASET_CAPTIONS], turned_caption[DATASET_CAPTIONS];    /* what is true of each */
    const char *words[DATASET_CAPTIONS];       /* the captions as they were told; of the item */
    int captions;
    bool regular;                      /* as the item's */
    bool whole;                        /* of a tune: not an excerpt */
    bool may_mirror;                   /* its captions stay true; hues are turned only where they do */
};

struct dataset {
    char *name;                        /* file name of its path, owned */
    char *path;
    double weight;
    uint64_t seed;
    bool as_is;                        /* training draws pieces without changes, holes and what may be told of tunes */
    struct dataset_item *items;
    size_t n;
    const struct vocabulary *vocabulary;
    int payload_most;                  /* ids of a payload */
    struct dataset_piece *pieces[SPLITS];
    size_t pieces_n[SPLITS];
    uint64_t bytes[SPLITS];            /* of text in the pieces */
    uint64_t notes[SPLITS], pixels[SPLITS];
    size_t refused;                    /* files that could not be read */
    char first_refusal[300];
};

bool dataset_scan(const char *path, struct dataset *out, struct error *error);
void dataset_free(struct dataset *dataset);

/* Give pictures that are nearly alike one split, as far as no split was told; part of dataset_scan. */
bool dataset_group(struct dataset *dataset, struct error *error);

/* Free a piece's lists. */
void dataset_piece_free(struct dataset_piece *piece);

/* A text model has no ids for tunes, pictures and ideas: false with a message when there are some. */
bool dataset_suits(const struct dataset *dataset, const struct vocabulary *v, struct error *error);

/* Make the pieces of the splits marked in `wanted`, of at most T positions. Files that cannot be read are counted and
 * left out; it is an error when none can. */
bool dataset_encode(struct dataset *dataset, const struct vocabulary *v, int T, const bool wanted[SPLITS], struct threads *pool, struct error *error);

/* A piece in its plain form (forward, with its first caption): evaluation, `tokens encode --data`. */
bool dataset_plain(const struct dataset *dataset, enum split split, size_t index, struct ids *out, struct error *error);

/* The data set as a source of the training stream. */
struct stream_source dataset_source(struct dataset *dataset);

#endif
