/* Inference: the KV cache against the reference logits, batches against single sequences; the stream of training pieces. */
#include "core/random.h"
#include "core/session.h"
#include "core/stream.h"
#include "core/threads.h"
#include "tests/reference.h"
#include "tests/suite.h"

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

/* Workers and batches change no bit, in float32 and in int8; and int8 stays near float32. Loop index: reference, precision. */
START_TEST(workers_and_precision)
{
    struct reference r = reference_load(REFERENCES[_i / 2], "logits.safetensors");
    enum precision precision = _i % 2 ? PRECISION_INT8 : PRECISION_F32;
    enum { N = 9 };
    struct error error = {0};
    size_t V = (size_t)r.model.config.V, n = (size_t)r.T;
    struct threads *pool = threads_start(3, &error);
    struct packed *packed = packed_start(&r.model, precision, pool, &error), *again = packed_start(&r.model, precision, NULL, &error);
    struct session *shared = session_start_on(&r.model, packed, N, 64, pool, &error), *alone = session_start_on(&r.model, again, N, 64, NULL, &error), *plain = session_start(&r.model, 1, 64, &error);
    float *a = mem_alloc((n > N ? n : N) * V, sizeof *a, &error), *b = mem_alloc((n > N ? n : N) * V, sizeof *b, &error);
    ck_assert(session_feed(shared, 0, r.batch.ids, n, true, a, &error) && session_feed(alone, 0, r.batch.ids, n, true, b, &error));
    ck_assert_mem_eq(a, b, n * V * sizeof *a);
    ck_assert(session_feed(plain, 0, r.batch.ids, n, true, b, &error));
    double difference = 0, size = 0;
    for (size_t i = 0; i < n * V; i++) difference += pow((double)a[i] - (double)b[i], 2), size += pow((double)b[i], 2);
    ck_assert_msg(sqrt(difference / size) <= (precision == PRECISION_INT8 ? 0.1 : 0), "differs by %g of its size", sqrt(difference / size));
    int sequences[N];
    int32_t ids[N];
    session_cut(shared, 0, 0), session_cut(alone, 0, 0);
    for (int t = 0; t < 8; t++) {                              /* a batch on workers, each sequence alone without */
        for (int i = 0; i < N; i++) sequences[i] = i, ids[i] = (int32_t)random_below(4, (uint64_t)i, (uint64_t)t, V);
        ck_assert(session_step(shared, N, sequences, ids, a, &error));
        for (int i = 0; i < N; i++) ck_assert(session_feed(alone, i, &ids[i], 1, false, b + (size_t)i * V, &error));
        ck_assert_mem_eq(a, b, N * V * sizeof *a);
    }
    mem_free(a), mem_free(b);
    session_stop(shared), session_stop(alone), session_stop(plain);
    packed_stop(packed), packed_stop(again);
    threads_stop(pool);
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
    tcase_add_loop_test(all, workers_and_precision, 0, 2 * REFERENCES_N);
    tcase_add_test(all, cut_and_copy_keep_the_past);
    tcase_add_test(all, streams_mix_by_weight_and_cover_each_epoch);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
