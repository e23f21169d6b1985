/* describe: a caption in words for a tune or a picture, the reverse of play and draw, and what can be measured beside it.
 *
 * The model may say "jig in G major" of a waltz in A minor. So its likeliest caption is held against the facts that it names: key, metre, bars, tempo
 * and instruments of a tune, the first colour of a picture. Where they contradict it, captions are drawn until one fits; where none does, the first of those
 * that are contradicted least is told. */
#include "app/picture.h"
#include "app/tune_show.h"
#include "core/json.h"
#include "modalities/colours.h"
#include "modalities/music_chords.h"
#include "modalities/music_words.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MOST = 40, TRIES = 24 };

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

/* ---- the caption against the facts ---- */

/* Does a part play an instrument of this one's family? */
static bool plays_family(const struct score *s, int program)
{
    for (size_t p = 0; p < s->parts; p++)
        if (program == MUSIC_DRUMS ? s->part[p].drums : !s->part[p].drums && s->part[p].program / 8 == program / 8) return true;
    return false;
}

/* How many things that a caption names the tune does not have. */
static bool tune_wrong(const struct score *s, const char *caption, int *wrong, struct error *error)
{
    struct music_wishes w = MUSIC_WISHES_NONE;
    struct bytes said = {0};
    bool more, ok = music_words_find(caption, &w, &said, error);
    w.parts = 0;
    ok = ok && music_words_instruments(caption, &w, &more, error);
    int key = s->keys > 0 ? music_key_value(s->key[0].sharps, s->key[0].minor) : music_chords_key(s);
    int metre = s->metres > 0 ? music_metre_value(s->metre[0].numerator, s->metre[0].denominator) : music_metre_value(4, 4);
    *wrong = (w.key >= 0 && w.key != key) + (w.metre >= 0 && w.metre != metre) + (w.bars > 0 && w.bars != show_bars(s)) + (w.quarters > 0 && w.tempo != music_tempo_value(show_tempo(s)));
    for (int p = 0; p < w.parts; p++) *wrong += !plays_family(s, w.program[p]);
    bool minor = false, says_minor = strstr(caption, "minor key") != NULL || strstr(caption, "minor-key") != NULL, says_major = strstr(caption, "major key") != NULL || strstr(caption, "major-key") != NULL;
    int sharps = 0;
    (void)music_key_of(key, &sharps, &minor);
    *wrong += (minor ? says_major : says_minor) + (colours_first_named(caption) >= 0);      /* a colour is said of pictures */
    bytes_free(&said);
    return ok;
}

/* The same of a picture; it has no instrument or key. */
static bool picture_wrong(const struct sprite *s, const char *caption, int *wrong, struct error *error)
{
    struct music_wishes w = MUSIC_WISHES_NONE;
    struct bytes said = {0};
    int number[3], n = colours_of_sprite(s, NULL, number), named = colours_first_named(caption);
    bool ok = music_words_find(caption, &w, &said, error), seen = named < 0;
    for (int i = 0; i < n; i++) seen = seen || number[i] == named;
    *wrong = !seen + (w.key >= 0) + w.parts;
    bytes_free(&said);
    return ok;
}

/* One caption into *words, behind the prompt's n ids. */
static bool say(struct engine *e, const struct piece *piece, struct ids *prompt, size_t n, const struct generation *g, uint64_t number, struct bytes *words, int *wrong, struct error *error)
{
    prompt->n = n, words->n = 0;
    return engine_words(e, prompt, SPECIAL_EOS, WORDS_MOST, g, number, words, error) &&
           (piece->kind == MODALITY_MUSIC ? tune_wrong(&piece->score, bytes_text(words), wrong, error) : picture_wrong(&piece->sprite, bytes_text(words), wrong, error));
}

static bool find_caption(struct engine *e, const struct piece *piece, const struct generation *g, struct bytes *words, struct error *error)
{
    struct ids payload = {0}, prompt = {0};
    struct bytes other = {0};
    struct generation drawn = *g;                              /* a view */
    int wrong = 0, least = 0;
    bool ok = payload_of(e, piece, &payload, error) && form_describe(&e->vocabulary, piece->kind, payload.id, payload.n, &prompt, error);
    size_t n = prompt.n;
    ok = ok && say(e, piece, &prompt, n, g, 0, words, &least, error);
    drawn.sampling.do_sample = true;
    for (uint64_t i = 1; ok && least > 0 && i < TRIES; i++) {
        ok = say(e, piece, &prompt, n, &drawn, i, &other, &wrong, error);
        if (ok && wrong < least) least = wrong, words->n = 0, ok = bytes_append(words, other.data, other.n, error);
    }
    ids_free(&payload), ids_free(&prompt);
    bytes_free(&other);
    return ok;
}

