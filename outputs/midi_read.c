/* Reading Standard MIDI Files; see midi.h for the format and what is kept.
 *
 * Three passes, each linear (with sorting): scan the chunks into a flat list of the events that matter; pair note starts
 * and ends track by track, first started first ended; lengthen notes under the pedal. Programs and pedals are gathered
 * into time lines for each channel first, as a track may rely on what another track set on its channel.
 */
#include "core/mem.h"
#include "core/file.h"
#include "outputs/midi.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MOST ((size_t)1 << 20)
#define TICK_MOST ((int64_t)INT32_MAX)
#define SECONDS_MOST (24.0 * 3600)
#define TITLE_MOST 1000
#define DRUM_CHANNEL 9
#define NOBODY UINT32_MAX

struct event { int32_t tick; uint8_t kind, channel, a, b; };  /* kind: 8, 9, 12 of the status byte */
struct change { int32_t tick; uint32_t place; uint8_t channel, value; };
struct changes { struct change *list; size_t n, room, first[17]; }; /* sorted by channel, tick, place in the file */
struct track { size_t first, n; int32_t end; char name[64]; };

struct scan {
    struct score *score;
    struct event *event;
    size_t events, event_room, counted;
    struct changes programs, pedals;
    struct track *track;
    size_t tracks;
    int64_t base;            /* tick where the track starts: not 0 in format 2 only */
};

static bool bad(struct error *error, size_t at, const char *found, const char *wanted)
{
    return error_set(error, ERROR_INPUT, "MIDI: %s at byte %zu; %s", found, at, wanted);
}

static void *grow(void *list, size_t n, size_t *room, size_t size, struct error *error)
{
    if (n < *room) return list;
    size_t more = *room < 32 ? 64 : *room * 2;
    void *moved = mem_resize(list, more, size, error);
    if (moved != NULL) *room = more;
    return moved;
}

static bool add_event(struct scan *scan, struct event event, struct error *error)
{
    struct event *list = grow(scan->event, scan->events, &scan->event_room, sizeof *list, error);
    if (list == NULL) return false;
    scan->event = list;
    list[scan->events++] = event;
    return true;
}

static bool add_change(struct changes *changes, struct change change, struct error *error)
{
    struct change *list = grow(changes->list, changes->n, &changes->room, sizeof *list, error);
    if (list == NULL) return false;
    changes->list = list;
    change.place = (uint32_t)changes->n;
    list[changes->n++] = change;
    return true;
}

/* A number of 1 to 4 bytes with 7 bits each; false when it goes on for longer or the bytes end. */
static bool read_number(struct reader *reader, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned byte = reader_u8(reader);
        value = value << 7 | (byte & 127);
        if (byte < 128) {
            *out = value;
            return !reader->failed;
        }
    }
    return false;
}

/* Text of a file as UTF-8 without control characters: what is no UTF-8 is taken for Latin-1. Cut to size - 1 bytes. */
static void clean_text(char *to, size_t size, const uint8_t *text, size_t n)
{
    size_t at = 0;
    bool utf8 = utf8_valid(text, n, NULL);
    for (size_t i = 0; i < n && at + 4 < size; i++) {
        uint8_t c = text[i];
        if (c < 32 || c == 127) {
            if (at > 0 && to[at - 1] != ' ') to[at++] = ' ';
        } else if (c < 128 || utf8) {
            size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
            for (to[at++] = (char)c; more > 0 && i + 1 < n; more--) to[at++] = (char)text[++i];
        } else {
            to[at++] = (char)(0xc0 | c >> 6);
            to[at++] = (char)(0x80 | (c & 63));
        }
    }
    while (at > 0 && to[at - 1] == ' ') at--;
    to[at] = 0;
}

static bool read_recipe(struct score *score, const uint8_t *text, size_t n, struct error *error)
{
    static const char mark[] = "triptych {";
    if (n < sizeof mark - 1 || memcmp(text, mark, sizeof mark - 1) != 0) return true;
    if (!utf8_valid(text, n, NULL) || memchr(text, 0, n) != NULL) return true;
    struct bytes copy = {0};
    bool ok = bytes_append(&copy, text + 9, n - 9, error) && score_set_recipe(score, bytes_text(&copy), error);
    bytes_free(&copy);
    return ok;
}

