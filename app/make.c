/* write, play and draw: one piece (or --count of them) of one modality from a prompt that may be empty. */
#include "app/engine.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What each verb does when nothing is said. */
static const struct { const char *verb, *extension; struct engine_defaults defaults; } KINDS[MODALITIES] = {
    [MODALITY_TEXT] = {"write", ".txt", {.temperature = 0.8, .top_k = 50, .top_p = 0.95, .guidance = 1, .do_sample = true}},
    [MODALITY_MUSIC] = {"play", ".mid", {.temperature = 0.9, .top_k = 0, .top_p = 0.97, .guidance = 1.3, .do_sample = true}},
    [MODALITY_IMAGE] = {"draw", ".png", {.temperature = 0.9, .top_k = 60, .top_p = 1, .guidance = 2, .do_sample = true}},
};

/* The file for piece k: -o's folder or file with the seed in its name when there are several. */
static bool file_for(const struct arguments *a, enum modality_kind kind, uint64_t seed, int count, char path[PATH_MAX], struct error *error)
{
    const char *given = a->option[OPTION_OUTPUT].text;
    char name[64];
    snprintf(name, sizeof name, "%s-%llu%s", KINDS[kind].verb, (unsigned long long)seed, KINDS[kind].extension);
    if (given == NULL) return snprintf(path, PATH_MAX, "%s", name) > 0;
    size_t n = strlen(given);
    if (given[n - 1] == '/' || file_is_folder(given)) return file_make_folder(given, error) && file_join(path, PATH_MAX, given, name, error);
    const char *extension = file_extension(given);
    bool known = modality_of_path(given) == modality_of(kind) || (kind == MODALITY_MUSIC && file_has_extension(given, ".wav"));
    if (!known && strncmp(given, "/dev/", 5) != 0)
        return error_set(error, ERROR_USAGE, "-o %.200s: unknown kind of file; %s%s is wanted", given, KINDS[kind].extension, kind == MODALITY_MUSIC ? " or .wav" : "");
    if (count == 1) return snprintf(path, PATH_MAX, "%s", given) < PATH_MAX;
    return snprintf(path, PATH_MAX, "%.*s-%llu%s", (int)(n - strlen(extension)), given, (unsigned long long)seed, extension) < PATH_MAX;
}

/* The text that image viewers show (the form of AUTOMATIC1111). */
static void parameters_of(const struct engine *e, const struct engine_order *o, char text[600])
{
    snprintf(text, 600, "%.300s\nSampler: top-k %d top-p %g, CFG scale: %g, Seed: %llu, Size: 32x32, Model hash: %s, Model: triptych, Version: %s", o->prompt == NULL ? "" : o->prompt,
             o->sampling->top_k, o->sampling->top_p, o->guidance, (unsigned long long)o->seed, e->model_hash, TRIPTYCH_VERSION);
}

static bool tell(const struct arguments *a, const struct engine_order *o, const struct piece *piece, const char *path, struct error *error)
{
    if (!a->option[OPTION_JSON].given) {
        if (o->kind == MODALITY_IMAGE && !a->option[OPTION_NO_PREVIEW].given) engine_preview(&piece->sprite);
        return printf("%s\n", path) > 0;
    }
    struct bytes line = {0};
    bool ok = bytes_append_text(&line, "{\"file\":", error) && json_quote(&line, path, strlen(path), error) && bytes_append_text(&line, ",\"recipe\":", error) &&
              bytes_append(&line, piece->recipe.data, piece->recipe.n, error) && bytes_append_byte(&line, '}', error);
    if (ok) puts(bytes_text(&line));
    bytes_free(&line);
    return ok;
}

static bool make_one(struct engine *e, const struct engine_order *o, const char *path, struct error *error)
{
    struct piece piece = {0};
    char parameters[600];
    parameters_of(e, o, parameters);
    bool ok = engine_make(e, o, &piece, error) && engine_write(e->a, &piece, path, parameters, error) && tell(e->a, o, &piece, path, error);
    piece_free(&piece);
    return ok;
}

bool verb_make(const struct arguments *a, enum modality_kind kind, struct error *error)
{
    struct engine e = {0};
    struct sampling sampling = {0};
    int count = (int)a->option[OPTION_COUNT].number;
    if (a->words > 1) return error_set(error, ERROR_USAGE, "%d prompts; one, in quotes, is wanted", a->words);
    struct engine_order o = {.kind = kind, .verb = KINDS[kind].verb, .prompt = a->words > 0 ? a->word[0] : NULL, .negative = a->option[OPTION_NEGATIVE_PROMPT].text,
        .guidance = a->option[OPTION_GUIDANCE_SCALE].given ? a->option[OPTION_GUIDANCE_SCALE].number : KINDS[kind].defaults.guidance, .sampling = &sampling};
    bool ok = engine_sampling(a, &KINDS[kind].defaults, &sampling, error);
    if (o.prompt == NULL || o.prompt[0] == '\0') o.guidance = o.negative == NULL ? 1 : o.guidance;   /* nothing to steer to */
    char path[PATH_MAX];
    o.seed = ok ? engine_seed(a) : 0;
    for (int i = 0; ok && i < count; i++)                     /* before any work: is there a file in the way? */
        ok = file_for(a, kind, o.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error);
    ok = ok && engine_start(&e, a, true, error);
    for (int i = 0; ok && i < count && !app_stop; i++, o.seed++) ok = file_for(a, kind, o.seed, count, path, error) && make_one(&e, &o, path, error);
    engine_stop(&e);
    sampling_free(&sampling);
    return ok;
}

