/* safetensors; see safetensors.h. Reading goes in two steps: each header entry is checked by itself (type, shape, range
 * inside the data, size = shape x type), then the ranges sorted by their start must tile the data exactly. */
#include "core/safetensors.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MOST = 16 << 20, TENSORS_MOST = 20000, NAME_MOST = 512, ALIGN = 64 };

static const struct { const char *name; size_t size; } TYPES[TENSOR_TYPES] = {
    [TENSOR_F32] = {"F32", 4}, [TENSOR_F16] = {"F16", 2}, [TENSOR_BF16] = {"BF16", 2}, [TENSOR_I64] = {"I64", 8},
    [TENSOR_I32] = {"I32", 4}, [TENSOR_U16] = {"U16", 2}, [TENSOR_U8] = {"U8", 1}, [TENSOR_BOOL] = {"BOOL", 1},
};

size_t tensor_type_size(enum tensor_type type) { return TYPES[type].size; }

int64_t tensor_count(const struct tensor *tensor)
{
    int64_t n = 1;
    for (int i = 0; i < tensor->rank; i++) n *= tensor->shape[i];
    return n;
}

static bool bad(struct error *error, const char *name, const char *what)
{
    return error_set(error, ERROR_INPUT, "safetensors: tensor %.80s: %s", name, what);
}

static bool whole(const cJSON *item, double most, int64_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > most || floor(item->valuedouble) != item->valuedouble) return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

static bool read_type(const cJSON *entry, struct tensor *tensor, struct error *error)
{
    const cJSON *type = json_member(entry, "dtype");
    if (!cJSON_IsString(type)) return bad(error, tensor->name, "no dtype");
    for (int t = 0; t < TENSOR_TYPES; t++) {
        if (strcmp(type->valuestring, TYPES[t].name) != 0) continue;
        tensor->type = (enum tensor_type)t;
        return true;
    }
    return bad(error, tensor->name, "dtype is unknown; F32, F16, BF16, I64, I32, U16, U8 or BOOL is wanted");
}

static bool read_shape(const cJSON *entry, struct tensor *tensor, size_t *bytes, struct error *error)
{
    const cJSON *shape = json_member(entry, "shape"), *item;
    if (!cJSON_IsArray(shape)) return bad(error, tensor->name, "no shape");
    *bytes = TYPES[tensor->type].size;
    cJSON_ArrayForEach(item, shape) {
        if (tensor->rank == TENSOR_RANK_MOST) return bad(error, tensor->name, "more than 4 dimensions");
        int64_t *size = &tensor->shape[tensor->rank++];
        if (!whole(item, 2147483647, size)) return bad(error, tensor->name, "a dimension is no whole number below 2^31");
        if (!mem_mul(*bytes, (size_t)*size, bytes)) return bad(error, tensor->name, "its size overflows");
    }
    return true;
}

static bool read_entry(const cJSON *entry, const uint8_t *data, size_t n, struct tensor *tensor, struct error *error)
{
    size_t bytes;
    int64_t begin, end;
    tensor->name = entry->string;
    if (strlen(tensor->name) == 0 || strlen(tensor->name) > NAME_MOST) return bad(error, tensor->name, "its name is empty or longer than 512 bytes");
    if (!cJSON_IsObject(entry)) return bad(error, tensor->name, "its entry is no object");
    if (!read_type(entry, tensor, error) || !read_shape(entry, tensor, &bytes, error)) return false;
    const cJSON *range = json_member(entry, "data_offsets");
    if (cJSON_GetArraySize(range) != 2 || !whole(cJSON_GetArrayItem(range, 0), 0x1p53, &begin) || !whole(cJSON_GetArrayItem(range, 1), 0x1p53, &end))
        return bad(error, tensor->name, "data_offsets are not two whole numbers");
    if (begin > end) return bad(error, tensor->name, "its data begin behind their end");
    if ((uint64_t)end > n) return bad(error, tensor->name, "its data end behind the end of the file");
    if ((size_t)(end - begin) != bytes) return bad(error, tensor->name, "shape and dtype do not fit the length of its data");
    tensor->data = data + begin;
    tensor->bytes = bytes;
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    if (x->data != y->data) return (const uint8_t *)x->data < (const uint8_t *)y->data ? -1 : 1;
    return x->bytes == y->bytes ? 0 : x->bytes < y->bytes ? -1 : 1;   /* empty ones first */
}

static bool check_tiling(struct safetensors *file, const uint8_t *data, size_t n, struct error *error)
{
    if (file->n > 1) qsort(file->tensors, file->n, sizeof *file->tensors, by_start);
    const uint8_t *at = data;
    for (size_t i = 0; i < file->n; i++) {
        const struct tensor *tensor = &file->tensors[i];
        if ((const uint8_t *)tensor->data < at) return bad(error, tensor->name, "its data overlap those of another");
        if ((const uint8_t *)tensor->data > at) return bad(error, tensor->name, "a gap lies before its data");
        at += tensor->bytes;
    }
    if (at != data + n) return error_set(error, ERROR_INPUT, "safetensors: %zu bytes follow the last tensor", (size_t)(data + n - at));
    return true;
}

