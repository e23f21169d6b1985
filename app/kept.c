/* What a user's tune keeps; see kept.h. */
#include "app/kept.h"
#include "core/mem.h"
#include "tokenizers/music.h"

#include <stdlib.h>
#include <string.h>

/* A note of the file where its ids have it. */
struct told { int64_t tick; int part; uint8_t pitch, velocity; };

static int compare_told(const void *left, const void *right)
{
    const struct told *a = left, *b = right;
    if (a->part != b->part) return a->part < b->part ? -1 : 1;
    return (a->tick > b->tick) - (a->tick < b->tick);
}

/* out (parts of the file): the part of `made` that each has become, -1: none. Instruments match in order. */
static bool match_parts(const struct score *file, struct score *made, int16_t *out, struct error *error)
{
    int16_t became[MUSIC_PARTS_MOST], first[MUSIC_PARTS_MOST];
    memset(became, 0xff, sizeof became), memset(first, 0xff, sizeof first);
    if (!music_parts(file, out, error)) return false;
    for (size_t p = file->parts; p-- > 0;)
        if (out[p] >= 0) first[out[p]] = (int16_t)p;
    size_t at = 0;
    for (int q = 0; q < MUSIC_PARTS_MOST && first[q] >= 0; q++) {
        const struct score_part *part = &file->part[first[q]];
        size_t k = at;
        while (k < made->parts && (made->part[k].drums != part->drums || (!part->drums && made->part[k].program != part->program))) k++;
        if (k == made->parts) continue;
        became[q] = (int16_t)k, at = k + 1;
        made->part[k].program = part->program;
        if (part->name[0] != '\0') score_name_part(&made->part[k], part->name);
    }
    for (size_t p = 0; p < file->parts; p++) out[p] = out[p] < 0 ? (int16_t)-1 : became[out[p]];
    return true;
}

static void restore_velocities(const struct told *told, size_t n, struct score *made)
{
    for (size_t i = 0; i < made->notes; i++) {
        struct score_note *note = &made->note[i];
        struct told wanted = {.tick = note->onset, .part = note->part};
        const struct told *at = bsearch(&wanted, told, n, sizeof *told, compare_told), *best = NULL;
        if (at == NULL) continue;
        while (at > told && compare_told(at - 1, &wanted) == 0) at--;
        for (; at < told + n && compare_told(at, &wanted) == 0; at++)
            if (music_velocity_value(at->velocity) == music_velocity_value(note->velocity) && (best == NULL || (at->pitch == note->pitch && best->pitch != note->pitch))) best = at;
        if (best != NULL) note->velocity = best->velocity;
    }
}

/* All tempos up to the end, at their exact places; before the first the usual one. */
static bool restore_tempos(const struct score *file, struct score *made, struct error *error)
{
    int64_t end = score_end(made);
    bool ok = true;
    if (file->tempos == 0) return true;
    made->tempos = 0;
    if (file->tempo[0].tick > 0) ok = score_add_tempo(made, 0, SCORE_US_PER_QUARTER, error);
    for (size_t i = 0; ok && i < file->tempos; i++) {
        int64_t tick = (file->tempo[i].tick * made->ticks_per_quarter + file->ticks_per_quarter / 2) / file->ticks_per_quarter;
        if (tick < end) ok = score_add_tempo(made, tick, file->tempo[i].us_per_quarter, error);
    }
    if (ok) score_sort(made);
    return ok;
}

bool kept_restore(const struct score *file, struct score *made, struct error *error)
{
    int16_t *part = mem_alloc(file->parts, sizeof *part, error);
    struct told *told = mem_alloc(file->notes, sizeof *told, error);
    bool ok = part != NULL && told != NULL && match_parts(file, made, part, error);
    size_t n = 0;
    for (size_t i = 0; ok && i < file->notes; i++) {
        const struct score_note *note = &file->note[i];
        int64_t tick = music_step(file, note->onset) * (made->ticks_per_quarter / MUSIC_STEPS_PER_QUARTER);
        if (part[note->part] >= 0) told[n++] = (struct told){tick, part[note->part], note->pitch, note->velocity};
    }
    if (ok && n > 0) {
        qsort(told, n, sizeof *told, compare_told);
        restore_velocities(told, n, made);
    }
    mem_free(part), mem_free(told);
    return ok && restore_tempos(file, made, error);
}

