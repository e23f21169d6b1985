/* Hard wishes: pieces drawn uniformly from what the grammar lets through under random wishes, each checked on the decoded score by
 * rules written anew here; wishes in words; what is refused. */
#include "core/random.h"
#include "core/sampling.h"
#include "modalities/music_chords.h"
#include "modalities/music_order.h"
#include "modalities/music_words.h"
#include "tests/suite.h"
#include "tokenizers/music_chord.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random wishes ---- */

static bool coin(uint64_t seed, uint64_t k, uint64_t of) { return random_below(seed, 100 + k, 0, of) == 0; }

static struct music_wishes random_wishes(uint64_t seed)
{
    static const int metres[][2] = {{4, 4}, {3, 4}, {6, 8}, {2, 4}, {2, 2}, {9, 8}, {12, 8}, {5, 4}, {7, 8}, {3, 2}, {12, 4}, {1, 16}};
    struct music_wishes w = MUSIC_WISHES_NONE;
    if (!coin(seed, 0, 3)) w.key = (int16_t)random_below(seed, 1, 0, MUSIC_KEY_NONE);
    if (!coin(seed, 1, 3)) {
        uint64_t m = random_below(seed, 2, 0, 12);
        w.metre = (int16_t)music_metre_value(metres[m][0], metres[m][1]);
    }
    if (coin(seed, 2, 2)) w.tempo = (int16_t)random_below(seed, 3, 0, 64);
    if (coin(seed, 3, 2)) {
        w.parts = 1 + (int)random_below(seed, 4, 0, coin(seed, 20, 10) ? 16 : 4);
        for (int p = 0; p < w.parts; p++) w.program[p] = (int16_t)(coin(seed, 30 + (uint64_t)p, 6) ? MUSIC_DRUMS : random_below(seed, 5, (uint64_t)p, 128));
    } else w.drums = coin(seed, 4, 2);
    w.scale_lock = coin(seed, 5, 2);
    if (!coin(seed, 6, 4)) w.bars = 1 + (int)random_below(seed, 6, 0, 12);
    if (coin(seed, 7, 2)) {
        w.low = (uint8_t)random_below(seed, 7, 0, 116);
        w.high = (uint8_t)(w.low + random_below(seed, 8, 0, (uint64_t)(127 - w.low)));
    }
    w.density = (uint8_t)random_below(seed, 9, 0, MUSIC_DENSITIES);
    w.holes = coin(seed, 9, 2);
    w.cadence = coin(seed, 12, 3);
    w.full = coin(seed, 16, 2);
    if (w.parts == 0 && coin(seed, 13, 3)) w.voices = 1 + (int)random_below(seed, 13, 0, 5);
    if (w.tempo < 0 && coin(seed, 14, 2)) w.slowest = (int16_t)random_below(seed, 14, 0, 40), w.fastest = (int16_t)(w.slowest + 1 + (int)random_below(seed, 15, 0, 20));
    if (coin(seed, 8, 2)) {
        w.chords = 1 + (int)random_below(seed, 10, 0, 5);
        for (int c = 0; c < w.chords; c++) w.chord[c] = (uint16_t)music_words_chord_pitches((int)random_below(seed, 11, (uint64_t)c, 12), (int)random_below(seed, 12, (uint64_t)c, MUSIC_CHORD_KINDS));
    }
    return w;
}

