/* Options of decoding; see decoding.h. */
#include "app/decoding.h"
#include "core/file.h"
#include "core/mem.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool set_given(const struct arguments *a, struct generation *g, struct error *error)
{
    for (int id = 0; id < OPTIONS; id++) {
        char who[80];
        const struct option_value *v = &a->option[id];
        if (!v->given || !option_is_field((enum option_id)id)) continue;
        snprintf(who, sizeof who, "--%s", option_name((enum option_id)id));
        if (!generation_set_text(g, option_name((enum option_id)id), v->text, who, error)) return false;
    }
    if (a->option[OPTION_STOP].given) {                        /* in place of the file's */
        for (size_t i = 0; i < g->stop_strings.n; i++) mem_free(g->stop_strings.text[i]);
        g->stop_strings.n = 0;
    }
    for (int i = 0; i < a->option[OPTION_STOP].n; i++)
        if (!generation_add_stop(g, a->option[OPTION_STOP].list[i], error)) return false;
    if (a->option[OPTION_GREEDY].given) g->sampling.do_sample = false;
    return true;
}

static bool read_file(const char *folder, struct generation *g, struct error *error)
{
    struct bytes notes = {0};
    bool ok = generation_read(folder, g, &notes, error);
    for (char *line = (char *)notes.data, *end; ok && line != NULL && *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        app_say("note: generation_config.json: %.*s", (int)(end - line), line);
    }
    bytes_free(&notes);
    return ok;
}

bool decoding_options(const struct arguments *a, const struct decoding_defaults *d, const char *folder, struct generation *g, struct error *error)
{
    *g = GENERATION_DEFAULT;
    g->sampling.do_sample = d->do_sample, g->sampling.temperature = d->temperature, g->sampling.top_k = d->top_k, g->sampling.top_p = d->top_p;
    g->guidance_scale = d->guidance;
    if (a->option[OPTION_DO_SAMPLE].given && a->option[OPTION_GREEDY].given) return error_set(error, ERROR_USAGE, "--do-sample and --greedy exclude each other");
    if ((folder == NULL || read_file(folder, g, error)) && set_given(a, g, error)) return true;
    generation_free(g);
    return false;
}

bool decoding_text_options(const struct arguments *a, const struct decoding_defaults *d, struct generation *g, struct error *error)
{
    static const struct decoding_defaults plain = {.temperature = 1, .top_k = 50, .top_p = 1, .guidance = 1, .do_sample = true};
    char folder[PATH_MAX], path[PATH_MAX];
    if (!app_model_folder(a, folder, sizeof folder, error) || !file_join(path, sizeof path, folder, "triptych.json", error)) return false;
    if (file_exists(path)) return decoding_options(a, d, NULL, g, error);
    return decoding_options(a, &plain, folder, g, error);      /* Hugging Face's defaults, but drawing */
}

bool decoding_check(const struct generation *g, int V, struct error *error)
{
    if (generation_check(g, V, error)) return true;
    if (error->kind == ERROR_INPUT) error->kind = ERROR_USAGE;
    return false;
}

const uint8_t *decoding_token(void *bpe, int32_t id, size_t *n) { return bpe_token(bpe, id, n); }

/* ---- sequence breakers ---- */

static bool add_breaker(struct ids_list *out, const struct bpe *bpe, int32_t id, const char *rest, struct error *error)
{
    struct ids *breaker = ids_list_add(out, error);
    return breaker != NULL && ids_append(breaker, id, error) && (rest[0] == '\0' || bpe_encode(bpe, rest, strlen(rest), false, breaker, error));
}

static bool breakers_of(const char *text, const struct bpe *bpe, struct ids_list *out, struct error *error)
{
    size_t length = strlen(text);
    for (int32_t id = 0; id < bpe_size(bpe); id++) {
        size_t n = 0;
        const uint8_t *p = bpe_token(bpe, id, &n);
        if (p == NULL || n == 0) continue;
        if (memmem(p, n, text, length) != NULL) {
            if (!add_breaker(out, bpe, id, "", error)) return false;
            continue;
        }
        for (size_t k = length - 1; k > 0; k--)                /* the token ends with the breaker's first k bytes */
            if (k <= n && memcmp(p + n - k, text, k) == 0 && !add_breaker(out, bpe, id, text + k, error)) return false;
    }
    return true;
}

bool decoding_breakers(const struct arguments *a, const struct bpe *bpe, struct generation *g, struct error *error)
{
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    const struct option_value *given = &a->option[OPTION_DRY_BREAKER];
    if (g->sampling.dry_multiplier == 0 || g->sampling.dry_breakers.n > 0) return true;
    for (int i = 0; i < (given->given ? given->n : 4); i++)
        if (!breakers_of(given->given ? given->list[i] : usual[i], bpe, &g->sampling.dry_breakers, error)) return false;
    return true;
}
