/* Captions of other tunes from one; see augment_music.h. */
#include "modalities/augment_music.h"
#include "modalities/music_words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Modes, and how many fifths a tonic lies above the major key of the same signature. */
static const struct { const char *name; int fifths; } modes[] = {
    {"major", 0}, {"minor", 3}, {"dorian", 2}, {"mixolydian", 1}, {"lydian", -1}, {"phrygian", 4}, {"aeolian", 3}, {"ionian", 0}, {"locrian", 5},
};
enum { MODES = sizeof modes / sizeof *modes };

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '\'' || (unsigned char)c >= 0x80; }

static bool word_is(const char *p, const char *word)
{
    size_t n = strlen(word);
    return strncasecmp(p, word, n) == 0 && !isalpha((unsigned char)p[n]);
}

/* Is the word before p, with one blank between, this one? */
static bool behind(const char *text, const char *p, const char *word)
{
    size_t n = strlen(word);
    return p >= text + n + 1 && p[-1] == ' ' && strncasecmp(p - 1 - n, word, n) == 0 && (p == text + n + 1 || !in_word(p[-2 - (ptrdiff_t)n]));
}

static int mode_at(const char *p)
{
    for (int m = 0; m < MODES; m++)
        if (word_is(p, modes[m].name)) return m;
    return -1;
}

static bool put_tone(int fifths, struct bytes *out, struct error *error)
{
    int at = fifths + 1 + 7 * 4, move = at / 7 - 4;            /* F is 0 */
    return bytes_printf(out, error, "%c%s", "FCGDAEB"[at % 7], move == 0 ? "" : move > 0 ? " sharp" : " flat");
}

/* A tone with its mode at p moved into out; the bytes that were read, 0 when there is no tone or it stays. */
static size_t move_key(const char *text, const char *p, bool quoted, int semitones, struct bytes *out, bool *may, bool *ok, struct error *error)
{
    int tone, fifths;
    size_t n = music_words_tone(p, &tone, &fifths), space = n + strspn(p + n, " -");
    bool lower = islower((unsigned char)p[0]);
    if (n == 0 || isalnum((unsigned char)p[n]) || p[n] == '\'' || (p[n] == '.' && n == 1)) return 0;       /* a word, D'Urfey, an initial */
    int mode = space > n ? mode_at(p + space) : -1;
    if (lower && !(p[0] == 'a' && mode >= 0 && behind(text, p, "in"))) return 0;                           /* an article */
    if (mode >= 0 && n == 1 && tolower((unsigned char)p[0]) == 'a' && word_is(p + space + strlen(modes[mode].name), " key")) return 0;
    if (mode < 0 && p[0] == 'A' && n == 1 && !behind(text, p, "in") && !behind(text, p, "of")) return 0;
    *may = *may && mode >= 0 && !quoted && !behind(text, p, "a") && !behind(text, p, "an");
    if (!*may) return 0;
    int sharps = (fifths - modes[mode].fifths + 7 * (semitones % 12) + 12 * 12 + 5) % 12 - 5;
    *ok = put_tone(sharps + modes[mode].fifths, out, error) && bytes_append_text(out, " ", error);
    return space;
}

bool augment_music_key(const char *caption, int semitones, struct bytes *out, bool *may, struct error *error)
{
    static const char *const unsafe[] = {"flat", "sharp", "dur", "moll", "flats", "sharps", "natural"};
    bool quoted = false, ok = true;
    *may = true;
    if (semitones % 12 == 0) return bytes_append_text(out, caption, error);
    for (const char *p = caption; ok && *p != '\0' && *may;) {
        size_t n = 0;
        if (*p == '"') quoted = !quoted;
        if (p == caption || !in_word(p[-1])) {
            n = move_key(caption, p, quoted, semitones, out, may, &ok, error);
            for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++) *may = *may && !word_is(p, unsafe[i]);
        }
        if (n == 0) ok = ok && bytes_append(out, p, 1, error), n = 1;
        p += n;
    }
    return ok;
}

static bool has(const char *text, const char *word)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((p == text || !in_word(p[-1])) && word_is(p, word)) return true;
    return false;
}

bool augment_music_tells_tempo(const char *caption)
{
    return has(caption, "bpm") || has(caption, "beats") || has(caption, "beat");
}

bool augment_music_names_family(const char *caption, int family)
{
    static const struct { const char *word; int family; } words[] = {
        {"keyboard", 0}, {"keyboards", 0}, {"string", 5}, {"string", 6}, {"strings", 5}, {"plucked", 5}, {"orchestra", 6}, {"orchestral", 6}, {"choral", 6}, {"sung", 6}, {"wind", 8},
        {"wind", 9}, {"winds", 8}, {"winds", 9}, {"woodwind", 8}, {"woodwind", 9}, {"woodwinds", 8}, {"woodwinds", 9}, {"reeds", 8}, {"reed", 8}, {"pipe", 9}, {"pipes", 9}, {"horns", 7},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].family == family && has(caption, words[i].word)) return true;
    return music_words_names(caption, family * 8, family * 8 + 7);
}
