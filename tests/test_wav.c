/* Sound: WAV files from scores, by FluidSynth where it is and by the small synthesizer. */
#include "core/mem.h"
#include "outputs/fluid.h"
#include "outputs/synth.h"
#include "outputs/timeline.h"
#include "outputs/wav.h"

#include "outputs/roll.h"
#include "tests/suite.h"

#include <check.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct score tune(void)
{
    struct score score = {.ticks_per_quarter = 480};
    struct error error = {0};
    score_add_part(&score, 40, false, NULL, &error);
    score_add_part(&score, 0, true, NULL, &error);
    score_add_part(&score, 0, false, NULL, &error);
    for (int i = 0; i < 8; i++) {
        score_add_note(&score, (struct score_note){480 + i * 240, 240, 0, (uint8_t)(60 + i), 90}, &error);
        score_add_note(&score, (struct score_note){480 + i * 240, 60, 1, (uint8_t)(i % 2 ? 42 : 36), 90}, &error);
    }
    score_add_note(&score, (struct score_note){480, 1920, 2, 48, 70}, &error);
    score_add_tempo(&score, 480, 250000, &error); /* half a second of silence, then an eighth note is an eighth of a second */
    score_set_title(&score, "A tune", &error);
    score_set_recipe(&score, "{\"seed\":1}", &error);
    return score;
}

static int sample(const struct bytes *wav, size_t frame, size_t data)
{
    const uint8_t *p = wav->data + data + 4 * frame;
    return (int16_t)(p[0] | p[1] << 8);
}

/* Where the samples start: behind the chunk named "data". */
static size_t data_of(const struct bytes *wav, uint32_t *size)
{
    size_t at = 12;
    while (at + 8 <= wav->n) {
        const uint8_t *p = wav->data + at;
        uint32_t n = (uint32_t)p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
        if (memcmp(p, "data", 4) == 0) {
            *size = n;
            return at + 8;
        }
        at += 8 + n + (n & 1);
    }
    return 0;
}

static void check_render(enum wav_synth synth)
{
    struct score score = tune();
    struct bytes wav = {0}, again = {0};
    struct error error = {0};
    uint32_t size = 0;
    ck_assert_msg(wav_render(&score, WAV_RIFF, synth, NULL, &wav, &error), "%s", error.text);
    size_t data = data_of(&wav, &size);
    ck_assert_uint_gt(data, 0);
    ck_assert_uint_eq(size, (22050 + 44100 + 2 * 44100) * 4);
    int loudest = 0, early = 0;
    for (size_t i = 0; i < size / 4; i++) {
        int value = abs(sample(&wav, i, data));
        if (value > loudest) loudest = value;
        if (i < 22000 && value > early) early = value;
    }
    ck_assert_int_gt(loudest, 3000);
    ck_assert_int_lt(loudest, 29300); /* -1 dB */
    ck_assert_int_lt(early, 40);      /* the first note starts after half a second */
    ck_assert_ptr_nonnull(memmem(wav.data, wav.n, "A tune", 6));
    ck_assert_ptr_nonnull(memmem(wav.data, wav.n, "{\"seed\":1}", 10));
    ck_assert(wav_render(&score, WAV_RIFF, synth, NULL, &again, &error));
    ck_assert_uint_eq(wav.n, again.n);
    ck_assert_int_eq(memcmp(wav.data, again.data, wav.n), 0);
    bytes_free(&wav);
    bytes_free(&again);
    score_free(&score);
}

START_TEST(builtin_synth_renders)
{
    check_render(WAV_SYNTH_BUILTIN);
}
END_TEST

START_TEST(fluidsynth_renders)
{
    if (fluid_available() && fluid_soundfont(NULL) != NULL) check_render(WAV_SYNTH_FLUID);
}
END_TEST

