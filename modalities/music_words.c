/* Words for music; see music_words.h. */
#include "modalities/music_words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Instruments by other names than General MIDI's. */
static const struct { const char *name; int program; } names[] = {
    {"acoustic guitar", 24}, {"classical guitar", 24}, {"electric guitar", 27}, {"distorted guitar", 30}, {"bass guitar", 33}, {"double bass", 43},
    {"electric piano", 4}, {"grand piano", 0}, {"music box", 10}, {"tubular bells", 14}, {"church organ", 19}, {"pipe organ", 19}, {"pan flute", 75},
    {"tin whistle", 78}, {"penny whistle", 78}, {"french horn", 60}, {"english horn", 69}, {"string ensemble", 48}, {"steel drums", 114}, {"slap bass", 36},
    {"synth bass", 38}, {"alto saxophone", 65}, {"tenor saxophone", 66}, {"soprano saxophone", 64}, {"baritone saxophone", 67}, {"bass clarinet", 71},
    {"saw lead", 81}, {"electric bass", 33}, {"upright bass", 43},
    {"piano", 0}, {"harpsichord", 6}, {"clavinet", 7}, {"celesta", 8}, {"glockenspiel", 9}, {"vibraphone", 11}, {"marimba", 12}, {"xylophone", 13},
    {"dulcimer", 15}, {"organ", 19}, {"accordion", 21}, {"harmonica", 22}, {"concertina", 23}, {"bandoneon", 23}, {"guitar", 24}, {"lute", 24}, {"bass", 32},
    {"violin", 40}, {"viola", 41}, {"cello", 42}, {"contrabass", 43}, {"pizzicato", 45}, {"harp", 46}, {"timpani", 47}, {"strings", 48}, {"choir", 52},
    {"voice", 53}, {"trumpet", 56}, {"trombone", 57}, {"tuba", 58}, {"horn", 60}, {"brass", 61}, {"saxophone", 65}, {"sax", 65}, {"oboe", 68},
    {"bassoon", 70}, {"clarinet", 71}, {"piccolo", 72}, {"flute", 73}, {"recorder", 74}, {"whistle", 78}, {"ocarina", 79}, {"sitar", 104}, {"banjo", 105},
    {"shamisen", 106}, {"koto", 107}, {"kalimba", 108}, {"bagpipes", 109}, {"bagpipe", 109}, {"fiddle", 110}, {"drums", MUSIC_DRUMS},
};
enum { NAMES = sizeof names / sizeof *names };

/* Dances whose name says their metre. */
static const struct { const char *name; int numerator, denominator; } dances[] = {
    {"slip jig", 9, 8}, {"waltz", 3, 4}, {"minuet", 3, 4}, {"mazurka", 3, 4}, {"jig", 6, 8}, {"tarantella", 6, 8},
};

/* Words that say how fast, in quarter notes a minute: most of the training pieces that are called so lie there. */
static const struct { const char *name; int slowest, fastest; } paces[] = {
    {"slow", 20, 100}, {"slowly", 20, 100}, {"unhurried", 20, 100}, {"adagio", 20, 80}, {"largo", 20, 66}, {"lento", 20, 72}, {"andante", 66, 108}, {"moderate", 76, 132}, {"moderato", 76, 132},
    {"allegro", 100, 320}, {"fast", 112, 320}, {"quick", 112, 320}, {"brisk", 112, 320}, {"vivace", 132, 320}, {"presto", 144, 320},
};
static const struct { const char *name; enum music_density density; } fullness[] = {{"sparse", MUSIC_DENSITY_LOW}, {"busy", MUSIC_DENSITY_HIGH}, {"dense", MUSIC_DENSITY_HIGH}};
static const struct { const char *name; int parts; } groups[] = {{"duet", 2}, {"duo", 2}, {"quartet", 4}, {"quintet", 5}};
static const char *const density_words[MUSIC_DENSITIES] = {"", "low", "mid", "high"};

static const struct { const char *name; unsigned pitches; } chord_kinds[MUSIC_CHORD_KINDS] = {      /* bit n: n semitones above the root */
    {"", 0x091}, {"m", 0x089}, {"7", 0x491}, {"m7", 0x489}, {"maj7", 0x891}, {"dim", 0x049}, {"dim7", 0x249}, {"aug", 0x111}, {"sus4", 0x0a1}, {"sus2", 0x085}, {"6", 0x291},
};

