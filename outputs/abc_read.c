/* Reading ABC; see abc.h. The lines are sorted into the text of each voice, fields in the body becoming inline fields; then each voice is
 * played (abc_play.c). */
#include "outputs/abc.h"
#include "core/mem.h"
#include "outputs/abc_play.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOICES_MOST = 64, ORDER_MOST = 128, ORDERED_MOST = 1 << 20 };

struct voice { char id[32], name[64]; struct bytes text; int program, channel, shift[ABC_PLAY_SHIFTS]; };     /* program -1, channel 0: nothing said */

struct abc {
    struct score *score;
    struct voice voice[VOICES_MOST], common;           /* common: what directives say before any voice */
    int voices, now;
    char metre[32], unit[32], tempo[80], key[80], order[80];               /* of the header; order: P: */
    char part;                                         /* P: of the body, 0: none yet */
    unsigned parts;                                    /* those seen: a bit for each letter */
    bool body, no_bars, over;                          /* over: behind the blank line that ends the tune */
};

static void new_voice(struct voice *v)
{
    v->program = -1;
    for (int k = 0; k < ABC_PLAY_SHIFTS; k++) v->shift[k] = ABC_PLAY_UNSAID;
}

static int find_voice(struct abc *abc, const char *text, struct error *error)
{
    char id[32];
    size_t n = strcspn(text, " \t]");
    snprintf(id, sizeof id, "%.*s", (int)(n < 31 ? n : 31), text);
    int v = 0;
    while (v < abc->voices && strcmp(abc->voice[v].id, id) != 0) v++;
    if (v == abc->voices) {
        if (v == VOICES_MOST) return error_set(error, ERROR_INPUT, "ABC: more than %d voices; fewer are wanted", VOICES_MOST), -1;
        new_voice(&abc->voice[abc->voices++]);
        memcpy(abc->voice[v].id, id, sizeof id);
        if (abc->part != 0 && !bytes_printf(&abc->voice[v].text, error, "[P:%c]", abc->part)) return -1;
    }
    abc_play_shifts(text + n, abc->voice[v].shift);
    const char *name = strstr(text, "name=\"");
    if (name != NULL && strchr(name + 6, '"') != NULL) snprintf(abc->voice[v].name, sizeof abc->voice[v].name, "%.*s", (int)(strcspn(name + 6, "\"") % 60), name + 6);
    return v;
}

/* abc2midi's directives, without the "%%" or "I:" before them. Those before any voice hold for all that say nothing else. */
static void directive(struct abc *abc, const char *text)
{
    int a = -1, b = -1;
    struct voice *v = abc->voices == 1 && abc->voice[0].text.n == 0 ? &abc->common : &abc->voice[abc->now];
    if (sscanf(text, "MIDI program %d %d", &a, &b) == 2) a = b;
    if (a >= 0 && a < 128) v->program = a;
    if (strncmp(text, "MIDI nobarlines", 15) == 0) abc->no_bars = true;
    if (sscanf(text, "MIDI channel %d", &a) == 1) v->channel = a;
    if (sscanf(text, "MIDI transpose %3d", &a) == 1 && abs(a) <= 96) v->shift[ABC_PLAY_TRANSPOSE] = a;
}

static bool read_recipe(struct abc *abc, const char *line, struct error *error)
{
    return strncmp(line, "%%triptych {", 12) != 0 || score_set_recipe(abc->score, line + 11, error);
}

/* P: in the body is a mark in the text of all voices when it is the first of its letter, else (a voice after the other) in this one's. */
static bool part_line(struct abc *abc, const char *text, struct error *error)
{
    bool ok = true;
    if (!isupper((unsigned char)text[0]) || isalpha((unsigned char)text[1])) return true;
    abc->part = text[0];
    unsigned bit = 1u << (text[0] - 'A');
    for (int v = 0; ok && v < abc->voices; v++)
        if (v == abc->now || (abc->parts & bit) == 0) ok = bytes_printf(&abc->voice[v].text, error, "[P:%c]", abc->part);
    abc->parts |= bit;
    return ok;
}

