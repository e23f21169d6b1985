/* Decoding against Hugging Face: every reference case of every family through the table of options, each step of the chain by
 * hand, the searches, stop strings, guesses from the prompt, and what must be refused. */
#include "core/random.h"
#include "core/search.h"
#include "tests/reference.h"

#include <math.h>
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
    ck_assert_msg(search(model, &q, &result, &error), "%s", error.text);
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

int main(void)
{
    Suite *suite = suite_create("generate");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, every_reference_case_is_equal, 0, REFERENCES_N);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