static bool read_meta(struct scan *scan, unsigned kind, const uint8_t *data, size_t n, int64_t tick, struct error *error)
{
    struct score *score = scan->score;
    struct track *track = &scan->track[scan->tracks];
    if (kind == 0x01) return read_recipe(score, data, n, error);
    if (kind == 0x03) {
        char title[TITLE_MOST];
        clean_text(title, sizeof title, data, n);
        if (track->name[0] == 0) clean_text(track->name, sizeof track->name, data, n);
        if (scan->tracks == 0 && score->title == NULL && title[0] != 0) return score_set_title(score, title, error);
        return true;
    }
    if (kind == 0x51 && n >= 3) {
        uint32_t us = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        return us == 0 || score_add_tempo(score, tick, us, error);
    }
    if (kind == 0x58 && n >= 2)
        return data[0] == 0 || data[1] > 6 || score_add_metre(score, tick, data[0], 1 << data[1], error);
    if (kind == 0x59 && n >= 2) {
        int sharps = (int8_t)data[0];
        return sharps < -7 || sharps > 7 || data[1] > 1 || score_add_key(score, tick, sharps, data[1] == 1, error);
    }
    return true;
}

/* The data bytes of a channel message; *a was read already when the status was a running one. */
static bool read_channel(struct scan *scan, struct reader *reader, unsigned status, int64_t tick, struct error *error)
{
    unsigned kind = status >> 4, channel = status & 15;
    size_t at = reader->at;
    unsigned a = reader_u8(reader), b = kind == 12 || kind == 13 ? 0 : reader_u8(reader);
    if (reader->failed) return true; /* told by the caller */
    if (a > 127 || b > 127) return bad(error, at, "a data byte above 127", "0 to 127 is wanted");
    struct event event = {(int32_t)tick, (uint8_t)kind, (uint8_t)channel, (uint8_t)a, (uint8_t)b};
    struct change change = {(int32_t)tick, 0, (uint8_t)channel, (uint8_t)(kind == 12 ? a : b)};
    if (kind == 9 && b == 0) event.kind = 8;
    if (kind == 12 && !add_change(&scan->programs, change, error)) return false;
    if (kind == 11 && a == 64 && !add_change(&scan->pedals, change, error)) return false;
    return (kind != 8 && kind != 9 && kind != 12) || add_event(scan, event, error);
}

/* One event behind its delta time. *running is the status that holds; *done is set by the end of the track. */
static bool read_event(struct scan *scan, struct reader *reader, unsigned *running, int64_t tick, bool *done,
                       struct error *error)
{
    size_t at = reader->at;
    unsigned status = reader_u8(reader);
    if (reader->failed) return true;
    if (status < 0x80) {
        if (*running == 0) return bad(error, at, "a data byte without a status byte before it", "an event is wanted");
        status = *running;
        reader->at = at;
    }
    if (status < 0xf0) {
        *running = status;
        return read_channel(scan, reader, status, tick, error);
    }
    if (status != 0xf0 && status != 0xf7 && status != 0xff)
        return bad(error, at, "a status byte that files cannot have (F1 to F6, F8 to FE)", "an event is wanted");
    unsigned kind = status == 0xff ? reader_u8(reader) : 0;
    if (status != 0xff) *running = 0;                          /* SysEx ends a running status; meta events do so by the letter, but files rely on the contrary */
    uint32_t length = 0;
    if (!read_number(reader, &length) && !reader->failed)
        return bad(error, at, "a length of more than 4 bytes", "at most 4 are wanted");
    const uint8_t *data = reader_take(reader, length);
    if (reader->failed) return true;
    if (status == 0xff && kind == 0x2f) *done = true;
    return status != 0xff || read_meta(scan, kind, data, length, tick, error);
}

