/* The shape of a model, read from and written as `config.json` in the Hugging Face layout.
 *
 * The letters of the whole core are defined here and nowhere else:
 *
 *   B  sequences in a batch      C  channels (hidden_size)            D  size of a head (head_dim)
 *   T  time, positions           H  query heads                       F  feed-forward width (intermediate_size)
 *   L  layers                    G  key/value heads (H is a multiple) V  vocabulary
 *
 * Tensors are row-major with the last index fastest, as in PyTorch; a weight that maps C to F has shape (F, C).
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "core/bytes.h"
#include "core/error.h"

#include <stdint.h>

enum family { FAMILY_LLAMA, FAMILY_QWEN3, FAMILIES };

struct config {
    enum family family;
    int V, T, C, L, H, G, D, F;
    bool tied;           /* the output head is the embedding table */
    bool qk_norm;        /* queries and keys are RMS-normed a head (qwen3) */
    float norm_eps;
    double rope_theta;
    double init_std;     /* standard deviation of fresh weights */
    int bos, eos, pad;   /* ids, or -1 */
};

/* Check that the numbers make a model that can be built; the message names the member. */
bool config_check(const struct config *config, struct error *error);

/* Read DIR/config.json (llama and qwen3; what cannot be computed here, such as sliding windows, is refused by name). */
bool config_read(const char *folder, struct config *config, struct error *error);

/* The text of config.json; `type` is the dtype of the stored weights ("float32", "float16", "bfloat16"). */
bool config_print(const struct config *config, const char *type, struct bytes *out, struct error *error);

/* Our own models: qwen3 for a vocabulary; presets "tiny", "small", "default", "large" by name (false when unknown). */
bool config_preset(const char *name, int V, struct config *config);

#endif