/* Draw until the end; about half of the draws choose a kind first. */
static void draw(const struct music_wishes *w, uint64_t seed, size_t most, struct ids *out)
{
    uint8_t allowed[1024];
    struct music_grammar g;
    struct error error = {0};
    int vocabulary = music_vocabulary();
    out->n = 0;
    music_grammar_start(&g);
    for (size_t taken = 0;; taken++) {
        bool may_end;
        ck_assert_msg(taken < most, "seed %llu: %zu ids and no end", (unsigned long long)seed, taken);
        music_wishes_allowed(w, &g, taken, most - taken - 1, allowed, &may_end);
        int kinds[MUSIC_KINDS] = {0}, n = 0, some = 0, pick;
        for (int32_t id = 0; id < vocabulary; id++)
            if (allowed[id]) {
                enum music_kind kind;
                int value;
                music_kind_of(id, &kind, &value);
                some += kinds[kind]++ == 0;
                n++;
            }
        if (may_end && (n == 0 || random_below(seed, 50, taken, 60) == 0)) return;
        ck_assert_msg(n > 0, "seed %llu: nothing may come behind %zu ids", (unsigned long long)seed, taken);
        enum music_kind chosen = 0;
        int32_t from = 0, to = vocabulary;
        if (seed % 2) {
            pick = (int)random_below(seed, 51, taken, (uint64_t)some);
            for (chosen = 0;; chosen++)
                if (kinds[chosen] > 0 && pick-- == 0) break;
            from = music_id(chosen, 0), to = from + music_kind_count(chosen), n = kinds[chosen];
        }
        pick = (int)random_below(seed, 52, taken, (uint64_t)n);
        int32_t id = from;
        for (; id < to; id++)
            if (allowed[id] && pick-- == 0) break;
        ck_assert(music_grammar_advance(&g, id) && ids_append(out, id, &error));
    }
}

/* ---- the score against the wishes ---- */

static int64_t bar_ticks(const struct score *s) { return 4 * 480 * s->metre[0].numerator / s->metre[0].denominator; }

static void check_events(const struct music_wishes *w, const struct score *s)
{
    int numerator, denominator, sharps;
    bool minor;
    if (w->key >= 0) {
        ck_assert(music_key_of(w->key, &sharps, &minor));
        ck_assert(s->keys == 1 && s->key[0].tick == 0 && s->key[0].sharps == sharps && s->key[0].minor == minor);
    }
    if (w->metre >= 0) {
        music_metre_of(w->metre, &numerator, &denominator);
        ck_assert(s->metres == 1 && s->metre[0].numerator == numerator && s->metre[0].denominator == denominator);
    }
    if (w->tempo >= 0) ck_assert(s->tempos == 1 && music_tempo_value(60e6 / s->tempo[0].us_per_quarter) == w->tempo);
    for (size_t i = 0; w->tempo < 0 && w->fastest > 0 && i < s->tempos; i++) {
        int value = music_tempo_value(60e6 / s->tempo[i].us_per_quarter);
        ck_assert(value >= w->slowest && value <= w->fastest);
    }
    if (w->parts + w->voices > 0) ck_assert_uint_eq(s->parts, (size_t)(w->parts + w->voices));
    for (int p = 0; p < w->parts; p++) {
        bool played = false;
        ck_assert(s->part[p].drums == (w->program[p] == MUSIC_DRUMS) && (s->part[p].drums || s->part[p].program == w->program[p]));
        for (size_t i = 0; i < s->notes; i++) played = played || s->note[i].part == p;
        ck_assert_msg(played, "part %d is silent", p);
    }
    for (int p = 0; p < w->voices; p++) {
        bool played = false;
        for (size_t i = 0; i < s->notes; i++) played = played || s->note[i].part == p;
        ck_assert_msg(played, "part %d is silent", p);
    }
    bool drums = !w->drums;
    for (size_t i = 0; i < s->notes; i++) drums = drums || s->part[s->note[i].part].drums;
    ck_assert(drums);
}

static bool in_scale(const struct score *s, const struct score_note *note)
{
    static const char major[] = "101011010101", minor[] = "101101011111";
    size_t k = 0;
    while (k + 1 < s->keys && s->key[k + 1].tick <= note->onset) k++;
    int tonic = ((s->key[k].sharps * 7 + (s->key[k].minor ? 9 : 0)) % 12 + 12) % 12;
    return (s->key[k].minor ? minor : major)[(note->pitch - tonic + 12) % 12] == '1';
}

/* The chords of a full close. */
static unsigned close_chord(const struct score *s, bool dominant)
{
    const struct score_key *key = &s->key[s->keys - 1];
    int tonic = ((key->sharps * 7 + (key->minor ? 9 : 0)) % 12 + 12) % 12;
    return music_words_chord_pitches((tonic + (dominant ? 7 : 0)) % 12, key->minor && !dominant ? 1 : 0);
}