/* A field line, of the header or of the body. */
static bool field_line(struct abc *abc, const char *line, struct error *error)
{
    const char *text = line + 2 + strspn(line + 2, " \t");
    struct voice *v = &abc->voice[abc->now];
    struct { char kind; char *to; size_t size; } heads[] = {{'M', abc->metre, sizeof abc->metre}, {'L', abc->unit, sizeof abc->unit}, {'Q', abc->tempo, sizeof abc->tempo},
                                                             {'K', abc->key, sizeof abc->key}, {'P', abc->order, sizeof abc->order}};
    if (line[0] == 'T' && abc->score->title == NULL) return score_set_title(abc->score, text, error);
    if (line[0] == 'I') directive(abc, text);
    if (line[0] == 'P' && abc->body) return part_line(abc, text, error);
    if (line[0] == 'V') {
        int found = find_voice(abc, text, error);
        if (found < 0) return false;
        abc->now = found;
    }
    for (size_t i = 0; !abc->body && i < sizeof heads / sizeof *heads; i++)
        if (line[0] == heads[i].kind) snprintf(heads[i].to, heads[i].size, "%.*s", (int)heads[i].size - 1, text);
    if (!abc->body && line[0] == 'K') abc->body = true, abc->now = abc->voices > 1 ? 1 : 0;
    else if (abc->body && strchr("MLQK", line[0]) != NULL) return bytes_printf(&v->text, error, "[%c:%.75s]", line[0], text);
    return true;
}

static bool music_line(struct abc *abc, const char *line, struct error *error)
{
    const char *inside;
    while ((inside = strstr(line, "[V:")) != NULL) {   /* voices within a line */
        if (!bytes_append(&abc->voice[abc->now].text, line, (size_t)(inside - line), error)) return false;
        char field[200];
        const char *close = strchr(inside, ']');
        if (close == NULL) return error_set(error, ERROR_INPUT, "ABC: an inline field without its end; ] is wanted");
        snprintf(field, sizeof field, "%.*s", close - inside < 199 ? (int)(close - inside) - 3 : 196, inside + 3);
        int found = find_voice(abc, field + strspn(field, " "), error);
        if (found < 0) return false;
        abc->now = found;
        line = close + 1;
    }
    struct voice *v = &abc->voice[abc->now];
    return bytes_append_text(&v->text, line, error) && bytes_append_byte(&v->text, '\n', error);
}

/* The UTF-8 mark that some editors put in front. */
static size_t mark(const char *text, size_t n) { return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; }

static bool has_line(const char *text, size_t n, char field)
{
    for (size_t at = 0; at + 1 < n;) {
        if (text[at] == field && text[at + 1] == ':') return true;
        const char *end = memchr(text + at, '\n', n - at);
        if (end == NULL) break;
        at = (size_t)(end - text) + 1;
    }
    return false;
}

bool abc_is(const void *data, size_t n)
{
    size_t skip = mark(data, n);
    return n > 0 && memchr(data, 0, n) == NULL && has_line((const char *)data + skip, n - skip, 'K');
}

static bool is_field(const struct abc *abc, const char *line)
{
    return isalpha((unsigned char)line[0]) && line[1] == ':' && !(strchr("ABCDEFGabcdefgz", line[0]) != NULL && (line[2] == '|' || line[2] == ':') && abc->body);
}

/* Old collections went through mail programs that wrote "=" as "=3D", a blank at a line's end as "=20", and "=" where they broke a line. */
static void undo_mail(char *line)
{
    char *to = line;
    for (; *line != '\0'; line++) {
        bool equals = strncmp(line, "=3D", 3) == 0, blank = strcmp(line, "=20") == 0;
        if (*line != '=' || (line[1] != '\0' && !equals && !blank)) *to++ = *line;
        else if (equals || blank) *to++ = equals ? '=' : ' ', line += 2;
    }
    *to = '\0';
}

static bool one_line(struct abc *abc, char *line, bool *started, bool *ended, struct error *error)
{
    bool music = abc->body && abc->voice[abc->now].text.n > 0, field = is_field(abc, line);
    if (field && line[0] == 'X') *ended = *started, *started = true;
    if (music && line[strspn(line, " \t\r")] == '\0') abc->over = true;
    else if (strncmp(line, "V:", 2) == 0 || strncmp(line, "[V:", 3) == 0) abc->over = false;       /* blank lines between voices are common */
    if (abc->over || *ended) return true;
    if (strncmp(line, "%%", 2) == 0) {
        directive(abc, line + 2);
        return read_recipe(abc, line, error);
    }
    char *comment = strchr(line, '%');
    if (comment != NULL && (comment == line || comment[-1] != '\\')) *comment = '\0';
    size_t n = strlen(line);
    while (n > 0 && (isspace((unsigned char)line[n - 1]) || line[n - 1] == '\\')) line[--n] = '\0';
    bool heading = field && strchr("LM", line[0]) != NULL;      /* holds for all tunes when it stands before the first */
    if ((!*started && !heading) || n == 0) return true;
    if (field || strncmp(line, "+:", 2) == 0) return field_line(abc, line, error);
    undo_mail(line);
    return !abc->body || music_line(abc, line, error);
}

