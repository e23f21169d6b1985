/* train: from folders to a model in one command. Tokenizers first (skipped when they are there), then the core; stops on
 * SIGINT with a checkpoint, goes on with --resume. OUT is at all times a model that the other verbs can load. */
#include "app/folder.h"
#include "core/blas.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/trainer.h"
#include "modalities/dataset.h"

#include "tokenizers/vq.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
    const struct arguments *a;
    const char *out;
    struct dataset *data;          /* (n) */
    size_t n;
    struct stream_source *sources; /* (n) */
    struct vocabulary vocabulary;
    struct model model;
    struct threads *pool;
    enum tensor_type store;
    uint64_t seed;
    bool quiet;
    long shown;                    /* step of the last progress line */
};

static bool same_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct error ignored = {0};
    return file_join(path, sizeof path, folder, name, &ignored) && file_exists(path);
}

/* ---- data ---- */

bool app_datasets(const struct arguments *a, struct dataset **out, size_t *n, struct error *error)
{
    const struct option_value *data = &a->option[OPTION_DATA];
    *n = 0;
    if (data->n == 0) return error_set(error, ERROR_USAGE, "--data is missing; a folder or file is wanted");
    *out = mem_alloc((size_t)data->n, sizeof **out, error);
    for (int i = 0; *out != NULL && i < data->n; i++) {
        char path[PATH_MAX];
        double weight = 1;
        const char *equals = strrchr(data->list[i], '=');
        snprintf(path, sizeof path, "%s", data->list[i]);
        if (equals != NULL) {
            char *end;
            weight = strtod(equals + 1, &end);
            if (end == equals + 1 || *end != '\0' || !(weight > 0 && weight <= 1e6))
                return error_set(error, ERROR_USAGE, "--data: weight '%.20s' of %.200s; a number above 0 is wanted", equals + 1, data->list[i]);
            path[equals - data->list[i]] = '\0';
        }
        if (!dataset_scan(path, &(*out)[*n], error)) return false;
        (*out)[*n].weight = weight;
        for (size_t k = 0; k < *n; k++)
            if (strcmp((*out)[k].name, (*out)[*n].name) == 0) {
                ++*n;
                return error_set(error, ERROR_USAGE, "--data: two sources are called %.100s; different names are wanted", (*out)[k].name);
            }
        ++*n;
    }
    return *out != NULL;
}

/* ---- tokenizers ---- */

static bool bpe_said(void *context, size_t done, size_t total)
{
    const struct run *r = context;
    if (!r->quiet && app_is_terminal()) fprintf(stderr, "\rtext tokenizer: %zu of %zu   ", done, total);
    return !app_stop;
}

static bool codes_said(void *context, const char *what, int done, int total)
{
    const struct run *r = context;
    if (!r->quiet && app_is_terminal()) fprintf(stderr, "\rimage codes: %s %d of %d   ", what, done, total);
    return !app_stop;
}

struct corpus { struct bytes *owned; struct bpe_text *texts; size_t n, room, owned_n; };

static bool add_text(struct corpus *c, const void *text, size_t n, struct error *error)
{
    if (c->n == c->room) {
        size_t more = c->room == 0 ? 1024 : c->room * 2;
        struct bpe_text *texts = mem_resize(c->texts, more, sizeof *texts, error);
        if (texts == NULL) return false;
        c->texts = texts, c->room = more;
    }
    c->texts[c->n++] = (struct bpe_text){text, n};
    return true;
}

/* The training split's texts, captions and ideas. */
static bool collect_corpus(const struct run *r, struct corpus *c, struct error *error)
{
    size_t files = 0;
    for (size_t d = 0; d < r->n; d++) files += r->data[d].n;
    c->owned = mem_alloc(files, sizeof *c->owned, error);
    for (size_t d = 0; c->owned != NULL && d < r->n; d++)
        for (size_t i = 0; i < r->data[d].n; i++) {
            const struct dataset_item *item = &r->data[d].items[i];
            struct piece piece = {0};
            if (item->split != SPLIT_TRAIN) continue;
            for (int k = 0; k < item->captions - item->regular; k++)              /* the regular one has the words of the others */
                if (!add_text(c, item->caption[k], strlen(item->caption[k]), error)) return false;
            if (item->kind != ITEM_TEXT || !modality_read_file(item->path, &piece, &(struct error){0})) continue;
            c->owned[c->owned_n++] = piece.text;
            if (!add_text(c, piece.text.data, piece.text.n, error)) return false;
        }
    return c->owned != NULL;
}

