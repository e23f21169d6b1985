/* What a user's tune has and music ids do not tell: names and drum kits of parts, exact tempos and when they change, exact velocities. A verb that
 * changes some bars of a tune puts them back, and its recipe has them, so that `redo` makes the same file. */
#ifndef APP_KEPT_H
#define APP_KEPT_H

#include "core/bytes.h"
#include "core/json.h"
#include "outputs/score.h"

/* Give a tune that was made from a file's ids what the file has: to parts of the same instruments, in order; to notes whose part and onset the
 * file has a note of, with a velocity of the same class. */
bool kept_restore(const struct score *file, struct score *made, struct error *error);

/* Append the member of a recipe: ,"kept":{"names":[…],"kits":[…],"tempos":[tick,µs a quarter note,…],"velocities":[…]}, of each part and note. */
bool kept_recipe(const struct score *made, struct bytes *out, struct error *error);

/* Give a score decoded from a recipe's ids what its member "kept" has (NULL: nothing). */
bool kept_read(const cJSON *kept, struct score *made, struct error *error);

#endif
