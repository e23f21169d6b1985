/* write: the prompt itself is continued, by any of the searches; with <fill> in it, its holes are filled (fill.c). */
#include "app/chat.h"
#include "app/fill.h"
#include "app/make.h"
#include "core/json.h"
#include "core/search.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct decoding_defaults DEFAULTS = {.temperature = 0.8, .top_k = 50, .top_p = 0.95, .guidance = 1, .do_sample = true};
enum { NEW_TOKENS = 200 };           /* when nothing says how long */

struct writing { struct engine *e; struct bytes text; size_t shown; };

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
    show(w);
    return !app_stop;
}

/* The same without output: Ctrl-C ends the text. */
static bool on_quiet_token(void *context, int32_t id)
{
    (void)context, (void)id;
    return !app_stop;
}

static bool prompt_ids(const struct engine *e, const char *prompt, struct ids *out, struct error *error)
{
    if (e->vocabulary.joint) return form_prompt(&e->vocabulary, MODALITY_TEXT, NULL, out, error) && form_words(&e->vocabulary, prompt, out, error);
    const struct ids *before = bpe_before(e->vocabulary.bpe);
    if (prompt[0] == '\0') return ids_append(out, e->vocabulary.begin, error);
    return ids_append_many(out, before->id, before->n, error) && bpe_encode(e->vocabulary.bpe, prompt, strlen(prompt), false, out, error);
}

/* One text: to its file, as a JSON line, or plainly. */
static bool put_out(struct engine *e, const struct engine_order *o, struct bytes *text, const struct ids *made, size_t prompt, const double *score, const char *path, struct error *error)
{
    const struct arguments *a = e->a;
    struct piece piece = {.kind = MODALITY_TEXT, .text = *text};
    struct bytes line = {0};
    bool json = a->option[OPTION_JSON].given, ok = true;
    if (path != NULL || json) ok = engine_recipe(e, o, made->id + prompt, made->n - prompt, &piece.recipe, error);
    if (ok && path != NULL) ok = engine_write(a, &piece, path, NULL, error) && make_tell(a, o, &piece, path, error);
    else if (ok && json) {
        ok = bytes_append_text(&line, "{\"text\":", error) && json_quote(&line, bytes_text(text), text->n, error) &&
             (score == NULL || bytes_printf(&line, error, ",\"score\":%.9g", *score)) && bytes_append_text(&line, ",\"recipe\":", error) &&
             bytes_append(&line, piece.recipe.data, piece.recipe.n, error) && bytes_append_byte(&line, '}', error);
        if (ok) puts(bytes_text(&line));
    } else if (ok) printf("%s\n", bytes_text(text));
    bytes_free(&line), bytes_free(&piece.recipe);
    return ok;
}

/* Ids behind the last end id are padding. */
static size_t without_padding(const struct generation *g, const struct ids *ids, size_t prompt)
{
    for (size_t i = prompt; i < ids->n; i++)
        if (ids_have(&g->sampling.eos, ids->id[i])) return i + 1;
    return ids->n;
}

static bool write_results(struct engine *e, const struct engine_order *o, struct search_result *result, size_t prompt, const char *path, struct error *error)
{
    bool ok = true;
    for (size_t i = 0; ok && i < result->sequences.n; i++) {
        struct ids *made = &result->sequences.list[i];
        struct bytes text = {0};
        made->n = without_padding(o->options, made, prompt);
        ok = bytes_append_text(&text, o->prompt, error) && bpe_decode(e->vocabulary.bpe, made->id + prompt, made->n - prompt, true, &text, error) &&
             put_out(e, o, &text, made, prompt, result->scores == NULL ? NULL : &result->scores[i], path, error);
        bytes_free(&text);
    }
    return ok;
}

static void tell_lookup(const struct engine *e, const struct generation *g, size_t tokens, size_t runs)
{
    if (g->prompt_lookup_num_tokens > 0 && runs > 0 && !e->a->option[OPTION_QUIET].given)
        app_say("prompt lookup: %zu tokens in %zu runs of the model, %.2f a run", tokens, runs, (double)tokens / (double)runs);
}

