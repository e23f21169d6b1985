/* Text to ids; see bpe.h. */
#include "tokenizers/bpe_inside.h"
#include "core/mem.h"

#include <string.h>

enum { CACHE_SLOTS = 1 << 15, SPILL_MOST = 1 << 18, SLOT_IDS = 3, SHORT_KEY = 15, LONG_KEY = 64, SHORT_WORD = 96 };

/* Half a cache line: a word and its ids. Up to 15 bytes the key is the word itself with its length in the last byte; longer
 * ones are known by 120 bits of hash, and their bytes lie before their ids in `spill`. So do the ids when there are more than 3. */
struct slot {
    uint64_t key[2];
    int32_t n;
    int32_t id[SLOT_IDS];            /* id[0]: the place in spill */
};

struct symbol { int32_t id, before, after; };                /* a linked list in an array; id -1: merged away */
struct candidate { int32_t rank, at, left, right; };         /* a possible merge of symbols `at` and its follower */

/* What one running encode owns; kept between calls in the pool, so that the cache stays warm. */
struct bpe_scratch {
    pcre2_match_data *match;         /* NULL when no stage is a pattern */
    struct slot *cache;              /* (CACHE_SLOTS) */
    int32_t *spill;                  /* (SPILL_MOST) */
    size_t spill_n;
    struct symbol *symbols;          /* (symbol_room), for long words */
    struct candidate *heap;          /* (3 * symbol_room) */
    size_t symbol_room, heap_n;
};

void bpe_scratch_free(struct bpe_scratch *scratch)
{
    if (scratch == NULL) return;
    pcre2_match_data_free(scratch->match);
    mem_free(scratch->cache);
    mem_free(scratch->spill);
    mem_free(scratch->symbols);
    mem_free(scratch->heap);
    mem_free(scratch);
}

/* Take the idle scratch or make one; threads that come at the same time each make their own. */
static struct bpe_scratch *scratch_take(const struct bpe *bpe, struct error *error)
{
    struct bpe_scratch *scratch = atomic_exchange(&bpe->pool->idle, NULL);
    if (scratch != NULL) return scratch;
    scratch = mem_alloc(1, sizeof *scratch, error);
    if (scratch == NULL) return NULL;
    bool ok = !bpe_needs_match(bpe) || (scratch->match = bpe_match_data(error)) != NULL;
    scratch->cache = mem_alloc(CACHE_SLOTS, sizeof *scratch->cache, error);
    scratch->spill = mem_alloc(SPILL_MOST, sizeof *scratch->spill, error);
    if (ok && scratch->cache != NULL && scratch->spill != NULL) return scratch;
    bpe_scratch_free(scratch);
    return NULL;
}

static void scratch_return(const struct bpe *bpe, struct bpe_scratch *scratch)
{
    bpe_scratch_free(atomic_exchange(&bpe->pool->idle, scratch));
}

static int32_t rank_of(const struct bpe *bpe, int32_t left, int32_t right)
{
    const int32_t *rank = bpe_pairs_at(&bpe->pairs, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);
    return rank == NULL ? INT32_MAX : *rank;
}

