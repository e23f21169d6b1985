/* The command line: one table of options {name, letter, type, range, default, help, verbs} drives parsing, range checks and
 * --help. Names are Hugging Face's with dashes; underscores are accepted. `--name value` and `--name=value` both work.
 *
 * Options that say how to decode have their type and range in the table of core/generation.h, which also reads
 * generation_config.json: here they have a name, a letter and a help text only.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum { VALUES_MOST = 64 };

enum option_id {
    OPTION_HELP, OPTION_MODEL, OPTION_OUTPUT, OPTION_OVERWRITE, OPTION_JSON, OPTION_QUIET, OPTION_SEED, OPTION_COUNT, OPTION_THREADS, OPTION_INT8,
    OPTION_DO_SAMPLE, OPTION_GREEDY, OPTION_TEMPERATURE, OPTION_TOP_K, OPTION_TOP_P, OPTION_MIN_P, OPTION_TOP_H, OPTION_TYPICAL_P,
    OPTION_EPSILON_CUTOFF, OPTION_ETA_CUTOFF, OPTION_REPETITION_PENALTY, OPTION_ENCODER_REPETITION_PENALTY, OPTION_NO_REPEAT_NGRAM_SIZE,
    OPTION_ENCODER_NO_REPEAT_NGRAM_SIZE, OPTION_BAD_WORDS_IDS, OPTION_SEQUENCE_BIAS, OPTION_SUPPRESS_TOKENS, OPTION_BEGIN_SUPPRESS_TOKENS,
    OPTION_FORCED_BOS, OPTION_FORCED_EOS, OPTION_EXPONENTIAL_DECAY, OPTION_REMOVE_INVALID, OPTION_RENORMALIZE,
    OPTION_MIN_LENGTH, OPTION_MIN_NEW_TOKENS, OPTION_MAX_NEW_TOKENS, OPTION_MAX_LENGTH, OPTION_MAX_TIME, OPTION_STOP,
    OPTION_NUM_BEAMS, OPTION_NUM_RETURN_SEQUENCES, OPTION_LENGTH_PENALTY, OPTION_EARLY_STOPPING, OPTION_NUM_BEAM_GROUPS, OPTION_DIVERSITY_PENALTY,
    OPTION_FORCE_WORDS_IDS, OPTION_PENALTY_ALPHA, OPTION_PROMPT_LOOKUP, OPTION_MATCHING_NGRAM, OPTION_GUIDANCE_SCALE, OPTION_NEGATIVE_PROMPT,
    OPTION_NEGATIVE_PROMPT_IDS, OPTION_EOS, OPTION_PAD, OPTION_MIN_KEEP, OPTION_REPEAT_LAST_N, OPTION_REPEAT_PENALTY, OPTION_FREQUENCY_PENALTY,
    OPTION_PRESENCE_PENALTY, OPTION_DRY_MULTIPLIER, OPTION_DRY_BASE, OPTION_DRY_ALLOWED_LENGTH, OPTION_DRY_PENALTY_LAST_N, OPTION_DRY_BREAKER,
    OPTION_DRY_BREAKERS_IDS, OPTION_TOP_N_SIGMA, OPTION_XTC_PROBABILITY, OPTION_XTC_THRESHOLD, OPTION_MIROSTAT, OPTION_MIROSTAT_TAU,
    OPTION_MIROSTAT_ETA, OPTION_SAMPLERS, OPTION_OUTPUT_SCORES, OPTION_STREAM, OPTION_CANDIDATES,
    OPTION_IDS, OPTION_SCALE, OPTION_SOUNDFONT, OPTION_NO_PREVIEW, OPTION_NO_WAV,
    OPTION_DATA, OPTION_OUT, OPTION_INIT, OPTION_RESUME, OPTION_PRESET, OPTION_CONFIG, OPTION_STEPS, OPTION_TOKENS, OPTION_BATCH, OPTION_MICRO,
    OPTION_RATE, OPTION_WARMUP, OPTION_DECAY, OPTION_OPTIMIZER, OPTION_WEIGHT_DECAY, OPTION_CLIP, OPTION_VALID_EVERY, OPTION_VALID_TOKENS, OPTION_SAVE_EVERY,
    OPTION_VOCABULARY, OPTION_COLOURS, OPTION_PATTERNS, OPTION_STORE, OPTION_SPLIT, OPTION_TOKENIZER, OPTION_SPECIALS, OPTION_ADD_SPECIALS, OPTION_SKIP_SPECIALS, OPTION_CHAT, OPTION_SYSTEM, OPTION_BATCHED,
    OPTIONS
};

/* Verbs as bits, for the table's column of who takes an option. */
enum {
    FOR_COMPOSE = 1, FOR_WRITE = 2, FOR_PLAY = 4, FOR_DRAW = 8, FOR_DESCRIBE = 16, FOR_TRAIN = 32, FOR_EVAL = 64, FOR_GENERATE = 128, FOR_LOGITS = 256,
    FOR_TOKENS = 512, FOR_RECIPE = 1024, FOR_REDO = 2048, FOR_MODELS = 4096, FOR_FILL = 8192, FOR_IMPORT = 16384, FOR_EXPORT = 32768,
    FOR_MAKE = FOR_COMPOSE | FOR_WRITE | FOR_PLAY | FOR_DRAW, FOR_SAMPLING = FOR_MAKE | FOR_DESCRIBE | FOR_GENERATE | FOR_FILL,
    FOR_SEARCH = FOR_WRITE | FOR_GENERATE, FOR_ALL = 65535
};

struct option_value {
    bool given;
    double number;                        /* the default when not given (flags: 0 or 1) */
    const char *text;                     /* NULL when not given and without a default */
    const char *list[VALUES_MOST];        /* every value given, for options that may be repeated */
    int n;
};

struct arguments {
    struct option_value option[OPTIONS];
    const char *word[VALUES_MOST];        /* what is no option, in order */
    int words;
};

/* Parse argv behind the verb. `who` (one FOR_ bit) decides which options there are. */
bool options_parse(int argc, char **argv, unsigned who, struct arguments *out, struct error *error);

/* The help text of a verb's options, on stdout. */
void options_help(unsigned who);

const char *option_name(enum option_id id);

/* True when the option's name is one of the fields of struct generation. */
bool option_is_field(enum option_id id);

#endif
