/* tokens: the tokenizers at work.
 *
 *   tokens encode                stdin, a JSON string a line -> a JSON array of ids a line
 *   tokens decode                the way back
 *   tokens encode --data PATH    every piece of a data set's split, a line of decimal ids each
 *   tokens roundtrip FILE -o OUT read, tokenize, decode, write; says what was lost
 *   tokens train FILE... -o OUT  learn a tokenizer.json from texts
 *   tokens count FILE...         tokens in texts */
#include "app/engine.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "modalities/dataset.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tokenizer.json, a folder with one, or GPT-2's pair by its vocab.json. */
static bool load_tokenizer(const char *path, struct bpe **out, struct error *error)
{
    char folder[PATH_MAX];
    const char *base = file_base(path);
    if (file_is_folder(path)) return bpe_load_folder(path, out, error);
    if (strcmp(base, "vocab.json") != 0) return bpe_load(path, out, error);
    snprintf(folder, sizeof folder, "%.*s", base == path ? 1 : (int)(base - path), base == path ? "." : path);
    return bpe_load_pair(folder, out, error);
}

static bool get_vocabulary(const struct arguments *a, struct vocabulary *v, struct error *error)
{
    char folder[PATH_MAX];
    if (a->option[OPTION_TOKENIZER].text == NULL) return app_model_folder(a, folder, sizeof folder, error) && vocabulary_load(folder, v, error);
    struct bpe *bpe;
    if (!load_tokenizer(a->option[OPTION_TOKENIZER].text, &bpe, error)) return false;
    vocabulary_join(v, bpe, NULL);
    return true;
}

/* ---- lines of stdin ---- */

static bool encode_line(const struct vocabulary *v, const struct arguments *a, const cJSON *line, struct bytes *out, struct error *error)
{
    struct ids ids = {0};
    if (!cJSON_IsString(line)) return error_set(error, ERROR_INPUT, "no JSON string");
    const struct ids *before = bpe_before(v->bpe), *after = bpe_after(v->bpe);
    bool around = a->option[OPTION_ADD_SPECIALS].given;
    bool ok = (!around || ids_append_many(&ids, before->id, before->n, error)) && bpe_encode(v->bpe, line->valuestring, strlen(line->valuestring), a->option[OPTION_SPECIALS].given, &ids, error) &&
              (!around || ids_append_many(&ids, after->id, after->n, error)) && bytes_append_byte(out, '[', error);
    for (size_t i = 0; ok && i < ids.n; i++) ok = bytes_printf(out, error, i ? ",%d" : "%d", (int)ids.id[i]);
    ids_free(&ids);
    return ok && bytes_append_text(out, "]\n", error);
}

static bool decode_line(const struct vocabulary *v, const struct arguments *a, const cJSON *line, struct bytes *out, struct error *error)
{
    struct ids ids = {0};
    struct bytes text = {0};
    const cJSON *item;
    bool ok = cJSON_IsArray(line) || error_set(error, ERROR_INPUT, "no JSON array of ids");
    if (ok) cJSON_ArrayForEach(item, line) {
        bool is_id = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < bpe_size(v->bpe) && floor(item->valuedouble) == item->valuedouble;
        ok = ok && (is_id || error_set(error, ERROR_INPUT, "not an id; 0 to %d is wanted", (int)bpe_size(v->bpe) - 1)) && ids_append(&ids, (int32_t)item->valuedouble, error);
    }
    ok = ok && bpe_decode(v->bpe, ids.id, ids.n, a->option[OPTION_SKIP_SPECIALS].given, &text, error) && json_quote(out, bytes_text(&text), text.n, error) && bytes_append_byte(out, '\n', error);
    ids_free(&ids);
    bytes_free(&text);
    return ok;
}

static bool each_line(const struct arguments *a, bool (*use)(const struct vocabulary *, const struct arguments *, const cJSON *, struct bytes *, struct error *), struct error *error)
{
    struct vocabulary v = {0};
    struct bytes in = {0}, out = {0};
    bool ok = get_vocabulary(a, &v, error) && file_read("/dev/stdin", FILE_LIMIT_TEXT, &in, error);
    size_t at = 0;
    for (int number = 1; ok && at < in.n; number++) {
        const uint8_t *end = memchr(in.data + at, '\n', in.n - at);
        size_t n = (end == NULL ? in.n : (size_t)(end - in.data)) - at, from = at;
        at += n + 1;
        if (n == 0) continue;
        cJSON *line = json_parse(in.data + from, n, error);
        out.n = 0;
        ok = line != NULL && use(&v, a, line, &out, error);
        cJSON_Delete(line);
        if (ok) fwrite(out.data, 1, out.n, stdout);
        else error_prefix(error, "line %d", number);
    }
    bytes_free(&in), bytes_free(&out);
    vocabulary_free(&v);
    return ok;
}

