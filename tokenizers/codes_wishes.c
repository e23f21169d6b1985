/* Wishes for a picture: what the grammar's masks leave; see codes.h.
 *
 * Every wish narrows a mask that was not empty and leaves it not empty, so that any draw from what is left is a picture that
 * obeys. Where the pattern codebook has no pattern for what is wanted of a place, those with the fewest wrong pixels stay.
 *
 * Mirror: those patterns stay whose mirror image is in the codebook; where the partner in the other half is known, its mirror image is forced.
 *
 * Tiles: along an axis let S be the sum of colour steps between neighbours inside (31 pairs a line) and T the sum over the seam
 * (one pair a line). The seam is no rougher than the inside when T <= S / 31. Both are known up to the place that is being
 * sampled, and S can only grow: a last pattern of a line may therefore spend what is left of SHARE of S / 31, and the first patterns are
 * those that some pattern can meet without any step. With holes the ends of a line come in any order: the later one is
 * the one that must meet the other, and a pair of neighbours counts when the second of them comes. */
#include "tokenizers/codes_inside.h"

#include <limits.h>
#include <string.h>

enum { DARK = 80 * 1000, PAIRS = SPRITE_SIDE - 1, PATTERNS_MOST = 16384, ALIKE = 60, EXTEND_MOST = 16 };   /* ALIKE: a distance in RGB */
static const double SHARE = 0.85;

/* ---- colours ---- */

static int limit_of(const struct codes_wishes *w, bool doubled)
{
    int most = codes_colours_most(doubled);
    return w->limit > 0 && w->limit < most ? w->limit : most;
}

void codes_wishes_colours(const struct codes *c, const struct codes_grammar *g, uint8_t *colour, uint8_t *end)
{
    const struct codes_wishes *w = g->wishes;
    int musts = 0, next_must = c->colours;
    for (int i = 0; i < w->colours; i++) {
        if (!w->colour[i].must || w->colour[i].master <= g->last_rank) continue;
        if (musts++ == 0) next_must = w->colour[i].master;
    }
    bool spare = g->colours + musts < limit_of(w, g->doubled);             /* room for a colour that is no must */
    for (int i = g->last_rank + 1, at = 0; i < c->colours; i++) {
        while (at < w->colours && w->colour[at].master < i) at++;
        bool listed = at < w->colours && w->colour[at].master == i;
        colour[i] = i == next_must || (i < next_must && spare && (listed || !w->only));
        if (w->only && listed && g->colours + w->colours - at < w->least) colour[i] = 0;       /* too few would be left */
        if (w->dark && g->colours == 0 && !w->only && sprite_light(c->colour[i]) > DARK && i > 0 && i != next_must) colour[i] = 0;
    }
    if (musts > 0 || g->colours < w->least) *end = 0;
}

/* Exact colours that are wished take the place of differences; with an outline the darkest stays dark. */
bool codes_wishes_steps(const struct codes_grammar *g) { return g->wishes->colours == 0 && !g->wishes->only && !(g->wishes->dark && g->colours == 1); }

/* Read a palette, the start of a payload. */
static void follow_palette(const struct codes *c, const int32_t *ids, size_t n, struct codes_grammar *g)
{
    codes_grammar_start(g, NULL);
    for (size_t i = 0; i < n && g->state <= CODES_AT_COLOURS && codes_grammar_advance(c, g, ids[i]); i++) {}
}

static void exact_colours(const struct codes_wishes *w, const struct codes_grammar *g, uint8_t rgb[CODES_COLOURS_MOST][3])
{
    memcpy(rgb, g->rgb, sizeof g->rgb);
    for (int i = 0; i < g->colours; i++)
        for (int k = 0; k < w->colours; k++)
            if (w->colour[k].master == g->master[i]) memcpy(rgb[i], w->colour[k].rgb, 3);
}

int codes_wishes_exact(const struct codes *c, const struct codes_wishes *w, const int32_t *ids, size_t n, uint8_t rgb[CODES_COLOURS_MOST][3])
{
    struct codes_grammar g;
    follow_palette(c, ids, n, &g);
    exact_colours(w, &g, rgb);
    return g.colours;
}