/* A full close in `bars` bars: the first and the last part with pitches end on the tonic, over its chord. */
static void check_close(const struct music_wishes *w, const struct score *s, int bars)
{
    int64_t length = bar_ticks(s), start = (bars - 1) * length;
    int first = -1, last = -1, tonic = ((s->key[s->keys - 1].sharps * 7 + (s->key[s->keys - 1].minor ? 9 : 0)) % 12 + 12) % 12;
    for (int p = 0; p < (int)s->parts; p++)
        if (!s->part[p].drums) first = first < 0 ? p : first, last = p;
    ck_assert_int_le(score_end(s), bars * length);
    int64_t end[2] = {-1, -1};
    int high = -1, low = 128;
    for (size_t i = 0; i < s->notes; i++) {
        const struct score_note *n = &s->note[i];
        if (n->part == first && n->onset >= end[0]) high = n->onset > end[0] ? n->pitch : n->pitch > high ? n->pitch : high, end[0] = n->onset;
        if (n->part == last && n->onset >= end[1]) low = n->onset > end[1] ? n->pitch : n->pitch < low ? n->pitch : low, end[1] = n->onset;
        int64_t behind = bars - 1 - n->onset / length, into = n->onset % length;
        bool strong = into == 0 || (s->metre[0].numerator % 2 == 0 && 2 * into == length);
        if (strong && !s->part[n->part].drums && (behind == 0 || (behind == 1 && w->chords == 0))) ck_assert(close_chord(s, behind == 1) >> (n->pitch % 12) & 1);
    }
    if (first < 0) return;
    int64_t room = w->density == MUSIC_DENSITY_HIGH ? 240 : 480, latest = length > room ? start + length - room : start;
    ck_assert(end[0] >= start && end[0] <= latest && end[1] >= start && end[1] <= latest);
    ck_assert_int_eq(high % 12, tonic);
    ck_assert_int_eq(low % 12, tonic);
}

static void check_notes(const struct music_wishes *w, const struct score *s, int bars)
{
    for (size_t i = 0; i < s->notes; i++) {
        const struct score_note *note = &s->note[i];
        if (s->part[note->part].drums) continue;
        ck_assert(note->pitch >= w->low && note->pitch <= w->high);
        if (w->scale_lock) ck_assert(in_scale(s, note));
        if (w->chords == 0 || (w->cadence && note->onset / bar_ticks(s) + 1 == bars)) continue;
        int64_t bar = note->onset / bar_ticks(s), into = note->onset % bar_ticks(s);
        if (into == 0 || (s->metre[0].numerator % 2 == 0 && 2 * into == bar_ticks(s)))
            ck_assert_msg(w->chord[bar % w->chords] >> (note->pitch % 12) & 1, "bar %lld: pitch %d is no tone of its chord", (long long)bar + 1, note->pitch);
    }
    if (w->bars > 0) {
        ck_assert_int_le(score_end(s), w->bars * bar_ticks(s));
        ck_assert_int_ge(s->note[s->notes - 1].onset, (w->bars - 1) * bar_ticks(s));
    }
}

/* Where a part that plays chords has a note at a strong position, it has all tones of the chord that lie in the range and scale. */
static void check_full(const struct music_wishes *w, const struct score *s, int bars)
{
    int64_t length = bar_ticks(s);
    for (size_t i = 0; w->full && w->chords > 0 && i < s->notes; i++) {
        const struct score_note *note = &s->note[i];
        int64_t bar = note->onset / length, into = note->onset % length;
        int program = s->part[note->part].program;
        bool strong = into == 0 || (s->metre[0].numerator % 2 == 0 && 2 * into == length), plays = program <= 7 || (program >= 16 && program <= 31) || program == 46 || (program >= 48 && program <= 51);
        if (s->part[note->part].drums || !strong || !plays || (w->cadence && bar + 1 == bars)) continue;
        unsigned played = 0;
        for (size_t k = 0; k < s->notes; k++)
            if (s->note[k].part == note->part && s->note[k].onset == note->onset) played |= 1u << s->note[k].pitch % 12;
        for (int pitch = w->low; pitch <= w->high; pitch++) {
            struct score_note there = {.onset = note->onset, .pitch = (uint8_t)pitch};
            if (!(w->chord[bar % w->chords] >> (pitch % 12) & 1) || (w->scale_lock && !in_scale(s, &there))) continue;
            ck_assert_msg(played >> (pitch % 12) & 1, "bar %lld: tone %d of the chord is missing", (long long)bar + 1, pitch % 12);
        }
    }
}

