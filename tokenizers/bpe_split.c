/* The pre-tokenizer: text to words by regular expressions; see bpe.h.
 *
 * Patterns are written for Oniguruma or Rust; PCRE2 with UTF and UCP means the same by \p{L} and \p{N}, but its \s has
 * U+180E in it, which lost its White_Space property in Unicode 6.3. So \s and \S are spelled out before compiling. PCRE2
 * 10.42 knows Unicode 14; letters that came later are split as unassigned characters.
 *
 * GPT-2's pattern and the digits pattern have an ASCII fast path that gives the same pieces (a test runs both); a byte
 * above 127 within reach of a match hands that match to PCRE2. All matching is bounded by PCRE2's match limits. */
#include "tokenizers/bpe_inside.h"
#include "core/mem.h"

#include <string.h>

#define SPACE_CLASS "\\p{Z}\\x{09}-\\x{0d}\\x{85}"

static void *room(size_t size, void *unused)
{
    (void)unused;
    return mem_alloc(size, 1, NULL);
}

static void give_back(void *block, void *unused)
{
    (void)unused;
    mem_free(block);
}

/* \s and \S as an explicit class, inside and outside of brackets. */
static bool spell_out(const char *pattern, struct bytes *out, struct error *error)
{
    bool bracket = false, ok = true;
    for (const char *p = pattern; ok && *p != '\0'; p++) {
        if (p[0] == '\\' && p[1] != '\0') {
            p++;
            if (*p == 's') ok = bytes_append_text(out, bracket ? SPACE_CLASS : "[" SPACE_CLASS "]", error);
            else if (*p == 'S' && !bracket) ok = bytes_append_text(out, "[^" SPACE_CLASS "]", error);
            else ok = bytes_append(out, p - 1, 2, error);
            continue;
        }
        if (*p == '[') bracket = true;
        if (*p == ']') bracket = false;
        ok = bytes_append(out, p, 1, error);
    }
    return ok;
}

