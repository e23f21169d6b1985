/* Data sets: making pieces of items, and drawing them in their forms; see dataset.h.
 *
 * Items are encoded side by side on the pool's threads, each into its own list, and put together in their order. */
#include "core/mem.h"
#include "core/random.h"
#include "modalities/augment.h"
#include "modalities/dataset.h"
#include "modalities/draw_image.h"
#include "modalities/draw_music.h"

#include <stdio.h>
#include <string.h>

/* Shares of the forms in training. */
static const double SHARE_TITLE = 0.5, SHARE_FILL = 0.2;
enum { MIDDLE_MOST = 64 };

struct made { struct dataset_piece *pieces; size_t n, room; uint64_t notes; struct error error; };
struct job { struct dataset *d; const struct dataset_item **items; struct made *made; int most; };

static struct dataset_piece *add_piece(struct made *m, enum item_kind kind, struct error *error)
{
    if (m->n == m->room) {
        size_t more = m->room == 0 ? 1 : m->room * 2;
        struct dataset_piece *pieces = mem_resize(m->pieces, more, sizeof *pieces, error);
        if (pieces == NULL) return NULL;
        m->pieces = pieces;
        m->room = more;
    }
    m->pieces[m->n] = (struct dataset_piece){.kind = kind, .opens = true, .closes = true};
    return &m->pieces[m->n++];
}

/* ---- texts: cut at the last paragraph, line or sentence end that fits ---- */

/* Where to cut n ids from `at`: behind the last token that ends in a line break in the second half, else at the limit. */
static size_t text_cut(const struct vocabulary *v, const struct ids *all, size_t at, size_t most)
{
    if (all->n - at <= most) return all->n;
    for (size_t i = at + most; i > at + most / 2; i--) {
        size_t n;
        const uint8_t *p = bpe_token(v->bpe, all->id[i - 1], &n);
        if (p != NULL && n > 0 && p[n - 1] == '\n') return i;
    }
    return at + most;
}

static bool make_text(const struct job *job, const struct piece *piece, struct made *m, struct error *error)
{
    struct ids all = {0};
    const struct vocabulary *v = job->d->vocabulary;
    bool ok = modality_text.encode(v, piece, &all, NULL, error);
    for (size_t at = 0; ok && at < all.n;) {
        size_t end = text_cut(v, &all, at, (size_t)job->most);
        struct dataset_piece *p = add_piece(m, ITEM_TEXT, error);
        ok = p != NULL && ids_append_many(&p->payload, all.id + at, end - at, error);
        if (ok) p->opens = at == 0, p->closes = end == all.n;
        at = end;
    }
    ids_free(&all);
    return ok;
}

/* ---- tunes: cut at bar lines ---- */

struct splitting { struct made *made; int32_t first; };

static bool take_excerpt(void *context, const int32_t *ids, size_t n, int first_bar, int bars, struct error *error)
{
    struct splitting *s = context;
    (void)first_bar, (void)bars;
    struct dataset_piece *p = add_piece(s->made, ITEM_MUSIC, error);
    if (p == NULL || !ids_append_many(&p->payload, ids, n, error)) return false;
    for (size_t i = 0; i < n; i++) p->payload.id[i] += s->first;
    return true;
}

static bool make_music(const struct job *job, const struct piece *piece, struct made *m, struct error *error)
{
    struct ids local = {0};
    struct splitting s = {m, job->d->vocabulary->music_first};
    bool ok = music_encode(&piece->score, &local, NULL, error) && music_split(local.id, local.n, (size_t)job->most, take_excerpt, &s, NULL, error);
    m->notes = piece->score.notes;
    ids_free(&local);
    return ok;
}

/* ---- sprites: as they are, mirrored, and with other hues ---- */

/* The same picture with its hues turned, where its captions can be kept true. The angle comes from the pixels. */
static bool make_turned(const struct job *job, const struct dataset_item *item, const struct piece *piece, struct dataset_piece *p, struct error *error)
{
    const struct vocabulary *v = job->d->vocabulary;
    struct piece turned = {.kind = MODALITY_IMAGE};
    struct bytes words[DATASET_CAPTIONS] = {{0}};
    uint64_t sum = 0;
    bool may = false;
    for (int i = 0; i < SPRITE_PIXELS * 4; i++) sum = sum * 31 + piece->sprite.rgba[i];
    bool ok = augment_hue(&piece->sprite, (int)random_below(sum, 0, 0, 8) * 40 + 40, item->caption, item->captions, &turned.sprite, words, &may, error);
    if (ok && may) {
        ok = modality_image.encode(v, &turned, &p->turned, NULL, error);
        for (int i = 0; ok && i < item->captions; i++) ok = form_words(v, bytes_text(&words[i]), &p->turned_caption[i], error);
    }
    for (int i = 0; i < DATASET_CAPTIONS; i++) bytes_free(&words[i]);
    piece_free(&turned);
    return ok;
}

