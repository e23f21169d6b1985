/* Scores: lists that grow, the canonical order, time in seconds; see score.h. */
#include "outputs/score.h"
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const program_names[128] = {
    "Acoustic Grand Piano", "Bright Acoustic Piano", "Electric Grand Piano", "Honky-tonk Piano",
    "Electric Piano 1", "Electric Piano 2", "Harpsichord", "Clavinet",
    "Celesta", "Glockenspiel", "Music Box", "Vibraphone", "Marimba", "Xylophone", "Tubular Bells", "Dulcimer",
    "Drawbar Organ", "Percussive Organ", "Rock Organ", "Church Organ", "Reed Organ", "Accordion", "Harmonica", "Bandoneon",
    "Nylon Guitar", "Steel Guitar", "Jazz Guitar", "Clean Guitar", "Muted Guitar", "Overdriven Guitar",
    "Distortion Guitar", "Guitar Harmonics",
    "Acoustic Bass", "Fingered Bass", "Picked Bass", "Fretless Bass", "Slap Bass 1", "Slap Bass 2", "Synth Bass 1", "Synth Bass 2",
    "Violin", "Viola", "Cello", "Contrabass", "Tremolo Strings", "Pizzicato Strings", "Harp", "Timpani",
    "String Ensemble 1", "String Ensemble 2", "Synth Strings 1", "Synth Strings 2",
    "Choir Aahs", "Voice Oohs", "Synth Voice", "Orchestra Hit",
    "Trumpet", "Trombone", "Tuba", "Muted Trumpet", "French Horn", "Brass Section", "Synth Brass 1", "Synth Brass 2",
    "Soprano Sax", "Alto Sax", "Tenor Sax", "Baritone Sax", "Oboe", "English Horn", "Bassoon", "Clarinet",
    "Piccolo", "Flute", "Recorder", "Pan Flute", "Blown Bottle", "Shakuhachi", "Whistle", "Ocarina",
    "Square Lead", "Sawtooth Lead", "Calliope Lead", "Chiff Lead", "Charang Lead", "Voice Lead", "Fifths Lead", "Bass and Lead",
    "New Age Pad", "Warm Pad", "Polysynth Pad", "Choir Pad", "Bowed Pad", "Metallic Pad", "Halo Pad", "Sweep Pad",
    "Rain", "Soundtrack", "Crystal", "Atmosphere", "Brightness", "Goblins", "Echoes", "Sci-fi",
    "Sitar", "Banjo", "Shamisen", "Koto", "Kalimba", "Bagpipe", "Fiddle", "Shanai",
    "Tinkle Bell", "Agogo", "Steel Drums", "Woodblock", "Taiko Drum", "Melodic Tom", "Synth Drum", "Reverse Cymbal",
    "Guitar Fret Noise", "Breath Noise", "Seashore", "Bird Tweet", "Telephone Ring", "Helicopter", "Applause", "Gunshot",
};

const char *score_program_name(int program, bool drums)
{
    if (drums) return "Drums";
    return program >= 0 && program < 128 ? program_names[program] : "?";
}

void score_free(struct score *score)
{
    mem_free(score->title);
    mem_free(score->recipe);
    mem_free(score->note);
    mem_free(score->part);
    mem_free(score->tempo);
    mem_free(score->metre);
    mem_free(score->key);
    *score = (struct score){0};
}

/* Room for one more item of `size` bytes in a list of n; NULL when memory ran out, else the (moved) list. */
static void *grow(void *list, size_t n, size_t *room, size_t size, struct error *error)
{
    if (n < *room) return list;
    size_t more = *room < 8 ? 16 : *room * 2;
    void *moved = mem_resize(list, more, size, error);
    if (moved != NULL) *room = more;
    return moved;
}

bool score_add_note(struct score *score, struct score_note note, struct error *error)
{
    struct score_note *list = grow(score->note, score->notes, &score->note_room, sizeof *list, error);
    if (list == NULL) return false;
    score->note = list;
    list[score->notes++] = note;
    return true;
}

/* Copy text into a fixed field; a character that does not fit whole is left out. */
static void copy_text(char *to, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    }
    memcpy(to, text, n);
    to[n] = 0;
}

bool score_add_part(struct score *score, int program, bool drums, const char *name, struct error *error)
{
    if (score->parts >= SCORE_PARTS_MOST)
        return error_set(error, ERROR_INPUT, "score: more than %d parts; fewer are wanted", SCORE_PARTS_MOST);
    struct score_part *list = grow(score->part, score->parts, &score->part_room, sizeof *list, error);
    if (list == NULL) return false;
    score->part = list;
    struct score_part *part = &list[score->parts++];
    memset(part, 0, sizeof *part);
    part->program = program;
    part->drums = drums;
    copy_text(part->name, sizeof part->name, name == NULL ? "" : name);
    return true;
}

void score_name_part(struct score_part *part, const char *name)
{
    copy_text(part->name, sizeof part->name, name);
}

bool score_add_tempo(struct score *score, int64_t tick, uint32_t us_per_quarter, struct error *error)
{
    struct score_tempo *list = grow(score->tempo, score->tempos, &score->tempo_room, sizeof *list, error);
    if (list == NULL) return false;
    score->tempo = list;
    list[score->tempos++] = (struct score_tempo){tick, us_per_quarter};
    return true;
}

