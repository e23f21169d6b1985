/* A piece: one text, one tune or one sprite, in the form in which it leaves and enters files. */
#ifndef MODALITIES_PIECE_H
#define MODALITIES_PIECE_H

#include "core/bytes.h"
#include "core/ids.h"
#include "outputs/score.h"
#include "outputs/sprite.h"

enum modality_kind { MODALITY_TEXT, MODALITY_MUSIC, MODALITY_IMAGE, MODALITIES };

struct piece {
    enum modality_kind kind;
    struct bytes text;       /* MODALITY_TEXT: UTF-8 */
    struct score score;      /* MODALITY_MUSIC */
    struct sprite sprite;    /* MODALITY_IMAGE: at its own size */
    struct bytes recipe;     /* JSON that came with the file or goes with it; may be empty */
    struct ids ids;          /* the payload that it was made from; may be empty */
};

void piece_free(struct piece *piece);

#endif