static bool read_lines(struct abc *abc, const char *text, size_t n, struct error *error)
{
    struct bytes line = {0};
    bool started = !has_line(text, n, 'X'), ended = false, ok = true;
    for (size_t at = 0, number = 1; ok && at < n && !ended; number++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end == NULL ? n - at : (size_t)(end - text) - at;
        line.n = 0;
        ok = bytes_append(&line, text + at, length, error);
        if (ok && length > 0 && line.data[length - 1] == '\r') line.data[length - 1] = '\0';
        ok = ok && (one_line(abc, (char *)line.data, &started, &ended, error) || error_prefix(error, "line %zu", number));
        at += length + 1;
    }
    bytes_free(&line);
    return ok;
}

/* ---- part orders ---- */

/* "A2(BC)3.A" as a row of letters; false when it is no such order, or too long a one. */
static bool unfold(const char **at, char *row, size_t *n, int depth)
{
    while (**at != '\0' && **at != ')') {
        size_t from = *n;
        char c = *(*at)++;
        if (c == '.' || isspace((unsigned char)c)) continue;
        if (c == '(') {
            if (depth == 8 || !unfold(at, row, n, depth + 1) || **at != ')') return false;
            ++*at;
        } else if (isupper((unsigned char)c) && *n < ORDER_MOST) row[(*n)++] = c;
        else return false;
        size_t times = 1, size = *n - from;
        if (isdigit((unsigned char)**at)) times = (size_t)(*(*at)++ - '0');
        if (*n + size * times > ORDER_MOST) return false;
        for (; times > 1; times--, *n += size) memcpy(row + *n, row + from, size);
    }
    return depth > 0 || **at == '\0';
}

/* Nothing but marks of parts? */
static bool is_silent(const char *text)
{
    while (strncmp(text, "[P:", 3) == 0 && strchr(text, ']') != NULL) text = strchr(text, ']') + 1;
    return *text == '\0';
}

static size_t next_mark(const char *text, size_t at)
{
    const char *mark = strstr(text + at, "[P:");
    return mark != NULL ? (size_t)(mark - text) : at + strlen(text + at);
}

/* The first stretch with anything in it that is marked with a letter, up to the next mark. */
static bool find_part(const char *text, char letter, size_t *from, size_t *to)
{
    for (size_t at = next_mark(text, 0); text[at] != '\0'; at = *to) {
        *from = at + strcspn(text + at, "]");
        if (text[*from] == ']') ++*from;
        *to = next_mark(text, *from);
        if (text[at + 3] == letter && *from + strspn(text + *from, " \n") < *to) return true;
    }
    return false;
}

/* The text of the last field of a kind before a place, or the header's. */
static void field_before(const char *text, size_t place, char kind, const char *header, char *out, size_t size)
{
    snprintf(out, size, "%s", header);
    for (size_t at = 0; at + 3 < place; at++)
        if (text[at] == '[' && text[at + 1] == kind && text[at + 2] == ':') {
            size_t n = strcspn(text + at + 3, "]");
            snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), text + at + 3);
        }
}

/* A voice's text in the order of its parts; each begins a section ("[p:") and with the fields that it was written under. */
static bool order_voice(const struct abc *abc, const struct bytes *voice, const char *row, size_t n, struct bytes *out, struct error *error)
{
    const struct { char kind; const char *header; } fields[] = {{'M', abc->metre}, {'L', abc->unit}, {'Q', abc->tempo}, {'K', abc->key}};
    const char *text = bytes_text(voice);
    size_t from, to, end = next_mark(text, 0);
    bool ok = bytes_append(out, text, end, error);
    for (size_t i = 0; ok && i < n; i++) {
        if (!find_part(text, row[i], &from, &to)) continue;
        if (out->n + to - from > ORDERED_MOST) return error_set(error, ERROR_INPUT, "ABC: P: makes too long a tune; fewer parts are wanted");
        ok = bytes_printf(out, error, "[p:%c]", row[i]);
        for (size_t k = 0; ok && k < sizeof fields / sizeof *fields; k++) {
            char was[81], is[81];
            field_before(text, end, fields[k].kind, fields[k].header, was, sizeof was);
            field_before(text, from, fields[k].kind, fields[k].header, is, sizeof is);
            if (strcmp(was, is) != 0 && is[0] != '\0') ok = bytes_printf(out, error, "[%c:%s]", fields[k].kind, is);
        }
        ok = ok && bytes_append(out, text + from, to - from, error);
        end = to;
    }
    return ok;
}

