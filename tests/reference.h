/* The reference cases of PyTorch and Hugging Face transformers under tests/fixtures: a model and one batch of ids. */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include "core/gradient.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/safetensors.h"

#include <check.h>
#include <stdio.h>

static const char *const REFERENCES[] = {"tests/fixtures/tiny-qwen3", "tests/fixtures/tiny-llama", "tests/fixtures/tiny-gpt2"};
enum { REFERENCES_N = sizeof REFERENCES / sizeof *REFERENCES };

struct reference {
    struct model model;
    struct safetensors file;
    struct batch batch;      /* the ids of the file, one sequence a row; targets from its labels where it has them */
    int T;
};

static inline struct reference reference_load(const char *folder, const char *name)
{
    struct reference r = {0};
    struct error error = {0};
    char path[300];
    ck_assert_msg(model_load(folder, &r.model, &error), "%s", error.text);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_msg(safetensors_read(path, &r.file, &error), "%s", error.text);
    const struct tensor *ids = safetensors_find(&r.file, "input_ids"), *labels = safetensors_find(&r.file, "labels");
    int B = (int)ids->shape[0], T = r.T = (int)ids->shape[1], n = B * T;
    r.batch = (struct batch){.n = n, .sequences = B, .ids = mem_alloc((size_t)n, 4, &error), .targets = mem_alloc((size_t)n, 4, &error),
                             .starts = mem_alloc((size_t)B + 1, sizeof(int), &error)};
    for (int i = 0; i < n; i++) {
        r.batch.ids[i] = (int32_t)((const int64_t *)ids->data)[i];
        bool last = i % T == T - 1;
        r.batch.targets[i] = labels == NULL || last ? TARGET_IGNORED : (int32_t)((const int64_t *)labels->data)[i + 1];
    }
    for (int b = 0; b <= B; b++) r.batch.starts[b] = b * T;
    return r;
}

static inline void reference_free(struct reference *r)
{
    model_free(&r->model);
    safetensors_free(&r->file);
    mem_free(r->batch.ids);
    mem_free(r->batch.targets);
    mem_free(r->batch.starts);
}

static inline cJSON *reference_cases(const char *folder)
{
    char path[300];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/cases.json", folder);
    cJSON *root = json_read(path, (size_t)1 << 26, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    return root;
}

#endif
