/* Random walks through the grammar of music. */
#ifndef TESTS_MUSIC_WALK_H
#define TESTS_MUSIC_WALK_H

#include "core/ids.h"
#include "core/random.h"
#include "tokenizers/music.h"

#include <check.h>
#include <string.h>

enum walk_sort { WALK_PLAIN, WALK_TOLD, WALK_HOLES };          /* notes only; with chords, lengths and densities; with holes as well */

static int32_t id_of(enum music_kind kind, int value)
{
    int32_t id = music_id(kind, value);
    ck_assert_int_ge(id, 0);
    return id;
}

/* A random walk of about `most` ids, closed by the grammar's own list. */
static void walk(uint64_t seed, size_t most, enum walk_sort sort, struct ids *out)
{
    static uint8_t allowed[1024];
    struct music_grammar g;
    struct error error = {0};
    int32_t closing[MUSIC_CLOSING_MOST];
    bool may_end;
    out->n = 0;
    music_grammar_start(&g);
    for (uint64_t step = 0; step < most; step++) {
        music_grammar_allowed(&g, allowed, &may_end);
        for (enum music_kind kind = MUSIC_CHORD; kind < MUSIC_KINDS; kind++)
            if (sort == WALK_PLAIN || (sort == WALK_TOLD && kind >= MUSIC_HOLE)) memset(allowed + music_id(kind, 0), 0, (size_t)music_kind_count(kind));
        int n = 0, kinds = 0, first[MUSIC_KINDS + 1] = {0}, vocabulary = music_vocabulary();
        for (int32_t id = 0; id < vocabulary; id++) n += allowed[id];
        if (n == 0) ck_assert(may_end);
        if (n == 0 || (may_end && random_below(seed, 7, step, 400) == 0)) break;
        /* Half of the walks choose a kind first, so that rare kinds come up as well. */
        int32_t lists[MUSIC_KINDS];
        for (unsigned kind = 0; kind < MUSIC_KINDS; kind++) {
            int32_t from = music_id((enum music_kind)kind, 0);
            int here = 0;
            for (int32_t id = from; id < from + music_kind_count((enum music_kind)kind); id++) here += allowed[id];
            if (here > 0) {
                lists[kinds] = from;
                first[kinds++] = here;
            }
        }
        uint64_t pick = seed % 2 ? random_below(seed, 8, step, (uint64_t)n) : 0;
        int32_t id = 0;
        if (seed % 2 == 0) {
            uint64_t k = random_below(seed, 8, step, (uint64_t)kinds);
            id = lists[k];
            pick = random_below(seed, 9, step, (uint64_t)first[k]);
        }
        for (;; id++)
            if (allowed[id] && pick-- == 0) break;
        if (!music_grammar_advance(&g, id) || !ids_append(out, id, &error)) ck_abort_msg("an allowed id was refused");
    }
    size_t least = (g.noted ? 3u : 8u) + (size_t)(g.length > g.bars ? g.length - g.bars : 0);
    least += g.hidden != 0 || g.holes > 0 ? 3 + (size_t)(g.hidden != 0 ? (g.length > g.bars ? g.length : g.bars + 1) : g.holes) : 0;
    size_t n = music_grammar_closing(&g, closing);
    ck_assert_uint_le(n, least);
    for (size_t i = 0; i < n; i++) ck_assert(music_grammar_advance(&g, closing[i]));
    ck_assert(music_grammar_may_end(&g));
    ck_assert(ids_append_many(out, closing, n, &error));
}

#endif
