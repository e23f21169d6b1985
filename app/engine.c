/* A loaded model that makes pieces; see engine.h. */
#include "app/engine.h"
#include "app/kept.h"
#include "core/file.h"
#include "core/infill.h"
#include "core/inpaint.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "outputs/preview.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TRIPTYCH_SHARE
#define TRIPTYCH_SHARE "/usr/local/share/triptych"
#endif

/* ---- the model ---- */

static bool is_model(const char *folder)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/config.json", folder) < (int)sizeof path && file_exists(path);
}

bool app_model_folder(const struct arguments *a, char *path, size_t size, struct error *error)
{
    const char *given = a->option[OPTION_MODEL].text != NULL ? a->option[OPTION_MODEL].text : getenv("TRIPTYCH_MODEL");
    if (given != NULL) {
        snprintf(path, size, "%s", given);
        return is_model(path) || error_set(error, ERROR_INPUT, "%s: no model; a folder with config.json is wanted", given);
    }
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(program, '/');
    if (slash != NULL) *slash = '\0';
    snprintf(path, size, "%s/models/default", program);
    if (is_model(path)) return true;
    snprintf(path, size, "models/default");
    if (is_model(path)) return true;
    snprintf(path, size, "%s/models/default", TRIPTYCH_SHARE);
    return is_model(path) || error_set(error, ERROR_INPUT, "no model: models/default is not there; --model DIR is wanted");
}

enum { TUNE_LEAST = 24, BAR_IDS = 10, BATCH_MOST = 32, CACHE_MOST = 1 << 29 };     /* ids of the shortest tune, of a bar; pieces made side by side, and bytes of their caches */
enum { WITNESS_ROWS = 4 };                                     /* rows of places behind the last hole that are looked at */
static const double HOLED_SHARE = 0.25;                        /* of the view with holes, see inpaint.h */


static uint64_t hash_bytes(uint64_t hash, const void *data, size_t n)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++) hash = (hash ^ p[i]) * 1099511628211u;          /* FNV-1a */
    return hash;
}

/* Hash of the weights' first and last numbers of every parameter (quick), and of the tokenizers' files (whole). */
static void hash_all(struct engine *e)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < e->model.n; i++) {
        const struct parameter *p = &e->model.parameters[i];
        const float *w = e->model.weights + p->at;
        size_t n = parameter_count(p);
        hash = hash_bytes(hash, w, sizeof *w * (n < 16 ? n : 16));
        hash = hash_bytes(hash, w + n - 1, sizeof *w);
    }
    snprintf(e->model_hash, sizeof e->model_hash, "%016llx", (unsigned long long)hash);
    static const char *const files[] = {"tokenizer.json", "vq.safetensors", "triptych.json"};
    hash = 1469598103934665603u;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[PATH_MAX];
        struct bytes data = {0};
        struct error ignored = {0};
        if (file_join(path, sizeof path, e->folder, files[i], &ignored) && file_exists(path) && file_read(path, FILE_LIMIT_JSON, &data, &ignored))
            hash = hash_bytes(hash, data.data, data.n);
        bytes_free(&data);
    }
    snprintf(e->vocabulary_hash, sizeof e->vocabulary_hash, "%016llx", (unsigned long long)hash);
}

enum precision app_precision(const struct arguments *a) { return a->option[OPTION_INT8].given ? PRECISION_INT8 : PRECISION_F32; }

bool engine_start(struct engine *e, const struct arguments *a, bool joint, struct error *error)
{
    *e = (struct engine){.a = a};
    if (!engine_preview_check(a, error)) return false;
    if (!app_model_folder(a, e->folder, sizeof e->folder, error) || !vocabulary_load(e->folder, &e->vocabulary, error) || !model_load(e->folder, &e->model, error)) return false;
    if (joint && !e->vocabulary.joint) return error_set(error, ERROR_INPUT, "%s: a text model; one with music and images is wanted", e->folder);
    if (e->model.config.V < e->vocabulary.size)
        return error_set(error, ERROR_INPUT, "%s: the model has %d ids, its tokenizers %d", e->folder, e->model.config.V, (int)e->vocabulary.size);
    if ((e->pool = threads_start((int)a->option[OPTION_THREADS].number, error)) == NULL || (e->packed = packed_start(&e->model, app_precision(a), e->pool, error)) == NULL) return false;
    e->runner = (struct runner){&e->model, e->packed, e->pool};
    if (!e->vocabulary.joint) vocabulary_edges(&e->vocabulary, e->model.config.bos, e->model.config.eos);
    if (!sampling_scratch_init(&e->scratch, e->model.config.V, error)) return false;
    hash_all(e);
    return true;
}

