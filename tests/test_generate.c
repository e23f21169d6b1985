/* Decoding against Hugging Face: every reference case of every family through the table of options, each step of the chain by
 * hand, the searches, stop strings, guesses from the prompt, and what must be refused. */
#include "core/file.h"
#include "core/infill.h"
#include "core/random.h"
#include "core/search.h"
#include "tests/generate_cases.h"
#include "tests/reference.h"
#include "tests/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct ids read_list(const cJSON *array)
{
    struct ids out = {0};
    const cJSON *item;
    struct error error = {0};
    cJSON_ArrayForEach(item, array) ck_assert(ids_append(&out, (int32_t)item->valuedouble, &error));
    return out;
}

static void set(struct generation *g, const char *name, const char *text)
{
    struct error error = {0};
    ck_assert_msg(generation_set_text(g, name, text, name, &error), "%s", error.text);
}

/* Options of a reference case over the end id of its file. */
static struct generation read_options(const cJSON *options, int eos)
{
    struct generation g = GENERATION_DEFAULT;
    struct error error = {0};
    const cJSON *item;
    if (eos >= 0) ck_assert(ids_append(&g.sampling.eos, eos, &error));
    cJSON_ArrayForEach(item, options) ck_assert_msg(generation_set(&g, item->string, item, item->string, &error), "%s", error.text);
    return g;
}

static struct search_result run(const struct model *model, const struct generation *g, const struct ids *prompt, size_t *runs)
{
    struct search_result result = {0};
    struct error error = {0};
    struct generate_request q = {.prompt = prompt->id, .prompt_n = prompt->n, .options = g, .negative = g->negative_prompt.id, .negative_n = g->negative_prompt.n, .runs = runs};
    ck_assert_msg(generation_check(g, model->config.V, &error) && generation_last(g, prompt->n, model->config.T, &q.last, &error), "%s", error.text);
    ck_assert_msg(search(&(struct runner){.model = model}, &q, &result, &error), "%s", error.text);
    return result;
}

START_TEST(every_reference_case_is_equal)
{
    struct reference r = reference_load(REFERENCES[_i], "logits.safetensors");
    cJSON *cases = reference_cases(REFERENCES[_i]);
    const cJSON *c, *row;
    int done = 0, scored = 0, eos = (int)json_member(cases, "eos_token_id")->valuedouble;
    cJSON_ArrayForEach(c, json_member(cases, "generation")) {
        struct generation g = read_options(json_member(c, "options"), eos);
        struct ids prompt = read_list(json_member(c, "prompt"));
        struct search_result result = run(&r.model, &g, &prompt, NULL);
        const cJSON *scores = json_member(c, "sequences_scores");
        size_t at = 0;
        ck_assert_int_eq(cJSON_GetArraySize(json_member(c, "sequences")), (int)result.sequences.n);
        cJSON_ArrayForEach(row, json_member(c, "sequences")) {
            struct ids wanted = read_list(row), *made = &result.sequences.list[at];
            ck_assert_msg(made->n == wanted.n && memcmp(made->id, wanted.id, wanted.n * sizeof *wanted.id) == 0, "case %d, sequence %zu differs", done, at);
            if (scores != NULL) ck_assert_double_eq_tol(result.scores[at], cJSON_GetArrayItem(scores, (int)at)->valuedouble, 1e-4);
            scored += scores != NULL;
            ids_free(&wanted);
            at++;
        }
        search_result_free(&result);
        ids_free(&prompt);
        generation_free(&g);
        done++;
    }
    ck_assert_int_ge(done, 50);
    ck_assert_int_ge(scored, 40);
    cJSON_Delete(cases);
    reference_free(&r);
}
END_TEST

static cJSON *json(const char *text)
{
    struct error error = {0};
    cJSON *root = json_parse(text, strlen(text), &error);
    ck_assert_msg(root != NULL, "%s: %s", text, error.text);
    return root;
}

static struct model load(const char *name)
{
    char folder[100];
    struct model model;
    struct error error = {0};
    snprintf(folder, sizeof folder, "tests/fixtures/tiny-%s", name);
    ck_assert_msg(model_load(folder, &model, &error), "%s", error.text);
    return model;
}

START_TEST(further_cases_are_equal)
{
    const struct generate_case *c = &GENERATE_CASES[_i];
    struct model model = load(c->model);
    cJSON *options = json(c->options), *p = json(c->prompt), *rows = json(c->sequences), *scores = c->scores == NULL ? NULL : json(c->scores);
    struct ids prompt = read_list(p);
    struct generation g = read_options(options, json_member(options, "eos_token_id") == NULL ? 319 : -1);
    struct search_result result = run(&model, &g, &prompt, NULL);
    ck_assert_int_eq(cJSON_GetArraySize(rows), (int)result.sequences.n);
    for (size_t i = 0; i < result.sequences.n; i++) {
        struct ids wanted = read_list(cJSON_GetArrayItem(rows, (int)i)), *made = &result.sequences.list[i];
        ck_assert_msg(made->n == wanted.n && memcmp(made->id, wanted.id, wanted.n * sizeof *wanted.id) == 0, "%s %s: sequence %zu differs", c->model, c->options, i);
        if (scores != NULL) ck_assert_double_eq_tol(result.scores[i], cJSON_GetArrayItem(scores, (int)i)->valuedouble, 1e-4);
        ids_free(&wanted);
    }
    search_result_free(&result);
    generation_free(&g);
    ids_free(&prompt);
    cJSON_Delete(options), cJSON_Delete(p), cJSON_Delete(rows), cJSON_Delete(scores);
    model_free(&model);
}
END_TEST