static bool check_metadata(const cJSON *metadata, struct error *error)
{
    const cJSON *item;
    if (!cJSON_IsObject(metadata)) return error_set(error, ERROR_INPUT, "safetensors: __metadata__ is no object");
    cJSON_ArrayForEach(item, metadata)
        if (!cJSON_IsString(item)) return error_set(error, ERROR_INPUT, "safetensors: __metadata__ %.80s is no string", item->string);
    return true;
}

static bool read_entries(struct safetensors *file, const uint8_t *data, size_t n, struct error *error)
{
    const cJSON *root = file->header, *entry;
    int count = cJSON_GetArraySize(root);
    if (count > TENSORS_MOST) return error_set(error, ERROR_INPUT, "safetensors: %d tensors; at most %d are read", count, TENSORS_MOST);
    file->tensors = mem_alloc((size_t)count, sizeof *file->tensors, error);
    if (file->tensors == NULL) return false;
    cJSON_ArrayForEach(entry, root) {
        if (strcmp(entry->string, "__metadata__") == 0) {
            if (!check_metadata(entry, error)) return false;
        } else if (!read_entry(entry, data, n, &file->tensors[file->n++], error)) return false;
    }
    return check_tiling(file, data, n, error);
}

bool safetensors_parse(struct bytes *bytes, struct safetensors *file, struct error *error)
{
    *file = (struct safetensors){.file = *bytes};
    *bytes = (struct bytes){0};
    struct reader reader = reader_on(file->file.data, file->file.n);
    uint64_t n = reader_le64(&reader);
    if (reader.failed) return error_set(error, ERROR_INPUT, "safetensors: %zu bytes; a header length of 8 bytes is wanted", file->file.n);
    if (n == 0 || n > HEADER_MOST) return error_set(error, ERROR_INPUT, "safetensors: header of %llu bytes; 1 to 16 MB is wanted", (unsigned long long)n);
    if (n > reader_left(&reader)) return error_set(error, ERROR_INPUT, "safetensors: the file ends inside its header");
    const uint8_t *header = reader_take(&reader, (size_t)n);
    if (header[0] != '{') return error_set(error, ERROR_INPUT, "safetensors: the header does not start with '{'");
    file->header = json_parse(header, (size_t)n, error);
    if (file->header == NULL) return error_prefix(error, "safetensors: header");
    return read_entries(file, header + n, reader_left(&reader), error);
}

bool safetensors_read(const char *path, struct safetensors *file, struct error *error)
{
    struct bytes bytes = {0};
    *file = (struct safetensors){0};
    if (!file_read(path, FILE_LIMIT_MODEL, &bytes, error)) { bytes_free(&bytes); return false; }
    return safetensors_parse(&bytes, file, error) || error_prefix(error, "%s", path);
}

void safetensors_free(struct safetensors *file)
{
    bytes_free(&file->file);
    mem_free(file->tensors);
    cJSON_Delete(file->header);
    *file = (struct safetensors){0};
}

const struct tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->n; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

const char *safetensors_metadata(const struct safetensors *file, const char *key)
{
    const cJSON *item = json_member(json_member(file->header, "__metadata__"), key);
    return item == NULL ? NULL : item->valuestring;
}

bool tensor_has_shape(const struct tensor *tensor, int rank, const int64_t *shape, struct error *error)
{
    bool fits = tensor->rank == rank;
    for (int i = 0; fits && i < rank; i++) fits = shape[i] < 0 || tensor->shape[i] == shape[i];
    if (fits) return true;
    struct bytes found = {0}, want = {0};
    struct error ignored = {0};
    for (int i = 0; i < tensor->rank; i++) (void)bytes_printf(&found, &ignored, " %lld", (long long)tensor->shape[i]);
    for (int i = 0; i < rank; i++) (void)bytes_printf(&want, &ignored, " %lld", (long long)shape[i]);
    error_set(error, ERROR_INPUT, "safetensors: tensor %.80s has shape (%s ); (%s ) is wanted", tensor->name, bytes_text(&found), bytes_text(&want));
    bytes_free(&found);
    bytes_free(&want);
    return false;
}

const struct tensor *safetensors_need(const struct safetensors *file, const char *name, int rank, const int64_t *shape, struct error *error)
{
    const struct tensor *tensor = safetensors_find(file, name);
    if (tensor == NULL) error_set(error, ERROR_INPUT, "safetensors: tensor %s is missing", name);
    return tensor != NULL && tensor_has_shape(tensor, rank, shape, error) ? tensor : NULL;
}

float float_from_bfloat(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}

