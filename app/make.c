/* play: one tune (or --count of them) from a prompt that may be empty; and what the other verbs that make pieces share with it. */
#include "app/make.h"
#include "app/tune_show.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What each verb does when nothing is said. */
static const struct { const char *verb, *extension; struct decoding_defaults defaults; } KINDS[MODALITIES] = {
    [MODALITY_TEXT] = {"write", ".txt", {0}},
    [MODALITY_MUSIC] = {"play", ".mid", {.temperature = 1, .top_k = 0, .top_p = 0.99, .guidance = 1.3, .do_sample = true}},
    [MODALITY_IMAGE] = {"draw", ".png", {0}},
};

/* Can a piece of this kind be written to a file with this name? */
static bool check_extension(enum modality_kind kind, const char *path, struct error *error)
{
    static const char *const tunes[] = {".wav", ".flac", ".ogg", ".png"};
    bool known = modality_of_path(path) == modality_of(kind) || strncmp(path, "/dev/", 5) == 0;
    for (size_t i = 0; i < sizeof tunes / sizeof *tunes; i++) known = known || (kind == MODALITY_MUSIC && file_has_extension(path, tunes[i]));
    return known || error_set(error, ERROR_USAGE, "-o %.200s: unknown kind of file; %s%s is wanted", path, KINDS[kind].extension, kind == MODALITY_MUSIC ? ", .abc, .wav, .flac, .ogg or .png (a piano roll)" : "");
}

bool make_output(const struct arguments *a, enum modality_kind kind, const char *name, char path[PATH_MAX], struct error *error)
{
    const char *given = a->option[OPTION_OUTPUT].text;
    if (given != NULL && (given[strlen(given) - 1] == '/' || file_is_folder(given))) return file_make_folder(given, error) && file_join(path, PATH_MAX, given, file_base(name), error);
    if (given != NULL && !check_extension(kind, given, error)) return false;
    const char *chosen = given != NULL ? given : name;
    return snprintf(path, PATH_MAX, "%s", chosen) < PATH_MAX || error_set(error, ERROR_USAGE, "%.80s…: the path is too long", chosen);
}

bool make_path_named(const struct arguments *a, enum modality_kind kind, const char *verb, uint64_t seed, int count, char path[PATH_MAX], struct error *error)
{
    char name[PATH_MAX], number[24];
    snprintf(number, sizeof number, "-%llu", (unsigned long long)seed);
    if (snprintf(name, sizeof name, "%s%s%s", verb, number, KINDS[kind].extension) >= (int)sizeof name) return error_set(error, ERROR_USAGE, "%.80s…: the path is too long", verb);
    if (!make_output(a, kind, name, path, error)) return false;
    if (count == 1 || a->option[OPTION_OUTPUT].text == NULL || strcmp(path, a->option[OPTION_OUTPUT].text) != 0) return true;
    size_t n = strlen(number), extension = strlen(file_extension(path)), at = strlen(path) - extension;      /* one file's name for several: each with its seed */
    if (strlen(path) + n >= PATH_MAX) return error_set(error, ERROR_USAGE, "%.80s…: the path is too long", path);
    memmove(path + at + n, path + at, extension + 1);
    memcpy(path + at, number, n);
    return true;
}

bool make_path(const struct arguments *a, enum modality_kind kind, uint64_t seed, int count, char path[PATH_MAX], struct error *error)
{
    return make_path_named(a, kind, KINDS[kind].verb, seed, count, path, error);
}

bool make_parameters(const struct piece *piece, char text[MAKE_PARAMETERS], struct error *error)
{
    int64_t top_k;
    double top_p, guidance, seed;
    const char *prompt, *hash, *version;
    cJSON *root = json_parse(piece->recipe.data, piece->recipe.n, error);
    const cJSON *options = json_member(root, "options");
    bool ok = root != NULL && json_string(root, "prompt", &prompt, error) && json_string(root, "model", &hash, error) && json_string(root, "triptych", &version, error) &&
              json_number(root, "seed", 0, 1.9e19, &seed, error) && json_integer(options, "top_k", 0, INT32_MAX, &top_k, error) &&
              json_number(options, "top_p", 0, 1, &top_p, error) && json_number(options, "guidance_scale", 0, 1000, &guidance, error);
    if (ok) snprintf(text, MAKE_PARAMETERS, "%.*s\nSampler: top-k %d top-p %g, CFG scale: %g, Seed: %.0f, Size: %dx%d, Model hash: %.20s, Model: triptych, Version: %.20s", (int)utf8_cut(prompt, 300), prompt, (int)top_k, top_p, guidance,
                     seed, piece->sprite.width, piece->sprite.height, hash, version);
    cJSON_Delete(root);
    return ok;
}