/* Merge ids in place, always the pair of lowest rank, leftmost first; returns how many are left. n <= SHORT_WORD. */
static size_t merge_short(const struct bpe *bpe, int32_t *id, size_t n)
{
    int32_t rank[SHORT_WORD];
    for (size_t i = 0; i + 1 < n; i++) rank[i] = rank_of(bpe, id[i], id[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best]) best = i;
        if (rank[best] == INT32_MAX) break;
        id[best] = bpe->merges[rank[best]].result;
        memmove(id + best + 1, id + best + 2, (n - best - 2) * sizeof *id);
        memmove(rank + best, rank + best + 1, (n - best - 2) * sizeof *rank);
        n--;
        if (best + 1 < n) rank[best] = rank_of(bpe, id[best], id[best + 1]);
        if (best > 0) rank[best - 1] = rank_of(bpe, id[best - 1], id[best]);
    }
    return n;
}

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(struct bpe_scratch *s, struct candidate item)
{
    size_t i = s->heap_n++;
    for (; i > 0 && before(&item, &s->heap[(i - 1) / 2]); i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = item;
}

static struct candidate heap_pop(struct bpe_scratch *s)
{
    struct candidate top = s->heap[0], last = s->heap[--s->heap_n];
    size_t i = 0;
    for (size_t child = 1; child < s->heap_n; child = 2 * i + 1) {
        if (child + 1 < s->heap_n && before(&s->heap[child + 1], &s->heap[child])) child++;
        if (!before(&s->heap[child], &last)) break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

static void offer(const struct bpe *bpe, struct bpe_scratch *s, int32_t at)
{
    if (at < 0 || s->symbols[at].after < 0) return;
    int32_t left = s->symbols[at].id, right = s->symbols[s->symbols[at].after].id;
    int32_t rank = rank_of(bpe, left, right);
    if (rank != INT32_MAX) heap_push(s, (struct candidate){rank, at, left, right});
}

static bool make_room(struct bpe_scratch *s, size_t n, struct error *error)
{
    if (n <= s->symbol_room) return true;
    if (n > INT32_MAX / 4) return error_set(error, ERROR_INPUT, "tokenizer: a word of %zu bytes; at most %d are wanted", n, INT32_MAX / 4);
    mem_free(s->symbols);
    mem_free(s->heap);
    s->symbol_room = 0;
    s->symbols = mem_alloc(n, sizeof *s->symbols, error);
    s->heap = mem_alloc(3 * n, sizeof *s->heap, error);
    if (s->symbols == NULL || s->heap == NULL) return false;
    s->symbol_room = n;
    return true;
}

/* The same for any length: each merge offers at most two candidates, so 3 n places are enough. Stale ones are known by
 * their ids. */
static bool merge_long(const struct bpe *bpe, struct bpe_scratch *s, int32_t *id, size_t *n, struct error *error)
{
    if (!make_room(s, *n, error)) return false;
    int32_t count = (int32_t)*n;
    for (int32_t i = 0; i < count; i++) s->symbols[i] = (struct symbol){id[i], i - 1, i + 1 < count ? i + 1 : -1};
    s->heap_n = 0;
    for (int32_t i = 0; i + 1 < count; i++) offer(bpe, s, i);
    while (s->heap_n > 0) {
        struct candidate top = heap_pop(s);
        struct symbol *left = &s->symbols[top.at];
        if (left->id != top.left || left->after < 0 || s->symbols[left->after].id != top.right) continue;
        struct symbol *right = &s->symbols[left->after];
        left->id = bpe->merges[top.rank].result;
        left->after = right->after;
        right->id = -1;
        if (left->after >= 0) s->symbols[left->after].before = top.at;
        offer(bpe, s, left->before);
        offer(bpe, s, top.at);
    }
    *n = 0;
    for (int32_t i = 0; i >= 0; i = s->symbols[i].after) id[(*n)++] = s->symbols[i].id;
    return true;
}

/* Append the ids of one word. Bytes without a token are left out, as Hugging Face does without an unknown token. */
static bool encode_word(const struct bpe *bpe, struct bpe_scratch *s, const uint8_t *word, size_t n, struct ids *out, struct error *error)
{
    if (!ids_reserve(out, n, error)) return false;
    int32_t *id = out->id + out->n;
    if (bpe->ignore_merges) {
        int32_t whole = bpe_find(bpe, word, n);
        if (whole >= 0 && (bpe->flags[whole] & BPE_FLAG_RAW) == 0) {
            out->id[out->n++] = whole;
            return true;
        }
    }
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (bpe->byte_id[word[i]] >= 0) id[count++] = bpe->byte_id[word[i]];
    if (count <= SHORT_WORD) count = merge_short(bpe, id, count);
    else if (!merge_long(bpe, s, id, &count, error)) return false;
    out->n += count;
    return true;
}

/* The first 16 bytes at word, without those behind its n <= 15; `left` bytes may be read. */
static inline void pack(const uint8_t *word, size_t n, size_t left, uint64_t key[2])
{
    if (left >= 16) {
        memcpy(key, word, 16);
        key[0] &= n >= 8 ? UINT64_MAX : ((uint64_t)1 << 8 * n) - 1;
        key[1] &= n <= 8 ? 0 : ((uint64_t)1 << 8 * (n - 8)) - 1;
    } else {
        uint8_t bytes[16] = {0};
        memcpy(bytes, word, n);
        memcpy(key, bytes, 16);
    }
    key[1] |= (uint64_t)n << 56;
}

/* Keep the ids of a word that was just encoded, out[from …]. */
static void remember(struct bpe_scratch *s, struct slot *slot, const uint64_t key[2], const uint8_t *word, size_t n, const struct ids *out, size_t from)
{
    size_t count = out->n - from, words = n > SHORT_KEY ? (n + 3) / 4 : 0;
    slot->n = (int32_t)count;
    slot->key[0] = key[0], slot->key[1] = key[1];
    if (words == 0 && count <= SLOT_IDS) {
        if (count > 0) memcpy(slot->id, out->id + from, count * sizeof *slot->id);
        return;
    }
    if (s->spill_n + words + count > SPILL_MOST) {           /* full: start anew */
        memset(s->cache, 0, CACHE_SLOTS * sizeof *s->cache);
        s->spill_n = 0;
        return;
    }
    slot->id[0] = (int32_t)s->spill_n;
    memcpy(s->spill + s->spill_n, word, words > 0 ? n : 0);
    if (count > 0) memcpy(s->spill + s->spill_n + words, out->id + from, count * sizeof *out->id);
    s->spill_n += words + count;
}

static bool recall(const struct bpe_scratch *s, const struct slot *slot, const uint8_t *word, size_t n, struct ids *out)
{
    size_t words = n > SHORT_KEY ? (n + 3) / 4 : 0;
    const int32_t *spilled = s->spill + slot->id[0];
    if (words > 0 && memcmp(spilled, word, n) != 0) return false;
    memcpy(out->id + out->n, spilled + words, (size_t)slot->n * sizeof *out->id);
    out->n += (size_t)slot->n;
    return true;
}

/* One word of which `left` bytes from its start on may be read. */
static inline bool encode_cached(const struct bpe *bpe, struct bpe_scratch *s, const uint8_t *word, size_t n, size_t left, struct ids *out, struct error *error)
{
    uint64_t key[2], hash;
    if (n <= SHORT_KEY) {
        pack(word, n, left, key);
        hash = (key[0] ^ key[1] * 0xc2b2ae3d27d4eb4fu) * 0x9e3779b97f4a7c15u;
    } else {
        hash = bpe_hash(word, n);
        key[0] = hash, key[1] = (hash * 0xc2b2ae3d27d4eb4fu) >> 8 | (uint64_t)n << 56;
    }
    struct slot *slot = &s->cache[hash >> 49];
    if (out->capacity - out->n < LONG_KEY && !ids_reserve(out, 4 * LONG_KEY, error)) return false;
    if (slot->key[0] == key[0] && slot->key[1] == key[1]) {
        if (n <= SHORT_KEY && slot->n <= SLOT_IDS) {
            memcpy(out->id + out->n, slot->id, sizeof slot->id);   /* always whole: a fixed length is faster */
            out->n += (size_t)slot->n;
            return true;
        }
        if (recall(s, slot, word, n, out)) return true;
    }
    size_t from = out->n;
    if (!encode_word(bpe, s, word, n, out, error)) return false;
    remember(s, slot, key, word, n, out, from);
    return true;
}

/* What the cutter hands its pieces to. */
struct encoding { const struct bpe *bpe; struct bpe_scratch *scratch; struct ids *out; };

static bool encode_words(const struct encoding *e, const uint8_t *text, size_t n, struct error *error)
{
    struct bpe_walk walk;
    size_t from, to;
    bpe_walk_start(&walk, e->bpe, e->scratch->match, text, n, error);
    while (bpe_walk_next(&walk, &from, &to)) {
        bool ok = to - from <= LONG_KEY ? encode_cached(e->bpe, e->scratch, text + from, to - from, n - from, e->out, error)
                                        : encode_word(e->bpe, e->scratch, text + from, to - from, e->out, error);
        if (!ok) return false;
    }
    return !walk.failed;
}

static bool encode_stretch(void *context, const uint8_t *text, size_t n, struct error *error)
{
    const struct encoding *e = context;
    if (!e->bpe->prefix_space || text[0] == ' ') return encode_words(e, text, n, error);
    struct bytes spaced = {0};
    bool ok = bytes_append_byte(&spaced, ' ', error) && bytes_append(&spaced, text, n, error) && encode_words(e, spaced.data, spaced.n, error);
    bytes_free(&spaced);
    return ok;
}

static bool encode_token(void *context, int32_t id, struct error *error)
{
    const struct encoding *e = context;
    return ids_append(e->out, id, error);
}

/* Length of the maximal ill-formed part at p (Unicode 15, section 3.9: the longest start of a well-formed sequence, or
 * one byte). */
static size_t bad_part(const uint8_t *p, size_t n)
{
    if (p[0] < 0xc2 || p[0] > 0xf4) return 1;
    size_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4, at = 1;
    for (; at < length && at < n; at++) {
        uint8_t low = at == 1 && p[0] == 0xe0 ? 0xa0 : at == 1 && p[0] == 0xf0 ? 0x90 : 0x80;
        uint8_t high = at == 1 && p[0] == 0xed ? 0x9f : at == 1 && p[0] == 0xf4 ? 0x8f : 0xbf;
        if (p[at] < low || p[at] > high) break;
    }
    return at;
}

bool bpe_mend(const void *text, size_t n, struct bytes *out, struct error *error)
{
    const uint8_t *p = text;
    while (n > 0) {
        size_t good;
        bool all = utf8_valid(p, n, &good);
        if (!bytes_append(out, p, good, error)) return false;
        if (all) return true;
        size_t bad = bad_part(p + good, n - good);
        if (!bytes_append_text(out, "\xef\xbf\xbd", error)) return false;
        p += good + bad;
        n -= good + bad;
    }
    return true;
}

bool bpe_encode(const struct bpe *bpe, const void *text, size_t n, bool specials, struct ids *out, struct error *error)
{
    if (n == 0) return true;
    struct bytes mended = {0};
    struct bpe_scratch *scratch = scratch_take(bpe, error);
    bool ok = scratch != NULL;
    if (ok && !utf8_valid(text, n, NULL)) {
        ok = bpe_mend(text, n, &mended, error);
        text = mended.data;
        n = mended.n;
    }
    struct encoding encoding = {bpe, scratch, out};
    struct bpe_cutter cutter = {bpe, specials, &encoding, encode_stretch, encode_token};
    ok = ok && bpe_cut(&cutter, text, n, error);
    if (scratch != NULL) scratch_return(bpe, scratch);
    bytes_free(&mended);
    return ok;
}