/* ---- data sets ---- */

static bool get_split(const struct arguments *a, enum split *out, struct error *error)
{
    const char *name = a->option[OPTION_SPLIT].text;
    *out = SPLIT_TEST;
    return name == NULL || split_of(name, out) || error_set(error, ERROR_USAGE, "--split: '%.40s' is unknown; train, valid or test is wanted", name);
}

static bool encode_data(const struct arguments *a, struct error *error)
{
    struct vocabulary v = {0};
    struct dataset *data = NULL;
    struct threads *pool = NULL;
    struct ids ids = {0};
    struct config config = {.T = 1024};
    char folder[PATH_MAX];
    size_t n = 0;
    enum split split;
    bool ok = get_split(a, &split, error) && app_model_folder(a, folder, sizeof folder, error) && vocabulary_load(folder, &v, error) && config_read(folder, &config, error) &&
              app_datasets(a, &data, &n, error) && (pool = threads_start((int)a->option[OPTION_THREADS].number, error)) != NULL;
    if (ok && !v.joint) ok = error_set(error, ERROR_INPUT, "%s: a text model; one with music and images is wanted", folder);
    bool wanted[SPLITS] = {false};
    if (ok) wanted[split] = true;
    for (size_t d = 0; ok && d < n; d++) {
        ok = dataset_encode(&data[d], &v, config.T, wanted, pool, error);
        if (ok && data[d].refused > 0) app_say("%s: %zu files left out; the first: %s", data[d].name, data[d].refused, data[d].first_refusal);
        for (size_t i = 0; ok && i < data[d].pieces_n[split]; i++) {
            ids.n = 0;
            ok = dataset_plain(&data[d], split, i, &ids, error);
            for (size_t k = 0; ok && k < ids.n; k++) printf(k ? " %d" : "%d", (int)ids.id[k]);
            putchar('\n');
        }
    }
    threads_stop(pool);
    for (size_t d = 0; d < n; d++) dataset_free(&data[d]);
    mem_free(data);
    ids_free(&ids);
    vocabulary_free(&v);
    return ok;
}

/* ---- round trip ---- */

static bool say_loss(const struct arguments *a, const char *path, const struct ids *ids, const struct bytes *lost, const struct music_loss *loss, struct error *error)
{
    if (!a->option[OPTION_JSON].given) return printf("%s: %s\n", path, bytes_text(lost)) > 0;
    struct bytes line = {0};
    bool ok = bytes_append_text(&line, "{\"file\":", error) && json_quote(&line, path, strlen(path), error) && bytes_printf(&line, error, ",\"ids\":%zu,\"lost\":", ids->n) &&
              json_quote(&line, bytes_text(lost), lost->n, error);
    for (int i = 0; ok && loss != NULL && i < music_loss_count(); i++) ok = bytes_printf(&line, error, ",\"%s\":%g", music_loss_name(i), music_loss_value(loss, i));
    ok = ok && bytes_append_byte(&line, '}', error);
    if (ok) puts(bytes_text(&line));
    bytes_free(&line);
    return ok;
}

static bool roundtrip(const struct arguments *a, struct error *error)
{
    const char *out = a->option[OPTION_OUTPUT].text;
    struct vocabulary v = {0};
    struct piece piece = {0}, back = {0};
    struct ids ids = {0};
    struct bytes lost = {0}, file = {0};
    struct music_loss loss;
    struct modality_write how = {.scale = 1};
    if (a->words != 2) return error_set(error, ERROR_USAGE, "tokens roundtrip: one file is wanted");
    if (out == NULL) return error_set(error, ERROR_USAGE, "-o is missing; the file to write is wanted");
    bool ok = engine_may_write(a, out, error) && modality_read_file(a->word[1], &piece, error) && get_vocabulary(a, &v, error);
    const struct modality *m = ok ? modality_of(piece.kind) : NULL;
    if (ok && piece.kind != MODALITY_TEXT && !v.joint) ok = error_set(error, ERROR_INPUT, "this tokenizer knows text only; a model with music and images is wanted");
    ok = ok && m->encode(&v, &piece, &ids, &lost, error) && m->decode(&v, ids.id, ids.n, &back, error);
    bool music = ok && piece.kind == MODALITY_MUSIC;
    if (music) {                                               /* the figures for JSON */
        struct ids again = {0};
        ok = music_encode(&piece.score, &again, &loss, error);
        ids_free(&again);
    }
    ok = ok && m->write(&back, file_extension(out), &how, &file, error) && file_write(out, file.data, file.n, error) && say_loss(a, a->word[1], &ids, &lost, music ? &loss : NULL, error);
    bytes_free(&lost), bytes_free(&file);
    ids_free(&ids);
    piece_free(&piece), piece_free(&back);
    vocabulary_free(&v);
    return ok;
}