/* ---- the chain ---- */

START_TEST(warpers_equal)
{
    struct error error = {0};
    cJSON *cases = reference_cases("tests/fixtures/tiny-gpt2");
    const cJSON *c;
    int done = 0;
    cJSON_ArrayForEach(c, json_member(cases, "warpers")) {
        float logits[64];
        int V = 0;
        const cJSON *item;
        cJSON_ArrayForEach(item, json_member(c, "logits")) logits[V++] = (float)item->valuedouble;
        struct sampling_scratch scratch;
        struct generation g = read_options(json_member(c, "options"), -1);
        g.sampling.do_sample = true;
        if (json_member(json_member(c, "options"), "top_k") == NULL) g.sampling.top_k = 0;
        ck_assert(sampling_scratch_init(&scratch, V, &error));
        sampling_process(&g.sampling, &(struct sampling_context){0}, &scratch, logits);
        double sum = 0;
        for (int i = 0; i < V; i++) sum += exp((double)logits[i]);
        for (int i = 0; i < V; i++) {
            double want = cJSON_GetArrayItem(json_member(c, "probs"), i)->valuedouble, p = exp((double)logits[i]) / sum;
            ck_assert_msg(fabs(p - want) <= 1e-6, "case %d, id %d: %.8f, %.8f is wanted", done, i, p, want);
        }
        sampling_scratch_free(&scratch);
        generation_free(&g);
        done++;
    }
    ck_assert_int_ge(done, 10);
    cJSON_Delete(cases);
}
END_TEST

#define NO -INFINITY
/* One step each on logits of six ids, worked out by hand. `keep` as in beam sampling. */
static const struct step_case { const char *name, *text; int32_t ids[8]; size_t n, prompt, last; int keep; float in[6], out[6]; bool sample; } STEPS[] = {
    {"sequence_bias", "[[[3],2.5],[[1,4],-1.0],[[2,4],9.0]]", {0, 1}, 2, 2, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, 0, 2.5f, -1, 0}, false},
    {"repetition_penalty", "2", {1, 1, 3}, 3, 1, 9, 0, {1, 2, 3, -4, 5, 6}, {1, 1, 3, -8, 5, 6}, false},
    {"encoder_repetition_penalty", "2", {1, 3, 4}, 3, 2, 9, 0, {1, 2, 3, -4, 5, 6}, {1, 4, 3, -2, 5, 6}, false},
    {"no_repeat_ngram_size", "2", {1, 2, 1, 3, 1}, 5, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, NO, NO, 0, 0}, false},
    {"no_repeat_ngram_size", "1", {1, 4}, 2, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, NO, 0, 0, NO, 0}, false},
    {"encoder_no_repeat_ngram_size", "2", {1, 2, 1, 3, 1}, 5, 2, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, NO, 0, 0, 0}, false},
    {"bad_words_ids", "[[5],[4],[1,2],[3,0]]", {0, 1}, 2, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, NO, 0, NO, 0}, false},    /* 5 is the end: it stays */
    {"min_length", "3", {0, 1}, 2, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, NO}, false},
    {"min_length", "3", {0, 1, 2}, 3, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0}, false},
    {"min_new_tokens", "3", {0, 1, 2}, 3, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, NO}, false},
    {"forced_bos_token_id", "2", {1}, 1, 1, 9, 0, {1, 2, 3, 4, 5, 6}, {NO, NO, 0, NO, NO, NO}, false},
    {"forced_bos_token_id", "2", {1, 0}, 2, 2, 9, 0, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, false},
    {"forced_eos_token_id", "[2,3]", {1, 0}, 2, 1, 3, 0, {1, 2, 3, 4, 5, 6}, {NO, NO, 0, 0, NO, NO}, false},
    {"exponential_decay_length_penalty", "[1,1.5]", {0, 1, 1, 1}, 4, 1, 9, 0, {0, 0, 0, 0, 0, -2}, {0, 0, 0, 0, 0, 0.5f}, false},
    {"suppress_tokens", "[0,2]", {1}, 1, 1, 9, 0, {1, 2, 3, 4, 5, 6}, {NO, 2, NO, 4, 5, 6}, false},
    {"begin_suppress_tokens", "[0,2]", {1, 1}, 2, 2, 9, 0, {1, 2, 3, 4, 5, 6}, {NO, 2, NO, 4, 5, 6}, false},
    {"begin_suppress_tokens", "[0,2]", {1, 1}, 2, 1, 9, 0, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, false},
    {"temperature", "2", {1}, 1, 1, 9, 0, {1, 2, 3, 4, 5, 6}, {0.5f, 1, 1.5f, 2, 2.5f, 3}, true},
    {"temperature", "2", {1}, 1, 1, 9, 0, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, false},                                 /* greedy: untouched */
    {"top_k", "2", {1}, 1, 1, 9, 0, {1, 2, 6, 4, 5, 5}, {NO, NO, 6, NO, 5, 5}, true},                                      /* equal ones stay together */
    {"top_k", "1", {1}, 1, 1, 9, 2, {1, 2, 6, 4, 5, 3}, {NO, NO, 6, NO, 5, NO}, true},
    {"top_p", "0.1", {1}, 1, 1, 9, 0, {1, 2, 6, 4, 5, 3}, {NO, NO, 6, NO, NO, NO}, true},
    {"top_p", "0.1", {1}, 1, 1, 9, 3, {1, 2, 6, 4, 5, 3}, {NO, NO, 6, 4, 5, NO}, true},
    {"min_p", "0.2", {1}, 1, 1, 9, 0, {1, 2, 6, 4, 5, 3}, {NO, NO, 6, NO, 5, NO}, true},                                   /* e^-1 = 0.37, e^-2 = 0.14 */
    {"epsilon_cutoff", "0.2", {1}, 1, 1, 9, 0, {1, 2, 6, 4, 5, 3}, {NO, NO, 6, NO, 5, NO}, true},
    {"top_n_sigma", "1", {1}, 1, 1, 9, 0, {0, 0, 0, 0, 0, 6}, {NO, NO, NO, NO, NO, 6}, true},                              /* deviation 2.236 */
    {"top_n_sigma", "3", {1}, 1, 1, 9, 0, {0, 0, 0, 0, 0, 6}, {0, 0, 0, 0, 0, 6}, true},
    {"repeat_penalty", "2", {1, 3}, 2, 1, 9, 0, {1, 2, 3, -4, 5, 6}, {1, 1, 3, -8, 5, 6}, false},
    {"frequency_penalty", "0.5", {1, 3, 1}, 3, 1, 9, 0, {1, 2, 3, 4, 5, 6}, {1, 1, 3, 3.5f, 5, 6}, false},
    {"presence_penalty", "0.5", {1, 3, 1}, 3, 1, 9, 0, {1, 2, 3, 4, 5, 6}, {1, 1.5f, 3, 3.5f, 5, 6}, false},
    {"dry_multiplier", "1", {0, 1, 2, 3, 0, 1, 2}, 7, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, 0, -1.75f, 0, 0}, false},       /* 0 1 2 again: 1.75^(3-2) */
    {"dry_multiplier", "1", {4, 1, 2, 3, 0, 1, 2}, 7, 1, 9, 0, {0, 0, 0, 0, 0, 0}, {0, 0, 0, -1, 0, 0}, false},
};
#undef NO

