/* Tunes shown, played and measured; see tune_show.h. */
#include "app/tune_show.h"
#include "core/file.h"
#include "core/json.h"
#include "modalities/music_chords.h"
#include "outputs/png.h"
#include "outputs/roll.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool roll_path(const struct arguments *a, uint64_t number, char path[4096], struct error *error)
{
    const char *given = a->option[OPTION_ROLL].text, *output = a->option[OPTION_OUTPUT].text;
    if (!file_has_extension(given, ".png")) return error_set(error, ERROR_USAGE, "--roll: %.200s; a .png is wanted", given);
    if (output != NULL && strcmp(output, given) == 0) return error_set(error, ERROR_USAGE, "--roll: %.200s is the tune's own file; another is wanted", given);
    if (number > 0) snprintf(path, 4096, "%.*s-%llu.png", (int)(strlen(given) - 4), given, (unsigned long long)number);
    else snprintf(path, 4096, "%s", given);
    return engine_may_write(a, path, error);
}

bool show_roll_check(const struct arguments *a, uint64_t number, struct error *error)
{
    char path[4096];
    return a->option[OPTION_ROLL].text == NULL || roll_path(a, number, path, error);
}

bool show_roll(const struct arguments *a, const struct piece *piece, uint64_t number, struct error *error)
{
    struct sprite picture = {0};
    struct bytes png = {0};
    char path[4096];
    if (a->option[OPTION_ROLL].text == NULL) return true;
    bool ok = roll_path(a, number, path, error) && roll_draw(&piece->score, &picture, error) &&
              png_write_sprite(&picture, piece->recipe.n > 0 ? bytes_text(&piece->recipe) : NULL, NULL, &png, error) && file_write(path, png.data, png.n, error);
    sprite_free(&picture);
    bytes_free(&png);
    return ok;
}

void show_preview(const struct arguments *a, const struct score *score)
{
    struct sprite picture = {0};
    struct error ignored = {0};
    const char *columns = getenv("COLUMNS");
    int width = columns != NULL && atoi(columns) >= 20 && atoi(columns) <= 500 ? atoi(columns) : 80;
    if (!a->option[OPTION_PREVIEW].given && !isatty(STDOUT_FILENO)) return;
    if (roll_draw_small(score, width, &picture, &ignored)) engine_preview(a, &picture);
    sprite_free(&picture);
}

/* ---- playing ---- */

static const char *const players[][6] = {
    {"pw-play", NULL}, {"paplay", NULL}, {"aplay", "-q", NULL}, {"ffplay", "-nodisp", "-autoexit", "-loglevel", "error", NULL}, {"play", "-q", NULL},
};

/* In the child: become the first player that is there. */
static void become_player(char *path)
{
    for (size_t p = 0; p < sizeof players / sizeof *players; p++) {
        char *arguments[8];
        int n = 0;
        while (players[p][n] != NULL) arguments[n] = (char *)(uintptr_t)players[p][n], n++;
        arguments[n] = path, arguments[n + 1] = NULL;
        execvp(arguments[0], arguments);
    }
    _exit(127);
}

bool show_play(const struct arguments *a, const struct piece *piece, struct error *error)
{
    char path[] = "/tmp/triptych-XXXXXX.wav";
    struct bytes wav = {0};
    struct modality_write how = {.soundfont = a->option[OPTION_SOUNDFONT].text};
    if (!a->option[OPTION_PLAY].given) return true;
    int file = mkstemps(path, 4), status = 0;
    if (file < 0) return error_set(error, ERROR_IO, "%s: cannot be created", path);
    close(file);
    bool ok = modality_of(MODALITY_MUSIC)->write(piece, ".wav", &how, &wav, error) && file_write(path, wav.data, wav.n, error);
    pid_t child = ok ? fork() : -1;
    if (child == 0) become_player(path);
    if (ok && (child < 0 || waitpid(child, &status, 0) < 0)) ok = error_set(error, ERROR_IO, "--play: no process could be started");
    if (ok && WIFEXITED(status) && WEXITSTATUS(status) == 127) ok = error_set(error, ERROR_IO, "--play: no player; pw-play, paplay, aplay, ffplay or play is wanted");
    else if (ok && status != 0) ok = error_set(error, ERROR_IO, "--play: the player failed; a sound device is wanted");
    bytes_free(&wav);
    unlink(path);
    return ok;
}

