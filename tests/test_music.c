/* Music tokens: the vocabulary, the grammar under random walks, round trips, cutting, transposing, real files. */
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "outputs/midi.h"
#include "tokenizers/vocabulary.h"
#include "tests/music_walk.h"
#include "tests/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(vocabulary_is_numbered_once)
{
    char text[32], other[32];
    int n = music_vocabulary();
    ck_assert_int_gt(n, 600);
    ck_assert_int_lt(n, 1024);
    for (int32_t id = 0; id < n; id++) {
        enum music_kind kind;
        int value;
        ck_assert(music_kind_of(id, &kind, &value));
        ck_assert_int_eq(music_id(kind, value), id);
        music_name(id, text);
        for (int special = 0; special < SPECIALS; special++) {                  /* exported, both are tokens "<name>" */
            const char *token = special_name((enum special)special) + 1;
            ck_assert(strlen(token) != strlen(text) + 1 || strncmp(token, text, strlen(text)) != 0);
        }
        for (int32_t k = id - 1; k >= 0 && k > id - 150; k--)
            if (strcmp(text, music_name(k, other)) == 0) ck_abort_msg("two ids are called %s", text);
    }
    enum music_kind kind;
    int value;
    ck_assert(!music_kind_of(n, &kind, &value) && !music_kind_of(-1, &kind, &value));
    ck_assert_str_eq(music_name(id_of(MUSIC_PITCH, 60), text), "pitch 60");
    ck_assert_str_eq(music_name(id_of(MUSIC_METRE, music_metre_value(6, 8)), text), "metre 6/8");
    ck_assert_str_eq(music_name(id_of(MUSIC_KEY, music_key_value(1, false)), text), "key G major");
    ck_assert_str_eq(music_name(id_of(MUSIC_DURATION, music_duration_value(384)), text), "duration 384");
    ck_assert_int_eq(music_id(MUSIC_PITCH, 128), -1);
}
END_TEST

START_TEST(values_are_nearest)
{
    for (int value = 0; value < music_kind_count(MUSIC_DURATION); value++)
        ck_assert_int_eq(music_duration_value(music_duration_of(value)), value);
    ck_assert_int_eq(music_duration_of(music_duration_value(100)), 102);
    ck_assert_int_eq(music_duration_of(music_duration_value(98)), 96);
    ck_assert_int_eq(music_duration_of(music_duration_value(100000)), 384);
    for (int value = 0; value < music_kind_count(MUSIC_TEMPO); value++)
        ck_assert_int_eq(music_tempo_value(music_tempo_of(value)), value);
    for (int value = 0; value < music_kind_count(MUSIC_VELOCITY); value++)
        ck_assert_int_eq(music_velocity_value(music_velocity_of(value)), value);
    ck_assert_int_eq(music_velocity_value(80), MUSIC_VELOCITY_START);
    for (int value = 0; value < music_kind_count(MUSIC_METRE); value++) {
        int numerator, denominator;
        music_metre_of(value, &numerator, &denominator);
        ck_assert_int_eq(music_metre_value(numerator, denominator), value);
        ck_assert_int_le(music_metre_steps(value), MUSIC_BAR_STEPS_MOST);
        ck_assert_int_eq(music_metre_steps(value) * music_metre_segments(value) * denominator, numerator * 4 * MUSIC_STEPS_PER_QUARTER);
    }
    for (int sharps = -7; sharps <= 7; sharps++)
        for (int minor = 0; minor < 2; minor++) {
            int back;
            bool is_minor;
            ck_assert(music_key_of(music_key_value(sharps, minor), &back, &is_minor));
            ck_assert(back == sharps && is_minor == minor);
        }
}
END_TEST

/* Bars after the last note have no place in a score: cut the ids behind the last duration. */
static size_t without_tail(const struct ids *ids)
{
    size_t n = ids->n;
    for (; n > 0; n--) {
        enum music_kind kind;
        int value;
        music_kind_of(ids->id[n - 1], &kind, &value);
        if (kind == MUSIC_DURATION) break;
    }
    return n;
}