START_TEST(each_step_does_what_its_name_says)
{
    const struct step_case *c = &STEPS[_i];
    struct generation g = GENERATION_DEFAULT;
    struct sampling_scratch scratch;
    struct error error = {0};
    float logits[6];
    set(&g, "eos_token_id", "5");
    set(&g, c->name, c->text);
    g.sampling.do_sample = c->sample;
    if (strcmp(c->name, "top_k") != 0) g.sampling.top_k = 0;
    ck_assert(sampling_scratch_init(&scratch, 6, &error));
    memcpy(logits, c->in, sizeof logits);
    sampling_process(&g.sampling, &(struct sampling_context){.ids = c->ids, .n = c->n, .prompt = c->prompt, .last = c->last, .keep = c->keep}, &scratch, logits);
    for (int i = 0; i < 6; i++)
        ck_assert_msg((logits[i] == c->out[i]) || fabsf(logits[i] - c->out[i]) < 1e-5f, "%s %s: id %d: %g, %g is wanted", c->name, c->text, i, (double)logits[i], (double)c->out[i]);
    sampling_scratch_free(&scratch);
    generation_free(&g);
}
END_TEST

static struct sampling_scratch scratch_of(int V)
{
    struct sampling_scratch scratch;
    struct error error = {0};
    ck_assert(sampling_scratch_init(&scratch, V, &error));
    return scratch;
}

START_TEST(dry_stops_at_breakers)
{
    const int32_t ids[] = {0, 1, 2, 3, 0, 1, 2};
    struct generation g = GENERATION_DEFAULT;
    struct sampling_scratch scratch = scratch_of(6);
    set(&g, "dry_multiplier", "1");
    set(&g, "dry_sequence_breakers_ids", "[[0]]");             /* what is repeated begins behind 0: two ids, 1.75^0 */
    float a[6] = {0}, b[6] = {0};
    sampling_process(&g.sampling, &(struct sampling_context){.ids = ids, .n = 7}, &scratch, a);
    ck_assert(a[3] == -1);
    set(&g, "dry_sequence_breakers_ids", "[[0,1]]");           /* one id is left: too short */
    sampling_process(&g.sampling, &(struct sampling_context){.ids = ids, .n = 7}, &scratch, b);
    ck_assert(b[3] == 0);
    set(&g, "dry_sequence_breakers_ids", "[[3]]");             /* a breaker itself costs nothing */
    memset(b, 0, sizeof b);
    sampling_process(&g.sampling, &(struct sampling_context){.ids = ids, .n = 7}, &scratch, b);
    ck_assert(b[3] == 0);
    sampling_scratch_free(&scratch);
    generation_free(&g);
}
END_TEST

START_TEST(xtc_leaves_out_the_likeliest_now_and_then)
{
    enum { N = 4000 };
    struct generation g = GENERATION_DEFAULT;
    struct sampling_scratch scratch = scratch_of(4);
    int without = 0;
    set(&g, "do_sample", "true"), set(&g, "xtc_probability", "0.3");
    for (int i = 0; i < N; i++) {                              /* probabilities 0.44, 0.32, 0.12, 0.12: two to four above 0.1 */
        float logits[4] = {1.3f, 1.0f, 0, 0};
        sampling_process(&g.sampling, &(struct sampling_context){.piece = (uint64_t)i}, &scratch, logits);
        without += !(logits[0] > -INFINITY);
        ck_assert(logits[0] > -INFINITY || (!(logits[1] > -INFINITY) && (logits[2] > -INFINITY) + (logits[3] > -INFINITY) == 1));
    }
    ck_assert_double_eq_tol((double)without / N, 0.3, 0.03);
    sampling_scratch_free(&scratch);
}
END_TEST

