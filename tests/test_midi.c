/* Standard MIDI Files: what is read, what is refused, what is written. */
#include "core/mem.h"
#include "core/random.h"
#include "outputs/midi.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD(format, tracks, hi, lo) "MThd\0\0\0\6\0" format "\0" tracks hi lo
#define READ(literal, score, error) midi_read(literal, sizeof(literal) - 1, score, error)

/* A file of one track from its body; returns the length. */
static size_t one_track(char *to, const char *body, size_t n)
{
    memcpy(to, HEAD("\0", "\1", "\0", "\140") "MTrk\0\0", 20);
    to[20] = (char)(n >> 8);
    to[21] = (char)n;
    memcpy(to + 22, body, n);
    return n + 22;
}

static struct score read_body(const char *body, size_t n)
{
    char file[4096];
    struct score score;
    struct error error = {0};
    ck_assert_msg(midi_read(file, one_track(file, body, n), &score, &error), "%s", error.text);
    return score;
}
#define BODY(literal) read_body(literal, sizeof(literal) - 1)

static void check_note(const struct score *score, size_t i, int64_t onset, int64_t length, int pitch, int velocity)
{
    ck_assert_uint_lt(i, score->notes);
    ck_assert_int_eq(score->note[i].onset, onset);
    ck_assert_int_eq(score->note[i].length, length);
    ck_assert_int_eq(score->note[i].pitch, pitch);
    ck_assert_int_eq(score->note[i].velocity, velocity);
}

START_TEST(running_status_and_velocity_zero)
{
    struct score score = BODY("\0\x90\x3c\x50" "\x10\x3e\x51" "\x10\x3c\0" "\x10\xff\x01\1x" "\0\x3e\0" "\0\xff\x2f\0");
    ck_assert_int_eq(score.ticks_per_quarter, 96);
    ck_assert_uint_eq(score.notes, 2);
    check_note(&score, 0, 0, 32, 60, 80);
    check_note(&score, 1, 16, 32, 62, 81);
    ck_assert_uint_eq(score.parts, 1);
    score_free(&score);
}
END_TEST

START_TEST(meta_events_are_kept)
{
    struct score score = BODY("\0\xff\x03\4Tun\xe9" "\0\xff\x51\3\x07\xa1\x20" "\0\xff\x58\4\6\3\x18\x08" "\0\xff\x59\2\xfd\1"
                              "\0\xff\x01\x10triptych {\"a\":1}" "\0\xf0\3\1\2\xf7" "\0\xc0\x28" "\0\x90\x40\x40" "\x60\x80\x40\0" "\0\xff\x2f\0");
    ck_assert_str_eq(score.title, "Tun\xc3\xa9");
    ck_assert_str_eq(score.recipe, "{\"a\":1}");
    ck_assert_uint_eq(score.tempo[0].us_per_quarter, 500000);
    ck_assert_int_eq(score.metre[0].numerator, 6);
    ck_assert_int_eq(score.metre[0].denominator, 8);
    ck_assert_int_eq(score.key[0].sharps, -3);
    ck_assert(score.key[0].minor);
    ck_assert_int_eq(score.part[0].program, 40);
    score_free(&score);
}
END_TEST

START_TEST(longer_meta_events_are_read)
{
    struct score score = BODY("\0\xff\x51\4\x07\xa1\x20\x01" "\0\xff\x59\3\2\0\1" "\0\x90\x40\x40" "\x60\x80\x40\0" "\0\xff\x2f\0");
    ck_assert(score.tempos == 1 && score.tempo[0].us_per_quarter == 500000 && score.keys == 1 && score.key[0].sharps == 2);
    score_free(&score);
}
END_TEST

START_TEST(senseless_meta_events_are_skipped)
{
    struct score score = BODY("\0\xff\x51\3\0\0\0" "\0\xff\x58\4\0\0\x18\x08" "\0\xff\x58\4\4\xff\x18\x08" "\0\xff\x59\2\x08\0" "\0\xff\x51\1\1"
                              "\0\x80\x40\0" "\0\x90\x40\x40" "\x60\xff\x2f\0" "\0\xff\x2f\0");
    ck_assert_uint_eq(score.tempos + score.metres + score.keys, 0);
    ck_assert_uint_eq(score.notes, 1);
    check_note(&score, 0, 0, 96, 64, 64); /* no end: lasts to the end of the track */
    score_free(&score);
}
END_TEST

