/* A model: its configuration and all its parameters in one block of float32.
 *
 * One table, built from the configuration, says for each parameter its Hugging Face name, place in the block, shape and
 * role. Loading, saving, initialising, the optimizers' groups, gradient norms and the tests all walk this table; a
 * gradient or an optimizer moment is simply another block of the same layout.
 *
 * A layer's q, k and v projections lie side by side in the block, and so do gate and up: each group is one matrix product.
 *
 *   block:  embed | [positions] | layer 0: norm1  q k v  [q_norm k_norm]  o  norm2  gate up  down | layer 1 … | norm | [head]
 *
 * Where a family has biases they stand behind their weights. GPT-2's files hold its matrices transposed (in, out) and its q, k and v
 * as one; in the block every matrix is (out, in).
 *
 * A model that is only read may be shared by threads.
 */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include "core/config.h"
#include "core/error.h"
#include "core/safetensors.h"

#include <stddef.h>

enum parameter_role {
    PARAMETER_EMBEDDING, /* (V, C) rows that are looked up; also the head when tied */
    PARAMETER_MATRIX,    /* (out, in) inside the layers: what Muon works on */
    PARAMETER_NORM,      /* (n) gains around 1: no weight decay */
    PARAMETER_BIAS,      /* (n) around 0: no weight decay */
};

struct parameter {
    char name[80];
    size_t at;           /* first number in the block */
    int rows, cols;      /* cols = 0 for a vector of `rows` */
    enum parameter_role role;
    bool transposed;     /* files hold it as (cols, rows) */
};

/* Pointers into a block (weights, gradients, …) for one layer. */
struct layer {
    float *norm1, *norm1_bias;      /* (C); each bias is NULL where the family has none */
    float *qkv, *qkv_bias;          /* (H*D + 2*G*D, C) and its rows */
    float *q_norm, *k_norm;         /* (D), NULL without qk_norm */
    float *o, *o_bias;              /* (C, H*D), (C) */
    float *norm2, *norm2_bias;      /* (C) */
    float *up, *up_bias;            /* (2*F, C): gate, then up; (F, C) with GELU */
    float *down, *down_bias;        /* (C, F), (C) */
};

struct model {
    struct config config;
    struct parameter *parameters; /* (n) */
    size_t n;
    size_t first, per_layer;      /* parameters before the layers; of a layer */
    size_t numbers;               /* floats in the block, padding included */
    float *weights;               /* (numbers) */
};

/* Build the table and a block of zeros. */
bool model_init(struct model *model, const struct config *config, struct error *error);
void model_free(struct model *model);

/* Fresh weights: matrices and embeddings normal with init_std (those that write into the residual stream scaled by
 * 1/sqrt(2L), as GPT-2), norms 1. */
void model_randomize(struct model *model, uint64_t seed);

/* config.json and the weights of a folder; see weights.h. Missing or extra tensors are errors. */
bool model_load(const char *folder, struct model *model, struct error *error);

/* Write both; `type` is TENSOR_F32, TENSOR_F16 or TENSOR_BF16. */
bool model_save(const struct model *model, const char *folder, enum tensor_type type, struct error *error);

/* The layer's pointers into a block of this model's layout. */
struct layer model_layer(const struct model *model, const float *block, int layer);
float *model_embed(const struct model *model, const float *block);      /* (V, C) */
float *model_positions(const struct model *model, const float *block);  /* (T, C); NULL with rotary positions */
float *model_norm(const struct model *model, const float *block);       /* (C): the last norm's gain */
float *model_norm_bias(const struct model *model, const float *block);  /* (C); NULL without one */
float *model_head(const struct model *model, const float *block);       /* (V, C): the embedding table when tied */

size_t parameter_count(const struct parameter *parameter);          /* numbers in it */

/* A file's tensor, which must have the parameter's shape, into its place; `turn` (model_turn_room floats) is for those that files hold transposed. */
bool model_parameter_fill(const struct parameter *parameter, const struct tensor *tensor, float *to, float *turn, struct error *error);
size_t model_turn_room(const struct model *model);

/* Fill / read a block from safetensors by the table (prefix + name): gradients, moments. */
bool model_block_read(const struct model *model, const struct safetensors *file, const char *prefix, float *block, struct error *error);

#endif
