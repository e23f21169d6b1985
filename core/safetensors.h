/* safetensors files (huggingface/safetensors): u64 little-endian header length, a JSON header, then the tensors' bytes.
 *
 *     | n (8) | {"__metadata__":{…},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},…} (n) | data |
 *
 * The reader believes nothing: every length, type, shape and range is checked before memory is taken for it, ranges must
 * tile the data exactly (no gap, no overlap, nothing left over), names and numbers must be sane (the list of refusals is
 * in tests/test_safetensors.c). The file is read into memory, never mapped, so it cannot change underneath.
 */
#ifndef CORE_SAFETENSORS_H
#define CORE_SAFETENSORS_H

#include "core/bytes.h"
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum tensor_type { TENSOR_F32, TENSOR_F16, TENSOR_BF16, TENSOR_I64, TENSOR_I32, TENSOR_U16, TENSOR_U8, TENSOR_BOOL, TENSOR_TYPES };
enum { TENSOR_RANK_MOST = 4 };

struct tensor {
    const char *name;
    enum tensor_type type;
    int rank;                          /* 0 … 4 */
    int64_t shape[TENSOR_RANK_MOST];   /* (rank), outermost first */
    const void *data;                  /* row-major, bytes long */
    size_t bytes;
};

struct safetensors {
    struct bytes file;
    struct tensor *tensors;            /* (n), in the order of their data; names and data point into memory of this struct */
    size_t n;
    void *header;                      /* the parsed JSON header, which holds the names */
};

/* Read and check a file. Messages start with the path. Free with safetensors_free, also after a failure. */
bool safetensors_read(const char *path, struct safetensors *out, struct error *error);
/* The same from bytes in memory, which are taken over (the struct owns them from then on, also on failure). */
bool safetensors_parse(struct bytes *file, struct safetensors *out, struct error *error);
void safetensors_free(struct safetensors *file);

const struct tensor *safetensors_find(const struct safetensors *file, const char *name); /* NULL when absent */
const char *safetensors_metadata(const struct safetensors *file, const char *key);       /* NULL when absent */

/* Find a tensor that must be there with this rank and shape; -1 in `shape` accepts any size. */
const struct tensor *safetensors_need(const struct safetensors *file, const char *name, int rank, const int64_t *shape, struct error *error);

bool tensor_has_shape(const struct tensor *tensor, int rank, const int64_t *shape, struct error *error);
int64_t tensor_count(const struct tensor *tensor);         /* numbers in it */
size_t tensor_type_size(enum tensor_type type);

/* F32, F16 or BF16 as float32 into out (tensor_count). Refuses other types, NaN and infinity. */
bool tensor_floats(const struct tensor *tensor, float *out, struct error *error);

float float_from_half(uint16_t bits);     /* IEEE 754 binary16 */
uint16_t half_from_float(float x);        /* round to nearest even; too large becomes infinity */
float float_from_bfloat(uint16_t bits);
uint16_t bfloat_from_float(float x);      /* round to nearest even */

/* Serialise tensors (data starts aligned to 64 bytes) with string metadata {key, value, key, value, …, NULL} (may be
 * NULL); safetensors_write puts that in a file through file_write. */
bool safetensors_print(const struct tensor *tensors, size_t n, const char *const *metadata, struct bytes *out, struct error *error);
bool safetensors_write(const char *path, const struct tensor *tensors, size_t n, const char *const *metadata, struct error *error);

#endif
