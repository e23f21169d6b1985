/* What the files bpe*.c share; nobody else includes this. */
#ifndef TOKENIZERS_BPE_INSIDE_H
#define TOKENIZERS_BPE_INSIDE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizers/bpe.h"

#include <pcre2.h>
#include <stdatomic.h>

#define BPE_GPT2_PATTERN "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define BPE_DIGIT_PATTERN "\\p{N}"
#define BPE_DIGITS_PATTERN "\\p{N}+"
#define BPE_MODERN_PATTERN(digits) "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define BPE_LLAMA3_PATTERN BPE_MODERN_PATTERN("\\p{N}{1,3}")
#define BPE_QWEN2_PATTERN BPE_MODERN_PATTERN("\\p{N}")

enum { BPE_STAGES_MOST = 8 };
enum bpe_flag {
    BPE_FLAG_ADDED = 1, BPE_FLAG_SPECIAL = 2, BPE_FLAG_RAW = 4 /* its name in the file is its text */,
    BPE_FLAG_LSTRIP = 8, BPE_FLAG_RSTRIP = 16, BPE_FLAG_SINGLE_WORD = 32, BPE_FLAG_NORMALIZED = 64
};

/* The length of the next piece at p, of which n > 0 bytes are left; see bpe_match.c. */
typedef size_t bpe_matcher(const uint8_t *p, size_t n);
struct bpe_known { const char *pattern, *name /* in GGUF files, NULL: none */; bpe_matcher *matcher; };
extern const struct bpe_known bpe_known[];
extern const size_t bpe_known_n;

/* One stage of the pre-tokenizer: matches and the gaps between them become pieces. */
struct bpe_stage {
    bpe_matcher *matcher;             /* NULL: the pattern decides */
    pcre2_code *code;                 /* NULL with a matcher */
    const char *name;
    bool jit;
};

/* A way through one stretch of text: each level cuts the piece that the level before it found. */
struct bpe_walk {
    const struct bpe *bpe;
    const uint8_t *text;
    pcre2_match_data *match;
    struct { size_t piece, at, end, match_end; } level[BPE_STAGES_MOST];
    struct error *error;
    bool failed;
};

/* Open addressing hash tables; capacity is a power of two, at most half full. */
struct bpe_pairs { uint64_t *key; int32_t *value; size_t capacity, n; };   /* key + 1; 0 is empty */
struct bpe_names { int32_t *id; size_t capacity; };                       /* id + 1; 0 is empty */

/* Where a set of added tokens can start: quick refusals for nearly every byte. */
struct bpe_search {
    uint8_t first[256];               /* 1: one of them starts with this byte */
    int only;                         /* the one byte that all start with; -1: several, -2: there are none */
    bool plain;                       /* one of them is not special */
};

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
    struct bpe_names added;           /* text -> id of an added token */
    size_t *added_lengths;            /* (n_added_lengths) the different lengths of added tokens, longest first */
    size_t n_added_lengths;
    struct bpe_search search[2];      /* those found in the text as it is, and those found in it after normalizing */
    bool ignore_merges, nfc, prefix_space;
    struct ids before, after;         /* what the post-processor puts around a text */
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

/* bpe_file.c: the name of a token in a vocabulary: one character a byte, or the text as it stands. */
bool bpe_name(const struct bpe *bpe, int32_t id, struct bytes *out, struct error *error);

/* bpe_split.c */
bool bpe_add_stage(struct bpe *bpe, const char *pattern, bool by_hand, struct error *error);   /* by_hand: where there is a matcher */
bool bpe_needs_match(const struct bpe *bpe);                               /* some stage is a pattern */
void bpe_stages_free(struct bpe *bpe);
pcre2_match_data *bpe_match_data(struct error *error);
void bpe_walk_start(struct bpe_walk *walk, const struct bpe *bpe, pcre2_match_data *match, const void *text, size_t n, struct error *error);
bool bpe_walk_next(struct bpe_walk *walk, size_t *from, size_t *to);       /* false at the end and on failure (walk->failed) */

/* bpe_added.c: cut the added tokens out of text; between them `stretch` is called, at them `token`. */
struct bpe_cutter {
    const struct bpe *bpe;
    bool specials;
    void *context;
    bool (*stretch)(void *context, const uint8_t *text, size_t n, struct error *error);
    bool (*token)(void *context, int32_t id, struct error *error);
};
bool bpe_index_added(struct bpe *bpe, struct error *error);
int32_t bpe_find_added(const struct bpe *bpe, const void *text, size_t n);   /* -1: no such added token */
bool bpe_cut(const struct bpe_cutter *cutter, const uint8_t *text, size_t n, struct error *error);

/* bpe_encode.c */
void bpe_scratch_free(struct bpe_scratch *scratch);
/* A copy of the text with U+FFFD for each maximal ill-formed part. */
bool bpe_mend(const void *text, size_t n, struct bytes *out, struct error *error);

#endif
