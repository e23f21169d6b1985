/* Image codes: vocabulary, grammar, decoding, files; see codes.h. Learning is in codes_train.c, encoding in codes_encode.c, the convolutional
 * codes in codes_vq.c. */
#include "core/mem.h"
#include "core/safetensors.h"
#include "tokenizers/codes_inside.h"

#include <stdio.h>
#include <string.h>

/* Where the local ids of each kind begin. */
static int32_t first_colour(void) { return CODES_SIZES; }
static int32_t end_id(const struct codes *c) { return CODES_SIZES + c->colours; }
static int32_t first_pattern(const struct codes *c) { return end_id(c) + 1; }
static int32_t first_step(const struct codes *c, int channel) { return first_pattern(c) + c->patterns + channel * CODES_STEPS; }   /* channel: red, green, blue */
static int32_t hole_id(const struct codes *c) { return first_step(c, 3); }
static int32_t fill_id(const struct codes *c) { return hole_id(c) + 1; }
int codes_vocabulary(const struct codes *c) { return c->vq != NULL ? codes_vq_vocabulary(c->vq) : fill_id(c) + 1; }
bool codes_is_hole(const struct codes *c, int32_t id) { return c->vq == NULL && id == hole_id(c); }
bool codes_is_fill(const struct codes *c, int32_t id) { return c->vq == NULL && id == fill_id(c); }
bool codes_has_palettes(const struct codes *c) { return c->vq == NULL; }

int codes_colours_most(bool doubled) { return doubled ? CODES_COLOURS_16 : CODES_COLOURS_32; }
int codes_places(bool doubled) { return doubled ? CODES_PATTERNS / 2 : CODES_PATTERNS; }
int codes_per_row(bool doubled) { return doubled ? SPRITE_SIDE / 4 : SPRITE_SIDE / 2; }

bool codes_place_kept(bool doubled, int place, const uint8_t *keep)
{
    for (int k = 0; k < 4; k++)
        for (int x = 0; x <= doubled; x++)
            if (!keep[codes_pixel(doubled, place, k) + x]) return false;
    return true;
}

const char *codes_name(const struct codes *c, int32_t id, char text[CODES_NAME_MOST])
{
    static const char *const channels[] = {"red", "green", "blue"};
    if (id < 0 || id >= codes_vocabulary(c)) snprintf(text, CODES_NAME_MOST, "no code %d", (int)id);
    else if (id < CODES_SIZES) snprintf(text, CODES_NAME_MOST, "size %d", id == 0 ? 32 : 16);
    else if (c->vq != NULL) snprintf(text, CODES_NAME_MOST, "code %d", (int)id - CODES_SIZES);
    else if (id < end_id(c)) {
        const uint8_t *rgb = c->colour[id - first_colour()];
        snprintf(text, CODES_NAME_MOST, "colour %d #%02x%02x%02x", (int)(id - first_colour()), rgb[0], rgb[1], rgb[2]);
    } else if (id == end_id(c)) snprintf(text, CODES_NAME_MOST, "palette end");
    else if (id < first_step(c, 0)) {
        const uint8_t *p = c->pattern[id - first_pattern(c)];
        snprintf(text, CODES_NAME_MOST, "pattern %d %d/%d %d", p[0], p[1], p[2], p[3]);
    } else if (id < hole_id(c)) {
        int at = id - first_step(c, 0);
        snprintf(text, CODES_NAME_MOST, "%s %+d", channels[at / CODES_STEPS], at % CODES_STEPS - CODES_REACH);
    } else snprintf(text, CODES_NAME_MOST, "%s", id == hole_id(c) ? "pattern hole" : "pattern fill");
    return text;
}

bool codes_init(struct codes **out, int colours, int patterns, struct error *error)
{
    struct codes *c = mem_alloc(1, sizeof *c, error);
    if (c == NULL) return false;
    *c = (struct codes){.colours = colours, .patterns = patterns, .colour = mem_alloc((size_t)colours, 3, error),
        .pattern = mem_alloc((size_t)patterns, 4, error), .top = mem_alloc((size_t)patterns, 1, error),
        .code_of_shape = mem_alloc(CODES_SHAPES, sizeof *c->code_of_shape, error)};
    *out = c;
    if (c->colour != NULL && c->pattern != NULL && c->top != NULL && c->code_of_shape != NULL) return true;
    codes_free(c);
    *out = NULL;
    return false;
}

void codes_free(struct codes *c)
{
    if (c == NULL) return;
    mem_free(c->colour);
    mem_free(c->pattern);
    mem_free(c->top);
    mem_free(c->code_of_shape);
    if (c->vq != NULL) vq_free(c->vq);
    mem_free(c->vq);
    mem_free(c);
}