static bool read_track(struct scan *scan, struct reader *reader, struct error *error)
{
    struct track *track = &scan->track[scan->tracks];
    track->first = scan->events;
    unsigned running = 0;
    int64_t tick = scan->base;
    bool done = false;
    while (!done && reader_left(reader) > 0) {
        uint32_t delta = 0;
        size_t at = reader->at;
        if (++scan->counted > EVENTS_MOST)
            return error_set(error, ERROR_INPUT, "MIDI: more than %zu events; fewer are wanted", EVENTS_MOST);
        if (!read_number(reader, &delta) && !reader->failed)
            return bad(error, at, "a delta time of more than 4 bytes", "at most 4 are wanted");
        tick += delta;
        if (tick > TICK_MOST) return bad(error, at, "a time beyond 2^31 ticks", "an earlier one is wanted");
        if (!reader->failed && !read_event(scan, reader, &running, tick, &done, error)) return false;
        if (reader->failed)
            return error_set(error, ERROR_INPUT, "MIDI: track %zu ends inside an event; a whole event is wanted",
                             scan->tracks + 1);
    }
    track->n = scan->events - track->first;
    track->end = (int32_t)tick;
    return true;
}

/* Go to the data inside of RIFF "RMID"; a plain file is left as it is. */
static bool unwrap(struct reader *reader, struct error *error)
{
    if (reader->n < 12 || memcmp(reader->data, "RIFF", 4) != 0) return true;
    if (memcmp(reader->data + 8, "RMID", 4) != 0)
        return error_set(error, ERROR_INPUT, "MIDI: a RIFF file of another kind%s; RMID is wanted",
                         memcmp(reader->data + 8, "WAVE", 4) == 0 ? " (WAVE)" : "");
    reader->at = 12;
    while (reader_left(reader) >= 8) {
        const uint8_t *name = reader_take(reader, 4);
        uint32_t size = reader_le32(reader);
        if (memcmp(name, "data", 4) == 0) {
            const uint8_t *data = reader_take(reader, size);
            if (data == NULL) break;
            *reader = reader_on(data, size);
            return true;
        }
        if (reader_take(reader, (size_t)size + (size & 1)) == NULL) break;
    }
    return error_set(error, ERROR_INPUT, "MIDI: a RIFF RMID file without whole data; a data chunk is wanted");
}

static bool read_header(struct reader *reader, unsigned *format, unsigned *tracks, int *division, struct error *error)
{
    if (reader->n == 0) return error_set(error, ERROR_INPUT, "MIDI: an empty file; a Standard MIDI File is wanted");
    const uint8_t *mark = reader_take(reader, 4);
    if (mark == NULL || memcmp(mark, "MThd", 4) != 0)
        return error_set(error, ERROR_INPUT, "MIDI: the file does not start with MThd; a Standard MIDI File is wanted");
    uint32_t length = reader_be32(reader);
    *format = reader_be16(reader);
    *tracks = reader_be16(reader);
    unsigned time = reader_be16(reader);
    if (reader->failed) return error_set(error, ERROR_INPUT, "MIDI: the header is cut off; 14 bytes are wanted");
    if (length < 6) return error_set(error, ERROR_INPUT, "MIDI: a header of %u bytes; at least 6 are wanted", length);
    if (reader_take(reader, length - 6) == NULL)
        return error_set(error, ERROR_INPUT, "MIDI: a header of %u bytes in a file of %zu; a whole file is wanted", length, reader->n);
    if (*format > 2) return error_set(error, ERROR_INPUT, "MIDI: format %u; 0, 1 or 2 is wanted", *format);
    if (*tracks == 0) return error_set(error, ERROR_INPUT, "MIDI: no tracks; at least one is wanted");
    if (time & 0x8000)
        return error_set(error, ERROR_INPUT, "MIDI: time in SMPTE frames (division 0x%04x); ticks a quarter note are wanted", time);
    if (time == 0) return error_set(error, ERROR_INPUT, "MIDI: 0 ticks a quarter note; at least 1 is wanted");
    *division = (int)time;
    return true;
}

