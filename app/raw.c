/* generate and logits: ids in, ids or numbers out, as JSON; no tokenizer is read. */
#include "app/engine.h"
#include "core/gradient.h"
#include "core/mem.h"
#include "core/search.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool wrong_ids(const char *text, struct error *error)
{
    return error_set(error, ERROR_USAGE, "--ids: '%.40s' is no list of ids; one like \"1,2,3\" is wanted", text);
}

/* One list, from behind its bracket up to the closing one or the end of the text; *at moves behind it. */
static bool parse_list(const char *text, const char **at, int V, struct ids *out, struct error *error)
{
    while (**at != '\0' && **at != ']') {
        char *end;
        errno = 0;
        long id = strtol(*at, &end, 10);
        if (end == *at || errno != 0) return wrong_ids(text, error);
        if (id < 0 || id >= V) return error_set(error, ERROR_USAGE, "--ids: %ld is out of range; 0 to %d is wanted", id, V - 1);
        if (!ids_append(out, (int32_t)id, error)) return false;
        *at = end;
        while (**at == ' ' || **at == ',') ++*at;
    }
    return out->n > 0 || wrong_ids(text, error);
}

/* "1,2,3", "[1,2,3]" or "[[1,2],[3]]" */
static bool parse_ids(const char *text, int V, struct ids_list *out, struct error *error)
{
    const char *at = text;
    int depth = 0;
    for (;;) {
        while (*at == '[' || *at == ' ') depth += *at++ == '[';
        struct ids *ids = depth > 2 ? NULL : ids_list_add(out, error);
        if (depth > 2) return wrong_ids(text, error);
        if (ids == NULL || !parse_list(text, &at, V, ids, error)) return false;
        while (*at == ']' || *at == ' ') depth -= *at++ == ']';
        if (*at == ',' && depth == 1) at++;
        else break;
    }
    return (*at == '\0' && depth == 0) || wrong_ids(text, error);
}

static bool start(const struct arguments *a, struct model *model, struct ids_list *prompts, struct error *error)
{
    char folder[PATH_MAX];
    const struct option_value *ids = &a->option[OPTION_IDS];
    if (a->words > 0) return error_set(error, ERROR_USAGE, "'%.80s' is no option; ids come with --ids", a->word[0]);
    if (!ids->given) return error_set(error, ERROR_USAGE, "--ids is missing; a list like \"1,2,3\" is wanted");
    if (!app_model_folder(a, folder, sizeof folder, error) || !model_load(folder, model, error)) return false;
    for (int i = 0; i < ids->n; i++)
        if (!parse_ids(ids->list[i], model->config.V, prompts, error)) return false;
    for (size_t i = 0; i < prompts->n; i++)
        if (prompts->list[i].n > (size_t)model->config.T) return error_set(error, ERROR_USAGE, "--ids: %zu ids; the model's context holds %d", prompts->list[i].n, model->config.T);
    return true;
}

/* All rows through the training pass: the other way to the same numbers. */
static bool batched_logits(const struct model *model, const struct ids *ids, float *logits, struct error *error)
{
    int starts[2] = {0, (int)ids->n};
    struct ids targets = {0};
    struct slab *slab = slab_start(model, (int)ids->n, error);
    bool ok = slab != NULL;
    for (size_t i = 0; ok && i < ids->n; i++) ok = ids_append(&targets, TARGET_IGNORED, error);
    if (ok) {
        struct batch batch = {.n = (int)ids->n, .sequences = 1, .ids = ids->id, .targets = targets.id, .starts = starts};
        gradient_logits(model, slab, &batch, logits);
    }
    ids_free(&targets);
    slab_stop(slab);
    return ok;
}