static void check_density(const struct music_wishes *w, const struct score *s)
{
    int closest, widest, lead = 0;
    music_density_steps(w->density, &closest, &widest);
    if (w->density == MUSIC_DENSITY_FREE) return;
    while (lead + 1 < (int)s->parts && s->part[lead].drums) lead++;
    if (s->part[lead].drums) lead = 0;
    for (int p = 0; p < (int)s->parts; p++) {
        int64_t last = -1, length = bar_ticks(s);
        if (s->part[p].drums && p != lead) continue;
        for (size_t i = 0; i < s->notes; i++) {
            if (s->note[i].part != p || s->note[i].onset == last) continue;
            int64_t at = s->note[i].onset, bar = at / length;
            if (last >= 0 && last / length == bar) ck_assert_int_ge(at - last, closest * 40);
            if (p == lead && widest > 0) ck_assert_int_le(at - (last < 0 ? 0 : last / length == bar ? last : bar * length), widest * 40);
            if (p == lead && widest > 0 && last >= 0 && last / length != bar) ck_assert_int_le((last / length + 1) * length - last, widest * 40);
            if (p == lead && widest > 0) ck_assert_int_le(bar - (last < 0 ? -1 : last / length), 1);      /* no bar without it */
            last = at;
        }
    }
}

/* What is wished is told as well: length, density, the chord of each bar; holes come only where they may. Leaves the grammar at the end. */
static void check_told(const struct music_wishes *w, const struct ids *ids, struct music_grammar *g)
{
    int chords = 0, densities = 0;
    char name[8];
    music_grammar_start(g);
    for (size_t i = 0; i < ids->n; i++) {
        enum music_kind kind;
        int value;
        ck_assert(music_grammar_advance(g, ids->id[i]) && music_kind_of(ids->id[i], &kind, &value));
        if (kind == MUSIC_DENSITY) densities++, ck_assert(w->density == MUSIC_DENSITY_FREE || value == w->density - 1);
        if (kind != MUSIC_CHORD) continue;
        chords++;
        if (w->chords > 0 && !(w->cadence && g->at + 1 == g->length)) ck_assert_msg(value == music_chord_value(w->chord[g->at % w->chords]), "bar %d: %s", g->at + 1, music_chord_name(value, name));
    }
    if (w->bars > 0) ck_assert(g->bars == w->bars && g->length == w->bars);
    if (w->density != MUSIC_DENSITY_FREE) ck_assert_int_eq(densities, 1);
    if (w->chords > 0) ck_assert_int_eq(chords, g->bars);
    ck_assert(w->holes || g->holes == 0);
}

START_TEST(wishes_are_obeyed_always)
{
    struct ids ids = {0};
    int pieces = 0, refused = 0, holes = 0, hidden = 0, told = 0, closes = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct error error = {0};
        struct music_wishes w = random_wishes(seed);
        struct music_grammar g;
        struct score s;
        if (!music_wishes_check(&w, &error)) {
            ck_assert(strstr(error.text, strncmp(error.text, "range: ", 7) == 0 ? "; a wider range is wanted" : " wanted") != NULL && (w.scale_lock || w.chords > 0 || w.cadence));
            refused++;
            continue;
        }
        music_grammar_start(&g);
        size_t most = music_wishes_need(&w, &g) + 2 + random_below(seed, 60, 0, 500);
        draw(&w, seed, most, &ids);
        ck_assert_msg(music_decode(ids.id, ids.n, &s, &error), "%s", error.text);
        check_events(&w, &s);
        check_told(&w, &ids, &g);
        check_notes(&w, &s, g.bars);
        check_full(&w, &s, g.bars);
        if (g.hidden == 0) check_density(&w, &s);
        if (g.hidden == 0 && w.cadence) check_close(&w, &s, g.bars), closes++;
        holes += g.holes > 0, hidden += g.hidden != 0, told += g.length > 0 && w.bars == 0 && !w.cadence;
        if (w.bars > 0) ck_assert_int_eq(music_bars(ids.id, ids.n, &error), w.bars);
        score_free(&s);
        pieces++;
    }
    ck_assert_int_gt(pieces, 800);
    ck_assert_int_gt(refused, 2);
    ck_assert(holes > 100 && hidden > 50 && told > 25 && closes > 150);
    ids_free(&ids);
}
END_TEST

