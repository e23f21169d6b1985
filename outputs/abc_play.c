/* Playing a voice of a tune in ABC; see abc.h. The text is read from left to right, jumping at repeats; lines that were fields are inline
 * fields by now. */
#include "outputs/abc_play.h"
#include "outputs/abc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WHOLE = 4 * ABC_QUARTER, TIES = 4, NOTES_MOST = 1 << 20, JUMPS_MOST = 4096, TICK_MOST = INT32_MAX / 2, STAFF = 7 * 16 };

/* A note as written: its MIDI number, its place (seven to an octave) and its accidental. */
struct pitch { int midi, place, sign; };

/* What fields set: it is taken back where a repeat jumps to. */
struct setting {
    int64_t unit, bar_length;                          /* ticks: L:, and a bar by the metre, 0: free */
    bool compound, minor;
    int numerator, denominator, fifths;                /* numerator 0, fifths 99: none */
    uint32_t us_per_quarter;                           /* 0: none */
    int shift[ABC_PLAY_SHIFTS];
    int signature[7];                                  /* by letter A … G */
};

/* One voice being played. */
struct player {
    struct score *score;
    const char *text;
    size_t at, n;
    int part;
    int64_t time, bar;                                 /* ticks: now, where the bar started */
    int64_t first_bar;                                 /* length of what stood before the first bar line, -1: not known yet */
    bool no_bars;                                      /* accidentals hold for their note alone */
    struct setting set, start_set;                     /* now, and at the section's start */
    int accidental[7];                                 /* by letter A … G; 99: none in this bar */
    int tie[128][TIES];                                /* notes that go on, -1: none; several in overlays */
    struct { int note, sign; } held[STAFF];            /* the last note that goes on, by letter and octave, and its accidental */
    int tuplet_left, tuplet_p, tuplet_q;
    int next_up, next_down;                            /* broken rhythm: the next note's factor */
    struct { size_t note; struct pitch pitch; } group[128];                /* the notes of the last chord */
    size_t groups;
    int64_t group_length;
    uint8_t velocity;
    size_t start;                                      /* of the section that may be repeated */
    bool opened;                                       /* it began with |: */
    int pass, passes, jumps;                           /* passes: how often it is played, as far as is known */
    bool ending;                                       /* within an ending */
    int bars, first_bars;                              /* of this ending, so far, and of the section's first */
    size_t behind;                                     /* where the last ending has as many, 0: not yet */
    struct setting behind_set;
};

static bool bad(const struct player *p, const char *found, const char *wanted, struct error *error)
{
    char near[24];
    size_t n = p->n - p->at < 16 ? p->n - p->at : 16;
    snprintf(near, sizeof near, "%.*s", (int)n, p->text + p->at);
    for (char *c = near; *c != '\0'; c++)
        if ((unsigned char)*c < 32 || (unsigned char)*c > 126) *c = ' ';
    return error_set(error, ERROR_INPUT, "ABC: voice %d near '%s': %s; %s is wanted", p->part + 1, near, found, wanted);
}

/* ---- fields ---- */

static bool read_fraction(const char *text, int *numerator, int *denominator)
{
    return sscanf(text, "%d/%d", numerator, denominator) == 2 && *numerator > 0 && *denominator > 0 && *numerator < 256 && *denominator <= 512;
}

