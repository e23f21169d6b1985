/* continue, vary and harmonise: verbs on a file, by its kind. */
#include "app/picture.h"
#include "app/tune.h"

/* on_picture is NULL where a verb is for tunes only. */
static bool on_file(const struct arguments *a, const char *verb, bool (*on_tune)(struct tune *t, struct error *error),
                    bool (*on_picture)(const struct arguments *a, struct error *error), struct error *error)
{
    const struct modality *modality = a->words > 0 ? modality_of_path(a->word[0]) : NULL;
    if (modality == &modality_image && on_picture != NULL) return on_picture(a, error);
    if (a->words != 1) return error_set(error, ERROR_USAGE, "%d files; one is wanted", a->words);
    if (modality == &modality_music) return tune_verb(a, verb, on_tune, error);
    return error_set(error, ERROR_USAGE, "'%.200s': cannot %s this kind of file; a .mid%s is wanted", a->word[0], verb, on_picture != NULL ? ", .abc or .png" : " or .abc");
}

bool verb_continue(const struct arguments *a, struct error *error) { return on_file(a, "continue", tune_continue, picture_continue, error); }
bool verb_vary(const struct arguments *a, struct error *error) { return on_file(a, "vary", tune_vary, picture_vary, error); }
bool verb_harmonise(const struct arguments *a, struct error *error) { return on_file(a, "harmonise", tune_harmonise, NULL, error); }