/* ---- what is wanted of pixels ---- */

/* Wrong pixels of a pattern at the grammar's place. */
static int mismatches(const struct codes *c, const struct codes_grammar *g, int pattern)
{
    int wrong = 0;
    for (int k = 0; k < 4; k++)
        for (int x = 0; x <= g->doubled; x++) {
            int want = g->wishes->want[codes_pixel(g->doubled, g->place, k) + x], index = c->pattern[pattern][k];
            if (want >= 0) wrong += index == 0 || g->master[index - 1] != want;
            else wrong += (want == CODES_CLEAR && index != 0) || (want == CODES_OPAQUE && index == 0);
        }
    return wrong;
}

/* Leave those with the least cost. */
static void keep_least(const struct codes *c, const struct codes_grammar *g, int (*cost)(const struct codes *, const struct codes_grammar *, int), uint8_t *allowed)
{
    int least = INT_MAX;
    for (int i = 0; i < c->patterns && least > 0; i++)
        if (allowed[i] && cost(c, g, i) < least) least = cost(c, g, i);
    for (int i = 0; i < c->patterns; i++) allowed[i] = allowed[i] && cost(c, g, i) == least;
}

/* ---- mirror ---- */

static int mirror_of(const struct codes *c, int pattern)
{
    const uint8_t *p = c->pattern[pattern];
    return c->code_of_shape[codes_shape((uint8_t[4]){p[1], p[0], p[3], p[2]})];
}

/* The pattern that the other half forces at a place; -1: none. */
static int forced(const struct codes *c, const struct codes_grammar *g, int place)
{
    int per_row = codes_per_row(g->doubled), partner = g->pattern[place - 2 * (place % per_row) + per_row - 1];
    return partner < 0 ? -1 : mirror_of(c, partner);
}

static void keep_mirrored(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed)
{
    int pattern = forced(c, g, g->place);
    for (int i = 0; i < c->patterns; i++) allowed[i] = allowed[i] && (pattern < 0 ? mirror_of(c, i) >= 0 : i == pattern);
}

/* ---- tiles ---- */

/* The colour that an index of the palette sent becomes; transparent pixels are 0, 0, 0, 0, or the ground's colour. */
static void shown(const struct codes_grammar *g, int index, int rgba[4])
{
    const struct codes_wishes *w = g->wishes;
    memset(rgba, 0, 4 * sizeof *rgba);
    if (index == 0 && !w->grounded) return;
    const uint8_t *rgb = index == 0 ? w->ground : g->rgb[index - 1];
    for (int k = 0; index > 0 && k < w->colours; k++)
        if (w->colour[k].master == g->master[index - 1]) rgb = w->colour[k].rgb;
    for (int d = 0; d < 3; d++) rgba[d] = rgb[d];
    rgba[3] = 255;
}

static int step(const struct codes_grammar *g, int a, int b)
{
    int p[4], q[4], sum = 0;
    if (a == b) return 0;
    shown(g, a, p), shown(g, b, q);
    for (int d = 0; d < 4; d++) sum += p[d] > q[d] ? p[d] - q[d] : q[d] - p[d];
    return sum;
}

/* The step over the seam along an axis (0: x, 1: y) between the last pattern of a line and its first. */
static int seam_step(const struct codes *c, const struct codes_grammar *g, int axis, int last, int first)
{
    const uint8_t *p = c->pattern[last], *q = c->pattern[first];
    return axis == 0 ? step(g, p[1], q[0]) + step(g, p[3], q[2]) : step(g, p[2], q[0]) + step(g, p[3], q[1]);
}

/* Where a place lies in its line along an axis, and the other end of that line. */
static int at_line(const struct codes_grammar *g, int axis) { return axis == 0 ? g->place % codes_per_row(g->doubled) : g->place / codes_per_row(g->doubled); }
static int line_length(const struct codes_grammar *g, int axis) { return axis == 0 ? codes_per_row(g->doubled) : SPRITE_SIDE / 2; }
static bool at_edge(const struct codes_grammar *g, int axis) { return at_line(g, axis) == 0 || at_line(g, axis) == line_length(g, axis) - 1; }

