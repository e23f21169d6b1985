/* fill: each <fill> of a text is replaced, from first to last, by the middle that fits both sides best (core/infill.h). A triptych
 * that learned it is also asked directly, with both sides in view (forms.h). */
#include "app/fill.h"
#include "app/make.h"
#include "app/picture.h"
#include "app/tune.h"
#include "core/file.h"
#include "core/infill.h"
#include "core/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct decoding_defaults DEFAULTS = {.temperature = 0.8, .top_k = 50, .top_p = 0.95, .guidance = 1, .do_sample = true};
enum { MIDDLE_MOST = 24, RIGHT_MOST = 64 };          /* ids of a middle when nothing is said; ids of the right side that are looked at */

struct filling {
    struct engine *e;
    const struct generation *options;
    struct bytes text;               /* what is whole so far */
    struct ids all;                  /* its ids */
    struct bytes report;             /* JSON, a hole each */
    bool space_before, space_behind; /* the hole stands between spaces */
};

/* A middle keeps characters whole, and the spaces around the hole. */
static bool is_whole(void *context, const int32_t *ids, size_t n)
{
    struct filling *f = context;
    struct bytes text = {0};
    struct error ignored = {0};
    bool ok = bpe_decode(f->e->vocabulary.bpe, ids, n, true, &text, &ignored) && utf8_valid(text.data, text.n, NULL);
    if (f->space_before) ok = ok && text.n > 0 && isspace(text.data[0]);
    if (f->space_behind) ok = ok && (text.n == 0 || !isspace(text.data[text.n - 1]));
    bytes_free(&text);
    return ok;
}

/* The ids before the hole, of which the last `most` are kept behind the opening tokens. */
static bool left_ids(const struct filling *f, size_t most, struct ids *head, struct ids *left, struct error *error)
{
    const struct vocabulary *v = &f->e->vocabulary;
    struct ids words = {0};
    bool ok = v->joint ? form_prompt(v, MODALITY_TEXT, NULL, head, error) : f->options->bos < 0 || ids_append(head, f->options->bos, error);
    ok = ok && bpe_encode(v->bpe, f->text.data, f->text.n, false, &words, error);
    size_t room = most > head->n ? most - head->n : 0, from = words.n > room ? words.n - room : 0;
    if (ok && !v->joint && words.n > 0) head->n = 0;           /* plain text wants no opening */
    ok = ok && ids_append_many(left, head->id, head->n, error) && ids_append_many(left, words.id + from, words.n - from, error);
    ids_free(&words);
    if (ok && left->n == 0) ok = error_set(error, ERROR_INPUT, "fill: nothing stands before the first %s; this model wants some words there", FILL_MARK);
    return ok;
}

static bool report(struct filling *f, const struct infill_middle *m, double without, double plain, size_t tried, struct error *error)
{
    struct bytes text = {0};
    bool ok = bpe_decode(f->e->vocabulary.bpe, m->ids.id, m->ids.n, true, &text, error) && (f->report.n == 0 || bytes_append_byte(&f->report, ',', error)) &&
              bytes_append_text(&f->report, "{\"middle\":", error) && json_quote(&f->report, bytes_text(&text), text.n, error) &&
              bytes_printf(&f->report, error, ",\"tokens\":%zu,\"log_middle\":%.6g,\"log_right\":%.6g,\"log_right_without\":%.6g,\"log_right_plain\":%.6g,\"score\":%.6g,\"tried\":%zu}",
                           m->ids.n, m->own, m->right, without, plain, m->score, tried);
    bytes_free(&text);
    return ok;
}

/* log p(right | left and a plain greedy continuation of as many ids as the middle has): what filling without looking is worth. */
static bool plain_score(const struct filling *f, const struct ids *left, const struct ids *right, size_t n, double *out, struct error *error)
{
    struct generation greedy = GENERATION_DEFAULT;
    struct sampling_scratch scratch = {0};
    struct ids made = {0};
    struct session *session = session_start_on(&f->e->model, f->e->packed, 1, (int)(left->n + n + 1), f->e->pool, error);
    struct generate_request q = {.prompt = left->id, .prompt_n = left->n, .options = &greedy, .last = left->n + n};
    bool ok = session != NULL && sampling_scratch_init(&scratch, f->e->model.config.V, error) &&
              (n == 0 ? ids_append_many(&made, left->id, left->n, error) : generate(session, &q, 1, &scratch, (struct ids *[]){&made}, error)) &&
              infill_score(&f->e->runner, made.id, made.n, right->id, right->n, out, error);
    session_stop(session);
    sampling_scratch_free(&scratch);
    ids_free(&made);
    return ok;
}

