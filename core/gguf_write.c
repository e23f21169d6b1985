/* Writing GGUF files; see gguf.h. Tensors are converted and written in pieces, so a file needs little more memory than its
 * header. */
#include "core/gguf.h"
#include "core/file.h"
#include "core/mem.h"

#include <string.h>

enum { ALIGNMENT = 32, PIECE_NUMBERS = 1 << 14 };

static bool put_u32(struct bytes *out, uint32_t x, struct error *error)
{
    uint8_t b[4] = {(uint8_t)x, (uint8_t)(x >> 8), (uint8_t)(x >> 16), (uint8_t)(x >> 24)};
    return bytes_append(out, b, 4, error);
}

static bool put_u64(struct bytes *out, uint64_t x, struct error *error) { return put_u32(out, (uint32_t)x, error) && put_u32(out, (uint32_t)(x >> 32), error); }

static bool put_string(struct bytes *out, const char *text, size_t n, struct error *error) { return put_u64(out, n, error) && bytes_append(out, text, n, error); }

static bool put_key(struct gguf_values *values, const char *key, enum gguf_kind kind, struct error *error)
{
    values->n++;
    return put_string(&values->bytes, key, strlen(key), error) && put_u32(&values->bytes, kind, error);
}

bool gguf_put_text(struct gguf_values *values, const char *key, const char *text, struct error *error)
{
    return put_key(values, key, GGUF_TEXT, error) && put_string(&values->bytes, text, strlen(text), error);
}

bool gguf_put_integer(struct gguf_values *values, const char *key, uint32_t x, struct error *error)
{
    return put_key(values, key, GGUF_U32, error) && put_u32(&values->bytes, x, error);
}

bool gguf_put_number(struct gguf_values *values, const char *key, float x, struct error *error)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return put_key(values, key, GGUF_F32, error) && put_u32(&values->bytes, bits, error);
}

bool gguf_put_flag(struct gguf_values *values, const char *key, bool x, struct error *error)
{
    return put_key(values, key, GGUF_BOOL, error) && bytes_append_byte(&values->bytes, x, error);
}

bool gguf_put_array(struct gguf_values *values, const char *key, enum gguf_kind kind, size_t n, struct error *error)
{
    return put_key(values, key, GGUF_ARRAY, error) && put_u32(&values->bytes, kind, error) && put_u64(&values->bytes, n, error);
}

bool gguf_put_element(struct gguf_values *values, const char *text, size_t n, struct error *error) { return put_string(&values->bytes, text, n, error); }
bool gguf_put_int(struct gguf_values *values, int32_t x, struct error *error) { return put_u32(&values->bytes, (uint32_t)x, error); }

static size_t numbers_of(const struct gguf_output *tensor)
{
    size_t n = 1;
    for (int i = 0; i < tensor->rank; i++) n *= (size_t)tensor->shape[i];
    return n;
}

static size_t bytes_of(const struct gguf_output *tensor) { return numbers_of(tensor) / gguf_type_numbers(tensor->type) * gguf_type_bytes(tensor->type); }

static bool print_header(const struct gguf_values *values, const struct gguf_output *tensors, size_t n, struct bytes *out, struct error *error)
{
    uint64_t at = 0;
    bool ok = bytes_append(out, "GGUF", 4, error) && put_u32(out, 3, error) && put_u64(out, n, error) && put_u64(out, values->n, error) &&
              bytes_append(out, values->bytes.data, values->bytes.n, error);
    for (size_t i = 0; ok && i < n; i++) {
        const struct gguf_output *t = &tensors[i];
        ok = put_string(out, t->name, strlen(t->name), error) && put_u32(out, (uint32_t)t->rank, error);
        for (int d = t->rank - 1; ok && d >= 0; d--) ok = put_u64(out, (uint64_t)t->shape[d], error);
        ok = ok && put_u32(out, t->type, error) && put_u64(out, at, error);
        at += (bytes_of(t) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    while (ok && out->n % ALIGNMENT != 0) ok = bytes_append_byte(out, 0, error);
    return ok;
}

static bool write_tensor(struct file_writer *writer, const struct gguf_output *tensor, uint8_t *piece, struct error *error)
{
    static const uint8_t zeros[ALIGNMENT];
    size_t n = numbers_of(tensor), numbers = gguf_type_numbers(tensor->type), size = gguf_type_bytes(tensor->type);
    for (size_t at = 0; at < n; at += PIECE_NUMBERS) {
        size_t some = n - at < PIECE_NUMBERS ? n - at : PIECE_NUMBERS;
        gguf_encode(tensor->type, tensor->numbers + at, some, piece);
        if (!file_put(writer, piece, some / numbers * size, error)) return false;
    }
    return file_put(writer, zeros, (ALIGNMENT - bytes_of(tensor) % ALIGNMENT) % ALIGNMENT, error);
}

bool gguf_write(const char *path, const struct gguf_values *values, const struct gguf_output *tensors, size_t n, struct error *error)
{
    struct file_writer writer;
    struct bytes header = {0};
    uint8_t *piece = mem_alloc(PIECE_NUMBERS, 4, error);
    bool ok = piece != NULL && print_header(values, tensors, n, &header, error) && file_begin(&writer, path, error);
    if (ok) {
        ok = file_put(&writer, header.data, header.n, error);
        for (size_t i = 0; ok && i < n; i++) ok = write_tensor(&writer, &tensors[i], piece, error);
        ok = file_end(&writer, ok, error);
    }
    mem_free(piece);
    bytes_free(&header);
    return ok;
}