void engine_stop(struct engine *e)
{
    packed_stop(e->packed);
    threads_stop(e->pool);
    sampling_scratch_free(&e->scratch);
    model_free(&e->model);
    vocabulary_free(&e->vocabulary);
    *e = (struct engine){0};
}

/* ---- pieces ---- */

uint64_t engine_seed(const struct arguments *a)
{
    if (a->option[OPTION_SEED].given) return (uint64_t)a->option[OPTION_SEED].number;
    uint64_t seed = random_seed();
    app_say("seed %llu", (unsigned long long)seed);
    return seed;
}

struct ids engine_eos(void)
{
    static int32_t eos = SPECIAL_EOS;
    return (struct ids){.id = &eos, .n = 1};
}

/* Options that were given and are not among those that every recipe has, as JSON texts. */
static bool append_given(const struct arguments *a, struct bytes *out, struct error *error)
{
    static const enum option_id wishes[] = {OPTION_SIZE, OPTION_LIMIT, OPTION_PALETTE, OPTION_TILE, OPTION_SYMMETRY, OPTION_OUTLINE, OPTION_BACKGROUND, OPTION_BEST_OF, OPTION_ROWS, OPTION_BOX,
                                            OPTION_MASK, OPTION_STRENGTH, OPTION_CANDIDATES, OPTION_NO_WORDS, OPTION_NEGATIVE_PROMPT, OPTION_FRAMES, OPTION_DURATION};
    static const enum option_id always[] = {OPTION_DO_SAMPLE, OPTION_TEMPERATURE, OPTION_TOP_K, OPTION_TOP_P, OPTION_GUIDANCE_SCALE};
    for (int id = 0; id < OPTIONS; id++) {
        const struct option_value *v = &a->option[id];
        bool told = option_is_field((enum option_id)id);
        for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) told = told || id == (int)wishes[i];
        bool known = !v->given || !told;
        for (size_t i = 0; i < sizeof always / sizeof *always; i++) known = known || id == (int)always[i];
        if (known) continue;
        if (!bytes_append_byte(out, ',', error) || !json_quote(out, option_name((enum option_id)id), strlen(option_name((enum option_id)id)), error) ||
            !bytes_append_byte(out, ':', error) || !json_quote(out, v->text, strlen(v->text), error)) return false;
    }
    return true;
}

/* The steps behind the codes for these ids: the order's, with the exact colours for those that were sent. A view. */
static bool finish_of(const struct engine *e, const struct engine_order *o, const int32_t *ids, size_t n, struct image_finish *out, struct error *error)
{
    struct ids local = {0};
    *out = o->picture == NULL ? (struct image_finish){0} : o->picture->finish;
    if (o->picture == NULL || o->picture->wishes.colours == 0) return true;
    bool ok = vocabulary_local(ids, n, e->vocabulary.image_first, codes_vocabulary(e->vocabulary.codes), &local, error);
    if (ok) out->colours = codes_wishes_exact(e->vocabulary.codes, &o->picture->wishes, local.id, local.n, out->colour);
    ids_free(&local);
    return ok;
}

static bool recipe_picture(const struct engine *e, const struct engine_order *o, const int32_t *ids, size_t n, struct bytes *out, struct error *error)
{
    struct image_finish finish;
    if (o->kind != MODALITY_IMAGE) return true;
    int scale = o->scale > 0 || !e->a->option[OPTION_SCALE].given ? o->scale : (int)e->a->option[OPTION_SCALE].number;
    if (!finish_of(e, o, ids, n, &finish, error) || (scale > 0 && !bytes_printf(out, error, ",\"scale\":%d", scale))) return false;
    return image_finish_none(&finish) || (bytes_append_text(out, ",\"finish\":", error) && image_finish_print(&finish, out, error));
}