static bool make_image(const struct job *job, const struct dataset_item *item, struct piece *piece, struct made *m, struct error *error)
{
    const struct vocabulary *v = job->d->vocabulary;
    struct dataset_piece *p = add_piece(m, ITEM_IMAGE, error);
    if (p == NULL || !modality_image.encode(v, piece, &p->payload, NULL, error) || !make_turned(job, item, piece, p, error)) return false;
    sprite_flip(&piece->sprite);
    p->may_mirror = true;
    return modality_image.encode(v, piece, &p->mirrored, NULL, error);
}

static bool make_idea(const struct job *job, const struct dataset_item *item, struct made *m, struct error *error)
{
    const struct vocabulary *v = job->d->vocabulary;
    static const int32_t starts[] = {SPECIAL_IDEA, SPECIAL_TEXT, SPECIAL_MUSIC, SPECIAL_IMAGE};
    struct dataset_piece *p = add_piece(m, ITEM_IDEA, error);
    bool ok = p != NULL;
    for (int i = 0; ok && i < DATASET_CAPTIONS; i++) ok = ids_append(&p->payload, starts[i], error) && form_words(v, item->caption[i], &p->payload, error);
    return ok;
}

/* ---- captions ---- */

static bool mirror_caption(const struct vocabulary *v, const char *caption, struct dataset_piece *p, int i, struct error *error)
{
    struct bytes words = {0};
    bool may, ok = augment_mirror(caption, &words, &may, error) && form_words(v, bytes_text(&words), &p->mirrored_caption[i], error);
    p->may_mirror = p->may_mirror && may;
    bytes_free(&words);
    return ok;
}

static void move_list(struct ids *to, struct ids *from)
{
    if (to == from) return;
    *to = *from;
    *from = (struct ids){0};
}

static bool make_captions(const struct vocabulary *v, const struct dataset_item *item, struct dataset_piece *p, bool excerpt, struct error *error)
{
    for (int i = 0; i < item->captions; i++) {
        struct ids words = {0};
        if (excerpt && strstr(item->caption[i], "-bar") != NULL) continue;       /* counts the bars of the whole tune */
        if (!form_words(v, item->caption[i], &words, error)) { ids_free(&words); return false; }
        if (p->kind == ITEM_IMAGE && !mirror_caption(v, item->caption[i], p, i, error)) { ids_free(&words); return false; }
        if (words.n > DATASET_CAPTION_IDS) ids_free(&words), ids_free(&p->mirrored_caption[i]), ids_free(&p->turned_caption[i]);
        else p->caption[i] = words;
    }
    p->whole = !excerpt;
    for (int i = 0; i < item->captions; i++) {                 /* close the ranks */
        if (p->caption[i].n == 0) continue;
        p->regular = item->regular && i == item->captions - 1;
        p->words[p->captions] = item->caption[i];
        move_list(&p->caption[p->captions], &p->caption[i]), move_list(&p->mirrored_caption[p->captions], &p->mirrored_caption[i]), move_list(&p->turned_caption[p->captions], &p->turned_caption[i]);
        p->captions++;
    }
    return true;
}

/* ---- one item ---- */

static void make(void *context, int index, int worker)
{
    const struct job *job = context;
    const struct dataset_item *item = job->items[index];
    struct made *m = &job->made[index];
    struct piece piece = {0};
    struct error *error = &m->error;
    (void)worker;
    bool ok = item->kind == ITEM_IDEA ? make_idea(job, item, m, error) : modality_read_file(item->path, &piece, error);
    if (ok && item->kind == ITEM_TEXT) ok = make_text(job, &piece, m, error);
    if (ok && item->kind == ITEM_MUSIC) ok = make_music(job, &piece, m, error);
    if (ok && item->kind == ITEM_IMAGE) ok = make_image(job, item, &piece, m, error);
    if (!ok && item->path != NULL && strstr(error->text, item->path) == NULL) error_prefix(error, "%s", item->path);
    for (size_t i = 0; ok && i < m->n && item->kind != ITEM_IDEA && job->d->vocabulary->joint; i++)
        ok = make_captions(job->d->vocabulary, item, &m->pieces[i], m->n > 1, error);
    piece_free(&piece);
}

