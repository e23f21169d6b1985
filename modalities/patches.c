/* Smooth noise and its summits; see patches.h. */
#include "modalities/patches.h"
#include "core/random.h"

#include <stdlib.h>

enum { LATTICE = 4, ROW = 64, FIRST = 100 };

struct square { double height; int at; };

/* Random heights on a lattice, linear between them. */
static double height_of(uint64_t seed, uint64_t stream, int x, int y)
{
    double u = (double)(x % LATTICE) / LATTICE, v = (double)(y % LATTICE) / LATTICE, corner[4];
    for (int k = 0; k < 4; k++) corner[k] = random_unit(seed, stream, (uint64_t)(FIRST + (y / LATTICE + k / 2) * ROW + x / LATTICE + k % 2));
    return (corner[0] * (1 - u) + corner[1] * u) * (1 - v) + (corner[2] * (1 - u) + corner[3] * u) * v;
}

static int higher(const void *a, const void *b)
{
    const struct square *p = a, *q = b;
    return p->height != q->height ? (p->height > q->height ? -1 : 1) : p->at - q->at;
}

void patches_choose(uint64_t seed, uint64_t stream, int width, int height, int n, bool *chosen)
{
    struct square squares[PATCHES_MOST];
    for (int i = 0; i < width * height; i++) squares[i] = (struct square){height_of(seed, stream, i % width, i / width), i};
    qsort(squares, (size_t)(width * height), sizeof *squares, higher);
    for (int i = 0; i < n; i++) chosen[squares[i].at] = true;
}
