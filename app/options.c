/* The table of options and what walks it; see options.h. */
#include "app/options.h"
#include "core/generation.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_type { FLAG, INTEGER, REAL, TEXT, LIST, FIELD, FIELD_FLAG };    /* the last two: fields of struct generation */

struct option {
    const char *name;
    char letter;
    enum option_type type;
    double low, high;        /* INTEGER, REAL */
    double absent;           /* value when not given; NAN = none */
    unsigned verbs;
    const char *value;       /* how the value is called in --help */
    const char *help;
};

#define NONE ((double)NAN)
static const struct option TABLE[OPTIONS] = {
    [OPTION_HELP] = {"help", 'h', FLAG, 0, 1, 0, FOR_ALL, NULL, "this page"},
    [OPTION_MODEL] = {"model", 'm', TEXT, 0, 0, NONE, FOR_ALL & ~(unsigned)(FOR_TRAIN | FOR_IMPORT), "DIR", "model directory (default: the shipped model)"},
    [OPTION_OUTPUT] = {"output", 'o', TEXT, 0, 0, NONE, FOR_MAKE | FOR_FILL | FOR_FILES | FOR_SPRITES | FOR_TOKENS | FOR_REDO, "PATH", "file or folder to write; the extension picks the kind"},
    [OPTION_OVERWRITE] = {"overwrite", 0, FLAG, 0, 1, 0, FOR_MAKE | FOR_FILL | FOR_FILES | FOR_SPRITES | FOR_TOKENS | FOR_REDO | FOR_IMPORT | FOR_EXPORT, NULL, "replace files that exist"},
    [OPTION_JSON] = {"json", 0, FLAG, 0, 1, 0, FOR_ALL & ~(unsigned)FOR_TRAIN, NULL, "print one JSON object"},
    [OPTION_QUIET] = {"quiet", 'q', FLAG, 0, 1, 0, FOR_MAKE | FOR_DESCRIBE | FOR_FILL | FOR_FILES | FOR_SPRITES | FOR_TRAIN | FOR_EVAL | FOR_REDO, NULL, "no progress and no notes"},
    [OPTION_SEED] = {"seed", 's', INTEGER, 0, 9007199254740992.0, NONE, FOR_SAMPLING | FOR_TRAIN, "N", "seed of the random draws (default: one is drawn and printed)"},
    [OPTION_COUNT] = {"count", 'n', INTEGER, 1, 1000, 1, FOR_MAKE | FOR_FILL | FOR_FILES, "N", "number of pieces"},
    [OPTION_THREADS] = {"threads", 0, INTEGER, 1, 64, 0, FOR_TRAIN | FOR_EVAL | FOR_TOKENS | FOR_SAMPLING, "N", "threads (default: one a processor)"},
    [OPTION_INT8] = {"int8", 0, FLAG, 0, 1, 0, FOR_SAMPLING | FOR_EVAL, NULL, "matrices in 8 bits: faster on large models, nearly the same results"},
    [OPTION_DO_SAMPLE] = {"do-sample", 0, FIELD_FLAG, 0, 0, 0, FOR_SAMPLING, NULL, "draw from the distribution (generate: default is greedy)"},
    [OPTION_GREEDY] = {"greedy", 0, FLAG, 0, 1, 0, FOR_SAMPLING, NULL, "always the likeliest token; wins over generation_config.json"},
    [OPTION_TEMPERATURE] = {"temperature", 't', FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "below 1: safer, above 1: wilder"},
    [OPTION_TOP_K] = {"top-k", 'k', FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "only the N likeliest tokens; 0 = all"},
    [OPTION_TOP_P] = {"top-p", 'p', FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "only the likeliest tokens that sum to X"},
    [OPTION_MIN_P] = {"min-p", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "only tokens at least X times as likely as the likeliest"},
    [OPTION_TOP_H] = {"top-h", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "only the likeliest tokens that carry the share X of the entropy"},
    [OPTION_TYPICAL_P] = {"typical-p", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "locally typical sampling"},
    [OPTION_EPSILON_CUTOFF] = {"epsilon-cutoff", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "drop tokens less likely than X"},
    [OPTION_ETA_CUTOFF] = {"eta-cutoff", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "the same with an entropy-dependent bound"},
    [OPTION_REPETITION_PENALTY] = {"repetition-penalty", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "above 1: tokens that occurred become less likely"},
    [OPTION_ENCODER_REPETITION_PENALTY] = {"encoder-repetition-penalty", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "X", "above 1: the prompt's tokens become likelier"},
    [OPTION_NO_REPEAT_NGRAM_SIZE] = {"no-repeat-ngram-size", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "no N tokens in a row occur twice"},
    [OPTION_ENCODER_NO_REPEAT_NGRAM_SIZE] = {"encoder-no-repeat-ngram-size", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "N", "no N tokens in a row of the prompt occur again"},
    [OPTION_BAD_WORDS_IDS] = {"bad-words-ids", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "JSON", "lists of ids that must not occur: \"[[5],[7,9]]\""},
    [OPTION_SEQUENCE_BIAS] = {"sequence-bias", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "JSON", "logits added to what completes a list: \"[[[5,7],-2.5]]\""},
    [OPTION_SUPPRESS_TOKENS] = {"suppress-tokens", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "JSON", "ids that are never taken: \"[3,4]\""},
    [OPTION_BEGIN_SUPPRESS_TOKENS] = {"begin-suppress-tokens", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "JSON", "ids that are not taken first"},
    [OPTION_FORCED_BOS] = {"forced-bos-token-id", 0, FIELD, 0, 0, NONE, FOR_GENERATE, "ID", "id forced behind a prompt of one id"},
    [OPTION_FORCED_EOS] = {"forced-eos-token-id", 0, FIELD, 0, 0, NONE, FOR_GENERATE, "ID", "id, or a list of ids, forced at the last place"},
    [OPTION_EXPONENTIAL_DECAY] = {"exponential-decay-length-penalty", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "JSON", "the end becomes likelier: \"[start,factor]\""},
    [OPTION_REMOVE_INVALID] = {"remove-invalid-values", 0, FIELD_FLAG, 0, 0, 0, FOR_GENERATE, NULL, "not-a-numbers and infinities become numbers"},
    [OPTION_RENORMALIZE] = {"renormalize-logits", 0, FIELD_FLAG, 0, 0, 0, FOR_SEARCH, NULL, "scores are log-probabilities again behind all steps"},
    [OPTION_MIN_LENGTH] = {"min-length", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "N", "no end before N tokens with the prompt"},
    [OPTION_MIN_NEW_TOKENS] = {"min-new-tokens", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "no end before N new tokens"},
    [OPTION_MAX_NEW_TOKENS] = {"max-new-tokens", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "at most N new tokens; wins over --max-length"},
    [OPTION_MAX_LENGTH] = {"max-length", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "at most N tokens with the prompt"},
    [OPTION_MAX_TIME] = {"max-time", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "S", "stop after S seconds"},
    [OPTION_STOP] = {"stop", 0, LIST, 0, 0, NONE, FOR_SEARCH, "TEXT", "stop where this text is complete; may be repeated"},
    [OPTION_NUM_BEAMS] = {"num-beams", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "N", "beam search over N beginnings (with --do-sample: beam sampling)"},
    [OPTION_NUM_RETURN_SEQUENCES] = {"num-return-sequences", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "N", "so many results: draws, or the best beams"},
    [OPTION_LENGTH_PENALTY] = {"length-penalty", 0, FIELD, 0, 0, NONE, FOR_SEARCH | FOR_FILL, "X", "above 0 favours long results (beams: 1, fill: 0)"},
    [OPTION_EARLY_STOPPING] = {"early-stopping", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "WORD", "beams stop when enough have ended: true, false or never"},
    [OPTION_NUM_BEAM_GROUPS] = {"num-beam-groups", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "N", "groups of beams that avoid each other"},
    [OPTION_DIVERSITY_PENALTY] = {"diversity-penalty", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "X", "how much they do"},
    [OPTION_FORCE_WORDS_IDS] = {"force-words-ids", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "JSON", "lists that must occur, or one of several: \"[[5,6],[[7],[8,9]]]\""},
    [OPTION_PENALTY_ALPHA] = {"penalty-alpha", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "X", "contrastive search among the --top-k likeliest"},
    [OPTION_PROMPT_LOOKUP] = {"prompt-lookup-num-tokens", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "N", "guess N tokens from the prompt: the same result, faster"},
    [OPTION_MATCHING_NGRAM] = {"max-matching-ngram-size", 0, FIELD, 0, 0, NONE, FOR_SEARCH, "N", "tokens that must match for a guess (2)"},
    [OPTION_GUIDANCE_SCALE] = {"guidance-scale", 0, FIELD, 0, 0, NONE, FOR_MAKE | FOR_GENERATE, "X", "above 1: closer to the prompt (classifier-free guidance)"},
    [OPTION_NEGATIVE_PROMPT] = {"negative-prompt", 0, TEXT, 0, 0, NONE, FOR_PLAY | FOR_DRAW | FOR_WRITE, "TEXT", "what guidance steers away from"},
    [OPTION_NEGATIVE_PROMPT_IDS] = {"negative-prompt-ids", 0, FIELD, 0, 0, NONE, FOR_GENERATE, "JSON", "the same as ids (default: the prompt's last id)"},
    [OPTION_EOS] = {"eos-token-id", 0, FIELD, 0, 0, NONE, FOR_GENERATE, "ID", "id, or a list of ids, that ends a sequence"},
    [OPTION_PAD] = {"pad-token-id", 0, FIELD, 0, 0, NONE, FOR_GENERATE, "ID", "id behind the end of shorter sequences (default: the end id)"},
    [OPTION_MIN_KEEP] = {"min-keep", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "tokens that the cuts leave at least"},
    [OPTION_REPEAT_LAST_N] = {"repeat-last-n", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "tokens that the next three look back on (64); -1 = all"},
    [OPTION_REPEAT_PENALTY] = {"repeat-penalty", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "llama.cpp's repetition penalty"},
    [OPTION_FREQUENCY_PENALTY] = {"frequency-penalty", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "taken off a logit for each time the token occurred"},
    [OPTION_PRESENCE_PENALTY] = {"presence-penalty", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "taken off once when it occurred"},
    [OPTION_DRY_MULTIPLIER] = {"dry-multiplier", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "penalty for going on with a repetition; 0 = off"},
    [OPTION_DRY_BASE] = {"dry-base", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "its growth with the repetition's length (1.75)"},
    [OPTION_DRY_ALLOWED_LENGTH] = {"dry-allowed-length", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "repetitions shorter than that cost nothing (2)"},
    [OPTION_DRY_PENALTY_LAST_N] = {"dry-penalty-last-n", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "tokens to look back on (64); -1 = all"},
    [OPTION_DRY_BREAKER] = {"dry-sequence-breaker", 0, LIST, 0, 0, NONE, FOR_WRITE, "TEXT", "repetitions end here; may be repeated (line break : \" *)"},
    [OPTION_DRY_BREAKERS_IDS] = {"dry-sequence-breakers-ids", 0, FIELD, 0, 0, NONE, FOR_GENERATE, "JSON", "the same as lists of ids"},
    [OPTION_TOP_N_SIGMA] = {"top-n-sigma", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "only logits within X standard deviations of the best"},
    [OPTION_XTC_PROBABILITY] = {"xtc-probability", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "chance to leave out the likeliest tokens"},
    [OPTION_XTC_THRESHOLD] = {"xtc-threshold", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "those above X, but for the least of them (0.1)"},
    [OPTION_MIROSTAT] = {"mirostat", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "N", "2: keep the surprise of tokens steady; the other cuts rest"},
    [OPTION_MIROSTAT_TAU] = {"mirostat-tau", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "surprise wanted, in bits (5)"},
    [OPTION_MIROSTAT_ETA] = {"mirostat-eta", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "X", "how fast it is corrected (0.1)"},
    [OPTION_SAMPLERS] = {"samplers", 0, FIELD, 0, 0, NONE, FOR_SAMPLING, "LIST", "these steps in this order: \"dry;top_k;top_p;temperature\""},
    [OPTION_OUTPUT_SCORES] = {"output-scores", 0, FLAG, 0, 1, 0, FOR_GENERATE, NULL, "also the scores of each step behind all steps of the chain (no beams)"},
    [OPTION_STREAM] = {"stream", 0, FLAG, 0, 1, 0, FOR_WRITE, NULL, "show tokens as they come, also when stdout is no terminal"},
    [OPTION_CANDIDATES] = {"candidates", 0, INTEGER, 1, 1024, 24, FOR_WRITE | FOR_EDIT | FOR_FRAMES | FOR_HARMONISE, "N", "middles that are tried for each hole (not given: pictures 48, frames 8, fill of tunes 8, harmonise 4)"},
    [OPTION_KEY] = {"key", 0, TEXT, 0, 0, NONE, FOR_PLAY, "KEY", "in this key: \"D minor\""},
    [OPTION_SCALE_LOCK] = {"scale-lock", 0, FLAG, 0, 1, 0, FOR_MUSIC | FOR_VARY, NULL, "music: only tones of the key's scale"},
    [OPTION_METRE] = {"metre", 0, TEXT, 0, 0, NONE, FOR_PLAY, "N/D", "in this metre: 6/8"},
    [OPTION_TEMPO] = {"tempo", 0, REAL, 20, 320, NONE, FOR_PLAY, "X", "so many quarter notes a minute"},
    [OPTION_BARS] = {"bars", 0, TEXT, 0, 0, NONE, FOR_PLAY | FOR_CONTINUE | FOR_FILL, "N", "exactly N bars; continue: N more; fill: the bars to replace, 5-8"},
    [OPTION_INSTRUMENT] = {"instrument", 0, LIST, 0, 0, NONE, FOR_PLAY | FOR_HARMONISE, "NAME", "a part for this instrument, by name or General MIDI number; may be repeated"},
    [OPTION_RANGE] = {"range", 0, TEXT, 0, 0, NONE, FOR_MUSIC | FOR_VARY, "LOW-HIGH", "music: only these pitches: C4-C6"},
    [OPTION_DENSITY] = {"density", 0, TEXT, 0, 0, NONE, FOR_MUSIC, "WORD", "music: notes a bar: low, mid or high"},
    [OPTION_DRUMS] = {"drums", 0, FLAG, 0, 1, 0, FOR_PLAY, NULL, "with drums"},
    [OPTION_CHORDS] = {"chords", 0, TEXT, 0, 0, NONE, FOR_MUSIC, "LIST", "music: a chord a bar, again and again: \"Am F C G\"; strong positions have its tones"},
    [OPTION_PARTS] = {"parts", 0, INTEGER, 1, 16, 0, FOR_PLAY, "N", "music: exactly so many parts, each of which plays; the model chooses their instruments"},
    [OPTION_CADENCE] = {"cadence", 0, FLAG, 0, 1, 0, FOR_PLAY | FOR_CONTINUE, NULL, "music: a full close at the end: dominant, then the tonic, on which melody and bass end (--bars free: the model tells how many first)"},
    [OPTION_NO_WORDS] = {"no-words", 0, FLAG, 0, 1, 0, FOR_PLAY | FOR_DRAW, NULL, "words of the prompt set no controls; of a picture: its colour is not looked at"},
    [OPTION_STRENGTH] = {"strength", 0, REAL, 0, 1, 0.3, FOR_VARY, "X", "share of the notes, or of the picture, that may change"},
    [OPTION_ROLL] = {"roll", 0, TEXT, 0, 0, NONE, FOR_TUNES | FOR_DESCRIBE, "FILE", "music: also a picture of the notes (.png)"},
    [OPTION_PLAY] = {"play", 0, FLAG, 0, 1, 0, FOR_TUNES | FOR_DESCRIBE, NULL, "music: play it with the first of pw-play, paplay, aplay, ffplay, play that is there"},
    [OPTION_SIZE] = {"size", 0, INTEGER, 16, 32, NONE, FOR_DRAW, "16|32", "art of 16 x 16 or 32 x 32 pixels"},
    [OPTION_LIMIT] = {"colours", 0, INTEGER, 1, 16, NONE, FOR_DRAW, "N", "at most N colours"},
    [OPTION_PALETTE] = {"palette", 0, TEXT, 0, 0, NONE, FOR_DRAW | FOR_RECOLOUR, "FILE", "only colours of this palette, exactly: .gpl, .hex, .pal or .png"},
    [OPTION_TILE] = {"tile", 0, TEXT, 0, 0, NONE, FOR_DRAW, "x|y|xy", "edges that meet without a seam"},
    [OPTION_SYMMETRY] = {"symmetry", 0, TEXT, 0, 0, NONE, FOR_DRAW, "x", "the right half mirrors the left one"},
    [OPTION_OUTLINE] = {"outline", 0, FLAG, 0, 1, 0, FOR_DRAW, NULL, "a dark line around the shape, in the palette's darkest colour"},
    [OPTION_BACKGROUND] = {"background", 0, TEXT, 0, 0, NONE, FOR_DRAW, "COLOUR", "transparent (default), or #rrggbb behind the shape"},
    [OPTION_BEST_OF] = {"best-of", 0, INTEGER, 1, 64, 1, FOR_DRAW, "N", "draw N and keep the one that the prompt explains best"},
    [OPTION_PROMPTS] = {"prompts", 0, TEXT, 0, 0, NONE, FOR_DRAW, "FILE", "a picture for each line of this text, --count of them a line"},
    [OPTION_SHEET] = {"sheet", 0, TEXT, 0, 0, NONE, FOR_DRAW, "FILE", "also all pictures on one labelled contact sheet (.png)"},
    [OPTION_PREVIEW] = {"preview", 0, TEXT, 0, 0, NONE, FOR_DRAW | FOR_COMPOSE | FOR_EDIT | FOR_SPRITES, "WAY", "show the picture: half, sixel, kitty or none (default: half blocks on a terminal); larger ones are thinned"},
    [OPTION_ROWS] = {"rows", 0, INTEGER, 1, 31, NONE, FOR_CONTINUE, "N", "pictures: go on below the first N rows (default: half of them)"},
    [OPTION_BOX] = {"box", 0, TEXT, 0, 0, NONE, FOR_FILL, "X,Y,W,H", "pictures: draw these pixels anew (of the art, not of a scaled-up file)"},
    [OPTION_MASK] = {"mask", 0, TEXT, 0, 0, NONE, FOR_FILL, "FILE", "pictures: draw anew where this .png is neither black nor see-through"},
    [OPTION_FRAMES] = {"frames", 0, INTEGER, 2, 4, 4, FOR_FRAMES, "N", "frames of the animation"},
    [OPTION_DURATION] = {"duration", 0, INTEGER, 20, 10000, 200, FOR_FRAMES | FOR_SHEET, "MS", "milliseconds a frame"},
    [OPTION_IDS] = {"ids", 0, LIST, 0, 0, NONE, FOR_GENERATE | FOR_LOGITS | FOR_TOKENS, "LIST", "token ids: \"1,2,3\"; generate: may be repeated, or a list of lists"},
    [OPTION_SCALE] = {"scale", 0, INTEGER, 1, 32, 8, FOR_DRAW | FOR_COMPOSE | FOR_REDO | FOR_EDIT | FOR_SPRITES, "N", "each pixel becomes N x N in the PNG; without it a picture of yours stays as it came, 16 x 16 art gets 16, all else"},
    [OPTION_SOUNDFONT] = {"soundfont", 0, TEXT, 0, 0, NONE, FOR_TUNES | FOR_COMPOSE | FOR_REDO | FOR_DESCRIBE, "FILE", "soundfont for the WAV; \"none\" = the built-in synth"},
    [OPTION_NO_PREVIEW] = {"no-preview", 0, FLAG, 0, 1, 0, FOR_DRAW | FOR_COMPOSE | FOR_TUNES | FOR_DESCRIBE, NULL, "do not show the picture in the terminal"},
    [OPTION_NO_WAV] = {"no-wav", 0, FLAG, 0, 1, 0, FOR_COMPOSE, NULL, "do not render sound"},
    [OPTION_DATA] = {"data", 0, LIST, 0, 0, NONE, FOR_TRAIN | FOR_EVAL | FOR_TOKENS, "PATH[=WEIGHT]", "folder, .txt, .mid, .png or .jsonl; may be repeated"},
    [OPTION_NO_AUGMENT] = {"no-augment", 0, FLAG, 0, 1, 0, FOR_TRAIN, NULL, "pieces as they are: no other keys, tempos, instruments, mirrors and hues, no holes, nothing told beside the notes"},
    [OPTION_OUT] = {"out", 0, TEXT, 0, 0, NONE, FOR_TRAIN | FOR_IMPORT | FOR_EXPORT, "PATH", "folder of the new model (export: or a .gguf file)"},
    [OPTION_INIT] = {"init", 0, TEXT, 0, 0, NONE, FOR_TRAIN, "DIR", "start from this model's weights and tokenizers; an imported text model is tuned on texts"},
    [OPTION_RESUME] = {"resume", 0, FLAG, 0, 1, 0, FOR_TRAIN, NULL, "go on from the last checkpoint in --out"},
    [OPTION_PRESET] = {"preset", 0, TEXT, 0, 0, NONE, FOR_TRAIN, "NAME", "size: tiny, small, default or large"},
    [OPTION_CONFIG] = {"config", 0, TEXT, 0, 0, NONE, FOR_TRAIN, "DIR", "folder with a config.json that gives the size"},
    [OPTION_STEPS] = {"steps", 0, INTEGER, 1, 100000000, NONE, FOR_TRAIN, "N", "steps in all (default: from --tokens)"},
    [OPTION_TOKENS] = {"tokens", 0, REAL, 1, 1e13, 20e6, FOR_TRAIN, "N", "tokens in all"},
    [OPTION_BATCH] = {"batch", 0, INTEGER, 16, 1048576, 8192, FOR_TRAIN, "N", "tokens a step"},
    [OPTION_MICRO] = {"micro", 0, INTEGER, 16, 65536, 2048, FOR_TRAIN, "N", "tokens of one pass of one thread"},
    [OPTION_RATE] = {"learning-rate", 0, REAL, 0.0000001, 1, 0.003, FOR_TRAIN, "X", "peak learning rate (tuning a text model: 0.0001)"},
    [OPTION_WARMUP] = {"warmup", 0, INTEGER, 0, 100000000, NONE, FOR_TRAIN, "N", "steps of warm-up (default: 3 % of the steps)"},
    [OPTION_DECAY] = {"decay", 0, INTEGER, 0, 100000000, NONE, FOR_TRAIN, "N", "steps of decay at the end (default: 25 % of the steps)"},
    [OPTION_OPTIMIZER] = {"optimizer", 0, TEXT, 0, 0, NONE, FOR_TRAIN, "NAME", "muon (default) or adamw (default for tuning a text model)"},
    [OPTION_WEIGHT_DECAY] = {"weight-decay", 0, REAL, 0, 1, 0.1, FOR_TRAIN, "X", "decoupled weight decay of the matrices"},
    [OPTION_CLIP] = {"clip", 0, REAL, 0, 1000, 1, FOR_TRAIN, "X", "largest gradient norm; 0 = off"},
    [OPTION_VALID_EVERY] = {"valid-every", 0, INTEGER, 1, 100000000, 200, FOR_TRAIN, "N", "steps between validations"},
    [OPTION_VALID_TOKENS] = {"valid-tokens", 0, INTEGER, 1, 100000000, 16384, FOR_TRAIN, "N", "tokens of each source in a validation"},
    [OPTION_SAVE_EVERY] = {"save-every", 0, INTEGER, 1, 100000000, 200, FOR_TRAIN, "N", "steps between checkpoints"},
    [OPTION_VOCABULARY] = {"vocabulary", 0, INTEGER, 300, 65536, 4096, FOR_TRAIN | FOR_TOKENS, "N", "size of the text vocabulary"},
    [OPTION_CODEC] = {"codec", 0, TEXT, 0, 0, NONE, FOR_TRAIN, "NAME", "image codes: palette (default) or convolutional (a VQ-VAE; without palettes, fill and vary)"},
    [OPTION_CODEC_STEPS] = {"codec-steps", 0, INTEGER, 1, 10000000, 9700, FOR_TRAIN, "N", "steps of the convolutional codes' own training"},
    [OPTION_COLOURS] = {"palette-colours", 0, INTEGER, 16, 4096, 1024, FOR_TRAIN, "N", "colours of the master palette"},
    [OPTION_PATTERNS] = {"patterns", 0, INTEGER, 625, 8192, 1936, FOR_TRAIN, "N", "patterns of the image codebook"},
    [OPTION_STORE] = {"store", 0, TEXT, 0, 0, NONE, FOR_TRAIN | FOR_IMPORT | FOR_EXPORT, "TYPE", "type of the stored weights: f16 (default; import: as the source), f32, bf16, in GGUF also q8_0"},
    [OPTION_SPLIT] = {"split", 0, TEXT, 0, 0, NONE, FOR_EVAL | FOR_TOKENS, "NAME", "train, valid or test (default: test)"},
    [OPTION_TOKENIZER] = {"tokenizer", 0, TEXT, 0, 0, NONE, FOR_TOKENS, "FILE", "a tokenizer.json (or its folder, or a vocab.json with merges.txt beside it) instead of the model's"},
    [OPTION_SPECIALS] = {"specials", 0, FLAG, 0, 1, 0, FOR_TOKENS, NULL, "encode: recognise special tokens in the text"},
    [OPTION_ADD_SPECIALS] = {"add-special-tokens", 0, FLAG, 0, 1, 0, FOR_TOKENS, NULL, "put what the tokenizer's template wants around each text"},
    [OPTION_SKIP_SPECIALS] = {"skip-special-tokens", 0, FLAG, 0, 1, 0, FOR_TOKENS, NULL, "leave special tokens out when decoding"},
    [OPTION_CHAT] = {"chat", 0, FLAG, 0, 1, 0, FOR_WRITE, NULL, "the prompt is a turn of a conversation, in the form of the model's chat template; without a prompt, lines of standard input"},
    [OPTION_SYSTEM] = {"system", 0, TEXT, 0, 0, NONE, FOR_WRITE, "TEXT", "with --chat: the system message (default: the template's own)"},
    [OPTION_BATCHED] = {"batched", 0, FLAG, 0, 1, 0, FOR_LOGITS, NULL, "through the training pass instead of the KV cache"},
};