void codes_index(struct codes *c)
{
    for (int i = 0; i < CODES_SHAPES; i++) c->code_of_shape[i] = -1;
    for (int i = 0; i < c->patterns; i++) {
        const uint8_t *p = c->pattern[i];
        c->top[i] = 0;
        for (int k = 0; k < 4; k++)
            if (p[k] > c->top[i]) c->top[i] = p[k];
        c->code_of_shape[codes_shape(p)] = (int16_t)i;
    }
}

/* ---- files ---- */

bool codes_save(const struct codes *c, const char *path, struct error *error)
{
    if (c->vq != NULL) return codes_vq_save(c->vq, path, error);
    const struct tensor tensors[] = {
        {.name = "colours", .type = TENSOR_U8, .rank = 2, .shape = {c->colours, 3}, .data = c->colour, .bytes = (size_t)c->colours * 3},
        {.name = "patterns", .type = TENSOR_U8, .rank = 2, .shape = {c->patterns, 4}, .data = c->pattern, .bytes = (size_t)c->patterns * 4}};
    static const char *const metadata[] = {"codec", "palette-first 2x2", "version", "2", NULL};
    return safetensors_write(path, tensors, 2, metadata, error);
}

/* What the encoder and the grammar rely on. Files of older versions lack pairs: they had 16 colours in native 16 too. */
static bool check(struct codes *c, struct error *error)
{
    for (int i = 1; i < c->colours; i++)
        if (sprite_light(c->colour[i]) < sprite_light(c->colour[i - 1])) return error_set(error, ERROR_INPUT, "image codes: colour %d is darker than the one before; an order by lightness is wanted", i);
    for (int i = 0; i < c->patterns; i++)
        for (int k = 0; k < 4; k++) {
            int most = codes_colours_most(codes_is_pair(c->pattern[i]));
            if (c->pattern[i][k] > most) return error_set(error, ERROR_INPUT, "image codes: pattern %d has index %d; 0 to %d is wanted", i, c->pattern[i][k], most);
        }
    codes_index(c);
    for (int i = 0; i < CODES_PAIRS; i++) {
        uint8_t a = (uint8_t)(i / CODES_INDICES), b = (uint8_t)(i % CODES_INDICES);
        if (c->code_of_shape[codes_shape((uint8_t[4]){a, b, a, b})] < 0)
            return error_set(error, ERROR_INPUT, "image codes: the pattern %d %d/%d %d is missing; all %d pairs are wanted (models of older versions are to be trained anew)", a, b, a, b, CODES_PAIRS);
    }
    return true;
}

static bool read_palettes(const struct safetensors *file, struct codes **out, struct error *error)
{
    const struct tensor *colours = safetensors_need(file, "colours", 2, (int64_t[]){-1, 3}, error);
    const struct tensor *patterns = colours != NULL ? safetensors_need(file, "patterns", 2, (int64_t[]){-1, 4}, error) : NULL;
    if (patterns == NULL) return false;
    if (colours->type != TENSOR_U8 || patterns->type != TENSOR_U8) return error_set(error, ERROR_INPUT, "image codes: dtype U8 is wanted");
    if (colours->shape[0] < 1 || colours->shape[0] > 4096 || patterns->shape[0] < 1 || patterns->shape[0] > 16384)
        return error_set(error, ERROR_INPUT, "image codes: %lld colours, %lld patterns; 1 to 4096 and 1 to 16384 are wanted", (long long)colours->shape[0], (long long)patterns->shape[0]);
    if (!codes_init(out, (int)colours->shape[0], (int)patterns->shape[0], error)) return false;
    memcpy((*out)->colour, colours->data, colours->bytes);
    memcpy((*out)->pattern, patterns->data, patterns->bytes);
    return check(*out, error);
}

bool codes_load(const char *path, struct codes **out, struct error *error)
{
    struct safetensors file = {0};
    *out = NULL;
    if (!safetensors_read(path, &file, error)) {
        safetensors_free(&file);
        return false;
    }
    const char *version = safetensors_metadata(&file, "version");
    bool ok = (version != NULL && strcmp(version, "2") == 0) ||
        error_set(error, ERROR_INPUT, "image codes: version %.20s; 2 is wanted (models of older versions are to be trained anew)", version == NULL ? "unknown" : version);
    ok = ok && (codes_vq_is(safetensors_metadata(&file, "codec")) ? codes_vq_read : read_palettes)(&file, out, error);
    if (!ok) {
        error_prefix(error, "%s", path);
        codes_free(*out);
        *out = NULL;
    }
    safetensors_free(&file);
    return ok;
}

/* ---- the grammar ---- */