static bool usage(struct error *error, const char *what, const char *text, const char *wanted)
{
    return error_set(error, ERROR_USAGE, "--%s: '%.60s'; %s is wanted", what, text, wanted);
}

size_t music_words_tone(const char *text, int *tone, int *fifths)
{
    static const int tones[] = {9, 11, 0, 2, 4, 5, 7}, steps[] = {3, 5, 0, 2, 4, -1, 1};
    int letter = toupper((unsigned char)text[0]);
    size_t n = 1;
    if (letter < 'A' || letter > 'G') return 0;
    *tone = tones[letter - 'A'], *fifths = steps[letter - 'A'];
    int move = 0;
    static const struct { const char *sign; int move; } signs[] = {{"#", 1}, {"b", -1}, {"\u266f", 1}, {"\u266d", -1}, {" sharp", 1}, {"-sharp", 1}, {" flat", -1}, {"-flat", -1}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs && n == 1; i++)
        if (strncasecmp(text + 1, signs[i].sign, strlen(signs[i].sign)) == 0) move = signs[i].move, n += strlen(signs[i].sign);
    *tone = (*tone + move + 12) % 12, *fifths += 7 * move;
    return n;
}

/* A key at the start of a text; returns its bytes, 0 for none. `mode`: "major" or "minor" has to be there in full. */
static size_t read_key(const char *text, bool mode, int *key)
{
    int tone, fifths;
    size_t n = music_words_tone(text, &tone, &fifths), space;
    if (n == 0) return 0;
    space = strspn(text + n, " -");
    const char *rest = text + n + space;
    bool minor = strncasecmp(rest, "minor", 5) == 0 && !isalpha((unsigned char)rest[5]), major = strncasecmp(rest, "major", 5) == 0 && !isalpha((unsigned char)rest[5]);
    if (minor || major) n += space + 5;
    else if (mode) return 0;
    else if (text[n] == 'm' && text[n + 1] == '\0') minor = true, n++;
    else if (text[n] != '\0') return 0;
    *key = music_key_value(fifths - (minor ? 3 : 0), minor);
    return *key < 0 ? 0 : n;
}

bool music_words_key(const char *text, struct music_wishes *w, struct error *error)
{
    int key;
    size_t n = read_key(text, false, &key);
    if (n == 0 || text[n] != '\0') return usage(error, "key", text, "a tone with major or minor, as \"D minor\", with at most 7 sharps or flats,");
    w->key = (int16_t)key;
    return true;
}

static size_t read_metre(const char *text, int *metre)
{
    int numerator, denominator, n = 0;
    if (!isdigit((unsigned char)text[0]) || sscanf(text, "%2d/%2d%n", &numerator, &denominator, &n) < 2 || isdigit((unsigned char)text[n])) return 0;
    *metre = music_metre_value(numerator, denominator);
    return *metre < 0 || music_metre_segments(*metre) > 1 ? 0 : (size_t)n;
}

bool music_words_metre(const char *text, struct music_wishes *w, struct error *error)
{
    int metre;
    size_t n = read_metre(text, &metre);
    if (n == 0 || text[n] != '\0') return usage(error, "metre", text, "one as 6/8, with 1, 2, 4, 8 or 16 below and at most 12 quarter notes,");
    w->metre = (int16_t)metre;
    return true;
}

/* "C4" or "60"; returns its bytes. */
static size_t read_pitch(const char *text, int *pitch)
{
    int tone, fifths;
    char *end;
    size_t n = music_words_tone(text, &tone, &fifths);
    if (n == 0) {
        if (!isdigit((unsigned char)text[0])) return 0;
        *pitch = (int)strtol(text, &end, 10);
        return *pitch > 127 ? 0 : (size_t)(end - text);
    }
    if (!isdigit((unsigned char)text[n]) && !(text[n] == '-' && text[n + 1] == '1')) return 0;
    int octave = (int)strtol(text + n, &end, 10);
    *pitch = 12 * (octave + 1) + tone + (fifths == -7 ? -12 : fifths == 12 ? 12 : 0);      /* Cb4 is 59, B#4 is 72 */
    return octave > 9 || *pitch < 0 || *pitch > 127 ? 0 : (size_t)(end - text);
}

