/* The one door to the heap; see mem.h. Blocks carry their size in a 64-byte head, so that resizing keeps the alignment
 * that the vector kernels like:
 *
 *     | size_t bytes … (64) | payload, 64-byte aligned |
 */
#include "core/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 64 };

static atomic_size_t counted, fail_at;

bool mem_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
bool mem_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }

size_t mem_fail_at(size_t k)
{
    size_t before = atomic_exchange(&counted, 0);
    atomic_store(&fail_at, k);
    return before;
}

static void *fresh(size_t bytes)
{
    size_t number = atomic_fetch_add(&counted, 1) + 1, total;
    if (number == atomic_load(&fail_at)) return NULL;
    if (!mem_add(bytes, 2 * HEAD - 1, &total)) return NULL;
    total -= total % HEAD;                                   /* aligned_alloc wants a multiple of the alignment */
    unsigned char *block = aligned_alloc(HEAD, total);
    if (block == NULL) return NULL;
    memcpy(block, &bytes, sizeof bytes);
    return block + HEAD;
}

static size_t block_size(void *block)
{
    size_t bytes;
    memcpy(&bytes, (unsigned char *)block - HEAD, sizeof bytes);
    return bytes;
}

void *mem_alloc(size_t count, size_t size, struct error *error)
{
    size_t bytes;
    void *block = mem_mul(count, size, &bytes) ? fresh(bytes) : NULL;
    if (block == NULL) {
        error_set(error, ERROR_MEMORY, "memory: %zu x %zu bytes are not to be had", count, size);
        return NULL;
    }
    memset(block, 0, bytes);
    return block;
}

void *mem_resize(void *block, size_t count, size_t size, struct error *error)
{
    size_t bytes;
    void *bigger = mem_mul(count, size, &bytes) ? fresh(bytes) : NULL;
    if (bigger == NULL) {
        error_set(error, ERROR_MEMORY, "memory: %zu x %zu bytes are not to be had", count, size);
        return NULL;
    }
    if (block != NULL) {
        size_t old = block_size(block);
        memcpy(bigger, block, old < bytes ? old : bytes);
        mem_free(block);
    }
    return bigger;
}

void mem_free(void *block)
{
    if (block != NULL) free((unsigned char *)block - HEAD);
}

char *mem_copy_string(const char *text, struct error *error)
{
    size_t n = strlen(text) + 1;
    char *copy = mem_alloc(n, 1, error);
    if (copy != NULL) memcpy(copy, text, n);
    return copy;
}