void codes_grammar_start(struct codes_grammar *g, const struct codes_wishes *wishes)
{
    *g = (struct codes_grammar){.wishes = wishes, .state = CODES_AT_SIZE, .channel = CODES_NO_CHANNEL, .last_rank = -1};
    memset(g->pattern, -1, sizeof g->pattern);
}

bool codes_pattern_fits(const struct codes *c, const struct codes_grammar *g, int pattern)
{
    return c->top[pattern] <= g->colours && (!g->doubled || codes_is_pair(c->pattern[pattern]));
}

/* The channel (0 to 2) whose difference may come next; -1: none. */
static int channel_next(const struct codes_grammar *g)
{
    return g->state != CODES_AT_COLOURS || g->channel == CODES_NO_CHANNEL ? -1 : g->channel == CODES_MAY_RED ? 0 : g->channel == CODES_GREEN ? 1 : 2;
}

static bool step_fits(const struct codes_grammar *g, int channel, int step)
{
    int value = g->rgb[g->colours - 1][channel] + step;
    return value >= 0 && value <= 255;
}

static bool colour_may_follow(const struct codes_grammar *g) { return g->channel == CODES_MAY_RED || g->channel == CODES_NO_CHANNEL; }

static void allow_palette(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed)
{
    int channel = channel_next(g);
    if (colour_may_follow(g)) {
        if (g->colours < codes_colours_most(g->doubled))
            for (int i = g->last_rank + 1; i < c->colours; i++) allowed[first_colour() + i] = 1;
        allowed[end_id(c)] = g->colours > 0;
        if (g->wishes != NULL) codes_wishes_colours(c, g, allowed + first_colour(), allowed + end_id(c));
    }
    if (channel > 0 || (channel == 0 && (g->wishes == NULL || codes_wishes_steps(g))))
        for (int i = 0; i < CODES_STEPS; i++) allowed[first_step(c, channel) + i] = step_fits(g, channel, i - CODES_REACH);
}

void codes_grammar_allowed(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed, bool *may_end)
{
    memset(allowed, 0, (size_t)codes_vocabulary(c));
    *may_end = g->state == CODES_AT_END;
    if (c->vq != NULL) {
        codes_vq_allowed(c->vq, g, allowed);
        return;
    }
    if (g->state == CODES_AT_SIZE) {
        allowed[0] = g->wishes == NULL || g->wishes->size != 16;
        allowed[1] = g->wishes == NULL || g->wishes->size != 32;
    }
    if (g->state == CODES_AT_COLOURS) allow_palette(c, g, allowed);
    if (g->state == CODES_AT_FILL) allowed[fill_id(c)] = 1;
    if (g->state == CODES_AT_PLACES || g->state == CODES_AT_HOLES) {
        for (int i = 0; i < c->patterns; i++) allowed[first_pattern(c) + i] = codes_pattern_fits(c, g, i);
        if (g->wishes != NULL) codes_wishes_patterns(c, g, allowed + first_pattern(c));
    }
}

static bool advance_palette(const struct codes *c, struct codes_grammar *g, int32_t id)
{
    int channel = channel_next(g), step = channel < 0 ? 0 : id - first_step(c, channel) - CODES_REACH;
    if (channel >= 0 && step >= -CODES_REACH && step <= CODES_REACH && step_fits(g, channel, step)) {
        g->rgb[g->colours - 1][channel] = (uint8_t)(g->rgb[g->colours - 1][channel] + step);
        g->channel++;
        return true;
    }
    if (!colour_may_follow(g)) return false;
    if (id == end_id(c) && g->colours > 0) {
        g->state = CODES_AT_PLACES;
        return true;
    }
    if (id < first_colour() || id >= end_id(c) || id - first_colour() <= g->last_rank || g->colours == codes_colours_most(g->doubled)) return false;
    g->last_rank = id - first_colour();
    g->channel = g->doubled ? CODES_MAY_RED : CODES_NO_CHANNEL;
    memcpy(g->rgb[g->colours], c->colour[g->last_rank], 3);
    g->master[g->colours++] = (int16_t)g->last_rank;
    return true;
}

/* Go to the next place: in the first pass any, in the second the next hole. */
static void next_place(struct codes_grammar *g)
{
    int places = codes_places(g->doubled);
    g->place++;
    while (g->state == CODES_AT_HOLES && g->place < places && g->pattern[g->place] >= 0) g->place++;
    if (g->place == places) g->state = g->holes > 0 ? CODES_AT_FILL : CODES_AT_END;
}

