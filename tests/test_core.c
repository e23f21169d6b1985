/* The transformer against PyTorch and Hugging Face (tests/fixtures) and against finite differences. */
#include "core/blas.h"
#include "core/layers.h"
#include "core/optimizer.h"
#include "core/random.h"
#include "tests/reference.h"
#include "tests/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double largest_difference(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= most)) most = d;
    }
    return most;
}

static int targets_in(const struct batch *b)
{
    int n = 0;
    for (int i = 0; i < b->n; i++) n += b->targets[i] != TARGET_IGNORED;
    return n;
}

START_TEST(logits_equal)
{
    struct reference r = reference_load(REFERENCES[_i], "logits.safetensors");
    struct error error = {0};
    struct slab *slab = slab_start(&r.model, r.batch.n, &error);
    size_t n = (size_t)r.batch.n * (size_t)r.model.config.V;
    float *logits = mem_alloc(n, sizeof *logits, &error);
    gradient_logits(&r.model, slab, &r.batch, logits);
    double d = largest_difference(logits, safetensors_find(&r.file, "logits")->data, n);
    ck_assert_msg(d <= 1e-4, "%s: logits differ by %g", REFERENCES[_i], d);
    mem_free(logits);
    slab_stop(slab);
    reference_free(&r);
}
END_TEST

START_TEST(loss_and_gradients_equal)
{
    struct reference r = reference_load(REFERENCES[_i], "train.safetensors");
    struct error error = {0};
    struct slab *slab = slab_start(&r.model, r.batch.n, &error);
    float *gradients = mem_alloc(r.model.numbers, sizeof *gradients, &error);
    float *wanted = mem_alloc(r.model.numbers, sizeof *wanted, &error);
    int n = targets_in(&r.batch);
    double loss = gradient_pass(&r.model, slab, &r.batch, 1.0f / (float)n, gradients) / n;
    double want = (double)((const float *)safetensors_find(&r.file, "loss")->data)[0];
    ck_assert_msg(fabs(loss - want) <= 1e-5, "loss %.7f, %.7f is wanted", loss, want);
    ck_assert_double_eq_tol(gradient_loss(&r.model, slab, &r.batch) / n, loss, 1e-6);
    ck_assert_msg(model_block_read(&r.model, &r.file, "grad.", wanted, &error), "%s", error.text);
    for (size_t i = 0; i < r.model.n; i++) {
        const struct parameter *p = &r.model.parameters[i];
        double norm = 0, most = largest_difference(gradients + p->at, wanted + p->at, parameter_count(p));
        for (size_t k = 0; k < parameter_count(p); k++) norm = fmax(norm, fabs((double)wanted[p->at + k]));
        ck_assert_msg(most <= 1e-3 * norm, "%s: gradient differs by %g of %g", p->name, most, norm);
    }
    mem_free(gradients);
    mem_free(wanted);
    slab_stop(slab);
    reference_free(&r);
}
END_TEST

static void optimizer_against(const char *folder, bool use_muon)
{
    struct reference r = reference_load(folder, "train.safetensors");
    struct error error = {0};
    struct slab *slab = slab_start(&r.model, r.batch.n, &error);
    struct threads *pool = threads_start(2, &error);
    struct optimizer_options options = OPTIMIZER_OPTIONS_DEFAULT;
    options.muon = use_muon;
    struct optimizer optimizer;
    ck_assert(optimizer_init(&optimizer, &r.model, &options, 2, &error));
    float *block = mem_alloc(r.model.numbers, sizeof *block, &error);
    cJSON *cases = reference_cases(folder);
    const cJSON *losses = json_member(json_member(cases, use_muon ? "muon" : "adamw"), "losses");
    int n = targets_in(&r.batch);
    for (int step = 0; step < 3; step++) {
        memset(block, 0, r.model.numbers * sizeof *block);
        double loss = gradient_pass(&r.model, slab, &r.batch, 1.0f / (float)n, block) / n;
        ck_assert_double_eq_tol(loss, cJSON_GetArrayItem(losses, step)->valuedouble, 1e-4);
        optimizer_step(&optimizer, &r.model, block, 1e-3, pool);
    }
    ck_assert_msg(model_block_read(&r.model, &r.file, use_muon ? "muon." : "adamw.", block, &error), "%s", error.text);
    for (size_t i = 0; i < r.model.n; i++) {
        const struct parameter *p = &r.model.parameters[i];
        char name[128];
        snprintf(name, sizeof name, "grad.%s", p->name);
        const float *first = safetensors_find(&r.file, name)->data;
        double size = 0, most = 0;
        for (size_t k = 0; k < parameter_count(p); k++) size = fmax(size, fabs((double)first[k]));
        for (size_t k = 0; k < parameter_count(p); k++) {
            /* where the gradient is a rounding error (of the largest, a millionth), Adam's step is one too */
            if (fabs((double)first[k]) < 2e-6 * size) continue;
            most = fmax(most, fabs((double)r.model.weights[p->at + k] - (double)block[p->at + k]));
        }
        ck_assert_msg(most <= 1e-4, "%s: differs by %g after 3 steps", p->name, most);
    }
    cJSON_Delete(cases);
    mem_free(block);
    optimizer_free(&optimizer);
    threads_stop(pool);
    slab_stop(slab);
    reference_free(&r);
}

