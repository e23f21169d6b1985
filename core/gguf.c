/* GGUF files; see gguf.h. The header is read once, through a window of 64 kB, in the order of the file; every count is
 * held against the bytes that are left before anything is taken for it. */
#include "core/gguf.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 1 << 16, TENSORS_MOST = 20000, VALUES_MOST = 20000, KEY_MOST = 1024, NAME_MOST = 512, PIECE = 1 << 16, ALIGNMENT_MOST = 1 << 16 };

static const struct { const char *name; size_t size; } KINDS[GGUF_KINDS] = {
    [GGUF_U8] = {"U8", 1}, [GGUF_I8] = {"I8", 1}, [GGUF_U16] = {"U16", 2}, [GGUF_I16] = {"I16", 2}, [GGUF_U32] = {"U32", 4}, [GGUF_I32] = {"I32", 4},
    [GGUF_F32] = {"F32", 4}, [GGUF_BOOL] = {"BOOL", 1}, [GGUF_TEXT] = {"TEXT", 8}, [GGUF_ARRAY] = {"ARRAY", 12}, [GGUF_U64] = {"U64", 8}, [GGUF_I64] = {"I64", 8}, [GGUF_F64] = {"F64", 8},
};

/* ---- the way through the header ---- */

struct way {
    struct gguf *gguf;
    uint8_t *window;             /* (window_n) the file from window_at on */
    size_t window_n;
    uint64_t window_at, at;
    struct error *error;
};

static bool bad(struct way *way, const char *what) { return error_set(way->error, ERROR_INPUT, "GGUF: byte %llu: %s", (unsigned long long)way->at, what); }

static uint64_t left(const struct way *way) { return way->gguf->source.size - way->at; }

/* The next n bytes into out. */
static bool take(struct way *way, void *out, size_t n)
{
    if (n > left(way)) return bad(way, "the file ends inside its header");
    if (n > WINDOW) {
        if (!source_read(&way->gguf->source, way->at, out, n, way->error)) return false;
    } else if (n > 0) {
        if (way->at < way->window_at || way->at + n > way->window_at + way->window_n) {
            way->window_at = way->at;
            way->window_n = left(way) < WINDOW ? (size_t)left(way) : WINDOW;
            if (!source_read(&way->gguf->source, way->at, way->window, way->window_n, way->error)) return false;
        }
        memcpy(out, way->window + (way->at - way->window_at), n);
    }
    way->at += n;
    return true;
}

static bool take_u32(struct way *way, uint32_t *out)
{
    uint8_t b[4] = {0};
    if (!take(way, b, 4)) return false;
    *out = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return true;
}

static bool take_u64(struct way *way, uint64_t *out)
{
    uint32_t low = 0, high = 0;
    if (!take_u32(way, &low) || !take_u32(way, &high)) return false;
    *out = low | (uint64_t)high << 32;
    return true;
}

/* Memory that lives as long as the file. */
static void *block(struct way *way, size_t count, size_t size)
{
    struct gguf *g = way->gguf;
    if (g->n_blocks == g->blocks_room) {
        size_t more = g->blocks_room == 0 ? 64 : 2 * g->blocks_room;
        void **blocks = mem_resize(g->blocks, more, sizeof *blocks, way->error);
        if (blocks == NULL) return NULL;
        g->blocks = blocks, g->blocks_room = more;
    }
    void *fresh = mem_alloc(count, size, way->error);
    if (fresh != NULL) g->blocks[g->n_blocks++] = fresh;
    return fresh;
}

/* A string of the file into `room`, which grows: texts of an array share one block. */
static bool take_text(struct way *way, size_t most, struct bytes *room, size_t *n)
{
    uint64_t length = 0;
    if (!take_u64(way, &length)) return false;
    if (length > left(way)) return bad(way, "a string is longer than the file");
    if (length > most) return bad(way, "a string is too long");
    *n = (size_t)length;
    if (!bytes_reserve(room, *n + 1, way->error) || !take(way, room->data + room->n, *n)) return false;
    if (memchr(room->data + room->n, 0, *n) != NULL) return bad(way, "a string holds a NUL byte");
    room->n += *n;
    room->data[room->n++] = 0;
    return true;
}