static bool set_metre(struct player *p, const char *text, struct error *error)
{
    int numerator = 0, denominator = 0;
    if (strncmp(text, "C|", 2) == 0) numerator = denominator = 2;
    else if (text[0] == 'C') numerator = denominator = 4;
    else if (strncasecmp(text, "none", 4) == 0 || strncasecmp(text, "frei", 4) == 0 || text[0] == '\0') {       /* frei: in the Essen collection */
        p->set.bar_length = 0, p->set.numerator = 0;
        return true;
    } else {
        int sum = 0, term, used;                       /* "2+3/8", "(2+3)/8" */
        const char *at = text;
        while (*at == '(' || *at == ')' || *at == '+' || *at == ' ') at++;
        while (sscanf(at, "%3d%n", &term, &used) == 1 && term > 0 && sum < 256) {
            sum += term, at += used;
            while (*at == '(' || *at == ')' || *at == '+' || *at == ' ') at++;
        }
        if (*at != '/' || sscanf(at + 1, "%3d", &denominator) != 1) return bad(p, "a metre that is none", "one as 6/8", error);
        numerator = sum;
    }
    bool power = denominator > 0 && denominator <= 64 && (denominator & (denominator - 1)) == 0;
    if (numerator < 1 || numerator > 255 || !power) return bad(p, "a metre out of range", "1 to 255 over 1, 2, 4, … 64", error);
    p->set.bar_length = (int64_t)WHOLE * numerator / denominator;
    p->set.compound = denominator >= 8 && numerator % 3 == 0;
    p->set.numerator = numerator, p->set.denominator = denominator;
    if (p->time == p->first_bar) p->first_bar = 0;      /* a bar cut short by a change is no up-beat */
    return score_add_metre(p->score, p->time, numerator, denominator, error);
}

static bool set_tempo(struct player *p, const char *text, struct error *error)
{
    int numerator = 1, denominator = 4;
    double beats = 0;
    const char *quote = text[0] == '"' ? strchr(text + 1, '"') : NULL, *at = quote != NULL ? quote + 1 : text, *equals = strchr(at, '=');
    at += strspn(at, " ");
    if (equals != NULL && !read_fraction(at, &numerator, &denominator)) numerator = 1, denominator = 4;
    beats = strtod(equals != NULL ? equals + 1 : at, NULL);
    double quarters = beats * 4 * numerator / denominator;
    if (quarters < 4 || quarters > 4000) return true;   /* words alone */
    p->set.us_per_quarter = (uint32_t)(60e6 / quarters + 0.5);
    return score_add_tempo(p->score, p->time, p->set.us_per_quarter, error);
}

static const struct { const char *name; int fifths; bool minor; } modes[] = {
    {"maj", 0, false}, {"min", -3, true}, {"mix", -1, false}, {"dor", -2, true}, {"phr", -4, true}, {"lyd", 1, false}, {"loc", -5, true}, {"ion", 0, false}, {"aeo", -3, true}, {"m", -3, true},
};

/* "^f _b =c" behind a key, each at its text's start or behind a blank or another ("middle=c" is none). */
static void set_explicit(struct player *p, const char *at)
{
    bool free = true;
    for (; *at != '\0'; at++) {
        int sign = *at == '^' ? 1 : *at == '_' ? -1 : *at == '=' ? 0 : 9, letter = tolower((unsigned char)at[sign == 9 ? 0 : 1]);
        bool is = free && sign != 9 && letter >= 'a' && letter <= 'g' && !isalnum((unsigned char)at[2]);
        free = is || isspace((unsigned char)*at);
        if (is) p->set.signature[letter - 'a'] = sign, at++;
    }
}

static const char *const clefs[] = {"treble", "bass", "tenor", "alto", "soprano", "mezzosoprano", "baritone", "perc", NULL};
static const char *const properties[] = {"clef=", "middle=", "octave=", "staff", "transpose=", NULL};

static bool begins(const char *text, const char *const *words)
{
    while (*words != NULL && strncasecmp(text, *words, strlen(*words)) != 0) words++;
    return *words != NULL;
}

/* What one word of K: or V: moves. */
static void read_shift(const char *word, int *shift)
{
    static const struct { const char *end; int semitones; } ends[] = {{"", 0}, {"+8", 12}, {"-8", -12}, {"+15", 24}, {"-15", -24}};
    int value;
    if (sscanf(word, "octave=%3d", &value) == 1 && abs(value) <= 8) shift[ABC_PLAY_OCTAVE] = 12 * value;
    if (sscanf(word, "transpose=%3d", &value) == 1 && abs(value) <= 96) shift[ABC_PLAY_TRANSPOSE] = value;
    bool named = strncmp(word, "clef=", 5) == 0;
    if (named) word += 5;
    size_t n = strcspn(word, "+-12345");
    for (size_t c = 0; clefs[c] != NULL && !named; c++) named = strlen(clefs[c]) == n && strncasecmp(word, clefs[c], n) == 0;
    if (isdigit((unsigned char)word[n])) n++;          /* its line */
    for (size_t e = 0; e < sizeof ends / sizeof *ends && named; e++)
        if (strcmp(word + n, ends[e].end) == 0) shift[ABC_PLAY_CLEF] = ends[e].semitones;
}

