/* FluidSynth, opened when needed; see fluid.h. */
#include "outputs/fluid.h"
#include "core/file.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define DRUM_CHANNEL 9
#define CHANNELS_MOST 256
#define BLOCK 16384 /* frames rendered in one call */

static const char *const libraries[] = {"libfluidsynth.so.3", "libfluidsynth.so.2", "libfluidsynth.3.dylib"};

static const char *const soundfonts[] = {
    "/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/sounds/sf2/default-GM.sf2", "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/soundfonts/default.sf2", "/usr/share/soundfonts/FluidR3_GM.sf2", "/usr/share/sounds/sf3/default-GM.sf3",
};

typedef void (*log_function)(int level, const char *message, void *data);

/* The library's functions; settings and synth are opaque to us. */
struct fluid {
    void *library;
    void *(*new_settings)(void);
    void (*delete_settings)(void *);
    int (*set_number)(void *, const char *, double);
    int (*set_integer)(void *, const char *, int);
    void *(*new_synth)(void *);
    void (*delete_synth)(void *);
    int (*load)(void *, const char *, int);
    int (*program)(void *, int, int);
    int (*note_on)(void *, int, int, int);
    int (*note_off)(void *, int, int);
    int (*write)(void *, int, void *, int, int, void *, int, int);
    log_function (*set_log)(int, log_function, void *);
};

static const struct { const char *name; size_t offset; } functions[] = {
    {"new_fluid_settings", offsetof(struct fluid, new_settings)},
    {"delete_fluid_settings", offsetof(struct fluid, delete_settings)},
    {"fluid_settings_setnum", offsetof(struct fluid, set_number)},
    {"fluid_settings_setint", offsetof(struct fluid, set_integer)},
    {"new_fluid_synth", offsetof(struct fluid, new_synth)},
    {"delete_fluid_synth", offsetof(struct fluid, delete_synth)},
    {"fluid_synth_sfload", offsetof(struct fluid, load)},
    {"fluid_synth_program_change", offsetof(struct fluid, program)},
    {"fluid_synth_noteon", offsetof(struct fluid, note_on)},
    {"fluid_synth_noteoff", offsetof(struct fluid, note_off)},
    {"fluid_synth_write_float", offsetof(struct fluid, write)},
    {"fluid_set_log_function", offsetof(struct fluid, set_log)},
};

static void say_nothing(int level, const char *message, void *data)
{
    (void)level;
    (void)message;
    (void)data;
}

/* Open the library and find its functions. It stays loaded until the program ends (its own threads may outlive us). */
static bool open_library(struct fluid *fluid)
{
    memset(fluid, 0, sizeof *fluid);
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0] && fluid->library == NULL; i++)
        fluid->library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    if (fluid->library == NULL) return false;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *address = dlsym(fluid->library, functions[i].name);
        if (address == NULL) return false;
        memcpy((char *)fluid + functions[i].offset, &address, sizeof address);
    }
    for (int level = 0; level < 5; level++) fluid->set_log(level, say_nothing, NULL);
    return true;
}

bool fluid_available(void)
{
    struct fluid fluid;
    return open_library(&fluid);
}

const char *fluid_soundfont(const char *wanted)
{
    if (wanted != NULL && *wanted != 0) return wanted;
    const char *named = getenv("TRIPTYCH_SOUNDFONT");
    if (named != NULL && *named != 0) return named;
    for (size_t i = 0; i < sizeof soundfonts / sizeof soundfonts[0]; i++)
        if (file_exists(soundfonts[i])) return soundfonts[i];
    return NULL;
}

/* A channel for each part: drums 9, the others 0, 1, … without 9; beyond 256 they share. */
static int channel_of(const struct score *score, size_t part)
{
    if (score->part[part].drums) return DRUM_CHANNEL;
    int channel = (int)(part % (CHANNELS_MOST - 1));
    return channel < DRUM_CHANNEL ? channel : channel + 1;
}

static void *make_synth(const struct fluid *fluid, void *settings, const struct score *score)
{
    int channels = score->parts + 1 > CHANNELS_MOST ? CHANNELS_MOST : ((int)score->parts + 16) / 16 * 16;
    fluid->set_number(settings, "synth.gain", 0.6);
    fluid->set_number(settings, "synth.sample-rate", TIMELINE_RATE);
    fluid->set_integer(settings, "synth.midi-channels", channels);
    fluid->set_integer(settings, "synth.polyphony", 512);
    fluid->set_integer(settings, "synth.cpu-cores", 1);
    fluid->set_integer(settings, "synth.lock-memory", 0);
    fluid->set_integer(settings, "synth.reverb.active", 1);
    fluid->set_integer(settings, "synth.chorus.active", 1);
    return fluid->new_synth(settings);
}

static bool render_frames(const struct fluid *fluid, void *synth, float *samples, int64_t from, int64_t to)
{
    while (from < to) {
        int n = to - from > BLOCK ? BLOCK : (int)(to - from);
        float *at = samples + 2 * from;
        if (fluid->write(synth, n, at, 0, 2, at, 1, 2) != 0) return false;
        from += n;
    }
    return true;
}

static bool play(const struct fluid *fluid, void *synth, const struct score *score, const struct timeline *timeline,
                 float *samples, size_t frames, struct error *error)
{
    int64_t at = 0, end = (int64_t)frames;
    bool ok = true;
    for (size_t p = 0; p < score->parts; p++) fluid->program(synth, channel_of(score, p), score->part[p].program);
    for (size_t i = 0; ok && i < timeline->n; i++) {
        const struct timeline_event *event = &timeline->event[i];
        int64_t frame = event->frame < end ? event->frame : end;
        ok = render_frames(fluid, synth, samples, at, frame);
        at = frame;
        int channel = channel_of(score, event->part);
        if (event->velocity > 0) fluid->note_on(synth, channel, event->pitch, event->velocity);
        else fluid->note_off(synth, channel, event->pitch);
    }
    ok = ok && render_frames(fluid, synth, samples, at, end);
    return ok || error_set(error, ERROR_IO, "FluidSynth: rendering failed; sound is wanted");
}

bool fluid_render(const struct score *score, const struct timeline *timeline, const char *soundfont, float *samples,
                  size_t frames, struct error *error)
{
    struct fluid fluid;
    if (!open_library(&fluid))
        return error_set(error, ERROR_IO, "FluidSynth: the library is not there; the package libfluidsynth3 is wanted");
    if (soundfont == NULL || !file_exists(soundfont))
        return error_set(error, ERROR_IO, "FluidSynth: no soundfont%s%s; a .sf2 file is wanted (package timgm6mb-soundfont)",
                         soundfont == NULL ? "" : " at ", soundfont == NULL ? "" : soundfont);
    void *settings = fluid.new_settings(), *synth = settings == NULL ? NULL : make_synth(&fluid, settings, score);
    bool ok = synth != NULL || error_set(error, ERROR_MEMORY, "FluidSynth: no synthesizer; memory is wanted");
    if (ok && fluid.load(synth, soundfont, 1) < 0)
        ok = error_set(error, ERROR_INPUT, "FluidSynth: %s cannot be read; a .sf2 soundfont is wanted", soundfont);
    ok = ok && play(&fluid, synth, score, timeline, samples, frames, error);
    if (synth != NULL) fluid.delete_synth(synth);
    if (settings != NULL) fluid.delete_settings(settings);
    return ok;
}