const char *option_name(enum option_id id) { return TABLE[id].name; }

static bool same_name(const char *given, size_t n, const char *name)
{
    if (strlen(name) != n) return false;
    for (size_t i = 0; i < n; i++)
        if ((given[i] == '_' ? '-' : given[i]) != name[i]) return false;
    return true;
}

/* How many letters two names differ by, roughly: for "did you mean". */
static int distance(const char *a, size_t n, const char *b)
{
    int row[64], m = (int)strlen(b);
    if (n >= 64 || m >= 64) return 99;
    for (int j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 0; i < n; i++) {
        int corner = row[0];
        row[0] = (int)i + 1;
        for (int j = 1; j <= m; j++) {
            int keep = row[j], change = corner + (a[i] != b[j - 1]);
            row[j] = row[j] + 1 < change ? row[j] + 1 : change;
            if (row[j - 1] + 1 < row[j]) row[j] = row[j - 1] + 1;
            corner = keep;
        }
    }
    return row[m];
}

static int find_long(const char *name, size_t n, unsigned who, struct error *error)
{
    int close = -1, least = 4;
    for (int i = 0; i < OPTIONS; i++) {
        if (!(TABLE[i].verbs & who)) continue;
        if (same_name(name, n, TABLE[i].name)) return i;
        int d = distance(name, n, TABLE[i].name);
        if (d < least) least = d, close = i;
    }
    if (close >= 0) error_set(error, ERROR_USAGE, "unknown option --%.*s; did you mean --%s?", (int)n, name, TABLE[close].name);
    else error_set(error, ERROR_USAGE, "unknown option --%.*s; --help lists the options", (int)n, name);
    return -1;
}