bool verb_logits(const struct arguments *a, struct error *error)
{
    struct model model = {0};
    struct ids_list prompts = {0};
    struct session *session = NULL;
    float *logits = NULL;                                      /* (n, V) */
    bool ok = start(a, &model, &prompts, error);
    if (ok && prompts.n != 1) ok = error_set(error, ERROR_USAGE, "--ids: %zu lists; one is wanted", prompts.n);
    size_t V = ok ? (size_t)model.config.V : 0;
    const struct ids *ids = ok ? &prompts.list[0] : NULL;
    ok = ok && (logits = mem_alloc(ids->n * V, sizeof *logits, error)) != NULL;
    if (ok && a->option[OPTION_BATCHED].given) ok = batched_logits(&model, ids, logits, error);
    else if (ok) ok = (session = session_start(&model, 1, (int)ids->n, error)) != NULL && session_feed(session, 0, ids->id, ids->n, true, logits, error);
    if (ok) fputs("{\"logits\":[", stdout);
    for (size_t i = 0; ok && i < ids->n; i++)
        for (size_t k = 0; k < V; k++) printf("%s%.9g%s", k == 0 ? (i == 0 ? "[" : ",[") : ",", (double)logits[i * V + k], k == V - 1 ? "]" : "");
    if (ok) puts("]}");
    mem_free(logits);
    session_stop(session);
    ids_list_free(&prompts);
    model_free(&model);
    return ok;
}

/* ---- generate ---- */

enum { ROWS = 64 };                  /* sequences that run side by side */

/* Many prompts without a search: batches of sequences. Piece r of prompt p is number p * num_return_sequences + r. */
static bool generate_plain(const struct runner *runner, const struct generation *g, const struct generate_request *requests, size_t n, struct search_result *result, struct error *error)
{
    size_t each = (size_t)g->num_return_sequences, all = n * each;
    struct sampling_scratch scratch = {0};
    bool ok = sampling_scratch_init(&scratch, runner->model->config.V, error);
    for (size_t i = 0; ok && i < all; i++) ok = ids_list_add(&result->sequences, error) != NULL;
    for (size_t done = 0; ok && done < all;) {
        struct generate_request q[ROWS];
        struct ids *out[ROWS];
        int rows = 0, length = 0;
        int most = g->prompt_lookup_num_tokens > 0 ? 1 : ROWS;
        for (; rows < most && done + (size_t)rows < all; rows++) {
            q[rows] = requests[(done + (size_t)rows) / each];
            q[rows].piece = done + (uint64_t)rows;
            out[rows] = &result->sequences.list[done + (size_t)rows];
            length = generate_length(&q[rows]) > length ? generate_length(&q[rows]) : length;
        }
        struct session *session = session_start_on(runner->model, runner->packed, generate_sequences(g, rows), length, runner->pool, error);
        ok = session != NULL && generate(session, q, rows, &scratch, out, error);
        session_stop(session);
        done += (size_t)rows;
    }
    sampling_scratch_free(&scratch);
    return ok;
}

struct score_rows { struct bytes text; int V; };

/* A row of scores as JSON. */
static bool keep_scores(void *context, const float *scores, struct error *error)
{
    struct score_rows *rows = context;
    bool ok = bytes_append_text(&rows->text, rows->text.n == 0 ? "[" : ",[", error);
    for (int i = 0; ok && i < rows->V; i++)
        ok = isfinite(scores[i]) ? bytes_printf(&rows->text, error, i > 0 ? ",%.9g" : "%.9g", (double)scores[i]) : bytes_append_text(&rows->text, i > 0 ? ",null" : "null", error);
    return ok && bytes_append_byte(&rows->text, ']', error);
}

static bool generate_all(const struct runner *runner, const struct generation *g, const struct ids_list *prompts, struct bpe *letters, struct score_rows *scores,
                         size_t *runs, struct search_result *result, struct error *error)
{
    enum generation_mode mode = generation_mode(g);
    struct generate_request *requests = mem_alloc(prompts->n, sizeof *requests, error);
    bool ok = requests != NULL;
    for (size_t i = 0; ok && i < prompts->n; i++) {
        const struct ids *p = &prompts->list[i];
        requests[i] = (struct generate_request){.prompt = p->id, .prompt_n = p->n, .options = g, .negative = g->negative_prompt.id, .negative_n = g->negative_prompt.n, .piece = i,
            .token = letters == NULL ? NULL : decoding_token, .token_context = letters, .runs = runs,
            .on_scores = scores == NULL ? NULL : keep_scores, .on_scores_context = scores};
        ok = generation_last(g, p->n, runner->model->config.T, &requests[i].last, error);
    }
    if (ok && (mode == GENERATION_GREEDY || mode == GENERATION_SAMPLE)) ok = generate_plain(runner, g, requests, prompts->n, result, error);
    else
        for (size_t i = 0; ok && i < prompts->n; i++) ok = search(runner, &requests[i], result, error);
    mem_free(requests);
    return ok;
}