bool engine_recipe(const struct engine *e, const struct engine_order *o, const int32_t *ids, size_t n, struct bytes *out, struct error *error)
{
    const struct sampling *s = &o->options->sampling;
    const char *prompt = o->prompt == NULL ? "" : o->prompt;
    bool ok = bytes_printf(out, error, "{\"triptych\":\"%s\",\"verb\":\"%s\",\"modality\":\"%s\",\"prompt\":", TRIPTYCH_VERSION, o->verb, modality_of(o->kind)->name) &&
              json_quote(out, prompt, strlen(prompt), error) &&
              bytes_printf(out, error, ",\"seed\":%llu,\"options\":{\"do_sample\":%s,\"temperature\":%g,\"top_k\":%d,\"top_p\":%g,\"guidance_scale\":%g",
                           (unsigned long long)o->seed, s->do_sample ? "true" : "false", s->temperature, s->top_k, s->top_p, o->options->guidance_scale) &&
              append_given(e->a, out, error) && bytes_append_byte(out, '}', error) && (o->wishes == NULL || controls_recipe(o->wishes, out, error)) && (o->kept == NULL || kept_recipe(o->kept, out, error)) && recipe_picture(e, o, ids, n, out, error) &&
              bytes_printf(out, error, ",\"model\":\"%s\",\"vocabulary\":\"%s\",\"ids\":[", e->model_hash, e->vocabulary_hash);
    for (size_t i = 0; ok && i < n; i++) ok = bytes_printf(out, error, i ? ",%d" : "%d", (int)ids[i]);
    return ok && bytes_append_text(out, "]}", error);
}

/* One piece on its way. */
struct making { struct modality_state state; struct generate_constraint constraint; struct ids prompt, negative, made; size_t head; struct generation options; struct music_order music; struct codes_wishes wishes; };

/* What is asked of a tune: the bars before it go into its prompts, and its wishes must have room. */
static bool prepare_music(const struct engine_order *o, struct making *m, size_t most, struct error *error)
{
    struct music_order *music = &m->music;
    struct music_grammar g;
    if (o->music != NULL) *music = *o->music;
    if (o->wishes != NULL) music->wishes = *o->wishes;
    else if (o->music == NULL) music->wishes = MUSIC_WISHES_NONE;
    music->most = most;
    if (music->script != NULL && (music->made = mem_alloc(music->script_n, sizeof *music->made, error)) == NULL) return false;
    m->state.order = music;
    music_grammar_start(&g);
    for (size_t i = 0; i < music->before_n; i++)
        if (!music_grammar_advance(&g, music->before[i])) return error_set(error, ERROR_INPUT, "music: token %zu of the bars before breaks the grammar", i + 1);
    size_t need = music->script != NULL ? music->script_n : music_wishes_need(&music->wishes, &g);
    int bars = g.second ? g.holes - g.filled : music->wishes.bars - music->wishes.first;
    bool full = music->wishes.bars > 0 && music->script == NULL && (size_t)bars * BAR_IDS > most;
    if (need + 2 > most || full)
        return error_set(error, ERROR_INPUT, "%d bars take more than the %zu tokens that there is room for; about %zu bars are wanted", bars, most, most / BAR_IDS);
    return true;
}

/* What is there already of a tune or a picture goes into its prompts, as joint ids. */
static bool add_before(const struct engine *e, const struct engine_order *o, struct ids *prompt, struct error *error)
{
    const int32_t *id = o->music != NULL ? o->music->before : o->picture != NULL ? o->picture->before.id : NULL;
    size_t n = o->music != NULL ? o->music->before_n : o->picture != NULL ? o->picture->before.n : 0;
    for (size_t i = 0; i < n; i++)
        if (!ids_append(prompt, id[i] + (o->music != NULL ? e->vocabulary.music_first : e->vocabulary.image_first), error)) return false;
    return true;
}

