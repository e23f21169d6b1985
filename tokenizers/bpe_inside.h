/* What the files bpe*.c share; nobody else includes this. */
#ifndef TOKENIZERS_BPE_INSIDE_H
#define TOKENIZERS_BPE_INSIDE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizers/bpe.h"

#include <pcre2.h>
#include <stdatomic.h>

#define BPE_GPT2_PATTERN "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define BPE_DIGITS_PATTERN "\\p{N}"

enum { BPE_STAGES_MOST = 4 };
enum bpe_flag { BPE_FLAG_ADDED = 1, BPE_FLAG_SPECIAL = 2, BPE_FLAG_RAW = 4 /* its name in the file is its text */ };
enum bpe_quick { BPE_QUICK_NONE, BPE_QUICK_GPT2, BPE_QUICK_DIGITS };   /* patterns that have an ASCII fast path */

/* One stage of the pre-tokenizer: matches and the gaps between them become pieces. */
struct bpe_stage {
    pcre2_code *code;
    enum bpe_quick quick;
    bool jit;
};

/* A way through one stretch of text: each level cuts the piece that the level before it found. */
struct bpe_walk {
    const struct bpe *bpe;
    const uint8_t *text;
    pcre2_match_data *match;
    struct { size_t piece, at, end, match_end; bool matched; } level[BPE_STAGES_MOST];
    bool quick;                       /* use the fast paths (tests switch them off) */
    struct error *error;
    bool failed;
};

/* Open addressing hash tables; capacity is a power of two, at most half full. */
struct bpe_pairs { uint64_t *key; int32_t *value; size_t capacity, n; };   /* key + 1; 0 is empty */
struct bpe_names { int32_t *id; size_t capacity; };                       /* id + 1; 0 is empty */

struct bpe_merge { int32_t left, right, result; };
struct bpe_scratch;

struct bpe {
    int32_t n;
    struct bytes text;                /* the tokens' bytes, one behind the other */
    size_t *start;                    /* (n + 1) into text */
    uint8_t *flags;                   /* (n) of enum bpe_flag */
    size_t capacity;                  /* of start and flags */
    struct bpe_merge *merges;         /* (n_merges), by rank */
    size_t n_merges, merge_capacity;
    struct bpe_pairs pairs;           /* (left, right) -> rank */
    struct bpe_names names;           /* bytes -> id */
    int32_t byte_id[256];             /* -1: no token */
    int32_t *added;                   /* (n_added) ids of added tokens, longest first */
    size_t n_added;
    uint8_t added_first[256];         /* 1: an added token starts with this byte; 2: one that is not special does too */
    bool ignore_merges;
    struct bpe_stage stage[BPE_STAGES_MOST];
    int n_stages;
    char *kept[4];                    /* JSON of normalizer, pre_tokenizer, post_processor, decoder; NULL: "null" */
    struct bpe_pool *pool;            /* idle scratch */
};

struct bpe_pool { _Atomic(struct bpe_scratch *) idle; };

/* bpe.c: making one. Tokens get the next id; bpe_finish builds the tables and must be called once, at the end. */
struct bpe *bpe_new(struct error *error);
bool bpe_add_token(struct bpe *bpe, const void *text, size_t n, unsigned flags, struct error *error);
bool bpe_add_merge(struct bpe *bpe, int32_t left, int32_t right, int32_t result, struct error *error);
bool bpe_index_names(struct bpe *bpe, struct error *error);
bool bpe_finish(struct bpe *bpe, struct error *error);
int32_t bpe_find(const struct bpe *bpe, const void *text, size_t n);       /* -1: no such token */
uint64_t bpe_hash(const void *data, size_t n);
unsigned bpe_byte_char(unsigned byte);                                     /* the code point that stands for a byte */
int bpe_char_byte(unsigned c);                                            /* and back; -1 when it stands for none */
bool bpe_pairs_put(struct bpe_pairs *pairs, uint64_t key, int32_t value, struct error *error);
int32_t *bpe_pairs_at(const struct bpe_pairs *pairs, uint64_t key);        /* NULL when absent */

/* bpe_split.c */
bool bpe_add_stage(struct bpe *bpe, const char *pattern, struct error *error);
void bpe_stages_free(struct bpe *bpe);
pcre2_match_data *bpe_match_data(struct error *error);
void bpe_walk_start(struct bpe_walk *walk, const struct bpe *bpe, pcre2_match_data *match, const void *text, size_t n, struct error *error);
bool bpe_walk_next(struct bpe_walk *walk, size_t *from, size_t *to);       /* false at the end and on failure (walk->failed) */

/* bpe_encode.c */
void bpe_scratch_free(struct bpe_scratch *scratch);
/* A copy of the text with U+FFFD for each maximal ill-formed part. */
bool bpe_mend(const void *text, size_t n, struct bytes *out, struct error *error);

#endif
