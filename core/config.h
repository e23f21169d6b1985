/* The shape of a model, read from and written as `config.json` in the Hugging Face layout.
 *
 * The letters of the whole core are defined here and nowhere else:
 *
 *   B  sequences in a batch      C  channels (hidden_size)            D  size of a head (head_dim)
 *   T  time, positions           H  query heads                       F  feed-forward width (intermediate_size)
 *   L  layers                    G  key/value heads (H is a multiple) V  vocabulary
 *
 * Tensors are row-major with the last index fastest, as in PyTorch; a weight that maps C to F has shape (F, C).
 *
 * The families are one transformer with switches:
 *
 *           positions                norm                feed-forward      biases           queries and keys
 *   gpt2    learned                  LayerNorm           GELU (tanh)       everywhere       as they are
 *   llama   rotary, may be scaled    RMSNorm             SwiGLU            where it says    as they are
 *   qwen3   rotary, may be scaled    RMSNorm             SwiGLU            where it says    RMS-normed a head
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "core/bytes.h"
#include "core/error.h"

#include <stdint.h>

enum family { FAMILY_GPT2, FAMILY_LLAMA, FAMILY_QWEN3, FAMILIES };

/* How rotary frequencies are stretched for contexts longer than the trained one; see rope.h. */
enum rope_kind { ROPE_DEFAULT, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN, ROPE_KINDS };
struct rope_scaling {
    enum rope_kind kind;
    double factor;           /* how many times longer */
    double original;         /* original_max_position_embeddings (llama3, yarn) */
    double low, high;        /* low_freq_factor and high_freq_factor (llama3); beta_slow and beta_fast (yarn) */
    double attention;        /* what cosine and sine are multiplied with (yarn) */
};

struct config {
    enum family family;
    int V, T, C, L, H, G, D, F;
    bool tied;               /* the output head is the embedding table */
    bool qk_norm;            /* queries and keys are RMS-normed a head (qwen3) */
    bool layer_norm;         /* LayerNorm with a bias; else RMSNorm */
    bool learned_positions;  /* a table of positions is added to the embeddings; else rotary */
    bool gelu;               /* the feed-forward is down(gelu(up x)); else down(silu(gate x) * up x) */
    bool attention_bias, mlp_bias;
    float norm_eps;
    double rope_theta;
    struct rope_scaling rope_scaling;
    double init_std;         /* standard deviation of fresh weights */
    int bos, eos, pad;       /* ids, or -1 */
};

/* Rows of the matrix that opens the feed-forward: 2F when gate and up lie side by side, F with GELU. */
static inline int config_up(const struct config *config) { return config->gelu ? config->F : 2 * config->F; }

/* Check that the numbers make a model that can be built; the message names the member. */
bool config_check(const struct config *config, struct error *error);

/* Set the switches that a family fixes. */
void config_set_family(struct config *config, enum family family);

/* Read DIR/config.json (gpt2, llama, qwen3; what cannot be computed here, such as sliding windows, is refused by name). */
bool config_read(const char *folder, struct config *config, struct error *error);

/* The text of config.json; `type` is the dtype of the stored weights ("float32", "float16", "bfloat16"). */
bool config_print(const struct config *config, const char *type, struct bytes *out, struct error *error);

/* Our own models: qwen3 for a vocabulary; presets "tiny", "small", "default", "large" by name (false when unknown). */
bool config_preset(const char *name, int V, struct config *config);

#endif