/* All words of a field, quotes taken off: name="a b" is one word. */
void abc_play_shifts(const char *text, int *shift)
{
    char word[32];
    while (*text != '\0') {
        size_t n = 0;
        bool quoted = false;
        for (; *text != '\0' && (quoted || !isspace((unsigned char)*text)); text++) {
            if (*text == '"') quoted = !quoted;
            else if (n < sizeof word - 1) word[n++] = *text;
        }
        word[n] = '\0';
        read_shift(word, shift);
        while (isspace((unsigned char)*text)) text++;
    }
}

/* A key's fifths, heard so many semitones higher. */
static int moved_key(int fifths, int semitones)
{
    fifths += (semitones % 12 + 12) * 7 % 12;
    return semitones % 12 != 0 && fifths > 6 ? fifths - 12 : fifths;
}

static bool set_key(struct player *p, const char *text, struct error *error)
{
    static const int steps[] = {3, 5, 0, 2, 4, -1, 1}, order[] = {5, 2, 6, 3, 0, 4, 1};       /* fifths of A … G; letters F C G D A E B */
    int fifths = 0;
    bool minor = false;
    const char *at = text;
    if (*at >= 'A' && *at <= 'G') {
        fifths = steps[*at++ - 'A'];
        if (*at == '#') fifths += 7, at++;
        else if (*at == 'b') fifths -= 7, at++;
        at += strspn(at, " ");
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
            size_t n = strlen(modes[m].name);
            if (strncasecmp(at, modes[m].name, n) != 0 || (n == 1 && isalpha((unsigned char)at[1]))) continue;
            fifths += modes[m].fifths, minor = modes[m].minor;
            break;
        }
    } else if (strncasecmp(at, "none", 4) == 0) {
        memset(p->set.signature, 0, sizeof p->set.signature);
        set_explicit(p, at + 4);
        p->set.fifths = 99;
        return true;
    } else if (strncasecmp(at, "HP", 2) == 0) fifths = 2;
    else if (*at == '\0' || begins(at, clefs) || begins(at, properties)) return true;       /* a clef alone */
    else if (strchr("^_=", *at) == NULL && strncasecmp(at, "exp", 3) != 0) return bad(p, "a key that is none", "one as K:D minor", error);
    if (fifths < -7 || fifths > 7) return bad(p, "a key of more than 7 sharps or flats", "at most 7", error);
    memset(p->set.signature, 0, sizeof p->set.signature);
    for (int i = 0; i < fifths; i++) p->set.signature[order[i]] = 1;
    for (int i = 0; i < -fifths; i++) p->set.signature[order[6 - i]] = -1;
    set_explicit(p, at);
    p->set.fifths = moved_key(fifths, p->set.shift[ABC_PLAY_TRANSPOSE]), p->set.minor = minor;
    return score_add_key(p->score, p->time, p->set.fifths, minor, error);
}

static bool set_unit(struct player *p, const char *text, struct error *error)
{
    int numerator, denominator;
    if (!read_fraction(text, &numerator, &denominator) || WHOLE % denominator != 0) return bad(p, "a unit of length that is none", "L:1/8", error);
    p->set.unit = (int64_t)WHOLE * numerator / denominator;
    return true;
}

static void forget_accidentals(struct player *p)
{
    for (int i = 0; i < 7; i++) p->accidental[i] = 99;
}

static void new_section(struct player *p, bool opened)
{
    p->start_set = p->set;
    p->start = p->at, p->opened = opened, p->pass = 1, p->passes = 1, p->ending = false, p->behind = 0;
}

/* A repeat sign, or a first ending, behind a last ending that no double bar line closes: a section began where that ending had as many bars
 * as the first. */
static void section_behind(struct player *p)
{
    if (!p->ending || p->behind == 0) return;
    size_t at = p->at;
    struct setting set = p->set;
    p->at = p->behind, p->set = p->behind_set;
    new_section(p, false);
    p->at = at, p->set = set;
}