static bool fill_hole(struct filling *f, const char *right_text, size_t right_length, uint64_t seed, struct error *error)
{
    const struct vocabulary *v = &f->e->vocabulary;
    struct modality_state state;
    struct generate_constraint constraint = modality_constraint(&state, v, MODALITY_TEXT);
    struct ids head = {0}, left = {0}, right = {0}, both = {0};
    struct infill_result result = {0};
    struct generation options = *f->options;                   /* a view */
    double without = 0, plain = 0;
    size_t most = options.max_new_tokens > 0 ? (size_t)options.max_new_tokens : MIDDLE_MOST, T = (size_t)f->e->model.config.T;
    options.sampling.seed = seed;
    if (v->joint) options.sampling.eos = engine_eos();
    if (f->text.n > 0 && f->text.data[f->text.n - 1] == ' ') f->space_before = true, f->text.n--;
    else f->space_before = false;
    f->space_behind = right_length > 0 && isspace((unsigned char)right_text[0]);
    bool ok = bpe_encode(v->bpe, right_text, right_length, false, &right, error);
    if (right.n > RIGHT_MOST) right.n = RIGHT_MOST;
    if (ok && 2 * (most + right.n) + 8 > T) ok = error_set(error, ERROR_INPUT, "fill: %zu tokens in the hole; at most %zu are wanted", most, T > 2 * right.n + 8 ? (T - 2 * right.n - 8) / 2 : 0);
    ok = ok && left_ids(f, T - most - 2 * right.n - 4, &head, &left, error);
    struct infill_request q = {.right_n = right.n, .right = right.id, .left = left.id, .left_n = left.n, .prompts = {{left.id, left.n}}, .prompts_n = 1, .options = &options,
        .candidates = (int)f->e->a->option[OPTION_CANDIDATES].number, .most = (int)most, .constraint = v->joint ? &constraint : NULL, .whole = is_whole, .whole_context = f};
    if (ok && v->joint) {
        ok = form_fill(v, left.id + head.n, left.n - head.n, right.id, right.n, &both, error);
        q.prompts[q.prompts_n++] = (struct infill_prompt){both.id, both.n};
    }
    ok = ok && infill(&f->e->runner, &q, &result, error);
    if (ok && result.n == 0) ok = error_set(error, ERROR_INPUT, "fill: no middle was found; more --candidates or --max-new-tokens are wanted");
    if (ok && f->e->a->option[OPTION_JSON].given)
        ok = infill_score(&f->e->runner, left.id, left.n, right.id, right.n, &without, error) && plain_score(f, &left, &right, result.middle[0].ids.n, &plain, error) &&
             report(f, &result.middle[0], without, plain, result.n, error);
    ok = ok && bpe_decode(v->bpe, result.middle[0].ids.id, result.middle[0].ids.n, true, &f->text, error) && bytes_append(&f->text, right_text, right_length, error);
    infill_result_free(&result);
    ids_free(&head), ids_free(&left), ids_free(&right), ids_free(&both);
    return ok;
}

static bool put_out(struct filling *f, const struct engine_order *o, const char *path, struct error *error)
{
    struct piece piece = {.kind = MODALITY_TEXT, .text = f->text};
    bool json = f->e->a->option[OPTION_JSON].given;
    bool ok = bpe_encode(f->e->vocabulary.bpe, f->text.data, f->text.n, false, &f->all, error);
    if (ok && (json || path != NULL)) ok = engine_recipe(f->e, o, f->all.id, f->all.n, &piece.recipe, error);
    if (ok && path != NULL) ok = engine_write(f->e->a, &piece, path, NULL, error) && (json || make_tell(f->e->a, o, &piece, path, error));
    if (ok && json) {
        struct bytes line = {0};
        ok = bytes_append_text(&line, "{\"text\":", error) && json_quote(&line, bytes_text(&f->text), f->text.n, error) &&
             bytes_printf(&line, error, ",\"fills\":[%s],\"recipe\":%s}", bytes_text(&f->report), bytes_text(&piece.recipe));
        if (ok) puts(bytes_text(&line));
        bytes_free(&line);
    } else if (ok && path == NULL) printf("%s\n", bytes_text(&f->text));
    bytes_free(&piece.recipe);
    return ok;
}