START_TEST(pedal_lengthens_notes)
{
    /* Two notes end under the pedal: 60 sounds to its release at 0x50, 62 to its own next onset at 0x40. */
    struct score score = BODY("\0\x90\x3c\x40" "\0\x3e\x40" "\x10\xb0\x40\x7f" "\x10\x90\x3c\0" "\0\x3e\0" "\x20\x3e\x40" "\x10\xb0\x40\0"
                              "\x10\x90\x3e\0" "\0\xff\x2f\0");
    ck_assert_uint_eq(score.notes, 3);
    check_note(&score, 0, 0, 0x50, 60, 64);
    check_note(&score, 1, 0, 0x40, 62, 64);
    check_note(&score, 2, 0x40, 0x20, 62, 64);
    score_free(&score);
}
END_TEST

START_TEST(parts_are_tracks_channels_and_programs)
{
    struct score score = BODY("\0\xc0\1" "\0\x90\x3c\x40" "\0\x91\x3c\x40" "\0\x99\x24\x40" "\x10\xc0\2" "\0\x90\x3e\x40" "\x10\x80\x3c\0" "\0\x3e\0"
                              "\0\x81\x3c\0" "\0\x89\x24\0" "\0\xff\x2f\0");
    ck_assert_uint_eq(score.parts, 4);
    ck_assert_int_eq(score.part[0].program, 1);
    ck_assert_int_eq(score.part[1].program, 0);
    ck_assert(score.part[2].drums);
    ck_assert_int_eq(score.part[3].program, 2);
    score_free(&score);
}
END_TEST

START_TEST(wrappers_and_formats)
{
    struct score score;
    struct error error = {0};
#define TRACK "MTrk\0\0\0\x0c" "\0\x90\x3c\x40" "\x60\x80\x3c\0" "\0\xff\x2f\0"
    ck_assert(READ("RIFF\x3c\0\0\0RMIDdisp\1\0\0\0x\0data\x22\0\0\0" HEAD("\0", "\1", "\0", "\140") TRACK, &score, &error));
    ck_assert_uint_eq(score.notes, 1);
    score_free(&score);
    ck_assert(READ(HEAD("\2", "\2", "\0", "\140") TRACK "XYZ \0\0\0\1a" TRACK, &score, &error));
    ck_assert_uint_eq(score.notes, 2);
    check_note(&score, 1, 96, 96, 60, 64); /* format 2: one after the other */
    score_free(&score);
    ck_assert(READ(HEAD("\1", "\2", "\0", "\140") TRACK TRACK "trailing", &score, &error));
    check_note(&score, 1, 0, 96, 60, 64);
    ck_assert_uint_eq(score.parts, 2);
    score_free(&score);
}
END_TEST

