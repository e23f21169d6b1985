/* The tokenizer's tables; see bpe.h. */
#include "tokenizers/bpe_inside.h"
#include "core/mem.h"

#include <string.h>

/* GPT-2's bytes-to-characters table: printable Latin-1 stands for itself, the other 68 bytes for U+0100 and up. */
static bool stands_for_itself(unsigned byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

unsigned bpe_byte_char(unsigned byte)
{
    if (stands_for_itself(byte)) return byte;
    return byte <= 32 ? 256 + byte : byte <= 160 ? 256 + 33 + byte - 127 : 256 + 67;
}

int bpe_char_byte(unsigned c)
{
    if (c < 256) return stands_for_itself(c) ? (int)c : -1;
    if (c <= 256 + 32) return (int)c - 256;
    if (c <= 256 + 66) return (int)c - 256 - 33 + 127;
    return c == 256 + 67 ? 173 : -1;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

uint64_t bpe_hash(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = mix(h ^ word) + 0x9e3779b97f4a7c15u;
    }
    uint64_t rest = 0;
    memcpy(&rest, p, n);
    return mix(h ^ rest);
}

int32_t *bpe_pairs_at(const struct bpe_pairs *pairs, uint64_t key)
{
    if (pairs->capacity == 0) return NULL;
    size_t mask = pairs->capacity - 1;
    for (size_t i = mix(key) & mask; pairs->key[i] != 0; i = (i + 1) & mask)
        if (pairs->key[i] == key + 1) return &pairs->value[i];
    return NULL;
}

static bool pairs_grow(struct bpe_pairs *pairs, struct error *error)
{
    struct bpe_pairs bigger = {.capacity = pairs->capacity == 0 ? 1024 : pairs->capacity * 2};
    bigger.key = mem_alloc(bigger.capacity, sizeof *bigger.key, error);
    bigger.value = mem_alloc(bigger.capacity, sizeof *bigger.value, error);
    bool ok = bigger.key != NULL && bigger.value != NULL;
    for (size_t i = 0; ok && i < pairs->capacity; i++)
        if (pairs->key[i] != 0) ok = bpe_pairs_put(&bigger, pairs->key[i] - 1, pairs->value[i], error);
    struct bpe_pairs *dead = ok ? pairs : &bigger;
    mem_free(dead->key);
    mem_free(dead->value);
    if (ok) *pairs = bigger;
    return ok;
}

bool bpe_pairs_put(struct bpe_pairs *pairs, uint64_t key, int32_t value, struct error *error)
{
    if (2 * (pairs->n + 1) > pairs->capacity && !pairs_grow(pairs, error)) return false;
    size_t mask = pairs->capacity - 1, i = mix(key) & mask;
    while (pairs->key[i] != 0 && pairs->key[i] != key + 1) i = (i + 1) & mask;
    if (pairs->key[i] == 0) pairs->n++;
    pairs->key[i] = key + 1;
    pairs->value[i] = value;
    return true;
}

struct bpe *bpe_new(struct error *error)
{
    struct bpe *bpe = mem_alloc(1, sizeof *bpe, error);
    if (bpe == NULL) return NULL;
    bpe->pool = mem_alloc(1, sizeof *bpe->pool, error);
    if (bpe->pool == NULL) {
        mem_free(bpe);
        return NULL;
    }
    for (int i = 0; i < 256; i++) bpe->byte_id[i] = -1;
    return bpe;
}

bool bpe_add_token(struct bpe *bpe, const void *text, size_t n, unsigned flags, struct error *error)
{
    if ((size_t)bpe->n + 2 > bpe->capacity) {
        size_t capacity = bpe->capacity < 512 ? 512 : bpe->capacity * 2;
        size_t *start = mem_resize(bpe->start, capacity, sizeof *start, error);
        if (start == NULL) return false;
        bpe->start = start;
        uint8_t *all = mem_resize(bpe->flags, capacity, 1, error);
        if (all == NULL) return false;
        bpe->flags = all;
        bpe->capacity = capacity;
    }
    if (!bytes_append(&bpe->text, text, n, error)) return false;
    if (bpe->n == 0) bpe->start[0] = 0;
    bpe->flags[bpe->n++] = (uint8_t)flags;
    bpe->start[bpe->n] = bpe->text.n;
    return true;
}

bool bpe_add_merge(struct bpe *bpe, int32_t left, int32_t right, int32_t result, struct error *error)
{
    if (bpe->n_merges == bpe->merge_capacity) {
        size_t capacity = bpe->merge_capacity < 512 ? 512 : bpe->merge_capacity * 2;
        struct bpe_merge *merges = mem_resize(bpe->merges, capacity, sizeof *merges, error);
        if (merges == NULL) return false;
        bpe->merges = merges;
        bpe->merge_capacity = capacity;
    }
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    if (!bpe_pairs_put(&bpe->pairs, key, (int32_t)bpe->n_merges, error)) return false;
    bpe->merges[bpe->n_merges++] = (struct bpe_merge){left, right, result};
    return true;
}

static bool token_is(const struct bpe *bpe, int32_t id, const void *text, size_t n)
{
    return bpe->start[id + 1] - bpe->start[id] == n && memcmp(bpe->text.data + bpe->start[id], text, n) == 0;
}

int32_t bpe_find(const struct bpe *bpe, const void *text, size_t n)
{
    if (bpe->names.capacity == 0) return -1;
    size_t mask = bpe->names.capacity - 1;
    for (size_t i = bpe_hash(text, n) & mask; bpe->names.id[i] != 0; i = (i + 1) & mask)
        if (token_is(bpe, bpe->names.id[i] - 1, text, n)) return bpe->names.id[i] - 1;
    return -1;
}

/* Raw tokens come last, so that a name that is both text of an added token and bytes of another means the latter. */
bool bpe_index_names(struct bpe *bpe, struct error *error)
{
    size_t capacity = 1024;
    while (capacity < 2 * (size_t)bpe->n + 2) capacity *= 2;
    mem_free(bpe->names.id);
    bpe->names.capacity = 0;
    bpe->names.id = mem_alloc(capacity, sizeof *bpe->names.id, error);
    if (bpe->names.id == NULL) return false;
    bpe->names.capacity = capacity;
    for (int raw = 0; raw < 2; raw++)
        for (int32_t id = 0; id < bpe->n; id++) {
            size_t n;
            const uint8_t *text = bpe_token(bpe, id, &n);
            if (((bpe->flags[id] & BPE_FLAG_RAW) != 0) != (raw == 1) || bpe_find(bpe, text, n) >= 0) continue;
            size_t i = bpe_hash(text, n) & (capacity - 1);
            while (bpe->names.id[i] != 0) i = (i + 1) & (capacity - 1);
            bpe->names.id[i] = id + 1;
        }
    return true;
}

bool bpe_finish(struct bpe *bpe, struct error *error)
{
    if (!bpe_index_names(bpe, error) || !bpe_index_added(bpe, error)) return false;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t one = (uint8_t)byte;
        int32_t id = bpe_find(bpe, &one, 1);
        if (id >= 0 && (bpe->flags[id] & BPE_FLAG_RAW) == 0) bpe->byte_id[byte] = id;
    }
    return true;
}