bool music_words_range(const char *text, struct music_wishes *w, struct error *error)
{
    int low = 0, high = 0;
    size_t n = read_pitch(text, &low), m = n > 0 && text[n] == '-' ? read_pitch(text + n + 1, &high) : 0;
    if (m == 0 || text[n + 1 + m] != '\0' || low > high) return usage(error, "range", text, "the lowest and the highest pitch, as C4-C6,");
    w->low = (uint8_t)low, w->high = (uint8_t)high;
    return true;
}

const char *music_words_chord_name(int root, int kind, char text[8])
{
    static const char *const tones[12] = {"C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"};
    snprintf(text, 8, "%s%s", tones[root], chord_kinds[kind].name);
    return text;
}

unsigned music_words_chord_pitches(int root, int kind)
{
    unsigned p = chord_kinds[kind].pitches;
    return (p << root | p >> (12 - root)) & 0xfff;
}

static bool read_chord(const char *word, size_t n, unsigned *pitches)
{
    int tone, fifths;
    size_t at = music_words_tone(word, &tone, &fifths);
    if (at == 0 || at > n || !isupper((unsigned char)word[0])) return false;
    for (int kind = 0; kind < MUSIC_CHORD_KINDS; kind++)
        if (strlen(chord_kinds[kind].name) == n - at && strncmp(word + at, chord_kinds[kind].name, n - at) == 0) {
            *pitches = music_words_chord_pitches(tone, kind);
            return true;
        }
    return false;
}

bool music_words_chords(const char *text, struct music_wishes *w, struct error *error)
{
    static const char blanks[] = " ,|";
    w->chords = 0;
    for (const char *at = text + strspn(text, blanks); *at != '\0'; at += strspn(at, blanks)) {
        size_t n = strcspn(at, blanks);
        unsigned pitches;
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)(n < 60 ? n : 60), at);
        if (!read_chord(at, n, &pitches)) return usage(error, "chords", word, "a chord as C, Am, G7, Dm7, Fmaj7, Bdim, Eaug, Dsus4");
        if (w->chords == MUSIC_CHORDS_MOST) return error_set(error, ERROR_USAGE, "--chords: more than %d; fewer are wanted", MUSIC_CHORDS_MOST);
        w->chord[w->chords++] = (uint16_t)pitches;
        at += n;
    }
    return w->chords > 0 || usage(error, "chords", text, "a list as \"Am F C G\"");
}

bool music_words_density(const char *text, struct music_wishes *w, struct error *error)
{
    for (int d = 1; d < MUSIC_DENSITIES; d++)
        if (strcmp(text, density_words[d]) == 0) {
            w->density = (uint8_t)d;
            return true;
        }
    return usage(error, "density", text, "low, mid or high");
}

/* A name as people write it, else General MIDI's; -1 for none. */
static int program_named(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end != text && *end == '\0') return number >= 0 && number < 128 ? (int)number : -1;
    for (int i = 0; i < NAMES; i++)
        if (strcasecmp(text, names[i].name) == 0) return names[i].program;
    for (int p = 0; p < 128; p++)
        if (strcasecmp(text, score_program_name(p, false)) == 0) return p;
    return -1;
}

static bool add_part(struct music_wishes *w, int program, struct error *error)
{
    if (w->parts == MUSIC_PARTS_MOST) return error_set(error, ERROR_USAGE, "--instrument: more than %d parts; fewer are wanted", MUSIC_PARTS_MOST);
    w->program[w->parts++] = (int16_t)program;
    return true;
}

bool music_words_instrument(const char *text, struct music_wishes *w, struct error *error)
{
    int program = program_named(text);
    if (program < 0) return usage(error, "instrument", text, "a name as flute, or a General MIDI number from 0 to 127,");
    return add_part(w, program, error);
}

/* ---- prompts ---- */

static bool word_starts(const char *prompt, size_t at) { return at == 0 || !isalnum((unsigned char)prompt[at - 1]); }

/* Does a word or a group of words stand at this place, in full (an s may follow)? */
static bool word_at(const char *prompt, size_t at, const char *word)
{
    size_t n = strlen(word);
    if (!word_starts(prompt, at) || strncasecmp(prompt + at, word, n) != 0) return false;
    if (prompt[at + n] == 's') n++;
    return !isalpha((unsigned char)prompt[at + n]) && prompt[at + n] != '\'';
}