static bool write_one(struct engine *e, const struct engine_order *o, const char *path, struct error *error)
{
    struct modality_state state;
    struct generate_constraint constraint = modality_constraint(&state, &e->vocabulary, MODALITY_TEXT);
    struct writing w = {.e = e};
    struct ids prompt = {0}, negative = {0};
    struct search_result result = {0};
    struct generation options = *o->options;                   /* a view */
    size_t runs = 0;
    options.sampling.seed = o->seed;
    bool plain = path == NULL && !e->a->option[OPTION_JSON].given, one = options.num_beams == 1 && options.num_return_sequences == 1 && options.force_words_n == 0;
    bool stream = plain && one && (e->a->option[OPTION_STREAM].given || isatty(STDOUT_FILENO));
    struct generate_request q = {.options = &options, .constraint = e->vocabulary.joint ? &constraint : NULL, .token = decoding_token, .token_context = e->vocabulary.bpe,
        .on_token = stream ? on_token : on_quiet_token, .on_token_context = &w, .runs = &runs};
    if (e->vocabulary.joint) options.sampling.eos = engine_eos();
    bool ok = prompt_ids(e, o->prompt, &prompt, error) && (o->negative == NULL || prompt_ids(e, o->negative, &negative, error)) &&
              decoding_check(&options, e->model.config.V, error) && generation_last(&options, prompt.n, e->model.config.T, &q.last, error) &&
              bytes_append_text(&w.text, o->prompt, error);
    q.prompt = prompt.id, q.prompt_n = prompt.n, q.negative = negative.id, q.negative_n = negative.n;
    struct engine_order done = *o;
    done.options = &options;
    if (ok && stream) show(&w);
    ok = ok && search(&e->runner, &q, &result, error);
    if (ok && stream) putchar('\n');
    else ok = ok && write_results(e, &done, &result, prompt.n, path, error);
    if (ok) tell_lookup(e, &options, result.sequences.list[0].n - prompt.n, runs);
    search_result_free(&result);
    ids_free(&prompt), ids_free(&negative);
    bytes_free(&w.text);
    return ok;
}

/* What goes together on the command line, before anything is loaded. */
static bool check_use(const struct arguments *a, const struct generation *g, struct error *error)
{
    bool several = g->num_beams > 1 || g->num_return_sequences > 1;
    if (a->option[OPTION_STREAM].given && (several || a->option[OPTION_JSON].given || a->option[OPTION_OUTPUT].given))
        return error_set(error, ERROR_USAGE, "--stream: shows one text as it comes; no beams, --num-return-sequences, --json or -o are wanted");
    if (g->num_return_sequences > 1 && a->option[OPTION_OUTPUT].given)
        return error_set(error, ERROR_USAGE, "--num-return-sequences: has no file names; -n, or no -o, is wanted");
    return true;
}

bool verb_write(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    struct generation options = {0};
    int count = (int)a->option[OPTION_COUNT].number;
    if (a->words > 1) return error_set(error, ERROR_USAGE, "%d prompts; one, in quotes, is wanted", a->words);
    struct engine_order o = {.kind = MODALITY_TEXT, .verb = "write", .prompt = a->words > 0 ? a->word[0] : "", .negative = a->option[OPTION_NEGATIVE_PROMPT].text, .options = &options};
    if (a->option[OPTION_CHAT].given) return verb_chat(a, error);
    if (a->option[OPTION_SYSTEM].given) return error_set(error, ERROR_USAGE, "--system: is for conversations; --chat with it is wanted");
    if (strstr(o.prompt, FILL_MARK) != NULL) return verb_fill(a, error);
    bool ok = decoding_text_options(a, &DEFAULTS, &options, error) && check_use(a, &options, error);
    if (ok && options.max_new_tokens < 0 && options.max_length < 0) options.max_new_tokens = NEW_TOKENS;
    bool to_file = a->option[OPTION_OUTPUT].text != NULL;
    char path[PATH_MAX];
    if (ok) o.seed = options.sampling.do_sample || to_file ? engine_seed(a) : 0;
    for (int i = 0; ok && to_file && i < count; i++) ok = make_path(a, MODALITY_TEXT, o.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error);
    ok = ok && engine_start(&e, a, false, error) && decoding_breakers(a, e.vocabulary.bpe, &options, error);
    if (ok && o.prompt[0] == '\0' && !e.vocabulary.joint && e.vocabulary.begin < 0) ok = error_set(error, ERROR_USAGE, "the prompt is empty; this model wants one");
    for (int i = 0; ok && i < count && !app_stop; i++, o.seed++)
        ok = (!to_file || make_path(a, MODALITY_TEXT, o.seed, count, path, error)) && write_one(&e, &o, to_file ? path : NULL, error);
    engine_stop(&e);
    generation_free(&options);
    return ok;
}
