/* GIF; see gif.h. */
#include "outputs/gif.h"
#include "core/mem.h"

#include <string.h>

enum { COLOURS_MOST = GIF_COLOURS_MOST + 1, CODES_MOST = 4096, BLOCK_MOST = 255 };

/* Index 0 is the see-through one. */
static int index_of(struct colour_list *c, const uint8_t *p)
{
    static const uint8_t clear[4];
    return colour_list_index(c, p[3] < 128 ? clear : (uint8_t[4]){p[0], p[1], p[2], 255});
}

static bool le16(struct bytes *out, int value, struct error *error) { return bytes_append_byte(out, (unsigned)value, error) && bytes_append_byte(out, (unsigned)value >> 8, error); }

/* ---- LZW ---- */

struct packer { struct bytes *out, data; uint32_t bits; int held; struct error *error; };

static bool put(struct packer *p, int code, int width)
{
    p->bits |= (uint32_t)code << p->held;
    for (p->held += width; p->held >= 8; p->held -= 8, p->bits >>= 8)
        if (!bytes_append_byte(&p->data, p->bits, p->error)) return false;
    return true;
}

/* The data so far as blocks, each with its length before it, and the empty block that ends them. */
static bool put_blocks(struct packer *p)
{
    if (p->held > 0 && !bytes_append_byte(&p->data, p->bits, p->error)) return false;
    for (size_t at = 0; at < p->data.n; at += BLOCK_MOST) {
        size_t n = p->data.n - at < BLOCK_MOST ? p->data.n - at : BLOCK_MOST;
        if (!bytes_append_byte(p->out, (unsigned)n, p->error) || !bytes_append(p->out, p->data.data + at, n, p->error)) return false;
    }
    return bytes_append_byte(p->out, 0, p->error);
}

/* next[code][index]: the code of a string with one more index behind it, 0 for none. */
static bool compress(struct packer *p, const uint8_t *index, size_t n, int depth, uint16_t (*next)[COLOURS_MOST])
{
    int clear = 1 << depth, top = clear + 2, width = depth + 1, code = index[0];
    if (!put(p, clear, width)) return false;
    memset(next, 0, CODES_MOST * sizeof *next);
    for (size_t i = 1; i < n; i++) {
        if (next[code][index[i]] != 0) { code = next[code][index[i]]; continue; }
        if (!put(p, code, width)) return false;
        if (top < CODES_MOST) {
            next[code][index[i]] = (uint16_t)top;
            if (top == 1 << width) width++;
            top++;
        } else {
            if (!put(p, clear, width)) return false;
            memset(next, 0, CODES_MOST * sizeof *next);
            top = clear + 2, width = depth + 1;
        }
        code = index[i];
    }
    if (!put(p, code, width)) return false;
    if (top == 1 << width && width < 12) width++;              /* the reader's table has grown by the last code */
    return put(p, clear + 1, width);
}

/* ---- the file ---- */

static bool write_frame(const struct sprite *s, struct colour_list *c, int depth, int duration, uint16_t (*next)[COLOURS_MOST], struct bytes *out, struct error *error)
{
    size_t n = (size_t)s->width * (size_t)s->height;
    struct packer p = {.out = out, .error = error};
    uint8_t *index = mem_alloc(n, 1, error);
    bool ok = index != NULL;
    for (size_t i = 0; ok && i < n; i++) index[i] = (uint8_t)index_of(c, s->rgba + 4 * i);
    ok = ok && bytes_append(out, "\x21\xf9\x04\x09", 4, error) && le16(out, (duration + 5) / 10, error) && bytes_append(out, "\0\0\x2c\0\0\0\0", 7, error) &&
         le16(out, s->width, error) && le16(out, s->height, error) && bytes_append_byte(out, 0, error) && bytes_append_byte(out, (unsigned)depth, error) &&
         compress(&p, index, n, depth, next) && put_blocks(&p);
    bytes_free(&p.data);
    mem_free(index);
    return ok;
}

static bool put_colours(struct bytes *out, const struct colour_list *c, int n, struct error *error)
{
    for (int i = 0; i < n; i++)
        if (!bytes_append(out, c->rgba[i], 3, error)) return false;
    return true;
}

bool gif_write(const struct sprite *frames, int n, int duration, struct bytes *out, struct error *error)
{
    struct colour_list c = {.n = 1};
    int depth = 2;
    for (int f = 0; f < n; f++) {
        if (frames[f].width != frames[0].width || frames[f].height != frames[0].height || frames[f].width > 65535 || frames[f].height > 65535)
            return error_set(error, ERROR_INPUT, "GIF: frame %d is %d x %d; one size is wanted", f, frames[f].width, frames[f].height);
        for (int i = 0; i < frames[f].width * frames[f].height; i++)
            if (index_of(&c, frames[f].rgba + 4 * (size_t)i) < 0) return error_set(error, ERROR_INPUT, "GIF: more than %d colours", GIF_COLOURS_MOST);
    }
    while (1 << depth < c.n) depth++;
    uint16_t (*next)[COLOURS_MOST] = mem_alloc(CODES_MOST, sizeof *next, error);
    bool ok = next != NULL && bytes_append_text(out, "GIF89a", error) && le16(out, frames[0].width, error) && le16(out, frames[0].height, error) &&
              bytes_append_byte(out, 0x80u | (unsigned)(depth - 1) << 4 | (unsigned)(depth - 1), error) && le16(out, 0, error) && put_colours(out, &c, 1 << depth, error) &&
              bytes_append(out, "\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0", 19, error);
    for (int f = 0; ok && f < n; f++) ok = write_frame(&frames[f], &c, depth, duration, next, out, error);
    mem_free(next);
    return ok && bytes_append_byte(out, 0x3b, error);
}
