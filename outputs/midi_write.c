/* Writing Standard MIDI Files; see midi.h for what is written. */
#include "core/mem.h"
#include "outputs/midi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIVISION SCORE_TICKS_PER_QUARTER
#define DRUM_CHANNEL 9

/* One event with its time; the rank orders events of one tick: ends before starts, what is said about them first. */
struct item { int64_t tick; uint32_t place; uint8_t rank, n, data[7]; };
struct items { struct item *list; size_t n, room; };

static bool add(struct items *items, int64_t tick, unsigned rank, const uint8_t *data, size_t n, struct error *error)
{
    if (items->n == items->room) {
        size_t room = items->room < 32 ? 64 : items->room * 2;
        struct item *list = mem_resize(items->list, room, sizeof *list, error);
        if (list == NULL) return false;
        items->list = list;
        items->room = room;
    }
    struct item *item = &items->list[items->n];
    *item = (struct item){.tick = tick, .place = (uint32_t)items->n, .rank = (uint8_t)rank, .n = (uint8_t)n};
    memcpy(item->data, data, n);
    items->n++;
    return true;
}

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->tick != b->tick) return a->tick < b->tick ? -1 : 1;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

static int64_t rescale(const struct score *score, int64_t tick)
{
    int64_t per = score->ticks_per_quarter;
    return (tick * DIVISION * 2 + per) / (per * 2);
}

static bool put_number(struct bytes *out, uint32_t value, struct error *error)
{
    for (int shift = 21; shift > 0; shift -= 7)
        if (value >> shift != 0 && !bytes_append_byte(out, 0x80 | (value >> shift & 127), error)) return false;
    return bytes_append_byte(out, value & 127, error);
}

/* A meta event at tick 0 with text of any length. */
static bool put_text(struct bytes *out, unsigned kind, const char *before, const char *text, struct error *error)
{
    size_t n = strlen(before) + strlen(text);
    if (n > 0x0fffffff) return error_set(error, ERROR_INPUT, "MIDI: a text of %zu bytes; at most 2^28 are wanted", n);
    return bytes_append_byte(out, 0, error) && bytes_append_byte(out, 0xff, error) &&
           bytes_append_byte(out, kind, error) && put_number(out, (uint32_t)n, error) &&
           bytes_append_text(out, before, error) && bytes_append_text(out, text, error);
}

/* Close a track: `body` holds its texts, `items` its timed events (sorted here and emptied). */
static bool put_track(struct bytes *out, struct bytes *body, struct items *items, struct error *error)
{
    if (items->n > 1) qsort(items->list, items->n, sizeof *items->list, compare_items);
    int64_t tick = 0;
    for (size_t i = 0; i < items->n; i++) {
        const struct item *item = &items->list[i];
        int64_t delta = item->tick - tick;
        if (delta > 0x0fffffff)
            return error_set(error, ERROR_INPUT, "MIDI: a gap of %lld ticks; at most 2^28 can be written", (long long)delta);
        if (!put_number(body, (uint32_t)delta, error) || !bytes_append(body, item->data, item->n, error)) return false;
        tick = item->tick;
    }
    static const uint8_t end[] = {0, 0xff, 0x2f, 0};
    if (!bytes_append(body, end, sizeof end, error)) return false;
    bool ok = bytes_append(out, "MTrk", 4, error) && bytes_append_be32(out, (uint32_t)body->n, error) &&
              bytes_append(out, body->data, body->n, error);
    body->n = items->n = 0;
    return ok;
}

static bool put_conductor(const struct score *score, struct bytes *out, struct bytes *body, struct items *items,
                          struct error *error)
{
    if (score->title != NULL && !put_text(body, 0x03, "", score->title, error)) return false;
    if (score->recipe != NULL && !put_text(body, 0x01, "triptych ", score->recipe, error)) return false;
    for (size_t i = 0; i < score->tempos; i++) {
        uint32_t us = score->tempo[i].us_per_quarter;
        uint8_t data[] = {0xff, 0x51, 3, (uint8_t)(us >> 16), (uint8_t)(us >> 8), (uint8_t)us};
        if (!add(items, rescale(score, score->tempo[i].tick), 2, data, sizeof data, error)) return false;
    }
    for (size_t i = 0; i < score->metres; i++) {
        unsigned power = 0;
        while (1 << power < score->metre[i].denominator) power++;
        uint8_t data[] = {0xff, 0x58, 4, (uint8_t)score->metre[i].numerator, (uint8_t)power, 24, 8};
        if (!add(items, rescale(score, score->metre[i].tick), 0, data, sizeof data, error)) return false;
    }
    for (size_t i = 0; i < score->keys; i++) {
        uint8_t data[] = {0xff, 0x59, 2, (uint8_t)score->key[i].sharps, score->key[i].minor};
        if (!add(items, rescale(score, score->key[i].tick), 1, data, sizeof data, error)) return false;
    }
    return put_track(out, body, items, error);
}

struct place { uint8_t channel, port; };

