/* Strict JSON over cJSON; see json.h. The scan is a plain recursive descent over the grammar of RFC 8259. It keeps the
 * byte spans of an object's names to find duplicates, comparing by hash first so that a vocabulary of 150,000 names
 * stays linear. */
#include "core/json.h"
#include "core/file.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 64 };

struct scan {
    const uint8_t *p;     /* (n) */
    size_t n, at;
    struct error *error;
};

static bool value(struct scan *s, int depth);

static bool fault(struct scan *s, const char *what)
{
    return error_set(s->error, ERROR_INPUT, "JSON: byte %zu: %s", s->at, what);
}

static void skip_space(struct scan *s)
{
    while (s->at < s->n && (s->p[s->at] == ' ' || s->p[s->at] == '\t' || s->p[s->at] == '\n' || s->p[s->at] == '\r')) s->at++;
}

static int peek(const struct scan *s) { return s->at < s->n ? s->p[s->at] : -1; }

static int hex(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool unit(struct scan *s, unsigned *out)   /* four hex digits of \uXXXX */
{
    *out = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        int digit = hex(peek(s));
        if (digit < 0) return fault(s, "a \\u escape without four hexadecimal digits");
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

static bool escape(struct scan *s)
{
    int c = peek(s);
    s->at++;
    if (c == 'u') {
        unsigned high, low;
        if (!unit(s, &high)) return false;
        if (high == 0) return fault(s, "\\u0000 in a string; NUL is not accepted");
        if (high >= 0xdc00 && high < 0xe000) return fault(s, "a low surrogate without its high one");
        if (high < 0xd800 || high > 0xdbff) return true;
        if (peek(s) != '\\') return fault(s, "a high surrogate without its low one");
        s->at++;
        if (peek(s) != 'u') return fault(s, "a high surrogate without its low one");
        s->at++;
        if (!unit(s, &low)) return false;
        return (low >= 0xdc00 && low < 0xe000) || fault(s, "a high surrogate without its low one");
    }
    return (c > 0 && strchr("\"\\/bfnrt", c) != NULL) || fault(s, "an unknown escape");
}

static bool string(struct scan *s)
{
    if (peek(s) != '"') return fault(s, "a string is wanted");
    s->at++;
    while (s->at < s->n && s->p[s->at] != '"') {
        if (s->p[s->at] < 0x20) return fault(s, "a control character in a string");
        if (s->p[s->at++] == '\\' && !escape(s)) return false;
    }
    if (s->at >= s->n) return fault(s, "the text ends inside a string");
    s->at++;
    return true;
}

static bool digits(struct scan *s)
{
    size_t start = s->at;
    while (s->at < s->n && s->p[s->at] >= '0' && s->p[s->at] <= '9') s->at++;
    return s->at > start || fault(s, "a digit is wanted");
}

static bool number(struct scan *s)
{
    size_t start = s->at;
    if (peek(s) == '-') s->at++;
    bool zero = peek(s) == '0';
    size_t first = s->at;
    if (!digits(s)) return false;
    if (zero && s->at - first > 1) return fault(s, "a number with a leading zero");
    if (peek(s) == '.') { s->at++; if (!digits(s)) return false; }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-') s->at++;
        if (!digits(s)) return false;
    }
    char text[64];
    size_t length = s->at - start;
    if (length >= sizeof text) return fault(s, "a number of more than 63 characters");
    memcpy(text, s->p + start, length);
    text[length] = '\0';
    return isfinite(strtod(text, NULL)) || fault(s, "a number beyond the range of a double");
}

struct name { uint64_t hash; size_t start, length; };

static int by_hash(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return 0;
}

static bool check_names(struct scan *s, struct name *names, size_t n)
{
    if (n > 1) qsort(names, n, sizeof *names, by_hash);
    for (size_t i = 1; i < n; i++) {
        const struct name *a = &names[i - 1], *b = &names[i];
        if (a->hash == b->hash && a->length == b->length && memcmp(s->p + a->start, s->p + b->start, a->length) == 0) {
            s->at = b->start;
            return error_set(s->error, ERROR_INPUT, "JSON: byte %zu: the name %.*s stands twice in one object", b->start,
                             (int)(b->length < 80 ? b->length : 80), (const char *)s->p + b->start);
        }
    }
    return true;
}

static bool object_members(struct scan *s, int depth, struct name **names, size_t *n)
{
    size_t capacity = 0;
    for (;;) {
        skip_space(s);
        if (*n == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            struct name *bigger = mem_resize(*names, capacity, sizeof **names, s->error);
            if (bigger == NULL) return false;
            *names = bigger;
        }
        struct name *name = &(*names)[*n];
        name->start = s->at;
        if (!string(s)) return false;
        name->length = s->at - name->start;
        name->hash = 1469598103934665603u;                   /* FNV-1a */
        for (size_t i = 0; i < name->length; i++) name->hash = (name->hash ^ s->p[name->start + i]) * 1099511628211u;
        ++*n;
        skip_space(s);
        if (peek(s) != ':') return fault(s, "':' is wanted");
        s->at++;
        if (!value(s, depth)) return false;
        skip_space(s);
        if (peek(s) == ',') { s->at++; continue; }
        if (peek(s) != '}') return fault(s, "',' or '}' is wanted");
        s->at++;
        return true;
    }
}

static bool object(struct scan *s, int depth)
{
    struct name *names = NULL;
    size_t n = 0;
    s->at++;
    skip_space(s);
    if (peek(s) == '}') { s->at++; return true; }
    bool ok = object_members(s, depth, &names, &n) && check_names(s, names, n);
    mem_free(names);
    return ok;
}

static bool array(struct scan *s, int depth)
{
    s->at++;
    skip_space(s);
    if (peek(s) == ']') { s->at++; return true; }
    for (;;) {
        if (!value(s, depth)) return false;
        skip_space(s);
        if (peek(s) == ',') { s->at++; continue; }
        if (peek(s) != ']') return fault(s, "',' or ']' is wanted");
        s->at++;
        return true;
    }
}

static bool word(struct scan *s, const char *text)
{
    size_t n = strlen(text);
    if (s->n - s->at < n || memcmp(s->p + s->at, text, n) != 0) return fault(s, "a value is wanted");
    s->at += n;
    return true;
}

static bool value(struct scan *s, int depth)
{
    if (depth >= DEPTH_MOST) return fault(s, "nested more than 64 deep");
    skip_space(s);
    switch (peek(s)) {
    case '{': return object(s, depth + 1);
    case '[': return array(s, depth + 1);
    case '"': return string(s);
    case 't': return word(s, "true");
    case 'f': return word(s, "false");
    case 'n': return word(s, "null");
    case -1: return fault(s, "the text ends where a value is wanted");
    default: return number(s);
    }
}

cJSON *json_parse(const void *data, size_t n, struct error *error)
{
    struct scan s = {.p = data, .n = n, .error = error};
    size_t valid;
    if (!utf8_valid(data, n, &valid)) {
        error_set(error, ERROR_INPUT, "JSON: byte %zu: not UTF-8", valid);
        return NULL;
    }
    if (!value(&s, 0)) return NULL;
    skip_space(&s);
    if (s.at != n) {
        fault(&s, "something follows the value");
        return NULL;
    }
    cJSON *tree = cJSON_ParseWithLength(data, n);
    if (tree == NULL) error_set(error, ERROR_MEMORY, "JSON: %zu bytes could not be held in memory", n);
    return tree;
}

cJSON *json_read(const char *path, size_t limit, struct error *error)
{
    struct bytes text = {0};
    cJSON *tree = NULL;
    if (file_read(path, limit, &text, error)) {
        tree = json_parse(text.data, text.n, error);
        if (tree == NULL) error_prefix(error, "%s", path);
    }
    bytes_free(&text);
    return tree;
}

const cJSON *json_member(const cJSON *object_, const char *name)
{
    return cJSON_IsObject(object_) ? cJSON_GetObjectItemCaseSensitive(object_, name) : NULL;
}

static const cJSON *wanted(const cJSON *tree, const char *name, const char *kind, struct error *error)
{
    const cJSON *item = json_member(tree, name);
    if (item == NULL) error_set(error, ERROR_INPUT, "\"%s\" is missing; %s is wanted", name, kind);
    return item;
}

bool json_integer(const cJSON *tree, const char *name, int64_t low, int64_t high, int64_t *out, struct error *error)
{
    const cJSON *item = wanted(tree, name, "an integer", error);
    if (item == NULL) return false;
    double x = cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
    if (!(fabs(x) <= 9007199254740992.0) || floor(x) != x)
        return error_set(error, ERROR_INPUT, "\"%s\" is no integer; %lld to %lld is wanted", name, (long long)low, (long long)high);
    if ((int64_t)x < low || (int64_t)x > high)
        return error_set(error, ERROR_INPUT, "\"%s\" is %lld; %lld to %lld is wanted", name, (long long)x, (long long)low, (long long)high);
    *out = (int64_t)x;
    return true;
}

bool json_number(const cJSON *tree, const char *name, double low, double high, double *out, struct error *error)
{
    const cJSON *item = wanted(tree, name, "a number", error);
    if (item == NULL) return false;
    double x = cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
    if (!(x >= low && x <= high)) return error_set(error, ERROR_INPUT, "\"%s\" is not between %g and %g", name, low, high);
    *out = x;
    return true;
}

bool json_string(const cJSON *tree, const char *name, const char **out, struct error *error)
{
    const cJSON *item = wanted(tree, name, "a string", error);
    if (item == NULL) return false;
    if (!cJSON_IsString(item)) return error_set(error, ERROR_INPUT, "\"%s\" is no string", name);
    *out = item->valuestring;
    return true;
}

bool json_quote(struct bytes *out, const char *text, size_t n, struct error *error)
{
    bool ok = bytes_append_byte(out, '"', error);
    for (size_t at = 0; ok && at < n;) {
        unsigned char c = (unsigned char)text[at];
        size_t run;
        (void)utf8_valid(text + at, n - at < 4 ? n - at : 4, &run);
        if (run == 0) ok = bytes_append_text(out, "\xef\xbf\xbd", error), at++;
        else if (c == '"' || c == '\\') ok = bytes_printf(out, error, "\\%c", c), at++;
        else if (c == '\n') ok = bytes_append_text(out, "\\n", error), at++;
        else if (c < 0x20 || c == 0x7f) ok = bytes_printf(out, error, "\\u%04x", c), at++;
        else {
            size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            ok = bytes_append(out, text + at, length, error);
            at += length;
        }
    }
    return ok && bytes_append_byte(out, '"', error);
}

bool json_print(const cJSON *tree, bool formatted, struct bytes *out, struct error *error)
{
    char *text = formatted ? cJSON_Print(tree) : cJSON_PrintUnformatted(tree);
    if (text == NULL) return error_set(error, ERROR_MEMORY, "JSON: could not be printed");
    bool ok = bytes_append_text(out, text, error);
    cJSON_free(text);
    return ok;
}