bool kept_recipe(const struct score *s, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_text(out, ",\"kept\":{\"names\":[", error);
    for (size_t p = 0; ok && p < s->parts; p++) ok = (p == 0 || bytes_append_byte(out, ',', error)) && json_quote(out, s->part[p].name, strlen(s->part[p].name), error);
    ok = ok && bytes_append_text(out, "],\"kits\":[", error);
    for (size_t p = 0; ok && p < s->parts; p++) ok = bytes_printf(out, error, p > 0 ? ",%d" : "%d", s->part[p].drums ? s->part[p].program : 0);
    ok = ok && bytes_append_text(out, "],\"tempos\":[", error);
    for (size_t i = 0; ok && i < s->tempos; i++) ok = bytes_printf(out, error, i > 0 ? ",%lld,%u" : "%lld,%u", (long long)s->tempo[i].tick, s->tempo[i].us_per_quarter);
    ok = ok && bytes_append_text(out, "],\"velocities\":[", error);
    for (size_t i = 0; ok && i < s->notes; i++) ok = bytes_printf(out, error, i > 0 ? ",%d" : "%d", s->note[i].velocity);
    return ok && bytes_append_text(out, "]}", error);
}

/* The i-th of a list as a whole number; false when it is none from low to high. */
static bool number(const cJSON *item, double low, double high, int64_t *out)
{
    bool ok = cJSON_IsNumber(item) && item->valuedouble >= low && item->valuedouble <= high && item->valuedouble == (double)(int64_t)item->valuedouble;
    if (ok) *out = (int64_t)item->valuedouble;
    return ok;
}

static bool read_tempos(const cJSON *list, struct score *s, struct error *error)
{
    bool ok = cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0;
    s->tempos = 0;
    for (const cJSON *item = ok ? list->child : NULL; ok && item != NULL; item = item->next->next) {
        int64_t tick = 0, us = 0;
        ok = number(item, 0, INT32_MAX, &tick) && item->next != NULL && number(item->next, 1, 0xffffff, &us) && score_add_tempo(s, tick, (uint32_t)us, error);
        if (!ok) break;
    }
    return ok;
}

bool kept_read(const cJSON *kept, struct score *s, struct error *error)
{
    static const char broken[] = "recipe: what the tune keeps does not fit its ids";
    const cJSON *names = json_member(kept, "names"), *kits = json_member(kept, "kits"), *velocities = json_member(kept, "velocities");
    if (kept == NULL) return true;
    if (!cJSON_IsArray(names) || !cJSON_IsArray(kits) || !cJSON_IsArray(velocities) || (size_t)cJSON_GetArraySize(names) != s->parts ||
        (size_t)cJSON_GetArraySize(kits) != s->parts || (size_t)cJSON_GetArraySize(velocities) != s->notes) return error_set(error, ERROR_INPUT, broken);
    const cJSON *name = names->child, *kit = kits->child, *velocity = velocities->child;
    int64_t value = 0;
    for (size_t p = 0; p < s->parts; p++, name = name->next, kit = kit->next) {
        if (!cJSON_IsString(name) || !number(kit, 0, 127, &value)) return error_set(error, ERROR_INPUT, broken);
        score_name_part(&s->part[p], name->valuestring);
        if (s->part[p].drums) s->part[p].program = (int)value;
    }
    for (size_t i = 0; i < s->notes; i++, velocity = velocity->next) {
        if (!number(velocity, 1, 127, &value)) return error_set(error, ERROR_INPUT, broken);
        s->note[i].velocity = (uint8_t)value;
    }
    return read_tempos(json_member(kept, "tempos"), s, error) || (error->kind == ERROR_NONE && error_set(error, ERROR_INPUT, broken));
}
