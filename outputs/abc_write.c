/* Writing ABC; see abc.h. The notes of a part are put into layers in which none overlap; a bar is its layers, with & between them. */
#include "core/mem.h"
#include "outputs/abc.h"

#include <stdio.h>
#include <string.h>

enum { LAYERS_MOST = 64 };

/* Notes of one onset, length and loudness; first … first + n - 1 of the sorted list. */
struct chord { size_t first, n; int layer; };

struct writer {
    const struct score *score;
    struct bytes *out;
    const struct score_note **note;      /* (notes) of the part */
    struct chord *chord;                 /* (chords) */
    size_t notes, chords;
    size_t at[LAYERS_MOST];              /* the next chord to look at */
    size_t metre, key, tempo;            /* the next changes to write */
    bool first_voice;                    /* it has the tempos */
    int layers, sharps;
    bool altered[7];                     /* letters with an accidental in this bar */
    unsigned tied[7];                    /* letters tied to the next bar: a bit for each of their accidentals */
    int loudness;
    int tuplet, tuplet_n;                /* its p and how many notes are in it so far; 0: none */
    int64_t tuplet_ticks;
    size_t tuplet_at;                    /* where its number of notes stands in the text */
};

/* A length in eighths, a over b, within a tuplet of p notes in the time of q; p 0: in none. */
struct length { int64_t ticks, a, b; int p, q; };

static int class_of(int velocity)
{
    int value = (velocity + 8) / 16 - 1;
    return value < 0 ? 0 : value > 7 ? 7 : value;
}

static void reduce(struct length *l)
{
    int64_t x = l->a, y = l->b;
    while (y != 0) {
        int64_t t = x % y;
        x = y, y = t;
    }
    l->a /= x, l->b /= x;
}

/* Many programs read lengths over powers of two alone: thirds, fifths, sevenths and ninths become tuplets. */
static struct length length_of(const struct writer *w, int64_t ticks)
{
    static const struct { int p, q; } tuplets[] = {{3, 2}, {5, 4}, {7, 4}, {9, 8}};
    struct length l = {ticks, ticks * 2, w->score->ticks_per_quarter, 0, 0};
    reduce(&l);
    int64_t odd = l.b;
    while (odd % 2 == 0) odd /= 2;
    for (size_t i = 0; i < sizeof tuplets / sizeof *tuplets; i++) {
        struct length in = {ticks, l.a * tuplets[i].p, l.b * tuplets[i].q, tuplets[i].p, tuplets[i].q};
        reduce(&in);
        if (odd == in.p && ABC_QUARTER / 2 % in.b == 0) return in;
    }
    return l;
}

/* Before a note or rest: "(3:2:1", or one more in the tuplet that has begun, up to a quarter's end. */
static bool put_tuplet(struct writer *w, const struct length *l, struct error *error)
{
    bool goes_on = l->p != 0 && l->p == w->tuplet && w->tuplet_n < 9 && w->tuplet_ticks % w->score->ticks_per_quarter != 0;
    if (goes_on) w->out->data[w->tuplet_at] = (uint8_t)('0' + ++w->tuplet_n);
    else {
        if (l->p != 0 && !bytes_printf(w->out, error, "(%d:%d:1", l->p, l->q)) return false;
        w->tuplet = l->p, w->tuplet_n = 1, w->tuplet_ticks = 0, w->tuplet_at = w->out->n - 1;
    }
    w->tuplet_ticks += l->ticks;
    return true;
}

static bool put_length(struct writer *w, const struct length *l, struct error *error)
{
    long long a = (long long)l->a, b = (long long)l->b;
    if (b == 1) return a == 1 || bytes_printf(w->out, error, "%lld", a);
    return a == 1 ? bytes_printf(w->out, error, "/%lld", b) : bytes_printf(w->out, error, "%lld/%lld", a, b);
}

/* How the key spells a letter: 1 sharp, -1 flat. */
static int signature(int sharps, int letter)
{
    static const int place[] = {4, 6, 1, 3, 5, 0, 2};      /* of A … G in F C G D A E B */
    return place[letter] < sharps ? 1 : 6 - place[letter] < -sharps ? -1 : 0;
}

