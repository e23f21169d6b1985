/* Added tokens: found in the text before any word is; see bpe.h.
 *
 *     text --(those with "normalized": false)--> stretches --(NFC, where asked for)--> --(the others)--> stretches
 *
 * The longest token that starts leftmost wins. `lstrip` and `rstrip` let a token take the white space beside it, `single_word`
 * wants no letter, mark or digit beside it. Special tokens that are not to be recognised are passed over as plain text: the
 * search goes on behind them. */
#include "tokenizers/bpe_inside.h"
#include "tokenizers/unicode.h"
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>

static void index_search(struct bpe *bpe, int32_t id)
{
    struct bpe_search *search = &bpe->search[(bpe->flags[id] & BPE_FLAG_NORMALIZED) != 0];
    int first = bpe->text.data[bpe->start[id]];
    search->first[first] = 1;
    search->only = search->only == -2 || search->only == first ? first : -1;
    search->plain = search->plain || (bpe->flags[id] & BPE_FLAG_SPECIAL) == 0;
}

static int longest_first(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x > y ? -1 : x < y;
}

bool bpe_index_added(struct bpe *bpe, struct error *error)
{
    size_t n = 0, capacity = 16, kept = 0;
    for (int set = 0; set < 2; set++) bpe->search[set].only = -2;
    for (int32_t id = 0; id < bpe->n; id++) n += (bpe->flags[id] & BPE_FLAG_ADDED) != 0;
    while (capacity < 2 * n + 2) capacity *= 2;
    bpe->added.id = mem_alloc(capacity, sizeof *bpe->added.id, error);
    bpe->added_lengths = mem_alloc(n, sizeof *bpe->added_lengths, error);
    if (bpe->added.id == NULL || bpe->added_lengths == NULL) return false;
    bpe->added.capacity = capacity;
    for (int32_t id = 0; id < bpe->n; id++) {
        if ((bpe->flags[id] & BPE_FLAG_ADDED) == 0) continue;
        size_t length;
        const uint8_t *text = bpe_token(bpe, id, &length);
        if (bpe_find_added(bpe, text, length) >= 0) continue;
        size_t i = bpe_hash(text, length) & (capacity - 1);
        while (bpe->added.id[i] != 0) i = (i + 1) & (capacity - 1);
        bpe->added.id[i] = id + 1;
        bpe->added_lengths[bpe->n_added_lengths++] = length;
        index_search(bpe, id);
    }
    if (bpe->n_added_lengths > 1) qsort(bpe->added_lengths, bpe->n_added_lengths, sizeof *bpe->added_lengths, longest_first);
    for (size_t i = 0; i < bpe->n_added_lengths; i++)
        if (kept == 0 || bpe->added_lengths[kept - 1] != bpe->added_lengths[i]) bpe->added_lengths[kept++] = bpe->added_lengths[i];
    bpe->n_added_lengths = kept;
    return true;
}

int32_t bpe_find_added(const struct bpe *bpe, const void *text, size_t n)
{
    size_t mask = bpe->added.capacity - 1, length;
    if (bpe->added.capacity == 0) return -1;
    for (size_t i = bpe_hash(text, n) & mask; bpe->added.id[i] != 0; i = (i + 1) & mask) {
        const uint8_t *there = bpe_token(bpe, bpe->added.id[i] - 1, &length);
        if (length == n && memcmp(there, text, n) == 0) return bpe->added.id[i] - 1;
    }
    return -1;
}

/* The longest added token of the set at p, -1 when there is none. */
static int32_t added_at(const struct bpe *bpe, const uint8_t *p, size_t n, int set)
{
    for (size_t i = 0; i < bpe->n_added_lengths; i++) {
        int32_t id = bpe->added_lengths[i] <= n ? bpe_find_added(bpe, p, bpe->added_lengths[i]) : -1;
        if (id >= 0 && ((bpe->flags[id] & BPE_FLAG_NORMALIZED) != 0) == (set == 1)) return id;
    }
    return -1;
}

/* The next place from `at` on where a token of the set may start, n when there is none. */
static size_t next_place(const struct bpe_search *search, const uint8_t *text, size_t at, size_t n)
{
    if (search->only >= 0) {
        const uint8_t *found = memchr(text + at, search->only, n - at);
        return found == NULL ? n : (size_t)(found - text);
    }
    while (at < n && !search->first[text[at]]) at++;
    return at;
}

static bool is_word(uint32_t c) { return (unicode_facts(c) & UNICODE_WORD) != 0; }
static bool is_space(uint32_t c) { return (unicode_facts(c) & UNICODE_KIND) == UNICODE_SPACE; }

static bool stands_alone(const uint8_t *text, size_t from, size_t to, size_t n)
{
    size_t length;
    return (from == 0 || !is_word(unicode_before(text, from, &length))) && (to == n || !is_word(unicode_at(text + to, &length)));
}

static bool cut_set(const struct bpe_cutter *c, const uint8_t *text, size_t n, int set, struct error *error);

/* A stretch without tokens of the first set goes on to the second, one without any to the caller. */
static bool pass_on(const struct bpe_cutter *c, const uint8_t *text, size_t n, int set, struct error *error)
{
    if (n == 0) return true;
    if (set == 1) return c->stretch(c->context, text, n, error);
    if (!c->bpe->nfc || unicode_is_stable(text, n)) return cut_set(c, text, n, 1, error);
    struct bytes normal = {0};
    bool ok = unicode_nfc(text, n, &normal, error) && cut_set(c, normal.data, normal.n, 1, error);
    bytes_free(&normal);
    return ok;
}

static bool cut_set(const struct bpe_cutter *c, const uint8_t *text, size_t n, int set, struct error *error)
{
    const struct bpe *bpe = c->bpe;
    const struct bpe_search *search = &bpe->search[set];
    size_t done = 0, length;
    if (search->only == -2 || (!c->specials && !search->plain)) return pass_on(c, text, n, set, error);
    for (size_t at = 0; (at = next_place(search, text, at, n)) < n;) {
        int32_t id = added_at(bpe, text + at, n - at, set);
        if (id < 0) {
            at++;
            continue;
        }
        unsigned flags = bpe->flags[id];
        size_t from = at, to = at + (bpe->start[id + 1] - bpe->start[id]);
        at = to;
        if ((flags & BPE_FLAG_SPECIAL) && !c->specials) continue;
        if ((flags & BPE_FLAG_SINGLE_WORD) && !stands_alone(text, from, to, n)) continue;
        while ((flags & BPE_FLAG_LSTRIP) && from > done && is_space(unicode_before(text, from, &length))) from -= length;
        while ((flags & BPE_FLAG_RSTRIP) && to < n && is_space(unicode_at(text + to, &length))) to += length;
        if (from > done && !pass_on(c, text + done, from - done, set, error)) return false;
        if (!c->token(c->context, id, error)) return false;
        done = to;
        if (at < done) at = done;
    }
    return pass_on(c, text + done, n - done, set, error);
}

bool bpe_cut(const struct bpe_cutter *cutter, const uint8_t *text, size_t n, struct error *error) { return cut_set(cutter, text, n, 0, error); }