START_TEST(mirostat_keeps_the_surprise)
{
    enum { V = 256, N = 3000 };
    struct generation g = GENERATION_DEFAULT;
    struct sampling_scratch scratch = scratch_of(V);
    double state = 0, sum = 0;
    set(&g, "do_sample", "true"), set(&g, "mirostat", "2"), set(&g, "mirostat_tau", "3");
    for (int i = 0; i < N; i++) {
        float logits[V];
        for (int k = 0; k < V; k++) logits[k] = -logf((float)(k + 1));             /* Zipf: entropy about 6 bits */
        int32_t id = sampling_choose(&g.sampling, &(struct sampling_context){.piece = 1, .n = (size_t)i, .mirostat = &state}, &scratch, logits);
        double mass = 0;
        for (int k = 0; k < V; k++) mass += logits[k] > -INFINITY ? exp((double)logits[k]) : 0;
        sum += -log2(exp((double)logits[id]) / mass);
    }
    ck_assert_double_eq_tol(sum / N, 3, 0.1);
    sampling_scratch_free(&scratch);
}
END_TEST

START_TEST(steps_run_in_the_order_asked_for)
{
    struct generation g = GENERATION_DEFAULT;
    struct sampling_scratch scratch = scratch_of(4);
    struct error error = {0};
    set(&g, "do_sample", "true"), set(&g, "temperature", "10"), set(&g, "min_p", "0.5"), set(&g, "top_k", "0");
    float first[4] = {4, 3, 2, 1}, last[4] = {4, 3, 2, 1}, none[4] = {4, 3, 2, 1};
    sampling_process(&g.sampling, &(struct sampling_context){0}, &scratch, first);          /* flat first: all within a half */
    ck_assert(first[3] > -INFINITY);
    set(&g, "samplers", "min_p;temp");
    sampling_process(&g.sampling, &(struct sampling_context){0}, &scratch, last);
    ck_assert(!(last[1] > -INFINITY) && last[0] == 0.4f);
    set(&g, "samplers", "top_p");
    sampling_process(&g.sampling, &(struct sampling_context){0}, &scratch, none);
    ck_assert(none[0] == 4 && none[3] == 1);
    ck_assert(!generation_set_text(&g, "samplers", "top_p;heat", "--samplers", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "--samplers: 'heat' is no step"));
    sampling_scratch_free(&scratch);
}
END_TEST

/* Draws follow the distribution, and depend on seed, piece and step alone. */
START_TEST(draws_follow_the_distribution)
{
    enum { V = 5, N = 20000 };
    const float base[V] = {0, 1, 2, -1, 0.5f};
    struct sampling s = SAMPLING_DEFAULT;
    struct sampling_scratch scratch = scratch_of(V);
    s.do_sample = true, s.seed = 11;
    int counts[V] = {0};
    int32_t first = -1;
    for (int i = 0; i < N; i++) {
        float logits[V];
        memcpy(logits, base, sizeof base);
        int32_t id = sampling_choose(&s, &(struct sampling_context){.piece = (uint64_t)i}, &scratch, logits);
        if (i == 0) first = id;
        counts[id]++;
    }
    double sum = 0;
    for (int i = 0; i < V; i++) sum += exp((double)base[i]);
    for (int i = 0; i < V; i++) ck_assert_double_eq_tol((double)counts[i] / N, exp((double)base[i]) / sum, 0.012);
    float logits[V];
    memcpy(logits, base, sizeof base);
    ck_assert_int_eq(sampling_choose(&s, &(struct sampling_context){0}, &scratch, logits), first);
    const uint8_t allowed[V] = {0, 0, 0, 1, 0};
    memcpy(logits, base, sizeof base);
    ck_assert_int_eq(sampling_choose(&s, &(struct sampling_context){.allowed = allowed}, &scratch, logits), 3);
    sampling_scratch_free(&scratch);
}
END_TEST

/* What passes on its probability gives it to the allowed of its group in proportion; without such it goes to all alike. */
START_TEST(what_is_forbidden_counts_for_its_like)
{
    enum { V = 6 };
    const float base[V] = {0, 1, 2, 0.5f, 3, -1};
    const uint8_t yes = SAMPLING_MARK(SAMPLING_ALLOWED, 3), no = SAMPLING_MARK(SAMPLING_PASSES, 3), other = SAMPLING_MARK(SAMPLING_ALLOWED, 1);
    struct sampling s = SAMPLING_DEFAULT;
    struct sampling_scratch scratch = scratch_of(V);
    float logits[V];
    memcpy(logits, base, sizeof base);
    sampling_process(&s, &(struct sampling_context){.allowed = (const uint8_t[V]){other, yes, no, yes, no, SAMPLING_FORBIDDEN}}, &scratch, logits);
    double more = log1p((exp(2) + exp(3)) / (exp(1) + exp(0.5)));
    ck_assert(logits[0] == 0 && logits[2] == -INFINITY && logits[4] == -INFINITY && logits[5] == -INFINITY);
    ck_assert_double_eq_tol((double)logits[1], 1 + more, 1e-5);
    ck_assert_double_eq_tol((double)logits[3], 0.5 + more, 1e-5);
    memcpy(logits, base, sizeof base);
    int32_t id = sampling_choose(&s, &(struct sampling_context){.allowed = (const uint8_t[V]){other, other, no, no, no, SAMPLING_FORBIDDEN}}, &scratch, logits);
    ck_assert(id == 1 && logits[0] == 0 && logits[1] == 1 && logits[3] == -INFINITY);
    sampling_scratch_free(&scratch);
}
END_TEST

/* ---- sequences ---- */

