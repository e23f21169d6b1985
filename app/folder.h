/* The small files of a model folder beside its weights: what import and export carry over or make anew. */
#ifndef APP_FOLDER_H
#define APP_FOLDER_H

#include "app/app.h"

/* Copy a file of one folder to another when it is there; a .json file must be sound JSON. *copied tells. */
bool folder_copy(const char *from, const char *to, const char *name, bool *copied, struct error *error);

/* generation_config.json with the ids of a configuration. */
bool folder_write_generation(const char *to, const struct config *config, struct error *error);

/* tokenizer.json, and tokenizer_config.json as Hugging Face's PreTrainedTokenizerFast reads it; chat_template "" for none. */
bool folder_write_tokenizer(const char *to, const struct bpe *bpe, struct error *error);
bool folder_write_tokenizer_config(const char *to, const struct bpe *bpe, const struct config *config, const char *chat_template, struct error *error);

/* Refuse a folder that holds a model already, unless --overwrite was given. */
bool folder_may_write(const struct arguments *a, const char *folder, struct error *error);

#endif