/* Prompts and limits of a piece: the request for it. */
static bool prepare(struct engine *e, const struct engine_order *o, struct making *m, struct generate_request *q, struct error *error)
{
    size_t room = (size_t)e->model.config.T, picture = CODES_IDS_MOST + 2;
    if (o->picture != NULL) m->wishes = o->picture->wishes;
    m->constraint = o->picture != NULL ? modality_constraint_picture(&m->state, &e->vocabulary, &m->wishes, &o->picture->before) : modality_constraint(&m->state, &e->vocabulary, o->kind);
    m->options = *o->options;                                  /* a view */
    m->options.sampling.seed = o->seed + 1000003 * (uint64_t)o->candidate, m->options.sampling.eos = engine_eos();
    if (!form_prompt(&e->vocabulary, o->kind, o->prompt, &m->prompt, error) || !form_prompt(&e->vocabulary, o->kind, o->negative, &m->negative, error)) return false;
    size_t head = m->prompt.n;
    if (!add_before(e, o, &m->prompt, error) || !add_before(e, o, &m->negative, error)) return false;
    size_t longest = m->prompt.n > m->negative.n ? m->prompt.n : m->negative.n;
    m->head = head;
    if (longest + (o->kind == MODALITY_IMAGE ? picture : TUNE_LEAST) > room) return error_set(error, ERROR_INPUT, "the prompt takes %zu tokens; at most %zu are wanted", longest, room - (o->kind == MODALITY_IMAGE ? picture : TUNE_LEAST));
    size_t most = o->kind == MODALITY_IMAGE ? picture : room - longest;
    if (o->kind != MODALITY_IMAGE && o->options->max_new_tokens > 0 && (size_t)o->options->max_new_tokens < most) most = (size_t)o->options->max_new_tokens;
    if (most < TUNE_LEAST) most = TUNE_LEAST;
    if (o->kind == MODALITY_MUSIC && !prepare_music(o, m, most, error)) return false;
    *q = (struct generate_request){.prompt = m->prompt.id, .prompt_n = m->prompt.n, .options = &m->options, .last = m->prompt.n + most, .negative = m->negative.id,
        .negative_n = m->negative.n, .constraint = &m->constraint, .piece = (uint64_t)o->kind};
    return true;
}

static bool finish(struct engine *e, const struct engine_order *o, struct making *m, struct piece *out, struct error *error)
{
    const struct modality *modality = modality_of(o->kind);
    const int32_t *ids = m->made.id + m->head;
    size_t n = m->made.n - m->head;
    struct picture_order picture;
    struct engine_order own = *o;                              /* with the wishes as they were settled */
    if (o->picture != NULL) picture = (struct picture_order){.wishes = m->wishes, .finish = o->picture->finish}, own.picture = &picture;
    if (n > 0 && ids[n - 1] == SPECIAL_EOS) n--;
    if (o->picture != NULL) {
        struct image_finish finish;                            /* a view */
        if (!finish_of(e, &own, ids, n, &finish, error) || !image_decode(&e->vocabulary, ids, n, &finish, &out->sprite, error)) return false;
    } else if (!modality->decode(&e->vocabulary, ids, n, out, error)) return false;
    if (o->wishes != NULL) controls_set_tempo(&out->score, o->wishes->quarters);
    if (o->kind == MODALITY_MUSIC && o->music == NULL) score_separate(&out->score);
    return ids_append_many(&out->ids, ids, n, error) && engine_recipe(e, &own, ids, n, &out->recipe, error) &&
           (o->kind != MODALITY_MUSIC || o->prompt == NULL || o->prompt[0] == '\0' || score_set_title(&out->score, o->prompt, error));
}

/* Sample palettes alone, as local ids into out (n). The requests are as they were afterwards. */
static bool sample_palettes(struct engine *e, const struct engine_order *first, struct generate_request *q, int n, int length, struct ids **made, struct ids *out, struct error *error)
{
    struct session *session = session_start_on(&e->model, e->packed, generate_sequences(first->options, n), length, e->runner.pool, error);
    size_t most = CODES_IDS_MOST + 2, palette = first->picture->wishes.size == 32 ? CODES_PALETTE_32 : CODES_PALETTE_MOST;
    for (int i = 0; i < n; i++) q[i].last = q[i].prompt_n + palette;
    bool ok = session != NULL && generate(session, q, n, &e->scratch, made, error);
    session_stop(session);
    for (int i = 0; i < n; i++) {
        size_t from = q[i].prompt_n;
        if (ok && made[i]->n > from && made[i]->id[made[i]->n - 1] == SPECIAL_EOS) made[i]->n--;
        ok = ok && vocabulary_local(made[i]->id + from, made[i]->n - from, e->vocabulary.image_first, codes_vocabulary(e->vocabulary.codes), &out[i], error);
        made[i]->n = 0;
        q[i].last = q[i].prompt_n + most;
    }
    return ok;
}