static bool same_ids(const struct ids *a, const struct ids *b) { return a->n == b->n && memcmp(a->id, b->id, a->n * sizeof *a->id) == 0; }

/* Several prompts side by side, greedily and drawn, with guidance and without: each as alone. */
START_TEST(batched_equals_single)
{
    enum { N = 5 };
    struct model model = load(_i % 2 ? "gpt2" : "qwen3");
    struct error error = {0};
    struct generation g = GENERATION_DEFAULT;
    struct sampling_scratch scratch = scratch_of(model.config.V);
    struct generate_request q[N];
    struct ids prompts[N] = {{0}}, together[N] = {{0}}, *out[N];
    set(&g, "eos_token_id", "[3,7,11,15,19,23,27,31,35,39,43,47,51]");         /* so that some end early */
    set(&g, "do_sample", _i < 2 ? "false" : "true"), set(&g, "repetition_penalty", "1.2"), set(&g, "guidance_scale", _i == 3 ? "1.7" : "1");
    for (int i = 0; i < N; i++) {
        for (int t = 0; t <= 2 * i; t++) ck_assert(ids_append(&prompts[i], (int32_t)random_below(5, (uint64_t)i, (uint64_t)t, 300), &error));
        q[i] = (struct generate_request){.prompt = prompts[i].id, .prompt_n = prompts[i].n, .options = &g, .last = prompts[i].n + 10 + (size_t)i, .piece = (uint64_t)i};
        out[i] = &together[i];
    }
    struct session *session = session_start(&model, generate_sequences(&g, N), 64, &error);
    ck_assert_msg(generate(session, q, N, &scratch, out, &error), "%s", error.text);
    for (int i = 0; i < N; i++) {
        struct ids alone = {0};
        ck_assert(generate(session, &q[i], 1, &scratch, (struct ids *[]){&alone}, &error));
        ck_assert(same_ids(&alone, &together[i]) && alone.n > prompts[i].n);
        ids_free(&alone), ids_free(&prompts[i]), ids_free(&together[i]);
    }
    session_stop(session);
    sampling_scratch_free(&scratch);
    generation_free(&g);
    model_free(&model);
}
END_TEST

/* Greedy ids are those of the full forward pass over the whole sequence. */
START_TEST(cached_equals_full_forward)
{
    struct reference r = reference_load(REFERENCES[_i], "logits.safetensors");
    struct generation g = GENERATION_DEFAULT;
    struct error error = {0};
    set(&g, "max_new_tokens", "24");
    struct ids prompt = {.id = r.batch.ids, .n = 7}, targets = {0};
    struct search_result result = run(&r.model, &g, &prompt, NULL);
    const struct ids *made = &result.sequences.list[0];
    int starts[2] = {0, (int)made->n}, V = r.model.config.V;
    struct slab *slab = slab_start(&r.model, (int)made->n, &error);
    float *logits = mem_alloc(made->n * (size_t)V, sizeof *logits, &error);
    for (size_t i = 0; i < made->n; i++) ck_assert(ids_append(&targets, TARGET_IGNORED, &error));
    gradient_logits(&r.model, slab, &(struct batch){.n = (int)made->n, .sequences = 1, .ids = made->id, .targets = targets.id, .starts = starts}, logits);
    for (size_t i = prompt.n; i < made->n; i++) {
        const float *x = logits + (i - 1) * (size_t)V;
        int best = 0;
        for (int k = 1; k < V; k++) best = x[k] > x[best] ? k : best;
        ck_assert_int_eq(best, made->id[i]);
    }
    mem_free(logits), slab_stop(slab), ids_free(&targets);
    search_result_free(&result);
    reference_free(&r);
}
END_TEST

/* With guesses from the prompt: the same ids, greedily and drawn, in fewer runs where the text repeats itself. */
START_TEST(prompt_lookup_changes_nothing)
{
    struct model model = load(_i % 2 ? "llama" : "gpt2");
    struct error error = {0};
    size_t saved = 0;
    for (uint64_t piece = 0; piece < 12; piece++) {
        struct generation g = GENERATION_DEFAULT;
        struct ids prompt = {0};
        size_t runs = 0;
        set(&g, "max_new_tokens", "60"), set(&g, "eos_token_id", "319"), set(&g, "do_sample", _i < 2 ? "false" : "true"), set(&g, "temperature", "0.3");
        if (piece % 3 == 1) set(&g, "sequence_bias", "[[[9],6.0],[[9,10],9.0],[[10,11],9.0],[[11,9],9.0]]");       /* a round: 9 10 11 9 … */
        for (uint64_t t = 0; t < 12; t++) ck_assert(ids_append(&prompt, (int32_t)random_below(7, piece, t % 5, 300), &error));
        struct search_result plain = run(&model, &g, &prompt, NULL);
        set(&g, "prompt_lookup_num_tokens", piece % 2 ? "10" : "3"), set(&g, "max_matching_ngram_size", piece % 4 ? "2" : "3");
        struct search_result guessed = run(&model, &g, &prompt, &runs);
        ck_assert_msg(same_ids(&plain.sequences.list[0], &guessed.sequences.list[0]), "piece %d differs", (int)piece);
        saved += plain.sequences.list[0].n - prompt.n - 1 - runs;
        ck_assert_uint_le(runs, plain.sequences.list[0].n - prompt.n);
        search_result_free(&plain), search_result_free(&guessed);
        ids_free(&prompt);
        generation_free(&g);
    }
    ck_assert_uint_gt(saved, 20);
    model_free(&model);
}
END_TEST

