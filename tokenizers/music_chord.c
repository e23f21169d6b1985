/* Chords of bars; see music_chord.h.
 *
 * A bar is heard as the chord whose tones are the nearest in angle to the weights of its pitch classes (Fujishima, "Realtime chord
 * recognition of musical sound", 1999), a little nearer when the root is the bass and farther when it is a rarer kind. Beyond an angle nothing fits. */
#include "tokenizers/music_chord.h"

#include <math.h>
#include <stdio.h>

static const struct { const char *name; uint16_t pitches; double rare; } qualities[] = {      /* bit n: n semitones above the root */
    {"", 0x091, 0}, {"m", 0x089, 0}, {"7", 0x491, 0.005}, {"m7", 0x489, 0.005}, {"maj7", 0x891, 0.005}, {"dim", 0x049, 0.03}, {"aug", 0x111, 0.03}, {"sus4", 0x0a1, 0.05},
};

static const double NEAR = 0.74, ROOT = 0.06;

const char *music_chord_name(int value, char text[8])
{
    static const char *const tones[12] = {"C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"};
    if (value == MUSIC_CHORD_NONE) snprintf(text, 8, "none");
    else snprintf(text, 8, "%s%s", tones[value % 12], qualities[value / 12].name);
    return text;
}

unsigned music_chord_pitches(int value)
{
    if (value == MUSIC_CHORD_NONE) return 0;
    unsigned p = qualities[value / 12].pitches, root = (unsigned)value % 12;
    return (p << root | p >> (12 - root)) & 0xfff;
}

static int bits(unsigned set)
{
    int n = 0;
    for (; set != 0; set &= set - 1) n++;
    return n;
}

int music_chord_value(unsigned pitches)
{
    int best = MUSIC_CHORD_NONE, most = 0;
    for (int value = 0; value < MUSIC_CHORD_NONE && pitches != 0; value++) {
        unsigned own = music_chord_pitches(value);
        int good = 2 * bits(own & pitches) - bits(own ^ pitches);
        if (good > most) best = value, most = good;
    }
    return best;
}

int music_chord_move(int value, int semitones)
{
    return value == MUSIC_CHORD_NONE ? value : value / 12 * 12 + (value % 12 + semitones % 12 + 12) % 12;
}

int music_chord_hear(const double weight[12], int bass)
{
    double all = 0, highest = 0;
    int best = MUSIC_CHORD_NONE;
    for (int p = 0; p < 12; p++) all += weight[p] * weight[p];
    for (int value = 0; value < MUSIC_CHORD_NONE && all > 0; value++) {
        unsigned own = music_chord_pitches(value);
        int tones = bits(own);
        double sum = 0;
        for (int p = 0; p < 12; p++) sum += own >> p & 1 ? weight[p] : 0;
        double near = sum / sqrt(all * tones), good = near + (value % 12 == bass ? ROOT : 0) - qualities[value / 12].rare;
        if (near >= NEAR && good > highest + 1e-9) best = value, highest = good;
    }
    return best;
}

double music_chord_heavy(int pos, int steps)
{
    return pos == 0 ? 3 : pos > 0 && 2 * pos == steps ? 2 : 1;
}
