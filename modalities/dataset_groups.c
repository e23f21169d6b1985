/* Pictures that are nearly alike stay in one split: a test on a recoloured or mirrored twin of a training picture would test nothing.
 *
 * A picture's signature is 8 x 8 fields of 4 x 4 pixels: a bit for "mostly opaque" and a bit for "lighter than the picture's mean". Two pictures are
 * alike when their signatures, one of them perhaps mirrored, differ in at most ALIKE bits; a flat picture, whose signature says little,
 * only when all pixels are equal. Groups are the closure of that; each goes where its first member's name sends it. */
#include "modalities/dataset.h"
#include "core/mem.h"

#include <string.h>

enum { FIELDS = 8, FIELD = SPRITE_SIDE / FIELDS, ALIKE = 5, INFORMED = 6, COMPARED_MOST = 30000 };

struct signature { size_t item; uint64_t opaque, light, mirrored_opaque, mirrored_light, pixels; };

static void sign(const struct sprite *s, struct signature *g)
{
    int alpha[FIELDS * FIELDS] = {0}, light[FIELDS * FIELDS] = {0}, sum = 0, n = 0;
    g->pixels = 1469598103934665603u;
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        const uint8_t *p = s->rgba + 4 * i;
        int field = i / SPRITE_SIDE / FIELD * FIELDS + i % SPRITE_SIDE / FIELD, luma = sprite_light(p) / 1000;
        for (int d = 0; d < 4; d++) g->pixels = (g->pixels ^ p[d]) * 1099511628211u;
        if (p[3] == 0) continue;
        alpha[field]++, light[field] += luma, sum += luma, n++;
    }
    for (int k = 0; k < FIELDS * FIELDS; k++) {
        int mirrored = k / FIELDS * FIELDS + FIELDS - 1 - k % FIELDS;
        uint64_t opaque = 2 * alpha[k] >= FIELD * FIELD, lighter = n > 0 && alpha[k] > 0 && (int64_t)light[k] * n > (int64_t)sum * alpha[k];
        g->opaque |= opaque << k, g->light |= lighter << k;
        g->mirrored_opaque |= opaque << mirrored, g->mirrored_light |= lighter << mirrored;
    }
}

static int bits(uint64_t x) { return __builtin_popcountll(x); }

static bool informed(const struct signature *g)
{
    int n = bits(g->light);
    return n >= INFORMED && n <= FIELDS * FIELDS - INFORMED;
}

static bool alike(const struct signature *a, const struct signature *b)
{
    if (a->pixels == b->pixels) return true;
    if (!informed(a) || !informed(b)) return false;
    return bits(a->opaque ^ b->opaque) + bits(a->light ^ b->light) <= ALIKE || bits(a->opaque ^ b->mirrored_opaque) + bits(a->light ^ b->mirrored_light) <= ALIKE;
}

static size_t root_of(size_t *parent, size_t i)
{
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

bool dataset_group(struct dataset *d, struct error *error)
{
    struct signature *list = mem_alloc(d->n, sizeof *list, error);
    size_t *parent = mem_alloc(d->n, sizeof *parent, error), n = 0;
    bool ok = list != NULL && parent != NULL;
    for (size_t i = 0; ok && i < d->n && n < COMPARED_MOST; i++) {
        struct piece piece;
        struct error ignored = {0};
        if (d->items[i].kind != ITEM_IMAGE || !d->items[i].hashed || !modality_read_file(d->items[i].path, &piece, &ignored)) continue;
        sign(&piece.sprite, &list[n]);
        list[n].item = i;
        parent[n] = n, n++;
        piece_free(&piece);
    }
    for (size_t i = 0; ok && i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (alike(&list[i], &list[j])) {
                size_t a = root_of(parent, i), b = root_of(parent, j);
                parent[a > b ? a : b] = a > b ? b : a;
            }
    for (size_t i = 0; ok && i < n; i++) d->items[list[i].item].split = d->items[list[root_of(parent, i)].item].split;
    mem_free(list), mem_free(parent);
    return ok;
}
