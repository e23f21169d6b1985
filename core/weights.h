/* The weights of Hugging Face folders: model.safetensors, or the shards that model.safetensors.index.json lists.
 *
 *     {"metadata": …, "weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors", …}}
 *
 * Names may lack or have the family's prefix ("transformer.", "model."). Buffers that are no weights are passed over: attention masks (attn.bias,
 * attn.masked_bias), rotary frequencies (rotary_emb.inv_freq), and a second copy of the tied head. Every parameter must be there
 * once, with its shape; anything else in the files is an error. Shards are read one by one. An index may name files of its own
 * folder only. */
#ifndef CORE_WEIGHTS_H
#define CORE_WEIGHTS_H

#include "core/model.h"

bool weights_read(const char *folder, const struct model *model, struct error *error);

#endif