/* A double bar line, or a new part: a section begins, unless this is within one. */
static void soft_section(struct player *p)
{
    if (p->ending ? p->pass > 1 : p->pass == 1 && !p->opened) new_section(p, false);
}

static bool set_field(struct player *p, char kind, const char *text, struct error *error)
{
    switch (kind) {
    case 'M': return set_metre(p, text, error);
    case 'K':
        forget_accidentals(p);
        abc_play_shifts(text, p->set.shift);
        return set_key(p, text, error);
    case 'L': return set_unit(p, text, error);
    case 'Q': return set_tempo(p, text, error);
    case 'P': soft_section(p); return true;
    case 'p': new_section(p, false); return true;      /* of parts in an order: abc_read.c */
    default: return true;
    }
}

/* ---- notes ---- */

/* "3/2", "/", "//", "2" behind a note, as a share of `unit`; false when it is no whole number of ticks. */
static bool read_length(struct player *p, int64_t unit, int64_t *out, struct error *error)
{
    int64_t numerator = 1, denominator = 1;
    char *end;
    if (isdigit((unsigned char)p->text[p->at])) numerator = strtol(p->text + p->at, &end, 10), p->at = (size_t)(end - p->text);
    while (p->at < p->n && p->text[p->at] == '/') {
        p->at++;
        if (isdigit((unsigned char)p->text[p->at])) denominator *= strtol(p->text + p->at, &end, 10), p->at = (size_t)(end - p->text);
        else denominator *= 2;
        if (denominator < 1 || denominator > 100000) return bad(p, "a length divided by nothing, or by far too much", "a length as 3/2", error);
    }
    if (numerator < 1 || numerator > 100000000 || numerator / denominator > 10000) return bad(p, "a length out of range", "1 to 10000", error);
    *out = (unit * numerator + denominator / 2) / denominator;
    if (*out < 1) *out = 1;
    return true;
}

/* The factors of tuplets and broken rhythms on a length. */
static int64_t stretched(struct player *p, int64_t length)
{
    if (p->tuplet_left > 0) length = (length * p->tuplet_q + p->tuplet_p / 2) / p->tuplet_p, p->tuplet_left--;
    if (p->next_down > 1) length = length * p->next_up / p->next_down, p->next_up = p->next_down = 1;
    return length < 1 ? 1 : length;
}

static void hold(struct player *p, size_t note, struct pitch pitch)
{
    int *ties = p->tie[pitch.midi];
    memmove(ties + 1, ties, (TIES - 1) * sizeof *ties);
    ties[0] = (int)note;
    p->held[pitch.place].note = (int)note, p->held[pitch.place].sign = pitch.sign;
}

static bool add_note(struct player *p, struct pitch pitch, int64_t length, bool tied, struct error *error)
{
    struct score *s = p->score;
    if (s->notes >= NOTES_MOST || p->time > TICK_MOST) return error_set(error, ERROR_INPUT, "ABC: too much music; less than 2^20 notes and 50,000 bars are wanted");
    int before = -1, *ties = p->tie[pitch.midi];
    size_t index = s->notes;
    for (int k = 0; k < TIES && before < 0; k++)
        if (ties[k] >= 0 && s->note[ties[k]].onset + s->note[ties[k]].length == p->time) before = ties[k], ties[k] = -1;
    for (int place = 0; before >= 0 && place < STAFF; place++)             /* it may be spelled otherwise here */
        if (p->held[place].note == before) p->held[place].note = -1;
    if (before >= 0) index = (size_t)before, s->note[before].length += length;
    else if (!score_add_note(s, (struct score_note){p->time, length, (uint16_t)p->part, (uint8_t)pitch.midi, p->velocity}, error)) return false;
    p->held[pitch.place].note = -1;
    if (tied) hold(p, index, pitch);
    if (p->groups < 128) p->group[p->groups].note = index, p->group[p->groups++].pitch = pitch;
    return true;
}

/* A "-" apart from its note or chord, as in "C - C" and "C>-C". */
static void late_tie(struct player *p)
{
    for (size_t i = 0; i < p->groups; i++) hold(p, p->group[i].note, p->group[i].pitch);
    p->groups = 0;
}