uint16_t bfloat_from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x) return 0x7fc0;
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* Exponent and fraction moved to their places in a float, then 2^112 makes up for the other bias: subnormals come out right too. */
float float_from_half(uint16_t bits)
{
    uint32_t magnitude = (uint32_t)(bits & 0x7fffu) << 13, sign = (uint32_t)(bits & 0x8000u) << 16;
    float x;
    memcpy(&x, &magnitude, sizeof x);
    x *= 0x1p112f;
    if (magnitude >= 0x0f800000u) x = magnitude == 0x0f800000u ? INFINITY : NAN;
    return sign != 0 ? -x : x;
}

uint16_t half_from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);        /* NaN */
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);       /* rounds to 65536 or more */
    if (magnitude < 0x38800000u) {                                         /* subnormal: a multiple of 2^-24 */
        float scaled = fabsf(x) * 0x1p24f;
        return (uint16_t)(sign | (uint32_t)lrintf(scaled));
    }
    uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | ((rounded >> 13) - (112u << 10)));
}

bool tensor_floats(const struct tensor *tensor, float *out, struct error *error)
{
    size_t n = (size_t)tensor_count(tensor);
    const uint16_t *half = tensor->data;
    switch (tensor->type) {
    case TENSOR_F32: memcpy(out, tensor->data, n * sizeof *out); break;
    case TENSOR_F16: for (size_t i = 0; i < n; i++) { uint16_t h; memcpy(&h, half + i, 2); out[i] = float_from_half(h); } break;
    case TENSOR_BF16: for (size_t i = 0; i < n; i++) { uint16_t h; memcpy(&h, half + i, 2); out[i] = float_from_bfloat(h); } break;
    default: return bad(error, tensor->name, "F32, F16 or BF16 is wanted");
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(out[i])) return bad(error, tensor->name, "holds a value that is not finite");
    return true;
}

static bool print_header(const struct tensor *tensors, size_t n, const char *const *metadata, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_byte(out, '{', error);
    if (metadata != NULL) {
        ok = ok && bytes_append_text(out, "\"__metadata__\":{", error);
        for (size_t i = 0; ok && metadata[i] != NULL; i += 2)
            ok = (i == 0 || bytes_append_byte(out, ',', error)) && json_quote(out, metadata[i], strlen(metadata[i]), error) &&
                 bytes_append_byte(out, ':', error) && json_quote(out, metadata[i + 1], strlen(metadata[i + 1]), error);
        ok = ok && bytes_append_text(out, n > 0 ? "}," : "}", error);
    }
    size_t at = 0;
    for (size_t i = 0; ok && i < n; i++) {
        ok = (i == 0 || bytes_append_byte(out, ',', error)) && json_quote(out, tensors[i].name, strlen(tensors[i].name), error) &&
             bytes_printf(out, error, ":{\"dtype\":\"%s\",\"shape\":[", TYPES[tensors[i].type].name);
        for (int d = 0; ok && d < tensors[i].rank; d++)
            ok = bytes_printf(out, error, d == 0 ? "%lld" : ",%lld", (long long)tensors[i].shape[d]);
        ok = ok && bytes_printf(out, error, "],\"data_offsets\":[%zu,%zu]}", at, at + tensors[i].bytes);
        at += tensors[i].bytes;
    }
    return ok && bytes_append_byte(out, '}', error);
}

/* The header's length, the header, and spaces up to where the data start. */
static bool print_start(const struct tensor *tensors, size_t n, const char *const *metadata, struct bytes *out, struct error *error)
{
    struct bytes header = {0};
    bool ok = print_header(tensors, n, metadata, &header, error);
    while (ok && (header.n + 8) % ALIGN != 0) ok = bytes_append_byte(&header, ' ', error);
    for (int i = 0; ok && i < 8; i++) ok = bytes_append_byte(out, (unsigned)(header.n >> (8 * i) & 0xffu), error);
    ok = ok && bytes_append(out, header.data, header.n, error);
    bytes_free(&header);
    return ok;
}

bool safetensors_print(const struct tensor *tensors, size_t n, const char *const *metadata, struct bytes *out, struct error *error)
{
    bool ok = print_start(tensors, n, metadata, out, error);
    for (size_t i = 0; ok && i < n; i++) ok = bytes_append(out, tensors[i].data, tensors[i].bytes, error);
    return ok;
}

bool safetensors_write(const char *path, const struct tensor *tensors, size_t n, const char *const *metadata, struct error *error)
{
    struct file_writer writer;
    struct bytes start = {0};
    bool ok = print_start(tensors, n, metadata, &start, error) && file_begin(&writer, path, error);
    if (ok) {
        ok = file_put(&writer, start.data, start.n, error);
        for (size_t i = 0; ok && i < n; i++) ok = file_put(&writer, tensors[i].data, tensors[i].bytes, error);
        ok = file_end(&writer, ok, error);
    }
    bytes_free(&start);
    return ok;
}
