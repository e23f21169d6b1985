/* Text: UTF-8 files, byte-level BPE. A recipe is the last line of a file that we wrote: "triptych {…}"; reading takes it off
 * again. The grammar keeps sampled text whole: a token may only continue with bytes that make
 * well-formed UTF-8, so that the end never falls inside a character. */
#include "core/file.h"
#include "modalities/modality.h"

#include <string.h>

static const char RECIPE[] = "triptych {";

/* Take a recipe line off the end of the text. */
static bool take_recipe(struct piece *piece, struct error *error)
{
    struct bytes *text = &piece->text;
    size_t end = text->n;
    if (end > 0 && text->data[end - 1] == '\n') end--;
    size_t line = end;
    while (line > 0 && text->data[line - 1] != '\n') line--;
    if (end - line < sizeof RECIPE || memcmp(text->data + line, RECIPE, sizeof RECIPE - 1) != 0 || text->data[end - 1] != '}') return true;
    if (!bytes_append(&piece->recipe, text->data + line + sizeof RECIPE - 2, end - line - (sizeof RECIPE - 2), error)) return false;
    while (line > 0 && text->data[line - 1] == '\n') line--;
    text->n = line;
    return bytes_append_byte(text, '\n', error);
}

static bool read(const void *data, size_t n, struct piece *out, struct error *error)
{
    size_t valid;
    if (n == 0) return error_set(error, ERROR_INPUT, "text: the file is empty; words are wanted");
    if (!utf8_valid(data, n, &valid)) return error_set(error, ERROR_INPUT, "text: byte %zu is not UTF-8", valid);
    if (memchr(data, 0, n) != NULL) return error_set(error, ERROR_INPUT, "text: holds a NUL byte; plain text is wanted");
    const char *text = data;
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, n -= 3;      /* byte-order mark */
    for (size_t i = 0; i < n; i++) {                                           /* CR LF and CR become LF */
        if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n') continue;
        if (!bytes_append_byte(&out->text, text[i] == '\r' ? '\n' : (unsigned char)text[i], error)) return false;
    }
    return take_recipe(out, error);
}

static bool encode(const struct vocabulary *v, const struct piece *piece, struct ids *out, struct bytes *lost, struct error *error)
{
    size_t before = out->n;
    if (!bpe_encode(v->bpe, piece->text.data, piece->text.n, false, out, error)) return false;
    return lost == NULL || bytes_printf(lost, error, "%zu bytes in %zu tokens; nothing lost", piece->text.n, out->n - before);
}

static bool decode(const struct vocabulary *v, const int32_t *ids, size_t n, struct piece *out, struct error *error)
{
    out->kind = MODALITY_TEXT;
    return bpe_decode(v->bpe, ids, n, true, &out->text, error);
}

static bool write(const struct piece *piece, const char *extension, const struct modality_write *how, struct bytes *out, struct error *error)
{
    (void)extension, (void)how;
    if (!bytes_append(out, piece->text.data, piece->text.n, error)) return false;
    if ((out->n == 0 || out->data[out->n - 1] != '\n') && !bytes_append_byte(out, '\n', error)) return false;
    return piece->recipe.n == 0 || bytes_printf(out, error, "\ntriptych %s\n", bytes_text(&piece->recipe));
}

static void start_payload(struct modality_state *state) { state->utf8_left = 0; }

/* Bytes of a token read on from `state`; -1 when they break UTF-8. The low two bits of a state count the continuation bytes
 * still wanted, the bits above say which range the next of them must keep (Unicode 15, table 3-7). */
static int follow(int state, const uint8_t *p, size_t n)
{
    static const uint8_t ranges[5][2] = {{0x80, 0xbf}, {0xa0, 0xbf}, {0x80, 0x9f}, {0x90, 0xbf}, {0x80, 0x8f}};
    for (size_t i = 0; i < n; i++) {
        if ((state & 3) > 0) {
            if (p[i] < ranges[state >> 2][0] || p[i] > ranges[state >> 2][1]) return -1;
            state = (state & 3) - 1;
        } else if (p[i] >= 0x80) {
            if (p[i] < 0xc2 || p[i] > 0xf4) return -1;
            int range = p[i] == 0xe0 ? 1 : p[i] == 0xed ? 2 : p[i] == 0xf0 ? 3 : p[i] == 0xf4 ? 4 : 0;
            state = (p[i] < 0xe0 ? 1 : p[i] < 0xf0 ? 2 : 3) | range << 2;
        }
    }
    return state;
}

static void allowed(const struct modality_state *state, uint8_t *mask)
{
    const struct vocabulary *v = state->vocabulary;
    for (int32_t id = v->joint ? SPECIALS : 0; id < bpe_size(v->bpe); id++) {
        size_t n;
        const uint8_t *p = bpe_token(v->bpe, id, &n);
        mask[id] = p != NULL && n > 0 && !bpe_is_special(v->bpe, id) && follow(state->utf8_left, p, n) >= 0;
    }
    if (v->joint && state->utf8_left == 0) mask[SPECIAL_EOS] = 1;
}

static void taken(struct modality_state *state, int32_t id)
{
    size_t n;
    const uint8_t *p = bpe_token(state->vocabulary->bpe, id, &n);
    int left = p == NULL ? 0 : follow(state->utf8_left, p, n);
    state->utf8_left = left > 0 ? (uint8_t)left : 0;
}

static int closing(const struct modality_state *state, int32_t *ids, int most)
{
    int n = 0, at = state->utf8_left;
    for (int32_t id = 0; at > 0 && n < most && id < bpe_size(state->vocabulary->bpe); id++) {
        size_t length;
        const uint8_t *p = bpe_token(state->vocabulary->bpe, id, &length);
        if (p == NULL || length != 1 || follow(at, p, 1) < 0) continue;
        at = follow(at, p, 1);
        ids[n++] = id;
        id = -1;                                              /* from the start again for the next byte */
    }
    return n;
}

const struct modality modality_text = {.name = "text", .extensions = ".txt .md .text ", .start = SPECIAL_TEXT, .file_limit = FILE_LIMIT_TEXT, .read = read,
    .encode = encode, .decode = decode, .write = write, .start_payload = start_payload, .allowed = allowed, .taken = taken, .closing = closing};