/* The accidental of a note without a sign: that of the note tied to it, of its letter in this bar, or of the key. */
static int sign_of(const struct player *p, int place, int letter)
{
    const struct score *s = p->score;
    int held = p->held[place].note;
    if (held >= 0 && s->note[held].onset + s->note[held].length == p->time) return p->held[place].sign;
    return p->accidental[letter] != 99 ? p->accidental[letter] : p->set.signature[letter];
}

/* Accidental, letter and octave: the pitch. */
static bool read_pitch(struct player *p, struct pitch *pitch, struct error *error)
{
    static const int tones[] = {9, 11, 0, 2, 4, 5, 7};
    int sign = 99;
    while (p->text[p->at] == '^' || p->text[p->at] == '_' || p->text[p->at] == '=') {
        int move = p->text[p->at] == '^' ? 1 : p->text[p->at] == '_' ? -1 : 0;
        sign = (sign == 99 ? 0 : sign) + move;
        p->at++;
    }
    int c = (unsigned char)p->text[p->at], letter = toupper(c) - 'A';
    if (letter < 0 || letter > 6) return bad(p, "an accidental without a note", "a letter from A to G", error);
    p->at++;
    int octave = islower(c) ? 6 : 5;
    for (; p->text[p->at] == '\'' || p->text[p->at] == ','; p->at++) octave += p->text[p->at] == '\'' ? 1 : -1;
    int place = 7 * (octave + 1) + letter;
    if (place < 0 || place >= STAFF) return bad(p, "a pitch out of range", "one of MIDI's 128", error);
    if (sign == 99) sign = sign_of(p, place, letter);
    else if (!p->no_bars) p->accidental[letter] = sign;
    int shift = p->set.shift[ABC_PLAY_CLEF] + p->set.shift[ABC_PLAY_OCTAVE] + p->set.shift[ABC_PLAY_TRANSPOSE];
    *pitch = (struct pitch){12 * octave + tones[letter] + sign + shift, place, sign};
    return (pitch->midi >= 0 && pitch->midi <= 127) || bad(p, "a pitch out of range", "one of MIDI's 128", error);
}

static bool take_tie(struct player *p)
{
    while (p->text[p->at] == ')') p->at++;
    if (p->text[p->at] != '-') return false;
    p->at++;
    return true;
}

static bool read_note(struct player *p, struct error *error)
{
    struct pitch pitch;
    int64_t length;
    if (!read_pitch(p, &pitch, error) || !read_length(p, p->set.unit, &length, error)) return false;
    length = stretched(p, length);
    p->groups = 0, p->group_length = length;
    if (!add_note(p, pitch, length, take_tie(p), error)) return false;
    p->time += length;
    return true;
}

static bool is_note(char c) { return c != '\0' && strchr("ABCDEFGabcdefg^_=", c) != NULL; }

/* Text between two signs: "!…!" and "+…+" may name a dynamic, grace notes and what stands in quotes have no effect. */
static void decoration(struct player *p, char end)
{
    static const char *const dynamics[] = {"ppp", "pp", "p", "mp", "mf", "f", "ff", "fff"};
    static const uint8_t velocities[] = {16, 32, 48, 64, 80, 96, 112, 127};
    const char *from = p->text + p->at + 1, *close = memchr(from, end, p->n - p->at - 1), *line = memchr(from, '\n', p->n - p->at - 1);
    if (close == NULL || (line != NULL && line < close)) {
        p->at++;
        return;
    }
    for (size_t i = 0; i < 8 && (end == '!' || end == '+'); i++)
        if (strlen(dynamics[i]) == (size_t)(close - from) && strncmp(from, dynamics[i], (size_t)(close - from)) == 0) p->velocity = velocities[i];
    p->at = (size_t)(close - p->text) + 1;
}