START_TEST(every_program_and_drum_sounds)
{
    for (int i = 0; i < 128; i++) {
        struct score score = {.ticks_per_quarter = 480};
        struct error error = {0};
        struct timeline timeline;
        score_add_part(&score, i, i % 2, NULL, &error);
        score_add_note(&score, (struct score_note){0, 240, 0, (uint8_t)i, 100}, &error);
        ck_assert(timeline_make(&score, &timeline, &error));
        size_t frames = 22050;
        float *samples = mem_alloc(frames * 2, sizeof *samples, &error);
        ck_assert(synth_render(&score, &timeline, samples, frames, &error));
        float peak = 0;
        bool finite = true; /* a check of Check's for every sample would take most of the time */
        for (size_t k = 0; k < frames * 2; k++) {
            finite = finite && isfinite(samples[k]);
            if (fabsf(samples[k]) > peak) peak = fabsf(samples[k]);
        }
        ck_assert_msg(finite && peak > .02f && peak < 2, "program %d: peak %.3f", i, (double)peak);
        mem_free(samples);
        timeline_free(&timeline);
        score_free(&score);
    }
}
END_TEST

START_TEST(loud_samples_are_clipped)
{
    float samples[8] = {1.5f, -2.0f, 1, -1, 0, .5f, -.5f, 0};
    struct bytes wav = {0};
    struct error error = {0};
    uint32_t size = 0;
    ck_assert(wav_write(samples, 4, WAV_RIFF, NULL, NULL, &wav, &error));
    size_t data = data_of(&wav, &size);
    ck_assert_uint_eq(size, 16);
    ck_assert_int_eq(sample(&wav, 0, data), 32767);
    ck_assert_int_eq((int16_t)(wav.data[data + 2] | wav.data[data + 3] << 8), -32768);
    ck_assert_int_gt(sample(&wav, 1, data), 32000);
    bytes_free(&wav);
}
END_TEST

START_TEST(long_recipes_fit)
{
    float samples[8] = {0};
    struct bytes wav = {0};
    struct error error = {0};
    char *text = malloc(WAV_COMMENT_MOST + 1);
    memset(text, 'x', WAV_COMMENT_MOST);
    text[WAV_COMMENT_MOST] = 0;
    ck_assert(wav_write(samples, 4, WAV_RIFF, "t", text, &wav, &error));
    ck_assert_ptr_nonnull(memmem(wav.data, wav.n, text, WAV_COMMENT_MOST));
    free(text);
    bytes_free(&wav);
}
END_TEST

START_TEST(what_cannot_be_rendered_is_told)
{
    struct score score = {.ticks_per_quarter = 480};
    struct bytes wav = {0};
    struct error error = {0};
    ck_assert(!wav_render(&score, WAV_RIFF, WAV_SYNTH_BUILTIN, NULL, &wav, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "without notes"));
    memset(&error, 0, sizeof error);
    score_add_part(&score, 0, false, NULL, &error);
    score_add_note(&score, (struct score_note){480 * 2 * 60 * 21, 480, 0, 60, 80}, &error);
    ck_assert(!wav_render(&score, WAV_RIFF, WAV_SYNTH_BUILTIN, NULL, &wav, &error));
    ck_assert_str_eq(error.text, "WAV: 21.0 minutes of music; at most 20 are wanted");
    memset(&error, 0, sizeof error);
    score.note[0].onset = 0;
    ck_assert(!wav_render(&score, WAV_RIFF, WAV_SYNTH_BEST, "/nowhere/x.sf2", &wav, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "FluidSynth: "));
    ck_assert_uint_eq(wav.n, 0);
    memset(&error, 0, sizeof error);
    mem_fail_at(4);
    ck_assert(!wav_render(&score, WAV_RIFF, WAV_SYNTH_BUILTIN, NULL, &wav, &error));
    mem_fail_at(0);
    ck_assert_int_eq(error.kind, ERROR_MEMORY);
    score_free(&score);
    bytes_free(&wav);
}
END_TEST