static void check_same(const int32_t *a, size_t n, const struct ids *b)
{
    char left[32], right[32];
    for (size_t i = 0; i < n && i < b->n; i++)
        if (a[i] != b->id[i]) ck_abort_msg("token %zu: %s became %s", i, music_name(a[i], left), music_name(b->id[i], right));
    ck_assert_uint_eq(n, b->n);
}

START_TEST(random_walks_decode_and_come_back)
{
    struct ids ids = {0}, again = {0};
    struct error error = {0};
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct score score;
        struct music_loss loss;
        walk(seed, 20 + seed % 200, WALK_PLAIN, &ids);
        ck_assert_msg(music_decode(ids.id, ids.n, &score, &error), "%s", error.text);
        ck_assert_uint_gt(score.notes, 0);
        again.n = 0;
        ck_assert_msg(music_encode(&score, &again, &loss, &error), "%s", error.text);
        check_same(ids.id, without_tail(&ids), &again);
        ck_assert(loss.notes_merged + loss.notes_dropped + loss.onsets_moved + loss.lengths_changed < 0.5);
        score_free(&score);
    }
    ids_free(&ids);
    ids_free(&again);
}
END_TEST

START_TEST(random_ids_do_no_harm)
{
    struct error error = {0};
    struct ids ids = {0};
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct score score;
        walk(seed * 2, 40, WALK_HOLES, &ids);
        for (uint64_t k = 0; k < 2; k++)
            ids.id[random_below(seed, 1, k, ids.n)] = (int32_t)random_below(seed, 2, k, (uint64_t)music_vocabulary() + 4) - 2;
        memset(&error, 0, sizeof error);
        bool ok = music_decode(ids.id, ids.n, &score, &error);
        ck_assert(ok || strncmp(error.text, "music: ", 7) == 0);
        score_free(&score);
    }
    ids_free(&ids);
}
END_TEST

START_TEST(wrong_ids_are_named)
{
    struct score score;
    struct error error = {0};
    int32_t piece[] = {id_of(MUSIC_METRE, music_metre_value(4, 4)), id_of(MUSIC_KEY, MUSIC_KEY_NONE),
                       id_of(MUSIC_TEMPO, music_tempo_value(120)), id_of(MUSIC_PROGRAM, 0), id_of(MUSIC_BAR, 0),
                       id_of(MUSIC_POS, 47), id_of(MUSIC_PITCH, 60), id_of(MUSIC_DURATION, 11)};
    ck_assert(music_decode(piece, 8, &score, &error));
    ck_assert_int_eq(score.note[0].onset, 47 * 40);
    ck_assert_int_eq(score.note[0].length, 480);
    ck_assert_int_eq(score.note[0].velocity, 80);
    score_free(&score);
    ck_assert(!music_decode(piece, 7, &score, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "ends inside"));
    memset(&error, 0, sizeof error);
    piece[5] = id_of(MUSIC_POS, 48);
    ck_assert(!music_decode(piece, 8, &score, &error));
    ck_assert_str_eq(error.text, "music: token 6 is `pos 48`; a fitting bar, pos, chord, hole is wanted");
    memset(&error, 0, sizeof error);
    ck_assert(!music_decode(piece, 0, &score, &error));
}
END_TEST

/* ---- Encoding rules ---- */

static struct score one_part(void)
{
    struct score score = {.ticks_per_quarter = 480};
    struct error error = {0};
    score_add_part(&score, 0, false, NULL, &error);
    return score;
}

static void add(struct score *score, int64_t onset, int64_t length, int pitch)
{
    struct error error = {0};
    ck_assert(score_add_note(score, (struct score_note){onset, length, 0, (uint8_t)pitch, 80}, &error));
}

/* Names of the ids behind the header, joined by commas. */
static void check_body(const struct score *score, const char *wanted, struct music_loss *loss)
{
    struct ids ids = {0};
    struct bytes text = {0};
    struct error error = {0};
    char name[32];
    ck_assert_msg(music_encode(score, &ids, loss, &error), "%s", error.text);
    for (size_t i = 3 + score->parts; i < ids.n; i++)
        bytes_printf(&text, &error, "%s%s", text.n > 0 ? ", " : "", music_name(ids.id[i], name));
    ck_assert_str_eq(bytes_text(&text), wanted);
    ids_free(&ids);
    bytes_free(&text);
}