/* With room to spare a piece of bars does not spend it all on the first ones. */
START_TEST(bars_share_the_room)
{
    struct ids ids = {0};
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct music_wishes w = MUSIC_WISHES_NONE;
        struct error error = {0};
        struct score s;
        w.bars = 16, w.metre = (int16_t)music_metre_value(4, 4);
        draw(&w, seed, 600, &ids);
        ck_assert(music_decode(ids.id, ids.n, &s, &error));
        size_t first = 0;
        for (size_t i = 0; i < s.notes; i++) first += s.note[i].onset < 8 * 1920;
        ck_assert_msg(first < s.notes * 9 / 10, "%zu of %zu notes in the first half", first, s.notes);
        score_free(&s);
    }
    ids_free(&ids);
}
END_TEST

/* A script is followed to the letter where it is fixed; pitches stay in order. */
START_TEST(scripts_are_followed)
{
    struct music_wishes w = MUSIC_WISHES_NONE;
    struct error error = {0};
    struct ids ids = {0}, script = {0};
    w.bars = 6, w.density = MUSIC_DENSITY_MID;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct music_order order = {.wishes = MUSIC_WISHES_NONE};
        struct music_place place = {0};
        struct music_grammar g;
        uint8_t allowed[1024];
        bool may_end = false;
        draw(&w, seed, 400, &ids);
        script.n = 0;
        for (size_t i = 0; i < ids.n; i++) {
            enum music_kind kind;
            int value;
            music_kind_of(ids.id[i], &kind, &value);
            bool open = kind == MUSIC_PITCH && random_below(seed, 70, i, 3) == 0;
            ck_assert(ids_append(&script, open ? MUSIC_SCRIPT_PITCH : ids.id[i], &error));
        }
        order.script = script.id, order.script_n = script.n, order.made = calloc(script.n, sizeof *order.made);
        music_grammar_start(&g);
        for (size_t i = 0; i < script.n; i++) {
            music_order_allowed(&order, &g, &place, i, allowed, &may_end);
            int n = 0;
            for (int32_t id = 0; id < music_vocabulary(); id++) n += allowed[id];
            ck_assert(!may_end && n >= 1 && (script.id[i] < 0 || (n == 1 && allowed[script.id[i]])));
            int pick = (int)random_below(seed, 71, i, (uint64_t)n);
            int32_t id = 0;
            for (;; id++)
                if (allowed[id] && pick-- == 0) break;
            ck_assert(music_grammar_advance(&g, id));
            music_order_taken(&order, &place, id);
            ck_assert_int_eq(order.made[i], id);
        }
        music_order_allowed(&order, &g, &place, script.n, allowed, &may_end);
        ck_assert(may_end && music_grammar_may_end(&g));
        free(order.made);
    }
    ids_free(&ids), ids_free(&script);
}
END_TEST

/* ---- words ---- */