/* Channels: drums 9; up to 15 melodic parts one each; beyond that one for each program, and after 15 those of the next port. */
static bool choose_channels(const struct score *score, struct place *place, struct error *error)
{
    static const uint8_t melodic[15] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15};
    size_t count = 0, used = 0;
    int16_t of_program[128];                                   /* port * 15 + channel */
    memset(of_program, 0xff, sizeof of_program);
    for (size_t i = 0; i < score->parts; i++) {
        const struct score_part *part = &score->part[i];
        if (part->program < 0 || part->program > 127)
            return error_set(error, ERROR_INPUT, "MIDI: program %d of part %zu; 0 to 127 is wanted", part->program, i + 1);
        count += !part->drums;
    }
    for (size_t i = 0; i < score->parts; i++) {
        const struct score_part *part = &score->part[i];
        int16_t *shared = &of_program[part->program];
        place[i] = (struct place){DRUM_CHANNEL, 0};
        if (part->drums) continue;
        if (count <= 15 || *shared < 0) *shared = (int16_t)used++;
        place[i] = (struct place){melodic[*shared % 15], (uint8_t)(*shared / 15)};
    }
    return true;
}

/* ports: files of more than one tell each track's, in the meta event that sequencers use for it */
static bool put_part(const struct score *score, size_t index, const struct score_note *const *notes, size_t n,
                     struct place place, bool ports, struct bytes *out, struct bytes *body, struct items *items, struct error *error)
{
    const struct score_part *part = &score->part[index];
    const char *name = part->name[0] != 0 ? part->name : score_program_name(part->program, part->drums);
    if (!put_text(body, 0x03, "", name, error)) return false;
    uint8_t program[] = {(uint8_t)(0xc0 | place.channel), (uint8_t)part->program}, port[] = {0xff, 0x21, 1, place.port};
    if ((ports && !add(items, 0, 0, port, sizeof port, error)) || !add(items, 0, 0, program, sizeof program, error)) return false;
    for (size_t i = 0; i < n; i++) {
        const struct score_note *note = notes[i];
        int64_t from = rescale(score, note->onset), to = rescale(score, note->onset + note->length);
        if (to <= from) to = from + 1;
        uint8_t on[] = {(uint8_t)(0x90 | place.channel), note->pitch, note->velocity};
        uint8_t off[] = {(uint8_t)(0x80 | place.channel), note->pitch, 64};
        if (!add(items, from, 3, on, sizeof on, error) || !add(items, to, 1, off, sizeof off, error)) return false;
    }
    return put_track(out, body, items, error);
}

/* Notes grouped by part, in the order of the score: first[p] … first[p + 1] of the list of pointers. */
static bool group_notes(const struct score *score, const struct score_note **list, size_t *first, struct error *error)
{
    for (size_t i = 0; i < score->notes; i++) {
        const struct score_note *note = &score->note[i];
        if (note->part >= score->parts || note->pitch > 127 || note->velocity < 1 || note->velocity > 127 ||
            note->onset < 0 || note->length < 0 || note->onset > INT32_MAX || note->length > INT32_MAX)
            return error_set(error, ERROR_INPUT, "MIDI: note %zu is out of range; pitch, velocity 0 to 127 are wanted", i + 1);
        first[note->part + 1u]++;
    }
    for (size_t p = 0; p < score->parts; p++) first[p + 1] += first[p];
    for (size_t i = score->notes; i-- > 0;) list[--first[score->note[i].part + 1u]] = &score->note[i];
    for (size_t p = 0; p < score->parts; p++) first[p] = first[p + 1]; /* each moved down to its start */
    first[score->parts] = score->notes;
    return true;
}

bool midi_write(const struct score *score, struct bytes *out, struct error *error)
{
    if (score->ticks_per_quarter < 1 || score->ticks_per_quarter > 32767)
        return error_set(error, ERROR_INPUT, "MIDI: %d ticks a quarter note; 1 to 32767 is wanted", score->ticks_per_quarter);
    if (score->parts > SCORE_PARTS_MOST)
        return error_set(error, ERROR_INPUT, "MIDI: %zu parts; at most %d can be written", score->parts, SCORE_PARTS_MOST);
    size_t start = out->n;
    struct bytes body = {0};
    struct items items = {0};
    const struct score_note **list = mem_alloc(score->notes, sizeof *list, error);
    size_t *first = mem_alloc(score->parts + 2, sizeof *first, error);
    struct place *place = mem_alloc(score->parts + 1, sizeof *place, error);
    bool ports = false, ok = list != NULL && first != NULL && place != NULL && group_notes(score, list, first, error) &&
              choose_channels(score, place, error) && bytes_append(out, "MThd", 4, error) &&
              bytes_append_be32(out, 6, error) && bytes_append_be16(out, 1, error) &&
              bytes_append_be16(out, (unsigned)score->parts + 1, error) && bytes_append_be16(out, DIVISION, error) &&
              put_conductor(score, out, &body, &items, error);
    for (size_t p = 0; ok && p < score->parts; p++) ports = ports || place[p].port > 0;
    for (size_t p = 0; ok && p < score->parts; p++)
        ok = put_part(score, p, list + first[p], first[p + 1] - first[p], place[p], ports, out, &body, &items, error);
    mem_free(list);
    mem_free(first);
    mem_free(place);
    mem_free(items.list);
    bytes_free(&body);
    if (!ok) out->n = start;
    return ok;
}