static int find_short(char letter, unsigned who, struct error *error)
{
    for (int i = 0; i < OPTIONS; i++)
        if ((TABLE[i].verbs & who) && TABLE[i].letter == letter) return i;
    error_set(error, ERROR_USAGE, "unknown option -%c; --help lists the options", letter);
    return -1;
}

static bool set_number(const struct option *o, const char *text, struct option_value *value, struct error *error)
{
    char *end;
    errno = 0;
    double x = strtod(text, &end);
    bool ok = end != text && *end == '\0' && errno == 0 && isfinite(x);
    if (ok && o->type == INTEGER && floor(x) != x) ok = false;
    if (!ok) return error_set(error, ERROR_USAGE, "--%s: '%.60s' is no %s; %.15g to %.15g is wanted", o->name, text, o->type == INTEGER ? "whole number" : "number", o->low, o->high);
    if (x < o->low || x > o->high) return error_set(error, ERROR_USAGE, "--%s: %.15g is out of range; %.15g to %.15g is wanted", o->name, x, o->low, o->high);
    value->number = x;
    return true;
}

bool option_is_field(enum option_id id) { return TABLE[id].type == FIELD || TABLE[id].type == FIELD_FLAG; }

/* A value for a field of struct generation: is it one that the field takes? */
static bool check_field(enum option_id id, const char *text, struct error *error)
{
    char who[80];
    struct generation probe = GENERATION_DEFAULT;
    snprintf(who, sizeof who, "--%s", TABLE[id].name);
    bool ok = generation_set_text(&probe, TABLE[id].name, text, who, error);
    if (!ok && error->kind == ERROR_INPUT) error->kind = ERROR_USAGE;
    generation_free(&probe);
    return ok;
}

