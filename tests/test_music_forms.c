/* Music beside its notes: chords, lengths, densities, holes; and other tunes from one with captions that stay true. */
#include "core/mem.h"
#include "tests/music_walk.h"
#include "tests/suite.h"
#include "tokenizers/music_chord.h"
#include "tokenizers/music_wishes.h"

#include <stdlib.h>

/* ---- the grammar with holes ---- */

static void check_same_notes(const struct score *a, const struct score *b)
{
    ck_assert_uint_eq(a->notes, b->notes);
    ck_assert_uint_eq(a->parts, b->parts);
    for (size_t i = 0; i < a->notes; i++) {
        const struct score_note *p = &a->note[i], *q = &b->note[i];
        ck_assert(p->onset == q->onset && p->length == q->length && p->part == q->part && p->pitch == q->pitch && p->velocity == q->velocity);
    }
}

static int count(const struct ids *ids, enum music_kind kind)
{
    int n = 0;
    for (size_t i = 0; i < ids->n; i++) n += ids->id[i] >= music_id(kind, 0) && ids->id[i] < music_id(kind, 0) + music_kind_count(kind);
    return n;
}

/* Whatever is walked is a score, and that score's plain spelling is the same score. */
START_TEST(walks_with_holes_decode)
{
    struct ids ids = {0}, plain = {0};
    struct error error = {0};
    int with_bars = 0, with_parts = 0, told = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        struct score score, again;
        walk(seed, 20 + seed % 300, WALK_HOLES, &ids);
        ck_assert_msg(music_decode(ids.id, ids.n, &score, &error), "seed %d: %s", (int)seed, error.text);
        plain.n = 0;
        ck_assert_msg(music_encode(&score, &plain, NULL, &error) && music_decode(plain.id, plain.n, &again, &error), "%s", error.text);
        check_same_notes(&score, &again);
        struct music_grammar g;
        music_grammar_start(&g);
        for (size_t i = 0; i < ids.n; i++) ck_assert(music_grammar_advance(&g, ids.id[i]));
        ck_assert(music_grammar_may_end(&g));
        if (g.length > 0) ck_assert_int_eq(g.bars, g.length);
        ck_assert(count(&ids, MUSIC_HOLE) == 0 || (count(&ids, MUSIC_FILL) == 1 && g.filled == g.holes));
        with_bars += g.holes > 0 && g.hidden == 0, with_parts += g.hidden != 0, told += g.length > 0;
        score_free(&score), score_free(&again);
    }
    ck_assert_int_gt(with_bars, 200);
    ck_assert_int_gt(with_parts, 200);
    ck_assert_int_gt(told, 200);
    ids_free(&ids), ids_free(&plain);
}
END_TEST

/* At every place of a walk: something may follow or the piece may end; the closing ids end it; no other place lets it end. */
START_TEST(every_place_leads_to_an_end)
{
    static uint8_t allowed[1024];
    struct ids ids = {0};
    int32_t closing[MUSIC_CLOSING_MOST];
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct music_grammar g, there;
        walk(seed, 150, WALK_HOLES, &ids);
        music_grammar_start(&g);
        for (size_t i = 0; i <= ids.n; i++) {
            bool may_end;
            music_grammar_allowed(&g, allowed, &may_end);
            ck_assert(may_end || memchr(allowed, 1, (size_t)music_vocabulary()) != NULL);
            there = g;
            size_t n = music_grammar_closing(&g, closing);
            for (size_t k = 0; k < n; k++) ck_assert(!music_grammar_may_end(&there) && music_grammar_advance(&there, closing[k]));
            ck_assert(music_grammar_may_end(&there) && n <= (size_t)(12 + MUSIC_LENGTH_MOST + MUSIC_HOLES_MOST));
            if (i < ids.n) ck_assert(music_grammar_advance(&g, ids.id[i]));
        }
    }
    ids_free(&ids);
}
END_TEST

