/* What the verbs share: the loaded model, progress, output of files. Only this folder prints and exits. */
#ifndef APP_APP_H
#define APP_APP_H

#include "app/options.h"
#include "core/model.h"
#include "core/sampling.h"
#include "core/session.h"
#include "modalities/forms.h"

#include <signal.h>

#define TRIPTYCH_VERSION "0.1.0"

/* The verbs, each in its own file: true when done; else error tells why. */
bool verb_compose(const struct arguments *a, struct error *error);
bool verb_make(const struct arguments *a, enum modality_kind kind, struct error *error);
bool verb_write(const struct arguments *a, struct error *error);
bool verb_play(const struct arguments *a, struct error *error);
bool verb_draw(const struct arguments *a, struct error *error);
bool verb_recolour(const struct arguments *a, struct error *error);
bool verb_sheet(const struct arguments *a, struct error *error);
bool verb_frames(const struct arguments *a, struct error *error);
bool verb_describe(const struct arguments *a, struct error *error);
bool verb_train(const struct arguments *a, struct error *error);
bool verb_eval(const struct arguments *a, struct error *error);
bool verb_generate(const struct arguments *a, struct error *error);
bool verb_logits(const struct arguments *a, struct error *error);
bool verb_tokens(const struct arguments *a, struct error *error);
bool verb_recipe(const struct arguments *a, struct error *error);
bool verb_redo(const struct arguments *a, struct error *error);
bool verb_import(const struct arguments *a, struct error *error);
bool verb_export(const struct arguments *a, struct error *error);
bool verb_continue(const struct arguments *a, struct error *error);
bool verb_vary(const struct arguments *a, struct error *error);
bool verb_harmonise(const struct arguments *a, struct error *error);
bool verb_models(const struct arguments *a, struct error *error);

/* --int8 or float32. */
enum precision app_precision(const struct arguments *a);

/* Set by SIGINT and SIGTERM: finish what is at hand, save, stop. */
extern volatile sig_atomic_t app_stop;

/* The model directory: --model, else TRIPTYCH_MODEL, else models/default beside the program, the working directory or
 * PREFIX/share/triptych. */
bool app_model_folder(const struct arguments *a, char *path, size_t size, struct error *error);

/* --data values: PATH or PATH=WEIGHT, scanned. */
struct dataset;
bool app_datasets(const struct arguments *a, struct dataset **out, size_t *n, struct error *error);

/* Open the writer of a JSON or text result; results go to stdout, everything else to stderr. */
void app_say(const char *format, ...) __attribute__((format(printf, 1, 2)));     /* a line on stderr */
bool app_is_terminal(void);                                                      /* stderr */

#endif
