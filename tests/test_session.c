/* Inference: the KV cache against the reference logits, batches against single sequences, decoding against Hugging Face. */
#include "core/generate.h"
#include "core/random.h"
#include "core/stream.h"
#include "tests/reference.h"

#include <math.h>
#include <string.h>

START_TEST(cache_equals_reference)
{
    struct reference r = reference_load(REFERENCES[_i], "logits.safetensors");
    struct error error = {0};
    int V = r.model.config.V;
    const float *wanted = safetensors_find(&r.file, "logits")->data;
    struct session *s = session_start(&r.model, 1, 64, &error);
    float *logits = mem_alloc((size_t)r.T * (size_t)V, sizeof *logits, &error), *one = mem_alloc((size_t)V, sizeof *one, &error);
    for (int b = 0; b < r.batch.sequences; b++) {
        session_cut(s, 0, 0);
        ck_assert(session_feed(s, 0, r.batch.ids + b * r.T, (size_t)r.T, true, logits, &error));
        for (int i = 0; i < r.T * V; i++)
            ck_assert_msg(fabsf(logits[i] - wanted[b * r.T * V + i]) <= 1e-4f, "logit %d: %g, %g is wanted", i, (double)logits[i], (double)wanted[b * r.T * V + i]);
        session_cut(s, 0, 0);
        for (int t = 0; t < r.T; t++) {                       /* token by token: the same bits */
            ck_assert(session_feed(s, 0, r.batch.ids + b * r.T + t, 1, false, one, &error));
            ck_assert_mem_eq(one, logits + t * V, (size_t)V * sizeof *one);
        }
    }
    mem_free(logits);
    mem_free(one);
    session_stop(s);
    reference_free(&r);
}
END_TEST

START_TEST(batched_equals_single)
{
    struct reference r = reference_load(REFERENCES[_i], "logits.safetensors");
    struct error error = {0};
    enum { N = 5, STEPS = 12 };
    size_t V = (size_t)r.model.config.V;
    struct session *many = session_start(&r.model, N, 64, &error), *single = session_start(&r.model, 1, 64, &error);
    float *a = mem_alloc(N * V, sizeof *a, &error), *b = mem_alloc(V, sizeof *b, &error);
    int sequences[N];
    int32_t ids[STEPS][N];
    for (int i = 0; i < N; i++) sequences[i] = i;
    for (int i = 0; i < N; i++)                                /* prompts of different lengths */
        for (int t = 0; t < i; t++) ck_assert(session_feed(many, i, (int32_t[]){t + 7 * i}, 1, false, NULL, &error));
    float *kept = mem_alloc(STEPS * N * V, sizeof *kept, &error);
    for (int t = 0; t < STEPS; t++) {
        for (int i = 0; i < N; i++) ids[t][i] = (int32_t)random_below(3, (uint64_t)i, (uint64_t)t, V);
        ck_assert(session_step(many, N, sequences, ids[t], a, &error));
        memcpy(kept + (size_t)t * N * V, a, N * V * sizeof *a);
    }
    for (int i = 0; i < N; i++) {
        session_cut(single, 0, 0);
        for (int t = 0; t < i; t++) ck_assert(session_feed(single, 0, (int32_t[]){t + 7 * i}, 1, false, NULL, &error));
        for (int t = 0; t < STEPS; t++) {
            ck_assert(session_feed(single, 0, &ids[t][i], 1, false, b, &error));
            ck_assert_mem_eq(b, kept + ((size_t)t * N + (size_t)i) * V, V * sizeof *b);
        }
    }
    mem_free(a), mem_free(b), mem_free(kept);
    session_stop(many);
    session_stop(single);
    reference_free(&r);
}
END_TEST