bool bpe_add_stage(struct bpe *bpe, const char *pattern, struct error *error)
{
    if (bpe->n_stages == BPE_STAGES_MOST)
        return error_set(error, ERROR_INPUT, "pre_tokenizer: more than %d stages; at most that many are wanted", BPE_STAGES_MOST);
    struct bytes text = {0};
    if (!spell_out(pattern, &text, error)) {
        bytes_free(&text);
        return false;
    }
    pcre2_general_context *memory = pcre2_general_context_create(room, give_back, NULL);
    pcre2_compile_context *context = memory == NULL ? NULL : pcre2_compile_context_create(memory);
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *compiled = context == NULL ? NULL
        : pcre2_compile(text.data, text.n, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    bytes_free(&text);
    if (compiled == NULL) {
        char reason[120] = "no memory";
        if (code > 0) pcre2_get_error_message(code, (PCRE2_UCHAR8 *)reason, sizeof reason);
        return error_set(error, code > 0 ? ERROR_INPUT : ERROR_MEMORY, "pre_tokenizer: pattern: %s at character %zu", reason, (size_t)at);
    }
    struct bpe_stage *stage = &bpe->stage[bpe->n_stages++];
    stage->code = compiled;
    stage->jit = pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0;
    stage->quick = strcmp(pattern, BPE_GPT2_PATTERN) == 0 ? BPE_QUICK_GPT2
                 : strcmp(pattern, BPE_DIGITS_PATTERN) == 0 ? BPE_QUICK_DIGITS : BPE_QUICK_NONE;
    return true;
}

void bpe_stages_free(struct bpe *bpe)
{
    for (int i = 0; i < bpe->n_stages; i++) pcre2_code_free(bpe->stage[i].code);
    bpe->n_stages = 0;
}

pcre2_match_data *bpe_match_data(struct error *error)
{
    pcre2_general_context *memory = pcre2_general_context_create(room, give_back, NULL);
    pcre2_match_data *match = memory == NULL ? NULL : pcre2_match_data_create(1, memory);
    pcre2_general_context_free(memory);
    if (match == NULL) error_set(error, ERROR_MEMORY, "pre_tokenizer: no memory for matching");
    return match;
}

enum kind { KIND_OTHER, KIND_LETTER, KIND_DIGIT, KIND_SPACE, KIND_WIDE };

static inline enum kind kind_of(uint8_t c)
{
    static const uint8_t kind[256] = {
        ['\t'] = KIND_SPACE, ['\n'] = KIND_SPACE, ['\v'] = KIND_SPACE, ['\f'] = KIND_SPACE, ['\r'] = KIND_SPACE, [' '] = KIND_SPACE,
        ['0' ... '9'] = KIND_DIGIT, ['A' ... 'Z'] = KIND_LETTER, ['a' ... 'z'] = KIND_LETTER, [0x80 ... 0xff] = KIND_WIDE,
    };
    return kind[c];
}

/* fast path: the length of GPT-2's match at p (n > 0 bytes left), 0 where PCRE2 has to decide. */
static size_t quick_gpt2(const uint8_t *p, size_t n)
{
    if (p[0] == '\'' && n > 1) {
        if (p[1] == 's' || p[1] == 'd' || p[1] == 'm' || p[1] == 't') return 2;
        if (n > 2 && ((p[1] == 'l' && p[2] == 'l') || ((p[1] == 'v' || p[1] == 'r') && p[2] == 'e'))) return 3;
    }
    size_t at = p[0] == ' ' && n > 1 && kind_of(p[1]) != KIND_SPACE;
    enum kind kind = kind_of(p[at]);
    if (kind == KIND_WIDE) return 0;
    while (++at < n && kind_of(p[at]) == kind) {}
    if (at < n && kind_of(p[at]) == KIND_WIDE) return 0;
    if (kind == KIND_SPACE && at < n && at > 1) at--;        /* \s+(?!\S): the last space belongs to the next word */
    return at;
}

/* The next match in text[at, end), a piece that starts at `start` (lookbehind may see that): 1 found, 0 none, -1 failure. */
static int find(struct bpe_walk *walk, const struct bpe_stage *stage, size_t start, size_t at, size_t end,
                size_t *from, size_t *to)
{
    const uint8_t *text = walk->text;
    if (walk->quick && stage->quick == BPE_QUICK_GPT2) {
        size_t n = quick_gpt2(text + at, end - at);
        *from = at;
        *to = at + n;
        if (n > 0) return 1;
    }
    if (walk->quick && stage->quick == BPE_QUICK_DIGITS) {
        while (at < end && kind_of(text[at]) != KIND_DIGIT && kind_of(text[at]) != KIND_WIDE) at++;
        *from = at;
        *to = at + 1;
        if (at == end) return 0;
        if (kind_of(text[at]) == KIND_DIGIT) return 1;
    }
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (stage->jit) found = pcre2_jit_match(stage->code, text + start, end - start, at - start, options, walk->match, NULL);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(stage->code, text + start, end - start, at - start, options | PCRE2_NO_JIT, walk->match, NULL);
    if (found == PCRE2_ERROR_NOMATCH) return 0;
    if (found < 0) {
        error_set(walk->error, ERROR_INPUT, "pre_tokenizer: the pattern gave up (PCRE2 error %d); a simpler text is wanted", found);
        return -1;
    }
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(walk->match);
    *from = start + place[0];
    *to = start + place[1];
    return *from >= at && *to > *from ? 1 : 0;               /* \K can move the start; such a match counts as none */
}

void bpe_walk_start(struct bpe_walk *walk, const struct bpe *bpe, pcre2_match_data *match, const void *text, size_t n, struct error *error)
{
    *walk = (struct bpe_walk){.bpe = bpe, .text = text, .match = match, .quick = true, .error = error};
    walk->level[0].end = n;
}

/* The piece that `level` finds next: the gap before its match, then the match, or the rest. */
static bool next_at(struct bpe_walk *walk, int level, size_t *from, size_t *to)
{
    if (level < 0) {                                         /* no stage at all: the stretch is one word */
        *from = walk->level[0].at;
        *to = walk->level[0].end;
        walk->level[0].at = *to;
        return *from < *to;
    }
    size_t at = walk->level[level].at;
    if (at == walk->level[level].end) {
        if (level == 0 || !next_at(walk, level - 1, &walk->level[level].at, &walk->level[level].end)) return false;
        at = walk->level[level].at;
        walk->level[level].piece = at;
        walk->level[level].matched = false;
    }
    if (!walk->level[level].matched) {
        size_t end = walk->level[level].end;
        int found = find(walk, &walk->bpe->stage[level], walk->level[level].piece, at, end, from, to);
        walk->failed = walk->failed || found < 0;
        if (found < 0) return false;
        if (found == 0) *from = *to = end;
        if (*from > at) {
            walk->level[level].match_end = *to;
            walk->level[level].matched = *to > *from;
            walk->level[level].at = *from;
            *to = *from;
            *from = at;
            return true;
        }
    } else {
        *from = at;
        *to = walk->level[level].match_end;
        walk->level[level].matched = false;
    }
    walk->level[level].at = *to;
    return true;
}

bool bpe_walk_next(struct bpe_walk *walk, size_t *from, size_t *to)
{
    return next_at(walk, walk->bpe->n_stages - 1, from, to);
}