/* Of a mirrored picture it may be known by its partner. */
static int other_end(const struct codes *c, const struct codes_grammar *g, int axis)
{
    int far = (line_length(g, axis) - 1) * (axis == 0 ? 1 : codes_per_row(g->doubled)), place = at_line(g, axis) == 0 ? g->place + far : g->place - far;
    return g->pattern[place] < 0 && g->wishes->symmetric ? forced(c, g, place) : g->pattern[place];
}

/* The step over the seam that a pattern at an end of a line makes with the other end. */
static int end_step(const struct codes *c, const struct codes_grammar *g, int axis, int pattern)
{
    return at_line(g, axis) == 0 ? seam_step(c, g, axis, other_end(c, g, axis), pattern) : seam_step(c, g, axis, pattern, other_end(c, g, axis));
}

/* A line's end comes first with a pattern that some pattern can meet at the other end without a step. */
static void keep_meetable(const struct codes *c, const struct codes_grammar *g, int axis, uint8_t *allowed)
{
    bool meets[CODES_INDICES][CODES_INDICES] = {{false}}, first = at_line(g, axis) == 0;
    for (int i = 0; i < c->patterns; i++) {
        const uint8_t *p = c->pattern[i];
        if (!codes_pattern_fits(c, g, i) || (g->wishes->symmetric && mirror_of(c, i) < 0)) continue;
        if (first) meets[axis == 0 ? p[1] : p[2]][p[3]] = true;
        else meets[p[0]][axis == 0 ? p[2] : p[1]] = true;
    }
    for (int i = 0; i < c->patterns; i++) {
        const uint8_t *p = c->pattern[i];
        allowed[i] = allowed[i] && (first ? meets[p[0]][axis == 0 ? p[2] : p[1]] : meets[axis == 0 ? p[1] : p[2]][p[3]]);
    }
}

/* What the seams may still cost here; a mirrored half will spend the same again. */
static int64_t left_for(const struct codes_grammar *g, int axis)
{
    return (int64_t)(SHARE * (double)g->step[axis] / (g->wishes->symmetric ? 2 * PAIRS : PAIRS)) - g->seam[axis];
}

/* The last patch of all meets two seams at once. Where it can, the picture's corners get one colour, and what stands beside the last
 * patch is such that a pattern meets both without a step. `g` is at the end of the first row or the start of the last one. */
static bool fits_corner(const struct codes *c, const struct codes_grammar *g, const uint8_t *p)
{
    int per_row = codes_per_row(g->doubled);
    bool below = g->place >= per_row;
    const uint8_t *first = c->pattern[g->pattern[0]], *above = below ? c->pattern[g->pattern[per_row - 1]] : p, *left = below ? p : first;
    if (above[1] != first[0] || (left == p && left[2] != first[0])) return false;
    int meeting = 0;
    for (int i = 0; i < c->patterns && meeting == 0; i++) {
        const uint8_t *q = c->pattern[i];
        meeting += q[3] == first[0] && q[2] == above[0] && (left != p || q[1] == left[0]) && codes_pattern_fits(c, g, i);
    }
    return meeting > 0;
}

/* Without holes only: where the first row is known. */
static bool before_corner(const struct codes_grammar *g)
{
    int per_row = codes_per_row(g->doubled), places = codes_places(g->doubled);
    if (g->pattern[0] < 0) return false;
    return g->place == per_row - 1 || (g->place == places - per_row && g->pattern[per_row - 1] >= 0);
}

static void keep_corner(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed)
{
    bool some = false;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < c->patterns; i++) {
            bool fits = allowed[i] && fits_corner(c, g, c->pattern[i]);
            if (pass == 0) some = some || fits;
            else if (some) allowed[i] = fits;
        }
}