bool make_tell_file(const char *path, const struct bytes *recipe, struct error *error)
{
    struct bytes line = {0};
    bool ok = bytes_append_text(&line, "{\"file\":", error) && json_quote(&line, path, strlen(path), error) &&
              (recipe->n == 0 || (bytes_append_text(&line, ",\"recipe\":", error) && bytes_append(&line, recipe->data, recipe->n, error))) && bytes_append_byte(&line, '}', error);
    if (ok) puts(bytes_text(&line));
    bytes_free(&line);
    return ok;
}

bool make_tell(const struct arguments *a, const struct engine_order *o, const struct piece *piece, const char *path, struct error *error)
{
    if (o->kind == MODALITY_MUSIC && !show_roll(a, piece, a->option[OPTION_COUNT].number > 1 ? o->seed : 0, error)) return false;
    if (!a->option[OPTION_JSON].given) {
        if (o->kind == MODALITY_MUSIC) show_preview(a, &piece->score);
        if (o->kind == MODALITY_IMAGE) engine_preview(a, &piece->sprite);
        return printf("%s\n", path) > 0 && (o->kind != MODALITY_MUSIC || show_play(a, piece, error));
    }
    return make_tell_file(path, &piece->recipe, error) && (o->kind != MODALITY_MUSIC || show_play(a, piece, error));
}

/* Make n pieces with seeds from order->seed on, then write them one by one. */
static bool make_some(struct engine *e, const struct engine_order *first, int n, int count, struct error *error)
{
    struct piece *pieces = mem_alloc((size_t)n, sizeof *pieces, error);
    struct engine_order *orders = mem_alloc((size_t)n, sizeof *orders, error);
    char path[PATH_MAX];
    bool ok = pieces != NULL && orders != NULL;
    for (int i = 0; ok && i < n; i++) orders[i] = *first, orders[i].seed += (uint64_t)i;
    ok = ok && engine_make(e, orders, n, pieces, error);
    for (int i = 0; ok && i < n; i++) {
        ok = make_path(e->a, first->kind, orders[i].seed, count, path, error) && engine_write(e->a, &pieces[i], path, NULL, error) && make_tell(e->a, &orders[i], &pieces[i], path, error);
    }
    for (int i = 0; pieces != NULL && i < n; i++) piece_free(&pieces[i]);
    mem_free(pieces), mem_free(orders);
    return ok;
}

bool verb_make(const struct arguments *a, enum modality_kind kind, struct error *error)
{
    struct engine e = {0};
    struct generation options = {0};
    struct music_wishes wishes;
    int count = (int)a->option[OPTION_COUNT].number;
    if (a->words > 1) return error_set(error, ERROR_USAGE, "%d prompts; one, in quotes, is wanted", a->words);
    struct engine_order o = {.kind = kind, .verb = KINDS[kind].verb, .prompt = a->words > 0 ? a->word[0] : NULL, .negative = a->option[OPTION_NEGATIVE_PROMPT].text, .options = &options};
    bool ok = decoding_options(a, &KINDS[kind].defaults, NULL, &options, error) && (kind != MODALITY_MUSIC || controls_read(a, o.prompt, true, &wishes, error));
    if (kind == MODALITY_MUSIC) o.wishes = &wishes;
    if ((o.prompt == NULL || o.prompt[0] == '\0') && o.negative == NULL) options.guidance_scale = 1;   /* nothing to steer to */
    char path[PATH_MAX];
    o.seed = ok ? engine_seed(a) : 0;
    for (int i = 0; ok && i < count; i++)                     /* before any work: is there a file in the way? */
        ok = make_path(a, kind, o.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error) && (kind != MODALITY_MUSIC || show_roll_check(a, count > 1 ? o.seed + (uint64_t)i : 0, error));
    ok = ok && engine_start(&e, a, true, error);
    for (int done = 0, n; ok && done < count && !app_stop; done += n, o.seed += (uint64_t)n) {
        n = count - done < engine_batch(&e, kind) ? count - done : engine_batch(&e, kind);
        ok = make_some(&e, &o, n, count, error);
    }
    engine_stop(&e);
    generation_free(&options);
    return ok;
}

bool verb_play(const struct arguments *a, struct error *error) { return verb_make(a, MODALITY_MUSIC, error); }