/* With a limit on colours: sample full palettes first, thin them, and let the pictures be sampled with what is left. */
static bool settle_palettes(struct engine *e, const struct engine_order *orders, struct making *m, struct generate_request *q, int n, int length, struct ids **made, struct error *error)
{
    struct ids palette[BATCH_MOST] = {{0}};
    if (orders[0].picture == NULL || orders[0].picture->wishes.limit == 0 || n > BATCH_MOST) return true;
    for (int i = 0; i < n; i++) m[i].wishes.limit = 0;
    bool ok = sample_palettes(e, orders, q, n, length, made, palette, error);
    for (int i = 0; i < n; i++) {
        m[i].wishes.limit = orders[i].picture->wishes.limit;
        if (ok) codes_wishes_thin(e->vocabulary.codes, &m[i].wishes, palette[i].id, palette[i].n);
        ids_free(&palette[i]);
    }
    return ok;
}

/* Pieces side by side, on their way. */
struct makings { struct making *m; struct generate_request *q; struct ids **made; int n, length; };

static bool start_makings(struct engine *e, const struct engine_order *orders, int n, struct makings *w, struct error *error)
{
    *w = (struct makings){mem_alloc((size_t)n, sizeof *w->m, error), mem_alloc((size_t)n, sizeof *w->q, error), mem_alloc((size_t)n, sizeof *w->made, error), n, 1};
    bool ok = w->m != NULL && w->q != NULL && w->made != NULL;
    for (int i = 0; ok && i < n; i++) {
        w->made[i] = &w->m[i].made;
        ok = prepare(e, &orders[i], &w->m[i], &w->q[i], error);
        if (ok && generate_length(&w->q[i]) > w->length) w->length = generate_length(&w->q[i]);
    }
    return ok;
}

static void stop_makings(struct makings *w)
{
    for (int i = 0; w->m != NULL && i < w->n; i++) ids_free(&w->m[i].prompt), ids_free(&w->m[i].negative), ids_free(&w->m[i].made), mem_free(w->m[i].music.made);
    mem_free(w->m), mem_free(w->q), mem_free(w->made);
}

bool engine_make(struct engine *e, const struct engine_order *orders, int n, struct piece *out, struct error *error)
{
    struct makings w;
    for (int i = 0; i < n; i++) out[i] = (struct piece){.kind = orders[i].kind};
    bool ok = start_makings(e, orders, n, &w, error) && settle_palettes(e, orders, w.m, w.q, n, w.length, w.made, error);
    struct session *session = ok ? session_start_on(&e->model, e->packed, generate_sequences(orders[0].options, n), w.length, e->runner.pool, error) : NULL;
    ok = session != NULL && generate(session, w.q, n, &e->scratch, w.made, error);
    for (int i = 0; ok && i < n; i++) ok = finish(e, &orders[i], &w.m[i], &out[i], error);
    session_stop(session);
    stop_makings(&w);
    for (int i = 0; !ok && i < n; i++) piece_free(&out[i]);
    return ok;
}

/* ---- pictures with holes ---- */

/* The grammar behind the holes filled so far: a copy of the state at the first of them goes on. */
static void allowed_hole(void *context, const int32_t *drawn, size_t n, uint8_t *mask)
{
    struct modality_state state = *(const struct modality_state *)context;
    for (size_t i = 0; i < n; i++) modality_image.taken(&state, drawn[i]);
    modality_image.allowed(&state, mask);
}

/* The places of the order's picture as joint ids, -1 for holes, as far as what stays behind the last hole can tell of it. Returns how many. */
static size_t list_places(const struct engine *e, const struct picture_order *p, int32_t place[CODES_PATTERNS])
{
    size_t n = 0, last = 0, row = (size_t)codes_per_row(p->wishes.size == 16);
    for (; n < CODES_PATTERNS && p->head + n < p->before.n && !codes_is_fill(e->vocabulary.codes, p->before.id[p->head + n]); n++) {
        int32_t id = p->before.id[p->head + n];
        place[n] = codes_is_hole(e->vocabulary.codes, id) ? -1 : id + e->vocabulary.image_first;
        if (place[n] < 0) last = n;
    }
    return last + WITNESS_ROWS * row < n ? last + WITNESS_ROWS * row : n;
}