static void count(struct dataset *d, enum split split, const struct dataset_piece *p)
{
    if (p->kind == ITEM_IMAGE) d->pixels[split] += p->payload.id[0] == d->vocabulary->image_first ? SPRITE_PIXELS : SPRITE_PIXELS / 4;
    if (p->kind != ITEM_TEXT) return;
    for (size_t i = 0; i < p->payload.n; i++) {
        size_t n = 0;
        (void)bpe_token(d->vocabulary->bpe, p->payload.id[i], &n);
        d->bytes[split] += n;
    }
}

static void gather(struct dataset *d, const struct job *job, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct made *m = &job->made[i];
        enum split split = job->items[i]->split;
        if (m->error.kind != ERROR_NONE && d->refused++ == 0) snprintf(d->first_refusal, sizeof d->first_refusal, "%.299s", m->error.text);
        for (size_t k = 0; k < m->n; k++) {
            if (m->error.kind != ERROR_NONE) {
                dataset_piece_free(&m->pieces[k]);
                continue;
            }
            d->pieces[split][d->pieces_n[split]++] = m->pieces[k];
            count(d, split, &m->pieces[k]);
        }
        if (m->error.kind == ERROR_NONE) d->notes[split] += m->notes;
        mem_free(m->pieces);
    }
}

/* One long text has no items to hold out: every twentieth of its pieces becomes validation, the one before it test. */
static void hold_out(struct dataset *d, struct dataset_piece *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum split to = i % 20 == 19 ? SPLIT_VALID : i % 20 == 9 ? SPLIT_TEST : SPLIT_TRAIN;
        d->pieces[to][d->pieces_n[to]++] = all[i];
    }
}

static bool share_out(struct dataset *d, struct error *error)
{
    size_t n = d->pieces_n[SPLIT_TRAIN];
    if (d->n != 1 || n < 20 || d->items[0].kind != ITEM_TEXT) return true;
    struct dataset_piece *all = mem_alloc(n, sizeof *all, error);
    if (all == NULL) return false;
    memcpy(all, d->pieces[SPLIT_TRAIN], n * sizeof *all);
    for (int s = 0; s < SPLITS; s++) {
        struct dataset_piece *room = mem_resize(d->pieces[s], n, sizeof *room, error);
        if (room == NULL) { mem_free(all); return false; }
        d->pieces[s] = room, d->pieces_n[s] = 0;
    }
    hold_out(d, all, n);
    mem_free(all);
    return true;
}

static bool run(struct dataset *d, struct job *job, size_t n, struct threads *pool, struct error *error)
{
    size_t total[SPLITS] = {0};
    threads_run(pool, (int)n, make, job);
    for (size_t i = 0; i < n; i++) {
        total[job->items[i]->split] += job->made[i].n;
        if (job->made[i].error.kind == ERROR_MEMORY) { *error = job->made[i].error; return false; }
    }
    for (int s = 0; s < SPLITS; s++)
        if ((d->pieces[s] = mem_alloc(total[s], sizeof **d->pieces, error)) == NULL) return false;
    gather(d, job, n);
    if (n > 0 && d->refused == n) return error_set(error, ERROR_INPUT, "%s: none of its %zu files can be used; the first: %s", d->path, n, d->first_refusal);
    return share_out(d, error);
}

bool dataset_suits(const struct dataset *d, const struct vocabulary *v, struct error *error)
{
    static const char *const names[] = {[ITEM_TEXT] = "texts", [ITEM_MUSIC] = "music", [ITEM_IMAGE] = "pictures", [ITEM_IDEA] = "ideas"};
    for (size_t i = 0; !v->joint && i < d->n; i++)
        if (d->items[i].kind != ITEM_TEXT) return error_set(error, ERROR_INPUT, "%s: holds %s; this model knows text only, .txt files are wanted", d->path, names[d->items[i].kind]);
    return true;
}

bool dataset_encode(struct dataset *d, const struct vocabulary *v, int T, const bool wanted[SPLITS], struct threads *pool, struct error *error)
{
    struct job job = {.d = d, .most = v->joint ? form_payload_most(T) : T > 2 ? T - 1 : 1};
    size_t n = 0;
    if (!dataset_suits(d, v, error)) return false;
    d->vocabulary = v;
    d->payload_most = job.most;
    job.items = mem_alloc(d->n, sizeof *job.items, error);
    for (size_t i = 0; job.items != NULL && i < d->n; i++)
        if (wanted[d->items[i].split] || d->n == 1) job.items[n++] = &d->items[i];
    job.made = mem_alloc(n, sizeof *job.made, error);
    bool ok = job.items != NULL && job.made != NULL && run(d, &job, n, pool, error);
    mem_free(job.items);
    mem_free(job.made);
    return ok;
}