static bool train_bpe(struct run *r, struct bpe **out, struct error *error)
{
    struct corpus c = {0};
    const char *specials[SPECIALS];
    for (int s = 0; s < SPECIALS; s++) specials[s] = special_name((enum special)s);
    bool ok = collect_corpus(r, &c, error) && bpe_train(c.texts, c.n, (int32_t)r->a->option[OPTION_VOCABULARY].number, specials, SPECIALS, bpe_said, r, out, error);
    for (size_t i = 0; i < c.owned_n; i++) bytes_free(&c.owned[i]);
    mem_free(c.owned);
    mem_free(c.texts);
    if (ok && !r->quiet) app_say("%stext tokenizer: %d tokens", app_is_terminal() ? "\r" : "", (int)bpe_size(*out));
    return ok;
}

static bool is_convolutional(const struct arguments *a) { return a->option[OPTION_CODEC].text != NULL && strcmp(a->option[OPTION_CODEC].text, "convolutional") == 0; }

/* Sixteen blank sprites stand in where there is no picture: the codebooks are then of no use, but the vocabulary is whole. */
static bool train_codes(struct run *r, struct codes **out, struct error *error)
{
    size_t files = 1, n = 0;
    for (size_t d = 0; d < r->n; d++) files += r->data[d].n;
    struct sprite *sprites = mem_alloc(files, sizeof *sprites, error);
    struct codes_options options = CODES_OPTIONS_DEFAULT;
    bool ok = sprites != NULL;
    options.colours = (int)r->a->option[OPTION_COLOURS].number;
    options.patterns = (int)r->a->option[OPTION_PATTERNS].number;
    options.seed = r->seed;
    for (size_t d = 0; ok && d < r->n; d++)
        for (size_t i = 0; i < r->data[d].n; i++) {
            const struct dataset_item *item = &r->data[d].items[i];
            struct piece piece = {0};
            if (item->kind == ITEM_IMAGE && item->split == SPLIT_TRAIN && modality_read_file(item->path, &piece, &(struct error){0})) sprites[n++] = piece.sprite;
        }
    if (ok && n == 0) ok = sprite_init(&sprites[n++], SPRITE_SIDE, SPRITE_SIDE, error);
    struct vq_options vq = VQ_OPTIONS_DEFAULT;
    vq.steps = (long)r->a->option[OPTION_CODEC_STEPS].number, vq.seed = r->seed;
    ok = ok && (is_convolutional(r->a) ? codes_train_vq(sprites, n, &vq, r->pool, codes_said, r, out, error) : codes_train(sprites, n, &options, codes_said, r, out, error));
    for (size_t i = 0; i < n; i++) sprite_free(&sprites[i]);
    mem_free(sprites);
    if (ok && !r->quiet) app_say("%simage codes: %d ids from %zu sprites", app_is_terminal() ? "\r" : "", codes_vocabulary(*out), n);
    return ok;
}

static bool data_suit(const struct run *r, struct error *error)
{
    for (size_t i = 0; i < r->n; i++)
        if (!dataset_suits(&r->data[i], &r->vocabulary, error)) return false;
    return true;
}

/* --out holds a fine-tuned text model already: a run that is resumed. */
static bool is_text_model(const struct run *r) { return same_file(r->out, "config.json") && same_file(r->out, "tokenizer.json") && !same_file(r->out, "triptych.json"); }

/* A text model keeps the small files that came with it. */
static bool carry_over(const char *from, const char *to, struct error *error)
{
    static const char *const files[] = {"generation_config.json", "tokenizer_config.json", "chat_template.jinja"};
    bool copied, ok = strcmp(from, to) == 0;
    for (size_t i = 0; !ok && i < sizeof files / sizeof *files; i++)
        if (!folder_copy(from, to, files[i], &copied, error)) return false;
    return true;
}