START_TEST(cut_and_copy_keep_the_past)
{
    struct reference r = reference_load(REFERENCES[0], "logits.safetensors");
    struct error error = {0};
    size_t V = (size_t)r.model.config.V;
    struct session *s = session_start(&r.model, 2, 64, &error);
    float *a = mem_alloc(V, sizeof *a, &error), *b = mem_alloc(V, sizeof *b, &error);
    ck_assert(session_feed(s, 0, r.batch.ids, 9, false, NULL, &error));
    session_copy(s, 0, 1);
    ck_assert(session_feed(s, 0, r.batch.ids + 9, 1, false, a, &error));
    ck_assert(session_feed(s, 1, r.batch.ids + 9, 1, false, b, &error));
    ck_assert_mem_eq(a, b, V * sizeof *a);
    session_cut(s, 0, 4);
    ck_assert_int_eq(session_length(s, 0), 4);
    ck_assert(session_feed(s, 0, r.batch.ids + 4, 6, false, b, &error));
    ck_assert_mem_eq(a, b, V * sizeof *a);
    ck_assert(!session_feed(s, 0, (int32_t[]){(int32_t)V}, 1, false, b, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "id 320; 0 to 319"));
    error_clear(&error);
    for (int t = 0; t < 60 && error.kind == ERROR_NONE; t++) (void)session_feed(s, 0, r.batch.ids, 1, false, NULL, &error);
    ck_assert_ptr_nonnull(strstr(error.text, "there is room for 64"));
    mem_free(a), mem_free(b);
    session_stop(s);
    reference_free(&r);
}
END_TEST

static void read_list(const cJSON *array, struct ids *out)
{
    const cJSON *item;
    struct error error = {0};
    cJSON_ArrayForEach(item, array) ck_assert(ids_append(out, (int32_t)item->valuedouble, &error));
}

static double option(const cJSON *options, const char *name, double absent)
{
    const cJSON *item = json_member(options, name);
    return item == NULL ? absent : item->valuedouble;
}

static void read_options(const cJSON *options, int eos, struct sampling *s)
{
    const cJSON *word;
    struct error error = {0};
    *s = SAMPLING_DEFAULT;
    s->eos = eos;
    s->temperature = option(options, "temperature", 1);
    s->top_k = (int)option(options, "top_k", 0);
    s->top_p = option(options, "top_p", 1);
    s->min_p = option(options, "min_p", 0);
    s->typical_p = option(options, "typical_p", 1);
    s->epsilon_cutoff = option(options, "epsilon_cutoff", 0);
    s->eta_cutoff = option(options, "eta_cutoff", 0);
    s->repetition_penalty = option(options, "repetition_penalty", 1);
    s->no_repeat_ngram_size = (int)option(options, "no_repeat_ngram_size", 0);
    s->min_new_tokens = (int)option(options, "min_new_tokens", 0);
    s->forced_eos = (int)option(options, "forced_eos_token_id", -1);
    read_list(json_member(options, "suppress_tokens"), &s->suppress);
    const cJSON *words = json_member(options, "bad_words_ids");
    s->bad_words = mem_alloc((size_t)cJSON_GetArraySize(words), sizeof *s->bad_words, &error);
    cJSON_ArrayForEach(word, words) read_list(word, &s->bad_words[s->bad_words_n++]);
}

START_TEST(greedy_cases_equal)
{
    struct reference r = reference_load(REFERENCES[_i], "logits.safetensors");
    struct error error = {0};
    cJSON *cases = reference_cases(REFERENCES[_i]);
    const cJSON *c;
    int done = 0, eos = (int)json_member(cases, "eos_token_id")->valuedouble;
    struct session *session = session_start(&r.model, 1, 128, &error);
    struct sampling_scratch scratch;
    ck_assert(sampling_scratch_init(&scratch, r.model.config.V, &error));
    cJSON_ArrayForEach(c, json_member(cases, "generation")) {
        const cJSON *options = json_member(c, "options");
        if (option(options, "num_beams", 1) > 1) continue;
        struct sampling sampling;
        struct ids prompt = {0}, wanted = {0}, out = {0};
        read_options(options, eos, &sampling);
        read_list(json_member(c, "prompt"), &prompt);
        read_list(cJSON_GetArrayItem(json_member(c, "sequences"), 0), &wanted);
        double most = option(options, "max_new_tokens", option(options, "max_length", 20) - (double)prompt.n);
        struct generate_request q = {.prompt = prompt.id, .prompt_n = prompt.n, .guidance_scale = 1, .max_new_tokens = (size_t)most, .sampling = &sampling};
        ck_assert_msg(generate(session, 0, &q, &scratch, &out, NULL, &error), "%s", error.text);
        ck_assert_uint_eq(out.n, wanted.n);
        ck_assert_mem_eq(out.id, wanted.id, wanted.n * sizeof *wanted.id);
        ids_free(&prompt), ids_free(&wanted), ids_free(&out);
        sampling_free(&sampling);
        done++;
    }
    ck_assert_int_ge(done, 14);
    sampling_scratch_free(&scratch);
    session_stop(session);
    cJSON_Delete(cases);
    reference_free(&r);
}
END_TEST

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
        struct sampling s;
        struct sampling_scratch scratch;
        struct sampling_context context = {0};
        read_options(json_member(c, "options"), -1, &s);
        s.do_sample = true;
        ck_assert(sampling_scratch_init(&scratch, V, &error));
        sampling_process(&s, &context, &scratch, logits);
        double sum = 0;
        for (int i = 0; i < V; i++) sum += exp((double)logits[i]);
        for (int i = 0; i < V; i++) {
            double want = cJSON_GetArrayItem(json_member(c, "probs"), i)->valuedouble, p = exp((double)logits[i]) / sum;
            ck_assert_msg(fabs(p - want) <= 1e-6, "case %d, id %d: %.8f, %.8f is wanted", done, i, p, want);
        }
        sampling_scratch_free(&scratch);
        sampling_free(&s);
        done++;
    }
    ck_assert_int_ge(done, 10);
    cJSON_Delete(cases);
}
END_TEST

