/* Checkpoints; see checkpoint.h. */
#include "core/checkpoint.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 2 };
static const char *const FILES[] = {"config.json", "model.safetensors", "optimizer.safetensors", "state.json"};
enum { FILES_N = sizeof FILES / sizeof *FILES };

static uint64_t checksum(const uint8_t *data, size_t n)
{
    uint64_t hash = 1469598103934665603u;                     /* FNV-1a over 8 bytes at a time, then the rest */
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        hash = (hash ^ word) * 1099511628211u;
        hash ^= hash >> 29;
    }
    for (; i < n; i++) hash = (hash ^ data[i]) * 1099511628211u;
    return hash;
}

/* "name size checksum" for each file of a checkpoint folder. */
static bool inventory(const char *folder, struct bytes *out, struct error *error)
{
    char path[PATH_MAX];
    struct bytes data = {0};
    bool ok = true;
    for (int i = 0; ok && i < FILES_N; i++) {
        data.n = 0;
        ok = file_join(path, sizeof path, folder, FILES[i], error) && file_read(path, FILE_LIMIT_MODEL, &data, error) &&
             bytes_printf(out, error, "%s %zu %016llx\n", FILES[i], data.n, (unsigned long long)checksum(data.data, data.n));
    }
    bytes_free(&data);
    return ok;
}

static bool write_optimizer(const char *path, const struct model *model, const struct optimizer *o, struct error *error)
{
    size_t n = 2 * model->n;
    struct tensor *tensors = mem_alloc(n, sizeof *tensors, error);
    char (*names)[100] = mem_alloc(n, sizeof *names, error);
    bool ok = tensors != NULL && names != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        const struct parameter *p = &model->parameters[i / 2];
        const float *block = i % 2 == 0 ? o->first : o->second;
        snprintf(names[i], sizeof names[i], "%s.%s", i % 2 == 0 ? "first" : "second", p->name);
        tensors[i] = (struct tensor){.name = names[i], .type = TENSOR_F32, .rank = p->cols > 0 ? 2 : 1, .shape = {p->rows, p->cols},
                                     .data = block + p->at, .bytes = parameter_count(p) * sizeof *block};
    }
    ok = ok && safetensors_write(path, tensors, n, NULL, error);
    mem_free(tensors);
    mem_free(names);
    return ok;
}