START_TEST(metre_changes_off_the_bar_line)
{
    struct score score = one_part();
    struct music_loss loss;
    struct error error = {0};
    add(&score, 0, 480, 60);
    add(&score, 1440, 480, 62);
    score_add_metre(&score, 960, 3, 4, &error); /* in the middle of a 4/4 bar, which ends there */
    check_body(&score, "bar, pos 24, metre 3/4, pos 0, pitch 60, duration 12, bar, pos 12, pitch 62, duration 12", &loss);
    ck_assert(loss.metres_moved < 0.5);
    score.metre[0].tick = 450; /* 11.25 steps; the quarter note before it sounds on over the new bar line */
    check_body(&score, "bar, pos 11, metre 3/4, pos 0, pitch 60, duration 12, bar, pos 25, pitch 62, duration 12", &loss);
    ck_assert(loss.metres_moved > 0.5);
    score_add_metre(&score, 1480, 2, 4, &error); /* in the last note's bar */
    score_add_metre(&score, 5000, 4, 4, &error);
    check_body(&score, "bar, pos 11, metre 3/4, pos 0, pitch 60, duration 12, bar, pos 26, metre 2/4, pos 25, pitch 62, duration 12", &loss);
    score_free(&score);
}
END_TEST

START_TEST(very_long_bars_are_told_in_parts)
{
    struct score score = one_part(), back;
    struct music_loss loss;
    struct error error = {0};
    struct ids ids = {0};
    add(&score, 8 * 480, 480, 60);
    add(&score, 28 * 480, 480, 62);
    score_add_metre(&score, 0, 28, 4, &error);
    score_add_metre(&score, 28 * 480, 13, 4, &error);          /* no part of several quarters fits */
    check_body(&score, "bar, bar, pos 12, pitch 60, duration 12, bar, bar, bar, metre 13/4, pos 0, pitch 62, duration 12", &loss);
    ck_assert(loss.metres_changed < 0.5 && music_encode(&score, &ids, NULL, &error) && music_decode(ids.id, ids.n, &back, &error));
    ck_assert(back.metres == 2 && back.metre[0].numerator == 28 && back.metre[1].numerator == 13 && back.metre[1].tick == 28 * 480);
    score.metre[0].numerator = 36;                             /* a longer one yet: replaced by its half, 18/4, in bars of 9/4 */
    check_body(&score, "bar, pos 96, pitch 60, duration 12, bar, bar, bar, pos 12, metre 13/4, bar, pos 0, pitch 62, duration 12", &loss);
    ck_assert(loss.metres_changed > 0.5);
    score_free(&score), score_free(&back);
    ids_free(&ids);
}
END_TEST

START_TEST(tempo_and_key_change_inside_of_bars)
{
    struct score score = one_part();
    struct music_loss loss;
    struct error error = {0};
    add(&score, 0, 480, 60);
    add(&score, 1920, 480, 62);
    score_add_tempo(&score, 1840, 600000, &error);
    score_add_tempo(&score, 100000, 300000, &error);
    score_add_key(&score, 400, 2, false, &error);
    check_body(&score, "bar, pos 10, key D major, pos 46, tempo 100, pos 0, pitch 60, duration 12, bar, pos 0, pitch 62, duration 12", &loss);
    ck_assert(loss.tempos_moved < 0.5 && loss.tempos_dropped > 0.5 && loss.keys_moved < 0.5);
    score.tempo[0].tick = 410, score.key[0].tick = 405;        /* both to step 10 */
    check_body(&score, "bar, pos 10, key D major, tempo 100, pos 0, pitch 60, duration 12, bar, pos 0, pitch 62, duration 12", &loss);
    struct bytes text = {0};
    ck_assert(music_loss_text(&loss, &text, &error));
    ck_assert_str_eq(bytes_text(&text), "2 of 2 notes kept; 1 tempo changes moved to the grid; 1 tempo changes dropped; "
                                        "1 key changes moved to the grid");
    ck_assert_str_eq(music_loss_name(0), "notes_in");
    ck_assert(fabs(music_loss_value(&loss, 0) - 2) < 0.5);
    bytes_free(&text);
    score_free(&score);
}
END_TEST

