/* draw: a picture, or --count of them, from a prompt that may be empty or from each line of a file, under the wishes of the command line. */
#include "app/make.h"
#include "app/picture.h"
#include "app/sheet.h"
#include "core/file.h"
#include "core/mem.h"

#include <string.h>

enum { PROMPTS_LIMIT = 1 << 20, PICTURES_MOST = 100000 };

/* The prompts in turn; picture i has seed + i and is drawn from prompt i / each. */
struct drawing {
    struct engine_order order;   /* what all have in common */
    struct bytes file;           /* of prompts, its line ends made ends of strings */
    const char **prompt;         /* (prompts), into the file or the command line */
    int prompts, each;
};

static void drawing_free(struct drawing *d)
{
    bytes_free(&d->file);
    mem_free(d->prompt);
}

/* A prompt for each line that holds more than blanks. */
static bool split_lines(struct drawing *d, struct error *error)
{
    char *text = (char *)d->file.data + utf8_mark(d->file.data, d->file.n), *end = (char *)d->file.data + d->file.n;
    size_t lines = 1;
    for (const char *p = text; p < end; p++) lines += *p == '\n';
    if ((d->prompt = mem_alloc(lines, sizeof *d->prompt, error)) == NULL) return false;
    for (char *line = text; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL) stop = end;
        *stop = '\0';
        if (stop > line && stop[-1] == '\r') stop[-1] = '\0';
        if (line[strspn(line, " \t")] != '\0') d->prompt[d->prompts++] = line;
        line = stop + 1;
    }
    return true;
}

static bool read_prompts(const struct arguments *a, struct drawing *d, struct error *error)
{
    const char *path = a->option[OPTION_PROMPTS].text;
    d->each = (int)a->option[OPTION_COUNT].number;
    if (path != NULL && a->words > 0) return error_set(error, ERROR_USAGE, "a prompt and --prompts; one of the two is wanted");
    if (path == NULL) {
        if ((d->prompt = mem_alloc(1, sizeof *d->prompt, error)) == NULL) return false;
        d->prompt[d->prompts++] = a->words > 0 ? a->word[0] : NULL;
        return true;
    }
    if (!file_read(path, PROMPTS_LIMIT, &d->file, error) || !split_lines(d, error)) return false;
    if (d->prompts == 0) return error_set(error, ERROR_INPUT, "%s: no line; a prompt a line is wanted", path);
    return d->prompts <= PICTURES_MOST / d->each || error_set(error, ERROR_INPUT, "%s: %d prompts, %d pictures each; at most %d pictures are wanted", path, d->prompts, d->each, PICTURES_MOST);
}

static int pictures(const struct drawing *d) { return d->prompts * d->each; }

/* Keep a view of each picture for the contact sheet. */
static bool add_to_sheet(struct contact *sheet, const struct engine_order *o, struct piece *piece, struct error *error)
{
    return sheet == NULL || contact_add(sheet, &piece->sprite, o->prompt, o->seed, error);
}

/* n pictures from number `first` on, each the best of its candidates, written one by one. */
static bool draw_some(struct engine *e, const struct drawing *d, int first, int n, struct contact *sheet, struct error *error)
{
    struct piece *pieces = mem_alloc((size_t)n, sizeof *pieces, error);
    struct engine_order *orders = mem_alloc((size_t)n, sizeof *orders, error);
    char path[PATH_MAX], parameters[MAKE_PARAMETERS];
    bool ok = pieces != NULL && orders != NULL;
    for (int i = 0; ok && i < n; i++) orders[i] = d->order, orders[i].seed += (uint64_t)(first + i), orders[i].prompt = d->prompt[(first + i) / d->each];
    ok = ok && picture_best(e, orders, n, (int)e->a->option[OPTION_BEST_OF].number, pieces, error);
    for (int i = 0; ok && i < n; i++)
        ok = make_parameters(&pieces[i], parameters, error) && make_path(e->a, MODALITY_IMAGE, orders[i].seed, pictures(d), path, error) &&
             engine_write(e->a, &pieces[i], path, parameters, error) && make_tell(e->a, &orders[i], &pieces[i], path, error) && add_to_sheet(sheet, &orders[i], &pieces[i], error);
    for (int i = 0; pieces != NULL && i < n; i++) piece_free(&pieces[i]);
    mem_free(pieces), mem_free(orders);
    return ok;
}

static bool draw(struct engine *e, struct drawing *d, struct error *error)
{
    struct contact contact = {0};
    struct picture_order picture;
    const struct option_value *file = &e->a->option[OPTION_SHEET];
    int batch = engine_batch(e, MODALITY_IMAGE) / (int)e->a->option[OPTION_BEST_OF].number;
    bool ok = picture_wishes(e->a, e->vocabulary.codes, &picture, error);
    d->order.picture = &picture;
    if (batch < 1) batch = 1;
    for (int done = 0, n; ok && done < pictures(d); done += n) {
        n = pictures(d) - done < batch ? pictures(d) - done : batch;
        ok = draw_some(e, d, done, n, file->given ? &contact : NULL, error);
    }
    ok = ok && (!file->given || contact_write(&contact, e->a, file->text, error));
    contact_free(&contact);
    picture_order_free(&picture);
    return ok;
}

bool verb_draw(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    struct generation options = {0};
    struct drawing d = {.order = {.kind = MODALITY_IMAGE, .verb = "draw", .negative = a->option[OPTION_NEGATIVE_PROMPT].text, .options = &options}};
    char path[PATH_MAX];
    if (a->words > 1) return error_set(error, ERROR_USAGE, "%d prompts; one, in quotes, is wanted", a->words);
    bool empty = a->option[OPTION_PROMPTS].text == NULL && (a->words == 0 || a->word[0][0] == '\0'), sheet = a->option[OPTION_SHEET].given;
    if (empty && a->option[OPTION_BEST_OF].number > 1) return error_set(error, ERROR_USAGE, "--best-of: ranks by the prompt; one is wanted");
    bool ok = picture_options_check(a, error) && decoding_options(a, &PICTURE_DEFAULTS, NULL, &options, error) && read_prompts(a, &d, error);
    if (empty && d.order.negative == NULL) options.guidance_scale = 1;   /* nothing to steer to */
    d.order.seed = ok ? engine_seed(a) : 0;
    for (int i = 0; ok && i < pictures(&d); i++) {                /* before any work: is there a file in the way? */
        ok = make_path(a, MODALITY_IMAGE, d.order.seed + (uint64_t)i, pictures(&d), path, error) && engine_may_write(a, path, error);
        if (ok && sheet && file_is_same(path, a->option[OPTION_SHEET].text)) ok = error_set(error, ERROR_USAGE, "--sheet %.200s: is a picture's name; another one is wanted", path);
    }
    ok = ok && (!sheet || contact_check(a, pictures(&d), d.order.seed + (uint64_t)pictures(&d) - 1, error)) && engine_start(&e, a, true, error) && draw(&e, &d, error);
    engine_stop(&e);
    generation_free(&options);
    drawing_free(&d);
    return ok;
}
