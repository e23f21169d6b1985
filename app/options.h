/* The command line: one table of options {name, letter, type, range, default, help, verbs} drives parsing, range checks and
 * --help. Names are Hugging Face's with dashes; underscores are accepted. `--name value` and `--name=value` both work.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum { VALUES_MOST = 64 };

enum option_id {
    OPTION_HELP, OPTION_MODEL, OPTION_OUTPUT, OPTION_OVERWRITE, OPTION_JSON, OPTION_QUIET, OPTION_SEED, OPTION_COUNT, OPTION_THREADS,
    OPTION_DO_SAMPLE, OPTION_GREEDY, OPTION_TEMPERATURE, OPTION_TOP_K, OPTION_TOP_P, OPTION_MIN_P, OPTION_TYPICAL_P, OPTION_EPSILON_CUTOFF, OPTION_ETA_CUTOFF,
    OPTION_REPETITION_PENALTY, OPTION_NO_REPEAT_NGRAM_SIZE, OPTION_BAD_WORDS_IDS, OPTION_SUPPRESS_TOKENS, OPTION_FORCED_EOS,
    OPTION_MIN_NEW_TOKENS, OPTION_MAX_NEW_TOKENS, OPTION_MAX_LENGTH, OPTION_GUIDANCE_SCALE, OPTION_NEGATIVE_PROMPT,
    OPTION_IDS, OPTION_SCALE, OPTION_SOUNDFONT, OPTION_NO_PREVIEW, OPTION_NO_WAV,
    OPTION_DATA, OPTION_OUT, OPTION_INIT, OPTION_RESUME, OPTION_PRESET, OPTION_CONFIG, OPTION_STEPS, OPTION_TOKENS, OPTION_BATCH, OPTION_MICRO,
    OPTION_RATE, OPTION_WARMUP, OPTION_DECAY, OPTION_OPTIMIZER, OPTION_WEIGHT_DECAY, OPTION_CLIP, OPTION_VALID_EVERY, OPTION_VALID_TOKENS, OPTION_SAVE_EVERY,
    OPTION_VOCABULARY, OPTION_COLOURS, OPTION_PATTERNS, OPTION_STORE, OPTION_SPLIT, OPTION_TOKENIZER, OPTION_SPECIALS, OPTION_BATCHED,
    OPTIONS
};

/* Verbs as bits, for the table's column of who takes an option. */
enum {
    FOR_COMPOSE = 1, FOR_WRITE = 2, FOR_PLAY = 4, FOR_DRAW = 8, FOR_DESCRIBE = 16, FOR_TRAIN = 32, FOR_EVAL = 64, FOR_GENERATE = 128, FOR_LOGITS = 256,
    FOR_TOKENS = 512, FOR_RECIPE = 1024, FOR_REDO = 2048, FOR_MODELS = 4096,
    FOR_MAKE = FOR_COMPOSE | FOR_WRITE | FOR_PLAY | FOR_DRAW, FOR_SAMPLING = FOR_MAKE | FOR_DESCRIBE | FOR_GENERATE, FOR_ALL = 8191
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

#endif