/* "[ce-g]2": the first note's length counts for the time. */
static bool read_chord(struct player *p, struct error *error)
{
    struct { struct pitch pitch; int64_t length; bool tied; } notes[32];
    int n = 0;
    for (p->at++; p->at < p->n && p->text[p->at] != ']';) {
        char c = p->text[p->at];
        if (c == '\n') return bad(p, "a chord without its end", "]", error);
        if (c == '!' || c == '+' || c == '"') decoration(p, c);
        else if (!is_note(c)) p->at++;
        else if (n == 32) return bad(p, "a chord of more than 32 notes", "fewer", error);
        else {
            if (!read_pitch(p, &notes[n].pitch, error) || !read_length(p, p->set.unit, &notes[n].length, error)) return false;
            notes[n++].tied = take_tie(p);
        }
    }
    if (p->at >= p->n) return bad(p, "a chord without its end", "]", error);
    p->at++;
    int64_t factor, time = 0;
    if (!read_length(p, ABC_QUARTER, &factor, error)) return false;
    bool tied = take_tie(p);
    p->groups = 0;
    int left = p->tuplet_left, up = p->next_up, down = p->next_down;
    for (int i = 0; i < n; i++) {
        p->tuplet_left = left, p->next_up = up, p->next_down = down;       /* for all notes of the chord alike */
        int64_t length = stretched(p, (notes[i].length * factor + ABC_QUARTER / 2) / ABC_QUARTER);
        if (i == 0) time = length;
        if (!add_note(p, notes[i].pitch, length, tied || notes[i].tied, error)) return false;
    }
    p->time += time, p->group_length = time;
    return true;
}

static bool read_rest(struct player *p, struct error *error)
{
    bool bars = isupper((unsigned char)p->text[p->at++]);
    int64_t length;
    if (!read_length(p, bars && p->set.bar_length > 0 ? p->set.bar_length : p->set.unit, &length, error)) return false;
    if (!bars) length = stretched(p, length);
    p->time += length;
    p->groups = 0, p->group_length = length;
    if (p->time > TICK_MOST) return error_set(error, ERROR_INPUT, "ABC: too much music; less than 50,000 bars are wanted");
    return true;
}

/* "a>b": three quarters and one; ">>" seven eighths and one. */
static void broken(struct player *p)
{
    char sign = p->text[p->at];
    int k = 0;
    while (p->text[p->at] == sign) p->at++, k++;
    int whole = 1 << (k > 3 ? 3 : k), more = 2 * whole - 1;      /* over `whole`: the longer; 1 over `whole`: the shorter */
    int up = sign == '>' ? more : 1;
    int64_t was = p->group_length, now = was * up / whole;
    for (size_t i = 0; i < p->groups; i++) {
        int64_t *length = &p->score->note[p->group[i].note].length;
        if (*length + now - was >= 1) *length += now - was;
    }
    p->time += now - was;
    p->next_up = sign == '>' ? 1 : more, p->next_down = whole;
}

static void tuplet(struct player *p)
{
    static const int usual[10] = {1, 1, 3, 2, 3, 0, 2, 0, 3, 0};
    int n = p->text[p->at + 1] - '0', q = usual[n] > 0 ? usual[n] : p->set.compound ? 3 : 2, r = n;
    p->at += 2;
    if (p->text[p->at] == ':') {
        p->at++;
        if (isdigit((unsigned char)p->text[p->at])) q = p->text[p->at++] - '0';
        if (p->text[p->at] == ':') {
            p->at++;
            if (isdigit((unsigned char)p->text[p->at])) r = p->text[p->at++] - '0';
        }
    }
    p->tuplet_p = n < 1 ? 1 : n, p->tuplet_q = q < 1 ? 1 : q, p->tuplet_left = r;
}

/* ---- bar lines and repeats ---- */

static void new_bar(struct player *p)
{
    if (p->first_bar < 0 && p->time > p->bar) p->first_bar = p->time;
    p->bar = p->time;
    forget_accidentals(p);
}

/* Does the ending at this place ("1", "1,3", "2-4") belong to a pass? *end: behind its numbers, *most: the highest of them. */
static bool ending_has(const struct player *p, size_t at, int pass, size_t *end, int *most)
{
    bool has = false;
    *most = 0;
    while (isdigit((unsigned char)p->text[at])) {
        int from = p->text[at++] - '0', to = from;
        if (p->text[at] == '-' && isdigit((unsigned char)p->text[at + 1])) to = p->text[at + 1] - '0', at += 2;
        has = has || (pass >= from && pass <= to);
        if (to > *most) *most = to;
        if (p->text[at] == ',' && isdigit((unsigned char)p->text[at + 1])) at++;
    }
    *end = at;
    return has;
}

