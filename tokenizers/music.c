/* The vocabulary of music: numbering, names and values; see music.h.
 *
 * Ids run through the kinds in the order of the table below. What a value means:
 *
 *     metre     numerators 1 … up to bars of 384 steps (144 for sixteenths), for the denominators 1, 2, 4, 8, 16 in turn; bars of more
 *               than 144 steps are told in equal parts, the largest that fit: 28/4 in four of 7/4
 *     key       0 … 14: major with 7 flats … 7 sharps; 15 … 29: minor; 30: none
 *     tempo     a traditional metronome's scale with the multiples of ten and faster ones added
 *     chord     quality * 12 + root, 96: none (music_chord.c)
 *     length    bars - 1
 *     density   low, mid, high
 *     duration  1 … 96 steps one by one, then by 6 to 192, by 12 to 288, by 24 to 384
 */
#include "tokenizers/music_chord.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const int16_t tempos[] = {
    20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 63, 66, 69, 72, 76, 80, 84, 88, 90,
    92, 96, 100, 104, 108, 110, 112, 116, 120, 126, 130, 132, 138, 140, 144, 150, 152, 160, 168, 170, 176, 180, 184, 190, 192,
    200, 208, 224, 240, 256, 272, 288, 304, 320,
};

static const uint8_t velocities[] = {16, 32, 48, 64, 80, 96, 112, 127};

/* Denominators and how many numerators each has: numerator * 48 / denominator <= 384, and 144 for sixteenths. */
static const struct { int denominator, count; } metres[] = {{1, 8}, {2, 16}, {4, 32}, {8, 64}, {16, 48}};

/* Stretches of durations: up to `to` steps by `by`. */
static const struct { int to, by; } durations[] = {{96, 1}, {192, 6}, {288, 12}, {384, 24}};

static const struct { const char *name; int count; } music_kinds[MUSIC_KINDS] = {
    [MUSIC_BAR] = {"bar", 1},
    [MUSIC_METRE] = {"metre", 8 + 16 + 32 + 64 + 48},
    [MUSIC_KEY] = {"key", 31},
    [MUSIC_TEMPO] = {"tempo", sizeof tempos / sizeof tempos[0]},
    [MUSIC_PROGRAM] = {"program", 129},
    [MUSIC_PART] = {"part", MUSIC_PARTS_MOST},
    [MUSIC_POS] = {"pos", MUSIC_BAR_STEPS_MOST},
    [MUSIC_VELOCITY] = {"velocity", sizeof velocities},
    [MUSIC_PITCH] = {"pitch", 128},
    [MUSIC_DURATION] = {"duration", 96 + 16 + 8 + 4},
    [MUSIC_CHORD] = {"chord", MUSIC_CHORD_NONE + 1},
    [MUSIC_LENGTH] = {"length", MUSIC_LENGTH_MOST},
    [MUSIC_DENSITY] = {"density", 3},
    [MUSIC_HOLE] = {"hole", 1},
    [MUSIC_FILL] = {"fill", 1},
};

const char *music_kind_name(enum music_kind kind)
{
    return music_kinds[kind].name;
}

int music_kind_count(enum music_kind kind)
{
    return music_kinds[kind].count;
}

int32_t music_id(enum music_kind kind, int value)
{
    if (value < 0 || value >= music_kinds[kind].count) return -1;
    int32_t id = value;
    for (unsigned k = 0; k < (unsigned)kind; k++) id += music_kinds[k].count;
    return id;
}

int music_vocabulary(void)
{
    return music_id(MUSIC_KINDS - 1, 0) + music_kinds[MUSIC_KINDS - 1].count;
}

bool music_kind_of(int32_t id, enum music_kind *kind, int *value)
{
    if (id < 0) return false;
    for (unsigned k = 0; k < MUSIC_KINDS; k++) {
        if (id < music_kinds[k].count) {
            *kind = (enum music_kind)k;
            *value = id;
            return true;
        }
        id -= music_kinds[k].count;
    }
    return false;
}

