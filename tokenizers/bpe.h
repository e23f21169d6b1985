/* Byte-level byte pair encoding, as in GPT-2 and in Hugging Face tokenizers, with their file: tokenizer.json.
 *
 *     text --(U+FFFD for bad UTF-8)--> UTF-8 --(added tokens cut out)--> stretches --(pre-tokenizer: PCRE2)--> words
 *          --(each byte a token, then merges, lowest rank first, leftmost first)--> ids
 *
 * Decoding puts the tokens' bytes behind each other, so decode(encode(text)) is the text for every valid UTF-8 text
 * (unless the vocabulary lacks a byte; such bytes are dropped, as Hugging Face does).
 *
 * Costs: a word of n bytes takes O(n^2) byte moves up to 96 bytes and O(n log n) above; words of up to 15 bytes are kept
 * in a direct-mapped cache of 1 MB. `struct bpe` is constant after it was made: any number of threads may encode with it.
 *
 * Understood: model BPE with byte-level alphabet, `ignore_merges`, merges as pairs or as "a b"; pre-tokenizers ByteLevel,
 * Digits, Split by a regular expression (PCRE2), and sequences of up to 4 of them; added tokens. A normalizer NFC is accepted
 * and not carried out: the text has to be in NFC already. Post-processors are kept but not applied: encoding never adds
 * tokens. Refused with a message: other models and normalizers, byte fallback, prefix spaces, dropout, stripping added tokens.
 */
#ifndef TOKENIZERS_BPE_H
#define TOKENIZERS_BPE_H

#include "core/bytes.h"
#include "core/error.h"
#include "core/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpe;

/* Read a tokenizer.json (strictly; messages start with the path). *out belongs to the caller: bpe_free. */
bool bpe_load(const char *path, struct bpe **out, struct error *error);
/* The same from n bytes in memory; messages start with "tokenizer.json:". */
bool bpe_parse(const void *json, size_t n, struct bpe **out, struct error *error);
/* Append the tokenizer.json that gives the same ids here and in Hugging Face tokenizers. */
bool bpe_print(const struct bpe *bpe, struct bytes *out, struct error *error);
void bpe_free(struct bpe *bpe);

/* Number of ids, added tokens included: valid ids are 0 … size - 1. */
int32_t bpe_size(const struct bpe *bpe);

/* Append the ids of n bytes of text to *out. Added tokens that are not special are always recognised; special ones
 * (`<bos>`) only with `specials`, else their letters are plain text: what a user types cannot forge them. */
bool bpe_encode(const struct bpe *bpe, const void *text, size_t n, bool specials, struct ids *out, struct error *error);

/* Append the bytes of n ids to *out; what the ids spell need not be whole UTF-8 characters. */
bool bpe_decode(const struct bpe *bpe, const int32_t *ids, size_t n, bool skip_special, struct bytes *out, struct error *error);

/* The bytes of one token (lent; *n long, not NUL-terminated); NULL when there is no such id. */
const uint8_t *bpe_token(const struct bpe *bpe, int32_t id, size_t *n);
/* The id of an added token by its exact text, -1 when there is none. */
int32_t bpe_special(const struct bpe *bpe, const char *text);
bool bpe_is_special(const struct bpe *bpe, int32_t id);

struct bpe_text {
    const void *text;   /* (n), UTF-8 */
    size_t n;
};

/* Called now and then while training; `done` of `total` in the units of the work. Returning false stops (ERROR_STOPPED). */
typedef bool bpe_progress(void *context, size_t done, size_t total);

/* Learn merges from texts (Sennrich, Haddow, Birch 2016) with GPT-2's pre-tokenizer until the vocabulary has `size` tokens
 * or no pair occurs twice. Ids: the specials in their order, the 256 bytes in Hugging Face's order, the merges. Ties go to
 * the pair with the lower ids, so the merges equal those of Hugging Face's BpeTrainer (min_frequency 2). */
bool bpe_train(const struct bpe_text *texts, size_t n_texts, int32_t size, const char *const *specials, size_t n_specials,
               bpe_progress *progress, void *context, struct bpe **out, struct error *error);

#endif
