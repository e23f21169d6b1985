/* The pre-tokenizer: text to words by regular expressions; see bpe.h.
 *
 * Patterns are written for Oniguruma or Rust; PCRE2 with UTF and UCP means the same by \p{L} and \p{N}, but its \s has
 * U+180E in it, which lost its White_Space property in Unicode 6.3. So \s and \S are spelled out before compiling. PCRE2
 * 10.42 knows Unicode 14; letters that came later are split as unassigned characters.
 *
 * The patterns of bpe_match.c never get here: they are matched by hand. All matching is bounded by PCRE2's match limits. */
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

static pcre2_code *compile(const char *pattern, struct error *error)
{
    struct bytes text = {0};
    if (!spell_out(pattern, &text, error)) {
        bytes_free(&text);
        return NULL;
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
        error_set(error, code > 0 ? ERROR_INPUT : ERROR_MEMORY, "pre_tokenizer: pattern: %s at character %zu", reason, (size_t)at);
    }
    return compiled;
}

bool bpe_add_stage(struct bpe *bpe, const char *pattern, bool by_hand, struct error *error)
{
    struct bpe_stage stage = {0};
    if (bpe->n_stages == BPE_STAGES_MOST)
        return error_set(error, ERROR_INPUT, "pre_tokenizer: more than %d stages; at most that many are wanted", BPE_STAGES_MOST);
    for (size_t i = 0; by_hand && stage.matcher == NULL && i < bpe_known_n; i++)
        if (strcmp(pattern, bpe_known[i].pattern) == 0) stage.matcher = bpe_known[i].matcher, stage.name = bpe_known[i].name;
    if (stage.matcher == NULL) {
        stage.code = compile(pattern, error);
        if (stage.code == NULL) return false;
        stage.jit = pcre2_jit_compile(stage.code, PCRE2_JIT_COMPLETE) == 0;
    }
    bpe->stage[bpe->n_stages++] = stage;
    return true;
}

bool bpe_needs_match(const struct bpe *bpe)
{
    bool needs = false;
    for (int i = 0; i < bpe->n_stages; i++) needs = needs || bpe->stage[i].matcher == NULL;
    return needs;
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

/* The next match in text[at, end), a piece that starts at `start` (lookbehind may see that): 1 found, 0 none, -1 failure. */
static int find(struct bpe_walk *walk, const struct bpe_stage *stage, size_t start, size_t at, size_t end, size_t *from, size_t *to)
{
    const uint8_t *text = walk->text;
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
    walk->bpe = bpe, walk->text = text, walk->match = match, walk->error = error, walk->failed = false;
    for (int i = 0; i < BPE_STAGES_MOST; i++) walk->level[i].piece = walk->level[i].at = walk->level[i].end = walk->level[i].match_end = 0;
    walk->level[0].end = n;
}

/* Where the piece at `at` ends by the stage's pattern: the gap before its match, or the match, or the rest. */
static size_t pattern_end(struct bpe_walk *walk, int level)
{
    size_t at = walk->level[level].at, end = walk->level[level].end, from, to;
    if (walk->level[level].match_end > at) return walk->level[level].match_end;   /* found before, behind its gap */
    int found = find(walk, &walk->bpe->stage[level], walk->level[level].piece, at, end, &from, &to);
    walk->failed = walk->failed || found < 0;
    if (found <= 0) return end;
    walk->level[level].match_end = to;
    return from > at ? from : to;
}

/* The piece that `level` finds next. */
static bool next_at(struct bpe_walk *walk, int level, size_t *from, size_t *to)
{
    size_t at = walk->level[level].at;
    if (at == walk->level[level].end) {
        if (level == 0 || !next_at(walk, level - 1, &walk->level[level].at, &walk->level[level].end)) return false;
        at = walk->level[level].piece = walk->level[level].match_end = walk->level[level].at;
    }
    bpe_matcher *matcher = walk->bpe->stage[level].matcher;
    *from = at;
    *to = matcher != NULL ? at + matcher(walk->text + at, walk->level[level].end - at) : pattern_end(walk, level);
    walk->level[level].at = *to;
    return !walk->failed;
}

bool bpe_walk_next(struct bpe_walk *walk, size_t *from, size_t *to)
{
    if (walk->bpe->n_stages > 0) return next_at(walk, walk->bpe->n_stages - 1, from, to);
    *from = walk->level[0].at, *to = walk->level[0].end;     /* no stage at all: the stretch is one word */
    walk->level[0].at = *to;
    return *from < *to;
}
