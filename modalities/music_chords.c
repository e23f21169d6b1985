/* Chords for melodies; see music_chords.h. */
#include "modalities/music_chords.h"
#include "core/mem.h"
#include "modalities/music_words.h"

#include <math.h>
#include <string.h>

static void weigh(const struct score *s, int64_t from, int64_t to, int64_t strong, double weight[12])
{
    memset(weight, 0, 12 * sizeof *weight);
    for (size_t i = 0; i < s->notes; i++) {
        const struct score_note *n = &s->note[i];
        if (n->onset >= to) break;
        int64_t a = n->onset > from ? n->onset : from, b = n->onset + n->length < to ? n->onset + n->length : to;
        if (b <= a || s->part[n->part].drums) continue;
        double heavy = n->onset == from ? 3 : n->onset == strong ? 2 : 1;
        weight[n->pitch % 12] += heavy * (double)(b - a) / (double)(to - from);
    }
}

int music_chords_key(const struct score *s)
{
    static const double profiles[2][12] = {{6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88}, {6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17}};
    double weight[12], best = -1e300, all = 0;
    int key = MUSIC_KEY_NONE;
    weigh(s, 0, score_end(s) + 1, -1, weight);
    for (int p = 0; p < 12; p++) all += weight[p];
    if (all <= 0) return key;
    for (int mode = 0; mode < 2; mode++)
        for (int sharps = -5; sharps <= 6; sharps++) {
            int tonic = ((sharps * 7 + (mode ? 9 : 0)) % 12 + 12) % 12;
            double mean = 0, square = 0, fit = 0;
            for (int p = 0; p < 12; p++) mean += profiles[mode][p] / 12;
            for (int p = 0; p < 12; p++) square += (profiles[mode][p] - mean) * (profiles[mode][p] - mean), fit += (profiles[mode][p] - mean) * weight[(tonic + p) % 12];
            if (fit / sqrt(square) > best) best = fit / sqrt(square), key = music_key_value(sharps, mode == 1);
        }
    return key;
}

/* The triads of a key, the tonic's first. */
enum { TRIADS = 8 };
static int triads_of(int key, struct music_chord out[TRIADS])
{
    static const uint8_t roots[2][TRIADS] = {{0, 5, 7, 9, 2, 4, 11, 0}, {0, 5, 7, 8, 3, 10, 7, 2}}, kinds[2][TRIADS] = {{0, 0, 0, 1, 1, 1, 5, 0}, {1, 1, 0, 0, 0, 0, 1, 5}};
    int sharps = 0;
    bool minor = false;
    (void)music_key_of(key, &sharps, &minor);
    int tonic = ((sharps * 7 + (minor ? 9 : 0)) % 12 + 12) % 12, n = minor ? 8 : 7;
    for (int i = 0; i < n; i++) out[i] = (struct music_chord){(uint8_t)((tonic + roots[minor][i]) % 12), kinds[minor][i]};
    return n;
}

static double fits(const double weight[12], struct music_chord chord, int rank)
{
    unsigned tones = music_words_chord_pitches(chord.root, chord.kind);
    double sum = 0;
    for (int p = 0; p < 12; p++) sum += (tones >> p & 1 ? 1 : -0.5) * weight[p];
    return sum - 0.03 * rank;                                  /* the main triads first */
}

static double follows(struct music_chord a, struct music_chord b)
{
    int up = (b.root - a.root + 12) % 12;
    return up == 5 ? 0.25 : up == 0 ? 0.05 : up == 7 ? 0.15 : up == 2 ? 0.1 : 0;
}

/* The key in force at a tick; `otherwise` where none is written. */
static int key_at(const struct score *s, int64_t tick, int otherwise)
{
    int key = MUSIC_KEY_NONE;
    for (size_t i = 0; i < s->keys && s->key[i].tick <= tick; i++) key = music_key_value(s->key[i].sharps, s->key[i].minor);
    return key == MUSIC_KEY_NONE ? otherwise : key;
}

/* A bar's candidates, what the best way to each of them is worth, and from which of the bar before it comes. */
struct column { struct music_chord triad[TRIADS]; double best[TRIADS]; uint8_t from[TRIADS]; int n; };

static void add_column(const double weight[12], const struct column *before, bool last, struct column *now)
{
    for (int c = 0; c < now->n; c++) {
        double most = before == NULL ? 0 : -1e300;
        for (int a = 0; before != NULL && a < before->n; a++) {
            double way = before->best[a] + follows(before->triad[a], now->triad[c]);
            if (way > most) most = way, now->from[c] = (uint8_t)a;
        }
        now->best[c] = fits(weight, now->triad[c], c) + (c == 0 && (before == NULL || last) ? 0.6 : 0) + most;
    }
}

bool music_chords_fit(const struct score *s, const int64_t *start, int bars, struct music_chord *out, struct error *error)
{
    int estimated = music_chords_key(s), chosen = 0;
    struct column *column = mem_alloc((size_t)bars, sizeof *column, error);
    bool ok = column != NULL && bars > 0;
    for (int b = 0; ok && b < bars; b++) {
        double weight[12];
        weigh(s, start[b], start[b + 1], (start[b] + start[b + 1]) / 2, weight);
        column[b].n = triads_of(key_at(s, start[b], estimated), column[b].triad);
        add_column(weight, b == 0 ? NULL : &column[b - 1], b == bars - 1, &column[b]);
    }
    for (int c = 1; ok && c < column[bars - 1].n; c++)
        if (column[bars - 1].best[c] > column[bars - 1].best[chosen]) chosen = c;
    for (int b = bars - 1; ok && b >= 0; chosen = column[b--].from[chosen]) out[b] = column[b].triad[chosen];
    mem_free(column);
    return ok;
}
