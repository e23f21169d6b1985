/* NFC; see unicode.h. Text is handled in runs from one stable starter to the next, so that memory stays small:
 *
 *     run --decompose--> code points with combining classes --sort marks--> --compose--> UTF-8 */
#include "tokenizers/unicode.h"
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { S_BASE = 0xac00, L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11a7, L_COUNT = 19, V_COUNT = 21, T_COUNT = 28, S_COUNT = L_COUNT * V_COUNT * T_COUNT };

struct mark { uint32_t c, rank, at; };                       /* `at` keeps the order of equal ranks */
struct run { struct mark *mark; size_t n, capacity; };

bool unicode_append(struct bytes *out, uint32_t c, struct error *error)
{
    uint8_t b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6) b[i] = (uint8_t)(0x80 | (c & 0x3f));
    b[0] = (uint8_t)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
    return bytes_append(out, b, n, error);
}

static uint32_t rank_of(uint32_t c)
{
    size_t low = 0, high = unicode_ranks_n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (unicode_ranks[middle].to < c) low = middle + 1;
        else high = middle;
    }
    return low < unicode_ranks_n && unicode_ranks[low].from <= c ? unicode_ranks[low].rank : 0;
}

static const struct unicode_split *split_of(uint32_t c)
{
    size_t low = 0, high = unicode_splits_n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (unicode_splits[middle].whole < c) low = middle + 1;
        else high = middle;
    }
    return low < unicode_splits_n && unicode_splits[low].whole == c ? &unicode_splits[low] : NULL;
}

/* What a and b compose to, 0 for nothing. */
static uint32_t join_of(uint32_t a, uint32_t b)
{
    if (a - L_BASE < L_COUNT && b - V_BASE < V_COUNT) return S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT;
    if (a - S_BASE < S_COUNT && (a - S_BASE) % T_COUNT == 0 && b - T_BASE - 1 < T_COUNT - 1) return a + (b - T_BASE);
    size_t low = 0, high = unicode_joins_n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct unicode_join *j = &unicode_joins[middle];
        if (j->first < a || (j->first == a && j->second < b)) low = middle + 1;
        else high = middle;
    }
    const struct unicode_join *j = &unicode_joins[low];
    return low < unicode_joins_n && j->first == a && j->second == b ? j->whole : 0;
}

static bool put(struct run *run, uint32_t c, struct error *error)
{
    if (run->n == run->capacity) {
        size_t capacity = run->capacity == 0 ? 64 : 2 * run->capacity;
        struct mark *mark = mem_resize(run->mark, capacity, sizeof *mark, error);
        if (mark == NULL) return false;
        run->mark = mark;
        run->capacity = capacity;
    }
    run->mark[run->n] = (struct mark){c, rank_of(c), (uint32_t)run->n};
    run->n++;
    return true;
}

static bool decompose(struct run *run, uint32_t c, struct error *error)
{
    uint32_t s = c - S_BASE;
    if (s < S_COUNT)
        return put(run, L_BASE + s / (V_COUNT * T_COUNT), error) && put(run, V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT, error) &&
               (s % T_COUNT == 0 || put(run, T_BASE + s % T_COUNT, error));
    const struct unicode_split *split = split_of(c);
    if (split == NULL) return put(run, c, error);
    return decompose(run, split->first, error) && (split->second == 0 || decompose(run, split->second, error));
}

static int by_rank(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void sort_marks(struct run *run)
{
    for (size_t from = 0; from < run->n; from++) {
        size_t to = from;
        while (to < run->n && run->mark[to].rank != 0) to++;
        if (to - from > 1) qsort(run->mark + from, to - from, sizeof *run->mark, by_rank);
        from = to;
    }
}

static void compose(struct run *run)
{
    size_t kept = 0, starter = SIZE_MAX;
    uint32_t last = 0;                                       /* rank of what was kept last behind the starter */
    for (size_t i = 0; i < run->n; i++) {
        struct mark m = run->mark[i];
        bool open = starter != SIZE_MAX && (starter + 1 == kept || (last < m.rank && last != 0));
        uint32_t whole = open ? join_of(run->mark[starter].c, m.c) : 0;
        if (whole != 0) {
            run->mark[starter].c = whole;
            continue;
        }
        if (m.rank == 0) starter = kept;
        last = m.rank;
        run->mark[kept++] = m;
    }
    run->n = kept;
}

bool unicode_is_stable(const void *text, size_t n)
{
    const uint8_t *p = text;
    for (size_t at = 0, length; at < n; at += length) {
        for (uint64_t word; at + 8 <= n; at += 8) {
            memcpy(&word, p + at, 8);
            if (word & 0x8080808080808080u) break;
        }
        if (at == n) break;
        if (unicode_facts(unicode_at(p + at, &length)) & UNICODE_UNSTABLE) return false;
    }
    return true;
}

bool unicode_nfc(const void *text, size_t n, struct bytes *out, struct error *error)
{
    const uint8_t *p = text;
    struct run run = {0};
    bool ok = true;
    for (size_t at = 0, length; ok && at < n;) {
        run.n = 0;
        do {                                                 /* one character, then all that may combine with it */
            ok = decompose(&run, unicode_at(p + at, &length), error);
            at += length;
        } while (ok && at < n && (unicode_facts(unicode_at(p + at, &length)) & UNICODE_UNSTABLE));
        sort_marks(&run);
        compose(&run);
        for (size_t i = 0; ok && i < run.n; i++) ok = unicode_append(out, run.mark[i].c, error);
    }
    mem_free(run.mark);
    return ok;
}
