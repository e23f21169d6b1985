/* Byte-level byte pair encoding, as in GPT-2 and in Hugging Face tokenizers, with their file: tokenizer.json.
 *
 *     text --(U+FFFD for bad UTF-8)--> UTF-8 --(added tokens cut out, NFC)--> stretches --(pre-tokenizer)--> words
 *          --(each byte a token, then merges, lowest rank first, leftmost first)--> ids
 *
 * Decoding puts the tokens' bytes behind each other, so decode(encode(text)) is the text for every valid UTF-8 text
 * (unless the vocabulary lacks a byte; such bytes are dropped, as Hugging Face does; or the tokenizer normalizes).
 *
 * Costs: the patterns of GPT-2, SmolLM2, Llama 3 and Qwen2 are matched by hand in linear time, others by PCRE2. Words of up to
 * 64 bytes are kept with their ids in a direct-mapped cache of 1 MB, so most words cost one look. A new word of n bytes takes O(n^2) byte
 * moves up to 96 bytes and O(n log n) above. `struct bpe` is constant after it was made: any number of threads may encode with it.
 *
 * Understood: model BPE with byte-level alphabet, `ignore_merges`, merges as pairs or as "a b"; pre-tokenizers ByteLevel (with a
 * prefix space in the first place), Digits, Split by a regular expression or a string, and sequences of up to 8 of them; the normalizer NFC;
 * added tokens with lstrip, rstrip, single_word and normalized; post-processors TemplateProcessing (what it puts around one text is told by
 * bpe_before and bpe_after) and ByteLevel. Refused with a message: other models and normalizers, byte fallback, dropout.
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
/* The tokenizer of a Hugging Face folder: tokenizer.json, else vocab.json and merges.txt (GPT-2's pattern) with the added tokens of
 * tokenizer_config.json or added_tokens.json. */
bool bpe_load_folder(const char *folder, struct bpe **out, struct error *error);
bool bpe_load_pair(const char *folder, struct bpe **out, struct error *error);     /* always the pair */
/* The tokenizer in a GGUF file's values ("gpt2" models whose pre-tokenizer is matched here), and the values for one of V >= bpe_size ids:
 * ids without a token are marked unused. */
struct gguf;
struct gguf_values;
bool bpe_from_gguf(const struct gguf *gguf, struct bpe **out, struct error *error);
bool bpe_to_gguf(const struct bpe *bpe, int32_t V, struct gguf_values *values, struct error *error);
/* Give special tokens of these names the next ids. The tokenizer must not be in use meanwhile. */
bool bpe_add_special(struct bpe *bpe, const char *const *names, size_t n, struct error *error);
void bpe_free(struct bpe *bpe);

/* Number of ids, added tokens included: valid ids are 0 … size - 1. */
int32_t bpe_size(const struct bpe *bpe);

/* Append the ids of n bytes of text to *out. Added tokens that are not special are always recognised; special ones
 * (`<bos>`) only with `specials`, else their letters are plain text: what a user types cannot forge them (Hugging Face's
 * encode_special_tokens). */
bool bpe_encode(const struct bpe *bpe, const void *text, size_t n, bool specials, struct ids *out, struct error *error);

/* Append the bytes of n ids to *out; what the ids spell need not be whole UTF-8 characters. */
bool bpe_decode(const struct bpe *bpe, const int32_t *ids, size_t n, bool skip_special, struct bytes *out, struct error *error);

/* The bytes of one token (lent; *n long, not NUL-terminated); NULL when there is no such id. */
const uint8_t *bpe_token(const struct bpe *bpe, int32_t id, size_t *n);
/* The id of an added token by its exact text, -1 when there is none. */
int32_t bpe_special(const struct bpe *bpe, const char *text);
bool bpe_is_special(const struct bpe *bpe, int32_t id);
/* The ids that the tokenizer's file wants before and behind a text (Llama 3: its begin of text). Lent; bpe_encode does not add them. */
const struct ids *bpe_before(const struct bpe *bpe);
const struct ids *bpe_after(const struct bpe *bpe);

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