START_TEST(equal_notes_merge_and_lengths_stop_at_the_next)
{
    struct score score = one_part();
    struct music_loss loss;
    add(&score, 0, 40, 60);
    add(&score, 2, 400, 60);   /* merges */
    add(&score, 500, 60, 64);  /* 12.5 steps, 1.5 long: 13 + 2 would run over the next at 14 */
    add(&score, 560, 60, 64);
    check_body(&score, "bar, pos 0, pitch 60, duration 10, pos 13, pitch 64, duration 1, pos 14, pitch 64, duration 2", &loss);
    ck_assert(loss.notes_merged > 0.5 && loss.notes_merged < 1.5);
    score_free(&score);
}
END_TEST

START_TEST(many_parts_become_sixteen)
{
    struct score score = {.ticks_per_quarter = 480}, back;
    struct music_loss loss;
    struct error error = {0};
    struct ids ids = {0};
    for (int p = 0; p < 20; p++) { /* two share program 0; the rest are all different: 18 and less, busier and busier */
        score_add_part(&score, p < 2 ? 0 : p, false, NULL, &error);
        for (int i = 0; i <= p; i++)
            score_add_note(&score, (struct score_note){i * 480, 480, (uint16_t)p, (uint8_t)(40 + p), 80}, &error);
    }
    ck_assert(music_encode(&score, &ids, &loss, &error));
    ck_assert(music_decode(ids.id, ids.n, &back, &error));
    ck_assert_uint_eq(back.parts, 16);
    ck_assert(fabs(loss.parts_merged - 1) < 0.5 && fabs(loss.parts_dropped - 3) < 0.5);
    ck_assert(fabs(loss.notes_in - loss.notes_kept - loss.notes_merged - loss.notes_dropped) < 0.5);
    score_free(&score);
    score_free(&back);
    ids_free(&ids);
}
END_TEST

START_TEST(unfit_scores_are_refused)
{
    struct score score = one_part();
    struct ids ids = {0};
    struct error error = {0};
    ck_assert(!music_encode(&score, &ids, NULL, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "without notes"));
    memset(&error, 0, sizeof error);
    score.ticks_per_quarter = 1;
    add(&score, 2000000, 1, 60);
    ck_assert(!music_encode(&score, &ids, NULL, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "more than 65536 bars"));
    score_free(&score);
    ids_free(&ids);
}
END_TEST

/* ---- Cutting and transposing ---- */

struct pieces { size_t notes, most; int pieces, bars; int64_t pitch_sum, velocity_sum; };

static bool take(void *user, const int32_t *ids, size_t n, int first, int bars, struct error *error)
{
    struct pieces *all = user;
    struct score score;
    ck_assert_uint_le(n, all->most);
    ck_assert_int_ge(first, all->bars);
    all->bars = first + bars;
    if (!music_decode(ids, n, &score, error)) return false;
    ck_assert_int_eq(music_bars(ids, n, error), bars);
    all->pieces++;
    all->notes += score.notes;
    for (size_t i = 0; i < score.notes; i++) {
        all->pitch_sum += score.note[i].pitch;
        all->velocity_sum += score.note[i].velocity;
    }
    score_free(&score);
    return true;
}

START_TEST(split_pieces_are_whole)
{
    struct ids ids = {0};
    struct error error = {0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct pieces whole = {.most = SIZE_MAX}, cut = {.most = 120};
        int left_out = 0;
        walk(seed, 400, seed % 2 ? WALK_PLAIN : WALK_TOLD, &ids);
        ck_assert(music_split(ids.id, ids.n, SIZE_MAX, take, &whole, NULL, &error));
        ck_assert_int_eq(whole.pieces, 1);
        ck_assert_msg(music_split(ids.id, ids.n, 120, take, &cut, &left_out, &error), "%s", error.text);
        if (left_out == 0) {
            ck_assert_uint_eq(cut.notes, whole.notes);
            ck_assert_int_eq(cut.pitch_sum, whole.pitch_sum);
            ck_assert_int_eq(cut.velocity_sum, whole.velocity_sum);
        } else
            ck_assert_uint_lt(cut.notes, whole.notes + 1);
        struct ids all = {0};
        ck_assert(music_excerpt(ids.id, ids.n, 0, whole.bars, &all, &error));
        ck_assert_int_eq(music_bars(all.id, all.n, &error), whole.bars);
        ids_free(&all);
    }
    ids_free(&ids);
}
END_TEST