static bool read_chunks(struct scan *scan, struct reader *reader, unsigned format, unsigned tracks, struct error *error)
{
    while (scan->tracks < tracks) {
        if (reader_left(reader) < 8)
            return error_set(error, ERROR_INPUT, "MIDI: %zu of %u tracks are there; the file is cut off, a whole one is wanted",
                             scan->tracks, tracks);
        const uint8_t *mark = reader_take(reader, 4);
        uint32_t size = reader_be32(reader);
        if (size > reader_left(reader))
            return error_set(error, ERROR_INPUT, "MIDI: a chunk of %u bytes with %zu left in the file; a whole file is wanted",
                             size, reader_left(reader));
        struct reader chunk = reader_on(reader_take(reader, size), size);
        if (memcmp(mark, "MTrk", 4) != 0) continue; /* the specification: skip chunks of unknown kinds */
        if (!read_track(scan, &chunk, error)) return false;
        if (format == 2) scan->base = scan->track[scan->tracks].end;
        scan->tracks++;
    }
    return true;
}

static int compare_changes(const void *left, const void *right)
{
    const struct change *a = left, *b = right;
    if (a->channel != b->channel) return a->channel < b->channel ? -1 : 1;
    if (a->tick != b->tick) return a->tick < b->tick ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

static void sort_changes(struct changes *changes)
{
    if (changes->n > 1) qsort(changes->list, changes->n, sizeof *changes->list, compare_changes);
    size_t at = 0;
    for (unsigned channel = 0; channel <= 16; channel++) {
        while (at < changes->n && changes->list[at].channel < channel) at++;
        changes->first[channel] = at;
    }
}

/* The place of the last change on a channel at or before a tick, or of the first of the channel minus one. */
static size_t change_at(const struct changes *changes, unsigned channel, int64_t tick)
{
    size_t low = changes->first[channel], high = changes->first[channel + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (changes->list[middle].tick <= tick) low = middle + 1;
        else high = middle;
    }
    return low; /* one behind it */
}

/* Pairing within one track. part[channel][program] and the queues of sounding notes by channel and pitch. */
struct pairing {
    int16_t part[16][128];
    int16_t program[16];                    /* chosen by this track, -1: not yet */
    uint32_t head[16][128], tail[16][128];  /* indices of notes */
    uint32_t *next;                         /* (events) the note behind in its queue */
    uint8_t *channel;                       /* (SCORE_PARTS_MOST) of each part */
    int32_t *end;                           /* (SCORE_PARTS_MOST) end of each part's track */
};

static bool start_note(struct scan *scan, struct pairing *pair, const struct track *track, const struct event *event,
                       struct error *error)
{
    struct score *score = scan->score;
    unsigned channel = event->channel, program = 0;
    size_t after = change_at(&scan->programs, channel, event->tick);
    if (pair->program[channel] >= 0) program = (unsigned)pair->program[channel];
    else if (after > scan->programs.first[channel]) program = scan->programs.list[after - 1].value;
    int16_t *part = &pair->part[channel][program];
    if (*part < 0) {
        bool drums = channel == DRUM_CHANNEL;
        if (!score_add_part(score, (int)program, drums, track->name, error)) return false;
        *part = (int16_t)(score->parts - 1);
        pair->channel[*part] = (uint8_t)channel;
        pair->end[*part] = track->end;
    }
    struct score_note note = {event->tick, 0, (uint16_t)*part, event->a, event->b};
    uint32_t index = (uint32_t)score->notes;
    if (!score_add_note(score, note, error)) return false;
    pair->next[index] = NOBODY;
    if (pair->head[channel][event->a] == NOBODY) pair->head[channel][event->a] = index;
    else pair->next[pair->tail[channel][event->a]] = index;
    pair->tail[channel][event->a] = index;
    return true;
}

static void end_note(struct score *score, struct pairing *pair, unsigned channel, unsigned pitch, int64_t tick)
{
    uint32_t index = pair->head[channel][pitch];
    if (index == NOBODY) return;
    struct score_note *note = &score->note[index];
    note->length = tick > note->onset ? tick - note->onset : 1;
    pair->head[channel][pitch] = pair->next[index];
}

static bool pair_track(struct scan *scan, struct pairing *pair, const struct track *track, struct error *error)
{
    memset(pair->part, 0xff, sizeof pair->part);
    memset(pair->program, 0xff, sizeof pair->program);
    memset(pair->head, 0xff, sizeof pair->head);
    for (size_t i = track->first; i < track->first + track->n; i++) {
        const struct event *event = &scan->event[i];
        if (event->kind == 12) pair->program[event->channel] = event->a;
        else if (event->kind == 8) end_note(scan->score, pair, event->channel, event->a, event->tick);
        else if (!start_note(scan, pair, track, event, error)) return false;
    }
    for (unsigned channel = 0; channel < 16; channel++)
        for (unsigned pitch = 0; pitch < 128; pitch++)
            while (pair->head[channel][pitch] != NOBODY) end_note(scan->score, pair, channel, pitch, track->end);
    return true;
}

/* Notes that end while the pedal is down sound on to its release, or to the next note of the same part and pitch. */
static bool apply_pedals(struct scan *scan, const struct pairing *pair, struct error *error)
{
    struct score *score = scan->score;
    const struct changes *pedals = &scan->pedals;
    if (pedals->n == 0 || score->notes == 0) return true;
    int64_t *next = mem_alloc(score->parts * 128, sizeof *next, error); /* (parts, 128) onset of the note behind; 0: none */
    if (next == NULL) return false;
    score_sort(score);
    for (size_t i = score->notes; i-- > 0;) {
        struct score_note *note = &score->note[i];
        int64_t *behind = &next[(size_t)note->part * 128 + note->pitch], end = note->onset + note->length;
        unsigned channel = pair->channel[note->part];
        size_t after = change_at(pedals, channel, end);
        if (channel != DRUM_CHANNEL && after > pedals->first[channel] && pedals->list[after - 1].value >= 64) {
            while (after < pedals->first[channel + 1] && pedals->list[after].value >= 64) after++;
            int64_t to = after < pedals->first[channel + 1] ? pedals->list[after].tick : pair->end[note->part];
            if (*behind != 0 && *behind < to) to = *behind;
            if (to > end) note->length = to - note->onset;
        }
        *behind = note->onset;
    }
    mem_free(next);
    return true;
}

static bool pair_notes(struct scan *scan, struct error *error)
{
    sort_changes(&scan->programs);
    sort_changes(&scan->pedals);
    struct pairing *pair = mem_alloc(1, sizeof *pair, error);
    if (pair == NULL) return false;
    pair->next = mem_alloc(scan->events + 1, sizeof *pair->next, error);
    pair->channel = mem_alloc(SCORE_PARTS_MOST, sizeof *pair->channel, error);
    pair->end = mem_alloc(SCORE_PARTS_MOST, sizeof *pair->end, error);
    bool ok = pair->next != NULL && pair->channel != NULL && pair->end != NULL;
    for (size_t i = 0; ok && i < scan->tracks; i++)
        if (scan->track[i].n > 0) ok = pair_track(scan, pair, &scan->track[i], error);
    ok = ok && apply_pedals(scan, pair, error);
    mem_free(pair->next);
    mem_free(pair->channel);
    mem_free(pair->end);
    mem_free(pair);
    return ok;
}

bool midi_read(const void *data, size_t n, struct score *out, struct error *error)
{
    *out = (struct score){0};
    if (n > FILE_LIMIT_MIDI)
        return error_set(error, ERROR_INPUT, "MIDI: a file of %zu bytes; at most %zu are wanted", n, FILE_LIMIT_MIDI);
    struct reader reader = reader_on(data, n);
    struct scan scan = {.score = out};
    unsigned format = 0, tracks = 0;
    bool ok = unwrap(&reader, error) && read_header(&reader, &format, &tracks, &out->ticks_per_quarter, error);
    ok = ok && (scan.track = mem_alloc(tracks + 1, sizeof *scan.track, error)) != NULL;
    ok = ok && read_chunks(&scan, &reader, format, tracks, error) && pair_notes(&scan, error);
    if (ok) {
        score_sort(out);
        double seconds = score_seconds(out, score_end(out));
        if (seconds > SECONDS_MOST)
            ok = error_set(error, ERROR_INPUT, "MIDI: %.1f hours of music; at most 24 are wanted", seconds / 3600);
    }
    mem_free(scan.event);
    mem_free(scan.programs.list);
    mem_free(scan.pedals.list);
    mem_free(scan.track);
    if (!ok) score_free(out);
    return ok;
}