/* ---- forms ---- */

static bool forward(const struct dataset_piece *p, const struct ids *caption, const struct ids *payload, struct ids *out, struct error *error)
{
    bool ok = ids_append(out, SPECIAL_BOS, error);
    if (ok && caption != NULL) ok = ids_append(out, SPECIAL_CAPTION, error) && ids_append_many(out, caption->id, caption->n, error);
    if (ok && p->kind != ITEM_IDEA) ok = ids_append(out, (int32_t)modality_of((enum modality_kind)p->kind)->start, error);
    return ok && ids_append_many(out, payload->id, payload->n, error) && (!p->closes || ids_append(out, SPECIAL_EOS, error));
}

/* A text model's form: the text between the ids that its training had there. */
static bool bare(const struct vocabulary *v, const struct dataset_piece *p, struct ids *out, struct error *error)
{
    return (!p->opens || v->begin < 0 || ids_append(out, v->begin, error)) && ids_append_many(out, p->payload.id, p->payload.n, error) &&
           (!p->closes || v->end < 0 || ids_append(out, v->end, error));
}

bool dataset_plain(const struct dataset *d, enum split split, size_t index, struct ids *out, struct error *error)
{
    const struct dataset_piece *p = &d->pieces[split][index];
    if (!d->vocabulary->joint) return bare(d->vocabulary, p, out, error);
    return forward(p, p->opens && p->captions > 0 ? &p->caption[0] : NULL, &p->payload, out, error);
}

/* True when the payload may be cut before id i: no character is split. */
static bool may_cut(const struct dataset *d, const struct ids *payload, size_t i)
{
    size_t n = 0;
    const uint8_t *p = i < payload->n ? bpe_token(d->vocabulary->bpe, payload->id[i], &n) : NULL;
    return p == NULL || n == 0 || (p[0] & 0xc0) != 0x80;
}

/* A text with a hole of 1 to MIDDLE_MOST ids, at most half of it, somewhere; false when it is too short or a character would be split. */
static bool choose_hole(const struct dataset *d, const struct ids *payload, uint64_t draw, size_t *from, size_t *to)
{
    size_t half = payload->n / 2, most = half < MIDDLE_MOST ? half : MIDDLE_MOST;
    if (most < 4) return false;
    size_t n = 1 + (size_t)random_below(d->seed, draw, 5, most);
    *from = (size_t)random_below(d->seed, draw, 6, payload->n - n + 1);
    *to = *from + n;
    return may_cut(d, payload, *from) && may_cut(d, payload, *to);
}

static bool with_hole(const struct dataset *d, const struct ids *payload, size_t from, size_t to, struct ids *out, struct error *error)
{
    return form_fill(d->vocabulary, payload->id, from, payload->id + to, payload->n - to, out, error) &&
           ids_append_many(out, payload->id + from, to - from, error) && ids_append(out, SPECIAL_EOS, error);
}

/* A training piece: draws number `draw` decide its caption, form and changes. */
static bool draw_piece(const struct dataset *d, const struct dataset_piece *p, uint64_t draw, struct ids *out, struct error *error)
{
    if (p->kind == ITEM_IMAGE) return draw_image(d, p, draw, out, error);
    if (p->kind == ITEM_MUSIC) return draw_music(d, p, draw, out, error);
    if (p->kind == ITEM_IDEA) return forward(p, NULL, &p->payload, out, error);
    const struct ids *caption = p->captions > 0 ? &p->caption[random_below(d->seed, draw, 1, (uint64_t)p->captions)] : NULL;
    size_t from, to;
    if (!d->as_is && random_unit(d->seed, draw, 4) < SHARE_FILL && choose_hole(d, &p->payload, draw, &from, &to)) return with_hole(d, &p->payload, from, to, out, error);
    return forward(p, p->opens && random_unit(d->seed, draw, 0) < SHARE_TITLE ? caption : NULL, &p->payload, out, error);
}

static bool source_piece(void *context, bool valid, size_t index, uint64_t draw, struct ids *out, struct error *error)
{
    const struct dataset *d = context;
    if (valid || !d->vocabulary->joint) return dataset_plain(d, valid ? SPLIT_VALID : SPLIT_TRAIN, index, out, error);
    return draw_piece(d, &d->pieces[SPLIT_TRAIN][index], draw, out, error);
}

struct stream_source dataset_source(struct dataset *d)
{
    return (struct stream_source){.name = d->name, .weight = d->weight, .n_train = d->pieces_n[SPLIT_TRAIN], .n_valid = d->pieces_n[SPLIT_VALID],
                                  .piece = source_piece, .context = d};
}