void bpe_free(struct bpe *bpe)
{
    if (bpe == NULL) return;
    if (bpe->pool != NULL) bpe_scratch_free(atomic_load(&bpe->pool->idle));
    bpe_stages_free(bpe);
    for (size_t i = 0; i < sizeof bpe->kept / sizeof bpe->kept[0]; i++) mem_free(bpe->kept[i]);
    bytes_free(&bpe->text);
    mem_free(bpe->start);
    mem_free(bpe->flags);
    mem_free(bpe->merges);
    mem_free(bpe->pairs.key);
    mem_free(bpe->pairs.value);
    mem_free(bpe->names.id);
    mem_free(bpe->added.id);
    mem_free(bpe->added_lengths);
    ids_free(&bpe->before);
    ids_free(&bpe->after);
    mem_free(bpe->pool);
    mem_free(bpe);
}

int32_t bpe_size(const struct bpe *bpe) { return bpe->n; }

const uint8_t *bpe_token(const struct bpe *bpe, int32_t id, size_t *n)
{
    if (id < 0 || id >= bpe->n) {
        *n = 0;
        return NULL;
    }
    *n = bpe->start[id + 1] - bpe->start[id];
    return bpe->text.data + bpe->start[id];
}

int32_t bpe_special(const struct bpe *bpe, const char *text)
{
    return bpe_find_added(bpe, text, strlen(text));
}

const struct ids *bpe_before(const struct bpe *bpe) { return &bpe->before; }
const struct ids *bpe_after(const struct bpe *bpe) { return &bpe->after; }

bool bpe_add_special(struct bpe *bpe, const char *const *names, size_t n, struct error *error)
{
    size_t valid;
    for (size_t i = 0; i < n; i++) {
        if (names[i][0] == '\0' || !utf8_valid(names[i], strlen(names[i]), &valid) || bpe_find_added(bpe, names[i], strlen(names[i])) >= 0)
            return error_set(error, ERROR_INPUT, "tokenizer: \"%.60s\" is no new token; another name is wanted", names[i]);
        if (!bpe_add_token(bpe, names[i], strlen(names[i]), BPE_FLAG_ADDED | BPE_FLAG_SPECIAL | BPE_FLAG_RAW, error)) return false;
    }
    mem_free(bpe->added.id), mem_free(bpe->added_lengths);
    bpe->added = (struct bpe_names){0}, bpe->added_lengths = NULL, bpe->n_added_lengths = 0;
    memset(bpe->search, 0, sizeof bpe->search);
    return bpe_index_names(bpe, error) && bpe_index_added(bpe, error);
}

bool bpe_is_special(const struct bpe *bpe, int32_t id)
{
    return id >= 0 && id < bpe->n && (bpe->flags[id] & BPE_FLAG_SPECIAL) != 0;
}

bool bpe_decode(const struct bpe *bpe, const int32_t *ids, size_t n, bool skip_special, struct bytes *out, struct error *error)
{
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const uint8_t *text = bpe_token(bpe, ids[i], &length);
        if (text == NULL)
            return error_set(error, ERROR_INPUT, "tokenizer: id %ld at place %zu; 0 to %ld is wanted", (long)ids[i], i, (long)bpe->n - 1);
        if (skip_special && (bpe->flags[ids[i]] & BPE_FLAG_SPECIAL)) continue;
        if (!bytes_append(out, text, length, error)) return false;
    }
    return true;
}