START_TEST(transposing_moves_notes_and_keys)
{
    struct ids ids = {0}, copy = {0};
    struct error error = {0};
    int moved = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct score before, after;
        walk(seed, 60, seed % 2 ? WALK_PLAIN : WALK_TOLD, &ids);
        copy.n = 0;
        ck_assert(ids_append_many(&copy, ids.id, ids.n, &error));
        int by = (int)(seed % 13) - 6;
        size_t n = copy.n;
        ck_assert(music_decode(ids.id, ids.n, &before, &error));
        if (music_transpose(copy.id, &n, by)) {
            moved++;
            ck_assert_msg(music_decode(copy.id, n, &after, &error), "%s", error.text);
            ck_assert_uint_eq(before.notes, after.notes);
            for (size_t i = 0; i < before.notes; i++) {
                bool drums = before.part[before.note[i].part].drums;
                ck_assert_int_eq(after.note[i].pitch, before.note[i].pitch + (drums ? 0 : by));
            }
            score_free(&after);
        } else
            ck_assert_int_eq(memcmp(copy.id, ids.id, ids.n * sizeof *ids.id), 0);
        score_free(&before);
    }
    ck_assert_int_gt(moved, 50);
    ids_free(&ids);
    ids_free(&copy);
    int32_t piece[] = {id_of(MUSIC_METRE, 0), id_of(MUSIC_KEY, music_key_value(0, true)), id_of(MUSIC_TEMPO, 0)};
    size_t three = 3;
    ck_assert(music_transpose(piece, &three, 2)); /* A minor up a tone: B minor, two sharps */
    ck_assert_int_eq(piece[1], id_of(MUSIC_KEY, music_key_value(2, true)));
}
END_TEST

START_TEST(every_failed_allocation_is_an_error)
{
    struct ids ids = {0}, again = {0}, part = {0};
    struct error error = {0};
    walk(4, 300, WALK_TOLD, &ids);
    for (size_t k = 1;; k++) {
        struct score score;
        memset(&error, 0, sizeof error);
        mem_fail_at(k);
        bool ok = music_decode(ids.id, ids.n, &score, &error) && music_encode(&score, &again, NULL, &error) &&
                  music_excerpt(ids.id, ids.n, 0, 1, &part, &error);
        bool all = mem_fail_at(0) < k;
        ck_assert(ok || error.kind == ERROR_MEMORY);
        score_free(&score);
        ids_free(&again);
        ids_free(&part);
        if (ok && all) break;
        ck_assert_uint_lt(k, 1000);
    }
    ids_free(&ids);
}
END_TEST

/* ---- The data set, where it is ---- */

#define DATA "../shared/data/music"

struct tally { double notes, same, files, headers, loose_tempo; size_t ids, bars; };

/* Compare what was read with what came back through ids and a written file: both sorted, paired in order by part and pitch. */
static int compare_notes(const void *left, const void *right)
{
    const struct score_note *a = left, *b = right;
    if (a->part != b->part) return a->part < b->part ? -1 : 1;
    if (a->pitch != b->pitch) return a->pitch < b->pitch ? -1 : 1;
    return (a->onset > b->onset) - (a->onset < b->onset);
}

static bool same_setting(const struct score *a, const struct score *b)
{
    if (a->parts != b->parts) return false;
    for (size_t i = 0; i < a->parts; i++) {
        const struct score_part *p = &a->part[i], *q = &b->part[i];
        if (p->drums != q->drums || (!p->drums && p->program != q->program)) return false;
    }
    int n = a->metres > 0 ? a->metre[0].numerator : 4, d = a->metres > 0 ? a->metre[0].denominator : 4;
    if (b->metre[0].numerator != n || b->metre[0].denominator != d) return false;
    if (a->keys > 0 && a->key[0].tick == 0)
        if (b->keys == 0 || a->key[0].sharps != b->key[0].sharps || a->key[0].minor != b->key[0].minor) return false;
    double from = a->tempos > 0 ? a->tempo[0].us_per_quarter : 500000, to = b->tempo[0].us_per_quarter;
    return abs(music_tempo_value(60e6 / from) - music_tempo_value(60e6 / to)) <= 1;
}

