/* The convolutional codes in the place of the palette-first ones: their ids, grammar and file; see codes.h and vq.h.
 *
 *   local ids:  size 32, size 16 | codes (K)          sprite = size  code{256}
 *
 * What wishes ask beyond a size needs palettes: codes_wishes_check refuses it. There are no holes. */
#include "core/mem.h"
#include "core/safetensors.h"
#include "tokenizers/codes_inside.h"
#include "tokenizers/vq_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char CODEC[] = "convolutional 2x2";

bool codes_vq_is(const char *codec) { return codec != NULL && strcmp(codec, CODEC) == 0; }

int codes_vq_vocabulary(const struct vq *vq) { return CODES_SIZES + vq->K; }

bool codes_vq_wrap(struct vq *vq, struct codes **out, struct error *error)
{
    struct codes *c = mem_alloc(1, sizeof *c, error);
    struct vq *own = mem_alloc(1, sizeof *own, error);
    *out = c;
    if (c == NULL || own == NULL) {
        mem_free(c), mem_free(own), vq_free(vq);
        *out = NULL;
        return false;
    }
    *own = *vq, c->vq = own;
    return true;
}

/* ---- the file: both networks tensor by tensor, the codes, the colours ---- */

enum { NET_TENSORS = 2 * (2 + 2 * 16), NAME_ROOM = 40 };

struct listing { struct tensor tensor[2 * NET_TENSORS + 2]; char name[2 * NET_TENSORS][NAME_ROOM]; size_t n; };

static void list_net(struct listing *l, const struct conv *net, const char *which, const float *weights)
{
    for (int i = 0; i < conv_tensors(net); i++, l->n++) {
        struct conv_tensor t = conv_tensor(net, i);
        size_t count = (size_t)t.rows * (size_t)(t.cols > 0 ? t.cols : 1);
        snprintf(l->name[l->n], NAME_ROOM, "%s.%s", which, t.name);
        l->tensor[l->n] = (struct tensor){.name = l->name[l->n], .type = TENSOR_F32, .rank = t.cols > 0 ? 2 : 1, .shape = {t.rows, t.cols}, .data = weights + t.at, .bytes = count * sizeof *weights};
    }
}

bool codes_vq_save(const struct vq *vq, const char *path, struct error *error)
{
    struct listing *l = mem_alloc(1, sizeof *l, error);
    char channels[16], blocks[16];
    if (l == NULL) return false;
    snprintf(channels, sizeof channels, "%d", vq->net.channels), snprintf(blocks, sizeof blocks, "%d", vq->net.blocks);
    list_net(l, &vq->net, "encoder", vq->encoder), list_net(l, &vq->net, "decoder", vq->decoder);
    l->tensor[l->n++] = (struct tensor){.name = "codes", .type = TENSOR_F32, .rank = 2, .shape = {vq->K, VQ_PATCH}, .data = vq->code, .bytes = (size_t)vq->K * VQ_PATCH * sizeof(float)};
    l->tensor[l->n++] = (struct tensor){.name = "colours", .type = TENSOR_U8, .rank = 2, .shape = {vq->K, 4}, .data = vq->colour, .bytes = (size_t)vq->K * 4};
    const char *metadata[] = {"codec", CODEC, "version", "2", "channels", channels, "blocks", blocks, NULL};
    bool ok = safetensors_write(path, l->tensor, l->n, metadata, error);
    mem_free(l);
    return ok;
}

static bool read_net(const struct safetensors *file, const struct conv *net, const char *which, float *weights, struct error *error)
{
    char name[NAME_ROOM];
    for (int i = 0; i < conv_tensors(net); i++) {
        struct conv_tensor t = conv_tensor(net, i);
        snprintf(name, sizeof name, "%s.%s", which, t.name);
        const struct tensor *found = safetensors_need(file, name, t.cols > 0 ? 2 : 1, (int64_t[]){t.rows, t.cols}, error);
        if (found == NULL || !tensor_floats(found, weights + t.at, error)) return false;
    }
    return true;
}