/* Samples of a sound file by libsndfile's own reader; the caller frees them. */
static short *decode(const struct bytes *file, sf_count_t *frames)
{
    char path[] = "/tmp/triptych-sound-XXXXXX";
    SF_INFO info = {0};
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, file->data, file->n) == (ssize_t)file->n && close(fd) == 0);
    SNDFILE *sound = sf_open(path, SFM_READ, &info);
    ck_assert_ptr_nonnull(sound);
    ck_assert(info.channels == 2 && info.samplerate == 44100);
    ck_assert_str_eq(sf_get_string(sound, SF_STR_COMMENT), "{\"seed\":1}");
    short *samples = calloc((size_t)info.frames * 2, sizeof *samples);
    *frames = sf_readf_short(sound, samples, info.frames);
    ck_assert(*frames == info.frames);
    sf_close(sound);
    unlink(path);
    return samples;
}

START_TEST(formats_hold_the_same_sound)
{
    struct score score = tune();
    short *samples[3];
    sf_count_t frames[3];
    for (int format = WAV_RIFF; format <= WAV_OGG; format++) {
        struct bytes file = {0};
        struct error error = {0};
        ck_assert(wav_render(&score, (enum wav_format)format, WAV_SYNTH_BUILTIN, NULL, &file, &error));
        samples[format] = decode(&file, &frames[format]);
        bytes_free(&file);
    }
    ck_assert_int_eq(frames[0], frames[1]);
    ck_assert_int_eq(frames[0], frames[2]);
    ck_assert(memcmp(samples[0], samples[1], (size_t)frames[0] * 4) == 0);
    double difference = 0, power = 0;
    for (sf_count_t i = 0; i < 2 * frames[0]; i++) difference += pow(samples[0][i] - samples[2][i], 2), power += pow(samples[0][i], 2);
    ck_assert_msg(difference < power / 20, "Ogg differs by %g of the power", difference / power);
    for (int format = 0; format < 3; format++) free(samples[format]);
    score_free(&score);
}
END_TEST

static int count_colour(const struct sprite *s, const uint8_t *rgb)
{
    int n = 0;
    for (int i = 0; i < s->width * s->height; i++) n += memcmp(s->rgba + 4 * i, rgb, 3) == 0;
    return n;
}

START_TEST(rolls_show_the_notes)
{
    struct score score = {.ticks_per_quarter = 480};
    struct sprite roll;
    struct error error = {0};
    ck_assert(!roll_draw(&score, &roll, &error) && strstr(error.text, "without notes") != NULL);
    memset(&error, 0, sizeof error);
    score_add_part(&score, 0, false, NULL, &error);
    score_add_note(&score, (struct score_note){480, 960, 0, 64, 90}, &error);
    ck_assert(roll_draw(&score, &roll, &error));
    ck_assert(roll.width == 4 * 24 + 2 && roll.height == 3 * 5);                /* one bar, one pitch more on both sides */
    const uint8_t *note = roll.rgba + 4 * (7 * roll.width + 30);
    ck_assert_int_eq(count_colour(&roll, note), 5 * 47);                        /* two quarters, a column short of the end */
    ck_assert(memcmp(note, roll.rgba + 4 * (7 * roll.width + 20), 3) != 0);
    sprite_free(&roll);
    for (int i = 0; i < 4000; i++) score_add_note(&score, (struct score_note){480 * i, 480, 0, (uint8_t)(40 + i % 40), 90}, &error);
    score_sort(&score);
    ck_assert(roll_draw(&score, &roll, &error) && roll.width <= 1024 && roll.height <= 1024 && roll.height > 100);
    sprite_free(&roll);
    ck_assert(roll_draw_small(&score, 80, &roll, &error) && roll.width == 80 && roll.height == 42);
    sprite_free(&roll);
    score_free(&score);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wav");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, builtin_synth_renders);
    tcase_add_test(all, fluidsynth_renders);
    tcase_add_test(all, every_program_and_drum_sounds);
    tcase_add_test(all, loud_samples_are_clipped);
    tcase_add_test(all, formats_hold_the_same_sound);
    tcase_add_test(all, rolls_show_the_notes);
    tcase_add_test(all, long_recipes_fit);
    tcase_add_test(all, what_cannot_be_rendered_is_told);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
