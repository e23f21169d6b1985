/* What is asked of a piece of music beside its prompt: hard wishes, the bars it goes on from, and a script of ids that are fixed.
 *
 * A script spells the piece id by id, with holes that the model fills:
 *
 *     an id (>= 0)               this id comes here
 *     MUSIC_SCRIPT_PITCH         a pitch of the model's choice, between its neighbours of the same position
 *     MUSIC_SCRIPT_COPY(k)       what was taken for item k
 *
 * All ids here are music ids, from 0; the joint vocabulary's offset is added in music.c. */
#ifndef MODALITIES_MUSIC_ORDER_H
#define MODALITIES_MUSIC_ORDER_H

#include "tokenizers/music_wishes.h"

#define MUSIC_SCRIPT_PITCH (-1)
#define MUSIC_SCRIPT_COPY(k) (-2 - (int32_t)(k))

struct music_order {
    struct music_wishes wishes;
    size_t most;                       /* ids that the piece may take, the end id included, `before` not */
    const int32_t *before;             /* (before_n): stands before what is made */
    size_t before_n;
    const int32_t *script;             /* (script_n), or NULL */
    int32_t *made;                     /* (script_n): gets what was taken for each item */
    size_t script_n;
};

/* Where a piece stands in its script. */
struct music_place { size_t item; };

/* Mark the ids (0 … music_vocabulary() - 1) that may come next; taken: ids so far, behind `before`. */
void music_order_allowed(const struct music_order *order, const struct music_grammar *grammar, const struct music_place *place, size_t taken,
                         uint8_t *allowed, bool *may_end);

/* What wishes forbid and the grammar does not (allowed, end: as music_order_allowed tells) gets marks that pass its probability on to its like: a pitch's
 * to other pitches, that of moving on in the bar to other positions and parts, the next bar's and the end's to each other; where nothing of one of
 * the last two is left, to the other. Else notes would be piled up where a line is not let on. */
void music_order_pass(const struct music_grammar *grammar, uint8_t *allowed, uint8_t *end);

/* Go on in the script by an id that was taken; the grammar is advanced by the caller. */
void music_order_taken(const struct music_order *order, struct music_place *place, int32_t id);

#endif