#define ONE HEAD("\0", "\1", "\0", "\140")
#define T(n) "MTrk\0\0\0" n
static const struct { const char *file; size_t n; const char *says; } bad_files[] = {
#define BAD(file, says) {file, sizeof(file) - 1, says}
    BAD("", "an empty file"),
    BAD("M", "does not start with MThd"),
    BAD("MTh", "does not start with MThd"),
    BAD("\x89PNG\r\n\x1a\n", "does not start with MThd"),
    BAD("RIFF\x04\0\0\0WAVEfmt ", "RIFF file of another kind (WAVE)"),
    BAD("RIFF\x04\0\0\0RMID", "without whole data"),
    BAD("RIFF\x04\0\0\0RMIDdata\xff\xff\xff\x7f", "without whole data"),
    BAD("RIFF\x04\0\0\0RMIDdata\0\0\0\0", "an empty file"),
    BAD("MThd\0\0\0\6\0\1", "header is cut off"),
    BAD("MThd\0\0\0\5\0\0\0\1\0\x60", "header of 5 bytes"),
    BAD("MThd\xff\xff\xff\xff\0\0\0\1\0\x60", "header of 4294967295 bytes"),
    BAD(HEAD("\3", "\1", "\0", "\140"), "format 3"),
    BAD(HEAD("\0", "\0", "\0", "\140"), "no tracks"),
    BAD(HEAD("\0", "\1", "\xe7", "\x28"), "SMPTE"),
    BAD(HEAD("\0", "\1", "\0", "\0"), "0 ticks a quarter note"),
    BAD(ONE, "0 of 1 tracks"),
    BAD(ONE "MTrk\0\0", "0 of 1 tracks"),
    BAD("MThd\0\0\0\6\0\1\xff\xff\0\x60" T("\4") "\0\xff\x2f\0", "1 of 65535 tracks"),
    BAD(ONE T("\x50") "\0\xff\x2f\0", "a chunk of 80 bytes with 4 left"),
    BAD(ONE "MTrk\xff\xff\xff\xff\0\xff\x2f\0", "a chunk of 4294967295 bytes"),
    BAD(ONE T("\1") "\0", "ends inside an event"),
    BAD(ONE T("\3") "\0\x90\x3c", "ends inside an event"),
    BAD(ONE T("\2") "\0\x3c", "without a status byte before it"),
    BAD(ONE T("\6") "\0\xff\x01\0\0\x3c", "without a status byte before it"),
    BAD(ONE T("\x0b") "\0\x90\x3c\x40" "\0\xf0\1\xf7" "\0\x3c\0", "without a status byte before it"),      /* SysEx ends it */
    BAD(ONE T("\4") "\0\x90\x80\x40", "a data byte above 127"),
    BAD(ONE T("\4") "\0\x90\x3c\x90", "a data byte above 127"),
    BAD(ONE T("\2") "\0\xf4", "a status byte that files cannot have"),
    BAD(ONE T("\2") "\0\xf8", "a status byte that files cannot have"),
    BAD(ONE T("\2") "\0\xfd", "a status byte that files cannot have"),
    BAD(ONE T("\6") "\xff\xff\xff\xff\xff\0", "a delta time of more than 4 bytes"),
    BAD(ONE T("\x08") "\0\xff\x01\xff\xff\xff\xff\0", "a length of more than 4 bytes"),
    BAD(ONE T("\5") "\0\xff\x01\x7f\0", "ends inside an event"),
    BAD(ONE T("\6") "\0\xf0\xff\xff\xff\x7f", "ends inside an event"),
    BAD(ONE T("\x48") "\xff\xff\xff\x7f\xff\1\0" "\xff\xff\xff\x7f\xff\1\0" "\xff\xff\xff\x7f\xff\1\0" "\xff\xff\xff\x7f\xff\1\0"
                      "\xff\xff\xff\x7f\xff\1\0" "\xff\xff\xff\x7f\xff\1\0" "\xff\xff\xff\x7f\xff\1\0" "\xff\xff\xff\x7f\xff\1\0"
                      "\xff\xff\xff\x7f\xff\1\0" "\xff\xff\xff\x7f\xff\1\0" "\0\0", "beyond 2^31 ticks"),
    BAD(ONE T("\x0c") "\0\x90\x3c\x40" "\xff\xff\xff\x7f\xff\x2f\0\0", "hours of music"),
#undef BAD
};

START_TEST(bad_files_are_refused)
{
    for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++) {
        struct score score;
        struct error error = {0};
        ck_assert_msg(!midi_read(bad_files[i].file, bad_files[i].n, &score, &error), "file %zu was read", i);
        ck_assert_msg(strstr(error.text, bad_files[i].says) != NULL, "file %zu: \"%s\" lacks \"%s\"", i, error.text, bad_files[i].says);
        ck_assert_ptr_null(strchr(error.text, '\n'));
        ck_assert(strncmp(error.text, "MIDI: ", 6) == 0);
    }
}
END_TEST

START_TEST(huge_files_are_refused)
{
    size_t n = ((size_t)1 << 23) + 1;
    char *file = calloc(n, 1);
    struct score score;
    struct error error = {0};
    ck_assert(!midi_read(file, n, &score, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "a file of 8388609 bytes"));
    /* Two bytes an event by running status: more than 2^20 program changes. */
    memcpy(file, ONE "MTrk\0\x60\0\0\0\xc0", 24);
    memset(&error, 0, sizeof error);
    ck_assert(!midi_read(file, n - 1, &score, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "more than 1048576 events"));
    free(file);
}
END_TEST