START_TEST(beam_draws_come_from_the_seed)
{
    struct model model = load("llama");
    const struct ids prompt = {.id = (int32_t[]){5, 6, 7}, .n = 3};
    struct generation g = GENERATION_DEFAULT;
    set(&g, "do_sample", "true"), set(&g, "num_beams", "4"), set(&g, "num_return_sequences", "4"), set(&g, "max_new_tokens", "12"), set(&g, "eos_token_id", "319");
    int different = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        g.sampling.seed = seed;
        struct search_result a = run(&model, &g, &prompt, NULL), b = run(&model, &g, &prompt, NULL);
        for (size_t i = 0; i < 4; i++) ck_assert(same_ids(&a.sequences.list[i], &b.sequences.list[i]) && (i == 0 || a.scores[i] <= a.scores[i - 1]));
        g.sampling.seed = seed + 100;
        struct search_result c = run(&model, &g, &prompt, NULL);
        different += !same_ids(&a.sequences.list[0], &c.sequences.list[0]);
        search_result_free(&a), search_result_free(&b), search_result_free(&c);
    }
    ck_assert_int_ge(different, 5);
    generation_free(&g);
    model_free(&model);
}
END_TEST

/* ---- ends ---- */

static const char *const LETTERS[] = {"st", "op", "stop", "opera", "sto", "pper", "las", "topper", "s", "to", "pped", "at", "tion", "<eos>", ""};
static const uint8_t *letters(void *context, int32_t id, size_t *n)
{
    (void)context;
    *n = strlen(LETTERS[id]);
    return (const uint8_t *)LETTERS[id];
}

START_TEST(stop_strings_end_with_the_token_that_completes_them)
{
    static const struct { int32_t ids[3]; size_t n; bool hit; } cases[] = {
        {{0, 1}, 2, true}, {{2}, 1, true}, {{0, 3}, 2, true}, {{4, 5}, 2, true}, {{6, 7}, 2, true}, {{8, 9, 10}, 3, true},
        {{2, 11}, 2, false}, {{0, 1, 11}, 3, false}, {{0, 3, 12}, 3, false}, {{0}, 1, false}, {{1}, 1, false}, {{0, 14, 1}, 3, true}, {{13}, 1, false}, {{2, 14}, 2, false}};
    struct generation g = GENERATION_DEFAULT;
    struct error error = {0};
    ck_assert(generation_add_stop(&g, "no such", &error) && generation_add_stop(&g, "stop", &error));
    struct stopping s = stopping_start(&g, 10, letters, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) ck_assert_msg(stopping_hit(&s, cases[i].ids, cases[i].n) == cases[i].hit, "case %zu", i);
    ck_assert(stopping_hit(&s, cases[0].ids, 10));             /* the last place */
    ck_assert(!generation_add_stop(&g, "", &error));
    generation_free(&g);
}
END_TEST

START_TEST(time_ends_a_sequence)
{
    struct model model = load("gpt2");
    const struct ids prompt = {.id = (int32_t[]){5, 6, 7}, .n = 3};
    for (int beams = 1; beams <= 2; beams++) {
        struct generation g = GENERATION_DEFAULT;
        set(&g, "max_new_tokens", "100"), set(&g, "max_time", "0.000001"), set(&g, "num_beams", beams == 1 ? "1" : "2");
        struct search_result r = run(&model, &g, &prompt, NULL);
        ck_assert_uint_eq(r.sequences.list[0].n, 4);
        search_result_free(&r);
    }
    model_free(&model);
}
END_TEST

/* ---- options ---- */

static void put(const char *folder, const char *name, const char *text)
{
    char path[200];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert(file_write(path, text, strlen(text), &error));
}

