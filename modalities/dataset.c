/* Data sets: listing items and their captions; see dataset.h. Pieces are made in dataset_pieces.c. */
#include "modalities/dataset.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MOST = 6 };

const char *split_name(enum split split)
{
    static const char *const names[SPLITS] = {"train", "valid", "test"};
    return names[split];
}

bool split_of(const char *name, enum split *out)
{
    for (int s = 0; s < SPLITS; s++)
        if (strcmp(name, split_name((enum split)s)) == 0) {
            *out = (enum split)s;
            return true;
        }
    return false;
}

/* 90 / 5 / 5 by a hash of the name (FNV-1a). */
static enum split split_by_hash(const char *name)
{
    uint64_t hash = 1469598103934665603u;
    for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    hash ^= hash >> 31;
    unsigned place = (unsigned)(hash % 100);
    return place < 90 ? SPLIT_TRAIN : place < 95 ? SPLIT_VALID : SPLIT_TEST;
}

static struct dataset_item *add_item(struct dataset *d, size_t *room, struct error *error)
{
    if (d->n == *room) {
        size_t more = *room == 0 ? 256 : *room * 2;
        struct dataset_item *items = mem_resize(d->items, more, sizeof *items, error);
        if (items == NULL) return NULL;
        d->items = items;
        *room = more;
    }
    d->items[d->n] = (struct dataset_item){0};
    return &d->items[d->n++];
}

static bool add_caption(struct dataset_item *item, const char *text, struct error *error)
{
    if (item->captions == DATASET_CAPTIONS || text[0] == '\0') return true;
    item->caption[item->captions] = mem_copy_string(text, error);
    return item->caption[item->captions] != NULL && ++item->captions;
}

/* "big-blue_flask.png" -> "big blue flask" */
static bool caption_from_name(struct dataset_item *item, struct error *error)
{
    char words[200];
    const char *base = file_base(item->path);
    size_t n = strlen(base) - strlen(file_extension(base));
    if (n >= sizeof words) n = sizeof words - 1;
    for (size_t i = 0; i < n; i++) words[i] = base[i] == '-' || base[i] == '_' ? ' ' : base[i];
    words[n] = '\0';
    return add_caption(item, words, error);
}

static bool set_path(struct dataset_item *item, const char *path, struct error *error)
{
    const struct modality *m = modality_of_path(path);
    item->kind = (enum item_kind)modality_kind_of(m);
    item->path = mem_copy_string(path, error);
    return item->path != NULL;
}

/* ---- metadata.jsonl and ideas ---- */

/* "brown weapon": a short caption that is alike for all pictures whose first colour and category were told. */
static bool add_regular(struct dataset_item *item, const cJSON *row, struct error *error)
{
    char words[120];
    const cJSON *category = json_member(row, "category"), *colour = cJSON_GetArrayItem(json_member(row, "colours"), 0);
    if (item->kind != ITEM_IMAGE || item->captions == 0 || item->captions == DATASET_CAPTIONS || !cJSON_IsString(category) || !cJSON_IsString(colour)) return true;
    snprintf(words, sizeof words, "%.50s %.60s", colour->valuestring, category->valuestring);
    item->regular = true;
    return add_caption(item, words, error);
}

static bool read_split(const cJSON *row, const char *name, enum split *out, bool *hashed, struct error *error)
{
    const cJSON *item = json_member(row, "split");
    *hashed = item == NULL;
    if (item == NULL) {
        *out = split_by_hash(name);
        return true;
    }
    if (cJSON_IsString(item) && split_of(item->valuestring, out)) return true;
    return error_set(error, ERROR_INPUT, "\"split\" is neither train, valid nor test");
}

static bool read_row(struct dataset *d, size_t *room, const cJSON *row, struct error *error)
{
    const char *name;
    char path[PATH_MAX];
    const cJSON *text = json_member(row, "text"), *alt;
    if (!json_string(row, "file_name", &name, error)) return false;
    if (strstr(name, "..") != NULL || name[0] == '/') return error_set(error, ERROR_INPUT, "\"file_name\" %.80s leaves the folder", name);
    if (modality_of_path(name) == NULL) return true;           /* a kind that we do not read */
    struct dataset_item *item = add_item(d, room, error);
    if (item == NULL || !file_join(path, sizeof path, d->path, name, error) || !set_path(item, path, error) || !read_split(row, name, &item->split, &item->hashed, error)) return false;
    if (!cJSON_IsString(text)) text = json_member(row, "title");
    if (cJSON_IsString(text) && !add_caption(item, text->valuestring, error)) return false;
    cJSON_ArrayForEach(alt, json_member(row, "alt"))
        if (cJSON_IsString(alt) && !add_caption(item, alt->valuestring, error)) return false;
    return add_regular(item, row, error) && (item->captions > 0 || caption_from_name(item, error));
}

static bool read_idea(struct dataset *d, size_t *room, const cJSON *row, struct error *error)
{
    static const char *const parts[DATASET_CAPTIONS] = {"idea", "text", "music", "picture"};
    struct dataset_item *item = add_item(d, room, error);
    if (item == NULL) return false;
    item->kind = ITEM_IDEA;
    for (int i = 0; i < DATASET_CAPTIONS; i++) {
        const char *text;
        if (!json_string(row, parts[i], &text, error)) return false;
        if (text[0] == '\0') return error_set(error, ERROR_INPUT, "\"%s\" is empty", parts[i]);
        if (!add_caption(item, text, error)) return false;
    }
    return read_split(row, item->caption[0], &item->split, &item->hashed, error);
}

