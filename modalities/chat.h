/* Conversations with models that were trained for them, in the form that their chat template gives.
 *
 *     ChatML (SmolLM2, Qwen)   <|im_start|>user NL words <|im_end|> NL <|im_start|>assistant NL
 *     Llama 3                  <|start_header_id|>user<|end_header_id|> NL NL words <|eot_id|> <|start_header_id|>assistant<|end_header_id|> NL NL
 *
 * Templates are programs (Jinja); they are not run here. A template is recognised by the tokens it writes, and the system message that
 * it puts first when the conversation has none is taken from it, if it has one. What a user says is plain text: special tokens in
 * it are not recognised. */
#ifndef MODALITIES_CHAT_H
#define MODALITIES_CHAT_H

#include "core/ids.h"
#include "tokenizers/bpe.h"

struct chat {
    int form;                /* of the table in chat.c */
    const struct bpe *bpe;
    char *system;            /* the template's own system message, owned; NULL: none */
    int32_t end;             /* the token that ends a turn */
};

/* Recognise a template for this tokenizer; false with a message when its form is unknown. */
bool chat_init(struct chat *chat, const char *chat_template, const struct bpe *bpe, struct error *error);
/* The template of a model folder: chat_template.jinja, else "chat_template" of tokenizer_config.json. */
bool chat_read(struct chat *chat, const char *folder, const struct bpe *bpe, struct error *error);
/* The text of that template, appended; nothing when the folder has none. */
bool chat_template_read(const char *folder, struct bytes *out, struct error *error);
void chat_free(struct chat *chat);

/* Append what stands before the first turn: `system`, or the template's own message where that is NULL. */
bool chat_open(const struct chat *chat, const char *system, struct ids *out, struct error *error);
/* Append a turn of the user, and the opening of the answer. */
bool chat_ask(const struct chat *chat, const char *words, struct ids *out, struct error *error);
/* Append what stands between an answer (without its end) and the next turn. */
bool chat_close(const struct chat *chat, struct ids *out, struct error *error);

#endif