bool engine_fill(struct engine *e, const struct engine_order *o, int candidates, struct piece *out, struct error *error)
{
    struct makings w;
    struct picture_order head = *o->picture;                   /* a view */
    struct engine_order plain = *o;
    int32_t place[CODES_PATTERNS];
    struct ids prompt[2] = {{0}};
    *out = (struct piece){.kind = o->kind};
    head.before.n = head.head, plain.picture = &head;
    bool ok = start_makings(e, o, 1, &w, error) && form_prompt(&e->vocabulary, o->kind, o->prompt, &prompt[0], error) && form_prompt(&e->vocabulary, o->kind, o->negative, &prompt[1], error) &&
              add_before(e, &plain, &prompt[0], error) && add_before(e, &plain, &prompt[1], error);
    if (ok) {
        struct making *m = &w.m[0];
        struct inpaint_request q = {.plain = {{prompt[0].id, prompt[0].n}, {prompt[1].id, prompt[1].n}}, .holed = {{m->prompt.id, m->prompt.n}, {m->negative.id, m->negative.n}}, .share = HOLED_SHARE,
            .place = place, .places = list_places(e, o->picture, place), .options = &m->options, .particles = candidates, .piece = (uint64_t)o->kind, .allowed = allowed_hole, .context = &m->state};
        ok = ids_append_many(&m->made, m->prompt.id, m->prompt.n, error) && inpaint(&e->runner, &q, &e->scratch, &m->made, error) && finish(e, o, m, out, error);
    }
    ids_free(&prompt[0]), ids_free(&prompt[1]);
    stop_makings(&w);
    if (!ok) piece_free(out);
    return ok;
}

bool engine_palettes(struct engine *e, const struct engine_order *order, int n, struct ids *out, struct error *error)
{
    struct engine_order orders[BATCH_MOST];
    struct makings w;
    for (int i = 0; i < n; i++) orders[i] = *order, orders[i].candidate = i;
    bool ok = start_makings(e, orders, n, &w, error) && sample_palettes(e, order, w.q, n, w.length, w.made, out, error);
    stop_makings(&w);
    return ok;
}

int engine_batch(const struct engine *e, enum modality_kind kind)
{
    const struct config *c = &e->model.config;
    size_t length = kind == MODALITY_IMAGE && c->T > 384 ? 384 : (size_t)c->T, piece = 2 * 2 * sizeof(float) * (size_t)c->L * (size_t)c->G * (size_t)c->D * length;
    size_t n = CACHE_MOST / piece;
    return n < 1 ? 1 : n > BATCH_MOST ? BATCH_MOST : (int)n;
}

bool engine_words(struct engine *e, struct ids *so_far, int32_t end, int most, const struct generation *base, uint64_t piece, struct bytes *words, struct error *error)
{
    struct words_state state;
    struct generate_constraint constraint = form_words_constraint(&state, &e->vocabulary, end, most);
    struct ids made = {0};
    struct generation options = *base;                         /* a view */
    options.guidance_scale = 1, options.sampling.eos = (struct ids){.id = &end, .n = 1};
    size_t room = (size_t)e->model.config.T - so_far->n - 1;
    struct generate_request q = {.prompt = so_far->id, .prompt_n = so_far->n, .options = &options, .last = so_far->n + ((size_t)most < room ? (size_t)most : room),
        .constraint = &constraint, .piece = piece};
    struct session *session = session_start_on(&e->model, e->packed, 1, (int)q.last, e->runner.pool, error);
    bool ok = session != NULL && generate(session, &q, 1, &e->scratch, (struct ids *[]){&made}, error);
    session_stop(session);
    size_t n = ok ? made.n - so_far->n : 0;
    if (n > 0 && made.id[made.n - 1] == end) n--;
    ok = ok && bpe_decode(e->vocabulary.bpe, made.id + so_far->n, n, true, words, error) && ids_append_many(so_far, made.id + so_far->n, n, error) && ids_append(so_far, end, error);
    ids_free(&made);
    return ok;
}

/* ---- files ---- */

bool engine_may_write(const struct arguments *a, const char *path, struct error *error)
{
    if (!file_has_folder(path)) return error_set(error, ERROR_IO, "%s: cannot be created; a folder that is there is wanted", path);
    if (!file_exists(path) || a->option[OPTION_OVERWRITE].given || strncmp(path, "/dev/", 5) == 0) return true;
    return error_set(error, ERROR_IO, "%s: is there already; --overwrite replaces it", path);
}

int engine_scale(const struct arguments *a, const struct sprite *sprite)
{
    bool half = sprite->width == SPRITE_SIDE / 2 && sprite->height == SPRITE_SIDE / 2;
    return (int)a->option[OPTION_SCALE].number * (half && !a->option[OPTION_SCALE].given ? 2 : 1);
}

