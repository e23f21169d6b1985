/* Models in GGUF files: the architectures llama, qwen3 and gpt2, with the names and conventions of llama.cpp.
 *
 *     ours                                    GGUF
 *     model.embed_tokens                      token_embd
 *     model.layers.3.self_attn.q_proj         blk.3.attn_q          … one table, core/gguf_model.c
 *     transformer.h.3.attn.c_attn             blk.3.attn_qkv
 *
 * Matrices are (out, in) in both. In files of architecture llama the rows of each head of q and k are interleaved (0, D/2, 1, D/2 + 1, …),
 * since llama.cpp turns neighbours where Hugging Face turns halves; this is undone and done here. A file without output.weight has a tied
 * head. Llama 3's scaling of rotary frequencies stands in GGUF as a tensor of divisors; it is known again by its numbers. */
#ifndef CORE_GGUF_MODEL_H
#define CORE_GGUF_MODEL_H

#include "core/gguf.h"
#include "core/model.h"

/* The configuration that the file's values and tensors mean; what cannot be computed here is refused by name. */
bool gguf_config(const struct gguf *gguf, struct config *config, struct error *error);

/* Fill the block of a model made for that configuration. Missing and unknown tensors are errors. */
bool gguf_weights(const struct gguf *gguf, const struct model *model, struct error *error);

/* Append the values that describe the model, as llama.cpp wants them; `name` is what it is called, `type` that of its matrices (F32, F16, Q8_0). */
bool gguf_describe(const struct model *model, const char *name, enum gguf_type type, struct gguf_values *values, struct error *error);

/* Write values and weights. Vectors stay F32; a matrix whose rows are no whole blocks of Q8_0 becomes F16. */
bool gguf_save(const struct model *model, const char *path, const struct gguf_values *values, enum gguf_type type, struct error *error);

#endif
