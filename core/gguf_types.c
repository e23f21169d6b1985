/* The number formats of GGUF tensors; see gguf.h. A block of 32 numbers (Q4_0 … Q8_0) has one scale d, those with _1 also an
 * offset m; a block of 256 (Q4_K, Q5_K, Q6_K) has scales of its 8 or 16 parts, which are whole numbers themselves:
 *
 *     Q4_0  | d | 16 bytes: numbers i and i + 16 |          (q - 8) d            Q8_0  | d | 32 int8 |           q d
 *     Q4_1  | d | m | 16 bytes |                            q d + m
 *     Q5_0  | d | fifth bits (4) | 16 bytes |               (q - 16) d           Q5_1  | d | m | fifth bits | 16 bytes |  q d + m
 *     Q4_K  | d | dmin | 8 scales and 8 minima of 6 bits (12) | 128 bytes |      q (d s) - (dmin m)
 *     Q5_K  | d | dmin | the same (12) | fifth bits (32) | 128 bytes |
 *     Q6_K  | low 4 bits (128) | high 2 bits (64) | 16 scales int8 | d |         (q - 32) (d s)
 *
 * d, m and dmin are binary16. The arithmetic is that of ggml's reference functions, so results are equal bit for bit. */
#include "core/gguf.h"
#include "core/safetensors.h"

#include <math.h>
#include <string.h>

static const struct { const char *name; size_t numbers, bytes; } TYPES[GGUF_TYPES + 1] = {
    [GGUF_TYPE_F32] = {"F32", 1, 4}, [GGUF_TYPE_F16] = {"F16", 1, 2}, [GGUF_TYPE_BF16] = {"BF16", 1, 2}, [GGUF_TYPE_Q8_0] = {"Q8_0", 32, 34},
    [GGUF_TYPE_Q4_0] = {"Q4_0", 32, 18}, [GGUF_TYPE_Q4_1] = {"Q4_1", 32, 20}, [GGUF_TYPE_Q5_0] = {"Q5_0", 32, 22}, [GGUF_TYPE_Q5_1] = {"Q5_1", 32, 24},
    [GGUF_TYPE_Q4_K] = {"Q4_K", 256, 144}, [GGUF_TYPE_Q5_K] = {"Q5_K", 256, 176}, [GGUF_TYPE_Q6_K] = {"Q6_K", 256, 210},
};

size_t gguf_type_numbers(enum gguf_type type) { return TYPES[type].numbers; }
size_t gguf_type_bytes(enum gguf_type type) { return TYPES[type].bytes; }
const char *gguf_type_name(enum gguf_type type) { return TYPES[type].name == NULL ? "?" : TYPES[type].name; }

static float half_at(const uint8_t *p) { return float_from_half((uint16_t)(p[0] | p[1] << 8)); }

static void decode_4_or_5(enum gguf_type type, const uint8_t *block, float *out)
{
    bool offset = type == GGUF_TYPE_Q4_1 || type == GGUF_TYPE_Q5_1, five = type == GGUF_TYPE_Q5_0 || type == GGUF_TYPE_Q5_1;
    float d = half_at(block), m = offset ? half_at(block + 2) : 0;
    const uint8_t *p = block + (offset ? 4 : 2);
    uint32_t high = 0;
    for (unsigned i = 0; five && i < 4; i++) high |= (uint32_t)*p++ << 8 * i;
    int zero = offset ? 0 : five ? 16 : 8;
    for (int i = 0; i < 16; i++) {
        int low = (p[i] & 15) | (int)(high >> i & 1) << 4, up = p[i] >> 4 | (int)(high >> (i + 16) & 1) << 4;
        out[i] = (float)(low - zero) * d + m;
        out[i + 16] = (float)(up - zero) * d + m;
    }
}