bool score_add_metre(struct score *score, int64_t tick, int numerator, int denominator, struct error *error)
{
    struct score_metre *list = grow(score->metre, score->metres, &score->metre_room, sizeof *list, error);
    if (list == NULL) return false;
    score->metre = list;
    list[score->metres++] = (struct score_metre){tick, numerator, denominator};
    return true;
}

bool score_add_key(struct score *score, int64_t tick, int sharps, bool minor, struct error *error)
{
    struct score_key *list = grow(score->key, score->keys, &score->key_room, sizeof *list, error);
    if (list == NULL) return false;
    score->key = list;
    list[score->keys++] = (struct score_key){tick, sharps, minor};
    return true;
}

static bool set_text(char **field, const char *text, struct error *error)
{
    char *copy = NULL;
    if (text != NULL && (copy = mem_copy_string(text, error)) == NULL) return false;
    mem_free(*field);
    *field = copy;
    return true;
}

bool score_set_title(struct score *score, const char *text, struct error *error)
{
    return set_text(&score->title, text, error);
}

bool score_set_recipe(struct score *score, const char *text, struct error *error)
{
    return set_text(&score->recipe, text, error);
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_notes(const void *left, const void *right)
{
    const struct score_note *a = left, *b = right;
    int c = order(a->onset, b->onset);
    if (c == 0) c = order(a->part, b->part);
    if (c == 0) c = order(a->pitch, b->pitch);
    if (c == 0) c = order(a->length, b->length);
    return c != 0 ? c : order(a->velocity, b->velocity);
}

/* Stable sort of an event list by its leading int64 tick, then of equal ticks only the last stays: bottom-up insertion is
 * quadratic, so sort (tick, place) keys instead. Returns how many stay. On lists already in order nothing moves. */
struct event_key { int64_t tick; size_t place; };

static int compare_keys(const void *left, const void *right)
{
    const struct event_key *a = left, *b = right;
    int c = order(a->tick, b->tick);
    return c != 0 ? c : order((int64_t)a->place, (int64_t)b->place);
}

static int64_t tick_at(const char *list, size_t i, size_t size)
{
    int64_t tick;
    memcpy(&tick, list + i * size, sizeof tick);
    return tick;
}

static size_t sort_events(void *events, size_t n, size_t size)
{
    char *list = events;
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++) sorted = tick_at(list, i - 1, size) <= tick_at(list, i, size);
    if (!sorted) {
        struct error ignored = {0};
        struct event_key *keys = mem_alloc(n, sizeof *keys, &ignored);
        char *copy = mem_alloc(n, size, &ignored);
        if (keys != NULL && copy != NULL) {
            for (size_t i = 0; i < n; i++) keys[i] = (struct event_key){tick_at(list, i, size), i};
            qsort(keys, n, sizeof *keys, compare_keys);
            memcpy(copy, list, n * size);
            for (size_t i = 0; i < n; i++) memcpy(list + i * size, copy + keys[i].place * size, size);
        } else { /* no memory: slower, same result */
            for (size_t i = 1; i < n; i++)
                for (size_t j = i; j > 0 && tick_at(list, j, size) < tick_at(list, j - 1, size); j--)
                    for (size_t b = 0; b < size; b++) {
                        char byte = list[j * size + b];
                        list[j * size + b] = list[(j - 1) * size + b];
                        list[(j - 1) * size + b] = byte;
                    }
        }
        mem_free(keys);
        mem_free(copy);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && tick_at(list, i, size) == tick_at(list, i + 1, size)) continue;
        if (kept != i) memcpy(list + kept * size, list + i * size, size);
        kept++;
    }
    return kept;
}

void score_sort(struct score *score)
{
    if (score->notes > 1) qsort(score->note, score->notes, sizeof *score->note, compare_notes);
    score->tempos = sort_events(score->tempo, score->tempos, sizeof *score->tempo);
    score->metres = sort_events(score->metre, score->metres, sizeof *score->metre);
    score->keys = sort_events(score->key, score->keys, sizeof *score->key);
}

void score_separate(struct score *score)
{
    for (size_t i = 0; i < score->notes; i++) {
        struct score_note *a = &score->note[i];
        for (const struct score_note *b = a + 1; b < score->note + score->notes && b->onset < a->onset + a->length; b++)
            if (b->part == a->part && b->pitch == a->pitch && b->onset > a->onset) a->length = b->onset - a->onset;
    }
}

int64_t score_end(const struct score *score)
{
    int64_t end = 0;
    for (size_t i = 0; i < score->notes; i++) {
        int64_t last = score->note[i].onset + score->note[i].length;
        if (last > end) end = last;
    }
    return end;
}

double score_seconds(const struct score *score, int64_t tick)
{
    double seconds = 0, us = SCORE_US_PER_QUARTER;
    int64_t from = 0;
    for (size_t i = 0; i < score->tempos && score->tempo[i].tick < tick; i++) {
        seconds += (double)(score->tempo[i].tick - from) * us;
        from = score->tempo[i].tick;
        us = score->tempo[i].us_per_quarter;
    }
    return (seconds + (double)(tick - from) * us) / (1e6 * score->ticks_per_quarter);
}
