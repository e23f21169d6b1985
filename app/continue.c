/* continue, vary and harmonise: verbs on a file, by its kind. */
#include "app/tune.h"
#include "modalities/modality.h"

static bool on_file(const struct arguments *a, const char *verb, bool (*on_tune)(struct tune *t, struct error *error), struct error *error)
{
    if (a->words != 1) return error_set(error, ERROR_USAGE, "%d files; one is wanted", a->words);
    if (modality_of_path(a->word[0]) == &modality_music) return tune_verb(a, verb, on_tune, error);
    return error_set(error, ERROR_USAGE, "'%.200s': cannot %s this kind of file; a .mid or .abc is wanted", a->word[0], verb);
}

bool verb_continue(const struct arguments *a, struct error *error) { return on_file(a, "continue", tune_continue, error); }
bool verb_vary(const struct arguments *a, struct error *error) { return on_file(a, "vary", tune_vary, error); }
bool verb_harmonise(const struct arguments *a, struct error *error) { return on_file(a, "harmonise", tune_harmonise, error); }