bool codes_grammar_advance(const struct codes *c, struct codes_grammar *g, int32_t id)
{
    if (id < 0 || id >= codes_vocabulary(c)) return false;
    if (c->vq != NULL) return codes_vq_advance(c->vq, g, id);
    if (g->state == CODES_AT_SIZE && id < CODES_SIZES) {
        g->doubled = id == 1;
        g->state = CODES_AT_COLOURS;
        return true;
    }
    if (g->state == CODES_AT_COLOURS) return advance_palette(c, g, id);
    if (g->state == CODES_AT_PLACES && id == hole_id(c)) {
        g->holes++;
        next_place(g);
        return true;
    }
    if (g->state == CODES_AT_FILL && id == fill_id(c)) {
        g->state = CODES_AT_HOLES, g->place = -1;
        next_place(g);
        return true;
    }
    if (g->state != CODES_AT_PLACES && g->state != CODES_AT_HOLES) return false;
    int pattern = id - first_pattern(c);
    if (pattern < 0 || pattern >= c->patterns || !codes_pattern_fits(c, g, pattern)) return false;
    if (g->wishes != NULL) codes_wishes_take(c, g, pattern);
    g->pattern[g->place] = (int16_t)pattern;
    g->holes -= g->state == CODES_AT_HOLES;
    next_place(g);
    return true;
}

/* Read a whole payload; the grammar then holds the picture. */
static bool follow(const struct codes *c, const int32_t *ids, size_t n, struct codes_grammar *g, struct error *error)
{
    char name[CODES_NAME_MOST];
    codes_grammar_start(g, NULL);
    for (size_t i = 0; i < n; i++)
        if (!codes_grammar_advance(c, g, ids[i])) return error_set(error, ERROR_INPUT, "image codes: %s at place %zu does not fit there", codes_name(c, ids[i], name), i);
    if (g->state == CODES_AT_END) return true;
    return error_set(error, ERROR_INPUT, "image codes: the picture stops after %zu ids, %d of %d places passed, %d holes to fill", n, g->place, c->vq != NULL ? VQ_CODES : codes_places(g->doubled), g->holes);
}

bool codes_leave_out(const struct codes *c, const int32_t *ids, size_t n, const bool *hole, struct ids *out, struct error *error)
{
    struct codes_grammar g;
    int holes = 0;
    if (c->vq != NULL) return error_set(error, ERROR_INPUT, "image codes: these are convolutional; holes want palette-first ones");
    if (!follow(c, ids, n, &g, error)) return false;
    size_t places = (size_t)codes_places(g.doubled), head = 0;
    while (ids[head] != end_id(c)) head++;
    bool ok = ids_append_many(out, ids, ++head, error);
    if (n != head + places) return error_set(error, ERROR_INPUT, "image codes: the picture has holes already; one without is wanted");
    for (size_t i = 0; ok && i < places; i++) ok = ids_append(out, hole[i] ? hole_id(c) : ids[head + i], error), holes += hole[i];
    ok = ok && (holes == 0 || ids_append(out, fill_id(c), error));
    for (size_t i = 0; ok && i < places; i++) ok = !hole[i] || ids_append(out, ids[head + i], error);
    return ok;
}

/* ---- decoding ---- */

static void paint(struct sprite *sprite, bool doubled, int place, const uint8_t pattern[4], const uint8_t (*palette)[3])
{
    for (int k = 0; k < 4; k++) {
        if (pattern[k] == 0) continue;
        for (int x = 0; x <= doubled; x++) {
            uint8_t *pixel = sprite->rgba + 4 * (codes_pixel(doubled, place, k) + x);
            memcpy(pixel, palette[pattern[k] - 1], 3);
            pixel[3] = 255;
        }
    }
}

bool codes_decode(const struct codes *c, const int32_t *ids, size_t n, struct sprite *out, int *native, struct error *error)
{
    return codes_decode_exact(c, ids, n, NULL, 0, out, native, error);
}

bool codes_decode_exact(const struct codes *c, const int32_t *ids, size_t n, const uint8_t (*rgb)[3], int n_colours, struct sprite *out, int *native, struct error *error)
{
    struct codes_grammar g;
    *out = (struct sprite){0};
    if (!follow(c, ids, n, &g, error)) return false;
    if (native != NULL) *native = g.doubled ? 16 : 32;
    if (c->vq != NULL) return codes_vq_paint(c->vq, &g, out, error);
    if (!sprite_init(out, SPRITE_SIDE, SPRITE_SIDE, error)) return false;
    for (int i = 0; i < n_colours && i < g.colours; i++) memcpy(g.rgb[i], rgb[i], 3);
    for (int place = 0; place < codes_places(g.doubled); place++) paint(out, g.doubled, place, c->pattern[g.pattern[place]], (const uint8_t (*)[3])g.rgb);
    return true;
}