static bool set(enum option_id id, const char *text, struct arguments *out, struct error *error)
{
    const struct option *o = &TABLE[id];
    struct option_value *value = &out->option[id];
    bool flag = o->type == FLAG || o->type == FIELD_FLAG;
    if (value->given && o->type != LIST && !flag) return error_set(error, ERROR_USAGE, "--%s: given twice; once is wanted", o->name);
    value->given = true;
    value->text = text;
    if (flag) {
        value->number = 1, value->text = "true";
        return true;
    }
    if (o->type == INTEGER || o->type == REAL) return set_number(o, text, value, error);
    if (text[0] == '\0' && id != OPTION_NEGATIVE_PROMPT) return error_set(error, ERROR_USAGE, "--%s: is empty; %s is wanted", o->name, o->value);
    if (o->type == FIELD) return check_field(id, text, error);
    if (o->type == LIST) {
        if (value->n == VALUES_MOST) return error_set(error, ERROR_USAGE, "--%s: given more than %d times", o->name, VALUES_MOST);
        value->list[value->n++] = text;
    }
    return true;
}

/* One argument that starts with '-'; *at moves past a value taken from the next argument. */
static bool parse_option(int argc, char **argv, int *at, unsigned who, struct arguments *out, struct error *error)
{
    const char *given = argv[*at], *value = NULL;
    int id;
    if (given[1] == '-') {
        const char *equals = strchr(given, '=');
        size_t n = equals == NULL ? strlen(given + 2) : (size_t)(equals - given - 2);
        id = find_long(given + 2, n, who, error);
        if (equals != NULL) value = equals + 1;
    } else {
        id = find_short(given[1], who, error);
        if (given[2] != '\0') value = given + 2;
    }
    if (id < 0) return false;
    if (TABLE[id].type == FLAG || TABLE[id].type == FIELD_FLAG) {
        if (value != NULL) return error_set(error, ERROR_USAGE, "--%s: takes no value, but '%.60s' was given", TABLE[id].name, value);
    } else if (value == NULL) {
        if (*at + 1 >= argc) return error_set(error, ERROR_USAGE, "--%s: the value is missing; %s is wanted", TABLE[id].name, TABLE[id].value);
        value = argv[++*at];
    }
    return set((enum option_id)id, value, out, error);
}