int music_metre_value(int numerator, int denominator)
{
    int before = 0;
    for (size_t i = 0; i < sizeof metres / sizeof metres[0]; i++) {
        if (metres[i].denominator == denominator)
            return numerator >= 1 && numerator <= metres[i].count ? before + numerator - 1 : -1;
        before += metres[i].count;
    }
    return -1;
}

void music_metre_of(int value, int *numerator, int *denominator)
{
    size_t i = 0;
    while (value >= metres[i].count) value -= metres[i++].count;
    *numerator = value + 1;
    *denominator = metres[i].denominator;
}

int music_metre_segments(int value)
{
    int numerator, denominator, parts = 1;
    music_metre_of(value, &numerator, &denominator);
    while (numerator % parts != 0 || numerator / parts * 4 * MUSIC_STEPS_PER_QUARTER / denominator > MUSIC_BAR_STEPS_MOST) parts++;
    return parts;
}

int music_metre_steps(int value)
{
    int numerator, denominator;
    music_metre_of(value, &numerator, &denominator);
    return numerator / music_metre_segments(value) * 4 * MUSIC_STEPS_PER_QUARTER / denominator;
}

int music_key_value(int sharps, bool minor)
{
    return sharps < -7 || sharps > 7 ? -1 : sharps + 7 + (minor ? 15 : 0);
}

bool music_key_of(int value, int *sharps, bool *minor)
{
    if (value < 0 || value >= MUSIC_KEY_NONE) return false;
    *sharps = value % 15 - 7;
    *minor = value >= 15;
    return true;
}

int music_tempo_value(double quarters_per_minute)
{
    int best = 0;
    for (int i = 1; i < music_kinds[MUSIC_TEMPO].count; i++)
        if (quarters_per_minute * quarters_per_minute >= (double)tempos[i - 1] * tempos[i]) best = i;
    return best;
}

int music_tempo_of(int value)
{
    return tempos[value];
}

int music_duration_of(int value)
{
    int steps = 0;
    for (size_t i = 0;; i++) {
        int count = (durations[i].to - steps) / durations[i].by;
        if (value < count) return steps + (value + 1) * durations[i].by;
        value -= count;
        steps = durations[i].to;
    }
}

int music_duration_value(int64_t steps)
{
    if (steps < 1) steps = 1;
    int from = 0, value = 0;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        int by = durations[i].by;
        if (steps <= durations[i].to) return value + (int)(steps - from + (by - 1) / 2) / by - 1;
        value += (durations[i].to - from) / by;
        from = durations[i].to;
    }
    return value - 1;
}

int music_velocity_value(int velocity)
{
    int value = (velocity + 8) / 16 - 1;
    return value < 0 ? 0 : value > 7 ? 7 : value;
}

int music_velocity_of(int value)
{
    return velocities[value];
}

int music_density_value(double notes_a_bar)
{
    return notes_a_bar < 8 ? 0 : notes_a_bar < 18 ? 1 : 2;
}

static const char *const key_names[30] = {
    "Cb major", "Gb major", "Db major", "Ab major", "Eb major", "Bb major", "F major", "C major", "G major", "D major",
    "A major", "E major", "B major", "F# major", "C# major", "Ab minor", "Eb minor", "Bb minor", "F minor", "C minor",
    "G minor", "D minor", "A minor", "E minor", "B minor", "F# minor", "C# minor", "G# minor", "D# minor", "A# minor",
};