bool music_words_names(const char *text, int low, int high)
{
    for (size_t at = 0; text[at] != '\0'; at++) {
        for (int i = 0; i < NAMES; i++)
            if (names[i].program >= low && names[i].program <= high && word_at(text, at, names[i].name)) return true;
        for (int p = low; p <= high && p < 128; p++)
            if (word_at(text, at, score_program_name(p, false))) return true;
    }
    return false;
}

/* Does a noun follow? Not at the end, before a comma or before one of the words that go on with something else. */
static bool noun_follows(const char *text)
{
    static const char *const others[] = {"for", "on", "with", "in", "at", "from", "of", "by", "and", "over", "to", "as"};
    if (text[0] != ' ' || !isalpha((unsigned char)text[1])) return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strncasecmp(text + 1, others[i], strlen(others[i])) == 0 && !isalpha((unsigned char)text[1 + strlen(others[i])])) return false;
    return true;
}

/* "in a minor mood", "A minor incident" name no key: an a that may be the article counts behind "in" (at the start if it is a capital) and without a noun. */
static bool find_key(const char *prompt, int *key)
{
    for (size_t i = 0; prompt[i] != '\0'; i++) {
        if (!word_starts(prompt, i) || (i > 0 && prompt[i - 1] == '\'')) continue;
        size_t n = read_key(prompt + i, true, key);
        bool article = n > 0 && prompt[i + 1] == ' ' && (prompt[i] == 'a' || (prompt[i] == 'A' && i == 0));
        if (n == 0 || strncasecmp(prompt + i + n, " key", 4) == 0 || strncasecmp(prompt + i + n, "-key", 4) == 0) continue;
        if (article && (noun_follows(prompt + i + n) || (i > 0 && !(i >= 3 && strncasecmp(prompt + i - 3, "in ", 3) == 0)))) continue;
        return true;
    }
    return false;
}

/* A number in digits or as a word at the start of a text; returns its bytes, 0 for none. */
static size_t number_at(const char *text, int *value)
{
    static const struct { const char *name; int value; } words[] = {
        {"thirty-two", 32}, {"sixty-four", 64}, {"twenty-four", 24}, {"forty-eight", 48}, {"one", 1}, {"two", 2}, {"three", 3}, {"four", 4}, {"five", 5}, {"six", 6}, {"seven", 7}, {"eight", 8},
        {"nine", 9}, {"ten", 10}, {"eleven", 11}, {"twelve", 12}, {"sixteen", 16}, {"twenty", 20}, {"thirty", 30}, {"forty", 40},
    };
    char *end;
    if (isdigit((unsigned char)text[0])) {
        long number = strtol(text, &end, 10);
        *value = number > 99999 ? 99999 : (int)number;
        return (size_t)(end - text);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].name);
        if (strncasecmp(text, words[i].name, n) == 0 && !isalpha((unsigned char)text[n])) return *value = words[i].value, n;
    }
    return 0;
}

/* "96 bpm", "96 beats a minute", "sixteen bars", "16-bar": the number before one of the words. */
static bool find_number(const char *prompt, const char *const *words, int low, int high, int *out)
{
    for (size_t i = 0; prompt[i] != '\0'; i++) {
        int number;
        size_t n = word_starts(prompt, i) && (i == 0 || strchr("/.-", prompt[i - 1]) == NULL) ? number_at(prompt + i, &number) : 0;
        if (n == 0) continue;
        const char *end = prompt + i + n + (prompt[i + n] == ' ' || prompt[i + n] == '-');
        for (int k = 0; words[k] != NULL; k++)
            if (word_at(prompt, (size_t)(end - prompt), words[k]) || (strncasecmp(end, words[k], strlen(words[k])) == 0 && !isalpha((unsigned char)end[strlen(words[k])]))) {
                if (number < low || number > high) continue;
                *out = number;
                return true;
            }
    }
    return false;
}