static void round_trip(const char *path, struct tally *tally)
{
    struct bytes file = {0}, written = {0};
    struct score score, decoded, again;
    struct ids ids = {0};
    struct music_loss loss;
    struct error error = {0};
    ck_assert_msg(file_read(path, FILE_LIMIT_MIDI, &file, &error) && midi_read(file.data, file.n, &score, &error) &&
                  music_encode(&score, &ids, &loss, &error) && music_decode(ids.id, ids.n, &decoded, &error) &&
                  midi_write(&decoded, &written, &error) && midi_read(written.data, written.n, &again, &error), "%s: %s", path, error.text);
    tally->files++;
    tally->notes += (double)score.notes;
    tally->ids += ids.n;
    tally->headers += same_setting(&score, &again);
    qsort(score.note, score.notes, sizeof *score.note, compare_notes);
    qsort(again.note, again.notes, sizeof *again.note, compare_notes);
    double unit = score.ticks_per_quarter / 12.0;
    for (size_t i = 0, j = 0; i < score.notes && j < again.notes;) {
        const struct score_note *a = &score.note[i], *b = &again.note[j];
        double onset = (double)a->onset / unit - (double)b->onset / 40, length = (double)a->length / unit - (double)b->length / 40;
        if (a->part == b->part && a->pitch == b->pitch && fabs(onset) <= 0.501) {
            tally->same += fabs(length) <= 0.501 || (double)a->length / unit > 96; /* long ones have coarser lengths */
            i++;
            j++;
        } else if (a->part != b->part ? a->part < b->part : a->pitch != b->pitch ? a->pitch < b->pitch : onset < 0) i++;
        else j++;
    }
    bytes_free(&file);
    bytes_free(&written);
    score_free(&score);
    score_free(&decoded);
    score_free(&again);
    ids_free(&ids);
}

START_TEST(real_files_survive)
{
    if (!file_exists(DATA "/metadata.jsonl")) return;
    struct bytes rows = {0};
    struct error error = {0};
    struct tally tally = {0};
    ck_assert(file_read(DATA "/metadata.jsonl", FILE_LIMIT_JSON, &rows, &error));
    for (char *line = (char *)rows.data; line != NULL && *line != 0 && tally.files < 200;) {
        char *end = strchr(line, '\n'), path[600];
        size_t n = end != NULL ? (size_t)(end - line) : strlen(line);
        cJSON *row = json_parse(line, n, &error);
        const char *name, *split;
        ck_assert(row != NULL && json_string(row, "file_name", &name, &error) && json_string(row, "split", &split, &error));
        ck_assert(file_join(path, sizeof path, DATA, name, &error));
        if (strcmp(split, "test") == 0) round_trip(path, &tally);
        cJSON_Delete(row);
        line = end != NULL ? end + 1 : NULL;
    }
    bytes_free(&rows);
    printf("%.0f files: %.2f %% of %.0f notes within half a step, %.0f with equal metre, key, tempo, programs; %.2f ids a note\n",
           tally.files, 100 * tally.same / tally.notes, tally.notes, tally.headers, (double)tally.ids / tally.notes);
    ck_assert(tally.same >= 0.99 * tally.notes);
    ck_assert(tally.headers >= 0.99 * tally.files);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("music");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, vocabulary_is_numbered_once);
    tcase_add_test(all, values_are_nearest);
    tcase_add_test(all, random_walks_decode_and_come_back);
    tcase_add_test(all, random_ids_do_no_harm);
    tcase_add_test(all, wrong_ids_are_named);
    tcase_add_test(all, metre_changes_off_the_bar_line);
    tcase_add_test(all, very_long_bars_are_told_in_parts);
    tcase_add_test(all, tempo_and_key_change_inside_of_bars);
    tcase_add_test(all, equal_notes_merge_and_lengths_stop_at_the_next);
    tcase_add_test(all, many_parts_become_sixteen);
    tcase_add_test(all, unfit_scores_are_refused);
    tcase_add_test(all, split_pieces_are_whole);
    tcase_add_test(all, transposing_moves_notes_and_keys);
    tcase_add_test(all, every_failed_allocation_is_an_error);
    tcase_add_test(all, real_files_survive);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