/* A letter (0 = A) and a sign for a pitch: the key's own tone when it has it, else a sharp or a flat. */
static void spell(int sharps, int pitch, int *letter, int *sign)
{
    static const int tones[] = {9, 11, 0, 2, 4, 5, 7};
    for (int k = 0; k < 7; k++)
        if ((tones[k] + signature(sharps, k) + 12) % 12 == pitch % 12) {
            *letter = k, *sign = signature(sharps, k);
            return;
        }
    int move = sharps < 0 ? -1 : 1;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < 7; k++)
            if ((tones[k] + (pass ? move : 0) + 12) % 12 == pitch % 12) {
                *letter = k, *sign = pass ? move : 0;
                return;
            }
}

static bool put_pitch(struct writer *w, int pitch, bool tied, struct error *error)
{
    int letter = 0, sign = 0;
    spell(w->sharps, pitch, &letter, &sign);
    int octave = (pitch - sign) / 12;
    if (tied) w->tied[letter] |= 1u << (sign + 1);
    if (sign != signature(w->sharps, letter) || w->altered[letter]) {
        if (!bytes_append_byte(w->out, sign > 0 ? '^' : sign < 0 ? '_' : '=', error)) return false;
        w->altered[letter] = true;
    }
    bool ok = bytes_append_byte(w->out, (unsigned)((octave >= 6 ? 'a' : 'A') + letter), error);
    for (int i = octave; ok && i > 6; i--) ok = bytes_append_byte(w->out, '\'', error);
    for (int i = octave; ok && i < 5; i++) ok = bytes_append_byte(w->out, ',', error);
    return ok;
}

/* The part of a chord from tick a to b. */
static bool put_chord(struct writer *w, const struct chord *c, int64_t a, int64_t b, struct error *error)
{
    static const char *const dynamics[] = {"ppp", "pp", "p", "mp", "mf", "f", "ff", "fff"};
    const struct score_note *first = w->note[c->first];
    int loudness = class_of(first->velocity);
    bool tied = first->onset + first->length > b;
    struct length length = length_of(w, b - a);
    bool ok = loudness == w->loudness || bytes_printf(w->out, error, "!%s!", dynamics[loudness]);
    w->loudness = loudness;
    ok = ok && put_tuplet(w, &length, error) && (c->n == 1 || bytes_append_byte(w->out, '[', error));
    for (size_t i = 0; ok && i < c->n; i++) ok = put_pitch(w, w->note[c->first + i]->pitch, tied, error);
    ok = ok && (c->n == 1 || bytes_append_byte(w->out, ']', error)) && put_length(w, &length, error);
    return ok && (!tied || bytes_append_byte(w->out, '-', error)) && bytes_append_byte(w->out, ' ', error);
}

static bool put_rest(struct writer *w, int64_t ticks, struct error *error)
{
    struct length length = length_of(w, ticks);
    return ticks == 0 || (put_tuplet(w, &length, error) && bytes_append_byte(w->out, 'z', error) && put_length(w, &length, error) && bytes_append_byte(w->out, ' ', error));
}

static int64_t metre_ticks(const struct score *s, size_t i) { return (int64_t)s->ticks_per_quarter * 4 * s->metre[i].numerator / s->metre[i].denominator; }

static bool put_key(const struct score_key *key, struct bytes *out, struct error *error)
{
    static const char *const names[] = {"Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#"};
    return bytes_printf(out, error, "%s%s", names[key->sharps + 7 + (key->minor ? 3 : 0)], key->minor ? "m" : "");
}

/* The next change before a tick, or that tick. */
static int64_t next_change(const struct writer *w, int64_t before)
{
    const struct score *s = w->score;
    if (w->key < s->keys && s->key[w->key].tick < before) before = s->key[w->key].tick;
    if (w->first_voice && w->tempo < s->tempos && s->tempo[w->tempo].tick < before) before = s->tempo[w->tempo].tick;
    return before;
}

/* What changes up to a tick, as inline fields. */
static bool put_changes(struct writer *w, int64_t at, struct error *error)
{
    const struct score *s = w->score;
    bool ok = true;
    if (next_change(w, at + 1) <= at) w->tuplet = 0;
    for (; ok && w->metre < s->metres && s->metre[w->metre].tick <= at; w->metre++)
        if (at > 0) ok = bytes_printf(w->out, error, "[M:%d/%d]", s->metre[w->metre].numerator, s->metre[w->metre].denominator);
    for (; ok && w->key < s->keys && s->key[w->key].tick <= at; w->key++) {
        for (int k = 0; k < 7; k++)                        /* within a bar: say what the key alters */
            if (signature(w->sharps, k) != signature(s->key[w->key].sharps, k)) w->altered[k] = true;
        w->sharps = s->key[w->key].sharps;
        if (at > 0) ok = bytes_append_text(w->out, "[K:", error) && put_key(&s->key[w->key], w->out, error) && bytes_append_byte(w->out, ']', error);
    }
    for (; ok && w->tempo < s->tempos && s->tempo[w->tempo].tick <= at; w->tempo++)
        if (at > 0 && w->first_voice) ok = bytes_printf(w->out, error, "[Q:1/4=%.8g]", 60e6 / s->tempo[w->tempo].us_per_quarter);
    return ok;
}

