/* fill: a text with holes, each marked <fill>, is completed. */
#ifndef APP_FILL_H
#define APP_FILL_H

#include "app/app.h"

#define FILL_MARK "<fill>"

/* The word on the command line is the text, or a file that holds it. */
bool verb_fill(const struct arguments *a, struct error *error);

#endif