/* Where an ending's number stands: at `at` or behind line ends, or, with a '[', behind blanks too; 0 when there is none. */
static size_t ending_at(const struct player *p, size_t at)
{
    while (p->text[at] == '\n') at++;
    size_t bracket = at + strspn(p->text + at, " \n");
    if (p->text[bracket] == '[') at = bracket + 1;
    return isdigit((unsigned char)p->text[at]) ? at : 0;
}

/* An ending that is not of this pass: go on behind its repeat sign or at the next ending. */
static void skip_ending(struct player *p)
{
    while (p->at < p->n) {
        const char *t = p->text + p->at;
        if (t[0] == ':' && (t[1] == '|' || t[1] == ':')) {
            while (p->at < p->n && strchr(":|]", p->text[p->at]) != NULL) p->at++;
            return;
        }
        if ((t[0] == '|' && ending_at(p, p->at + 1) > 0) || (t[0] == '[' && isdigit((unsigned char)t[1]))) return;
        if (t[0] == '|' && (t[1] == '|' || t[1] == ']')) return;
        p->at++;
    }
}

/* Again from the section's start, with what was set there. */
static bool jump(struct player *p, struct error *error)
{
    struct setting was = p->set;
    if (++p->jumps > JUMPS_MOST) return bad(p, "too many repeats", "at most 4096", error);
    if (p->ending && p->pass == 1) p->first_bars = p->bars;
    p->pass++, p->at = p->start, p->ending = false, p->set = p->start_set;
    const struct setting *is = &p->set;
    bool metre = is->numerator > 0 && (is->numerator != was.numerator || is->denominator != was.denominator);
    bool key = is->fifths != 99 && (is->fifths != was.fifths || is->minor != was.minor);
    bool tempo = is->us_per_quarter > 0 && is->us_per_quarter != was.us_per_quarter;
    return (!metre || score_add_metre(p->score, p->time, is->numerator, is->denominator, error)) &&
           (!key || score_add_key(p->score, p->time, is->fifths, is->minor, error)) && (!tempo || score_add_tempo(p->score, p->time, is->us_per_quarter, error));
}

/* Behind a sign with ":" in front ("::|": two repeats): again from the section's start? */
static bool goes_back(struct player *p, size_t from, size_t next)
{
    size_t end, colons = strspn(p->text + from, ":");
    int most, times = p->text[from + colons] != '|' ? 2 : colons < 9 ? (int)colons + 1 : 9;
    if (times > p->passes) p->passes = times;
    return p->pass < p->passes || (next > 0 && ending_has(p, next, p->pass + 1, &end, &most));
}

/* Its numbers are next. */
static void start_ending(struct player *p)
{
    size_t end;
    int most;
    if (ending_has(p, p->at, 1, &end, &most)) section_behind(p);
    bool plays = ending_has(p, p->at, p->pass, &end, &most);
    if (most > p->passes) p->passes = most;
    p->at = end, p->ending = true, p->bars = 0, p->behind = 0;
    if (!plays) skip_ending(p);
}

/* A ":" alone: what is left of "|:" behind a bar line, or a field, at the end of the line before? */
static bool follows_bar(const struct player *p, size_t at)
{
    while (at > 0 && isspace((unsigned char)p->text[at - 1])) at--;
    return at == 0 || p->text[at - 1] == '|' || p->text[at - 1] == ']';
}

/* The sign is read; decide where to go on. A section begins at |:, behind its last pass, and at a double bar line that ends the last
 * ending or stands where no |: has opened a section. */