static bool write_state(const char *path, const struct optimizer *o, const struct stream *stream, const struct checkpoint_state *state, struct error *error)
{
    struct bytes text = {0};
    bool ok = bytes_printf(&text, error, "{\"step\": %ld, \"optimizer_step\": %ld, \"tokens\": %llu, \"seconds\": %.3f, ", state->step, o->step,
                           (unsigned long long)state->tokens, state->seconds);
    ok = ok && (isfinite(state->best) ? bytes_printf(&text, error, "\"best\": %.9g, ", state->best) : true) && bytes_append_text(&text, "\"sources\": [", error);
    for (size_t i = 0; ok && i < stream->n; i++) {
        const struct stream_source *s = &stream->sources[i];
        ok = bytes_append_text(&text, i == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ", error) && json_quote(&text, s->name, strlen(s->name), error) &&
             bytes_printf(&text, error, ", \"pieces\": %zu, \"drawn\": %llu, \"tokens\": %llu}", s->n_train, (unsigned long long)s->drawn, (unsigned long long)s->tokens);
    }
    ok = ok && bytes_append_text(&text, "]}\n", error) && file_write(path, text.data, text.n, error);
    bytes_free(&text);
    return ok;
}

static long step_of(const char *name)
{
    char *end;
    if (strncmp(name, "step-", 5) != 0) return -1;
    long step = strtol(name + 5, &end, 10);
    return *end == '\0' && end > name + 5 ? step : -1;
}

/* Remove what is older than the newest KEPT, and unfinished folders. */
static void prune(const char *folder)
{
    struct file_list list = {0};
    struct error ignored = {0};
    char path[PATH_MAX];
    if (!file_list_read(folder, &list, &ignored)) return;
    int kept = 0;
    for (size_t i = list.n; i-- > 0;) {
        bool unfinished = strncmp(list.names[i], "new-", 4) == 0;
        if (!unfinished && step_of(list.names[i]) < 0) continue;
        if (!unfinished && ++kept <= KEPT) continue;
        if (file_join(path, sizeof path, folder, list.names[i], &ignored)) file_remove(path);
    }
    file_list_free(&list);
}

static bool fill(const char *folder, const struct model *model, const struct optimizer *o, const struct stream *stream,
                 const struct checkpoint_state *state, struct error *error)
{
    char path[PATH_MAX];
    struct bytes complete = {0};
    bool ok = model_save(model, folder, TENSOR_F32, error) && file_join(path, sizeof path, folder, "optimizer.safetensors", error) &&
              write_optimizer(path, model, o, error) && file_join(path, sizeof path, folder, "state.json", error) &&
              write_state(path, o, stream, state, error) && inventory(folder, &complete, error) &&
              file_join(path, sizeof path, folder, "COMPLETE", error) && file_write(path, complete.data, complete.n, error);
    bytes_free(&complete);
    return ok;
}

bool checkpoint_write(const char *folder, const struct model *model, const struct optimizer *optimizer, const struct stream *stream,
                      const struct checkpoint_state *state, struct error *error)
{
    char name[40], fresh[60], path[PATH_MAX], temporary[PATH_MAX];
    snprintf(name, sizeof name, "step-%09ld", state->step);
    snprintf(fresh, sizeof fresh, "new-%s", name);
    bool ok = file_make_folder(folder, error) && file_join(path, sizeof path, folder, name, error) && file_join(temporary, sizeof temporary, folder, fresh, error);
    if (!ok) return false;
    file_remove(temporary);
    if (!fill(temporary, model, optimizer, stream, state, error)) {
        file_remove(temporary);
        return false;
    }
    file_remove(path);                                        /* the same step again, after a resume */
    ok = file_rename(temporary, path, error) && file_join(path, sizeof path, folder, "latest", error) && file_write(path, name, strlen(name), error);
    if (ok) prune(folder);
    return ok;
}

static bool is_complete(const char *folder)
{
    struct bytes wanted = {0}, found = {0};
    struct error ignored = {0};
    char path[PATH_MAX];
    bool ok = file_join(path, sizeof path, folder, "COMPLETE", &ignored) && file_read(path, FILE_LIMIT_TEXT, &wanted, &ignored) &&
              inventory(folder, &found, &ignored) && wanted.n == found.n && memcmp(wanted.data, found.data, found.n) == 0;
    bytes_free(&wanted);
    bytes_free(&found);
    return ok;
}

static bool newest(const char *folder, char *path, size_t size, char note[200])
{
    struct file_list list = {0};
    struct error ignored = {0};
    bool found = false;
    if (!file_is_folder(folder) || !file_list_read(folder, &list, &ignored)) return false;
    for (size_t i = list.n; !found && i-- > 0;) {
        if (step_of(list.names[i]) < 0 || !file_join(path, size, folder, list.names[i], &ignored)) continue;
        found = is_complete(path);
        if (!found && note != NULL) snprintf(note, 200, "checkpoint %s is incomplete; the one before it is used", list.names[i]);
    }
    file_list_free(&list);
    return found;
}

static bool read_counters(const cJSON *root, struct stream *stream, struct error *error)
{
    const cJSON *entry, *sources = json_member(root, "sources");
    for (size_t i = 0; i < stream->n; i++) {
        struct stream_source *s = &stream->sources[i];
        bool known = false;
        cJSON_ArrayForEach(entry, sources) {
            const char *name;
            int64_t pieces, drawn, tokens;
            if (!json_string(entry, "name", &name, error)) return false;
            if (strcmp(name, s->name) != 0) continue;
            if (!json_integer(entry, "pieces", 0, INT64_MAX, &pieces, error) || !json_integer(entry, "drawn", 0, INT64_MAX, &drawn, error) ||
                !json_integer(entry, "tokens", 0, INT64_MAX, &tokens, error)) return false;
            if ((size_t)pieces != s->n_train)
                return error_set(error, ERROR_INPUT, "source %s has %zu pieces, the checkpoint knew %lld; the same data are wanted", s->name, s->n_train, (long long)pieces);
            s->drawn = (uint64_t)drawn, s->tokens = (uint64_t)tokens;
            known = true;
        }
        if (!known) return error_set(error, ERROR_INPUT, "source %s is not in the checkpoint; the same data are wanted", s->name);
    }
    return true;
}

static bool read_state(const char *path, struct optimizer *o, struct stream *stream, struct checkpoint_state *state, struct error *error)
{
    cJSON *root = json_read(path, FILE_LIMIT_JSON, error);
    if (root == NULL) return false;
    int64_t step, optimizer_step, tokens;
    bool ok = json_integer(root, "step", 0, LONG_MAX / 2, &step, error) && json_integer(root, "optimizer_step", 0, LONG_MAX / 2, &optimizer_step, error) &&
              json_integer(root, "tokens", 0, INT64_MAX, &tokens, error) && json_number(root, "seconds", 0, 1e12, &state->seconds, error) &&
              read_counters(root, stream, error);
    state->best = (double)INFINITY;
    if (ok && json_member(root, "best") != NULL) ok = json_number(root, "best", -1e300, 1e300, &state->best, error);
    cJSON_Delete(root);
    if (!ok) return error_prefix(error, "%s", path);
    state->step = step, o->step = optimizer_step, state->tokens = (uint64_t)tokens;
    return true;
}

bool checkpoint_read(const char *folder, struct model *model, struct optimizer *o, struct stream *stream,
                     struct checkpoint_state *state, bool *found, char note[200], struct error *error)
{
    char home[PATH_MAX], path[PATH_MAX];
    struct safetensors weights = {0}, moments = {0};
    *found = newest(folder, home, sizeof home, note);
    if (!*found) return true;
    bool ok = file_join(path, sizeof path, home, "model.safetensors", error) && safetensors_read(path, &weights, error) &&
              model_block_read(model, &weights, "", model->weights, error) && file_join(path, sizeof path, home, "optimizer.safetensors", error) &&
              safetensors_read(path, &moments, error) && model_block_read(model, &moments, "first.", o->first, error) &&
              model_block_read(model, &moments, "second.", o->second, error) && file_join(path, sizeof path, home, "state.json", error) &&
              read_state(path, o, stream, state, error);
    safetensors_free(&weights);
    safetensors_free(&moments);
    return ok;
}