static bool read_lines(struct dataset *d, size_t *room, const char *path, bool (*use)(struct dataset *, size_t *, const cJSON *, struct error *), struct error *error)
{
    struct bytes text = {0};
    bool ok = file_read(path, FILE_LIMIT_TEXT, &text, error);
    size_t at = 0;
    for (int number = 1; ok && at < text.n; number++) {
        const uint8_t *end = memchr(text.data + at, '\n', text.n - at);
        size_t n = (end == NULL ? text.n : (size_t)(end - text.data)) - at, from = at;
        at += n + 1;
        if (n == 0) continue;
        cJSON *row = json_parse(text.data + from, n, error);
        ok = (row != NULL && use(d, room, row, error)) || error_prefix(error, "%s: line %d", path, number);
        cJSON_Delete(row);
    }
    bytes_free(&text);
    return ok;
}

/* ---- folders without metadata ---- */

/* name.txt beside name.mid or name.png is a caption, not a text. */
static bool is_sidecar(const char *path)
{
    static const char *const kinds[] = {".png", ".mid", ".midi"};
    char other[PATH_MAX];
    size_t n = strlen(path) - strlen(file_extension(path));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (n + 6 >= sizeof other) return false;
        memcpy(other, path, n);
        strcpy(other + n, kinds[i]);
        if (strcmp(other, path) != 0 && file_exists(other)) return true;
    }
    return false;
}

static bool read_sidecar(struct dataset_item *item, struct error *error)
{
    char other[PATH_MAX];
    size_t n = strlen(item->path) - strlen(file_extension(item->path));
    struct bytes text = {0};
    if (n + 5 >= sizeof other) return true;
    memcpy(other, item->path, n);
    strcpy(other + n, ".txt");
    if (strcmp(other, item->path) == 0 || !file_exists(other)) return true;
    bool ok = file_read(other, 4096, &text, error);
    while (ok && text.n > 0 && isspace(text.data[text.n - 1])) text.data[--text.n] = 0;
    ok = ok && (text.n == 0 || !utf8_valid(text.data, text.n, NULL) || add_caption(item, bytes_text(&text), error));
    bytes_free(&text);
    return ok;
}

static bool add_file(struct dataset *d, size_t *room, const char *path, struct error *error)
{
    if (file_has_extension(path, ".txt") && is_sidecar(path)) return true;
    struct dataset_item *item = add_item(d, room, error);
    if (item == NULL || !set_path(item, path, error) || !read_sidecar(item, error)) return false;
    item->split = split_by_hash(file_base(path)), item->hashed = true;
    return item->captions > 0 || caption_from_name(item, error);
}

static bool walk(struct dataset *d, size_t *room, const char *folder, int depth, struct error *error)
{
    struct file_list list = {0};
    char path[PATH_MAX];
    bool ok = file_list_read(folder, &list, error);
    for (size_t i = 0; ok && i < list.n; i++) {
        ok = file_join(path, sizeof path, folder, list.names[i], error);
        if (ok && file_is_folder(path)) ok = depth >= DEPTH_MOST || walk(d, room, path, depth + 1, error);
        else if (ok && modality_of_path(path) != NULL) ok = add_file(d, room, path, error);
    }
    file_list_free(&list);
    return ok;
}

/* Few items: a data set of one long file still wants something to validate on; its pieces are shared out later. */
static bool scan(struct dataset *d, size_t *room, struct error *error)
{
    char metadata[PATH_MAX];
    if (file_is_folder(d->path)) {
        if (!file_join(metadata, sizeof metadata, d->path, "metadata.jsonl", error)) return false;
        return file_exists(metadata) ? read_lines(d, room, metadata, read_row, error) : walk(d, room, d->path, 0, error);
    }
    if (!file_exists(d->path)) return error_set(error, ERROR_IO, "%s: no such file or folder", d->path);
    if (file_has_extension(d->path, ".jsonl")) return read_lines(d, room, d->path, read_idea, error);
    if (modality_of_path(d->path) == NULL) return error_set(error, ERROR_INPUT, "%s: unknown kind of data; a folder, .txt, .mid, .png or .jsonl is wanted", d->path);
    if (!add_file(d, room, d->path, error)) return false;
    d->items[0].split = SPLIT_TRAIN;
    return true;
}

bool dataset_scan(const char *path, struct dataset *d, struct error *error)
{
    size_t room = 0;
    *d = (struct dataset){.weight = 1, .path = mem_copy_string(path, error)};
    if (d->path == NULL) return false;
    for (size_t n = strlen(d->path); n > 1 && d->path[n - 1] == '/'; n--) d->path[n - 1] = '\0';
    d->name = mem_copy_string(file_base(d->path), error);
    bool ok = d->name != NULL && scan(d, &room, error) && (d->n < 2 || dataset_group(d, error));
    if (ok && d->n == 0) ok = error_set(error, ERROR_INPUT, "%s: no .txt, .mid or .png in it", path);
    if (!ok) dataset_free(d);
    return ok;
}

void dataset_piece_free(struct dataset_piece *p)
{
    ids_free(&p->payload), ids_free(&p->mirrored), ids_free(&p->turned);
    for (int k = 0; k < DATASET_CAPTIONS; k++) ids_free(&p->caption[k]), ids_free(&p->mirrored_caption[k]), ids_free(&p->turned_caption[k]);
}

void dataset_free(struct dataset *d)
{
    for (size_t i = 0; i < d->n; i++) {
        mem_free(d->items[i].path);
        for (int k = 0; k < d->items[i].captions; k++) mem_free(d->items[i].caption[k]);
    }
    mem_free(d->items);
    for (int s = 0; s < SPLITS; s++) {
        for (size_t i = 0; i < d->pieces_n[s]; i++) dataset_piece_free(&d->pieces[s][i]);
        mem_free(d->pieces[s]);
    }
    mem_free(d->name);
    mem_free(d->path);
    *d = (struct dataset){0};
}