/* "tempo 96", "tempo: 96", "a tempo of 96". */
static bool find_tempo(const char *prompt, int *out)
{
    for (size_t i = 0; prompt[i] != '\0'; i++) {
        if (!word_at(prompt, i, "tempo")) continue;
        size_t at = i + 5;
        at += strspn(prompt + at, " :=");
        if (strncasecmp(prompt + at, "of ", 3) == 0) at += 3;
        if (isdigit((unsigned char)prompt[at]) && number_at(prompt + at, out) > 0 && *out >= 20 && *out <= 320) return true;
    }
    return false;
}

static bool find_metre(const char *prompt, int *metre)
{
    for (size_t i = 0; prompt[i] != '\0'; i++)
        if (word_starts(prompt, i) && (i == 0 || prompt[i - 1] != '/') && read_metre(prompt + i, metre) > 0) return true;
    for (size_t d = 0; d < sizeof dances / sizeof *dances; d++)
        for (size_t i = 0; prompt[i] != '\0'; i++)
            if (word_at(prompt, i, dances[d].name)) {
                *metre = music_metre_value(dances[d].numerator, dances[d].denominator);
                return true;
            }
    return false;
}

/* The instrument with the longest name at a place of a prompt, by our names or those of General MIDI but for its effects; its bytes, 0 for none. */
static size_t instrument_at(const char *prompt, size_t at, int *program)
{
    static const struct { int first, last; } sounds[] = {{0, 95}, {104, 119}};
    size_t longest = 0;
    for (int i = 0; i < NAMES; i++)
        if (strlen(names[i].name) > longest && word_at(prompt, at, names[i].name)) longest = strlen(names[i].name), *program = names[i].program;
    for (size_t k = 0; k < sizeof sounds / sizeof *sounds; k++)
        for (int p = sounds[k].first; p <= sounds[k].last; p++)
            if (strlen(score_program_name(p, false)) > longest && word_at(prompt, at, score_program_name(p, false))) longest = strlen(score_program_name(p, false)), *program = p;
    return longest;
}

bool music_words_instruments(const char *prompt, struct music_wishes *w, bool *more_than_these, struct error *error)
{
    *more_than_these = false;
    static const char *const before[] = {"for ", "on ", "with "}, *const between[] = {"and ", ", ", "a ", "an ", "the ", "solo ", "& "};
    for (size_t i = 0; prompt[i] != '\0'; i++) {
        size_t at = i;
        bool list = false, more = true;
        for (size_t k = 0; k < sizeof before / sizeof *before; k++)
            if (word_starts(prompt, i) && strncasecmp(prompt + i, before[k], strlen(before[k])) == 0) list = true, at = i + strlen(before[k]);
        while (list && more) {
            more = false;
            at += prompt[at] == ' ';
            for (size_t k = 0; k < sizeof between / sizeof *between; k++)
                if (strncasecmp(prompt + at, between[k], strlen(between[k])) == 0) at += strlen(between[k]), more = true, k = (size_t)-1;
            int program = 0, count = 1;
            size_t skip = number_at(prompt + at, &count);
            skip += skip > 0 && prompt[at + skip] == ' ';
            size_t found = instrument_at(prompt, at + skip, &program);
            *more_than_these = skip > 0 && w->parts > 0 && strncasecmp(prompt + at + skip, "more", 4) == 0;
            if (found == 0 || count < 1 || count > 8 || (skip > 0 && word_at(prompt, at + skip, "voice"))) break;      /* "four voices" are parts */
            for (int k = 0; k < count; k++)
                if (!add_part(w, program, error)) return false;
            at += skip + found;
            at += prompt[at] == 's';
            more = true;
        }
        if (w->parts > 0) return true;
    }
    return true;
}

/* The parts that a prompt tells of: all of them, or none to be wished. */
static bool find_instruments(const char *prompt, struct music_wishes *w, struct error *error)
{
    bool more;
    if (!music_words_instruments(prompt, w, &more, error)) return false;
    if (more) w->parts = 0;
    return true;
}

/* Does "not" stand before this place, or "not too"? */
static bool negated(const char *prompt, size_t at)
{
    static const char *const before[] = {"not ", "not too ", "not so ", "not very ", "never "};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        size_t n = strlen(before[i]);
        if (at >= n && word_starts(prompt, at - n) && strncasecmp(prompt + at - n, before[i], n) == 0) return true;
    }
    return false;
}

