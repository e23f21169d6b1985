/* Piano rolls; see roll.h. */
#include "outputs/roll.h"

#include <string.h>

enum { SIDE_MOST = 1024, GAP = 6, MARGIN = 1 };

static const uint8_t colours[8][3] = {{31, 119, 180}, {214, 84, 30}, {44, 140, 60}, {148, 80, 170}, {200, 40, 70}, {120, 90, 60}, {20, 150, 160}, {190, 140, 20}};
static const uint8_t white_row[3] = {250, 250, 247}, black_row[3] = {234, 234, 230}, bar_line[3] = {170, 170, 170}, octave_line[3] = {205, 205, 200};

struct layout {
    const struct score *score;
    int low, high;                 /* pitches shown */
    int row;                       /* pixels a pitch */
    double per_tick;               /* pixels */
    int64_t end;
    int systems, width;
};

static void fill(struct sprite *s, int x, int y, int w, int h, const uint8_t rgb[3])
{
    for (int j = y < 0 ? 0 : y; j < y + h && j < s->height; j++)
        for (int i = x < 0 ? 0 : x; i < x + w && i < s->width; i++) {
            uint8_t *p = s->rgba + ((size_t)j * (size_t)s->width + (size_t)i) * 4;
            memcpy(p, rgb, 3), p[3] = 255;
        }
}

/* The length of the bar at a tick, and where it starts. */
static int64_t bar_at(const struct score *s, int64_t tick, int64_t *length)
{
    int64_t from = 0;
    int numerator = 4, denominator = 4;
    for (size_t i = 0; i < s->metres && s->metre[i].tick <= tick; i++) from = s->metre[i].tick, numerator = s->metre[i].numerator, denominator = s->metre[i].denominator;
    *length = (int64_t)s->ticks_per_quarter * 4 * numerator / denominator;
    if (*length < 1) *length = 1;
    return from + (tick - from) / *length * *length;
}

/* Where the system that starts at a tick ends: behind as many bars as fit, at least one. */
static int64_t system_end(const struct layout *l, int64_t from)
{
    int64_t at = from, length;
    do {
        int64_t start = bar_at(l->score, at, &length);
        int64_t next = start + length;
        for (size_t i = 0; i < l->score->metres; i++)
            if (l->score->metre[i].tick > at && l->score->metre[i].tick < next) next = l->score->metre[i].tick;
        if (at > from && (double)(next - from) * l->per_tick > SIDE_MOST - 2) break;
        at = next;
    } while (at < l->end);
    return at;
}

static bool measure(const struct score *score, struct layout *l, struct error *error)
{
    *l = (struct layout){.score = score, .low = 127, .end = score_end(score)};
    if (score->notes == 0) return error_set(error, ERROR_INPUT, "piano roll: a score without notes; at least one is wanted");
    for (size_t i = 0; i < score->notes; i++) {
        if (score->note[i].pitch < l->low) l->low = score->note[i].pitch;
        if (score->note[i].pitch > l->high) l->high = score->note[i].pitch;
    }
    l->low = l->low > MARGIN ? l->low - MARGIN : 0, l->high = l->high < 127 - MARGIN ? l->high + MARGIN : 127;
    return true;
}

static int system_height(const struct layout *l) { return (l->high - l->low + 1) * l->row; }

/* Systems and width of this scale; false when it is too large. */
static bool fits(struct layout *l)
{
    l->systems = l->width = 0;
    for (int64_t at = 0; at < l->end; l->systems++) {
        int64_t to = system_end(l, at);
        int width = (int)((double)(to - at) * l->per_tick) + 2;
        if (width > l->width) l->width = width;
        at = to;
        if (l->width > SIDE_MOST || (l->systems + 1) * (system_height(l) + GAP) > SIDE_MOST) return false;
    }
    return true;
}

static void draw_ground(const struct layout *l, struct sprite *s, int top, int width)
{
    for (int pitch = l->low; pitch <= l->high; pitch++) {
        int y = top + (l->high - pitch) * l->row;
        fill(s, 0, y, width, l->row, 0x54a >> (pitch % 12) & 1 ? black_row : white_row);
        if (pitch % 12 == 0 && l->row > 1) fill(s, 0, y + l->row - 1, width, 1, octave_line);
    }
}

static void draw_system(const struct layout *l, struct sprite *s, int top, int64_t from, int64_t to)
{
    int64_t length;
    draw_ground(l, s, top, (int)((double)(to - from) * l->per_tick) + 1);
    for (int64_t at = from; at <= to; at = bar_at(l->score, at, &length) + length) {
        fill(s, (int)((double)(at - from) * l->per_tick), top, 1, system_height(l), bar_line);
        (void)bar_at(l->score, at, &length);
    }
    for (size_t i = 0; i < l->score->notes; i++) {
        const struct score_note *n = &l->score->note[i];
        if (n->onset >= to || n->onset + n->length <= from) continue;
        int64_t a = n->onset > from ? n->onset : from, b = n->onset + n->length < to ? n->onset + n->length : to;
        int x = (int)((double)(a - from) * l->per_tick), w = (int)((double)(b - from) * l->per_tick) - x;
        fill(s, x, top + (l->high - n->pitch) * l->row, w > 2 ? w - 1 : w > 0 ? w : 1, l->row, colours[n->part % 8]);
    }
}

bool roll_draw(const struct score *score, struct sprite *out, struct error *error)
{
    static const struct { double quarter; int row; } scales[] = {{24, 5}, {16, 4}, {12, 4}, {12, 3}, {8, 3}, {8, 2}, {6, 2}, {4, 2}, {3, 1}, {2, 1}, {1, 1}, {.5, 1}};
    struct layout l;
    if (!measure(score, &l, error)) return false;
    size_t k = 0, n = sizeof scales / sizeof *scales;
    for (; k < n; k++) {
        l.row = scales[k].row, l.per_tick = scales[k].quarter / score->ticks_per_quarter;
        if (fits(&l)) break;
    }
    if (k == n) return error_set(error, ERROR_INPUT, "piano roll: %lld quarter notes; fewer are wanted", (long long)(l.end / score->ticks_per_quarter));
    if (!sprite_init(out, l.width, l.systems * (system_height(&l) + GAP) - GAP, error)) return false;
    int top = 0;
    for (int64_t at = 0; at < l.end; top += system_height(&l) + GAP) {
        int64_t to = system_end(&l, at);
        draw_system(&l, out, top, at, to);
        at = to;
    }
    return true;
}

bool roll_draw_small(const struct score *score, int width, struct sprite *out, struct error *error)
{
    struct layout l;
    if (!measure(score, &l, error)) return false;
    double most = (double)l.end / score->ticks_per_quarter * 4;        /* a sixteenth a column, or less */
    int columns = most < width ? (int)most + 1 : width;
    l.row = 1, l.per_tick = (double)(columns - 1) / (double)l.end;
    if (!sprite_init(out, columns, system_height(&l), error)) return false;
    draw_ground(&l, out, 0, columns);
    draw_system(&l, out, 0, 0, l.end);
    return true;
}