static bool get_vocabulary(struct run *r, struct error *error)
{
    const char *init = r->a->option[OPTION_INIT].text;
    if (same_file(r->out, "triptych.json")) return vocabulary_load(r->out, &r->vocabulary, error);    /* the last file that is written */
    if (init == NULL && is_text_model(r)) init = r->out;
    if (init != NULL) return vocabulary_load(init, &r->vocabulary, error) && data_suit(r, error) && vocabulary_save(&r->vocabulary, r->out, error) && (r->vocabulary.joint || carry_over(init, r->out, error));
    struct bpe *bpe = NULL;
    struct codes *codes = NULL;
    if (!train_bpe(r, &bpe, error)) return false;
    if (!train_codes(r, &codes, error)) {
        bpe_free(bpe);
        return false;
    }
    vocabulary_join(&r->vocabulary, bpe, codes);
    return vocabulary_save(&r->vocabulary, r->out, error);
}

/* ---- the model ---- */

static bool get_model(struct run *r, struct error *error)
{
    struct config config;
    const char *preset = r->a->option[OPTION_PRESET].text, *folder = r->a->option[OPTION_CONFIG].text, *init = r->a->option[OPTION_INIT].text;
    if (init == NULL && !r->vocabulary.joint) init = r->out;
    if (init != NULL) {
        if (!model_load(init, &r->model, error)) return false;
        if (!r->vocabulary.joint) vocabulary_edges(&r->vocabulary, r->model.config.bos, r->model.config.eos);
        if (r->model.config.V < r->vocabulary.size) return error_set(error, ERROR_INPUT, "%s: the model has %d ids, its tokenizers %d", init, r->model.config.V, (int)r->vocabulary.size);
        return true;
    }
    if (folder != NULL) {
        if (!config_read(folder, &config, error)) return false;
        config.V = r->vocabulary.size;
    } else if (!config_preset(preset == NULL ? "default" : preset, r->vocabulary.size, &config))
        return error_set(error, ERROR_USAGE, "--preset: '%.40s' is unknown; tiny, small, default or large is wanted", preset);
    config.bos = SPECIAL_BOS, config.eos = SPECIAL_EOS, config.pad = SPECIAL_PAD;
    if (!model_init(&r->model, &config, error)) return false;
    model_randomize(&r->model, r->seed);
    return true;
}

static bool write_generation_config(const struct run *r, struct error *error)
{
    char path[PATH_MAX];
    struct bytes text = {0};
    bool ok = bytes_printf(&text, error, "{\n  \"bos_token_id\": %d,\n  \"eos_token_id\": %d,\n  \"pad_token_id\": %d,\n  \"do_sample\": true,\n  \"temperature\": 0.9,\n  \"top_k\": 60,\n  \"max_length\": %d\n}\n",
                           r->model.config.bos, r->model.config.eos, r->model.config.pad, r->model.config.T) &&
              file_join(path, sizeof path, r->out, "generation_config.json", error) && file_write(path, text.data, text.n, error);
    bytes_free(&text);
    return ok;
}

static bool keep(void *context, const struct model *model, struct error *error)
{
    const struct run *r = context;
    return model_save(model, r->out, r->store, error) && vocabulary_save(&r->vocabulary, r->out, error) && (!r->vocabulary.joint || write_generation_config(r, error));
}

/* ---- progress ---- */

static void left(double seconds, char text[32])
{
    long s = (long)seconds;
    if (s >= 3600) snprintf(text, 32, "%ld:%02ld h", s / 3600, s / 60 % 60);
    else snprintf(text, 32, "%ld:%02ld min", s / 60, s % 60);
}