/* "slow": between which tempos; not the dance, and not "not too slow". */
static bool find_pace(const char *prompt, struct music_wishes *w)
{
    for (size_t i = 0; prompt[i] != '\0'; i++)
        for (size_t k = 0; k < sizeof paces / sizeof *paces; k++) {
            size_t behind = i + strlen(paces[k].name);
            if (!word_at(prompt, i, paces[k].name) || negated(prompt, i) || strncasecmp(prompt + behind, " step", 5) == 0 || strncasecmp(prompt + behind, "-step", 5) == 0) continue;
            w->slowest = (int16_t)music_tempo_value(paces[k].slowest), w->fastest = (int16_t)music_tempo_value(paces[k].fastest);
            return true;
        }
    return false;
}

static bool find_fullness(const char *prompt, struct music_wishes *w)
{
    for (size_t i = 0; prompt[i] != '\0'; i++)
        for (size_t k = 0; k < sizeof fullness / sizeof *fullness; k++)
            if (word_at(prompt, i, fullness[k].name)) {
                w->density = (uint8_t)fullness[k].density;
                return true;
            }
    return false;
}

/* "two-part", "in 3 voices", "duet": how many parts; 0 when it is not said. */
static int find_parts(const char *prompt)
{
    static const char *const what[] = {"part", "voice", NULL};
    int n;
    for (size_t i = 0; prompt[i] != '\0'; i++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
            if (word_at(prompt, i, groups[g].name)) return groups[g].parts;
    return find_number(prompt, what, 1, 8, &n) ? n : 0;
}

/* So many parts; of one instrument, where one is named. */
static bool set_parts(struct music_wishes *w, int parts, struct error *error)
{
    bool ok = true;
    if (w->parts == 0) w->voices = parts;
    else
        while (ok && w->parts < parts && w->program[0] != MUSIC_DRUMS) ok = add_part(w, w->program[0], error);
    return ok;
}

static bool say(struct bytes *said, const char *comma, enum music_kind kind, int value, struct error *error)
{
    char text[32];
    if (kind != MUSIC_PROGRAM) return bytes_printf(said, error, "%s%s", comma, music_name(music_id(kind, value), text));
    return bytes_printf(said, error, "%sinstrument %s", comma, score_program_name(value, value == MUSIC_DRUMS));
}

bool music_words_find(const char *prompt, struct music_wishes *w, struct bytes *said, struct error *error)
{
    static const char *const beats[] = {"bpm", "beat", "beats", NULL}, *const bars[] = {"bar", "bars", "measure", NULL};
    int value;
    bool ok = true;
#define COMMA (said->n > 0 ? ", " : "")
    if (w->key < 0 && find_key(prompt, &value)) ok = say(said, COMMA, MUSIC_KEY, w->key = (int16_t)value, error);
    if (ok && w->metre < 0 && find_metre(prompt, &value)) ok = say(said, COMMA, MUSIC_METRE, w->metre = (int16_t)value, error);
    if (ok && w->tempo < 0 && (find_number(prompt, beats, 20, 320, &value) || find_tempo(prompt, &value))) {
        w->tempo = (int16_t)music_tempo_value(w->quarters = value);
        ok = bytes_printf(said, error, "%stempo %d", COMMA, value);
    }
    if (ok && w->bars == 0 && find_number(prompt, bars, 1, 999, &value)) ok = bytes_printf(said, error, "%sbars %d", COMMA, w->bars = value);
    if (ok && w->tempo < 0 && w->fastest == 0 && find_pace(prompt, w)) ok = bytes_printf(said, error, "%stempo %d to %d", COMMA, music_tempo_of(w->slowest), music_tempo_of(w->fastest));
    if (ok && w->density == MUSIC_DENSITY_FREE && find_fullness(prompt, w)) ok = bytes_printf(said, error, "%sdensity %s", COMMA, density_words[w->density]);
    bool free = w->parts == 0 && w->voices == 0;
    ok = ok && (!free || find_instruments(prompt, w, error));
    if (ok && free && w->parts <= 1 && (value = find_parts(prompt)) > 0) ok = set_parts(w, value, error) && (w->voices == 0 || bytes_printf(said, error, "%sparts %d", COMMA, value));
    for (int p = 0; ok && free && p < w->parts; p++) ok = say(said, COMMA, MUSIC_PROGRAM, w->program[p], error);
#undef COMMA
    return ok;
}
