/* Image codes: vocabulary, grammar, decoding, files; see codes.h. Learning is in codes_train.c, encoding in codes_encode.c. */
#include "core/mem.h"
#include "core/safetensors.h"
#include "tokenizers/codes_inside.h"

#include <stdio.h>
#include <string.h>

enum { STATE_SIZE, STATE_COLOURS, STATE_PATTERNS, STATE_DONE };

/* Where the local ids of each kind begin. */
static int32_t first_colour(void) { return CODES_SIZES; }
static int32_t end_id(const struct codes *c) { return CODES_SIZES + c->colours; }
static int32_t first_pattern(const struct codes *c) { return CODES_SIZES + c->colours + 1; }
int codes_vocabulary(const struct codes *c) { return CODES_SIZES + c->colours + 1 + c->patterns; }

const char *codes_name(const struct codes *c, int32_t id, char text[CODES_NAME_MOST])
{
    if (id < 0 || id >= codes_vocabulary(c)) snprintf(text, CODES_NAME_MOST, "no code %d", (int)id);
    else if (id < CODES_SIZES) snprintf(text, CODES_NAME_MOST, "size %d", id == 0 ? 32 : 16);
    else if (id < end_id(c)) {
        const uint8_t *rgb = c->colour[id - first_colour()];
        snprintf(text, CODES_NAME_MOST, "colour %d #%02x%02x%02x", (int)(id - first_colour()), rgb[0], rgb[1], rgb[2]);
    } else if (id == end_id(c)) snprintf(text, CODES_NAME_MOST, "palette end");
    else {
        const uint8_t *p = c->pattern[id - first_pattern(c)];
        snprintf(text, CODES_NAME_MOST, "pattern %d %d/%d %d", p[0], p[1], p[2], p[3]);
    }
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
    const struct tensor tensors[] = {
        {.name = "colours", .type = TENSOR_U8, .rank = 2, .shape = {c->colours, 3}, .data = c->colour, .bytes = (size_t)c->colours * 3},
        {.name = "patterns", .type = TENSOR_U8, .rank = 2, .shape = {c->patterns, 4}, .data = c->pattern, .bytes = (size_t)c->patterns * 4}};
    static const char *const metadata[] = {"codec", "palette-first 2x2", "version", "1", NULL};
    return safetensors_write(path, tensors, 2, metadata, error);
}

/* What the encoder and the grammar rely on. */
static bool check(const struct codes *c, struct error *error)
{
    for (int i = 1; i < c->colours; i++)
        if (codes_light(c->colour[i]) < codes_light(c->colour[i - 1])) return error_set(error, ERROR_INPUT, "image codes: colour %d is darker than the one before; an order by lightness is wanted", i);
    for (int i = 0; i < c->patterns; i++)
        for (int k = 0; k < 4; k++)
            if (c->pattern[i][k] >= CODES_INDICES) return error_set(error, ERROR_INPUT, "image codes: pattern %d has index %d; 0 to 16 is wanted", i, c->pattern[i][k]);
    for (uint8_t i = 0; i < CODES_INDICES; i++)
        if (c->code_of_shape[codes_shape((uint8_t[4]){i, i, i, i})] < 0) return error_set(error, ERROR_INPUT, "image codes: the flat pattern of index %d is missing", i);
    return true;
}

bool codes_load(const char *path, struct codes **out, struct error *error)
{
    struct safetensors file = {0};
    *out = NULL;
    bool ok = safetensors_read(path, &file, error);
    const struct tensor *colours = ok ? safetensors_need(&file, "colours", 2, (int64_t[]){-1, 3}, error) : NULL;
    const struct tensor *patterns = colours != NULL ? safetensors_need(&file, "patterns", 2, (int64_t[]){-1, 4}, error) : NULL;
    ok = patterns != NULL;
    if (ok && (colours->type != TENSOR_U8 || patterns->type != TENSOR_U8)) ok = error_set(error, ERROR_INPUT, "image codes: dtype U8 is wanted");
    if (ok && (colours->shape[0] < 1 || colours->shape[0] > 4096 || patterns->shape[0] < CODES_INDICES || patterns->shape[0] > 16384))
        ok = error_set(error, ERROR_INPUT, "image codes: %lld colours, %lld patterns; 1 to 4096 and 17 to 16384 are wanted", (long long)colours->shape[0], (long long)patterns->shape[0]);
    ok = ok && codes_init(out, (int)colours->shape[0], (int)patterns->shape[0], error);
    if (ok) {
        memcpy((*out)->colour, colours->data, colours->bytes);
        memcpy((*out)->pattern, patterns->data, patterns->bytes);
        codes_index(*out);
        ok = check(*out, error);
    }
    if (!ok) {
        error_prefix(error, "%s", path);
        codes_free(*out);
        *out = NULL;
    }
    safetensors_free(&file);
    return ok;
}

/* ---- the grammar ---- */

void codes_grammar_start(struct codes_grammar *g, const struct codes_wishes *wishes) { *g = (struct codes_grammar){.wishes = wishes, .state = STATE_SIZE, .last_rank = -1}; }