/* Scale and minimum of part j of 8, 6 bits each, packed in 12 bytes: the first four plain, the others in what is left over. */
static void part_of(const uint8_t *p, int j, int *scale, int *minimum)
{
    *scale = j < 4 ? p[j] & 63 : (p[j + 4] & 15) | p[j - 4] >> 6 << 4;
    *minimum = j < 4 ? p[j + 4] & 63 : p[j + 4] >> 4 | p[j] >> 6 << 4;
}

static void decode_k(bool five, const uint8_t *block, float *out)
{
    float d = half_at(block), dmin = half_at(block + 2);
    const uint8_t *high = block + 16, *low = five ? high + 32 : high;
    for (int j = 0; j < 8; j++) {
        int scale, minimum;
        part_of(block + 4, j, &scale, &minimum);
        float step = d * (float)scale, base = dmin * (float)minimum;
        for (int i = 0; i < 32; i++) {
            int q = j % 2 == 0 ? low[32 * (j / 2) + i] & 15 : low[32 * (j / 2) + i] >> 4;
            if (five) q |= (high[i] >> j & 1) << 4;
            out[32 * j + i] = step * (float)q - base;
        }
    }
}

static void decode_6k(const uint8_t *block, float *out)
{
    const uint8_t *low = block, *high = block + 128, *scales = block + 192;
    float d = half_at(block + 208);
    for (int half = 0; half < 2; half++, low += 64, high += 32, scales += 8)
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < 32; i++) {
                uint8_t byte = low[i + 32 * (j % 2)];
                int q = (j < 2 ? byte & 15 : byte >> 4) | (high[i] >> 2 * j & 3) << 4;
                out[128 * half + 32 * j + i] = d * (float)(int8_t)scales[i / 16 + 2 * j] * (float)(q - 32);
            }
}

static void decode_block(enum gguf_type type, const uint8_t *block, float *out)
{
    switch (type) {
    case GGUF_TYPE_F32: memcpy(out, block, 4); break;
    case GGUF_TYPE_F16: *out = half_at(block); break;
    case GGUF_TYPE_BF16: *out = float_from_bfloat((uint16_t)(block[0] | block[1] << 8)); break;
    case GGUF_TYPE_Q8_0: for (int i = 0; i < 32; i++) out[i] = (float)(int8_t)block[2 + i] * half_at(block); break;
    case GGUF_TYPE_Q4_K: decode_k(false, block, out); break;
    case GGUF_TYPE_Q5_K: decode_k(true, block, out); break;
    case GGUF_TYPE_Q6_K: decode_6k(block, out); break;
    default: decode_4_or_5(type, block, out);
    }
}

void gguf_decode(enum gguf_type type, const uint8_t *blocks, size_t n, float *out)
{
    if (type == GGUF_TYPE_F32) {
        memcpy(out, blocks, 4 * n);
        return;
    }
    size_t numbers = TYPES[type].numbers;
    for (size_t i = 0; i < n; i += numbers, blocks += TYPES[type].bytes) decode_block(type, blocks, out + i);
}

static void put_half(uint8_t *p, float x)
{
    uint16_t bits = half_from_float(x);
    p[0] = (uint8_t)bits, p[1] = (uint8_t)(bits >> 8);
}

static void encode_q8(const float *numbers, uint8_t *out)
{
    float most = 0;
    for (int i = 0; i < 32; i++) most = fmaxf(most, fabsf(numbers[i]));
    float d = most / 127, inverse = d > 0 ? 1 / d : 0;
    put_half(out, d);
    for (int i = 0; i < 32; i++) out[2 + i] = (uint8_t)(int8_t)roundf(numbers[i] * inverse);
}

void gguf_encode(enum gguf_type type, const float *numbers, size_t n, uint8_t *out)
{
    if (type == GGUF_TYPE_F32) memcpy(out, numbers, 4 * n);
    else if (type == GGUF_TYPE_F16) for (size_t i = 0; i < n; i++) put_half(out + 2 * i, numbers[i]);
    else for (size_t i = 0; i < n; i += 32, out += 34) encode_q8(numbers + i, out);
}