static void keep_seamless(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed)
{
    const struct codes_wishes *w = g->wishes;
    bool tile[2] = {w->tile_x && at_edge(g, 0), w->tile_y && at_edge(g, 1)}, some = false;
    int64_t least = INT64_MAX;
    for (int axis = 0; axis < 2; axis++)
        if (tile[axis] && other_end(c, g, axis) < 0) keep_meetable(c, g, axis, allowed), tile[axis] = false;
    if (w->tile_x && w->tile_y && !w->symmetric && before_corner(g)) keep_corner(c, g, allowed);
    if (!tile[0] && !tile[1]) return;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < c->patterns; i++) {
            if (!allowed[i]) continue;
            int64_t cost = 0, over = 0;
            for (int axis = 0; axis < 2; axis++) {
                if (!tile[axis]) continue;
                int64_t s = end_step(c, g, axis, i), room = left_for(g, axis);
                cost += s, over += s > (room > 0 ? room : 0) ? 1 : 0;
            }
            if (pass == 0) some = some || over == 0, least = cost < least ? cost : least;
            else allowed[i] = some ? over == 0 : cost == least;
        }
}

/* The step between a pattern at the grammar's place and its neighbour on a side (-1 or 1) along an axis; 0 where that is not known. */
static int neighbour_step(const struct codes *c, const struct codes_grammar *g, int axis, int side, int pattern)
{
    int at = at_line(g, axis) + side, other;
    if (at < 0 || at == line_length(g, axis)) return 0;
    other = g->pattern[g->place + side * (axis == 0 ? 1 : codes_per_row(g->doubled))];
    return other < 0 ? 0 : side < 0 ? seam_step(c, g, axis, other, pattern) : seam_step(c, g, axis, pattern, other);
}

void codes_wishes_take(const struct codes *c, struct codes_grammar *g, int pattern)
{
    const struct codes_wishes *w = g->wishes;
    const uint8_t *p = c->pattern[pattern];
    if (!w->tile_x && !w->tile_y) return;
    g->step[0] += step(g, p[0], p[1]) + step(g, p[2], p[3]);
    g->step[1] += step(g, p[0], p[2]) + step(g, p[1], p[3]);
    for (int axis = 0; axis < 2; axis++) {
        g->step[axis] += neighbour_step(c, g, axis, -1, pattern) + neighbour_step(c, g, axis, 1, pattern);
        bool counts = axis == 0 ? w->tile_x : w->tile_y && !(w->symmetric && forced(c, g, g->place) >= 0);
        if (counts && at_edge(g, axis) && other_end(c, g, axis) >= 0) g->seam[axis] += end_step(c, g, axis, pattern);
    }
}

/* Narrow the mask; where nothing would be left (prompts with holes hold what they like) it stays. */
static void narrow(const struct codes *c, const struct codes_grammar *g, void (*keep)(const struct codes *, const struct codes_grammar *, uint8_t *), uint8_t *allowed)
{
    uint8_t before[PATTERNS_MOST];
    memcpy(before, allowed, (size_t)c->patterns);
    keep(c, g, allowed);
    if (memchr(allowed, 1, (size_t)c->patterns) == NULL) memcpy(allowed, before, (size_t)c->patterns);
}

static void keep_wanted(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed) { keep_least(c, g, mismatches, allowed); }

void codes_wishes_patterns(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed)
{
    const struct codes_wishes *w = g->wishes;
    if (w->want != NULL) narrow(c, g, keep_wanted, allowed);
    if (w->symmetric) narrow(c, g, keep_mirrored, allowed);
    if ((w->tile_x || w->tile_y) && !(w->symmetric && forced(c, g, g->place) >= 0)) narrow(c, g, keep_seamless, allowed);
}

/* ---- making wishes ---- */

static int distance(const uint8_t a[3], const uint8_t b[3])
{
    int r = a[0] - b[0], g = a[1] - b[1], l = a[2] - b[2];
    return r * r + g * g + l * l;
}

