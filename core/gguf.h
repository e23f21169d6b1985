/* GGUF files (ggml), versions 2 and 3, little-endian: named values, then tensors, many of them in blocks of few bits.
 *
 *     | "GGUF" | version u32 | tensors u64 | values u64 |
 *     | value:  key, kind u32, data                     | … a string is its length u64 and its bytes
 *     | tensor: name, rank u32, shape u64 × rank, type u32, offset u64 | …
 *     | 0 … up to a multiple of general.alignment (32)  | data, each tensor from a multiple of the alignment on
 *
 * GGUF writes shapes innermost first; here they stand as everywhere, outermost first. The reader believes nothing: each
 * length is held against the bytes that are left before memory is taken for it, tensors must lie behind each other as the
 * format has them (the list of refusals is in tests/test_gguf.c). The file is neither mapped nor read whole: tensors are
 * read and turned to float32 in pieces. */
#ifndef CORE_GGUF_H
#define CORE_GGUF_H

#include "core/bytes.h"
#include "core/error.h"
#include "core/source.h"

#include <stddef.h>
#include <stdint.h>

enum gguf_kind { GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_TEXT, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64, GGUF_KINDS };

/* Types of tensors, with the numbers that files use. */
enum gguf_type {
    GGUF_TYPE_F32 = 0, GGUF_TYPE_F16 = 1, GGUF_TYPE_Q4_0 = 2, GGUF_TYPE_Q4_1 = 3, GGUF_TYPE_Q5_0 = 6, GGUF_TYPE_Q5_1 = 7, GGUF_TYPE_Q8_0 = 8,
    GGUF_TYPE_Q4_K = 12, GGUF_TYPE_Q5_K = 13, GGUF_TYPE_Q6_K = 14, GGUF_TYPE_BF16 = 30, GGUF_TYPES = 31
};
enum { GGUF_RANK_MOST = 4 };

struct gguf_text { const char *text; size_t n; };           /* UTF-8 without NUL; a NUL stands behind it */

struct gguf_value {
    const char *key;
    enum gguf_kind kind;                                     /* of its elements, when it is an array */
    bool array;
    size_t n;                                                /* elements; 1 without array */
    const void *data;                                        /* struct gguf_text (n), or numbers as they are in the file */
};

struct gguf_tensor {
    const char *name;
    enum gguf_type type;
    int rank;                                                /* 1 … 4 */
    int64_t shape[GGUF_RANK_MOST];                           /* (rank), outermost first */
    uint64_t at;                                             /* place in the file */
    uint64_t bytes;
};

struct gguf {
    struct source source;
    unsigned version;
    struct gguf_value *values;                               /* (n_values) */
    struct gguf_tensor *tensors;                             /* (n_tensors) */
    size_t n_values, n_tensors;
    void **blocks;                                           /* (n_blocks) memory of keys, names and values */
    size_t n_blocks, blocks_room;
};

/* Read and check everything but the tensors' data. Messages start with the path. gguf_close, also after a failure. */
bool gguf_open(const char *path, struct gguf *out, struct error *error);
/* The same on bytes in memory, which stay the caller's and have to outlive *out. */
bool gguf_parse(const void *data, size_t n, struct gguf *out, struct error *error);
void gguf_close(struct gguf *gguf);

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key);                 /* NULL when absent */
const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name);        /* NULL when absent */

/* A single value that must be there, of the right kind and in the range; the message names it and what is wanted. */
bool gguf_integer(const struct gguf *gguf, const char *key, int64_t low, int64_t high, int64_t *out, struct error *error);
bool gguf_number(const struct gguf *gguf, const char *key, double low, double high, double *out, struct error *error);
bool gguf_text(const struct gguf *gguf, const char *key, const char **out, struct error *error);     /* lends */
bool gguf_flag(const struct gguf *gguf, const char *key, bool absent);                               /* a BOOL, `absent` when there is none */
/* An array that must be there; element i of an array of whole numbers. */
const struct gguf_value *gguf_array(const struct gguf *gguf, const char *key, enum gguf_kind kind, struct error *error);
int64_t gguf_element(const struct gguf_value *value, size_t i);

/* A tensor as float32 into out; refuses NaN and infinity. */
bool gguf_floats(const struct gguf *gguf, const struct gguf_tensor *tensor, float *out, struct error *error);

/* Blocks of a type: numbers in one, bytes of one (0: not read here), and the name ("Q4_K", "?"). */
size_t gguf_type_numbers(enum gguf_type type);
size_t gguf_type_bytes(enum gguf_type type);
const char *gguf_type_name(enum gguf_type type);
/* n numbers (whole blocks) from or into blocks. Encoding knows F32, F16 and Q8_0; a Q8_0 block takes its largest number as 127 steps. */
void gguf_decode(enum gguf_type type, const uint8_t *blocks, size_t n, float *out);
void gguf_encode(enum gguf_type type, const float *numbers, size_t n, uint8_t *out);

/* ---- writing: values into a buffer, then all with the tensors into a file (version 3) ---- */

struct gguf_values { struct bytes bytes; size_t n; };
bool gguf_put_text(struct gguf_values *values, const char *key, const char *text, struct error *error);
bool gguf_put_integer(struct gguf_values *values, const char *key, uint32_t x, struct error *error);
bool gguf_put_number(struct gguf_values *values, const char *key, float x, struct error *error);
bool gguf_put_flag(struct gguf_values *values, const char *key, bool x, struct error *error);
bool gguf_put_array(struct gguf_values *values, const char *key, enum gguf_kind kind, size_t n, struct error *error);   /* its elements follow */
bool gguf_put_element(struct gguf_values *values, const char *text, size_t n, struct error *error);                      /* of a TEXT array */
bool gguf_put_int(struct gguf_values *values, int32_t x, struct error *error);                                           /* of an I32 array */

/* A tensor to write: numbers (shape's product) of float32, stored as `type`; the last dimension fits the type's blocks. */
struct gguf_output { const char *name; enum gguf_type type; int rank; int64_t shape[GGUF_RANK_MOST]; const float *numbers; };
bool gguf_write(const char *path, const struct gguf_values *values, const struct gguf_output *tensors, size_t n, struct error *error);

#endif
