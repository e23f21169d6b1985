/* Byte buffers that grow, and readers that cannot run past their end.
 *
 * `struct bytes` is a growing buffer owned by whoever declared it ({0} is a valid empty one). Its contents always have
 * a NUL byte behind them, so text in it can be used as a C string.
 *
 * `struct reader` walks over bytes that somebody else owns. A read past the end sets `failed`, returns 0 and stays
 * failed: parsers check once after a group of reads.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;   /* (n) and a NUL */
    size_t n;
    size_t capacity;
};

void bytes_free(struct bytes *bytes);
bool bytes_reserve(struct bytes *bytes, size_t more, struct error *error);       /* room for `more` bytes beyond n */
bool bytes_append(struct bytes *bytes, const void *data, size_t n, struct error *error);
bool bytes_append_byte(struct bytes *bytes, unsigned byte, struct error *error); /* the low 8 bits */
bool bytes_append_text(struct bytes *bytes, const char *text, struct error *error);
bool bytes_printf(struct bytes *bytes, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool bytes_append_be16(struct bytes *bytes, unsigned value, struct error *error);
bool bytes_append_be32(struct bytes *bytes, uint32_t value, struct error *error);

/* What is in the buffer as a C string; "" when nothing was ever written. */
const char *bytes_text(const struct bytes *bytes);

struct reader {
    const uint8_t *data; /* (n), borrowed */
    size_t n;
    size_t at;
    bool failed;
};

struct reader reader_on(const void *data, size_t n);
size_t reader_left(const struct reader *reader);
const uint8_t *reader_take(struct reader *reader, size_t n); /* n bytes and go on, NULL when there are fewer */
unsigned reader_u8(struct reader *reader);
unsigned reader_be16(struct reader *reader);
uint32_t reader_be32(struct reader *reader);
uint32_t reader_le32(struct reader *reader);
uint64_t reader_le64(struct reader *reader);

/* True when n bytes are well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates). *valid gets the
 * length of the well-formed start. */
bool utf8_valid(const void *data, size_t n, size_t *valid);

/* The length of a byte order mark that n bytes begin with: 3, or 0 for none. */
size_t utf8_mark(const void *data, size_t n);

/* How many of the first `most` bytes of a text end with a whole character. */
size_t utf8_cut(const char *text, size_t most);

#endif
