/* Verbs on a tune in a file: continue, vary, fill, harmonise. The file becomes ids (what the grid loses is told), bars are made with the
 * others in view, and put into the whole; the bars that are not worked on keep their ids. Long tunes go through the model in windows. */
#ifndef APP_TUNE_H
#define APP_TUNE_H

#include "app/engine.h"

struct tune {
    struct engine *e;
    const char *path, *verb;
    struct generation options;
    struct music_wishes wishes;      /* of the bars that are made */
    struct piece file;               /* as read */
    struct ids original;             /* its music ids */
    /* What a variation works on. */
    struct ids ids;
    struct score score;              /* of ids */
    int64_t *start;                  /* (bars + 1) ticks where each bar starts, and the end */
    int bars;
    uint64_t seed;
};

/* Run a verb on a .mid or .abc: read it, make --count variations with `work` (each starts from the original), write them. */
bool tune_verb(const struct arguments *a, const char *verb, bool (*work)(struct tune *tune, struct error *error), struct error *error);

bool tune_continue(struct tune *tune, struct error *error);      /* --bars N more */
bool tune_vary(struct tune *tune, struct error *error);          /* --strength */
bool tune_fill(struct tune *tune, struct error *error);          /* --bars 5-8 */
bool tune_harmonise(struct tune *tune, struct error *error);     /* more parts: --instrument */

/* Make n pieces with seeds from tune->seed on. */
bool tune_make(struct tune *tune, const struct music_order *order, const struct music_wishes *wishes, int n, struct piece *out, struct error *error);

/* Append bars first … first + bars - 1 as a piece with holes (`how`, with bars counted from `first` and the parts that play there), up to its `fill`
 * and `second` bars behind that: what a second pass goes on from. */
bool tune_open(const struct tune *tune, int first, int bars, const struct music_encode_options *how, int second, struct ids *out, struct error *error);

/* Let the model fill what `open` leaves: --candidates, at most TUNE_CANDIDATES, else so many as are told, under the wishes; the likeliest, by the mean over its
 * ids behind `open`, goes into *out. In the wishes `first` and `bars` count from the piece's start; with hidden parts each of its parts has to play. */
enum { TUNE_CANDIDATES = 8 };
bool tune_complete(struct tune *tune, const struct ids *open, int candidates, struct music_wishes *wishes, struct piece *out, struct error *error);

/* Take new ids: their score and bars. */
bool tune_take(struct tune *tune, const int32_t *ids, size_t n, struct error *error);

/* Where a made piece goes: its parts are those that play in bars `first` to first + bars - 1 of the tune, its tick 0 is where the first of them
 * starts. Only the notes of the tune's parts marked in `parts` (bit p: part p) are replaced and put in. */
struct tune_place { int first, bars; unsigned parts; bool fresh; };    /* fresh: its notes are new ones, of which none strikes a pitch that sounds */

/* Put the notes of a made piece into the tune in place of its bars `from` to to - 1; those of the bars before them stay. */
bool tune_put(struct tune *tune, const struct score *made, const struct tune_place *place, int from, int to, struct error *error);

/* Where bar b starts in ids: the index of its `bar`, n behind the last. */
size_t tune_bar_index(const int32_t *ids, size_t n, int bar);

/* The metre, key and tempo in force behind ids that keep the grammar. */
struct music_grammar tune_state(const int32_t *ids, size_t n);

#endif
