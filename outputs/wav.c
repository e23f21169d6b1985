/* Sound files of scores; see wav.h. */
#include "outputs/wav.h"
#include "core/mem.h"
#include "outputs/fluid.h"
#include "outputs/synth.h"
#include "outputs/timeline.h"

#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096u   /* frames written in one call */
#define TAIL_SECONDS 2
#define PEAK 0.891f   /* -1 dB */
#define QUIET 0.5f    /* pieces below are raised, at most twofold */

/* ---- libsndfile on a buffer ---- */

struct target { struct bytes *out; size_t start, at; struct error *error; bool failed; };

static sf_count_t target_length(void *user)
{
    struct target *target = user;
    return (sf_count_t)(target->out->n - target->start);
}

static sf_count_t target_seek(sf_count_t offset, int whence, void *user)
{
    struct target *target = user;
    sf_count_t to = offset;
    if (whence == SEEK_CUR) to += (sf_count_t)target->at;
    if (whence == SEEK_END) to += target_length(user);
    if (to < 0 || to > target_length(user)) return -1;
    target->at = (size_t)to;
    return to;
}

static sf_count_t target_read(void *data, sf_count_t count, void *user)
{
    struct target *target = user;
    size_t left = (size_t)target_length(user) - target->at, n = (size_t)count < left ? (size_t)count : left;
    memcpy(data, target->out->data + target->start + target->at, n);
    target->at += n;
    return (sf_count_t)n;
}

static sf_count_t target_write(const void *data, sf_count_t count, void *user)
{
    struct target *target = user;
    size_t n = (size_t)count, have = (size_t)target_length(user);
    size_t over = target->at + n > have ? target->at + n - have : 0;
    if (over > 0) {
        if (!bytes_append(target->out, (const char *)data + n - over, over, target->error)) {
            target->failed = true;
            return 0;
        }
    }
    memcpy(target->out->data + target->start + target->at, data, n);
    target->at += n;
    return count;
}

static sf_count_t target_tell(void *user)
{
    struct target *target = user;
    return (sf_count_t)target->at;
}

/* 16 bits, clipped: by ourselves, as libsndfile rounds differently for each format. */
static void round_samples(const float *samples, size_t n, short *out)
{
    for (size_t i = 0; i < n; i++) {
        float value = samples[i] * 32767;
        out[i] = (short)(value >= 32767 ? 32767 : value <= -32768 ? -32768 : lrintf(value));
    }
}

/* In blocks: the Vorbis encoder keeps a call's samples on its stack. */
static bool put_samples(SNDFILE *file, enum wav_format format, const float *samples, size_t frames)
{
    short rounded[2 * BLOCK];
    for (size_t at = 0; at < frames; at += BLOCK) {
        sf_count_t n = (sf_count_t)(frames - at < BLOCK ? frames - at : BLOCK);
        round_samples(samples + 2 * at, 2 * (size_t)n, rounded);
        if (format == WAV_OGG ? sf_writef_float(file, samples + 2 * at, n) != n : sf_writef_short(file, rounded, n) != n) return false;
    }
    return true;
}

bool wav_write(const float *samples, size_t frames, enum wav_format format, const char *title, const char *comment, struct bytes *out,
               struct error *error)
{
    static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS};
    struct target target = {.out = out, .start = out->n, .error = error};
    SF_VIRTUAL_IO io = {target_length, target_seek, target_read, target_write, target_tell};
    SF_INFO info = {.samplerate = TIMELINE_RATE, .channels = 2, .format = formats[format]};
    if (!bytes_reserve(out, frames * 4 + 4096, error)) return false;
    SNDFILE *file = sf_open_virtual(&io, SFM_WRITE, &info, &target);
    if (file == NULL) {
        out->n = target.start;
        return error_set(error, ERROR_IO, "WAV: %s; a sound file is wanted", sf_strerror(NULL));
    }
    sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
    sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE);
    if (title != NULL && title[0] != 0) sf_set_string(file, SF_STR_TITLE, title);
    if (comment != NULL && comment[0] != 0 && strlen(comment) <= WAV_COMMENT_MOST) sf_set_string(file, SF_STR_COMMENT, comment);
    bool ok = put_samples(file, format, samples, frames);
    ok = sf_close(file) == 0 && ok && !target.failed;
    if (ok) return true;
    out->n = target.start;
    return error_set(error, ERROR_IO, "WAV: the samples cannot be written; a sound file is wanted");
}

/* ---- Scores ---- */

static bool check(const struct score *score, struct error *error)
{
    if (score->notes == 0) return error_set(error, ERROR_INPUT, "WAV: a score without notes; at least one is wanted");
    if (score->ticks_per_quarter < 1)
        return error_set(error, ERROR_INPUT, "WAV: %d ticks a quarter note; at least 1 is wanted", score->ticks_per_quarter);
    for (size_t i = 0; i < score->notes; i++) {
        const struct score_note *note = &score->note[i];
        if (note->part >= score->parts || note->pitch > 127 || note->velocity > 127 || note->onset < 0 || note->length < 0 ||
            note->onset > INT32_MAX || note->length > INT32_MAX)
            return error_set(error, ERROR_INPUT, "WAV: note %zu is out of range; pitch, velocity 0 to 127 are wanted", i + 1);
    }
    return true;
}

static void set_level(float *samples, size_t n)
{
    float peak = 0, scale = 1;
    for (size_t i = 0; i < n; i++) {
        float value = fabsf(samples[i]);
        if (value > peak) peak = value;
    }
    if (peak > PEAK) scale = PEAK / peak;
    else if (peak > 0 && peak < QUIET) scale = QUIET / peak < 2 ? QUIET / peak : 2;
    for (size_t i = 0; i < n; i++) samples[i] *= scale;
}

static bool render(const struct score *score, enum wav_synth synth, const char *soundfont, const struct timeline *timeline,
                   float *samples, size_t frames, struct error *error)
{
    const char *font = fluid_soundfont(soundfont);
    bool fluid = synth == WAV_SYNTH_FLUID || (synth == WAV_SYNTH_BEST && soundfont != NULL) ||
                 (synth == WAV_SYNTH_BEST && font != NULL && fluid_available());
    return fluid ? fluid_render(score, timeline, font, samples, frames, error)
                 : synth_render(score, timeline, samples, frames, error);
}

bool wav_render(const struct score *score, enum wav_format format, enum wav_synth synth, const char *soundfont,
                struct bytes *out, struct error *error)
{
    struct timeline timeline;
    if (!check(score, error) || !timeline_make(score, &timeline, error)) return false;
    double minutes = (double)timeline.end / (60.0 * TIMELINE_RATE);
    size_t frames = 0;
    float *samples = NULL;
    bool ok = minutes <= WAV_MINUTES_MOST ||
              error_set(error, ERROR_INPUT, "WAV: %.1f minutes of music; at most %d are wanted", minutes, WAV_MINUTES_MOST);
    if (ok) {
        frames = (size_t)timeline.end + (size_t)TAIL_SECONDS * TIMELINE_RATE;
        samples = mem_alloc(frames * 2, sizeof *samples, error); /* (frames, 2) */
        ok = samples != NULL && render(score, synth, soundfont, &timeline, samples, frames, error);
    }
    if (ok) {
        set_level(samples, frames * 2);
        ok = wav_write(samples, frames, format, score->title, score->recipe, out, error);
    }
    mem_free(samples);
    timeline_free(&timeline);
    return ok;
}
