/* Pieces of music ids cut at bar lines and transposed; see music.h.
 *
 * One walk with the grammar marks every bar with what was in force at its start. An excerpt is then written from the
 * marks of its first bar: a header of its own, parts renumbered, and velocities told where they differ from what a
 * reader of the excerpt alone would take them for.
 */
#include "core/mem.h"
#include "tokenizers/music_chord.h"

#include <string.h>

struct mark {
    size_t at, end;                     /* ids[at] is the bar; end: the next bar, or the end */
    int16_t metre, key, tempo;          /* in force at its start, its changes at the bar line included */
    uint16_t parts;                     /* bit p: part p plays in the bar */
    uint8_t velocity[MUSIC_PARTS_MOST]; /* in force before the bar */
};

struct marks {
    const int32_t *ids;
    size_t n;
    struct mark *bar;
    int bars, parts;
    int16_t program[MUSIC_PARTS_MOST];
};

static int count_bars(const int32_t *ids, size_t n)
{
    int bars = 0;
    int32_t bar = music_id(MUSIC_BAR, 0);
    for (size_t i = 0; i < n; i++) bars += ids[i] == bar;
    return bars;
}

/* Mark all bars; the caller frees marks->bar. */
static bool mark_bars(const int32_t *ids, size_t n, struct marks *marks, struct error *error)
{
    struct music_grammar g;
    *marks = (struct marks){.ids = ids, .n = n};
    struct mark *bar = marks->bar = mem_alloc((size_t)count_bars(ids, n) + 1, sizeof *bar, error);
    if (bar == NULL) return false;
    music_grammar_start(&g);
    struct mark *now = NULL;
    for (size_t i = 0; i < n; i++) {
        enum music_kind kind;
        int value;
        if (!music_grammar_advance(&g, ids[i]) || !music_kind_of(ids[i], &kind, &value)) {
            mem_free(bar);
            marks->bar = NULL;
            char name[32];
            return error_set(error, ERROR_INPUT, "music: token %zu is `%s`; one that fits there is wanted", i + 1,
                             music_name(ids[i], name));
        }
        if (kind == MUSIC_HOLE) {
            mem_free(bar);
            marks->bar = NULL;
            return error_set(error, ERROR_INPUT, "music: the piece has holes; one without is wanted here");
        }
        if (kind == MUSIC_BAR) {
            now = &bar[marks->bars++];
            now->at = i;
            memcpy(now->velocity, g.velocity, sizeof now->velocity);
        }
        if (now == NULL) continue;
        now->end = i + 1;
        now->metre = g.metre;
        if (g.late == 0) now->key = g.key, now->tempo = g.tempo;
        if (kind == MUSIC_DURATION) now->parts = (uint16_t)(now->parts | 1u << g.part);
    }
    marks->parts = g.parts;
    memcpy(marks->program, g.program, sizeof g.program);
    return true;
}

int music_bars(const int32_t *ids, size_t n, struct error *error)
{
    struct music_grammar g;
    char name[32];
    music_grammar_start(&g);
    for (size_t i = 0; i < n; i++)
        if (!music_grammar_advance(&g, ids[i])) {
            error_set(error, ERROR_INPUT, "music: token %zu is `%s`; one that fits there is wanted", i + 1, music_name(ids[i], name));
            return -1;
        }
    return g.bars;
}

static bool put(struct ids *out, enum music_kind kind, int value, struct error *error)
{
    return ids_append(out, music_id(kind, value), error);
}

/* Voices of the excerpt while its bars are copied. */
struct copy {
    int number[MUSIC_PARTS_MOST];              /* of each old part, -1: silent */
    int parts, part;                           /* how many; the old part that is playing */
    uint8_t source[MUSIC_PARTS_MOST], told[MUSIC_PARTS_MOST]; /* velocity class of old parts: there, and in the excerpt */
};

/* Copy the ids of one bar. first: its metre, key and tempo are in the header already. */
static bool copy_bar(const struct marks *marks, const struct mark *bar, bool first, struct copy *copy, struct ids *out,
                     struct error *error)
{
    copy->part = marks->parts == 1 ? 0 : -1;
    bool at_line = true;
    for (size_t i = bar->at; i < bar->end; i++) {
        enum music_kind kind;
        int value;
        music_kind_of(marks->ids[i], &kind, &value);
        if (kind == MUSIC_POS) at_line = false;
        if (first && at_line && (kind == MUSIC_METRE || kind == MUSIC_KEY || kind == MUSIC_TEMPO)) continue;
        if (kind == MUSIC_VELOCITY) {
            copy->source[copy->part] = (uint8_t)value;
            continue;
        }
        if (kind == MUSIC_PART) {
            copy->part = value;
            if (copy->parts > 1 && !put(out, MUSIC_PART, copy->number[value], error)) return false;
            continue;
        }
        if (kind == MUSIC_PITCH && copy->source[copy->part] != copy->told[copy->part]) {
            copy->told[copy->part] = copy->source[copy->part];
            if (!put(out, MUSIC_VELOCITY, copy->told[copy->part], error)) return false;
        }
        if (!ids_append(out, marks->ids[i], error)) return false;
    }
    return true;
}