/* A chord from tick a to b, or a rest when c is NULL, split where something changes. */
static bool put_span(struct writer *w, const struct chord *c, int64_t a, int64_t b, struct error *error)
{
    while (a < b) {
        if (!put_changes(w, a, error)) return false;
        int64_t to = next_change(w, b);
        if (!(c != NULL ? put_chord(w, c, a, to, error) : put_rest(w, to - a, error))) return false;
        a = to;
    }
    return true;
}

static bool put_layer(struct writer *w, int layer, int64_t from, int64_t to, struct error *error)
{
    int64_t at = from;
    size_t k = w->at[layer];
    w->tuplet = 0;
    for (; k < w->chords; k++) {
        const struct chord *c = &w->chord[k];
        const struct score_note *n = w->note[c->first];
        int64_t a = n->onset > from ? n->onset : from, end = n->onset + n->length, b = end < to ? end : to;
        if (n->onset >= to) break;
        if (c->layer != layer || end <= from) continue;
        if (!put_span(w, NULL, at, a, error) || !put_span(w, c, a, b, error)) return false;
        at = b;
        if (end > to) break;                               /* it goes on in the next bar */
    }
    w->at[layer] = k;
    return put_span(w, NULL, at, to, error);
}

static bool sounds(const struct writer *w, int layer, int64_t from, int64_t to)
{
    for (size_t k = w->at[layer]; k < w->chords; k++) {
        const struct score_note *n = w->note[w->chord[k].first];
        if (n->onset >= to) return false;
        if (w->chord[k].layer == layer && n->onset + n->length > from) return true;
    }
    return false;
}

/* Chords and their layers: each goes into the first that is free. */
static bool make_layers(struct writer *w, struct error *error)
{
    int64_t free[LAYERS_MOST] = {0};
    for (size_t i = 0; i < w->notes;) {
        struct chord c = {.first = i};
        const struct score_note *n = w->note[i];
        while (i < w->notes && w->note[i]->onset == n->onset && w->note[i]->length == n->length && class_of(w->note[i]->velocity) == class_of(n->velocity)) c.n++, i++;
        while (c.layer < w->layers && free[c.layer] > n->onset) c.layer++;
        if (c.layer == LAYERS_MOST) return error_set(error, ERROR_INPUT, "ABC: more than %d notes that overlap in a part; fewer can be written", LAYERS_MOST);
        if (c.layer == w->layers) w->layers++;
        free[c.layer] = n->onset + n->length;
        w->chord[w->chords++] = c;
    }
    return true;
}

/* At a bar's start accidentals are forgotten, but not those of notes that go on: their letters get signs, as readers carry them over. */
static void forget_accidentals(struct writer *w)
{
    for (int letter = 0; letter < 7; letter++) {
        w->altered[letter] = (w->tied[letter] & ~(1u << (signature(w->sharps, letter) + 1))) != 0;
        w->tied[letter] = 0;
    }
}

static bool put_bars(struct writer *w, struct error *error)
{
    const struct score *s = w->score;
    int64_t end = score_end(s), length = (int64_t)s->ticks_per_quarter * 4;
    bool ok = true;
    int bars = 0;
    for (int64_t at = 0; ok && at < end; bars++) {
        ok = put_changes(w, at, error);
        if (w->metre > 0) length = metre_ticks(s, w->metre - 1);
        if (length < 1) length = 1;
        int64_t to = at + length;
        if (w->metre < s->metres && s->metre[w->metre].tick < to) to = s->metre[w->metre].tick;         /* a bar cut short */
        int sharps = w->sharps;
        forget_accidentals(w);
        ok = ok && put_layer(w, 0, at, to, error);
        for (int k = 0; k < 7 && sharps != w->sharps; k++) w->altered[k] = true;       /* overlays go back to before the change */
        for (int layer = 1; ok && layer < w->layers; layer++)
            if (sounds(w, layer, at, to)) ok = bytes_append_text(w->out, "& ", error) && put_layer(w, layer, at, to, error);
        ok = ok && bytes_append_text(w->out, to >= end ? "|]\n" : bars % 4 == 3 ? "|\n" : "| ", error);
        at = to;
    }
    return ok;
}

