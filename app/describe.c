/* describe: a caption in words for a tune or a picture, the reverse of play and draw. */
#include "app/tune_show.h"
#include "core/json.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MOST = 40 };

/* The payload as far as it fits in front of a caption: of a long tune its first bars. */
struct first { struct ids ids; int32_t from; };

static bool keep_first(void *context, const int32_t *ids, size_t n, int first_bar, int bars, struct error *error)
{
    struct first *f = context;
    (void)first_bar, (void)bars;
    if (f->ids.n > 0) return true;
    if (!ids_append_many(&f->ids, ids, n, error)) return false;
    for (size_t i = 0; i < n; i++) f->ids.id[i] += f->from;
    return true;
}

static bool payload_of(struct engine *e, const struct piece *piece, struct ids *out, struct error *error)
{
    const struct vocabulary *v = &e->vocabulary;
    int most = form_payload_most(e->model.config.T);
    if (piece->kind != MODALITY_MUSIC) return modality_of(piece->kind)->encode(v, piece, out, NULL, error);
    struct ids whole = {0};
    struct first first = {.from = v->music_first};
    bool ok = music_encode(&piece->score, &whole, NULL, error) && music_split(whole.id, whole.n, (size_t)most, keep_first, &first, NULL, error);
    ids_free(&whole);
    *out = first.ids;
    if (ok && out->n == 0) ok = error_set(error, ERROR_INPUT, "its bars are too full to describe");
    return ok;
}

static bool describe(struct engine *e, const char *path, struct error *error)
{
    static const struct decoding_defaults defaults = {.temperature = 0.7, .top_k = 50, .top_p = 0.95, .guidance = 1, .do_sample = false};
    struct piece piece = {0};
    struct ids payload = {0}, prompt = {0};
    struct bytes words = {0}, line = {0}, facts = {0};
    struct generation g = {0};
    bool ok = decoding_options(e->a, &defaults, NULL, &g, error) && modality_read_file(path, &piece, error);
    if (ok && piece.kind == MODALITY_TEXT) ok = error_set(error, ERROR_INPUT, "%s: a text; a .mid or .png is wanted", path);
    if (ok && g.sampling.do_sample) g.sampling.seed = engine_seed(e->a);
    ok = ok && payload_of(e, &piece, &payload, error) && form_describe(&e->vocabulary, piece.kind, payload.id, payload.n, &prompt, error) &&
         engine_words(e, &prompt, SPECIAL_EOS, WORDS_MOST, &g, 0, &words, error);
    bool tune = ok && piece.kind == MODALITY_MUSIC, json = e->a->option[OPTION_JSON].given;
    if (tune) ok = show_facts(&piece.score, json, &facts, error) && show_roll(e->a, &piece, 0, error);
    if (ok && !json) printf("%s\n", bytes_text(&words));
    if (ok && !json && tune) printf("%s\n", bytes_text(&facts)), show_preview(e->a, &piece.score);
    if (ok && tune) ok = show_play(e->a, &piece, error);
    if (ok && json) {
        ok = bytes_append_text(&line, "{\"file\":", error) && json_quote(&line, path, strlen(path), error) && bytes_append_text(&line, ",\"caption\":", error) &&
             json_quote(&line, bytes_text(&words), words.n, error) && (!tune || (bytes_append_byte(&line, ',', error) && bytes_append(&line, facts.data, facts.n, error))) && bytes_append_byte(&line, '}', error);
        if (ok) puts(bytes_text(&line));
    }
    bytes_free(&words), bytes_free(&line), bytes_free(&facts);
    ids_free(&payload), ids_free(&prompt);
    generation_free(&g);
    piece_free(&piece);
    return ok;
}

bool verb_describe(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    if (a->words < 1) return error_set(error, ERROR_USAGE, "the file is missing; a .mid or .png is wanted");
    bool ok = engine_start(&e, a, true, error);
    for (int i = 0; ok && i < a->words; i++) ok = describe(&e, a->word[i], error);
    engine_stop(&e);
    return ok;
}