/* ---- the facts ---- */

/* What is measured of the picture as it came, of scaled-up art at its own size: "16 x 16, 7 colours, mostly red, brown, 62 % opaque", or the same as JSON members. */
static bool picture_facts(const struct canvas *c, bool json, struct bytes *out, struct error *error)
{
    bool averaged = c->how.factor == 1 && c->how.word[0] != '\0';
    const struct sprite *s = averaged ? &c->file : &c->art;
    int number[3], n = colours_of_sprite(s, NULL, number), opaque = 0, pixels = s->width * s->height, palette = palette_count(s->rgba, (size_t)pixels, error);
    struct bytes names = {0};
    bool ok = palette >= 0;
    for (int i = 0; i < pixels; i++) opaque += s->rgba[4 * i + 3] > 0;
    for (int i = 0; ok && i < n; i++) ok = bytes_printf(&names, error, json ? "%s\"%s\"" : "%s%s", i > 0 ? (json ? "," : ", ") : "", colours_name(number[i]));
    if (json) ok = ok && bytes_printf(out, error, "\"width\":%d,\"height\":%d,\"palette\":%d,\"colours\":[%s],\"opaque\":%.4f", s->width, s->height, palette, names.n > 0 ? bytes_text(&names) : "", (double)opaque / pixels);
    else ok = ok && bytes_printf(out, error, "%d x %d, %d colour%s%s%s, %.0f %% opaque", s->width, s->height, palette, palette == 1 ? "" : "s", n > 0 ? ", mostly " : "", n > 0 ? bytes_text(&names) : "", 100.0 * opaque / pixels);
    bytes_free(&names);
    return ok;
}

static bool tell(const char *path, const struct bytes *words, const struct bytes *facts, bool json, struct error *error)
{
    struct bytes line = {0};
    if (!json) return printf("%s\n%s\n", bytes_text(words), bytes_text(facts)), true;
    bool ok = bytes_append_text(&line, "{\"file\":", error) && json_quote(&line, path, strlen(path), error) && bytes_append_text(&line, ",\"caption\":", error) &&
              json_quote(&line, bytes_text(words), words->n, error) && bytes_append_byte(&line, ',', error) && bytes_append(&line, facts->data, facts->n, error) && bytes_append_byte(&line, '}', error);
    if (ok) puts(bytes_text(&line));
    bytes_free(&line);
    return ok;
}

/* A picture as it came, and as the model sees it. */
static bool read_picture(const struct arguments *a, const char *path, struct canvas *canvas, struct piece *piece, struct error *error)
{
    piece->kind = MODALITY_IMAGE;
    return canvas_read(a, path, canvas, error) && (!sprite_is_blank(&canvas->full) || error_set(error, ERROR_INPUT, "%s: shows nothing", path)) &&
           sprite_scale(&canvas->full, 1, &piece->sprite, error);
}

static bool describe(struct engine *e, const char *path, struct error *error)
{
    static const struct decoding_defaults defaults = {.temperature = 0.7, .top_k = 50, .top_p = 0.95, .guidance = 1, .do_sample = false};
    struct piece piece = {0};
    struct canvas canvas = {0};
    struct bytes words = {0}, facts = {0};
    struct generation g = {0};
    bool json = e->a->option[OPTION_JSON].given, ok = decoding_options(e->a, &defaults, NULL, &g, error) && (modality_of_path(path) == &modality_image ? read_picture(e->a, path, &canvas, &piece, error) : modality_read_file(path, &piece, error));
    if (ok && piece.kind == MODALITY_TEXT) ok = error_set(error, ERROR_INPUT, "%s: a text; a .mid or .png is wanted", path);
    if (ok && g.sampling.do_sample) g.sampling.seed = engine_seed(e->a);
    ok = ok && (find_caption(e, &piece, &g, &words, error) || error_prefix(error, "%s", path));
    bool tune = ok && piece.kind == MODALITY_MUSIC;
    ok = ok && (tune ? show_facts(&piece.score, json, &facts, error) && show_roll(e->a, &piece, 0, error) : picture_facts(&canvas, json, &facts, error));
    ok = ok && tell(path, &words, &facts, json, error);
    if (tune && ok && !json) show_preview(e->a, &piece.score);
    if (tune && ok) ok = show_play(e->a, &piece, error);
    bytes_free(&words), bytes_free(&facts);
    generation_free(&g);
    canvas_free(&canvas);
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