static void report(void *context, const struct trainer_report *p)
{
    struct run *r = context;
    char time[32];
    if (p->note != NULL) app_say("%s%s", app_is_terminal() ? "\n" : "", p->note);
    if (r->quiet && !p->has_valid) return;
    bool line = p->has_valid || p->saved || (!app_is_terminal() && p->step - r->shown >= 20);
    if (!line && !app_is_terminal()) return;
    left(p->seconds_left, time);
    fprintf(stderr, "%sstep %ld/%ld  loss %.4f  %.0f tokens/s  %s left", app_is_terminal() ? "\r" : "", p->step, p->steps, p->loss, p->tokens_per_second, time);
    if (p->has_valid) {
        fprintf(stderr, "  valid %.4f%s (", p->valid, p->best ? " best" : "");
        for (size_t i = 0; i < r->n; i++) fprintf(stderr, "%s%s %.3f", i ? ", " : "", r->data[i].name, p->valid_of[i]);
        fputc(')', stderr);
    }
    if (p->saved) fputs("  saved", stderr);
    if (line) fputc('\n', stderr);
    else fputs("    ", stderr);
    r->shown = p->step;
}

/* ---- settings ---- */

static bool set_options(const struct run *r, struct trainer_options *o, struct error *error)
{
    const struct option_value *v = r->a->option;
    *o = (struct trainer_options){.batch = (int)v[OPTION_BATCH].number, .micro = (int)v[OPTION_MICRO].number, .threads = (int)v[OPTION_THREADS].number,
        .rate = v[OPTION_RATE].number, .rate_least = 0.02, .valid_every = (long)v[OPTION_VALID_EVERY].number, .valid_tokens = (int)v[OPTION_VALID_TOKENS].number,
        .save_every = (long)v[OPTION_SAVE_EVERY].number, .save_seconds = 300, .optimizer = OPTIMIZER_OPTIONS_DEFAULT, .folder = r->out, .resume = v[OPTION_RESUME].given};
    o->optimizer.weight_decay = v[OPTION_WEIGHT_DECAY].number;
    o->optimizer.clip = v[OPTION_CLIP].number;
    const char *name = v[OPTION_OPTIMIZER].text;
    if (name != NULL && strcmp(name, "adamw") == 0) o->optimizer.muon = false;
    else if (name != NULL && strcmp(name, "muon") != 0) return error_set(error, ERROR_USAGE, "--optimizer: '%.40s' is unknown; muon or adamw is wanted", name);
    o->steps = v[OPTION_STEPS].given ? (long)v[OPTION_STEPS].number : (long)ceil(v[OPTION_TOKENS].number / o->batch);
    o->warmup = v[OPTION_WARMUP].given ? (long)v[OPTION_WARMUP].number : o->steps * 3 / 100;
    o->decay = v[OPTION_DECAY].given ? (long)v[OPTION_DECAY].number : o->steps / 4;
    return true;
}

/* A trained text model is tuned with AdamW and small steps, unless the options say otherwise. */
static void be_gentle(const struct run *r, struct trainer_options *o)
{
    if (!r->a->option[OPTION_OPTIMIZER].given) o->optimizer.muon = false;
    if (!r->a->option[OPTION_RATE].given) o->rate = 1e-4;
}

static bool set_store(struct run *r, struct error *error)
{
    const char *name = r->a->option[OPTION_STORE].text;
    r->store = TENSOR_F16;
    if (name == NULL || strcmp(name, "f16") == 0) return true;
    r->store = strcmp(name, "bf16") == 0 ? TENSOR_BF16 : TENSOR_F32;
    return r->store == TENSOR_BF16 || strcmp(name, "f32") == 0 || error_set(error, ERROR_USAGE, "--store: '%.20s' is unknown; f16, bf16 or f32 is wanted", name);
}

/* Unfinished files of a run that was killed. */
static void sweep(const char *folder)
{
    struct file_list list = {0};
    struct error ignored = {0};
    char path[PATH_MAX];
    if (!file_is_folder(folder) || !file_list_read(folder, &list, &ignored)) return;
    for (size_t i = 0; i < list.n; i++)
        if (file_has_extension(list.names[i], ".tmp") && file_join(path, sizeof path, folder, list.names[i], &ignored)) file_remove(path);
    file_list_free(&list);
}