START_TEST(generation_config_is_read)
{
    char folder[] = "/tmp/triptych-generation-XXXXXX", command[100];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct bytes notes = {0};
    struct error error = {0};
    struct generation g = GENERATION_DEFAULT;
    put(folder, "config.json", "{\"eos_token_id\": [4, 5], \"pad_token_id\": 6, \"bos_token_id\": null, \"vocab_size\": 9}");
    ck_assert_msg(generation_read(folder, &g, &notes, &error), "%s", error.text);        /* without a file of its own: config.json */
    ck_assert(g.sampling.eos.n == 2 && g.sampling.eos.id[1] == 5 && g.pad == 6 && g.bos == -1 && notes.n == 0);
    generation_free(&g);
    g = GENERATION_DEFAULT;
    put(folder, "generation_config.json", "{\"temperature\": 0.6, \"do_sample\": true, \"top_p\": 0.9, \"max_length\": 4096, \"transformers_version\": \"4.40.0\", \"use_cache\": true, \"chat_format\": \"x\", "
        "\"early_stopping\": \"never\", \"stop_strings\": [\"a\", \"b\"], \"force_words_ids\": [[1, 2], [[3], [4, 5]]], \"min_p\": null, \"typical_p\": 7, \"exponential_decay_length_penalty\": [3, 1.1]}");
    ck_assert_msg(generation_read(folder, &g, &notes, &error), "%s", error.text);
    ck_assert(g.sampling.temperature == 0.6 && g.sampling.do_sample && g.sampling.top_p == 0.9 && g.max_length == 4096 && g.sampling.eos.n == 0);     /* as there: no end id then */
    ck_assert(g.early_stopping == EARLY_STOPPING_NEVER && g.stop_strings.n == 2 && g.force_words_n == 2 && g.force_words[1].words.n == 2 && g.sampling.decay_factor == 1.1);
    ck_assert_ptr_nonnull(strstr(bytes_text(&notes), "chat_format is unknown"));
    ck_assert_ptr_nonnull(strstr(bytes_text(&notes), "typical_p: 7 is out of range"));
    ck_assert_ptr_null(strstr(bytes_text(&notes), "use_cache"));
    generation_free(&g);
    static const struct { const char *text, *message; } wrong[] = {
        {"{\"watermarking_config\": {\"bias\": 2}}", "watermarking_config is not supported"}, {"{\"bad_words_ids\": [5]}", "bad_words_ids: a JSON list of lists"},
        {"{\"do_sample\": 1}", "do_sample: true or false"}, {"{\"early_stopping\": \"maybe\"}", "early_stopping: true, false or never"}, {"{\"eos_token_id\": [-1]}", "eos_token_id: holds something that is no id"},
        {"{\"sequence_bias\": [[5, 1.0]]}", "sequence_bias"}, {"{\"stop_strings\": [3]}", "stop_strings: a text"}, {"{", "JSON"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        g = GENERATION_DEFAULT;
        error_clear(&error);
        put(folder, "generation_config.json", wrong[i].text);
        ck_assert(!generation_read(folder, &g, &notes, &error));
        ck_assert_msg(strstr(error.text, wrong[i].message) != NULL && strstr(error.text, "generation_config.json") != NULL, "%s", error.text);
        generation_free(&g);
    }
    bytes_free(&notes);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

static const struct { const char *name, *text, *message; } WRONG[] = {
    {"temperature", "0", "0.01 to 100"}, {"top_p", "1.5", "0 to 1"}, {"top_p", "nan", "is no number"}, {"num_beams", "2.5", "no whole number"}, {"num_beams", "0", "1 to 1024"}, {"top_k", "x", "no whole number"},
    {"bad_words_ids", "[[]]", "none of them empty"}, {"bad_words_ids", "[[5", "JSON"}, {"sequence_bias", "[[[1],2],[[3]]]", "pairs"}, {"force_words_ids", "[]", "JSON list"},
    {"exponential_decay_length_penalty", "[1]", "[start, factor]"}, {"early_stopping", "maybe", "JSON"}, {"samplers", "top_k;top_k", "stands twice"}, {"no_such", "1", "no such option"}};

START_TEST(wrong_values_are_refused)
{
    struct generation g = GENERATION_DEFAULT;
    struct error error = {0};
    ck_assert(!generation_set_text(&g, WRONG[_i].name, WRONG[_i].text, WRONG[_i].name, &error));
    ck_assert_msg(strstr(error.text, WRONG[_i].message) != NULL && strstr(error.text, WRONG[_i].name) != NULL, "%s", error.text);
    generation_free(&g);
}
END_TEST

static const struct { const char *a, *av, *b, *bv, *message; } CLASHES[] = {
    {"num_return_sequences", "2", "num_beams", "1", "greedy search has one result"}, {"num_return_sequences", "4", "num_beams", "3", "at most num_beams, 3"},
    {"num_beam_groups", "2", "num_beams", "3", "a divisor of num_beams"}, {"num_beam_groups", "2", "num_beams", "4", "diversity_penalty: 0"}, {"force_words_ids", "[[1]]", "num_beams", "1", "at least 2"},
    {"force_words_ids", "[[[1],[1,2]]]", "num_beams", "2", "the beginning of another"}, {"force_words_ids", "[[1]]", "do_sample", "true", "num_beams is 1"}, {"bad_words_ids", "[[320]]", "num_beams", "1", "id 320; 0 to 319"},
    {"sequence_bias", "[[[400],1]]", "num_beams", "1", "sequence_bias: id 400"}, {"forced_eos_token_id", "9", "suppress_tokens", "[9,8]", "suppress_tokens: holds the forced id"},
    {"mirostat", "1", "do_sample", "true", "version 1 is not here"}, {"mirostat", "2", "num_beams", "2", "does not go with beams"}, {"guidance_scale", "2", "prompt_lookup_num_tokens", "3", "goes with neither"},
    {"pad_token_id", "320", "num_beams", "1", "beyond the vocabulary"}, {"forced_eos_token_id", "320", "num_beams", "1", "forced_eos_token_id: id 320"}};

START_TEST(clashing_options_are_refused)
{
    struct generation g = GENERATION_DEFAULT;
    struct error error = {0};
    set(&g, CLASHES[_i].a, CLASHES[_i].av), set(&g, CLASHES[_i].b, CLASHES[_i].bv);
    ck_assert(!generation_check(&g, 320, &error));
    ck_assert_msg(strstr(error.text, CLASHES[_i].message) != NULL, "%s", error.text);
    generation_free(&g);
}
END_TEST

START_TEST(lengths_follow_the_rules)
{
    struct generation g = GENERATION_DEFAULT;
    struct error error = {0};
    size_t last;
    ck_assert(generation_last(&g, 5, 128, &last, &error) && last == 25);                    /* nothing said: 20 new ids */
    g.max_length = 30;
    ck_assert(generation_last(&g, 5, 128, &last, &error) && last == 30);
    g.max_new_tokens = 7;
    ck_assert(generation_last(&g, 5, 128, &last, &error) && last == 12);                    /* wins */
    ck_assert(generation_last(&g, 125, 128, &last, &error) && last == 128);                 /* the context's end */
    ck_assert(!generation_last(&g, 128, 128, &last, &error) && strstr(error.text, "less than 128") != NULL);
    error_clear(&error);
    g.max_new_tokens = -1;
    ck_assert(!generation_last(&g, 30, 128, &last, &error) && strstr(error.text, "max_length: 30") != NULL);
}
END_TEST

/* ---- no memory ---- */

static const char *const HUNGRY[][2] = {{"num_beams", "2"}, {"num_beam_groups", "2"}, {"force_words_ids", "[[4,5]]"}, {"penalty_alpha", "0.5"}, {"prompt_lookup_num_tokens", "3"}, {"guidance_scale", "2"}};

START_TEST(every_allocation_may_fail)
{
    struct model model = load("llama");
    struct error error = {0};
    struct generation g = GENERATION_DEFAULT;
    set(&g, "max_new_tokens", "4"), set(&g, "top_k", "3"), set(&g, "diversity_penalty", "1"), set(&g, "eos_token_id", "319");
    if (_i == 1 || _i == 2) set(&g, "num_beams", "4");
    set(&g, HUNGRY[_i][0], HUNGRY[_i][1]);
    struct generate_request q = {.prompt = (int32_t[]){5, 6, 5}, .prompt_n = 3, .options = &g, .last = 7};
    size_t k = 1;
    for (bool ok = false; !ok; k++) {
        struct search_result result = {0};
        error_clear(&error);
        mem_fail_at(k);
        ok = search(&(struct runner){.model = &model}, &q, &result, &error);
        mem_fail_at(0);
        ck_assert(ok || error.kind == ERROR_MEMORY);
        search_result_free(&result);
    }
    ck_assert_uint_gt(k, 8);
    generation_free(&g);
    model_free(&model);
}
END_TEST

/* ---- holes ---- */

START_TEST(middles_are_ranked_by_what_stands_behind_them)
{
    struct model model = load("qwen3");
    struct error error = {0};
    struct generation g = GENERATION_DEFAULT;
    set(&g, "do_sample", "true"), set(&g, "min_new_tokens", "1"), set(&g, "eos_token_id", "319");
    const int32_t left[] = {5, 6, 7, 8}, right[] = {40, 41, 42};
    struct infill_request q = {.left = left, .left_n = 4, .right = right, .right_n = 3, .prompts = {{left, 4}}, .prompts_n = 1, .options = &g, .candidates = 20, .most = 6};
    struct infill_result a = {0}, b = {0};
    ck_assert_msg(infill(&(struct runner){.model = &model}, &q, &a, &error), "%s", error.text);
    ck_assert(infill(&(struct runner){.model = &model}, &q, &b, &error));
    ck_assert_uint_gt(a.n, 20);
    ck_assert_uint_eq(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        const struct infill_middle *m = &a.middle[i];
        int32_t all[16];
        double own, behind;
        ck_assert(same_ids(&m->ids, &b.middle[i].ids) && m->ids.n >= 1 && m->ids.n <= 6);
        ck_assert(i == 0 || m->score <= a.middle[i - 1].score);
        memcpy(all, left, sizeof left), memcpy(all + 4, m->ids.id, m->ids.n * sizeof *all);
        ck_assert(infill_score(&(struct runner){.model = &model}, left, 4, m->ids.id, m->ids.n, &own, &error) && infill_score(&(struct runner){.model = &model}, all, 4 + m->ids.n, right, 3, &behind, &error));
        ck_assert_double_eq_tol(own, m->own, 1e-9);
        ck_assert_double_eq_tol(behind, m->right, 1e-9);
        ck_assert_double_eq_tol(m->score, (own + behind) / (double)(m->ids.n + 3), 1e-9);
        for (size_t k = 0; k < i; k++) ck_assert(!same_ids(&m->ids, &a.middle[k].ids));
    }
    infill_result_free(&a), infill_result_free(&b);
    q.most = 200;
    ck_assert(!infill(&(struct runner){.model = &model}, &q, &a, &error) && strstr(error.text, "the model's context") != NULL);
    generation_free(&g);
    model_free(&model);
}
END_TEST

#define COUNT(table) (int)(sizeof table / sizeof *table)

int main(void)
{
    Suite *suite = suite_create("generate");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, every_reference_case_is_equal, 0, REFERENCES_N);
    tcase_add_loop_test(all, further_cases_are_equal, 0, COUNT(GENERATE_CASES));
    tcase_add_test(all, warpers_equal);
    tcase_add_loop_test(all, each_step_does_what_its_name_says, 0, COUNT(STEPS));
    tcase_add_test(all, dry_stops_at_breakers);
    tcase_add_test(all, xtc_leaves_out_the_likeliest_now_and_then);
    tcase_add_test(all, mirostat_keeps_the_surprise);
    tcase_add_test(all, steps_run_in_the_order_asked_for);
    tcase_add_test(all, draws_follow_the_distribution);
    tcase_add_test(all, what_is_forbidden_counts_for_its_like);
    tcase_add_loop_test(all, batched_equals_single, 0, 4);
    tcase_add_loop_test(all, cached_equals_full_forward, 0, REFERENCES_N);
    tcase_add_loop_test(all, prompt_lookup_changes_nothing, 0, 4);
    tcase_add_test(all, beam_draws_come_from_the_seed);
    tcase_add_test(all, stop_strings_end_with_the_token_that_completes_them);
    tcase_add_test(all, time_ends_a_sequence);
    tcase_add_test(all, generation_config_is_read);
    tcase_add_loop_test(all, wrong_values_are_refused, 0, COUNT(WRONG));
    tcase_add_loop_test(all, clashing_options_are_refused, 0, COUNT(CLASHES));
    tcase_add_test(all, lengths_follow_the_rules);
    tcase_add_loop_test(all, every_allocation_may_fail, 0, COUNT(HUNGRY));
    tcase_add_test(all, middles_are_ranked_by_what_stands_behind_them);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