static bool put_part(const struct score *s, size_t part, struct bytes *out, struct error *error)
{
    struct writer w = {.score = s, .out = out, .loudness = 4, .layers = 1, .first_voice = part == 0};
    w.note = mem_alloc(s->notes, sizeof *w.note, error);
    w.chord = mem_alloc(s->notes, sizeof *w.chord, error);
    bool ok = w.note != NULL && w.chord != NULL;
    for (size_t i = 0; ok && i < s->notes; i++)
        if (s->note[i].part == part) w.note[w.notes++] = &s->note[i];
    /* Of one onset sorted by pitch: bring equal lengths and loudnesses together. */
    for (size_t i = 1; ok && i < w.notes; i++)
        for (size_t k = i; k > 0; k--) {
            const struct score_note *a = w.note[k - 1], *b = w.note[k];
            bool swap = a->onset == b->onset && (a->length < b->length || (a->length == b->length && class_of(a->velocity) > class_of(b->velocity)));
            if (!swap) break;
            w.note[k - 1] = b, w.note[k] = a;
        }
    ok = ok && make_layers(&w, error) && put_bars(&w, error);
    mem_free(w.note), mem_free(w.chord);
    return ok;
}

static bool put_text_line(struct bytes *out, const char *before, const char *text, struct error *error)
{
    if (!bytes_append_text(out, before, error)) return false;
    for (; *text != '\0'; text++)
        if (!bytes_append_byte(out, *text == '\n' || *text == '\r' || *text == '%' ? ' ' : (unsigned char)*text, error)) return false;
    return bytes_append_byte(out, '\n', error);
}

static bool put_head(const struct score *s, struct bytes *out, struct error *error)
{
    bool metre = s->metres > 0 && s->metre[0].tick == 0, key = s->keys > 0 && s->key[0].tick == 0, tempo = s->tempos > 0 && s->tempo[0].tick == 0;
    bool ok = bytes_append_text(out, "X:1\n", error) && (s->title == NULL || put_text_line(out, "T:", s->title, error)) &&
              (s->recipe == NULL || (bytes_append_text(out, "%%triptych ", error) && bytes_append_text(out, s->recipe, error) && bytes_append_byte(out, '\n', error))) &&
              bytes_printf(out, error, "M:%d/%d\nL:1/8\n", metre ? s->metre[0].numerator : 4, metre ? s->metre[0].denominator : 4) &&
              (!tempo || bytes_printf(out, error, "Q:1/4=%.8g\n", 60e6 / s->tempo[0].us_per_quarter));
    for (size_t p = 0; ok && p < s->parts; p++) {
        const struct score_part *part = &s->part[p];
        char name[64];
        snprintf(name, sizeof name, "%.60s", part->name[0] != '\0' ? part->name : score_program_name(part->program, part->drums));
        for (char *c = name; *c != '\0'; c++)
            if (*c == '"' || *c == '%') *c = ' ';
        ok = bytes_printf(out, error, "V:%zu name=\"%s\"\n%s%%%%MIDI program %d\n", p + 1, name, part->drums ? "%%MIDI channel 10\n" : "", part->program);
    }
    return ok && bytes_append_text(out, "K:", error) && (key ? put_key(&s->key[0], out, error) : bytes_append_text(out, "none", error)) && bytes_append_byte(out, '\n', error);
}

bool abc_write(const struct score *s, struct bytes *out, struct error *error)
{
    size_t start = out->n;
    if (s->notes == 0) return error_set(error, ERROR_INPUT, "ABC: a score without notes; at least one is wanted");
    for (size_t i = 0; i < s->notes; i++)
        if (s->note[i].part >= s->parts || s->note[i].pitch > 127 || s->note[i].length < 1 || s->note[i].onset < 0)
            return error_set(error, ERROR_INPUT, "ABC: note %zu is out of range; pitches 0 to 127 are wanted", i + 1);
    bool ok = put_head(s, out, error);
    for (size_t p = 0; ok && p < s->parts; p++) ok = bytes_printf(out, error, "V:%zu\n", p + 1) && put_part(s, p, out, error);
    if (!ok) out->n = start;
    return ok;
}
