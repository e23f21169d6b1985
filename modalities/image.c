/* Pictures: PNG files in, image codes, PNG files out. */
#include "core/file.h"
#include "modalities/image.h"
#include "outputs/png.h"

#include <string.h>

static bool read(const void *data, size_t n, struct piece *out, struct error *error)
{
    struct sprite whole = {0};
    bool ok = png_read_sprite(data, n, &whole, &out->recipe, error) && sprite_fit(&whole, &out->sprite, error);
    sprite_free(&whole);
    return ok;
}

static bool encode(const struct vocabulary *v, const struct piece *piece, struct ids *out, struct bytes *lost, struct error *error)
{
    struct codes_loss loss;
    size_t start = out->n;
    if (!codes_encode(v->codes, &piece->sprite, out, lost == NULL ? NULL : &loss, error)) return false;
    for (size_t i = start; i < out->n; i++) out->id[i] += v->image_first;
    if (lost == NULL) return true;
    if (loss.exact) return bytes_printf(lost, error, "%zu codes, %d colours; nothing lost", out->n - start, loss.colours_in);
    return bytes_printf(lost, error, "%zu codes; %.1f dB, %d of %d colours kept, alpha wrong in %d pixels", out->n - start, loss.psnr, loss.colours_kept, loss.colours_in, loss.wrong_alpha);
}

static bool decode(const struct vocabulary *v, const int32_t *ids, size_t n, struct piece *out, struct error *error)
{
    out->kind = MODALITY_IMAGE;
    return image_decode(v, ids, n, &(struct image_finish){0}, &out->sprite, error);
}

static bool write(const struct piece *piece, const char *extension, const struct modality_write *how, struct bytes *out, struct error *error)
{
    struct sprite scaled = {0};
    (void)extension;
    bool ok = sprite_scale(&piece->sprite, how->scale, &scaled, error) &&
              png_write_sprite(&scaled, piece->recipe.n > 0 ? bytes_text(&piece->recipe) : NULL, how->parameters, out, error);
    sprite_free(&scaled);
    return ok;
}

static void start_payload(struct modality_state *state)
{
    codes_grammar_start(&state->codes, state->wishes);
    for (size_t i = 0; state->before != NULL && i < state->before->n; i++) (void)codes_grammar_advance(state->vocabulary->codes, &state->codes, state->before->id[i]);
}

static void allowed(const struct modality_state *state, uint8_t *mask)
{
    bool may_end;
    codes_grammar_allowed(state->vocabulary->codes, &state->codes, mask + state->vocabulary->image_first, &may_end);
    mask[SPECIAL_EOS] = may_end;
}

static void taken(struct modality_state *state, int32_t id)
{
    (void)codes_grammar_advance(state->vocabulary->codes, &state->codes, id - state->vocabulary->image_first);
}

/* A sprite has a pattern for each place; there is no shorter way to its end. */
static int closing(const struct modality_state *state, int32_t *ids, int most)
{
    (void)state, (void)ids, (void)most;
    return 0;
}

const struct modality modality_image = {.name = "image", .extensions = ".png ", .start = SPECIAL_IMAGE, .file_limit = FILE_LIMIT_PNG, .read = read,
    .encode = encode, .decode = decode, .write = write, .start_payload = start_payload, .allowed = allowed, .taken = taken, .closing = closing};
