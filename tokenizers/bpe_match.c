/* The pre-tokenizer patterns of the families that are met most, matched by hand; see bpe.h. Each function gives the length of
 * the next piece at p (n > 0 bytes of well-formed UTF-8 are left): a match of its pattern or, for digits, the gap before
 * one. All are equal to the regular expressions in the table at the end (a test runs both), and take time linear in the text.
 *
 * fast path: a run of ASCII letters is measured 8 bytes at a time, with one bit of each byte telling "no letter". */
#include "tokenizers/bpe_inside.h"
#include "tokenizers/unicode.h"

#include <string.h>

enum { HIGH_BITS = 0x80 };
static const uint64_t ONES = 0x0101010101010101u;

static inline unsigned kind_at(const uint8_t *p, size_t *n)
{
    if (*p < 0x80) return *n = 1, unicode_kinds[*p] & UNICODE_KIND;
    return unicode_facts(unicode_at(p, n)) & UNICODE_KIND;
}

/* The end of the run of one kind that goes on at p + at. */
static inline size_t run_end(const uint8_t *p, size_t at, size_t n, unsigned kind)
{
    for (size_t length; at < n && kind_at(p + at, &length) == kind;) at += length;
    return at;
}

static inline size_t letters_end(const uint8_t *p, size_t at, size_t n)
{
    for (uint64_t word; at + 8 <= n; at += 8) {              /* fast path: the same as run_end */
        memcpy(&word, p + at, 8);
        uint64_t low = (word | 0x20 * ONES) & 0x7f * ONES;
        uint64_t letters = (low + (0x80 - 'a') * ONES) & ~(low + (0x7f - 'z') * ONES) & ~word & HIGH_BITS * ONES;
        if (letters == HIGH_BITS * ONES) continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        at += (size_t)__builtin_ctzll(letters ^ HIGH_BITS * ONES) / 8;
#else
        at += (size_t)__builtin_clzll(letters ^ HIGH_BITS * ONES) / 8;
#endif
        return p[at] < 0x80 ? at : run_end(p, at, n, UNICODE_LETTER);
    }
    return run_end(p, at, n, UNICODE_LETTER);
}

/* \s+(?!\S)|\s+ for the white space p[0, end) of n bytes: the last character is left to the next word, unless it is alone. */
static inline size_t spaces(const uint8_t *p, size_t end, size_t n)
{
    size_t last;
    if (end == n) return end;
    (void)unicode_before(p, end, &last);
    return end > last ? end - last : end;
}

/* '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t gpt2(const uint8_t *p, size_t n)
{
    size_t at = 0, length;
    if (p[0] == '\'' && n > 1) {
        if (p[1] == 's' || p[1] == 'd' || p[1] == 'm' || p[1] == 't') return 2;
        if (n > 2 && ((p[1] == 'l' && p[2] == 'l') || ((p[1] == 'v' || p[1] == 'r') && p[2] == 'e'))) return 3;
    }
    unsigned kind = kind_at(p, &length);
    if (p[0] == ' ' && n > 1) {
        unsigned next = kind_at(p + 1, &length);
        if (next != UNICODE_SPACE) kind = next, at = 1;
        else length = 1;
    }
    if (kind == UNICODE_LETTER) return letters_end(p, at, n);
    at = run_end(p, at + length, n, kind);
    return kind == UNICODE_SPACE ? spaces(p, at, n) : at;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d) at p, 0 when there is none. U+017F (long s) is an s for case-blind matching. */
static inline size_t short_form(const uint8_t *p, size_t n)
{
    if (p[0] != '\'' || n < 2) return 0;
    uint8_t a = p[1] | 0x20, b = n > 2 ? p[2] | 0x20 : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    return n > 2 && p[1] == 0xc5 && p[2] == 0xbf ? 3 : 0;
}

/* Behind the short forms: [^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static inline size_t modern(const uint8_t *p, size_t n, int most)
{
    size_t length, second;
    size_t at = short_form(p, n);
    if (at > 0) return at;
    unsigned kind = kind_at(p, &length), next = length < n ? kind_at(p + length, &second) : UNICODE_SPACE;
    if (kind == UNICODE_LETTER) return letters_end(p, length, n);
    if (kind != UNICODE_NUMBER && next == UNICODE_LETTER && p[0] != '\r' && p[0] != '\n') return letters_end(p, length, n);
    if (kind == UNICODE_NUMBER) {
        for (at = length; --most > 0 && at < n && kind_at(p + at, &length) == UNICODE_NUMBER;) at += length;
        return at;
    }
    if (kind == UNICODE_OTHER || (p[0] == ' ' && length < n && next == UNICODE_OTHER)) {
        for (at = run_end(p, length, n, UNICODE_OTHER); at < n && (p[at] == '\r' || p[at] == '\n');) at++;
        return at;
    }
    size_t end = run_end(p, length, n, UNICODE_SPACE);
    for (at = end; at > 0; at--)
        if (p[at - 1] == '\r' || p[at - 1] == '\n') return at;
    return spaces(p, end, n);
}

static size_t llama3(const uint8_t *p, size_t n) { return modern(p, n, 3); }
static size_t qwen2(const uint8_t *p, size_t n) { return modern(p, n, 1); }

/* How many bytes from p on hold no digit; characters beyond ASCII are looked at one by one. */
static size_t gap(const uint8_t *p, size_t n)
{
    size_t at = 0, length;
    while (at < n && kind_at(p + at, &length) != UNICODE_NUMBER) at += length;
    return at;
}

static size_t digit(const uint8_t *p, size_t n)
{
    size_t length;
    return kind_at(p, &length) == UNICODE_NUMBER ? length : gap(p, n);
}

static size_t digits(const uint8_t *p, size_t n)
{
    size_t length;
    return kind_at(p, &length) == UNICODE_NUMBER ? run_end(p, length, n, UNICODE_NUMBER) : gap(p, n);
}

const struct bpe_known bpe_known[] = {
    {BPE_GPT2_PATTERN, "gpt-2", gpt2},
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "gpt-2", gpt2},
    {BPE_DIGIT_PATTERN, NULL, digit},
    {BPE_DIGITS_PATTERN, NULL, digits},
    {BPE_LLAMA3_PATTERN, "llama-bpe", llama3},
    {BPE_QWEN2_PATTERN, "qwen2", qwen2},
};
const size_t bpe_known_n = sizeof bpe_known / sizeof *bpe_known;
