/* What can be done with a finished tune beside its file: a picture of its notes, a preview in the terminal, playing it. */
#ifndef APP_TUNE_SHOW_H
#define APP_TUNE_SHOW_H

#include "app/engine.h"

/* --roll: the picture; `number` goes into its name when there are several pieces (0: one). */
bool show_roll(const struct arguments *a, const struct piece *piece, uint64_t number, struct error *error);

/* Before any work: may that picture be written? */
bool show_roll_check(const struct arguments *a, uint64_t number, struct error *error);

/* The piano roll on the terminal, when stdout is one and --no-preview was not given. */
void show_preview(const struct arguments *a, const struct score *score);

/* --play: render to a temporary WAV and hand it to the first player that is there; waits for it. */
bool show_play(const struct arguments *a, const struct piece *piece, struct error *error);

/* "key D minor, 6/8, 96 quarter notes a minute, 16 bars, C4 to A5, Flute, Cello", or the same as JSON members. */
bool show_facts(const struct score *score, bool json, struct bytes *out, struct error *error);

/* How many bars a score has; its tempo at the start, in quarter notes a minute. */
int show_bars(const struct score *score);
double show_tempo(const struct score *score);

#endif
