/* Growing buffers, bounded readers and the UTF-8 check; see bytes.h. */
#include "core/bytes.h"
#include "core/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bytes_free(struct bytes *bytes)
{
    mem_free(bytes->data);
    *bytes = (struct bytes){0};
}

bool bytes_reserve(struct bytes *bytes, size_t more, struct error *error)
{
    size_t wanted;
    if (!mem_add(bytes->n, more, &wanted) || !mem_add(wanted, 1, &wanted))
        return error_set(error, ERROR_MEMORY, "buffer: %zu more bytes do not fit", more);
    if (wanted <= bytes->capacity) return true;
    size_t capacity = bytes->capacity < 64 ? 64 : bytes->capacity;
    while (capacity < wanted) capacity = capacity > wanted / 2 ? wanted : capacity * 2;
    if (capacity < bytes->capacity + bytes->capacity / 2) capacity = bytes->capacity + bytes->capacity / 2;
    uint8_t *data = mem_resize(bytes->data, capacity, 1, error);
    if (data == NULL) return false;
    bytes->data = data;
    bytes->capacity = capacity;
    bytes->data[bytes->n] = 0;
    return true;
}

bool bytes_append(struct bytes *bytes, const void *data, size_t n, struct error *error)
{
    if (!bytes_reserve(bytes, n, error)) return false;
    if (n > 0) memcpy(bytes->data + bytes->n, data, n);
    bytes->n += n;
    bytes->data[bytes->n] = 0;
    return true;
}

bool bytes_append_byte(struct bytes *bytes, unsigned byte, struct error *error)
{
    uint8_t one = (uint8_t)(byte & 0xffu);
    return bytes_append(bytes, &one, 1, error);
}

bool bytes_append_text(struct bytes *bytes, const char *text, struct error *error)
{
    return bytes_append(bytes, text, strlen(text), error);
}

bool bytes_printf(struct bytes *bytes, struct error *error, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    bool ok = n >= 0 && bytes_reserve(bytes, (size_t)n, error);
    if (ok) {
        vsnprintf((char *)bytes->data + bytes->n, (size_t)n + 1, format, again);
        bytes->n += (size_t)n;
    }
    va_end(again);
    return ok;
}

bool bytes_append_be16(struct bytes *bytes, unsigned value, struct error *error)
{
    uint8_t two[2] = {(uint8_t)(value >> 8 & 0xffu), (uint8_t)(value & 0xffu)};
    return bytes_append(bytes, two, 2, error);
}

bool bytes_append_be32(struct bytes *bytes, uint32_t value, struct error *error)
{
    return bytes_append_be16(bytes, value >> 16, error) && bytes_append_be16(bytes, value & 0xffffu, error);
}

const char *bytes_text(const struct bytes *bytes) { return bytes->data == NULL ? "" : (const char *)bytes->data; }

struct reader reader_on(const void *data, size_t n) { return (struct reader){.data = data, .n = n}; }

size_t reader_left(const struct reader *reader) { return reader->failed ? 0 : reader->n - reader->at; }

const uint8_t *reader_take(struct reader *reader, size_t n)
{
    if (reader->failed || n > reader->n - reader->at) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *here = reader->data + reader->at;
    reader->at += n;
    return here;
}

unsigned reader_u8(struct reader *reader)
{
    const uint8_t *p = reader_take(reader, 1);
    return p == NULL ? 0 : p[0];
}

unsigned reader_be16(struct reader *reader)
{
    const uint8_t *p = reader_take(reader, 2);
    return p == NULL ? 0 : (unsigned)p[0] << 8 | p[1];
}

uint32_t reader_be32(struct reader *reader)
{
    const uint8_t *p = reader_take(reader, 4);
    return p == NULL ? 0 : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint32_t reader_le32(struct reader *reader)
{
    const uint8_t *p = reader_take(reader, 4);
    return p == NULL ? 0 : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

uint64_t reader_le64(struct reader *reader)
{
    uint64_t low = reader_le32(reader);
    return low | (uint64_t)reader_le32(reader) << 32;
}

/* Length of the well-formed sequence at p (n >= 1 bytes left), 0 when there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    size_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < length) return 0;
    uint8_t low = 0x80, high = 0xbf;                         /* the second byte's range depends on the first */
    if (p[0] == 0xe0) low = 0xa0;
    if (p[0] == 0xed) high = 0x9f;
    if (p[0] == 0xf0) low = 0x90;
    if (p[0] == 0xf4) high = 0x8f;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if (p[i] < 0x80 || p[i] > 0xbf) return 0;
    return length;
}

bool utf8_valid(const void *data, size_t n, size_t *valid)
{
    const uint8_t *p = data;
    size_t at = 0;
    while (at < n) {
        for (uint64_t word; at + 8 <= n; at += 8) {           /* fast path: 8 ASCII bytes at a time */
            memcpy(&word, p + at, 8);
            if (word & 0x8080808080808080u) break;
        }
        if (at == n) break;
        size_t length = utf8_sequence(p + at, n - at);
        if (length == 0) break;
        at += length;
    }
    if (valid != NULL) *valid = at;
    return at == n;
}

size_t utf8_cut(const char *text, size_t most)
{
    size_t n = strnlen(text, most + 1);
    if (n <= most) return n;
    for (n = most; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--) {}
    return n;
}

size_t utf8_mark(const void *data, size_t n) { return n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; }