/* The limits of the second pass: 16 hidden parts, too many bars, too many metres. */
START_TEST(limits_have_no_dead_ends)
{
    struct music_grammar g;
    int32_t closing[MUSIC_CLOSING_MOST], hole = music_id(MUSIC_HOLE, 0), bar = music_id(MUSIC_BAR, 0);
    const int32_t head[] = {id_of(MUSIC_METRE, 0), id_of(MUSIC_KEY, 0), id_of(MUSIC_TEMPO, 0)};
    music_grammar_start(&g);
    for (int i = 0; i < 3; i++) ck_assert(music_grammar_advance(&g, head[i]));
    for (int p = 0; p < 16; p++) {
        ck_assert(music_grammar_advance(&g, id_of(MUSIC_PROGRAM, p)));
        ck_assert(music_grammar_advance(&g, hole) == (p < 15));
        ck_assert(music_grammar_advance(&g, bar) == (p == 15));
    }
    ck_assert(!music_grammar_advance(&g, id_of(MUSIC_PART, 3)) && !music_grammar_advance(&g, hole));
    for (int run = 1; run < MUSIC_RUNS_MOST; run++)
        ck_assert(music_grammar_advance(&g, bar) && music_grammar_advance(&g, run % 2 ? id_of(MUSIC_METRE, run / 2 + 1) : id_of(MUSIC_KEY, run)));
    ck_assert(music_grammar_advance(&g, bar) && !music_grammar_advance(&g, id_of(MUSIC_METRE, 0)) && !music_grammar_advance(&g, id_of(MUSIC_KEY, 1)));
    for (int bars = g.bars; bars < MUSIC_HOLES_MOST; bars++) ck_assert(music_grammar_advance(&g, bar));
    ck_assert(!music_grammar_advance(&g, bar) && music_grammar_advance(&g, id_of(MUSIC_PART, 15)));
    ck_assert(!music_grammar_may_end(&g));
    size_t n = music_grammar_closing(&g, closing);
    for (size_t i = 0; i < n; i++) ck_assert(music_grammar_advance(&g, closing[i]));
    ck_assert(music_grammar_may_end(&g) && n == 3 + 1 + MUSIC_HOLES_MOST);
}
END_TEST

/* ---- options of encoding ---- */

START_TEST(every_option_keeps_the_score)
{
    struct ids ids = {0}, out = {0};
    struct error error = {0};
    int holes = 0, hidden = 0, refused = 0;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        struct score score, again;
        walk(seed, 60 + seed % 300, WALK_PLAIN, &ids);
        ck_assert(music_decode(ids.id, ids.n, &score, &error));
        ids.n = 0;
        ck_assert(music_encode(&score, &ids, NULL, &error));
        int bars = music_bars(ids.id, ids.n, &error), parts = (int)score.parts;
        struct music_encode_options how = {.chords = seed & 1, .length = seed & 2, .density = seed & 4};
        if (seed % 3 == 1) {
            how.hole_first = (int)random_below(seed, 1, 0, (uint64_t)bars);
            how.holes = 1 + (int)random_below(seed, 2, 0, (uint64_t)(bars - how.hole_first));
        } else if (seed % 3 == 2 && parts > 1) how.hidden = (uint16_t)(1 + random_below(seed, 3, 0, (1u << parts) - 2));
        out.n = 0;
        struct error many = {0};
        bool fits = music_encode_as(&score, &how, &out, NULL, &many);
        if (!fits) {                                           /* walks change metre and key more often than a second pass may */
            ck_assert_msg(strstr(many.text, "changes of metre and key") != NULL && count(&ids, MUSIC_METRE) + count(&ids, MUSIC_KEY) >= MUSIC_RUNS_MOST, "%s", many.text);
            refused++;
            score_free(&score);
            continue;
        }
        ck_assert_msg(music_decode(out.id, out.n, &again, &error), "seed %d: %s", (int)seed, error.text);
        check_same_notes(&score, &again);
        ck_assert_int_eq(count(&out, MUSIC_CHORD), how.chords ? bars : 0);
        ck_assert_int_eq(count(&out, MUSIC_LENGTH), how.length && bars <= 64);
        ck_assert_int_eq(count(&out, MUSIC_DENSITY), how.density);
        ck_assert_int_eq(count(&out, MUSIC_FILL), how.holes > 0 || how.hidden != 0);
        ck_assert_int_eq(count(&out, MUSIC_HOLE), how.holes + __builtin_popcount(how.hidden));
        ck_assert_int_eq(count(&out, MUSIC_BAR), bars + how.holes + (how.hidden != 0 ? bars : 0));
        if (how.holes == 0 && how.hidden == 0 && !how.chords && !how.length && !how.density) ck_assert(out.n == ids.n && memcmp(out.id, ids.id, ids.n * sizeof *ids.id) == 0);
        holes += how.holes > 0, hidden += how.hidden != 0;
        score_free(&score), score_free(&again);
    }
    ck_assert(holes > 300 && hidden > 100 && refused < 100);
    ids_free(&ids), ids_free(&out);
}
END_TEST