const char *music_name(int32_t id, char text[32])
{
    enum music_kind kind;
    int value, a, b;
    char chord[8];
    if (!music_kind_of(id, &kind, &value)) {
        snprintf(text, 32, "no music id %ld", (long)id);
        return text;
    }
    const char *name = music_kinds[kind].name;
    switch (kind) {
    case MUSIC_BAR: case MUSIC_HOLE: snprintf(text, 32, "%s", name); break;
    case MUSIC_FILL: snprintf(text, 32, "%s holes", name); break;           /* <fill> is a hole in a text */
    case MUSIC_CHORD: snprintf(text, 32, "%s %s", name, music_chord_name(value, chord)); break;
    case MUSIC_LENGTH: snprintf(text, 32, "%s %d", name, value + 1); break;
    case MUSIC_DENSITY: snprintf(text, 32, "%s %s", name, value == 0 ? "low" : value == 1 ? "mid" : "high"); break;
    case MUSIC_METRE:
        music_metre_of(value, &a, &b);
        snprintf(text, 32, "%s %d/%d", name, a, b);
        break;
    case MUSIC_KEY: snprintf(text, 32, "%s %s", name, value == MUSIC_KEY_NONE ? "none" : key_names[value]); break;
    case MUSIC_TEMPO: snprintf(text, 32, "%s %d", name, tempos[value]); break;
    case MUSIC_VELOCITY: snprintf(text, 32, "%s %d", name, velocities[value]); break;
    case MUSIC_DURATION: snprintf(text, 32, "%s %d", name, music_duration_of(value)); break;
    case MUSIC_PROGRAM:
        if (value == MUSIC_DRUMS) snprintf(text, 32, "%s drums", name);
        else snprintf(text, 32, "%s %d", name, value);
        break;
    default: snprintf(text, 32, "%s %d", name, value); break;
    }
    return text;
}

/* ---- What encoding lost ---- */

static const struct { const char *name; size_t offset; const char *what; } losses[] = {
#define LOSS(field, what) {#field, offsetof(struct music_loss, field), what}
    LOSS(notes_in, NULL),
    LOSS(notes_kept, NULL),
    LOSS(notes_merged, "notes merged with an equal one"),
    LOSS(notes_dropped, "notes dropped"),
    LOSS(onsets_moved, "onsets moved to the grid"),
    LOSS(largest_shift, NULL),
    LOSS(lengths_changed, "lengths rounded"),
    LOSS(velocities_rounded, "velocities rounded"),
    LOSS(parts_merged, "parts merged"),
    LOSS(parts_dropped, "parts dropped"),
    LOSS(tempos_moved, "tempo changes moved to the grid"),
    LOSS(tempos_rounded, "tempos rounded"),
    LOSS(tempos_dropped, "tempo changes dropped"),
    LOSS(metres_moved, "metre changes moved to the grid"),
    LOSS(metres_changed, "metres replaced"),
    LOSS(metres_dropped, "metre changes dropped"),
    LOSS(keys_moved, "key changes moved to the grid"),
    LOSS(keys_dropped, "key changes dropped"),
#undef LOSS
};

int music_loss_count(void)
{
    return sizeof losses / sizeof losses[0];
}

const char *music_loss_name(int i)
{
    return losses[i].name;
}

double music_loss_value(const struct music_loss *loss, int i)
{
    double value;
    memcpy(&value, (const char *)loss + losses[i].offset, sizeof value);
    return value;
}

bool music_loss_text(const struct music_loss *loss, struct bytes *out, struct error *error)
{
    bool whole = true;
    if (!bytes_printf(out, error, "%.0f of %.0f notes kept", loss->notes_kept, loss->notes_in)) return false;
    for (int i = 0; i < music_loss_count(); i++) {
        double value = music_loss_value(loss, i);
        if (losses[i].what == NULL || value <= 0) continue;
        whole = false;
        if (!bytes_printf(out, error, "; %.0f %s", value, losses[i].what)) return false;
        if (losses[i].offset == offsetof(struct music_loss, onsets_moved) &&
            !bytes_printf(out, error, " (by up to %.2f of a step)", loss->largest_shift))
            return false;
    }
    return !whole || bytes_append_text(out, "; nothing lost", error);
}
