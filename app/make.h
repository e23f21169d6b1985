/* What the verbs that make single pieces share: their files' names, and what is said about them. */
#ifndef APP_MAKE_H
#define APP_MAKE_H

#include "app/engine.h"

#include <limits.h>

/* The file for one piece that is called `name` unless -o says otherwise: a folder in which it goes, or a file that can hold such a piece. */
bool make_output(const struct arguments *a, enum modality_kind kind, const char *name, char path[PATH_MAX], struct error *error);

/* The file for the piece with this seed: -o's folder or file, with the seed in its name when there are several. */
bool make_path(const struct arguments *a, enum modality_kind kind, uint64_t seed, int count, char path[PATH_MAX], struct error *error);

/* The same with another verb, or more words, in the name. */
bool make_path_named(const struct arguments *a, enum modality_kind kind, const char *verb, uint64_t seed, int count, char path[PATH_MAX], struct error *error);

/* The text about a picture that image viewers show (the form of AUTOMATIC1111), from its recipe. */
enum { MAKE_PARAMETERS = 600 };
bool make_parameters(const struct piece *piece, char text[MAKE_PARAMETERS], struct error *error);

/* The path of a written piece on stdout, with a preview of pictures; or its JSON line. */
bool make_tell(const struct arguments *a, const struct engine_order *order, const struct piece *piece, const char *path, struct error *error);

/* The JSON line about a written file; recipe may be empty. */
bool make_tell_file(const char *path, const struct bytes *recipe, struct error *error);

#endif