START_TEST(adamw_equals) { optimizer_against(REFERENCES[_i], false); }
END_TEST

START_TEST(muon_equals) { optimizer_against(REFERENCES[_i], true); }
END_TEST

/* A tiny model in float32: central differences of the summed loss for sampled numbers of every parameter. */
START_TEST(gradients_match_finite_differences)
{
    const struct { int L, H, G, D, C, F; bool tied, bias; enum family family; } shapes[] = {
        {1, 2, 1, 4, 12, 20, true, false, FAMILY_QWEN3}, {2, 4, 2, 6, 16, 24, false, true, FAMILY_QWEN3}, {2, 2, 2, 8, 20, 12, true, false, FAMILY_LLAMA},
        {2, 4, 2, 6, 16, 24, false, true, FAMILY_LLAMA}, {2, 3, 3, 4, 12, 20, true, true, FAMILY_GPT2}};
    struct config c = {.V = 40, .T = 32, .L = shapes[_i].L, .H = shapes[_i].H,
        .G = shapes[_i].G, .D = shapes[_i].D, .C = shapes[_i].C, .F = shapes[_i].F, .tied = shapes[_i].tied,
        .norm_eps = 1e-6f, .rope_theta = 10000, .init_std = 0.4, .bos = -1, .eos = -1, .pad = -1};
    config_set_family(&c, shapes[_i].family);
    c.attention_bias = shapes[_i].bias, c.mlp_bias = shapes[_i].bias && shapes[_i].family != FAMILY_QWEN3;
    struct model model;
    struct error error = {0};
    ck_assert_msg(model_init(&model, &c, &error), "%s", error.text);
    model_randomize(&model, 3);
    int32_t ids[24], targets[24];
    for (int i = 0; i < 24; i++) {
        ids[i] = (int32_t)random_below(5, 0, (uint64_t)i, 40);
        targets[i] = i % 7 == 6 ? TARGET_IGNORED : (int32_t)random_below(5, 1, (uint64_t)i, 40);
    }
    int starts[] = {0, 9, 10, 24};
    struct batch batch = {.n = 24, .sequences = 3, .ids = ids, .targets = targets, .starts = starts};
    struct slab *slab = slab_start(&model, 24, &error);
    float *gradients = mem_alloc(model.numbers, sizeof *gradients, &error);
    gradient_pass(&model, slab, &batch, 1.0f, gradients);
    for (size_t i = 0; i < model.n; i++) {
        const struct parameter *p = &model.parameters[i];
        double size = 0;
        for (size_t k = 0; k < parameter_count(p); k++) size = fmax(size, fabs((double)gradients[p->at + k]));
        for (uint64_t draw = 0; draw < 12; draw++) {
            size_t k = p->at + random_below(9, i, draw, parameter_count(p));
            float keep = model.weights[k], step = 4e-3f;
            model.weights[k] = keep + step;
            double up = gradient_loss(&model, slab, &batch);
            model.weights[k] = keep - step;
            double down = gradient_loss(&model, slab, &batch);
            model.weights[k] = keep;
            double measured = (up - down) / (2 * (double)step);
            ck_assert_msg(fabs(measured - (double)gradients[k]) <= 4e-3 * fmax(size, 1), "%s[%zu]: %g, differences say %g",
                          p->name, k - p->at, (double)gradients[k], measured);
        }
    }
    mem_free(gradients);
    slab_stop(slab);
    model_free(&model);
}
END_TEST