static bool prepare(struct run *r, struct error *error)
{
    const struct option_value *v = r->a->option;
    r->out = v[OPTION_OUT].text;
    r->quiet = v[OPTION_QUIET].given;
    r->seed = v[OPTION_SEED].given ? (uint64_t)v[OPTION_SEED].number : 1;
    if (r->out == NULL) return error_set(error, ERROR_USAGE, "--out is missing; the folder of the new model is wanted");
    if (r->a->words > 0) return error_set(error, ERROR_USAGE, "'%.80s' is no option; data come with --data", r->a->word[0]);
    if (!v[OPTION_RESUME].given && same_file(r->out, "checkpoints"))
        return error_set(error, ERROR_USAGE, "%s holds a training run; --resume goes on with it, another --out starts anew", r->out);
    const char *codec = v[OPTION_CODEC].text;
    if (codec != NULL && strcmp(codec, "palette") != 0 && !is_convolutional(r->a)) return error_set(error, ERROR_USAGE, "--codec: '%.40s' is unknown; palette or convolutional is wanted", codec);
    if (!set_store(r, error) || !app_datasets(r->a, &r->data, &r->n, error)) return false;
    char checkpoints[PATH_MAX];
    if (!file_join(checkpoints, sizeof checkpoints, r->out, "checkpoints", error)) return false;
    sweep(r->out), sweep(checkpoints);
    r->pool = threads_start((int)v[OPTION_THREADS].number, error);
    return r->pool != NULL && file_make_folder(r->out, error);
}

/* A text model's context may be longer than a pass: its pieces are made to fit both. */
static int piece_most(const struct run *r)
{
    int micro = (int)r->a->option[OPTION_MICRO].number, T = r->model.config.T;
    return r->vocabulary.joint || T < micro ? T : micro;
}

static bool encode_data(struct run *r, struct error *error)
{
    static const bool wanted[SPLITS] = {[SPLIT_TRAIN] = true, [SPLIT_VALID] = true};
    r->sources = mem_alloc(r->n, sizeof *r->sources, error);
    for (size_t i = 0; r->sources != NULL && i < r->n; i++) {
        struct dataset *d = &r->data[i];
        d->seed = r->seed + 1000 + i;
        d->as_is = r->a->option[OPTION_NO_AUGMENT].given;
        if (!dataset_encode(d, &r->vocabulary, piece_most(r), wanted, r->pool, error)) return false;
        r->sources[i] = dataset_source(d);
        uint64_t tokens = 0;
        for (size_t k = 0; k < d->pieces_n[SPLIT_TRAIN]; k++) tokens += d->pieces[SPLIT_TRAIN][k].payload.n;
        if (!r->quiet) app_say("data: %s: %zu pieces, %.2f M tokens to train on, %zu pieces to validate on, weight %g", d->name, d->pieces_n[SPLIT_TRAIN], (double)tokens / 1e6, d->pieces_n[SPLIT_VALID], d->weight);
        if (d->refused > 0) app_say("data: %s: %zu files left out; the first: %s", d->name, d->refused, d->first_refusal);
    }
    return r->sources != NULL;
}

static bool train(struct run *r, struct error *error)
{
    struct trainer_options options;
    if (!prepare(r, error) || !set_options(r, &options, error) || !get_vocabulary(r, error) || !get_model(r, error) || !encode_data(r, error)) return false;
    if (!r->vocabulary.joint) be_gentle(r, &options);
    struct stream stream = {.sources = r->sources, .n = r->n, .seed = r->seed, .T = r->model.config.T};
    struct trainer_hooks hooks = {.context = r, .report = report, .keep = keep, .stop = &app_stop};
    if (!r->quiet) app_say("model: %.2f M parameters, %d layers, %d wide; %ld steps of %d tokens; %s", (double)r->model.numbers / 1e6, r->model.config.L, r->model.config.C, options.steps, options.batch, blas_name());
    bool ok = trainer_run(&r->model, &stream, &options, &hooks, error);
    ids_free(&stream.scratch);
    return ok;
}

bool verb_train(const struct arguments *a, struct error *error)
{
    struct run r = {.a = a};
    bool ok = train(&r, error);
    threads_stop(r.pool);
    for (size_t i = 0; i < r.n; i++) dataset_free(&r.data[i]);
    mem_free(r.data);
    mem_free(r.sources);
    model_free(&r.model);
    vocabulary_free(&r.vocabulary);
    return ok;
}
