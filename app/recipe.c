/* recipe: what made this file; redo: make it again, exactly, from the ids in its recipe; models: what is at hand. */
#include "app/kept.h"
#include "app/make.h"
#include "app/sheet.h"
#include "core/file.h"
#include "core/json.h"
#include "outputs/wav.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The recipe in a FLAC or Ogg file: the Vorbis comment "COMMENT={…", its length before it in four bytes. */
static bool vorbis_recipe(const struct bytes *data, struct bytes *out, struct error *error)
{
    static const char mark[] = "COMMENT={";
    for (size_t i = 4; i + sizeof mark < data->n; i++) {
        struct reader r = reader_on(data->data + i - 4, data->n - i + 4);
        if (strncasecmp((const char *)data->data + i, mark, sizeof mark - 1) != 0) continue;
        uint32_t n = reader_le32(&r);
        const uint8_t *text = n > 8 ? reader_take(&r, n) : NULL;
        return text == NULL || bytes_append(out, text + 8, n - 8, error);
    }
    return true;
}

/* The comment of a WAV file's LIST INFO chunk: where wav.c puts the recipe. */
static bool sound_recipe(const char *path, struct bytes *out, struct error *error)
{
    struct bytes data = {0};
    if (!file_read(path, (size_t)1 << 28, &data, error)) { bytes_free(&data); return false; }
    const uint8_t *at = memmem(data.data, data.n, "ICMT", 4);
    if (at != NULL && (size_t)(data.data + data.n - at) > 8) {
        struct reader r = reader_on(at + 4, (size_t)(data.data + data.n - at) - 4);
        uint32_t n = reader_le32(&r);
        const uint8_t *text = reader_take(&r, n);
        while (text != NULL && n > 0 && text[n - 1] == 0) n--;
        if (text != NULL && !bytes_append(out, text, n, error)) { bytes_free(&data); return false; }
    }
    bool ok = at != NULL || vorbis_recipe(&data, out, error);
    bytes_free(&data);
    return ok;
}

static bool read_recipe(const char *path, struct bytes *out, struct error *error)
{
    struct piece piece = {0};
    bool ok;
    if (file_has_extension(path, ".wav") || file_has_extension(path, ".flac") || file_has_extension(path, ".ogg")) ok = sound_recipe(path, out, error);
    else {
        ok = modality_read_file(path, &piece, error) && bytes_append(out, piece.recipe.data, piece.recipe.n, error);
        piece_free(&piece);
    }
    if (ok && out->n == 0) ok = error_set(error, ERROR_INPUT, "%s: has no recipe; a file that triptych made is wanted", path);
    return ok;
}

static bool one_file(const struct arguments *a, struct error *error)
{
    return a->words == 1 || error_set(error, ERROR_USAGE, "%d files; one is wanted", a->words);
}

/* The recipe without its ids, a line a member. */
static void print_members(const cJSON *root)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, root) {
        if (cJSON_IsArray(item)) printf("%-11s %d tokens\n", item->string, cJSON_GetArraySize(item));
        else if (cJSON_IsString(item)) printf("%-11s %s\n", item->string, item->valuestring);
        else if (cJSON_IsNumber(item)) printf("%-11s %.17g\n", item->string, item->valuedouble);
        else if (cJSON_IsObject(item)) {
            char *text = cJSON_PrintUnformatted(item);
            size_t n = text == NULL ? 0 : strlen(text);
            printf("%-11s %.400s%s\n", item->string, text == NULL ? "" : text, n > 400 ? "…" : "");
            cJSON_free(text);
        }
    }
}

bool verb_recipe(const struct arguments *a, struct error *error)
{
    struct bytes text = {0};
    cJSON *root = NULL;
    bool ok = one_file(a, error) && read_recipe(a->word[0], &text, error) &&
              ((root = json_parse(text.data, text.n, error)) != NULL || error_prefix(error, "%s: recipe", a->word[0]));
    if (ok && a->option[OPTION_JSON].given) puts(bytes_text(&text));
    else if (ok) print_members(root);
    cJSON_Delete(root);
    bytes_free(&text);
    return ok;
}

