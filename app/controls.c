/* Controls of music; see controls.h. */
#include "app/controls.h"
#include "core/file.h"
#include "modalities/music_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool read_options(const struct arguments *a, struct music_wishes *w, struct error *error)
{
    static const struct { enum option_id id; bool (*read)(const char *text, struct music_wishes *w, struct error *error); } texts[] = {
        {OPTION_KEY, music_words_key}, {OPTION_METRE, music_words_metre}, {OPTION_RANGE, music_words_range}, {OPTION_CHORDS, music_words_chords},
        {OPTION_DENSITY, music_words_density},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (a->option[texts[i].id].given && !texts[i].read(a->option[texts[i].id].text, w, error)) return false;
    for (int i = 0; i < a->option[OPTION_INSTRUMENT].n; i++)
        if (!music_words_instrument(a->option[OPTION_INSTRUMENT].list[i], w, error)) return false;
    w->scale_lock = a->option[OPTION_SCALE_LOCK].given;
    w->drums = a->option[OPTION_DRUMS].given, w->cadence = a->option[OPTION_CADENCE].given;
    if (a->option[OPTION_PARTS].given && w->parts > 0) return error_set(error, ERROR_USAGE, "--parts: --instrument says which parts there are; one of both is wanted");
    w->voices = (int)a->option[OPTION_PARTS].number;
    if (a->option[OPTION_TEMPO].given) w->quarters = a->option[OPTION_TEMPO].number, w->tempo = (int16_t)music_tempo_value(w->quarters);
    return true;
}

/* Drums beside named instruments are one more of them; drums alone leave the others free. */
static void settle_drums(struct music_wishes *w, bool alone)
{
    bool have = false;
    for (int p = 0; p < w->parts; p++) have = have || w->program[p] == MUSIC_DRUMS;
    if (w->parts == 1 && have && alone) w->parts = 0, w->drums = true;
    else if (w->parts > 0 && w->drums && !have && w->parts < MUSIC_PARTS_MOST) w->program[w->parts++] = MUSIC_DRUMS;
    if (w->parts > 0) w->drums = false;
}

bool controls_read(const struct arguments *a, const char *prompt, bool bars, struct music_wishes *w, struct error *error)
{
    struct bytes said = {0};
    *w = MUSIC_WISHES_NONE;
    const char *roll = a->option[OPTION_ROLL].text;
    if (roll != NULL && !file_has_extension(roll, ".png")) return error_set(error, ERROR_USAGE, "--roll: %.200s; a .png is wanted", roll);
    bool ok = read_options(a, w, error), named = w->parts > 0;
    if (ok && bars && a->option[OPTION_BARS].given) {
        char *end;
        long n = strtol(a->option[OPTION_BARS].text, &end, 10);
        if (*end != '\0' || n < 1 || n > 999) ok = error_set(error, ERROR_USAGE, "--bars: '%.40s'; 1 to 999 are wanted", a->option[OPTION_BARS].text);
        else w->bars = (int)n;
    }
    if (ok && prompt != NULL && !a->option[OPTION_NO_WORDS].given) ok = music_words_find(prompt, w, &said, error);
    settle_drums(w, !named);
    ok = ok && music_wishes_check(w, error);
    if (ok && said.n > 0 && !a->option[OPTION_QUIET].given) app_say("the prompt's words set %s (--no-words: they only guide)", bytes_text(&said));
    bytes_free(&said);
    return ok;
}

bool controls_of_words(const char *prompt, struct music_wishes *w, struct error *error)
{
    struct bytes said = {0};
    struct error impossible = {0};
    *w = MUSIC_WISHES_NONE;
    bool ok = music_words_find(prompt, w, &said, error);
    settle_drums(w, true);
    if (ok && !music_wishes_check(w, &impossible)) *w = MUSIC_WISHES_NONE;
    bytes_free(&said);
    return ok;
}

static bool recipe_list(const struct music_wishes *w, struct bytes *out, struct error *error)
{
    bool ok = true;
    for (int p = 0; ok && p < w->parts; p++) ok = bytes_printf(out, error, "%s%d", p ? "," : ",\"programs\":[", w->program[p]);
    ok = ok && (w->parts == 0 || bytes_append_byte(out, ']', error));
    for (int i = 0; ok && i < w->chords; i++) ok = bytes_printf(out, error, "%s%d", i ? "," : ",\"chords\":[", w->chord[i]);
    return ok && (w->chords == 0 || bytes_append_byte(out, ']', error));
}

bool controls_recipe(const struct music_wishes *w, struct bytes *out, struct error *error)
{
    char text[32];
    if (music_wishes_none(w)) return true;
    size_t start = out->n;
    bool ok = bytes_append_text(out, ",\"controls\":{", error);
    size_t first = out->n;
    if (ok && w->key >= 0) ok = bytes_printf(out, error, ",\"key\":\"%s\"", music_name(music_id(MUSIC_KEY, w->key), text) + 4);
    if (ok && w->metre >= 0) ok = bytes_printf(out, error, ",\"metre\":\"%s\"", music_name(music_id(MUSIC_METRE, w->metre), text) + 6);
    if (ok && w->quarters > 0) ok = bytes_printf(out, error, ",\"tempo\":%.9g", w->quarters);
    if (ok && w->bars > 0) ok = bytes_printf(out, error, ",\"bars\":%d", w->bars);
    if (ok && (w->low > 0 || w->high < 127)) ok = bytes_printf(out, error, ",\"range\":[%d,%d]", w->low, w->high);
    if (ok && w->fastest > 0) ok = bytes_printf(out, error, ",\"tempos\":[%d,%d]", music_tempo_of(w->slowest), music_tempo_of(w->fastest));
    if (ok && w->voices > 0) ok = bytes_printf(out, error, ",\"parts\":%d", w->voices);
    if (ok && w->cadence) ok = bytes_append_text(out, ",\"cadence\":true", error);
    if (ok && w->density > 0) ok = bytes_printf(out, error, ",\"density\":%d", w->density);
    if (ok && w->scale_lock) ok = bytes_append_text(out, ",\"scale_lock\":true", error);
    if (ok && w->drums) ok = bytes_append_text(out, ",\"drums\":true", error);
    ok = ok && recipe_list(w, out, error) && bytes_append_byte(out, '}', error);
    if (ok) memmove(out->data + first, out->data + first + 1, out->n - first), out->n--;       /* the first comma */
    else out->n = start;
    return ok;
}

void controls_set_tempo(struct score *score, double tempo)
{
    if (tempo > 0 && score->tempos == 1) score->tempo[0].us_per_quarter = (uint32_t)lround(60e6 / tempo);
}

bool controls_bars(const char *text, int *first, int *count, struct error *error)
{
    char *end, *last;
    long from = strtol(text, &end, 10), to = from;
    if (*end == '-') to = strtol(end + 1, &last, 10);
    else last = end;
    if (end == text || *last != '\0' || from < 1 || to < from || to > MUSIC_BARS_MOST)
        return error_set(error, ERROR_USAGE, "--bars: '%.40s'; bars as 5-8, counted from 1, are wanted", text);
    *first = (int)from - 1, *count = (int)(to - from + 1);
    return true;
}