/* Bring all voices into the order of the header's P:, if they have all its parts. */
static bool order_parts(struct abc *abc, struct error *error)
{
    char row[ORDER_MOST];
    const char *at = abc->order;
    size_t n = 0, from, to;
    bool ok = true;
    if (!unfold(&at, row, &n, 0)) return true;
    for (int v = 0; v < abc->voices; v++)
        for (size_t i = 0; i < n; i++)
            if (abc->voice[v].text.n > ORDERED_MOST || !find_part(bytes_text(&abc->voice[v].text), row[i], &from, &to)) return true;
    for (int v = 0; ok && n > 0 && v < abc->voices; v++) {
        struct bytes text = {0};
        ok = order_voice(abc, &abc->voice[v].text, row, n, &text, error);
        bytes_free(ok ? &abc->voice[v].text : &text);
        if (ok) abc->voice[v].text = text;
    }
    return ok;
}

static bool play_voice(struct abc *abc, int v, int64_t *first_bar, int64_t *bar, struct error *error)
{
    const struct voice *voice = &abc->voice[v], *common = &abc->common;
    struct abc_play play = {abc->score, v, abc->metre, abc->unit, abc->tempo, abc->key, abc->no_bars, {0}};
    int program = voice->program >= 0 ? voice->program : common->program, channel = voice->channel != 0 ? voice->channel : common->channel;
    for (int k = 0; k < ABC_PLAY_SHIFTS; k++) play.shift[k] = voice->shift[k] != ABC_PLAY_UNSAID ? voice->shift[k] : common->shift[k];
    return score_add_part(abc->score, program < 0 ? 0 : program, channel == 10, voice->name, error) && abc_play(&play, &voice->text, first_bar, bar, error);
}

static bool finish(struct abc *abc, struct error *error)
{
    struct score *s = abc->score;
    int64_t shift = 0, first = -1, bar = 0;
    bool ok = true;
    for (int v = 0; ok && v < abc->voices; v++) {
        ok = play_voice(abc, v, &first, &bar, error);
        if (ok && v == 0 && first > 0 && first < bar) shift = bar - first;
    }
    if (ok && s->notes == 0) ok = error_set(error, ERROR_INPUT, "ABC: a tune without notes; at least one is wanted");
    for (size_t i = 0; ok && i < s->notes; i++) s->note[i].onset += shift;
    for (size_t i = 0; ok && i < s->tempos; i++) s->tempo[i].tick += s->tempo[i].tick > 0 ? shift : 0;
    for (size_t i = 0; ok && i < s->metres; i++) s->metre[i].tick += s->metre[i].tick > 0 ? shift : 0;
    for (size_t i = 0; ok && i < s->keys; i++) s->key[i].tick += s->key[i].tick > 0 ? shift : 0;
    if (ok) score_sort(s);
    return ok;
}

bool abc_read(const void *data, size_t n, struct score *out, struct error *error)
{
    *out = (struct score){.ticks_per_quarter = ABC_QUARTER};
    struct abc *abc = mem_alloc(1, sizeof *abc, error);
    if (abc == NULL) return false;
    abc->score = out, abc->voices = 1;
    new_voice(&abc->voice[0]), new_voice(&abc->common);
    memcpy(abc->metre, "4/4", 4);
    size_t skip = mark(data, n);
    bool ok = n == 0 || memchr(data, 0, n) == NULL || error_set(error, ERROR_INPUT, "ABC: a NUL byte; text is wanted");
    ok = ok && (abc_is(data, n) || error_set(error, ERROR_INPUT, "ABC: no line K:; a tune in ABC notation is wanted"));
    ok = ok && read_lines(abc, (const char *)data + skip, n - skip, error);
    if (ok && abc->voices > 1 && is_silent(bytes_text(&abc->voice[0].text))) {     /* all voices have names: the nameless one goes */
        bytes_free(&abc->voice[0].text);
        memmove(abc->voice, abc->voice + 1, (size_t)--abc->voices * sizeof *abc->voice);
    }
    ok = ok && order_parts(abc, error) && finish(abc, error);
    for (int v = 0; v < abc->voices; v++) bytes_free(&abc->voice[v].text);
    mem_free(abc);
    if (!ok) score_free(out);
    return ok;
}
