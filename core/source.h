/* Bytes that are read in pieces at any place: those of a file too large to be held twice, or of memory (tests, fuzzing).
 *
 * A file that shrinks while it is read gives an error, never a fault: nothing is mapped. */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct source {
    int file;                /* descriptor; -1: memory */
    const uint8_t *memory;   /* (size), borrowed */
    uint64_t size;
};

/* Open a file; messages start with the path. Refuses folders. */
bool source_open(struct source *source, const char *path, struct error *error);
struct source source_on(const void *memory, size_t n);

/* n bytes from place `at` on into out; false when the bytes are not there. */
bool source_read(const struct source *source, uint64_t at, void *out, size_t n, struct error *error);

void source_close(struct source *source);

#endif
