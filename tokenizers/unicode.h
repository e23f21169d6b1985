/* What the tokenizers know of Unicode 16.0: letters, numbers and white space, and the normal form NFC.
 *
 * The tables are made by unicode_table.py. A lookup takes two loads. NFC (Unicode Standard Annex 15) decomposes, sorts marks
 * by their combining class and composes again; text in which no character can change is only looked through. */
#ifndef TOKENIZERS_UNICODE_H
#define TOKENIZERS_UNICODE_H

#include "core/bytes.h"
#include "core/error.h"
#include "tokenizers/unicode_table.h"

enum unicode_kind {
    UNICODE_OTHER,
    UNICODE_LETTER,         /* \p{L} */
    UNICODE_NUMBER,         /* \p{N} */
    UNICODE_SPACE,          /* \s: the property White_Space */
    UNICODE_KIND = 3,       /* mask of the four above */
    UNICODE_WORD = 4,       /* flag: \w */
    UNICODE_UNSTABLE = 8,   /* flag: NFC may change it or what is around it */
};

/* Kind and flags of a code point (below 0x110000). */
static inline unsigned unicode_facts(uint32_t c) { return unicode_kinds[128 * unicode_block[c >> 7] + (c & 127)]; }

/* The code point at p, which is well-formed UTF-8; *n gets its length in bytes. */
static inline uint32_t unicode_at(const uint8_t *p, size_t *n)
{
    if (p[0] < 0x80) return *n = 1, p[0];
    if (p[0] < 0xe0) return *n = 2, (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    if (p[0] < 0xf0) return *n = 3, (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    return *n = 4, (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

/* The code point that ends before p + at (at > 0). */
static inline uint32_t unicode_before(const uint8_t *p, size_t at, size_t *n)
{
    size_t from = at - 1;
    while (from > 0 && (p[from] & 0xc0) == 0x80) from--;
    return unicode_at(p + from, n);
}

bool unicode_append(struct bytes *out, uint32_t c, struct error *error);   /* as UTF-8 */

/* True when n bytes of well-formed UTF-8 hold no character that NFC could touch. */
bool unicode_is_stable(const void *text, size_t n);

/* Append the NFC form of n bytes of well-formed UTF-8. */
bool unicode_nfc(const void *text, size_t n, struct bytes *out, struct error *error);

#endif