START_TEST(wrong_holes_are_refused)
{
    static const struct { struct music_encode_options how; const char *text; } wrong[] = {
        {{.hole_first = 2, .holes = 2}, "holes for bars 3 to 4 of a piece of 3 bars"}, {{.hole_first = -1, .holes = 1}, "holes for bars 0"},
        {{.hidden = 3}, "holes for parts 0x3 of 2"}, {{.hidden = 4}, "holes for parts"}, {{.hidden = 1, .holes = 1}, "holes for parts"},
    };
    struct score score = {.ticks_per_quarter = 480};
    struct ids ids = {0}, cut = {0};
    struct error error = {0};
    score_add_part(&score, 0, false, NULL, &error), score_add_part(&score, 40, false, NULL, &error);
    for (int b = 0; b < 3; b++)
        for (int p = 0; p < 2; p++) score_add_note(&score, (struct score_note){1920 * b, 480, (uint16_t)p, (uint8_t)(60 + p), 80}, &error);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error told = {0};
        ck_assert(!music_encode_as(&score, &wrong[i].how, &ids, NULL, &told) && ids.n == 0);
        ck_assert_msg(strstr(told.text, wrong[i].text) != NULL && strstr(told.text, "wanted") != NULL, "%s", told.text);
    }
    ck_assert(music_encode_as(&score, &(struct music_encode_options){.hidden = 1}, &ids, NULL, &error));
    ck_assert(!music_excerpt(ids.id, ids.n, 0, 1, &cut, &error) && strstr(error.text, "has holes") != NULL);
    size_t n = ids.n;
    ck_assert(!music_transpose(ids.id, &n, 2) && n == ids.n);
    struct score back;
    memset(&error, 0, sizeof error);
    ck_assert(!music_decode(ids.id, ids.n - 1, &back, &error));       /* inside of the last note */
    size_t fill = 0;
    while (ids.id[fill] != music_id(MUSIC_FILL, 0)) fill++;
    memset(&error, 0, sizeof error);
    ck_assert(!music_decode(ids.id, fill, &back, &error) && strstr(error.text, "holes left open") != NULL);
    score_free(&score);
    ids_free(&ids), ids_free(&cut);
}
END_TEST

/* Bars without notes at the end have ids where they are asked for, so that a hole can be there. */
START_TEST(silent_bars_can_be_holes)
{
    struct score score = {.ticks_per_quarter = 480}, back;
    struct ids ids = {0};
    struct error error = {0};
    score_add_part(&score, 0, false, NULL, &error);
    score_add_metre(&score, 0, 3, 4, &error), score_add_metre(&score, 4 * 1440, 2, 4, &error);
    score_add_note(&score, (struct score_note){1440, 480, 0, 60, 80}, &error);
    for (int bars = 0; bars < 8; bars++) {
        ids.n = 0;
        ck_assert(music_encode_as(&score, &(struct music_encode_options){.bars = bars}, &ids, NULL, &error));
        ck_assert_int_eq(music_bars(ids.id, ids.n, &error), bars > 2 ? bars : 2);
        ck_assert(music_decode(ids.id, ids.n, &back, &error) && back.notes == 1 && back.metres == (bars > 4 ? 2 : 1));
        score_free(&back);
    }
    ids.n = 0;
    ck_assert(music_encode_as(&score, &(struct music_encode_options){.bars = 6, .hole_first = 4, .holes = 2}, &ids, NULL, &error));
    ck_assert(music_decode(ids.id, ids.n, &back, &error) && back.notes == 1);
    score_free(&back), score_free(&score);
    ids_free(&ids);
}
END_TEST