bool verb_play(const struct arguments *a, struct error *error) { return verb_make(a, MODALITY_MUSIC, error); }
bool verb_draw(const struct arguments *a, struct error *error) { return verb_make(a, MODALITY_IMAGE, error); }

/* ---- write: the prompt itself is continued ---- */

struct writing { struct engine *e; struct bytes text; size_t shown; bool stream; };

/* Print what is whole UTF-8 so far. */
static void show(struct writing *w)
{
    size_t valid;
    (void)utf8_valid(w->text.data + w->shown, w->text.n - w->shown, &valid);
    fwrite(w->text.data + w->shown, 1, valid, stdout);
    fflush(stdout);
    w->shown += valid;
}

static bool on_token(void *context, int32_t id)
{
    struct writing *w = context;
    struct error ignored = {0};
    if (!bpe_decode(w->e->vocabulary.bpe, &id, 1, true, &w->text, &ignored)) return false;
    if (w->stream) show(w);
    return !app_stop;
}

static size_t new_tokens(const struct arguments *a, size_t prompt, size_t room)
{
    double most = a->option[OPTION_MAX_NEW_TOKENS].given ? a->option[OPTION_MAX_NEW_TOKENS].number
                : a->option[OPTION_MAX_LENGTH].given     ? a->option[OPTION_MAX_LENGTH].number - (double)prompt : 200;
    if (most > (double)(room - prompt)) most = (double)(room - prompt);
    return most < 1 ? 1 : (size_t)most;
}

static bool prompt_ids(const struct engine *e, const char *prompt, struct ids *out, struct error *error)
{
    if (e->vocabulary.joint) return form_prompt(&e->vocabulary, MODALITY_TEXT, NULL, out, error) && form_words(&e->vocabulary, prompt, out, error);
    return bpe_encode(e->vocabulary.bpe, prompt, strlen(prompt), false, out, error);
}

static bool write_one(struct engine *e, const struct engine_order *o, const char *path, struct error *error)
{
    const struct arguments *a = e->a;
    struct modality_state state;
    struct generate_constraint constraint = modality_constraint(&state, &e->vocabulary, MODALITY_TEXT);
    struct writing w = {.e = e, .stream = path == NULL && !a->option[OPTION_JSON].given};
    struct ids prompt = {0}, made = {0};
    struct sampling sampling = *o->sampling;
    struct piece piece = {.kind = MODALITY_TEXT};
    size_t room = (size_t)e->model.config.T;
    sampling.seed = o->seed, sampling.eos = e->vocabulary.joint ? SPECIAL_EOS : e->model.config.eos;
    bool ok = prompt_ids(e, o->prompt, &prompt, error) && bytes_append_text(&w.text, o->prompt, error);
    if (ok && prompt.n >= room) ok = error_set(error, ERROR_INPUT, "the prompt takes %zu tokens; at most %zu are wanted", prompt.n, room - 1);
    if (ok && w.stream) show(&w);
    if (ok) {
        struct generate_request q = {.prompt = prompt.id, .prompt_n = prompt.n, .guidance_scale = 1, .max_new_tokens = new_tokens(a, prompt.n, room),
            .sampling = &sampling, .constraint = e->vocabulary.joint ? &constraint : NULL, .on_token = on_token, .on_token_context = &w};
        ok = generate(e->session, 0, &q, &e->scratch, &made, NULL, error);
    }
    if (ok && w.stream) putchar('\n');
    piece.text = w.text;
    if (ok && (path != NULL || a->option[OPTION_JSON].given)) ok = engine_recipe(e, o, made.id + prompt.n, made.n - prompt.n, &piece.recipe, error);
    if (ok && path != NULL) ok = engine_write(a, &piece, path, NULL, error) && tell(a, o, &piece, path, error);
    else if (ok && a->option[OPTION_JSON].given) {
        struct bytes line = {0};
        ok = bytes_append_text(&line, "{\"text\":", error) && json_quote(&line, bytes_text(&w.text), w.text.n, error) && bytes_append_text(&line, ",\"recipe\":", error) &&
             bytes_append(&line, piece.recipe.data, piece.recipe.n, error) && bytes_append_byte(&line, '}', error);
        if (ok) puts(bytes_text(&line));
        bytes_free(&line);
    }
    ids_free(&prompt), ids_free(&made);
    piece_free(&piece);
    return ok;
}

bool verb_write(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    struct sampling sampling = {0};
    int count = (int)a->option[OPTION_COUNT].number;
    if (a->words > 1) return error_set(error, ERROR_USAGE, "%d prompts; one, in quotes, is wanted", a->words);
    struct engine_order o = {.kind = MODALITY_TEXT, .verb = "write", .prompt = a->words > 0 ? a->word[0] : "", .guidance = 1, .sampling = &sampling};
    bool ok = engine_sampling(a, &KINDS[MODALITY_TEXT].defaults, &sampling, error);
    bool to_file = a->option[OPTION_OUTPUT].text != NULL;
    char path[PATH_MAX];
    if (ok) o.seed = engine_seed(a);
    for (int i = 0; ok && to_file && i < count; i++) ok = file_for(a, MODALITY_TEXT, o.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error);
    ok = ok && engine_start(&e, a, false, error);
    if (ok && o.prompt[0] == '\0' && !e.vocabulary.joint) ok = error_set(error, ERROR_USAGE, "the prompt is empty; this model wants one");
    for (int i = 0; ok && i < count && !app_stop; i++, o.seed++)
        ok = (!to_file || file_for(a, MODALITY_TEXT, o.seed, count, path, error)) && write_one(&e, &o, to_file ? path : NULL, error);
    engine_stop(&e);
    sampling_free(&sampling);
    return ok;
}