static bool kind_of(const char *name, enum modality_kind *kind, struct error *error)
{
    for (int k = 0; k < MODALITIES; k++)
        if (strcmp(name, modality_of((enum modality_kind)k)->name) == 0) {
            *kind = (enum modality_kind)k;
            return true;
        }
    return error_set(error, ERROR_INPUT, "recipe: modality %.40s is unknown", name);
}

static bool read_ids(const cJSON *root, struct ids *out, struct error *error)
{
    const cJSON *item, *list = json_member(root, "ids");
    if (!cJSON_IsArray(list)) return error_set(error, ERROR_INPUT, "recipe: has no ids");
    cJSON_ArrayForEach(item, list) {
        if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > INT32_MAX || floor(item->valuedouble) != item->valuedouble)
            return error_set(error, ERROR_INPUT, "recipe: holds something that is no id");
        if (!ids_append(out, (int32_t)item->valuedouble, error)) return false;
    }
    return true;
}

/* A composed text's ids are the whole sequence from <idea> on: its words lie between the marks. A filled text's are all of it, a
 * written one's go on with the prompt. */
static bool redo_text(const struct engine *e, const char *verb, const char *prompt, const struct ids *ids, struct piece *out, struct error *error)
{
    if (strcmp(verb, "fill") == 0) return bpe_decode(e->vocabulary.bpe, ids->id, ids->n, true, &out->text, error);
    if (strcmp(verb, "compose") != 0) return bytes_append_text(&out->text, prompt, error) && bpe_decode(e->vocabulary.bpe, ids->id, ids->n, true, &out->text, error);
    static const struct { int32_t from; const char *before, *after; } parts[] = {{SPECIAL_TEXT, "", "\n\n"}, {SPECIAL_MUSIC, "[tune: ", "]\n"}, {SPECIAL_IMAGE, "[picture: ", "]\n"}};
    for (size_t p = 0, at = 0; p < sizeof parts / sizeof *parts; p++) {
        while (at < ids->n && ids->id[at] != parts[p].from) at++;
        size_t end = ++at;
        while (end < ids->n && ids->id[end] >= SPECIALS) end++;
        if (at > ids->n) return error_set(error, ERROR_INPUT, "recipe: the ids are no composition");
        if (!bytes_append_text(&out->text, parts[p].before, error) || !bpe_decode(e->vocabulary.bpe, ids->id + at, end - at, true, &out->text, error) ||
            !bytes_append_text(&out->text, parts[p].after, error)) return false;
    }
    return true;
}

/* A picture with its finishing steps; *scale stays 0 where the usual one was taken or --scale asks for another. */
static bool redo_picture(const struct engine *e, const cJSON *root, const struct ids *ids, struct sprite *out, int *scale, struct error *error)
{
    struct image_finish finish;
    int64_t told = 0;
    if (json_member(root, "scale") != NULL && !json_integer(root, "scale", 1, SPRITE_SIDE_MOST, &told, error)) return false;
    if (!e->a->option[OPTION_SCALE].given) *scale = (int)told;
    bool ok = image_finish_read(json_member(root, "finish"), &finish, error) && image_decode(&e->vocabulary, ids->id, ids->n, &finish, out, error);
    image_finish_free(&finish);
    return ok;
}