static const struct { const char *prompt, *said; } PROMPTS[] = {
    {"a slow waltz in A minor for cello", "key A minor, metre 3/4, tempo 20 to 100, instrument Cello"},
    {"a busy two-part invention, presto", "tempo 144 to 320, density high, parts 2"},
    {"a quick step for fife", ""},
    {"a quick quick-step", "tempo 112 to 320"},
    {"a sparse hymn for four voices on piano", "density low, instrument Acoustic Grand Piano, instrument Acoustic Grand Piano, instrument Acoustic Grand Piano, instrument Acoustic Grand Piano"},
    {"a slow duet at 132 bpm", "tempo 132, parts 2"},
    {"a densely breakfasting part", ""},
    {"a 16-bar reel in D major at 130 beats a minute", "key D major, tempo 130, bars 16"},
    {"a wistful song in C sharp minor for voice and piano", "key C# minor, instrument Voice Oohs, instrument Acoustic Grand Piano"},
    {"a song in E flat major at 118 bpm", "key Eb major, tempo 118"},
    {"a slip jig in G major, on fiddle", "key G major, metre 9/8, instrument Fiddle"},
    {"a jig in a minor key on a harp", "metre 6/8, instrument Harp"},
    {"a minor incident", ""},
    {"in a minor", "key A minor"},
    {"a cheerful jig in D mixolydian, 8 bars", "metre 6/8, bars 8"},
    {"on tin whistle, in 12/8", "metre 12/8, instrument Whistle"},
    {"for two violins, in 6/8", "metre 6/8, instrument Violin, instrument Violin"},
    {"sixteen bars in A-minor", "key A minor, bars 16"},
    {"thirty-two bars of a hornpipe in B\u266d major, tempo 96", "key Bb major, tempo 96, bars 32"},
    {"A minor tragedy for piano", "instrument Acoustic Grand Piano"},
    {"A minor, for piano", "key A minor, instrument Acoustic Grand Piano"},
    {"a song in a minor mood", ""},
    {"an air in F\u266f minor, not too fast", "key F# minor"},
    {"a tune at a tempo of 500", ""},
    {"waltz in C minor for alto saxophone", "key C minor, metre 3/4, instrument Alto Sax"},
    {"for shakuhachi, bass clarinet and electric bass", "instrument Shakuhachi, instrument Clarinet, instrument Fingered Bass"},
    {"a march for goblins", ""},
    {"a minor-key air in D minor on flute", "key D minor, instrument Flute"},
    {"a game tune for square lead, saw lead and choir, driving", "instrument Square Lead, instrument Sawtooth Lead, instrument Choir Aahs"},
    {"a game tune for square lead, choir and five more, driving", ""},
    {"three voices in the rain", "parts 3"},
    {"for flute, double bass and drums", "instrument Flute, instrument Contrabass, instrument Drums"},
    {"a song for a lark on the wing", ""},
    {"Bach's waltzing bears", ""},
    {"", ""},
};

START_TEST(prompts_name_wishes)
{
    struct music_wishes w = MUSIC_WISHES_NONE;
    struct bytes said = {0};
    struct error error = {0};
    ck_assert(music_words_find(PROMPTS[_i].prompt, &w, &said, &error));
    ck_assert_str_eq(bytes_text(&said), PROMPTS[_i].said);
    bytes_free(&said);
    struct music_wishes fixed = MUSIC_WISHES_NONE;              /* what is fixed stays */
    fixed.key = 3, fixed.metre = 4, fixed.tempo = 5, fixed.bars = 6, fixed.parts = 1, fixed.program[0] = 7, fixed.density = MUSIC_DENSITY_MID;
    w = fixed;
    ck_assert(music_words_find(PROMPTS[_i].prompt, &w, &said, &error) && said.n == 0 && memcmp(&w, &fixed, sizeof w) == 0);
}
END_TEST