static bool bar_line(struct player *p, struct error *error)
{
    size_t from = p->at;
    while (p->at < p->n && strchr("|:]", p->text[p->at]) != NULL) p->at++;
    if (p->at == from && p->text[p->at] == '[') p->at++;          /* "[|" or "[1" */
    while (p->at < p->n && p->text[from] == '[' && strchr("|:]", p->text[p->at]) != NULL) p->at++;
    size_t n = p->at - from;
    const char *close = memchr(p->text + from, ']', n);
    size_t colons = close != NULL && close[1] == ':' ? (size_t)(close - p->text) + 1 : from;       /* "[|]:|" */
    bool back = p->text[colons] == ':', open = n > 1 && p->text[p->at - 1] == ':';
    if (n == 1 && back) back = p->text[p->at] == '[' && p->text[p->at + 1] == '|', open = !back && follows_bar(p, from);
    new_bar(p);
    p->bars++;
    if (back) {
        size_t next = ending_at(p, p->at);
        if (next == 0) section_behind(p);
        if (goes_back(p, colons, next)) return jump(p, error);
        if (next == 0) new_section(p, open);
    } else if (open) {
        if (p->start != p->at) new_section(p, true);
    } else if (n > 1 && ending_at(p, p->at) == 0) soft_section(p);
    else if (p->ending && p->pass > 1 && p->bars == p->first_bars) p->behind = p->at, p->behind_set = p->set;
    size_t number = ending_at(p, p->at);
    if (number > 0) p->at = number, start_ending(p);
    return true;
}

/* ---- the rest of the body ---- */

static bool inline_field(struct player *p, struct error *error)
{
    char text[80];
    const char *close = memchr(p->text + p->at, ']', p->n - p->at);
    if (close == NULL) return bad(p, "an inline field without its end", "]", error);
    size_t n = (size_t)(close - p->text) - p->at - 3;
    char kind = p->text[p->at + 1];
    snprintf(text, sizeof text, "%.*s", (int)(n < 79 ? n : 79), p->text + p->at + 3);
    p->at = (size_t)(close - p->text) + 1;
    return set_field(p, kind, text + strspn(text, " "), error);
}

static bool play_sign(struct player *p, struct error *error)
{
    char c = p->text[p->at], next = p->text[p->at + 1];
    if (is_note(c)) return read_note(p, error);
    if (c == '[' && (next == '|' || isdigit((unsigned char)next))) return bar_line(p, error);
    if (c == '[' && isalpha((unsigned char)next) && p->text[p->at + 2] == ':') return inline_field(p, error);
    if (c == '[' && !isspace((unsigned char)next)) return read_chord(p, error);
    if (c == '|' || c == ':') return bar_line(p, error);
    if (c == 'z' || c == 'x' || c == 'Z' || c == 'X') return read_rest(p, error);
    if (c == '(' && isdigit((unsigned char)next)) tuplet(p);
    else if (c == '>' || c == '<') broken(p);
    else if (c == '!' || c == '+' || c == '"') decoration(p, c);
    else if (c == '{') decoration(p, '}');
    else {
        if (c == '-') late_tie(p);
        if (c == '&') p->time = p->bar, p->groups = 0, p->group_length = 0;
        p->at++;                                       /* blanks, slurs, single-letter decorations */
    }
    return true;
}

bool abc_play(const struct abc_play *play, const struct bytes *text, int64_t *first_bar, int64_t *bar, struct error *error)
{
    struct player p = {.score = play->score, .text = bytes_text(text), .n = text->n, .part = play->part, .first_bar = -1, .velocity = 80, .pass = 1, .passes = 1,
                       .next_up = 1, .next_down = 1, .set.fifths = 99, .no_bars = play->no_bars};
    memset(p.tie, 0xff, sizeof p.tie);
    memset(p.held, 0xff, sizeof p.held);
    forget_accidentals(&p);
    abc_play_shifts(play->key, p.set.shift);
    for (int k = 0; k < ABC_PLAY_SHIFTS; k++)
        if (play->shift[k] != ABC_PLAY_UNSAID) p.set.shift[k] = play->shift[k];
    if (!set_metre(&p, play->metre, error) || !set_key(&p, play->key, error) || (play->tempo[0] != '\0' && !set_tempo(&p, play->tempo, error))) return false;
    p.set.unit = p.set.bar_length == 0 || 4 * p.set.bar_length >= 3 * WHOLE ? WHOLE / 8 : WHOLE / 16;
    if (play->unit[0] != '\0' && !set_unit(&p, play->unit, error)) return false;
    *bar = p.set.bar_length, p.start_set = p.set;
    while (p.at < p.n)
        if (!play_sign(&p, error)) return false;
    *first_bar = p.first_bar;
    return true;
}
