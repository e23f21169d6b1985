/* compose: one idea in; a short text, a tune and a sprite out.
 *
 *     <idea> idea <text> text <music> tune prompt <image> sprite prompt <eos>
 *
 * The model writes the text and, in its own words, a prompt for the tune and one for the picture; then both are made from
 * those prompts, which are obeyed as those of `play` and `draw` are: key, metre, instruments, colour. Files are DIR/<slug>-<seed>.txt, .mid, .wav and .png. */
#include "app/controls.h"
#include "app/picture.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/threads.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MOST = 140, PROMPT_MOST = 40, SLUG_MOST = 40 };

static const struct decoding_defaults WORDS = {.temperature = 0.8, .top_k = 50, .top_p = 0.95, .guidance = 1, .do_sample = true};
static const struct decoding_defaults PLAY = {.temperature = 1, .top_k = 0, .top_p = 0.99, .guidance = 1.3, .do_sample = true};

struct triptych { struct bytes text, music, picture; struct piece tune, sprite; char stem[PATH_MAX]; };

static void triptych_free(struct triptych *t)
{
    bytes_free(&t->text), bytes_free(&t->music), bytes_free(&t->picture);
    piece_free(&t->tune), piece_free(&t->sprite);
}

/* "A brave mouse!" -> "a-brave-mouse" */
static void slug(const char *idea, char out[SLUG_MOST + 1])
{
    size_t n = 0;
    for (; *idea != '\0' && n < SLUG_MOST; idea++) {
        if (isalnum((unsigned char)*idea)) out[n++] = (char)tolower((unsigned char)*idea);
        else if (n > 0 && out[n - 1] != '-') out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-') n--;
    if (n == 0) memcpy(out, "triptych", n = 8);
    out[n] = '\0';
}

static bool stem_for(const struct arguments *a, const char *idea, uint64_t seed, char stem[PATH_MAX], struct error *error)
{
    const char *folder = a->option[OPTION_OUTPUT].text != NULL ? a->option[OPTION_OUTPUT].text : ".";
    char name[SLUG_MOST + 32], part[SLUG_MOST + 1];
    slug(idea, part);
    snprintf(name, sizeof name, "%s-%llu", part, (unsigned long long)seed);
    return file_make_folder(folder, error) && file_join(stem, PATH_MAX - 8, folder, name, error);
}

static bool may_write_all(const struct arguments *a, const char *stem, struct error *error)
{
    static const char *const extensions[] = {".txt", ".mid", ".wav", ".png"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        snprintf(path, sizeof path, "%.4080s%s", stem, extensions[i]);
        if (!engine_may_write(a, path, error)) return false;
    }
    return true;
}

static bool make_words(struct engine *e, const char *idea, uint64_t seed, struct triptych *t, struct ids *all, struct error *error)
{
    struct generation g;
    if (!decoding_options(e->a, &WORDS, NULL, &g, error)) return false;
    g.sampling.seed = seed;
    bool ok = form_idea(&e->vocabulary, idea, all, error) && engine_words(e, all, SPECIAL_MUSIC, TEXT_MOST, &g, 100, &t->text, error) &&
              engine_words(e, all, SPECIAL_IMAGE, PROMPT_MOST, &g, 101, &t->music, error) && engine_words(e, all, SPECIAL_EOS, PROMPT_MOST, &g, 102, &t->picture, error);
    generation_free(&g);
    return ok;
}

static bool make_piece(struct engine *e, const struct decoding_defaults *d, enum modality_kind kind, const char *prompt, uint64_t seed, struct piece *out, struct error *error)
{
    struct generation g;
    if (!decoding_options(e->a, d, NULL, &g, error)) return false;
    struct engine_order o = {.kind = kind, .verb = "compose", .prompt = prompt, .seed = seed, .options = &g};
    struct music_wishes wishes;
    if (kind == MODALITY_MUSIC) o.wishes = &wishes;
    bool ok = kind == MODALITY_IMAGE ? picture_best(e, &o, 1, 1, out, error) : controls_of_words(prompt, &wishes, error) && engine_make(e, &o, 1, out, error);
    generation_free(&g);
    return ok;
}

/* Tune and sprite at the same time, each on one processor. */
struct pair { struct engine engines[2]; struct triptych *t; uint64_t seed; struct error errors[2]; bool ok[2]; };

static void make_half(void *context, int item, int worker)
{
    struct pair *p = context;
    (void)worker;
    if (item == 0) p->ok[0] = make_piece(&p->engines[0], &PLAY, MODALITY_MUSIC, bytes_text(&p->t->music), p->seed, &p->t->tune, &p->errors[0]);
    else p->ok[1] = make_piece(&p->engines[1], &PICTURE_DEFAULTS, MODALITY_IMAGE, bytes_text(&p->t->picture), p->seed, &p->t->sprite, &p->errors[1]);
}

static bool make_both(struct engine *e, uint64_t seed, struct triptych *t, struct error *error)
{
    struct pair p = {.engines = {*e, *e}, .t = t, .seed = seed};
    p.engines[0].runner.pool = p.engines[1].runner.pool = NULL;
    bool ok = sampling_scratch_init(&p.engines[1].scratch, e->model.config.V, error);
    if (ok) {
        threads_run(e->pool, 2, make_half, &p);
        for (int i = 0; ok && i < 2; i++)
            if (!p.ok[i]) *error = p.errors[i], ok = false;
        sampling_scratch_free(&p.engines[1].scratch);
    }
    return ok;
}

/* The text file: the text, then the two prompts, then the recipe. */
static bool write_text(struct engine *e, const char *idea, uint64_t seed, const struct triptych *t, const struct ids *all, struct error *error)
{
    struct piece page = {.kind = MODALITY_TEXT};
    struct generation g;
    char path[PATH_MAX];
    if (!decoding_options(e->a, &WORDS, NULL, &g, error)) return false;
    struct engine_order o = {.kind = MODALITY_TEXT, .verb = "compose", .prompt = idea, .seed = seed, .options = &g};
    snprintf(path, sizeof path, "%.4080s.txt", t->stem);
    bool ok = bytes_printf(&page.text, error, "%s\n\n[tune: %s]\n[picture: %s]\n", bytes_text(&t->text), bytes_text(&t->music), bytes_text(&t->picture)) &&
              engine_recipe(e, &o, all->id, all->n, &page.recipe, error) && engine_write(e->a, &page, path, NULL, error);
    piece_free(&page);
    generation_free(&g);
    return ok;
}

static bool write_files(struct engine *e, const char *idea, uint64_t seed, const struct triptych *t, const struct ids *all, struct error *error)
{
    char path[PATH_MAX];
    if (!write_text(e, idea, seed, t, all, error)) return false;
    snprintf(path, sizeof path, "%.4080s.mid", t->stem);
    if (!engine_write(e->a, &t->tune, path, NULL, error)) return false;
    snprintf(path, sizeof path, "%.4080s.png", t->stem);
    if (!engine_write(e->a, &t->sprite, path, bytes_text(&t->picture), error)) return false;
    snprintf(path, sizeof path, "%.4080s.wav", t->stem);
    return e->a->option[OPTION_NO_WAV].given || engine_write(e->a, &t->tune, path, NULL, error);
}

static bool quote_member(struct bytes *out, const char *name, const char *text, struct error *error)
{
    return bytes_printf(out, error, "\"%s\":", name) && json_quote(out, text, strlen(text), error) && bytes_append_byte(out, ',', error);
}

static bool tell(const struct arguments *a, const char *idea, uint64_t seed, const struct triptych *t, struct error *error)
{
    const char *wav = a->option[OPTION_NO_WAV].given ? "" : ",wav";
    if (!a->option[OPTION_JSON].given) {
        printf("%s\n\n", bytes_text(&t->text));
        engine_preview(a, &t->sprite.sprite);
        printf("tune:    %s\npicture: %s\nfiles:   %s.{txt,mid%s,png}\n", bytes_text(&t->music), bytes_text(&t->picture), t->stem, wav);
        return true;
    }
    struct bytes line = {0};
    bool ok = bytes_append_byte(&line, '{', error) && quote_member(&line, "idea", idea, error) && quote_member(&line, "text", bytes_text(&t->text), error) &&
              quote_member(&line, "music", bytes_text(&t->music), error) && quote_member(&line, "picture", bytes_text(&t->picture), error) &&
              quote_member(&line, "files", t->stem, error) && bytes_printf(&line, error, "\"seed\":%llu}", (unsigned long long)seed);
    if (ok) puts(bytes_text(&line));
    bytes_free(&line);
    return ok;
}

static bool compose(struct engine *e, const char *idea, uint64_t seed, struct error *error)
{
    struct triptych t = {0};
    struct ids all = {0};
    bool ok = stem_for(e->a, idea, seed, t.stem, error) && make_words(e, idea, seed, &t, &all, error) &&
              make_both(e, seed, &t, error) &&
              write_files(e, idea, seed, &t, &all, error) && tell(e->a, idea, seed, &t, error);
    ids_free(&all);
    triptych_free(&t);
    return ok;
}

bool verb_compose(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    char stem[PATH_MAX];
    if (a->words != 1 || a->word[0][0] == '\0') return error_set(error, ERROR_USAGE, "%d ideas; one, in quotes, is wanted", a->words == 1 ? 0 : a->words);
    if (strlen(a->word[0]) > 400) return error_set(error, ERROR_USAGE, "an idea of %zu bytes; at most 400 are wanted", strlen(a->word[0]));
    uint64_t seed = engine_seed(a);
    int count = (int)a->option[OPTION_COUNT].number;
    bool ok = true;
    for (int i = 0; ok && i < count; i++) ok = stem_for(a, a->word[0], seed + (uint64_t)i, stem, error) && may_write_all(a, stem, error);
    ok = ok && engine_start(&e, a, true, error);
    for (int i = 0; ok && i < count && !app_stop; i++) ok = compose(&e, a->word[0], seed + (uint64_t)i, error);
    engine_stop(&e);
    return ok;
}