/* List a colour at its place in the order; false when the list is full. */
static bool list_colour(struct codes_wishes *w, int master, const uint8_t rgb[3], bool must)
{
    int at = w->colours;
    if (w->colours == (int)(sizeof w->colour / sizeof *w->colour)) return false;
    for (; at > 0 && w->colour[at - 1].master > master; at--) w->colour[at] = w->colour[at - 1];
    w->colour[at] = (struct codes_colour){.master = (int16_t)master, .must = must, .rgb = {rgb[0], rgb[1], rgb[2]}};
    w->colours++;
    return true;
}

bool codes_wishes_palette(const struct codes *c, struct codes_wishes *w, const uint8_t (*rgb)[3], int n, struct error *error)
{
    bool taken[4096] = {false};
    for (int i = 0; i < w->colours; i++) taken[w->colour[i].master] = true;
    for (int i = 0; i < n; i++) {
        int best = -1;
        bool known = false;
        for (int k = 0; k < w->colours; k++) known = known || memcmp(w->colour[k].rgb, rgb[i], 3) == 0;
        if (known) continue;
        for (int k = 0; k < c->colours; k++)
            if (!taken[k] && (best < 0 || distance(c->colour[k], rgb[i]) < distance(c->colour[best], rgb[i]))) best = k;
        if (best < 0 || !list_colour(w, best, rgb[i], false))
            return error_set(error, ERROR_INPUT, "palette: more colours than the model can name; at most %d are wanted", c->colours < 256 ? c->colours : 256);
        taken[best] = true;
    }
    return true;
}

/* Drop colours (n, ascending) until no more than `most` are left, of the two nearest always one; the darkest stays, and where it can the lightest. Returns how many. */
static int thin(uint8_t (*rgb)[3], int *master, int n, int most)
{
    for (; n > most && n > 1; n--) {
        int a = 0, b = 1;
        for (int i = 0; i < n; i++)
            for (int j = i + 1; j < n; j++)
                if (distance(rgb[i], rgb[j]) < distance(rgb[a], rgb[b])) a = i, b = j;
        int drop = b < n - 1 || a == 0 ? b : a;
        memmove(rgb + drop, rgb + drop + 1, (size_t)(n - 1 - drop) * sizeof *rgb);
        memmove(master + drop, master + drop + 1, (size_t)(n - 1 - drop) * sizeof *master);
    }
    return n;
}

static int nearest_of(const struct codes_picture *p, const uint8_t rgb[3])
{
    int best = 0;
    for (int k = 1; k < p->n; k++)
        if (distance(p->rgb[k], rgb) < distance(p->rgb[best], rgb)) best = k;
    return best;
}

/* The commonest of the sprite's colours that the k-th of the palette serves; NULL: none. */
static const uint8_t *commonest(const struct sprite *s, const struct codes_picture *p, int k)
{
    const uint8_t *exact = NULL;
    int most = 0;
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        const uint8_t *pixel = s->rgba + 4 * i;
        int n = 0;
        if (pixel[3] == 0 || nearest_of(p, pixel) != k) continue;
        for (int j = i; j < SPRITE_PIXELS; j++) n += memcmp(s->rgba + 4 * j, pixel, 4) == 0;
        if (n > most) most = n, exact = pixel;
    }
    return exact;
}

bool codes_wishes_sprite(const struct codes *c, struct codes_wishes *w, const struct sprite *s, const uint8_t *keep, int most, int16_t *want, struct error *error)
{
    struct codes_picture p;
    if (s->width != SPRITE_SIDE || s->height != SPRITE_SIDE) return error_set(error, ERROR_INPUT, "image codes: a picture of %d x %d; 32 x 32 is wanted", s->width, s->height);
    codes_choose_palette(c, s, w->size == 0 ? sprite_is_doubled(s) : w->size == 16, most < CODES_COLOURS_32 ? most : CODES_COLOURS_32, &p);
    p.n = thin(p.rgb, p.master, p.n, most);
    w->size = p.doubled ? 16 : 32;
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        const uint8_t *pixel = s->rgba + 4 * i;
        want[i] = keep[i] == 0 ? CODES_ANY : pixel[3] == 0 ? CODES_CLEAR : (int16_t)p.master[nearest_of(&p, pixel)];
    }
    for (int k = 0; k < p.n; k++) {
        const uint8_t *exact = commonest(s, &p, k);
        if (exact != NULL) (void)list_colour(w, p.master[k], exact, true);
    }
    return true;
}

