/* The one door to the heap.
 *
 * Every allocation of the project goes through mem_alloc, mem_resize and mem_copy_string, so that sizes are checked for
 * overflow in one place, a failure is an error and not a crash, and a test can make allocation number k fail.
 *
 * Ownership law of the whole tree: what a function returns through `**out` or as a fresh pointer belongs to the caller;
 * getters lend, and what they lend lives as long as its parent; x_init/x_free pair up on storage of the caller; every
 * x_free accepts a zeroed struct and may be called twice.
 */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* count * size bytes of zeroed memory, aligned to 64 bytes; NULL and an error when there is none. Size 0 gives a valid pointer. */
void *mem_alloc(size_t count, size_t size, struct error *error);

/* Grow or shrink a block of mem_alloc (NULL: allocate) to count * size bytes; the old bytes stay, new bytes are not
 * cleared. On failure the old block is untouched and NULL is returned. */
void *mem_resize(void *block, size_t count, size_t size, struct error *error);

/* Give a block back; NULL is allowed. */
void mem_free(void *block);

/* A fresh copy of a string; the caller frees it with mem_free. */
char *mem_copy_string(const char *text, struct error *error);

/* *out = a * b, a + b; false when the result does not fit. */
bool mem_mul(size_t a, size_t b, size_t *out);
bool mem_add(size_t a, size_t b, size_t *out);

/* Test hook: let the k-th allocation from now on fail (1 = the next); 0 switches it off. Returns the allocations counted so far. */
size_t mem_fail_at(size_t k);

#endif