static bool print_result(const struct generation *g, struct search_result *result, const struct score_rows *scores, struct error *error)
{
    size_t longest = 0;
    int32_t pad = generation_pad(g);
    for (size_t i = 0; i < result->sequences.n; i++) longest = result->sequences.list[i].n > longest ? result->sequences.list[i].n : longest;
    fputs("{\"sequences\":[", stdout);
    for (size_t i = 0; i < result->sequences.n; i++) {
        struct ids *ids = &result->sequences.list[i];
        while (ids->n < longest)
            if (!ids_append(ids, pad, error)) return false;
        for (size_t k = 0; k < ids->n; k++) printf("%s%d", k > 0 ? "," : i > 0 ? ",[" : "[", (int)ids->id[k]);
        putchar(']');
    }
    putchar(']');
    for (size_t i = 0; result->scores != NULL && i < result->sequences.n; i++) {
        fputs(i > 0 ? "," : ",\"sequences_scores\":[", stdout);
        if (isfinite(result->scores[i])) printf("%.9g", result->scores[i]);
        else fputs("null", stdout);                            /* JSON has no infinity */
    }
    if (result->scores != NULL) putchar(']');
    if (scores != NULL) printf(",\"scores\":[%s]", bytes_text(&scores->text));
    puts("}");
    return true;
}

bool verb_generate(const struct arguments *a, struct error *error)
{
    static const struct decoding_defaults defaults = {.temperature = 1, .top_k = 50, .top_p = 1, .guidance = 1};
    char folder[PATH_MAX];
    struct model model = {0};
    struct ids_list prompts = {0};
    struct generation g = {0};
    struct search_result result = {0};
    struct vocabulary letters = {0};                           /* read for stop strings only */
    struct score_rows rows = {0}, *scores = a->option[OPTION_OUTPUT_SCORES].given ? &rows : NULL;
    size_t runs = 0;
    bool ok = app_model_folder(a, folder, sizeof folder, error) && decoding_options(a, &defaults, folder, &g, error) && start(a, &model, &prompts, error);
    if (ok && scores != NULL && (prompts.n > 1 || g.num_return_sequences > 1 || generation_mode(&g) > GENERATION_SAMPLE))
        ok = error_set(error, ERROR_USAGE, "--output-scores: goes with one prompt and one sequence without a search");
    rows.V = model.config.V;
    ok = ok && decoding_check(&g, model.config.V, error);
    if (ok && g.stop_strings.n > 0) ok = vocabulary_load(folder, &letters, error);
    if (ok && g.sampling.do_sample) g.sampling.seed = engine_seed(a);
    struct threads *pool = ok ? threads_start((int)a->option[OPTION_THREADS].number, error) : NULL;
    struct packed *packed = pool == NULL ? NULL : packed_start(&model, app_precision(a), pool, error);
    struct runner runner = {&model, packed, pool};
    ok = packed != NULL && generate_all(&runner, &g, &prompts, letters.bpe, scores, &runs, &result, error) && print_result(&g, &result, scores, error);
    if (ok && g.prompt_lookup_num_tokens > 0) app_say("prompt lookup: the model ran %zu times behind the prompts", runs);
    packed_stop(packed);
    threads_stop(pool);
    bytes_free(&rows.text);
    search_result_free(&result);
    vocabulary_free(&letters);
    generation_free(&g);
    ids_list_free(&prompts);
    model_free(&model);
    return ok;
}