bool codes_pattern_fits(const struct codes *c, const struct codes_grammar *g, int pattern)
{
    const uint8_t *p = c->pattern[pattern];
    if (c->top[pattern] > g->colours) return false;
    return !g->doubled || (p[0] == p[1] && p[0] == p[2] && p[0] == p[3]);
}

void codes_grammar_allowed(const struct codes *c, const struct codes_grammar *g, uint8_t *allowed, bool *may_end)
{
    memset(allowed, 0, (size_t)codes_vocabulary(c));
    *may_end = g->state == STATE_DONE;
    if (g->state == STATE_SIZE) {
        allowed[0] = g->wishes == NULL || g->wishes->size != 16;
        allowed[1] = g->wishes == NULL || g->wishes->size != 32;
    }
    if (g->state == STATE_COLOURS) {
        if (g->colours < CODES_COLOURS_MOST)
            for (int i = g->last_rank + 1; i < c->colours; i++) allowed[first_colour() + i] = 1;
        allowed[end_id(c)] = g->colours > 0;
        if (g->wishes != NULL) codes_wishes_colours(c, g, allowed + first_colour(), allowed + end_id(c));
    }
    if (g->state == STATE_PATTERNS) {
        for (int i = 0; i < c->patterns; i++) allowed[first_pattern(c) + i] = codes_pattern_fits(c, g, i);
        if (g->wishes != NULL) codes_wishes_patterns(c, g, allowed + first_pattern(c));
    }
}

bool codes_grammar_advance(const struct codes *c, struct codes_grammar *g, int32_t id)
{
    if (id < 0 || id >= codes_vocabulary(c)) return false;
    if (g->state == STATE_SIZE && id < CODES_SIZES) {
        g->doubled = id == 1;
        g->state = STATE_COLOURS;
        return true;
    }
    if (g->state == STATE_COLOURS && id == end_id(c) && g->colours > 0) {
        g->state = STATE_PATTERNS;
        return true;
    }
    if (g->state == STATE_COLOURS && id >= first_colour() && id < end_id(c) && id - first_colour() > g->last_rank && g->colours < CODES_COLOURS_MOST) {
        g->last_rank = id - first_colour();
        g->master[g->colours++] = (int16_t)g->last_rank;
        return true;
    }
    if (g->state == STATE_PATTERNS && id >= first_pattern(c) && codes_pattern_fits(c, g, id - first_pattern(c))) {
        g->pattern[g->patterns++] = (int16_t)(id - first_pattern(c));
        if (g->wishes != NULL) codes_wishes_taken(c, g);
        if (g->patterns == CODES_PATTERNS) g->state = STATE_DONE;
        return true;
    }
    return false;
}

/* ---- decoding ---- */

static void paint(struct sprite *sprite, int place, const uint8_t pattern[4], const uint8_t (*palette)[3])
{
    int x = place % CODES_PER_ROW * 2, y = place / CODES_PER_ROW * 2;
    for (int k = 0; k < 4; k++) {
        if (pattern[k] == 0) continue;
        uint8_t *pixel = sprite->rgba + 4 * ((y + k / 2) * SPRITE_SIDE + x + k % 2);
        memcpy(pixel, palette[pattern[k] - 1], 3);
        pixel[3] = 255;
    }
}

bool codes_decode(const struct codes *c, const int32_t *ids, size_t n, struct sprite *out, int *native, struct error *error)
{
    return codes_decode_exact(c, ids, n, NULL, 0, out, native, error);
}

bool codes_decode_exact(const struct codes *c, const int32_t *ids, size_t n, const uint8_t (*rgb)[3], int n_colours, struct sprite *out, int *native, struct error *error)
{
    struct codes_grammar g;
    uint8_t palette[CODES_COLOURS_MOST][3];
    codes_grammar_start(&g, NULL);
    if (!sprite_init(out, SPRITE_SIDE, SPRITE_SIDE, error)) return false;
    for (size_t i = 0; i < n; i++) {
        struct codes_grammar before = g;
        if (!codes_grammar_advance(c, &g, ids[i])) {
            char name[CODES_NAME_MOST];
            sprite_free(out);
            return error_set(error, ERROR_INPUT, "image codes: %s at place %zu does not fit there", codes_name(c, ids[i], name), i);
        }
        if (g.colours > before.colours) memcpy(palette[before.colours], before.colours < n_colours ? rgb[before.colours] : c->colour[g.last_rank], 3);
        if (g.patterns > before.patterns) paint(out, before.patterns, c->pattern[ids[i] - first_pattern(c)], (const uint8_t (*)[3])palette);
    }
    if (g.state != STATE_DONE) {
        sprite_free(out);
        return error_set(error, ERROR_INPUT, "image codes: the picture stops after %d of %d patterns", g.patterns, CODES_PATTERNS);
    }
    if (native != NULL) *native = g.doubled ? 16 : 32;
    return true;
}