static bool take_name(struct way *way, size_t most, const char *what, const char **out)
{
    struct bytes room = {0};
    size_t n = 0;
    bool ok = take_text(way, most, &room, &n);
    if (ok && n == 0) ok = error_set(way->error, ERROR_INPUT, "GGUF: %s without a name", what);
    if (ok && !utf8_valid(room.data, n, NULL)) ok = error_set(way->error, ERROR_INPUT, "GGUF: the name of %s is not UTF-8", what);
    char *name = ok ? block(way, n + 1, 1) : NULL;
    if (name != NULL) memcpy(name, room.data, n + 1);
    *out = name;
    bytes_free(&room);
    return name != NULL;
}

/* ---- values ---- */

static bool take_texts(struct way *way, struct gguf_value *value)
{
    struct bytes room = {0};
    struct gguf_text *texts = block(way, value->n, sizeof *texts);
    bool ok = texts != NULL;
    for (size_t i = 0; ok && i < value->n; i++) ok = take_text(way, (size_t)1 << 26, &room, &texts[i].n);
    char *all = ok ? block(way, room.n, 1) : NULL;
    if (all != NULL && room.n > 0) memcpy(all, room.data, room.n);
    for (size_t i = 0, at = 0; all != NULL && i < value->n; at += texts[i++].n + 1) texts[i].text = all + at;
    bytes_free(&room);
    value->data = texts;
    return all != NULL;
}

static bool take_data(struct way *way, struct gguf_value *value)
{
    if (value->n > left(way) / KINDS[value->kind].size) return bad(way, "an array is longer than the file");
    if (value->kind == GGUF_TEXT) return take_texts(way, value);
    uint8_t *data = block(way, value->n, KINDS[value->kind].size);
    if (data == NULL || !take(way, data, value->n * KINDS[value->kind].size)) return false;
    for (size_t i = 0; value->kind == GGUF_BOOL && i < value->n; i++)
        if (data[i] > 1) return bad(way, "a BOOL is neither 0 nor 1");
    value->data = data;
    return true;
}

static bool take_kind(struct way *way, enum gguf_kind *out)
{
    uint32_t kind = 0;
    if (!take_u32(way, &kind)) return false;
    if (kind >= GGUF_KINDS) return bad(way, "a value of unknown kind");
    *out = (enum gguf_kind)kind;
    return true;
}

static bool take_value(struct way *way, struct gguf_value *value)
{
    uint64_t n = 1;
    if (!take_name(way, KEY_MOST, "a value", &value->key) || !take_kind(way, &value->kind)) return false;
    value->array = value->kind == GGUF_ARRAY;
    if (value->array && (!take_kind(way, &value->kind) || !take_u64(way, &n))) return false;
    if (value->kind == GGUF_ARRAY) return bad(way, "an array of arrays");
    if (n > left(way)) return bad(way, "an array is longer than the file");
    value->n = (size_t)n;
    return take_data(way, value);
}

/* ---- tensors ---- */

static bool tensor_fault(struct way *way, const struct gguf_tensor *tensor, const char *what)
{
    return error_set(way->error, ERROR_INPUT, "GGUF: tensor %.80s: %s", tensor->name, what);
}

static bool take_shape(struct way *way, struct gguf_tensor *tensor, uint64_t *numbers)
{
    uint32_t rank = 0;
    uint64_t size = 0;
    if (!take_u32(way, &rank)) return false;
    if (rank < 1 || rank > GGUF_RANK_MOST) return tensor_fault(way, tensor, "its rank is not 1 to 4");
    tensor->rank = (int)rank;
    *numbers = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (!take_u64(way, &size)) return false;
        if (size < 1 || size > INT32_MAX) return tensor_fault(way, tensor, "a dimension is not 1 to 2^31 - 1");
        if (__builtin_mul_overflow(*numbers, size, numbers) || *numbers > (uint64_t)1 << 48) return tensor_fault(way, tensor, "its size overflows");
        tensor->shape[i] = (int64_t)size;
    }
    return true;
}