bool options_parse(int argc, char **argv, unsigned who, struct arguments *out, struct error *error)
{
    *out = (struct arguments){0};
    for (int i = 0; i < OPTIONS; i++) out->option[i].number = isnan(TABLE[i].absent) ? 0 : TABLE[i].absent;
    bool only_words = false;
    for (int at = 0; at < argc; at++) {
        const char *a = argv[at];
        if (!only_words && strcmp(a, "--") == 0) only_words = true;
        else if (!only_words && a[0] == '-' && a[1] != '\0') {
            if (!parse_option(argc, argv, &at, who, out, error)) return false;
        } else if (out->words == ARGUMENTS_MOST) return error_set(error, ERROR_USAGE, "too many files; at most %d are wanted", ARGUMENTS_MOST);
        else out->word[out->words++] = a;
    }
    return true;
}

void options_help(unsigned who)
{
    for (int i = 0; i < OPTIONS; i++) {
        const struct option *o = &TABLE[i];
        char left[64], letter[8] = "    ";
        if (!(o->verbs & who)) continue;
        if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-36s %s", left, o->help);
        if ((o->type == INTEGER || o->type == REAL) && !isnan(o->absent) && o->absent != 0) printf(" (%.15g)", o->absent);
        putchar('\n');
    }
    if (!(TABLE[OPTION_SAMPLERS].verbs & who)) return;
    printf("\nBefore a token is chosen, these steps run in this order, as far as they are asked for:\n");
    int column = 0;
    for (int i = 0; sampling_step(i) != NULL; i++) {
        column += printf(column == 0 ? "  %s" : ", %s", sampling_step(i));
        if (column > 90) putchar('\n'), column = 0;
    }
    if (column > 0) putchar('\n');
}
