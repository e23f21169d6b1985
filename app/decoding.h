/* From the command line and a model's generation_config.json to the options of decoding. */
#ifndef APP_DECODING_H
#define APP_DECODING_H

#include "app/app.h"
#include "core/generation.h"

/* What a verb does where neither the user nor generation_config.json says anything. */
struct decoding_defaults { double temperature; int top_k; double top_p; double guidance; bool do_sample; };

/* Fill *out: the verb's defaults, then `folder`'s generation_config.json (NULL: none is read), then the options given. Notes on what
 * the file holds and we do not know go to stderr. */
bool decoding_options(const struct arguments *a, const struct decoding_defaults *defaults, const char *folder, struct generation *out, struct error *error);

/* The same for a model folder: the file counts for text models only; a triptych has its own defaults for each kind of piece. */
bool decoding_text_options(const struct arguments *a, const struct decoding_defaults *defaults, struct generation *out, struct error *error);

/* generation_check; what it finds is the command line's fault. */
bool decoding_check(const struct generation *g, int V, struct error *error);

/* DRY's sequence breakers as ids: every token that holds a breaker, or begins one that the vocabulary then spells out. */
bool decoding_breakers(const struct arguments *a, const struct bpe *bpe, struct generation *g, struct error *error);

/* Bytes of a token, for stop strings; the context is a const struct bpe. */
const uint8_t *decoding_token(void *bpe, int32_t id, size_t *n);

#endif