/* A score with everything in it: random notes on a coarse grid, so that equal pitches meet and overlap. */
static struct score random_score(uint64_t seed, int parts, int notes, int division)
{
    struct score score = {.ticks_per_quarter = division};
    struct error error = {0};
    uint64_t k = 0;
    for (int p = 0; p < parts; p++) score_add_part(&score, (int)random_below(seed, 1, k++, 128), p % 5 == 4, "a part", &error);
    for (int i = 0; i < notes; i++) {
        struct score_note note = {.onset = (int64_t)random_below(seed, 2, k, 4000), .length = 1 + (int64_t)random_below(seed, 3, k, 900),
                                  .part = (uint16_t)random_below(seed, 4, k, (uint64_t)parts),
                                  .pitch = (uint8_t)random_below(seed, 5, k, 128), .velocity = (uint8_t)(1 + random_below(seed, 6, k, 127))};
        k++;
        score_add_note(&score, note, &error);
    }
    score_add_tempo(&score, 960, 400000, &error);
    score_add_tempo(&score, 0, 600000, &error);
    score_add_metre(&score, 0, 7, 8, &error);
    score_add_key(&score, 0, -6, false, &error);
    score_set_title(&score, "Sn\xc3\xb6", &error);
    score_set_recipe(&score, "{\"seed\":7}", &error);
    score_sort(&score);
    return score;
}

static void same_notes(const struct score *a, const struct score *b)
{
    ck_assert_uint_eq(a->notes, b->notes);
    for (size_t i = 0; i < a->notes; i++) {
        ck_assert_int_eq(a->note[i].onset, b->note[i].onset);
        ck_assert_int_eq(a->note[i].pitch, b->note[i].pitch);
    }
}

START_TEST(written_files_are_read_back)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        int parts = 1 + (int)random_below(seed, 9, 0, 40);
        struct score score = random_score(seed, parts, 300, 480), again, third;
        struct bytes file = {0}, file2 = {0}, file3 = {0};
        struct error error = {0};
        ck_assert_msg(midi_write(&score, &file, &error), "%s", error.text);
        ck_assert_msg(midi_read(file.data, file.n, &again, &error), "%s", error.text);
        ck_assert_str_eq(again.title, score.title);
        ck_assert_str_eq(again.recipe, score.recipe);
        ck_assert_uint_eq(again.tempos, 2);
        ck_assert_uint_eq(again.tempo[1].us_per_quarter, 400000);
        ck_assert_int_eq(again.metre[0].numerator, 7);
        ck_assert_int_eq(again.key[0].sharps, -6);
        if (score.parts == again.parts) same_notes(&score, &again);
        ck_assert_uint_eq(score.notes, again.notes);
        ck_assert(midi_write(&again, &file2, &error));
        /* Overlapping notes of one pitch may have swapped their ends; from then on nothing changes. */
        ck_assert(midi_read(file2.data, file2.n, &third, &error));
        ck_assert(midi_write(&third, &file3, &error));
        ck_assert_uint_eq(file2.n, file3.n);
        ck_assert_int_eq(memcmp(file2.data, file3.data, file2.n), 0);
        bytes_free(&file3);
        score_free(&third);
        bytes_free(&file);
        bytes_free(&file2);
        score_free(&score);
        score_free(&again);
    }
}
END_TEST

/* Where a track says which port its channels belong to: how many times each of ports 0 to 3. */
static void count_ports(const struct bytes *file, int ports[4])
{
    memset(ports, 0, 4 * sizeof *ports);
    for (const uint8_t *at = file->data; (at = memmem(at, (size_t)(file->data + file->n - at), "\xff\x21\1", 3)) != NULL; at += 3) ports[at[3] & 3]++;
}

START_TEST(programs_beyond_fifteen_go_to_the_next_port)
{
    for (int programs = 14; programs <= 34; programs += 4) {
        struct score score = {.ticks_per_quarter = 480}, again;
        struct bytes file = {0};
        struct error error = {0};
        int ports[4];
        for (int p = 0; p <= programs; p++) {
            ck_assert(score_add_part(&score, p, p == programs, NULL, &error));
            ck_assert(score_add_note(&score, (struct score_note){0, 480, (uint16_t)p, 60, 80}, &error));
        }
        ck_assert(midi_write(&score, &file, &error) && midi_read(file.data, file.n, &again, &error));
        count_ports(&file, ports);
        ck_assert_int_eq(ports[0], programs <= 15 ? 0 : 16);   /* drums are there, too */
        ck_assert_int_eq(ports[1], programs <= 15 ? 0 : programs < 30 ? programs - 15 : 15);
        ck_assert_int_eq(ports[2], programs <= 30 ? 0 : programs - 30);
        ck_assert_uint_eq(again.parts, score.parts);
        for (int p = 0; p < programs; p++) ck_assert_int_eq(again.part[p].program, p);
        bytes_free(&file);
        score_free(&score), score_free(&again);
    }
}
END_TEST

