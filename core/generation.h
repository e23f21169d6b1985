/* How a text is to be made: every option of Hugging Face's generate() that a decoder can obey, with its name and default.
 *
 * One table of fields {name, type, place, range} reads `generation_config.json` of a model directory and the options of a command
 * line alike. Order of precedence, as there: what the caller sets last wins, so read the file first.
 *
 *     struct generation g = GENERATION_DEFAULT;
 *     bool ok = generation_read("model", &g, &notes, &error) && generation_set_text(&g, "num_beams", "4", "--num-beams", &error)
 *            && generation_check(&g, V, &error);
 *     …
 *     generation_free(&g);
 *
 * Which search runs follows from the options (generation_mode), by Hugging Face's rules.
 */
#ifndef CORE_GENERATION_H
#define CORE_GENERATION_H

#include "core/bytes.h"
#include "core/json.h"
#include "core/sampling.h"

enum early_stopping { EARLY_STOPPING_FALSE, EARLY_STOPPING_TRUE, EARLY_STOPPING_NEVER };

/* A list of texts, each with a NUL behind it; owned. */
struct strings { char **text; size_t n; };

/* force_words_ids: one of `words` must occur. */
struct force_word { struct ids_list words; };

struct generation {
    struct sampling sampling;
    int max_length, max_new_tokens;          /* -1: not set; the latter wins. Neither: 20 new ids */
    double max_time;                         /* seconds; 0 = no limit */
    struct strings stop_strings;
    int num_beams, num_return_sequences;     /* 1, 1 */
    enum early_stopping early_stopping;      /* false */
    double length_penalty;                   /* 1 */
    int num_beam_groups;                     /* 1; more: group beam search with sampling.diversity_penalty */
    struct force_word *force_words;          /* (force_words_n): constrained beam search */
    size_t force_words_n;
    double penalty_alpha;                    /* 0; above: contrastive search over the top_k likeliest */
    int prompt_lookup_num_tokens;            /* 0; above: guess that many ids from the prompt, and check them at once */
    int max_matching_ngram_size;             /* 2 */
    double guidance_scale;                   /* 1: off */
    struct ids negative_prompt;              /* ids; none = the prompt's last id */
    int bos, pad;                            /* ids, or -1 */
};
#define GENERATION_DEFAULT ((struct generation){.sampling = SAMPLING_DEFAULT, .max_length = -1, .max_new_tokens = -1, .num_beams = 1, \
    .num_return_sequences = 1, .length_penalty = 1, .num_beam_groups = 1, .max_matching_ngram_size = 2, .guidance_scale = 1, .bos = -1, .pad = -1})
void generation_free(struct generation *generation);

enum generation_mode {
    GENERATION_GREEDY, GENERATION_SAMPLE, GENERATION_BEAM, GENERATION_GROUP_BEAM, GENERATION_CONSTRAINED_BEAM, GENERATION_CONTRASTIVE
};
enum generation_mode generation_mode(const struct generation *generation);

/* True when there is a field of that name; names may have '-' for '_' here and below. */
bool generation_has(const char *name);

/* Set one field from JSON or from the text of an option; null leaves it alone. `who` starts the message ("--top-p"). Lists are
 * JSON; numbers, true, false and words are plain. */
bool generation_set(struct generation *generation, const char *name, const cJSON *value, const char *who, struct error *error);
bool generation_set_text(struct generation *generation, const char *name, const char *text, const char *who, struct error *error);

/* Add one text to stop_strings. */
bool generation_add_stop(struct generation *generation, const char *text, struct error *error);

/* Read DIR/generation_config.json; without one, the same members of DIR/config.json. Members that are neither known nor neutral are
 * listed in *notes, a line each; those that would change the result and cannot be obeyed are errors. */
bool generation_read(const char *folder, struct generation *generation, struct bytes *notes, struct error *error);

/* Check the options against each other and against a vocabulary of V ids, as Hugging Face's validate() does. */
bool generation_check(const struct generation *generation, int V, struct error *error);

/* The length at which a sequence behind a prompt of n ids must end, in a context of T positions; false when it leaves no room. */
bool generation_last(const struct generation *generation, size_t n, int T, size_t *last, struct error *error);

/* The id for padding: `pad`, else the first end id, else -1. */
int32_t generation_pad(const struct generation *generation);

#endif