static bool redo(struct engine *e, const cJSON *root, const struct bytes *recipe, const char *path, struct error *error)
{
    const char *hash, *modality, *verb = "", *prompt;
    struct ids ids = {0};
    struct piece piece = {0};
    int scale = 0;
    bool ok = json_string(root, "vocabulary", &hash, error) && json_string(root, "modality", &modality, error) && json_string(root, "verb", &verb, error) &&
              json_string(root, "prompt", &prompt, error) && kind_of(modality, &piece.kind, error) && read_ids(root, &ids, error);
    if (ok && strcmp(verb, "frames") == 0) ok = error_set(error, ERROR_INPUT, "recipe: of frames, which are made of a picture; `triptych frames` with that picture is wanted");
    if (ok && strcmp(hash, e->vocabulary_hash) != 0)
        ok = error_set(error, ERROR_INPUT, "recipe: made with vocabulary %.16s, this model has %s; the model that made the file is wanted (--model)", hash, e->vocabulary_hash);
    if (ok && piece.kind == MODALITY_TEXT) ok = redo_text(e, verb, prompt, &ids, &piece, error);
    else if (ok && piece.kind == MODALITY_IMAGE) ok = redo_picture(e, root, &ids, &piece.sprite, &scale, error);
    else if (ok) ok = modality_of(piece.kind)->decode(&e->vocabulary, ids.id, ids.n, &piece, error);
    bool made = strcmp(verb, "play") == 0 || strcmp(verb, "compose") == 0;      /* whole; the others are a user's own tunes, changed */
    if (ok && piece.kind == MODALITY_MUSIC && made) score_separate(&piece.score);
    const cJSON *tempo = json_member(json_member(root, "controls"), "tempo");
    if (ok && piece.kind == MODALITY_MUSIC && cJSON_IsNumber(tempo) && tempo->valuedouble >= 20 && tempo->valuedouble <= 320) controls_set_tempo(&piece.score, tempo->valuedouble);
    if (ok && piece.kind == MODALITY_MUSIC) ok = kept_read(json_member(root, "kept"), &piece.score, error);
    if (ok && piece.kind == MODALITY_MUSIC && prompt[0] != '\0') ok = score_set_title(&piece.score, prompt, error);
    ok = ok && bytes_append(&piece.recipe, recipe->data, recipe->n, error);
    char parameters[MAKE_PARAMETERS];
    bool composed = strcmp(verb, "compose") == 0;
    if (ok && piece.kind == MODALITY_IMAGE && !composed) ok = make_parameters(&piece, parameters, error);
    const char *about = piece.kind != MODALITY_IMAGE ? NULL : composed ? prompt : parameters;
    ok = ok && (scale > 0 ? engine_write_picture(e->a, &piece, path, about, scale, error) : engine_write(e->a, &piece, path, about, error));
    if (ok && e->a->option[OPTION_JSON].given) ok = make_tell_file(path, recipe, error);
    else if (ok) printf("%s\n", path);
    ids_free(&ids);
    piece_free(&piece);
    return ok;
}

bool verb_redo(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    struct bytes text = {0};
    cJSON *root = NULL;
    char end[300], name[PATH_MAX], path[PATH_MAX];
    const char *modality;
    enum modality_kind kind = MODALITY_TEXT;
    bool ok = one_file(a, error) && read_recipe(a->word[0], &text, error) &&
              ((root = json_parse(text.data, text.n, error)) != NULL || error_prefix(error, "%s: recipe", a->word[0])) && json_string(root, "modality", &modality, error) && kind_of(modality, &kind, error);
    if (ok) snprintf(end, sizeof end, "-redo%s", file_extension(a->word[0]));
    ok = ok && sheet_beside(a->word[0], end, name, sizeof name, error) && make_output(a, kind, name, path, error);
    ok = ok && engine_may_write(a, path, error) && engine_start(&e, a, false, error) && redo(&e, root, &text, path, error);
    engine_stop(&e);
    cJSON_Delete(root);
    bytes_free(&text);
    return ok;
}

bool verb_models(const struct arguments *a, struct error *error)
{
    char folder[PATH_MAX];
    struct config c;
    if (a->words > 0) return error_set(error, ERROR_USAGE, "'%.80s' is too much; --model DIR names a folder", a->word[0]);
    if (!app_model_folder(a, folder, sizeof folder, error) || !config_read(folder, &c, error)) return false;
    char path[PATH_MAX];
    bool joint = file_join(path, sizeof path, folder, "triptych.json", error) && file_exists(path);
    if (a->option[OPTION_JSON].given)
        printf("[{\"folder\":\"%s\",\"vocabulary\":%d,\"context\":%d,\"layers\":%d,\"hidden_size\":%d,\"joint\":%s}]\n", folder, c.V, c.T, c.L, c.C, joint ? "true" : "false");
    else printf("%s: %d layers, %d wide, context %d, %d ids%s\n", folder, c.L, c.C, c.T, c.V, joint ? ", text, music and images" : ", text");
    return true;
}