static int number_of(const struct safetensors *file, const char *key)
{
    const char *text = safetensors_metadata(file, key);
    return text == NULL ? -1 : (int)strtol(text, NULL, 10);
}

bool codes_vq_read(const struct safetensors *file, struct codes **out, struct error *error)
{
    struct conv net = {VQ_PATCH, number_of(file, "channels"), number_of(file, "blocks"), VQ_PATCH};
    struct vq vq = {0};
    const struct tensor *codes = safetensors_need(file, "codes", 2, (int64_t[]){-1, VQ_PATCH}, error);
    if (codes == NULL) return false;
    int64_t K = codes->shape[0];
    if (K < 16 || K > 4096 || net.channels < 1 || net.channels > 512 || net.blocks < 0 || net.blocks > 16)
        return error_set(error, ERROR_INPUT, "image codes: %lld codes, %d channels, %d blocks; 16 to 4096, 1 to 512, 0 to 16 are wanted", (long long)K, net.channels, net.blocks);
    const struct tensor *colours = safetensors_need(file, "colours", 2, (int64_t[]){K, 4}, error);
    if (colours == NULL || !vq_init(&vq, (int)K, net, error)) return false;
    bool ok = (colours->type == TENSOR_U8 || error_set(error, ERROR_INPUT, "image codes: colours of dtype U8 are wanted")) &&
              read_net(file, &net, "encoder", vq.encoder, error) && read_net(file, &net, "decoder", vq.decoder, error) && tensor_floats(codes, vq.code, error);
    if (!ok) {
        vq_free(&vq);
        return false;
    }
    for (int64_t k = 0; k < K; k++)                            /* hard alpha, whatever the file says */
        if (((const uint8_t *)colours->data)[4 * k + 3] >= 128) memcpy(vq.colour[k], (const uint8_t *)colours->data + 4 * k, 3), vq.colour[k][3] = 255;
    return codes_vq_wrap(&vq, out, error);
}

/* ---- the grammar ---- */

void codes_vq_allowed(const struct vq *vq, const struct codes_grammar *g, uint8_t *allowed)
{
    if (g->state == CODES_AT_SIZE) {
        allowed[0] = g->wishes == NULL || g->wishes->size != 16;
        allowed[1] = g->wishes == NULL || g->wishes->size != 32;
    } else if (g->state == CODES_AT_PLACES) memset(allowed + CODES_SIZES, 1, (size_t)vq->K);
}

bool codes_vq_advance(const struct vq *vq, struct codes_grammar *g, int32_t id)
{
    if (g->state == CODES_AT_SIZE && id < CODES_SIZES) {
        g->doubled = id == 1;
        g->state = CODES_AT_PLACES;
        return true;
    }
    if (g->state != CODES_AT_PLACES || id < CODES_SIZES || id >= CODES_SIZES + vq->K) return false;
    g->pattern[g->place++] = (int16_t)(id - CODES_SIZES);
    if (g->place == VQ_CODES) g->state = CODES_AT_END;
    return true;
}

/* ---- sprites ---- */

bool codes_vq_paint(const struct vq *vq, const struct codes_grammar *g, struct sprite *out, struct error *error)
{
    int32_t codes[VQ_CODES];
    for (int i = 0; i < VQ_CODES; i++) codes[i] = g->pattern[i];
    return vq_decode(vq, codes, g->doubled, out, error);
}

bool codes_vq_encode(const struct vq *vq, const struct sprite *sprite, struct ids *out, struct error *error)
{
    int32_t codes[VQ_CODES];
    bool ok = vq_encode(vq, sprite, codes, error) && ids_append(out, sprite_is_doubled(sprite) ? 1 : 0, error);
    for (int i = 0; ok && i < VQ_CODES; i++) ok = ids_append(out, codes[i] + CODES_SIZES, error);
    return ok;
}
