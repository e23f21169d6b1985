/* generate and logits: ids in, ids or numbers out, as JSON; no tokenizer is read. */
#include "app/engine.h"
#include "core/gradient.h"
#include "core/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* "1,2,3" (also with brackets and spaces) */
static bool parse_ids(const char *text, int V, struct ids *out, struct error *error)
{
    if (text == NULL) return error_set(error, ERROR_USAGE, "--ids is missing; a list like \"1,2,3\" is wanted");
    const char *at = text;
    while (*at == '[' || *at == ' ') at++;
    while (*at != '\0' && *at != ']') {
        char *end;
        errno = 0;
        long id = strtol(at, &end, 10);
        if (end == at || errno != 0) return error_set(error, ERROR_USAGE, "--ids: '%.40s' is no list of ids; one like \"1,2,3\" is wanted", text);
        if (id < 0 || id >= V) return error_set(error, ERROR_USAGE, "--ids: %ld is out of range; 0 to %d is wanted", id, V - 1);
        if (!ids_append(out, (int32_t)id, error)) return false;
        at = end;
        while (*at == ' ' || *at == ',') at++;
    }
    while (*at == ']' || *at == ' ') at++;
    if (*at != '\0' || out->n == 0) return error_set(error, ERROR_USAGE, "--ids: '%.40s' is no list of ids; one like \"1,2,3\" is wanted", text);
    return true;
}

static bool start(const struct arguments *a, struct model *model, struct ids *ids, struct error *error)
{
    char folder[PATH_MAX];
    if (a->words > 0) return error_set(error, ERROR_USAGE, "'%.80s' is no option; ids come with --ids", a->word[0]);
    if (!app_model_folder(a, folder, sizeof folder, error) || !model_load(folder, model, error) || !parse_ids(a->option[OPTION_IDS].text, model->config.V, ids, error)) return false;
    if (ids->n > (size_t)model->config.T) return error_set(error, ERROR_USAGE, "--ids: %zu ids; the model's context holds %d", ids->n, model->config.T);
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
    struct ids ids = {0};
    struct session *session = NULL;
    float *logits = NULL;                                      /* (n, V) */
    bool ok = start(a, &model, &ids, error);
    size_t V = ok ? (size_t)model.config.V : 0;
    ok = ok && (logits = mem_alloc(ids.n * V, sizeof *logits, error)) != NULL;
    if (ok && a->option[OPTION_BATCHED].given) ok = batched_logits(&model, &ids, logits, error);
    else if (ok) ok = (session = session_start(&model, 1, (int)ids.n, error)) != NULL && session_feed(session, 0, ids.id, ids.n, true, logits, error);
    if (ok) fputs("{\"logits\":[", stdout);
    for (size_t i = 0; ok && i < ids.n; i++)
        for (size_t k = 0; k < V; k++) printf("%s%.9g%s", k == 0 ? (i == 0 ? "[" : ",[") : ",", (double)logits[i * V + k], k == V - 1 ? "]" : "");
    if (ok) puts("]}");
    mem_free(logits);
    session_stop(session);
    ids_free(&ids);
    model_free(&model);
    return ok;
}

bool verb_generate(const struct arguments *a, struct error *error)
{
    static const struct engine_defaults defaults = {.temperature = 1, .top_k = 50, .top_p = 1, .do_sample = false};
    struct model model = {0};
    struct ids ids = {0}, made = {0};
    struct sampling s = {0};
    struct session *session = NULL;
    struct sampling_scratch scratch = {0};
    bool ok = engine_sampling(a, &defaults, &s, error) && start(a, &model, &ids, error);
    if (ok && s.do_sample) s.seed = engine_seed(a);
    if (ok) {
        const struct option_value *v = a->option;
        s.eos = model.config.eos;
        double most = v[OPTION_MAX_NEW_TOKENS].given ? v[OPTION_MAX_NEW_TOKENS].number : (v[OPTION_MAX_LENGTH].given ? v[OPTION_MAX_LENGTH].number : 20) - (double)ids.n;
        double room = (double)model.config.T - (double)ids.n;
        if (most > room) most = room;
        if (most < 1) ok = error_set(error, ERROR_USAGE, "no room for new tokens behind %zu ids; a larger --max-length is wanted", ids.n);
        struct generate_request q = {.prompt = ids.id, .prompt_n = ids.n, .guidance_scale = 1, .max_new_tokens = (size_t)most, .sampling = &s};
        ok = ok && (session = session_start(&model, 1, (int)((double)ids.n + most), error)) != NULL && sampling_scratch_init(&scratch, model.config.V, error) &&
             generate(session, 0, &q, &scratch, &made, NULL, error);
    }
    if (ok) fputs("{\"sequences\":[[", stdout);
    for (size_t i = 0; ok && i < made.n; i++) printf("%s%d", i ? "," : "", (int)made.id[i]);
    if (ok) puts("]]}");
    session_stop(session);
    sampling_scratch_free(&scratch);
    sampling_free(&s);
    ids_free(&ids), ids_free(&made);
    model_free(&model);
    return ok;
}
