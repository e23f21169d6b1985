/* What the verbs that make single pieces share: their files' names, and what is said about them. */
#ifndef APP_MAKE_H
#define APP_MAKE_H

#include "app/engine.h"

#include <limits.h>

/* The file for the piece with this seed: -o's folder or file, with the seed in its name when there are several. */
bool make_path(const struct arguments *a, enum modality_kind kind, uint64_t seed, int count, char path[PATH_MAX], struct error *error);

/* The same with another verb in the name. */
bool make_path_named(const struct arguments *a, enum modality_kind kind, const char *verb, uint64_t seed, int count, char path[PATH_MAX], struct error *error);

/* The text about a picture that image viewers show (the form of AUTOMATIC1111), from its recipe. */
enum { MAKE_PARAMETERS = 600 };
bool make_parameters(const struct piece *piece, char text[MAKE_PARAMETERS], struct error *error);

/* The path of a written piece on stdout, with a preview of pictures; or its JSON line. */
bool make_tell(const struct arguments *a, const struct engine_order *order, const struct piece *piece, const char *path, struct error *error);

#endif