/* Draws follow the distribution, and depend on seed, piece and step alone. */
START_TEST(draws_follow_the_distribution)
{
    enum { V = 5, N = 20000 };
    const float base[V] = {0, 1, 2, -1, 0.5f};
    struct error error = {0};
    struct sampling s = SAMPLING_DEFAULT;
    struct sampling_scratch scratch;
    s.do_sample = true, s.seed = 11;
    ck_assert(sampling_scratch_init(&scratch, V, &error));
    int counts[V] = {0};
    int32_t first = -1;
    for (int i = 0; i < N; i++) {
        float logits[V];
        memcpy(logits, base, sizeof base);
        struct sampling_context context = {.piece = (uint64_t)i};
        int32_t id = sampling_choose(&s, &context, &scratch, logits);
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

struct digits { const struct model *model; };
static bool digit_piece(void *context, bool valid, size_t index, uint64_t draw, struct ids *out, struct error *error)
{
    (void)context, (void)draw;
    size_t n = 2 + (index * 7 + (valid ? 3 : 0)) % 40;
    for (size_t i = 0; i < n; i++)
        if (!ids_append(out, (int32_t)(index + i), error)) return false;
    return true;
}

START_TEST(streams_mix_by_weight_and_cover_each_epoch)
{
    struct stream_source sources[2] = {{.name = "a", .weight = 3, .n_train = 37, .piece = digit_piece}, {.name = "b", .weight = 1, .n_train = 11, .piece = digit_piece}};
    struct stream stream = {.sources = sources, .n = 2, .seed = 5, .T = 64};
    struct batch batch;
    struct error error = {0};
    ck_assert(batch_init(&batch, 100, &error));
    for (int i = 0; i < 200; i++) {
        ck_assert(stream_next(&stream, &batch, 100, &error));
        ck_assert_int_le(batch.n, 100);
        ck_assert_int_eq(batch.starts[batch.sequences], batch.n);
        for (int t = 0; t < batch.n; t++) ck_assert_int_eq(batch.targets[t], batch.ids[t] + 1);
    }
    ck_assert_double_eq_tol((double)sources[0].tokens / (double)sources[1].tokens, 3, 0.1);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        bool seen[37] = {false};
        for (size_t k = 0; k < 37; k++) {
            size_t at = stream_permute(5, epoch, 37, k);
            ck_assert(at < 37 && !seen[at]);
            seen[at] = true;
        }
    }
    batch_free(&batch);
    ids_free(&stream.scratch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, cache_equals_reference, 0, REFERENCES_N);
    tcase_add_loop_test(all, batched_equals_single, 0, REFERENCES_N);
    tcase_add_test(all, cut_and_copy_keep_the_past);
    tcase_add_loop_test(all, greedy_cases_equal, 0, REFERENCES_N);
    tcase_add_test(all, warpers_equal);
    tcase_add_test(all, draws_follow_the_distribution);
    tcase_add_test(all, streams_mix_by_weight_and_cover_each_epoch);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