/* How many of the palettes have a colour like this one. */
static int support(const struct codes_grammar *g, int n, const uint8_t rgb[3])
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        bool has = false;
        for (int k = 0; k < g[i].colours; k++) has = has || distance(g[i].rgb[k], rgb) < ALIKE * ALIKE;
        count += has;
    }
    return count;
}

static bool is_listed(const struct codes_wishes *w, int master, const uint8_t rgb[3])
{
    bool is = false;
    for (int k = 0; k < w->colours; k++) is = is || w->colour[k].master == master || distance(w->colour[k].rgb, rgb) < ALIKE * ALIKE;
    return is;
}

void codes_wishes_extend(const struct codes *c, struct codes_wishes *w, const struct ids *palettes, int n, int most)
{
    struct codes_grammar g[EXTEND_MOST];
    if (n > EXTEND_MOST) n = EXTEND_MOST;
    for (int i = 0; i < n; i++) follow_palette(c, palettes[i].id, palettes[i].n, &g[i]);
    for (int added = 0; added < most && w->colours < limit_of(w, w->size == 16); added++) {
        const struct codes_grammar *from = NULL;
        int best = 0, at = 0;
        for (int i = 0; i < n; i++)
            for (int k = 0; k < g[i].colours; k++) {
                int here = is_listed(w, g[i].master[k], g[i].rgb[k]) ? 0 : support(g, n, g[i].rgb[k]);
                if (2 * here >= n && here > best) best = here, from = &g[i], at = k;
            }
        if (from == NULL || !list_colour(w, from->master[at], from->rgb[at], true)) return;
    }
}

bool codes_wishes_check(const struct codes *c, const struct codes_wishes *w, struct error *error)
{
    int musts = 0, limit = limit_of(w, w->size == 16);         /* either size: what both may have */
    if (c->vq != NULL && (w->limit != 0 || w->only || w->dark || w->symmetric || w->tile_x || w->tile_y || w->colours > 0 || w->want != NULL))
        return error_set(error, ERROR_INPUT, "image codes: this model's are convolutional and know no palettes; of wishes only a size can be met");
    for (int i = 0; i < w->colours; i++) {
        musts += w->colour[i].must;
        if (w->colour[i].master < 0 || w->colour[i].master >= c->colours || (i > 0 && w->colour[i].master <= w->colour[i - 1].master))
            return error_set(error, ERROR_INPUT, "image codes: wished colours are not in the order of the palette");
    }
    if (musts > limit) return error_set(error, ERROR_INPUT, "image codes: %d colours must stay, but at most %d are allowed", musts, limit);
    if (w->least > (w->only ? w->colours : 0) || w->least > limit) return error_set(error, ERROR_INPUT, "image codes: at least %d colours cannot be met", w->least);
    if (w->only && w->colours == 0) return error_set(error, ERROR_INPUT, "image codes: an empty palette; at least one colour is wanted");
    return true;
}

void codes_wishes_thin(const struct codes *c, struct codes_wishes *w, const int32_t *ids, size_t n)
{
    struct codes_grammar g;
    uint8_t rgb[CODES_COLOURS_MOST][3];
    int master[CODES_COLOURS_MOST];
    follow_palette(c, ids, n, &g);
    exact_colours(w, &g, rgb);
    for (int i = 0; i < g.colours; i++) master[i] = g.master[i];
    int count = thin(rgb, master, g.colours, limit_of(w, g.doubled));
    w->colours = 0, w->least = 0, w->only = count > 0;
    for (int i = 0; i < count; i++) (void)list_colour(w, master[i], rgb[i], true);
}