/* ---- chords ---- */

START_TEST(chords_are_heard)
{
    char name[8];
    for (int value = 0; value < MUSIC_CHORD_NONE; value++)
        for (int spread = 0; spread < 2; spread++) {
            struct score score = {.ticks_per_quarter = 480};
            struct error error = {0};
            struct ids ids = {0};
            unsigned tones = music_chord_pitches(value);
            int n = 0;
            score_add_part(&score, 0, false, NULL, &error), score_add_part(&score, 0, true, NULL, &error);
            for (int p = 0; p < 12; p++)      /* root first: a block, or one tone after the other with a short passing one */
                if (tones >> ((value + p) % 12) & 1) score_add_note(&score, (struct score_note){spread ? 480 * n++ : 0, spread ? 480 : 1920, 0, (uint8_t)(48 + value % 12 + p), 80}, &error);
            if (spread) score_add_note(&score, (struct score_note){300, 120, 0, (uint8_t)(61 + value % 12), 80}, &error);
            score_add_note(&score, (struct score_note){0, 1920, 1, 37, 80}, &error);
            score_add_note(&score, (struct score_note){1920, 480, 1, 38, 80}, &error);
            score_sort(&score);
            ck_assert(music_encode_as(&score, &(struct music_encode_options){.chords = true}, &ids, NULL, &error));
            int32_t heard[2];
            for (size_t i = 0, b = 0; i < ids.n; i++)
                if (ids.id[i] >= music_id(MUSIC_CHORD, 0) && ids.id[i] <= music_id(MUSIC_CHORD, MUSIC_CHORD_NONE)) heard[b++] = ids.id[i] - music_id(MUSIC_CHORD, 0);
            ck_assert_msg(heard[0] == value, "%d is not %s", heard[0], music_chord_name(value, name));
            ck_assert_int_eq(heard[1], MUSIC_CHORD_NONE);              /* drums alone */
            score_free(&score);
            ids_free(&ids);
        }
    double all[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, one[12] = {1};
    ck_assert_int_eq(music_chord_hear(all, 0), MUSIC_CHORD_NONE);
    ck_assert_int_eq(music_chord_hear(one, 0), MUSIC_CHORD_NONE);
}
END_TEST

START_TEST(chords_have_names_and_move)
{
    char name[8];
    for (int value = 0; value < MUSIC_CHORD_NONE; value++) {
        ck_assert_uint_eq(music_chord_pitches(music_chord_value(music_chord_pitches(value))), music_chord_pitches(value));
        for (int by = -13; by <= 13; by++) {
            unsigned moved = music_chord_pitches(music_chord_move(value, by)), was = music_chord_pitches(value);
            for (int p = 0; p < 12; p++) ck_assert_uint_eq(moved >> ((p + by + 24) % 12) & 1, was >> p & 1);
        }
    }
    ck_assert_str_eq(music_chord_name(music_chord_value(0x211), name), "Am");
    ck_assert_str_eq(music_chord_name(music_chord_value(1 << 7 | 1 << 11 | 1 << 2 | 1 << 5), name), "G7");
    ck_assert_str_eq(music_chord_name(music_chord_value(0x249), name), "Cdim");      /* of a dim7 */
    ck_assert_str_eq(music_chord_name(music_chord_value(0x291), name), "Am7");       /* of a C6 */
    ck_assert_int_eq(music_chord_value(0), MUSIC_CHORD_NONE);
    ck_assert_int_eq(music_chord_move(MUSIC_CHORD_NONE, 3), MUSIC_CHORD_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("music_forms");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, walks_with_holes_decode);
    tcase_add_test(all, every_place_leads_to_an_end);
    tcase_add_test(all, limits_have_no_dead_ends);
    tcase_add_test(all, every_option_keeps_the_score);
    tcase_add_test(all, wrong_holes_are_refused);
    tcase_add_test(all, silent_bars_can_be_holes);
    tcase_add_test(all, chords_are_heard);
    tcase_add_test(all, chords_have_names_and_move);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