static bool fill_one(struct engine *e, const struct engine_order *o, const char *text, const char *path, struct error *error)
{
    struct filling f = {.e = e, .options = o->options};
    const char *mark = strstr(text, FILL_MARK);
    bool ok = bytes_append(&f.text, text, (size_t)(mark - text), error);
    for (uint64_t hole = 0; ok && mark != NULL && !app_stop; hole++) {
        const char *right = mark + strlen(FILL_MARK);
        mark = strstr(right, FILL_MARK);
        ok = fill_hole(&f, right, mark == NULL ? strlen(right) : (size_t)(mark - right), o->seed + 1000003 * hole, error);
    }
    ok = ok && put_out(&f, o, path, error);
    bytes_free(&f.text), bytes_free(&f.report);
    ids_free(&f.all);
    return ok;
}

/* The text itself, or what is in the file of that name. */
static bool read_text(const char *word, struct bytes *out, struct error *error)
{
    struct piece piece = {0};
    bool file = strstr(word, FILL_MARK) == NULL;
    if (file && modality_of_path(word) != &modality_text) return error_set(error, ERROR_USAGE, "'%.80s' has no %s and is no .txt; a text with holes is wanted", word, FILL_MARK);
    bool ok = file ? modality_read_file(word, &piece, error) && bytes_append(out, piece.text.data, piece.text.n, error) : bytes_append_text(out, word, error);
    while (ok && file && out->n > 0 && out->data[out->n - 1] == '\n') out->data[--out->n] = '\0';
    piece_free(&piece);
    if (ok && strstr(bytes_text(out), FILL_MARK) == NULL) ok = error_set(error, ERROR_INPUT, "%.80s: has no %s; a text with holes is wanted", word, FILL_MARK);
    return ok;
}

bool verb_fill(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    struct generation options = {0};
    struct bytes text = {0};
    char path[PATH_MAX];
    int count = (int)a->option[OPTION_COUNT].number;
    bool to_file = a->option[OPTION_OUTPUT].text != NULL;
    if (a->words > 0 && strstr(a->word[0], FILL_MARK) == NULL && modality_of_path(a->word[0]) == &modality_image) return picture_fill(a, error);
    if (a->words != 1) return error_set(error, ERROR_USAGE, "%d texts; one, in quotes or a file, is wanted", a->words);
    if (strstr(a->word[0], FILL_MARK) == NULL && modality_of_path(a->word[0]) == &modality_music) {
        if (!a->option[OPTION_BARS].given) return error_set(error, ERROR_USAGE, "--bars is missing; the bars to fill, as 5-8, are wanted");
        return tune_verb(a, "fill", tune_fill, error);
    }
    struct engine_order o = {.kind = MODALITY_TEXT, .verb = "fill", .options = &options};
    bool ok = read_text(a->word[0], &text, error) && decoding_text_options(a, &DEFAULTS, &options, error);
    options.guidance_scale = 1;
    if (!a->option[OPTION_LENGTH_PENALTY].given) options.length_penalty = 0;
    if (ok && options.sampling.min_new_tokens < 1) options.sampling.min_new_tokens = 1;
    if (ok) o.seed = engine_seed(a), o.prompt = bytes_text(&text);
    for (int i = 0; ok && to_file && i < count; i++) ok = make_path(a, MODALITY_TEXT, o.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error);
    ok = ok && engine_start(&e, a, false, error) && decoding_check(&options, e.model.config.V, error);
    for (int i = 0; ok && i < count && !app_stop; i++, o.seed++)
        ok = (!to_file || make_path(a, MODALITY_TEXT, o.seed, count, path, error)) && fill_one(&e, &o, bytes_text(&text), to_file ? path : NULL, error);
    engine_stop(&e);
    generation_free(&options);
    bytes_free(&text);
    return ok;
}