START_TEST(values_are_read_or_refused)
{
    struct music_wishes w = MUSIC_WISHES_NONE;
    struct error error = {0};
    ck_assert(music_words_key("D minor", &w, &error) && w.key == music_key_value(-1, true));
    ck_assert(music_words_key("F#", &w, &error) && w.key == music_key_value(6, false));
    ck_assert(music_words_key("bb major", &w, &error) && w.key == music_key_value(-2, false));
    ck_assert(music_words_key("Am", &w, &error) && w.key == music_key_value(0, true));
    ck_assert(music_words_metre("6/8", &w, &error) && w.metre == music_metre_value(6, 8));
    ck_assert(music_words_range("C4-C6", &w, &error) && w.low == 60 && w.high == 84);
    ck_assert(music_words_range("Cb4-B#4", &w, &error) && w.low == 59 && w.high == 72);
    ck_assert(music_words_range("C-1-127", &w, &error) && w.low == 0 && w.high == 127);
    ck_assert(music_words_chords("Am | F, C G7 ", &w, &error) && w.chords == 4 && w.chord[0] == 0x211 && w.chord[3] == (1 << 7 | 1 << 11 | 1 << 2 | 1 << 5));
    ck_assert(music_words_instrument("Flute", &w, &error) && music_words_instrument("40", &w, &error) && music_words_instrument("acoustic grand piano", &w, &error));
    ck_assert(w.parts == 3 && w.program[0] == 73 && w.program[1] == 40 && w.program[2] == 0);
    static const struct { bool (*read)(const char *text, struct music_wishes *w, struct error *error); const char *text; } wrong[] = {
        {music_words_key, "H minor"}, {music_words_key, "D dorian"}, {music_words_key, "G# major"}, {music_words_key, ""}, {music_words_key, "D minor "},
        {music_words_metre, "6"}, {music_words_metre, "13/4"}, {music_words_metre, "3/3"}, {music_words_metre, "0/4"}, {music_words_metre, "6/8x"},
        {music_words_range, "C4"}, {music_words_range, "C6-C4"}, {music_words_range, "60-128"}, {music_words_range, "C4-"}, {music_words_range, "G9-A9"},
        {music_words_chords, ""}, {music_words_chords, "Am H"}, {music_words_chords, "am"}, {music_words_chords, "Cfoo"},
        {music_words_instrument, "flutes of glass"}, {music_words_instrument, "128"}, {music_words_instrument, "-1"}, {music_words_density, "lots"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error told = {0};
        ck_assert_msg(!wrong[i].read(wrong[i].text, &w, &told), "%s", wrong[i].text);
        ck_assert(told.kind == ERROR_USAGE && strstr(told.text, "wanted") != NULL);
    }
}
END_TEST

/* What wishes forbid goes to its like: near positions to far ones, the bar behind the last to the end, pitches out of range to those within. */
START_TEST(what_wishes_forbid_counts_for_its_like)
{
    struct music_grammar g;
    struct music_wishes w = MUSIC_WISHES_NONE;
    struct error error = {0};
    uint8_t allowed[1024], end;
    bool may_end;
    const int32_t ids[] = {music_id(MUSIC_METRE, music_metre_value(4, 4)), music_id(MUSIC_KEY, MUSIC_KEY_NONE), music_id(MUSIC_TEMPO, 30), music_id(MUSIC_PROGRAM, 0),
        music_id(MUSIC_BAR, 0), music_id(MUSIC_POS, 0), music_id(MUSIC_PITCH, 60), music_id(MUSIC_DURATION, 5)};
    w.density = MUSIC_DENSITY_LOW, w.bars = 1, w.high = 70;
    ck_assert(music_wishes_check(&w, &error));
    music_grammar_start(&g);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) ck_assert(music_grammar_advance(&g, ids[i]));
    music_wishes_allowed(&w, &g, 8, 500, allowed, &may_end);
    end = may_end;
    music_order_pass(&g, allowed, &end);
    uint8_t near = allowed[music_id(MUSIC_POS, 6)], far = allowed[music_id(MUSIC_POS, 12)], within = allowed[music_id(MUSIC_PITCH, 64)], above = allowed[music_id(MUSIC_PITCH, 72)], bar = allowed[music_id(MUSIC_BAR, 0)];
    ck_assert(SAMPLING_IS_ALLOWED(far) && SAMPLING_IS_ALLOWED(within) && SAMPLING_IS_ALLOWED(end));
    ck_assert((near & 3) == SAMPLING_PASSES && (above & 3) == SAMPLING_PASSES && (bar & 3) == SAMPLING_PASSES);
    ck_assert(near >> 2 == far >> 2 && above >> 2 == within >> 2 && bar >> 2 == end >> 2);
    ck_assert(near >> 2 != above >> 2 && near >> 2 != bar >> 2 && above >> 2 != bar >> 2);
    ck_assert_uint_eq(allowed[music_id(MUSIC_PITCH, 60)], SAMPLING_FORBIDDEN);      /* against the grammar */
}
END_TEST