/* ---- facts ---- */

static void pitch_name(int pitch, char text[8])
{
    static const char *const names[] = {"C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"};
    snprintf(text, 8, "%s%d", names[pitch % 12], pitch / 12 - 1);
}

int show_bars(const struct score *s)
{
    int64_t at = 0, end = score_end(s);
    int bars = 0;
    for (size_t i = 0; at < end; bars++) {
        while (i + 1 < s->metres && s->metre[i + 1].tick <= at) i++;
        bool have = s->metres > 0 && s->metre[i].tick <= at;
        int64_t length = (int64_t)s->ticks_per_quarter * 4 * (have ? s->metre[i].numerator : 4) / (have ? s->metre[i].denominator : 4), next = at + (length > 0 ? length : 1);
        size_t behind = have ? i + 1 : i;
        at = behind < s->metres && s->metre[behind].tick > at && s->metre[behind].tick < next ? s->metre[behind].tick : next;
    }
    return bars;
}

double show_tempo(const struct score *s) { return s->tempos > 0 && s->tempo[0].tick == 0 ? 60e6 / s->tempo[0].us_per_quarter : 120; }

static bool instruments(const struct score *s, bool json, struct bytes *out, struct error *error)
{
    bool ok = true, any = false;
    for (size_t p = 0; ok && p < s->parts; p++) {
        bool plays = false, before = false;
        for (size_t i = 0; i < s->notes; i++) plays = plays || s->note[i].part == p;
        for (size_t k = 0; k < p; k++) before = before || (s->part[k].drums == s->part[p].drums && (s->part[p].drums || s->part[k].program == s->part[p].program));
        const char *name = score_program_name(s->part[p].program, s->part[p].drums);
        if (!plays || before) continue;
        ok = bytes_printf(out, error, json ? "%s\"%s\"" : "%s%s", any ? (json ? "," : ", ") : "", name);
        any = true;
    }
    return ok;
}

bool show_facts(const struct score *s, bool json, struct bytes *out, struct error *error)
{
    int low = 128, high = -1, key = s->keys > 0 ? music_key_value(s->key[0].sharps, s->key[0].minor) : music_chords_key(s);
    char name[32], from[8] = "", to[8] = "";
    for (size_t i = 0; i < s->notes; i++) {
        if (s->part[s->note[i].part].drums) continue;
        if (s->note[i].pitch < low) low = s->note[i].pitch;
        if (s->note[i].pitch > high) high = s->note[i].pitch;
    }
    if (high >= 0) pitch_name(low, from), pitch_name(high, to);
    int numerator = s->metres > 0 ? s->metre[0].numerator : 4, denominator = s->metres > 0 ? s->metre[0].denominator : 4;
    double tempo = show_tempo(s);
    music_name(music_id(MUSIC_KEY, key), name);
    if (!json)
        return bytes_printf(out, error, "%s%s, %d/%d, %.4g quarter notes a minute, %d bar%s, %zu note%s, %s%s%s, %.0f seconds: ", name, s->keys > 0 || key == MUSIC_KEY_NONE ? "" : " (estimated)", numerator,
                            denominator, tempo, show_bars(s), show_bars(s) == 1 ? "" : "s", s->notes, s->notes == 1 ? "" : "s", from, high >= 0 ? " to " : "no pitches", to, score_seconds(s, score_end(s))) && instruments(s, false, out, error);
    return bytes_printf(out, error, "\"key\":\"%s\",\"key_estimated\":%s,\"metre\":\"%d/%d\",\"tempo\":%.6g,\"bars\":%d,\"notes\":%zu,\"lowest\":%d,\"highest\":%d,\"seconds\":%.3f,\"instruments\":[",
                        name + 4, s->keys > 0 ? "false" : "true", numerator, denominator, tempo, show_bars(s), s->notes, high >= 0 ? low : -1, high, score_seconds(s, score_end(s))) &&
           instruments(s, true, out, error) && bytes_append_byte(out, ']', error);
}
