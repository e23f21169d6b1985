/* The small synthesizer; see synth.h. Times in the tables are seconds, levels are fractions. */
#include "outputs/synth.h"
#include "core/mem.h"

#include <math.h>
#include <string.h>

#define RATE ((double)TIMELINE_RATE)
#define TABLE 1024    /* samples of one period, and one more for interpolation */
#define HARMONICS 8
#define OCTAVES 11
#define FAMILIES 16
#define PI 3.14159265358979323846

struct timbre {
    float harmonic[HARMONICS];
    double attack, decay, sustain, release, vibrato; /* decay: time to fall to a third on the way to sustain; vibrato: depth */
    double level;
};

static const struct timbre timbres[FAMILIES] = {
    /* piano */     {{1, .5f, .25f, .15f, .1f, .05f, .03f, .02f}, .003, .7, 0, .15, 0, 1},
    /* chromatic */ {{1, 0, .1f, .3f, 0, 0, .05f, 0}, .002, .5, 0, .3, 0, 1},
    /* organ */     {{1, .6f, .4f, .3f, 0, .2f, 0, .15f}, .02, 1, .9, .06, 0, .6},
    /* guitar */    {{1, .6f, .35f, .25f, .15f, .1f, .05f, .03f}, .002, .45, 0, .12, 0, 1},
    /* bass */      {{1, .7f, .3f, .1f, .05f, 0, 0, 0}, .005, .6, .2, .08, 0, 1.2},
    /* strings */   {{1, .5f, .4f, .3f, .25f, .15f, .12f, .1f}, .06, 1, .85, .15, .003, .6},
    /* ensemble */  {{1, .4f, .3f, .25f, .15f, .1f, .1f, .05f}, .09, 1, .9, .25, .003, .6},
    /* brass */     {{1, .8f, .7f, .5f, .35f, .2f, .15f, .1f}, .04, .5, .8, .08, .001, .5},
    /* reed */      {{1, .15f, .6f, .15f, .4f, .1f, .2f, .05f}, .03, 1, .9, .07, .002, .6},
    /* pipe */      {{1, .25f, .1f, .05f, 0, 0, 0, 0}, .04, 1, .9, .08, .003, .9},
    /* lead */      {{1, 0, .33f, 0, .2f, 0, .14f, 0}, .01, 1, .8, .06, .002, .6},
    /* pad */       {{1, .4f, .2f, .3f, .1f, .1f, 0, .1f}, .2, 1, .9, .5, .002, .6},
    /* effects */   {{1, .3f, .5f, .1f, .3f, 0, .2f, 0}, .1, .8, .6, .5, .004, .5},
    /* ethnic */    {{1, .7f, .5f, .35f, .25f, .2f, .1f, .1f}, .003, .35, .1, .12, 0, .9},
    /* percussive */{{1, 0, 0, .4f, 0, .2f, 0, .1f}, .001, .2, 0, .15, 0, 1},
    /* noises */    {{1, .2f, .1f, 0, 0, 0, 0, 0}, .05, .5, .3, .2, .01, .4},
};

/* Programs that differ from their family: a bowed or blown one among plucked ones. */
static int family_of(int program)
{
    if (program >= 21 && program <= 23) return 8;                     /* accordion, harmonica: reeds */
    if (program == 45 || program == 46) return 3;                     /* pizzicato, harp: plucked */
    if (program == 109 || program == 111) return 8;                   /* bagpipe, shanai */
    if (program == 110) return 5;                                     /* fiddle */
    return program / 8;
}

struct synth {
    float table[FAMILIES][OCTAVES][TABLE + 1]; /* by octave, without harmonics above half the rate */
    bool made[FAMILIES][OCTAVES];
    float *samples;                            /* (frames, 2) */
    int64_t frames;
};

static double frequency(double pitch)
{
    return 440.0 * pow(2.0, (pitch - 69.0) / 12.0);
}

static const float *table_of(struct synth *synth, int family, int octave)
{
    float *table = synth->table[family][octave];
    if (synth->made[family][octave]) return table;
    double highest = frequency(octave * 12 + 11), sum = 0;
    for (int h = 0; h < HARMONICS; h++) {
        double level = (double)timbres[family].harmonic[h];
        sum += level;
        if (highest * (h + 1) > RATE / 2) continue;
        for (int i = 0; i <= TABLE; i++) table[i] += (float)(level * sin(2 * PI * (h + 1) * i / TABLE));
    }
    for (int i = 0; i <= TABLE; i++) table[i] /= (float)sum;
    synth->made[family][octave] = true;
    return table;
}

/* A value that decays exponentially, step by step, from 1 to 1/e in so many seconds. */
static float decay_step(double seconds)
{
    return (float)exp(-1.0 / (seconds * RATE));
}

static void add_note(struct synth *synth, const struct timeline_event *event, int program, float left, float right)
{
    const struct timbre *timbre = &timbres[family_of(program)];
    const float *table = table_of(synth, family_of(program), event->pitch / 12);
    double phase = 0, step = frequency(event->pitch) / RATE * TABLE, wobble = 2 * PI * 5.5 / RATE;
    float level = (float)(timbre->level * .35 * pow(event->velocity / 127.0, 1.5)), fall = 1, release = 1;
    float attack = (float)(1 / (timbre->attack * RATE)), sustain = (float)timbre->sustain;
    float fall_step = decay_step(timbre->decay), release_step = decay_step(timbre->release / 3);
    for (int64_t i = 0;; i++) {
        int64_t at = event->frame + i;
        if (at >= synth->frames || release < 1e-4f || (sustain < 1e-6f && fall < 1e-4f)) break;
        float rise = attack * (float)i < 1 ? attack * (float)i : 1;
        float envelope = level * rise * (sustain + (1 - sustain) * fall) * release;
        int index = (int)phase;
        float part = (float)(phase - index), value = table[index] + part * (table[index + 1] - table[index]);
        synth->samples[2 * at] += left * envelope * value;
        synth->samples[2 * at + 1] += right * envelope * value;
        fall *= fall_step;
        if (i >= event->length) release *= release_step;
        phase += timbre->vibrato > 0 && i > 8000 ? step * (1 + timbre->vibrato * sin(wobble * (double)i)) : step;
        while (phase >= TABLE) phase -= TABLE;
    }
}

