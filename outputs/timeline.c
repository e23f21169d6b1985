/* Scores in sample frames; see timeline.h. */
#include "outputs/timeline.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>

/* Tempo events sorted by tick with the seconds at which each starts, so that a look-up is a binary search. */
struct clock { struct score_tempo *tempo; double *seconds; size_t n; double per_us; };

static int compare_tempos(const void *left, const void *right)
{
    const struct score_tempo *a = left, *b = right;
    return (a->tick > b->tick) - (a->tick < b->tick);
}

static bool clock_make(const struct score *score, struct clock *clock, struct error *error)
{
    *clock = (struct clock){.per_us = 1e-6 / score->ticks_per_quarter};
    clock->tempo = mem_alloc(score->tempos + 1, sizeof *clock->tempo, error);
    clock->seconds = mem_alloc(score->tempos + 1, sizeof *clock->seconds, error);
    if (clock->tempo == NULL || clock->seconds == NULL) return false;
    clock->tempo[clock->n++] = (struct score_tempo){0, SCORE_US_PER_QUARTER};
    for (size_t i = 0; i < score->tempos; i++) clock->tempo[clock->n++] = score->tempo[i];
    bool sorted = true;
    for (size_t i = 1; i < clock->n; i++) sorted = sorted && clock->tempo[i - 1].tick <= clock->tempo[i].tick;
    if (!sorted) qsort(clock->tempo, clock->n, sizeof *clock->tempo, compare_tempos);
    for (size_t i = 1; i < clock->n; i++) {
        double ticks = (double)(clock->tempo[i].tick - clock->tempo[i - 1].tick);
        clock->seconds[i] = clock->seconds[i - 1] + ticks * clock->tempo[i - 1].us_per_quarter * clock->per_us;
    }
    return true;
}

static int64_t clock_frame(const struct clock *clock, int64_t tick)
{
    size_t low = 0, high = clock->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (clock->tempo[middle].tick <= tick) low = middle;
        else high = middle;
    }
    double ticks = (double)(tick - clock->tempo[low].tick);
    double seconds = clock->seconds[low] + ticks * clock->tempo[low].us_per_quarter * clock->per_us;
    return (int64_t)floor(seconds * TIMELINE_RATE + 0.5);
}

static int compare_events(const void *left, const void *right)
{
    const struct timeline_event *a = left, *b = right;
    if (a->frame != b->frame) return a->frame < b->frame ? -1 : 1;
    if ((a->velocity > 0) != (b->velocity > 0)) return a->velocity > 0 ? 1 : -1;
    return (a->order > b->order) - (a->order < b->order);
}

bool timeline_make(const struct score *score, struct timeline *out, struct error *error)
{
    struct clock clock = {0};
    *out = (struct timeline){0};
    bool ok = clock_make(score, &clock, error) &&
              (out->event = mem_alloc(2 * score->notes, sizeof *out->event, error)) != NULL;
    for (size_t i = 0; ok && i < score->notes; i++) {
        const struct score_note *note = &score->note[i];
        int64_t from = clock_frame(&clock, note->onset), to = clock_frame(&clock, note->onset + note->length);
        if (to <= from) to = from + 1;
        out->event[out->n++] = (struct timeline_event){from, to - from, (uint32_t)i, note->part, note->pitch, note->velocity};
        out->event[out->n++] = (struct timeline_event){to, 0, (uint32_t)i, note->part, note->pitch, 0};
        if (to > out->end) out->end = to;
    }
    if (ok && out->n > 1) qsort(out->event, out->n, sizeof *out->event, compare_events);
    mem_free(clock.tempo);
    mem_free(clock.seconds);
    if (!ok) timeline_free(out);
    return ok;
}

void timeline_free(struct timeline *timeline)
{
    mem_free(timeline->event);
    *timeline = (struct timeline){0};
}
