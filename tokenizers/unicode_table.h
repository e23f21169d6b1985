/* The tables behind unicode.h, made by unicode_table.py; only unicode.c and bpe_match.c look at them. */
#ifndef TOKENIZERS_UNICODE_TABLE_H
#define TOKENIZERS_UNICODE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* kind of c: unicode_kinds[128 * unicode_block[c / 128] + c % 128]: enum unicode_kind, and the flags of unicode.h */
extern const uint8_t unicode_block[], unicode_kinds[];

struct unicode_split { uint32_t whole, first, second; };   /* canonical decomposition; second 0: a single one. By `whole`. */
struct unicode_join { uint32_t first, second, whole; };    /* what composes. By `first`, then `second`. */
struct unicode_rank { uint32_t from, to, rank; };          /* canonical combining class above 0. By `from`. */
extern const struct unicode_split unicode_splits[];
extern const struct unicode_join unicode_joins[];
extern const struct unicode_rank unicode_ranks[];
extern const size_t unicode_splits_n, unicode_joins_n, unicode_ranks_n;

#endif