START_TEST(chords_fit_a_melody)
{
    static const uint8_t bars[6][4] = {{60, 64, 67, 64}, {65, 69, 72, 69}, {67, 71, 74, 71}, {69, 72, 76, 72}, {62, 67, 71, 65}, {60, 67, 64, 60}};
    static const uint8_t roots[6] = {0, 5, 7, 9, 7, 0};
    struct score s = {.ticks_per_quarter = 480};
    struct error error = {0};
    struct music_chord chords[6];
    int64_t start[7];
    char name[8];
    score_add_part(&s, 0, false, NULL, &error);
    for (int move = 0; move < 12; move++) {
        s.notes = 0;
        for (int b = 0; b < 7; b++) start[b] = 1920 * b;
        for (int i = 0; i < 24; i++) score_add_note(&s, (struct score_note){480 * i, 480, 0, (uint8_t)(bars[i / 4][i % 4] + move), 80}, &error);
        int sharps = (move * 7 + 5) % 12 - 5, key = music_key_value(sharps, false);
        ck_assert_int_eq(music_chords_key(&s), key);
        for (int known = 0; known < 2; known++) {
            s.keys = 0;
            if (known) ck_assert(score_add_key(&s, 0, sharps, false, &error));
            ck_assert(music_chords_fit(&s, start, 6, chords, &error));
            for (int b = 0; b < 6; b++) ck_assert_msg(chords[b].root == (roots[b] + move) % 12 && chords[b].kind == (b == 3), "bar %d: %s", b + 1, music_words_chord_name(chords[b].root, chords[b].kind, name));
        }
    }
    score_free(&s);
}
END_TEST

/* Each bar has the triads of its own key; drums alone have no key. */
START_TEST(chords_follow_a_change_of_key)
{
    static const uint8_t bars[8][4] = {{60, 64, 67, 64}, {65, 69, 72, 69}, {67, 71, 74, 71}, {60, 64, 67, 72}, {66, 70, 73, 70}, {71, 75, 78, 75}, {61, 65, 68, 65}, {66, 70, 73, 78}};
    static const uint8_t roots[8] = {0, 5, 7, 0, 6, 11, 1, 6};
    struct score s = {.ticks_per_quarter = 480};
    struct error error = {0};
    struct music_chord chords[8];
    int64_t start[9];
    score_add_part(&s, 0, false, NULL, &error);
    score_add_key(&s, 0, 0, false, &error), score_add_key(&s, 4 * 1920, 6, false, &error);
    for (int b = 0; b < 9; b++) start[b] = 1920 * b;
    for (int i = 0; i < 32; i++) score_add_note(&s, (struct score_note){480 * i, 480, 0, bars[i / 4][i % 4], 80}, &error);
    ck_assert(music_chords_fit(&s, start, 8, chords, &error));
    for (int b = 0; b < 8; b++) ck_assert_msg(chords[b].root == roots[b] && chords[b].kind == 0, "bar %d: root %d kind %d", b + 1, chords[b].root, chords[b].kind);
    s.part[0].drums = true;
    ck_assert_int_eq(music_chords_key(&s), MUSIC_KEY_NONE);
    score_free(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wishes");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 400);
    tcase_add_test(all, wishes_are_obeyed_always);
    tcase_add_test(all, bars_share_the_room);
    tcase_add_test(all, scripts_are_followed);
    tcase_add_loop_test(all, prompts_name_wishes, 0, (int)(sizeof PROMPTS / sizeof *PROMPTS));
    tcase_add_test(all, values_are_read_or_refused);
    tcase_add_test(all, what_wishes_forbid_counts_for_its_like);
    tcase_add_test(all, chords_fit_a_melody);
    tcase_add_test(all, chords_follow_a_change_of_key);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