static bool take_tensor(struct way *way, struct gguf_tensor *tensor, uint64_t *offset)
{
    uint64_t numbers = 0;
    uint32_t type = 0;
    if (!take_name(way, NAME_MOST, "a tensor", &tensor->name) || !take_shape(way, tensor, &numbers) || !take_u32(way, &type) || !take_u64(way, offset)) return false;
    tensor->type = type < GGUF_TYPES ? (enum gguf_type)type : GGUF_TYPES;
    if (gguf_type_bytes(tensor->type) == 0)
        return error_set(way->error, ERROR_INPUT, "GGUF: tensor %.80s: type %u; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K is wanted", tensor->name, type);
    if ((uint64_t)tensor->shape[tensor->rank - 1] % gguf_type_numbers(tensor->type) != 0) return tensor_fault(way, tensor, "its rows are no whole blocks of its type");
    tensor->bytes = numbers / gguf_type_numbers(tensor->type) * gguf_type_bytes(tensor->type);
    return true;
}

/* The tensors follow each other in the order of the header, each from the next multiple of the alignment on. */
static bool place_tensors(struct way *way, const uint64_t *offsets, uint64_t alignment)
{
    struct gguf *g = way->gguf;
    uint64_t base = (way->at + alignment - 1) / alignment * alignment, at = 0;
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct gguf_tensor *tensor = &g->tensors[i];
        if (offsets[i] % alignment != 0) return tensor_fault(way, tensor, "its data are not aligned");
        if (offsets[i] < at) return tensor_fault(way, tensor, "its data overlap those of another");
        if (offsets[i] > at) return tensor_fault(way, tensor, "a gap lies before its data");
        if (base > g->source.size || at > g->source.size - base || tensor->bytes > g->source.size - base - at) return tensor_fault(way, tensor, "its data end behind the end of the file");
        tensor->at = base + at;
        at += (tensor->bytes + alignment - 1) / alignment * alignment;
    }
    if (g->n_tensors > 0 && g->source.size > base + at)
        return error_set(way->error, ERROR_INPUT, "GGUF: %llu bytes follow the last tensor", (unsigned long long)(g->source.size - base - at));
    return true;
}

/* Names sorted by a pointer each: two alike are neighbours. */
static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool refuse_twice(struct way *way, const char **names, size_t n, const char *what)
{
    if (n > 1) qsort(names, n, sizeof *names, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0) return error_set(way->error, ERROR_INPUT, "GGUF: %s %.80s stands twice", what, names[i]);
    return true;
}

static bool check_names(struct way *way)
{
    const struct gguf *g = way->gguf;
    const char **names = mem_alloc(g->n_values + g->n_tensors, sizeof *names, way->error);
    if (names == NULL) return false;
    for (size_t i = 0; i < g->n_values; i++) names[i] = g->values[i].key;
    for (size_t i = 0; i < g->n_tensors; i++) names[g->n_values + i] = g->tensors[i].name;
    bool ok = refuse_twice(way, names, g->n_values, "the value") && refuse_twice(way, names + g->n_values, g->n_tensors, "the tensor");
    mem_free(names);
    return ok;
}

static bool get_alignment(struct way *way, uint64_t *out)
{
    const struct gguf_value *value = gguf_find(way->gguf, "general.alignment");
    *out = 32;
    if (value == NULL) return true;
    if (value->array || value->kind != GGUF_U32) return error_set(way->error, ERROR_INPUT, "GGUF: general.alignment is no U32");
    *out = (uint64_t)gguf_element(value, 0);
    return (*out >= 1 && *out <= ALIGNMENT_MOST && (*out & (*out - 1)) == 0) ||
           error_set(way->error, ERROR_INPUT, "GGUF: general.alignment is %llu; a power of 2 up to %d is wanted", (unsigned long long)*out, ALIGNMENT_MOST);
}