START_TEST(repeated_notes_are_separate)
{
    struct score s = {.ticks_per_quarter = 480};
    struct error error = {0};
    static const struct score_note notes[] = {{0, 960, 0, 60, 80}, {0, 960, 0, 64, 80}, {0, 960, 1, 60, 80}, {480, 960, 0, 60, 80}, {960, 480, 0, 64, 80}, {1200, 10, 0, 60, 80}};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) ck_assert(score_add_note(&s, notes[i], &error));
    score_sort(&s);
    score_separate(&s);
    static const int64_t lengths[] = {480, 960, 960, 720, 480, 10};
    for (size_t i = 0; i < s.notes; i++) ck_assert_int_eq(s.note[i].length, lengths[i]);
    score_free(&s);
}
END_TEST

START_TEST(times_are_rescaled)
{
    struct score score = {.ticks_per_quarter = 96}, again;
    struct bytes file = {0};
    struct error error = {0};
    score_add_part(&score, 3, false, NULL, &error);
    score_add_note(&score, (struct score_note){96, 48, 0, 60, 90}, &error);
    ck_assert(midi_write(&score, &file, &error));
    ck_assert(midi_read(file.data, file.n, &again, &error));
    ck_assert_int_eq(again.ticks_per_quarter, 480);
    check_note(&again, 0, 480, 240, 60, 90);
    ck_assert_str_eq(again.part[0].name, "Honky-tonk Piano");
    score_free(&again);
    score.note[0].pitch = 200;
    ck_assert(!midi_write(&score, &file, &error));
    score_free(&score);
    bytes_free(&file);
}
END_TEST

START_TEST(mutated_files_do_no_harm)
{
    struct score score = random_score(1, 6, 200, 480), out;
    struct bytes file = {0};
    struct error error = {0};
    ck_assert(midi_write(&score, &file, &error));
    uint8_t *copy = malloc(file.n);
    int read = 0;
    for (uint64_t i = 0; i < 4000; i++) {
        size_t n = i % 4 == 0 ? (size_t)random_below(i, 1, 0, file.n + 1) : file.n;
        memcpy(copy, file.data, n);
        for (uint64_t k = 0; n > 0 && k < 1 + i % 7; k++)
            copy[random_below(i, 2, k, n)] = (uint8_t)random_below(i, 3, k, 256);
        uint8_t *exact = malloc(n); /* so that the sanitizer sees reads past the end */
        memcpy(exact, copy, n);
        memset(&error, 0, sizeof error);
        bool ok = midi_read(exact, n, &out, &error);
        ck_assert(ok || error.text[0] != 0);
        read += ok;
        score_free(&out);
        free(exact);
    }
    ck_assert_int_gt(read, 100);
    free(copy);
    bytes_free(&file);
    score_free(&score);
}
END_TEST

START_TEST(every_failed_allocation_is_an_error)
{
    struct score score = random_score(1, 6, 200, 480), out;
    struct bytes file = {0};
    struct error error = {0};
    ck_assert(midi_write(&score, &file, &error));
    for (size_t k = 1;; k++) {
        struct bytes again = {0};
        memset(&error, 0, sizeof error);
        mem_fail_at(k);
        bool ok = midi_read(file.data, file.n, &out, &error) && midi_write(&out, &again, &error);
        bool all = mem_fail_at(0) < k;
        ck_assert(ok || error.kind == ERROR_MEMORY);
        score_free(&out);
        bytes_free(&again);
        if (ok && all) break;
        ck_assert_uint_lt(k, 1000);
    }
    bytes_free(&file);
    score_free(&score);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("midi");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, running_status_and_velocity_zero);
    tcase_add_test(all, meta_events_are_kept);
    tcase_add_test(all, longer_meta_events_are_read);
    tcase_add_test(all, senseless_meta_events_are_skipped);
    tcase_add_test(all, pedal_lengthens_notes);
    tcase_add_test(all, parts_are_tracks_channels_and_programs);
    tcase_add_test(all, wrappers_and_formats);
    tcase_add_test(all, bad_files_are_refused);
    tcase_add_test(all, huge_files_are_refused);
    tcase_add_test(all, written_files_are_read_back);
    tcase_add_test(all, programs_beyond_fifteen_go_to_the_next_port);
    tcase_add_test(all, repeated_notes_are_separate);
    tcase_add_test(all, times_are_rescaled);
    tcase_add_test(all, mutated_files_do_no_harm);
    tcase_add_test(all, every_failed_allocation_is_an_error);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