/* A drum: a sine falling from one frequency to another, and noise with its low part taken out. */
struct drum { uint8_t first, last; double from, to, tone, tone_time, noise, noise_time, high; };

static const struct drum drums[] = {
    {35, 36, 130, 45, 1, .12, .05, .01, .2},  /* bass drums */
    {37, 37, 900, 800, .4, .02, .3, .02, .5}, /* side stick */
    {38, 40, 220, 170, .4, .08, .7, .11, .4}, /* snares, clap */
    {42, 42, 0, 0, 0, .1, .5, .03, .9},       /* closed hi-hat */
    {44, 44, 0, 0, 0, .1, .4, .03, .9},
    {46, 46, 0, 0, 0, .1, .5, .2, .9},        /* open hi-hat */
    {49, 49, 0, 0, 0, .1, .5, .6, .85},       /* crash cymbal */
    {41, 50, 180, 110, .9, .2, .1, .03, .3},  /* toms */
    {51, 59, 0, 0, 0, .1, .5, .5, .85},       /* cymbals */
    {60, 66, 330, 280, .8, .1, .1, .01, .4},  /* bongos, congas, timbales */
    {67, 68, 900, 880, .6, .12, .05, .01, .5},
    {69, 70, 0, 0, 0, .1, .35, .04, .9},      /* cabasa, maracas */
    {75, 77, 1800, 1700, .7, .03, .05, .01, .5},
    {0, 127, 500, 400, .5, .08, .2, .04, .6},
};

static void add_drum(struct synth *synth, const struct timeline_event *event)
{
    const struct drum *drum = drums;
    while (event->pitch < drum->first || event->pitch > drum->last) drum++;
    double phase = 0, sweep = drum->from;
    float low = 0, high = (float)drum->high, level = (float)(.5 * pow(event->velocity / 127.0, 1.5));
    float tone = (float)drum->tone, noise = (float)drum->noise;
    float tone_step = decay_step(drum->tone_time), noise_step = decay_step(drum->noise_time);
    uint32_t random = 12345u + event->order * 2654435761u;
    for (int64_t at = event->frame; at < synth->frames && tone + noise > 1e-4f; at++) {
        random = random * 1664525u + 1013904223u;
        float hiss = (float)(int32_t)random / 2147483648.0f;
        low += (1 - high) * (hiss - low);
        float value = level * (tone * (float)sin(phase) + noise * (hiss - high * low));
        synth->samples[2 * at] += value;
        synth->samples[2 * at + 1] += value;
        phase += 2 * PI * sweep / RATE;
        sweep += (drum->to - sweep) * .0015;
        tone *= tone_step;
        noise *= noise_step;
    }
}

/* ---- Reverberation (Schroeder 1962, with the delays of Freeverb) ---- */

static const int combs[4] = {1116, 1277, 1422, 1617}, allpasses[2] = {556, 225};

static bool add_reverb(float *samples, int64_t frames, struct error *error)
{
    enum { ROOM = 2048, LINES = 6 };
    float *line = mem_alloc((size_t)LINES * ROOM, sizeof *line, error); /* (LINES, ROOM) delay lines */
    if (line == NULL) return false;
    for (int side = 0; side < 2; side++) {
        int at[LINES] = {0};
        float damp[4] = {0};
        memset(line, 0, (size_t)LINES * ROOM * sizeof *line);
        for (int64_t i = 0; i < frames; i++) {
            float *sample = &samples[2 * i + side], wet = 0;
            for (int c = 0; c < 4; c++) {
                float *cell = &line[c * ROOM + at[c]], out = *cell;
                damp[c] = out * .75f + damp[c] * .25f;
                *cell = *sample * .06f + damp[c] * .78f;
                wet += out;
                if (++at[c] >= combs[c] + 23 * side) at[c] = 0;
            }
            for (int a = 0; a < 2; a++) {
                float *cell = &line[(4 + a) * ROOM + at[4 + a]], old = *cell;
                *cell = wet + old * .5f;
                wet = old - wet * .5f;
                if (++at[4 + a] >= allpasses[a] + 23 * side) at[4 + a] = 0;
            }
            *sample += wet;
        }
    }
    mem_free(line);
    return true;
}

bool synth_render(const struct score *score, const struct timeline *timeline, float *samples, size_t frames,
                  struct error *error)
{
    struct synth *synth = mem_alloc(1, sizeof *synth, error);
    if (synth == NULL) return false;
    synth->samples = samples;
    synth->frames = (int64_t)frames;
    for (size_t i = 0; i < timeline->n; i++) {
        const struct timeline_event *event = &timeline->event[i];
        if (event->velocity == 0) continue;
        const struct score_part *part = &score->part[event->part];
        float pan = score->parts < 2 ? 0 : .3f * (float)((event->part % 5) - 2) / 2;
        if (part->drums) add_drum(synth, event);
        else add_note(synth, event, part->program & 127, 1 - pan, 1 + pan);
    }
    mem_free(synth);
    return add_reverb(samples, (int64_t)frames, error);
}