bool engine_write(const struct arguments *a, const struct piece *piece, const char *path, const char *parameters, struct error *error)
{
    return engine_write_picture(a, piece, path, parameters, piece->kind == MODALITY_IMAGE ? engine_scale(a, &piece->sprite) : 1, error);
}

bool engine_write_picture(const struct arguments *a, const struct piece *piece, const char *path, const char *parameters, int scale, struct error *error)
{
    struct bytes out = {0};
    struct piece shown = *piece;                              /* a view: only the score's recipe differs */
    char *recipe = piece->recipe.n > 0 ? (char *)piece->recipe.data : NULL;
    if (piece->kind == MODALITY_MUSIC && recipe != NULL) shown.score.recipe = recipe;
    struct modality_write how = {.scale = scale, .soundfont = a->option[OPTION_SOUNDFONT].text, .parameters = parameters};
    bool ok = engine_may_write(a, path, error) && modality_of(piece->kind)->write(&shown, file_extension(path), &how, &out, error) && file_write(path, out.data, out.n, error);
    bytes_free(&out);
    return ok;
}

bool engine_information(const struct engine *e, const char *prompt, const struct ids *payload, double *out, struct error *error)
{
    double with = 0, without = 0;
    struct ids left[2] = {{0}};
    bool ok = form_prompt(&e->vocabulary, MODALITY_IMAGE, prompt, &left[0], error) && form_prompt(&e->vocabulary, MODALITY_IMAGE, NULL, &left[1], error) &&
              infill_score(&e->runner, left[0].id, left[0].n, payload->id, payload->n, &with, error) && infill_score(&e->runner, left[1].id, left[1].n, payload->id, payload->n, &without, error);
    *out = with - without;
    ids_free(&left[0]), ids_free(&left[1]);
    return ok;
}

bool engine_preview_check(const struct arguments *a, struct error *error)
{
    static const char *const ways[] = {"half", "sixel", "kitty", "none"};
    const char *asked = a->option[OPTION_PREVIEW].text;
    for (size_t i = 0; asked != NULL && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(asked, ways[i]) == 0) return true;
    return asked == NULL || error_set(error, ERROR_USAGE, "--preview: '%.40s' is unknown; half, sixel, kitty or none is wanted", asked);
}

/* The way that was asked for, or half blocks in the colours that the terminal tells of. */
static enum preview_kind preview_kind(const struct option_value *asked)
{
    const char *depth = getenv("COLORTERM");
    bool truecolour = depth != NULL && (strcmp(depth, "truecolor") == 0 || strcmp(depth, "24bit") == 0);
    if (asked->text != NULL && strcmp(asked->text, "sixel") == 0) return PREVIEW_SIXEL;
    if (asked->text != NULL && strcmp(asked->text, "kitty") == 0) return PREVIEW_KITTY;
    return truecolour ? PREVIEW_TRUE_COLOUR : PREVIEW_256_COLOURS;
}

/* Most pixels that a preview may be wide (and twice as many high): the terminal's columns, for graphics more. */
static int preview_most(enum preview_kind kind)
{
    enum { GRAPHICS = 1024, UNKNOWN = 256 };
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (kind == PREVIEW_SIXEL || kind == PREVIEW_KITTY) return GRAPHICS;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return columns != NULL && atoi(columns) > 0 ? atoi(columns) : UNKNOWN;
}

void engine_preview(const struct arguments *a, const struct sprite *sprite)
{
    struct bytes text = {0};
    struct sprite small = {0};
    struct error ignored = {0};
    const struct option_value *asked = &a->option[OPTION_PREVIEW];
    if (a->option[OPTION_NO_PREVIEW].given || (asked->given && strcmp(asked->text, "none") == 0)) return;
    if (!asked->given && (!isatty(STDOUT_FILENO) || getenv("NO_COLOR") != NULL)) return;
    enum preview_kind kind = preview_kind(asked);
    int most = preview_most(kind), across = (sprite->width + most - 1) / most, down = (sprite->height + 2 * most - 1) / (2 * most);
    if (sprite_thin(sprite, across > down ? across : down, &small, &ignored) && preview_print(&small, kind, &text, &ignored)) fwrite(text.data, 1, text.n, stdout);
    sprite_free(&small);
    bytes_free(&text);
}