static bool take_start(struct way *way, uint64_t *n_tensors, uint64_t *n_values)
{
    uint8_t magic[4] = {0};
    uint32_t version = 0;
    if (!take(way, magic, 4)) return false;
    if (memcmp(magic, "GGUF", 4) != 0) return error_set(way->error, ERROR_INPUT, "GGUF: the file does not start with \"GGUF\"");
    if (!take_u32(way, &version)) return false;
    way->gguf->version = version;
    if (version >= 1 << 24) return error_set(way->error, ERROR_INPUT, "GGUF: a big-endian file; a little-endian one is wanted");
    if (version < 2 || version > 3) return error_set(way->error, ERROR_INPUT, "GGUF: version %u; 2 or 3 is wanted", version);
    if (!take_u64(way, n_tensors) || !take_u64(way, n_values)) return false;
    if (*n_tensors > TENSORS_MOST) return error_set(way->error, ERROR_INPUT, "GGUF: %llu tensors; at most %d are read", (unsigned long long)*n_tensors, TENSORS_MOST);
    if (*n_values > VALUES_MOST) return error_set(way->error, ERROR_INPUT, "GGUF: %llu values; at most %d are read", (unsigned long long)*n_values, VALUES_MOST);
    return true;
}

static bool read_header(struct way *way)
{
    struct gguf *g = way->gguf;
    uint64_t n_tensors = 0, n_values = 0, alignment = 0;
    if (!take_start(way, &n_tensors, &n_values)) return false;
    g->values = block(way, (size_t)n_values, sizeof *g->values);
    g->tensors = block(way, (size_t)n_tensors, sizeof *g->tensors);
    uint64_t *offsets = block(way, (size_t)n_tensors, sizeof *offsets);
    if (g->values == NULL || g->tensors == NULL || offsets == NULL) return false;
    for (; g->n_values < n_values; g->n_values++)
        if (!take_value(way, &g->values[g->n_values])) return false;
    for (; g->n_tensors < n_tensors; g->n_tensors++)
        if (!take_tensor(way, &g->tensors[g->n_tensors], &offsets[g->n_tensors])) return false;
    return check_names(way) && get_alignment(way, &alignment) && place_tensors(way, offsets, alignment);
}

static bool read_all(struct gguf *g, struct error *error)
{
    struct way way = {.gguf = g, .error = error, .window = mem_alloc(WINDOW, 1, error)};
    bool ok = way.window != NULL && read_header(&way);
    mem_free(way.window);
    return ok;
}

bool gguf_parse(const void *data, size_t n, struct gguf *out, struct error *error)
{
    *out = (struct gguf){.source = source_on(data, n)};
    return read_all(out, error);
}

bool gguf_open(const char *path, struct gguf *out, struct error *error)
{
    *out = (struct gguf){.source.file = -1};
    return source_open(&out->source, path, error) && (read_all(out, error) || error_prefix(error, "%s", path));
}

void gguf_close(struct gguf *g)
{
    source_close(&g->source);
    for (size_t i = 0; i < g->n_blocks; i++) mem_free(g->blocks[i]);
    mem_free(g->blocks);
    *g = (struct gguf){.source.file = -1};
}

/* ---- looking up ---- */

const struct gguf_value *gguf_find(const struct gguf *g, const char *key)
{
    for (size_t i = 0; i < g->n_values; i++)
        if (strcmp(g->values[i].key, key) == 0) return &g->values[i];
    return NULL;
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *g, const char *name)
{
    for (size_t i = 0; i < g->n_tensors; i++)
        if (strcmp(g->tensors[i].name, name) == 0) return &g->tensors[i];
    return NULL;
}

int64_t gguf_element(const struct gguf_value *value, size_t i)
{
    const uint8_t *p = (const uint8_t *)value->data + i * KINDS[value->kind].size;
    uint64_t x = 0;
    memcpy(&x, p, KINDS[value->kind].size);
    switch (value->kind) {
    case GGUF_I8: return (int8_t)x;
    case GGUF_I16: return (int16_t)x;
    case GGUF_I32: return (int32_t)x;
    case GGUF_U64: return x > INT64_MAX ? INT64_MAX : (int64_t)x;
    default: return (int64_t)x;
    }
}

