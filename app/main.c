/* triptych: one idea in; a text, a melody and a sprite out. This file finds the verb and turns errors into exit codes:
 * 0 ok, 1 failed, 2 the command line is wrong. */
#include "app/app.h"
#include "app/fill.h"
#include "app/picture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct verb {
    const char *name;
    bool (*run)(const struct arguments *a, struct error *error);
    unsigned who;
    const char *arguments, *help;
} VERBS[] = {
    {"compose", verb_compose, FOR_COMPOSE, "\"IDEA\"", "a text, a melody and a picture from one idea"},
    {"write", verb_write, FOR_WRITE, "[\"PROMPT\"]", "continue a text"},
    {"fill", verb_fill, FOR_FILL, "\"TEXT WITH <fill>\"|FILE", "complete the holes of a text; bars of a tune (--bars 5-8); a box of a picture (--box X,Y,W,H)"},
    {"play", verb_play, FOR_PLAY, "[\"PROMPT\"]", "a melody: .mid, .abc, .wav, .flac, .ogg or .png by -o's extension"},
    {"draw", verb_draw, FOR_DRAW, "[\"PROMPT\"]", "a pixel-art picture: .png"},
    {"continue", verb_continue, FOR_CONTINUE, "FILE", "go on with a tune (.mid, .abc): --bars N more; with a picture from its top part (.png): --rows N"},
    {"vary", verb_vary, FOR_VARY, "FILE", "a variation of a tune: the same form, changed notes; of a picture: some of it anew"},
    {"harmonise", verb_harmonise, FOR_HARMONISE, "FILE", "an accompaniment to a tune"},
    {"recolour", verb_recolour, FOR_RECOLOUR, "FILE.png --palette FILE", "a picture in the colours of a palette"},
    {"sheet", verb_sheet, FOR_SHEET, "FILES... -o SHEET.png", "a sprite sheet with its JSON"},
    {"frames", verb_frames, FOR_FRAMES, "FILE.png", "a short idle animation: a sheet with its JSON, and a .gif"},
    {"describe", verb_describe, FOR_DESCRIBE, "FILE", "a caption for a .mid, .abc or .png"},
    {"train", verb_train, FOR_TRAIN, "--data PATH[=WEIGHT]... --out DIR", "train tokenizers and a model from your files"},
    {"eval", verb_eval, FOR_EVAL, "--data PATH...", "bits a token, byte, note and pixel on a split"},
    {"import", verb_import, FOR_IMPORT, "SRC --out DIR", "a model from a Hugging Face folder or a .gguf file"},
    {"export", verb_export, FOR_EXPORT, "--out FILE.gguf|DIR", "a model for llama.cpp or Hugging Face transformers"},
    {"generate", verb_generate, FOR_GENERATE, "--ids \"1,2,3\"", "ids in, ids out"},
    {"logits", verb_logits, FOR_LOGITS, "--ids \"1,2,3\"", "the logits behind each id"},
    {"tokens", verb_tokens, FOR_TOKENS, "encode|decode|train|count|roundtrip", "tokenizers at work"},
    {"recipe", verb_recipe, FOR_RECIPE, "FILE", "what made this file"},
    {"redo", verb_redo, FOR_REDO, "FILE", "make it again from its recipe"},
    {"models", verb_models, FOR_MODELS, "", "the models at hand"},
};
enum { VERBS_N = sizeof VERBS / sizeof *VERBS };

static void on_signal(int number)
{
    if (app_stop) _exit(128 + number);                        /* the second time: at once */
    app_stop = 1;
}

static void overview(void)
{
    printf("triptych %s: one idea in; a text, a melody and a pixel-art picture out.\n\nusage: triptych VERB [arguments] [options]\n\n", TRIPTYCH_VERSION);
    for (int i = 0; i < VERBS_N; i++) printf("  %-9s %-36s %s\n", VERBS[i].name, VERBS[i].arguments, VERBS[i].help);
    printf("\n`triptych VERB --help` lists a verb's options.\n");
}

static int fail(const char *verb, const struct error *error)
{
    fprintf(stderr, "triptych%s%s: %s\n", verb[0] ? " " : "", verb, error->text);
    return error->kind == ERROR_USAGE ? 2 : 1;
}

static const struct verb *find_verb(const char *name)
{
    for (int i = 0; i < VERBS_N; i++)
        if (strcmp(VERBS[i].name, name) == 0) return &VERBS[i];
    return NULL;
}

int main(int argc, char **argv)
{
    struct error error = {0};
    static struct arguments arguments;
    if (argc < 2) {
        overview();
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) return overview(), 0;
    if (strcmp(argv[1], "--version") == 0) return printf("triptych %s\n", TRIPTYCH_VERSION), 0;
    const struct verb *verb = find_verb(argv[1]);
    if (verb == NULL) {
        error_set(&error, ERROR_USAGE, "unknown verb '%.40s'; triptych --help lists the verbs", argv[1]);
        return fail("", &error);
    }
    if (!options_parse(argc - 2, argv + 2, verb->who, &arguments, &error)) return fail(verb->name, &error);
    if (arguments.option[OPTION_HELP].given) {
        printf("usage: triptych %s %s [options]\n%s\n\n", verb->name, verb->arguments, verb->help);
        options_help(verb->who);
        return 0;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    if (!verb->run(&arguments, &error)) return fail(verb->name, &error);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        error_set(&error, ERROR_IO, "standard output: cannot be written");
        return fail(verb->name, &error);
    }
    return 0;
}
