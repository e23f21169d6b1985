/* draw: a picture, or --count of them, from a prompt that may be empty, under the wishes of the command line. */
#include "app/make.h"
#include "app/picture.h"
#include "app/sheet.h"
#include "core/file.h"
#include "core/mem.h"

/* Keep a view of each picture for the contact sheet. */
static bool add_to_sheet(struct contact *sheet, const struct engine_order *o, struct piece *piece, struct error *error)
{
    return sheet == NULL || contact_add(sheet, &piece->sprite, o->prompt, o->seed, error);
}

/* n pictures with seeds from first->seed on, each the best of its candidates, written one by one. */
static bool draw_some(struct engine *e, const struct engine_order *first, int n, int count, struct contact *sheet, struct error *error)
{
    struct piece *pieces = mem_alloc((size_t)n, sizeof *pieces, error);
    struct engine_order *orders = mem_alloc((size_t)n, sizeof *orders, error);
    char path[PATH_MAX], parameters[MAKE_PARAMETERS];
    bool ok = pieces != NULL && orders != NULL;
    for (int i = 0; ok && i < n; i++) orders[i] = *first, orders[i].seed += (uint64_t)i;
    ok = ok && picture_best(e, orders, n, (int)e->a->option[OPTION_BEST_OF].number, picture_rank_prompt, pieces, error);
    for (int i = 0; ok && i < n; i++)
        ok = make_parameters(&pieces[i], parameters, error) && make_path(e->a, MODALITY_IMAGE, orders[i].seed, count, path, error) &&
             engine_write(e->a, &pieces[i], path, parameters, error) && make_tell(e->a, &orders[i], &pieces[i], path, error) && add_to_sheet(sheet, &orders[i], &pieces[i], error);
    for (int i = 0; pieces != NULL && i < n; i++) piece_free(&pieces[i]);
    mem_free(pieces), mem_free(orders);
    return ok;
}

static bool draw(struct engine *e, struct engine_order *o, int count, struct error *error)
{
    struct contact contact = {0};
    struct picture_order picture;
    const struct option_value *file = &e->a->option[OPTION_SHEET];
    int batch = engine_batch(e, MODALITY_IMAGE) / (int)e->a->option[OPTION_BEST_OF].number;
    bool ok = picture_wishes(e->a, e->vocabulary.codes, &picture, error);
    o->picture = &picture;
    if (batch < 1) batch = 1;
    for (int done = 0, n; ok && done < count && !app_stop; done += n, o->seed += (uint64_t)n) {
        n = count - done < batch ? count - done : batch;
        ok = draw_some(e, o, n, count, file->given ? &contact : NULL, error);
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
    int count = (int)a->option[OPTION_COUNT].number;
    char path[PATH_MAX];
    if (a->words > 1) return error_set(error, ERROR_USAGE, "%d prompts; one, in quotes, is wanted", a->words);
    struct engine_order o = {.kind = MODALITY_IMAGE, .verb = "draw", .prompt = a->words > 0 ? a->word[0] : NULL, .negative = a->option[OPTION_NEGATIVE_PROMPT].text, .options = &options};
    bool empty = o.prompt == NULL || o.prompt[0] == '\0', sheet = a->option[OPTION_SHEET].given;
    if (empty && a->option[OPTION_BEST_OF].number > 1) return error_set(error, ERROR_USAGE, "--best-of: ranks by the prompt; one is wanted");
    bool ok = picture_options_check(a, error) && decoding_options(a, &PICTURE_DEFAULTS, NULL, &options, error);
    if (empty && o.negative == NULL) options.guidance_scale = 1;   /* nothing to steer to */
    o.seed = ok ? engine_seed(a) : 0;
    for (int i = 0; ok && i < count; i++)                         /* before any work: is there a file in the way? */
        ok = make_path(a, MODALITY_IMAGE, o.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error);
    if (ok && sheet && !file_has_extension(a->option[OPTION_SHEET].text, ".png")) ok = error_set(error, ERROR_USAGE, "--sheet %.200s: unknown kind of file; .png is wanted", a->option[OPTION_SHEET].text);
    ok = ok && (!sheet || engine_may_write(a, a->option[OPTION_SHEET].text, error)) && engine_start(&e, a, true, error) && draw(&e, &o, count, error);
    engine_stop(&e);
    generation_free(&options);
    return ok;
}