static bool is_whole(enum gguf_kind kind) { return kind != GGUF_F32 && kind != GGUF_F64 && kind != GGUF_TEXT && kind != GGUF_BOOL; }

bool gguf_integer(const struct gguf *g, const char *key, int64_t low, int64_t high, int64_t *out, struct error *error)
{
    const struct gguf_value *value = gguf_find(g, key);
    if (value == NULL) return error_set(error, ERROR_INPUT, "GGUF: %s is missing; a whole number is wanted", key);
    if (value->array || !is_whole(value->kind)) return error_set(error, ERROR_INPUT, "GGUF: %s is no whole number", key);
    *out = gguf_element(value, 0);
    return (*out >= low && *out <= high) || error_set(error, ERROR_INPUT, "GGUF: %s is %lld; %lld to %lld is wanted", key, (long long)*out, (long long)low, (long long)high);
}

bool gguf_number(const struct gguf *g, const char *key, double low, double high, double *out, struct error *error)
{
    const struct gguf_value *value = gguf_find(g, key);
    if (value == NULL) return error_set(error, ERROR_INPUT, "GGUF: %s is missing; a number is wanted", key);
    if (value->array || (value->kind != GGUF_F32 && value->kind != GGUF_F64)) return error_set(error, ERROR_INPUT, "GGUF: %s is no number", key);
    float single;
    memcpy(&single, value->data, sizeof single);
    if (value->kind == GGUF_F64) memcpy(out, value->data, sizeof *out);
    else *out = (double)single;
    return (*out >= low && *out <= high) || error_set(error, ERROR_INPUT, "GGUF: %s is %g; %g to %g is wanted", key, *out, low, high);
}

bool gguf_text(const struct gguf *g, const char *key, const char **out, struct error *error)
{
    const struct gguf_value *value = gguf_find(g, key);
    if (value == NULL) return error_set(error, ERROR_INPUT, "GGUF: %s is missing; a string is wanted", key);
    if (value->array || value->kind != GGUF_TEXT) return error_set(error, ERROR_INPUT, "GGUF: %s is no string", key);
    *out = ((const struct gguf_text *)value->data)->text;
    return true;
}

bool gguf_flag(const struct gguf *g, const char *key, bool absent)
{
    const struct gguf_value *value = gguf_find(g, key);
    return value == NULL || value->array || value->kind != GGUF_BOOL ? absent : *(const uint8_t *)value->data != 0;
}

const struct gguf_value *gguf_array(const struct gguf *g, const char *key, enum gguf_kind kind, struct error *error)
{
    const struct gguf_value *value = gguf_find(g, key);
    if (value != NULL && value->array && value->kind == kind) return value;
    error_set(error, ERROR_INPUT, "GGUF: %s is %s; an array of %s is wanted", key, value == NULL ? "missing" : "something else", KINDS[kind].name);
    return NULL;
}

bool gguf_floats(const struct gguf *g, const struct gguf_tensor *tensor, float *out, struct error *error)
{
    size_t numbers = gguf_type_numbers(tensor->type), size = gguf_type_bytes(tensor->type), blocks = (size_t)(tensor->bytes / size), most = PIECE / size;
    uint8_t *piece = mem_alloc(most, size, error);
    bool ok = piece != NULL;
    for (size_t at = 0; ok && at < blocks; at += most) {
        size_t n = blocks - at < most ? blocks - at : most;
        ok = source_read(&g->source, tensor->at + at * size, piece, n * size, error);
        if (!ok) break;
        gguf_decode(tensor->type, piece, n * numbers, out + at * numbers);
        for (size_t i = at * numbers; ok && i < (at + n) * numbers; i++)
            if (!isfinite(out[i])) ok = error_set(error, ERROR_INPUT, "GGUF: tensor %.80s: holds a value that is not finite", tensor->name);
    }
    mem_free(piece);
    return ok;
}