/* ---- training and counting ---- */

static bool read_texts(const struct arguments *a, struct bytes **files, struct bpe_text **texts, size_t *n, struct error *error)
{
    if (a->words < 2) return error_set(error, ERROR_USAGE, "tokens %s: a text file is wanted", a->word[0]);
    *files = mem_alloc((size_t)a->words, sizeof **files, error);
    *texts = mem_alloc((size_t)a->words, sizeof **texts, error);
    for (int i = 1; *files != NULL && *texts != NULL && i < a->words; i++) {
        struct bytes *file = &(*files)[*n];
        if (!file_read(a->word[i], FILE_LIMIT_TEXT, file, error)) return false;
        (*texts)[(*n)++] = (struct bpe_text){file->data, file->n};
    }
    return *files != NULL && *texts != NULL;
}

static bool train_texts(const struct arguments *a, const struct bpe_text *texts, size_t n, struct error *error)
{
    static const char *const specials[] = {"<|endoftext|>"};
    const char *out = a->option[OPTION_OUTPUT].text;
    struct bpe *bpe = NULL;
    struct bytes json = {0};
    if (out == NULL) return error_set(error, ERROR_USAGE, "-o is missing; the tokenizer.json to write is wanted");
    bool ok = engine_may_write(a, out, error) && bpe_train(texts, n, (int32_t)a->option[OPTION_VOCABULARY].number, specials, 1, NULL, NULL, &bpe, error) &&
              bpe_print(bpe, &json, error) && file_write(out, json.data, json.n, error);
    if (ok) printf("%s: %d tokens\n", out, (int)bpe_size(bpe));
    bytes_free(&json);
    bpe_free(bpe);
    return ok;
}

static bool count_texts(const struct arguments *a, const struct bpe_text *texts, size_t n, struct error *error)
{
    struct vocabulary v = {0};
    struct ids ids = {0};
    bool ok = get_vocabulary(a, &v, error);
    for (size_t i = 0; ok && i < n; i++) {
        ids.n = 0;
        ok = bpe_encode(v.bpe, texts[i].text, texts[i].n, false, &ids, error);
        if (ok) printf("%s: %zu tokens, %zu bytes, %.3f bytes a token\n", a->word[i + 1], ids.n, texts[i].n, ids.n > 0 ? (double)texts[i].n / (double)ids.n : 0);
    }
    ids_free(&ids);
    vocabulary_free(&v);
    return ok;
}

static bool on_texts(const struct arguments *a, bool (*use)(const struct arguments *, const struct bpe_text *, size_t, struct error *), struct error *error)
{
    struct bytes *files = NULL;
    struct bpe_text *texts = NULL;
    size_t n = 0;
    bool ok = read_texts(a, &files, &texts, &n, error) && use(a, texts, n, error);
    for (size_t i = 0; files != NULL && i < (size_t)a->words; i++) bytes_free(&files[i]);
    mem_free(files);
    mem_free(texts);
    return ok;
}

bool verb_tokens(const struct arguments *a, struct error *error)
{
    const char *what = a->words > 0 ? a->word[0] : "";
    bool encode = strcmp(what, "encode") == 0, decode = strcmp(what, "decode") == 0;
    if ((encode || decode) && a->words > 1) return error_set(error, ERROR_USAGE, "tokens %s: '%.80s' is too much; lines come from standard input", what, a->word[1]);
    if (encode && a->option[OPTION_DATA].n > 0) return encode_data(a, error);
    if (encode) return each_line(a, encode_line, error);
    if (decode) return each_line(a, decode_line, error);
    if (strcmp(what, "roundtrip") == 0) return roundtrip(a, error);
    if (strcmp(what, "train") == 0) return on_texts(a, train_texts, error);
    if (strcmp(what, "count") == 0) return on_texts(a, count_texts, error);
    return error_set(error, ERROR_USAGE, "'%.40s' is unknown; encode, decode, train, count or roundtrip is wanted", what);
}