/* Packing must not change anything: each sequence alone gives the same loss as all together. */
START_TEST(packed_equals_single)
{
    struct reference r = reference_load(REFERENCES[_i], "train.safetensors");
    struct error error = {0};
    struct slab *slab = slab_start(&r.model, r.batch.n, &error);
    double together = gradient_loss(&r.model, slab, &r.batch), apart = 0;
    for (int s = 0; s < r.batch.sequences; s++) {
        int starts[2] = {0, r.T};
        struct batch one = {.n = r.T, .sequences = 1, .ids = r.batch.ids + s * r.T, .targets = r.batch.targets + s * r.T, .starts = starts};
        apart += gradient_loss(&r.model, slab, &one);
    }
    ck_assert_double_eq_tol(together, apart, 1e-4);
    slab_stop(slab);
    reference_free(&r);
}
END_TEST

START_TEST(softmax_and_exp_are_accurate)
{
    float x[37], p[37];
    double sum = 0;
    for (int i = 0; i < 37; i++) x[i] = p[i] = (float)(8 * random_normal(2, 0, (uint64_t)i)), sum += exp((double)x[i]);
    float lse = layers_softmax(p, 37, 37);
    ck_assert_double_eq_tol((double)lse, log(sum), 1e-5);
    for (int i = 0; i < 37; i++) ck_assert_double_eq_tol((double)p[i], exp((double)x[i]) / sum, 1e-6);
    memcpy(p, x, sizeof p);
    layers_softmax_again(p, 30, 37, lse);
    for (int i = 0; i < 37; i++) ck_assert_double_eq_tol((double)p[i], i < 30 ? exp((double)x[i]) / sum : 0, 1e-6);
}
END_TEST

START_TEST(models_round_trip)
{
    struct reference r = reference_load(REFERENCES[_i], "logits.safetensors");
    struct error error = {0};
    struct model back;
    char folder[] = "/tmp/triptych-model-XXXXXX", command[100];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_msg(model_save(&r.model, folder, TENSOR_F32, &error), "%s", error.text);
    ck_assert_msg(model_load(folder, &back, &error), "%s", error.text);
    ck_assert_mem_eq(back.weights, r.model.weights, back.numbers * sizeof(float));
    ck_assert_mem_eq(&back.config.V, &r.model.config.V, 8 * sizeof(int));
    model_free(&back);
    ck_assert(model_save(&r.model, folder, TENSOR_F16, &error) && model_load(folder, &back, &error));
    ck_assert(largest_difference(back.weights, r.model.weights, back.numbers) < 2e-3);
    model_free(&back);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
    reference_free(&r);
}
END_TEST

START_TEST(schedule_warms_up_stays_and_decays)
{
    ck_assert_double_eq_tol(optimizer_schedule(0, 100, 10, 20, 1, 0), 0.1, 1e-12);
    ck_assert_double_eq_tol(optimizer_schedule(9, 100, 10, 20, 1, 0), 1, 1e-12);
    ck_assert_double_eq_tol(optimizer_schedule(80, 100, 10, 20, 1, 0), 1, 1e-12);
    ck_assert_double_eq_tol(optimizer_schedule(90, 100, 10, 20, 1, 0), 0.5, 1e-12);
    ck_assert_double_eq_tol(optimizer_schedule(99, 100, 10, 20, 1, 0.1), 0.145, 1e-12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, logits_equal, 0, REFERENCES_N);
    tcase_add_loop_test(all, loss_and_gradients_equal, 0, REFERENCES_N);
    tcase_add_loop_test(all, adamw_equals, 0, REFERENCES_N);
    tcase_add_loop_test(all, muon_equals, 0, REFERENCES_N);
    tcase_add_loop_test(all, gradients_match_finite_differences, 0, 5);
    tcase_add_loop_test(all, packed_equals_single, 0, REFERENCES_N);
    tcase_add_loop_test(all, models_round_trip, 0, REFERENCES_N);
    tcase_add_test(all, softmax_and_exp_are_accurate);
    tcase_add_test(all, schedule_warms_up_stays_and_decays);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