/* Append bars first … first + bars - 1 as a piece; nothing when they are silent. */
static bool excerpt(const struct marks *marks, int first, int bars, struct ids *out, struct error *error)
{
    const struct mark *bar = &marks->bar[first];
    struct copy copy = {0};
    unsigned playing = 0;
    for (int b = 0; b < bars; b++) playing |= bar[b].parts;
    if (playing == 0) return true;
    bool ok = put(out, MUSIC_METRE, bar->metre, error) && put(out, MUSIC_KEY, bar->key, error) &&
              put(out, MUSIC_TEMPO, bar->tempo, error);
    for (int p = 0; p < marks->parts; p++) {
        copy.number[p] = playing >> p & 1 ? copy.parts++ : -1;
        if (copy.number[p] >= 0) ok = ok && put(out, MUSIC_PROGRAM, marks->program[p], error);
    }
    memcpy(copy.source, bar->velocity, sizeof copy.source);
    memset(copy.told, MUSIC_VELOCITY_START, sizeof copy.told);
    for (int b = 0; ok && b < bars; b++) ok = copy_bar(marks, &bar[b], b == 0, &copy, out, error);
    return ok;
}

bool music_excerpt(const int32_t *ids, size_t n, int first, int bars, struct ids *out, struct error *error)
{
    struct marks marks;
    size_t start = out->n;
    if (!mark_bars(ids, n, &marks, error)) return false;
    bool ok = first >= 0 && bars >= 1 && first < marks.bars && bars <= marks.bars - first;
    if (!ok)
        error_set(error, ERROR_INPUT, "music: bars %d to %d of a piece of %d bars; bars that it has are wanted", first + 1,
                  first + bars, marks.bars);
    ok = ok && excerpt(&marks, first, bars, out, error);
    if (!ok) out->n = start;
    mem_free(marks.bar);
    return ok;
}

static int bits(unsigned set)
{
    int n = 0;
    for (; set != 0; set &= set - 1) n++;
    return n;
}

/* How many bars from `first` on surely fit into `most` ids, at least 1: header, a program and a velocity a part, the bars. */
static int bars_that_fit(const struct marks *marks, int first, size_t most)
{
    unsigned playing = 0;
    size_t body = 0;
    int bars = 0;
    while (first + bars < marks->bars) {
        const struct mark *bar = &marks->bar[first + bars];
        playing |= bar->parts;
        body += bar->end - bar->at;
        if (bars > 0 && 3 + 2 * (size_t)bits(playing) + body > most) break;
        bars++;
    }
    return bars;
}

bool music_split(const int32_t *ids, size_t n, size_t most, music_piece piece, void *user, int *left_out,
                 struct error *error)
{
    struct marks marks;
    struct ids out = {0};
    if (left_out != NULL) *left_out = 0;
    if (!mark_bars(ids, n, &marks, error)) return false;
    bool ok = true;
    if (n <= most) ok = piece(user, ids, n, 0, marks.bars, error);
    else
        for (int first = 0; ok && first < marks.bars;) {
            int bars = bars_that_fit(&marks, first, most);
            out.n = 0;
            ok = excerpt(&marks, first, bars, &out, error);
            if (ok && out.n > most && left_out != NULL) *left_out += bars;
            if (ok && out.n > 0 && out.n <= most) ok = piece(user, out.id, out.n, first, bars, error);
            first += bars;
        }
    ids_free(&out);
    mem_free(marks.bar);
    return ok;
}

/* A key moved by semitones: each is 7 fifths; spelt within -5 … 6 unless it stays where it is. */
static int move_key(int value, int semitones)
{
    int sharps;
    bool minor;
    if (!music_key_of(value, &sharps, &minor) || semitones % 12 == 0) return value;
    int moved = (sharps + 7 * (semitones % 12) + 12 * 12 + 5) % 12 - 5;
    return music_key_value(moved, minor);
}

/* One pass over the ids: checks when `to` is NULL, else writes. *kept is how many ids remain. */
static bool transpose(const int32_t *ids, size_t n, int semitones, int32_t *to, size_t *kept)
{
    struct music_grammar g;
    int key_now = -1;
    music_grammar_start(&g);
    *kept = 0;
    for (size_t i = 0; i < n; i++) {
        enum music_kind kind;
        int value;
        int32_t id = ids[i];
        if (!music_grammar_advance(&g, id) || !music_kind_of(id, &kind, &value)) return false;
        if (kind == MUSIC_PITCH && g.program[g.part] != MUSIC_DRUMS) {
            if (value + semitones < 0 || value + semitones > 127) return false;
            id = music_id(MUSIC_PITCH, value + semitones);
        } else if (kind == MUSIC_CHORD) id = music_id(MUSIC_CHORD, music_chord_move(value, semitones));
        else if (kind == MUSIC_HOLE) return false;
        else if (kind == MUSIC_KEY) {
            int moved = move_key(value, semitones);
            if (moved == key_now) { /* F# major and Gb major became one */
                bool alone = g.state == MUSIC_AT_LATE_KEY && (i + 1 == n || !music_kind_of(ids[i + 1], &kind, &value) || kind != MUSIC_TEMPO);
                if (alone) (*kept)--;   /* its position says nothing more */
                continue;
            }
            key_now = moved;
            id = music_id(MUSIC_KEY, moved);
        }
        if (to != NULL) to[*kept] = id;
        (*kept)++;
    }
    return true;
}

bool music_transpose(int32_t *ids, size_t *n, int semitones)
{
    size_t kept;
    if (semitones < -127 || semitones > 127 || !transpose(ids, *n, semitones, NULL, &kept)) return false;
    transpose(ids, *n, semitones, ids, &kept); /* in place: never ahead of what is read */
    *n = kept;
    return true;
}
