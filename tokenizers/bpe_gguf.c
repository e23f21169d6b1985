/* The tokenizer's part of GGUF files (tokenizer.ggml.*); see bpe.h.
 *
 *     tokenizer.ggml.model "gpt2", .pre "smollm", .tokens [names], .token_type [1 normal, 3 control, 4 user-defined, 5 unused],
 *     .merges ["Ġ t", …], .add_bos_token, .bos_token_id
 *
 * Reading puts a tokenizer.json together and parses that, so every check is made in one place. `pre` names the pre-tokenizer
 * pattern: the table below has the names of llama.cpp for those that we match. */
#include "tokenizers/bpe_inside.h"
#include "core/gguf.h"
#include "core/json.h"

#include <stdio.h>
#include <string.h>

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

#define BYTE_LEVEL(regex) "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":" regex "}"

enum form { FORM_GPT2, FORM_DIGITS, FORM_LLAMA3, FORM_QWEN2 };
static const struct { const char *pre; enum form form; } PRES[] = {
    {"gpt-2", FORM_GPT2}, {"gpt2", FORM_GPT2}, {"default", FORM_GPT2}, {"phi-2", FORM_GPT2}, {"olmo", FORM_GPT2}, {"mpt", FORM_GPT2},
    {"smollm", FORM_DIGITS}, {"starcoder", FORM_DIGITS}, {"refact", FORM_DIGITS}, {"command-r", FORM_DIGITS}, {"codeshell", FORM_DIGITS},
    {"llama-bpe", FORM_LLAMA3}, {"llama3", FORM_LLAMA3}, {"llama-v3", FORM_LLAMA3}, {"smaug-bpe", FORM_LLAMA3},
    {"qwen2", FORM_QWEN2}, {"deepseek-r1-qwen", FORM_QWEN2},
};

static bool print_pattern(const char *pattern, struct bytes *out, struct error *error)
{
    return bytes_append_text(out, "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":", error) && json_quote(out, pattern, strlen(pattern), error) &&
           bytes_append_text(out, "},\"behavior\":\"Isolated\",\"invert\":false}," BYTE_LEVEL("false") "]}", error);
}

static bool print_form(enum form form, struct bytes *out, struct error *error)
{
    if (!bytes_printf(out, error, "\"normalizer\":%s,\"pre_tokenizer\":", form == FORM_QWEN2 ? "{\"type\":\"NFC\"}" : "null")) return false;
    switch (form) {
    case FORM_GPT2: return bytes_append_text(out, BYTE_LEVEL("true"), error);
    case FORM_DIGITS: return bytes_append_text(out, "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL("true") "]}", error);
    case FORM_LLAMA3: return print_pattern(BPE_LLAMA3_PATTERN, out, error);
    default: return print_pattern(BPE_QWEN2_PATTERN, out, error);
    }
}

struct parts { const struct gguf_value *tokens, *types, *merges; enum form form; int64_t bos; };

static bool find_parts(const struct gguf *g, struct parts *p, struct error *error)
{
    const char *model, *pre = "default";
    size_t i = 0;
    if (!gguf_text(g, "tokenizer.ggml.model", &model, error)) return false;
    if (strcmp(model, "gpt2") != 0) return error_set(error, ERROR_INPUT, "GGUF: tokenizer.ggml.model is %.40s; gpt2 (byte-level BPE) is wanted", model);
    if (gguf_find(g, "tokenizer.ggml.pre") != NULL && !gguf_text(g, "tokenizer.ggml.pre", &pre, error)) return false;
    while (i < sizeof PRES / sizeof *PRES && strcmp(pre, PRES[i].pre) != 0) i++;
    if (i == sizeof PRES / sizeof *PRES) return error_set(error, ERROR_INPUT, "GGUF: tokenizer.ggml.pre is %.40s; gpt-2, smollm, llama-bpe or qwen2 is wanted", pre);
    p->form = PRES[i].form;
    p->tokens = gguf_array(g, "tokenizer.ggml.tokens", GGUF_TEXT, error);
    p->merges = gguf_array(g, "tokenizer.ggml.merges", GGUF_TEXT, error);
    p->types = gguf_find(g, "tokenizer.ggml.token_type");
    if (p->tokens == NULL || p->merges == NULL) return false;
    if (p->types != NULL && (!p->types->array || p->types->kind != GGUF_I32 || p->types->n != p->tokens->n))
        return error_set(error, ERROR_INPUT, "GGUF: tokenizer.ggml.token_type is no array of I32 as long as tokenizer.ggml.tokens");
    p->bos = -1;
    return !gguf_flag(g, "tokenizer.ggml.add_bos_token", false) || gguf_integer(g, "tokenizer.ggml.bos_token_id", 0, (int64_t)p->tokens->n - 1, &p->bos, error);
}

static int64_t type_of(const struct parts *p, size_t id) { return p->types == NULL ? NORMAL : gguf_element(p->types, id); }
static bool is_added(int64_t type) { return type == CONTROL || type == USER_DEFINED || type == UNKNOWN; }

static bool print_text(const struct gguf_value *texts, size_t i, struct bytes *out, struct error *error)
{
    const struct gguf_text *text = (const struct gguf_text *)texts->data + i;
    return json_quote(out, text->text, text->n, error);
}

static bool print_added(const struct parts *p, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_text(out, "\"added_tokens\":[", error), first = true;
    for (size_t id = 0; ok && id < p->tokens->n; id++) {
        int64_t type = type_of(p, id);
        if (!is_added(type)) continue;
        ok = bytes_printf(out, error, "%s{\"id\":%zu,\"content\":", first ? "" : ",", id) && print_text(p->tokens, id, out, error) &&
             bytes_printf(out, error, ",\"special\":%s}", type == USER_DEFINED ? "false" : "true");
        first = false;
    }
    return ok && bytes_append_text(out, "],", error);
}

static bool print_template(const struct parts *p, struct bytes *out, struct error *error)
{
    if (p->bos < 0) return true;
    return bytes_append_text(out, "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":", error) && print_text(p->tokens, (size_t)p->bos, out, error) &&
           bytes_append_text(out, ",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],\"special_tokens\":{", error) &&
           print_text(p->tokens, (size_t)p->bos, out, error) && bytes_append_text(out, ":{\"id\":", error) && print_text(p->tokens, (size_t)p->bos, out, error) &&
           bytes_printf(out, error, ",\"ids\":[%lld],\"tokens\":[", (long long)p->bos) && print_text(p->tokens, (size_t)p->bos, out, error) && bytes_append_text(out, "]}}},", error);
}

static bool print_all(const struct parts *p, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_byte(out, '{', error) && print_added(p, out, error) && print_form(p->form, out, error) && bytes_append_byte(out, ',', error) && print_template(p, out, error) &&
              bytes_printf(out, error, "\"decoder\":" BYTE_LEVEL("true") ",\"model\":{\"type\":\"BPE\",\"ignore_merges\":%s,\"vocab\":{", p->form == FORM_LLAMA3 ? "true" : "false");
    bool first = true;
    for (size_t id = 0; ok && id < p->tokens->n; id++) {
        if (is_added(type_of(p, id))) continue;
        ok = (first || bytes_append_byte(out, ',', error)) && print_text(p->tokens, id, out, error) && bytes_printf(out, error, ":%zu", id);
        first = false;
    }
    ok = ok && bytes_append_text(out, "},\"merges\":[", error);
    for (size_t i = 0; ok && i < p->merges->n; i++) ok = (i == 0 || bytes_append_byte(out, ',', error)) && print_text(p->merges, i, out, error);
    return ok && bytes_append_text(out, "]}}", error);
}

bool bpe_from_gguf(const struct gguf *gguf, struct bpe **out, struct error *error)
{
    struct parts parts;
    struct bytes json = {0};
    *out = NULL;
    bool ok = find_parts(gguf, &parts, error) && print_all(&parts, &json, error) && (bpe_parse(json.data, json.n, out, error) || error_prefix(error, "GGUF"));
    bytes_free(&json);
    return ok;
}

/* ---- writing ---- */

/* llama.cpp's name of the stages, NULL when it has none. */
static const char *pre_of(const struct bpe *bpe)
{
    const struct bpe_stage *s = bpe->stage;
    if (bpe->prefix_space) return NULL;
    if (bpe->n_stages == 1) return s[0].name;
    bool digits = bpe->n_stages == 2 && s[0].matcher != NULL && s[0].name == NULL && s[1].name != NULL && strcmp(s[1].name, "gpt-2") == 0;
    return digits ? "smollm" : NULL;
}

static bool put_tokens(const struct bpe *bpe, int32_t V, struct gguf_values *values, struct error *error)
{
    struct bytes name = {0};
    bool ok = gguf_put_array(values, "tokenizer.ggml.tokens", GGUF_TEXT, (size_t)V, error);
    for (int32_t id = 0; ok && id < V; id++) {
        name.n = 0;
        ok = (id < bpe->n ? bpe_name(bpe, id, &name, error) : bytes_printf(&name, error, "[PAD%d]", (int)id)) && gguf_put_element(values, bytes_text(&name), name.n, error);
    }
    bytes_free(&name);
    ok = ok && gguf_put_array(values, "tokenizer.ggml.token_type", GGUF_I32, (size_t)V, error);
    for (int32_t id = 0; ok && id < V; id++)
        ok = gguf_put_int(values, id >= bpe->n ? UNUSED : bpe->flags[id] & BPE_FLAG_SPECIAL ? CONTROL : bpe->flags[id] & BPE_FLAG_ADDED ? USER_DEFINED : NORMAL, error);
    return ok;
}

static bool put_merges(const struct bpe *bpe, struct gguf_values *values, struct error *error)
{
    struct bytes pair = {0};
    bool ok = gguf_put_array(values, "tokenizer.ggml.merges", GGUF_TEXT, bpe->n_merges, error);
    for (size_t i = 0; ok && i < bpe->n_merges; i++) {
        pair.n = 0;
        ok = bpe_name(bpe, bpe->merges[i].left, &pair, error) && bytes_append_byte(&pair, ' ', error) && bpe_name(bpe, bpe->merges[i].right, &pair, error) &&
             gguf_put_element(values, bytes_text(&pair), pair.n, error);
    }
    bytes_free(&pair);
    return ok;
}

bool bpe_to_gguf(const struct bpe *bpe, int32_t V, struct gguf_values *values, struct error *error)
{
    const char *pre = pre_of(bpe);
    if (V < bpe->n) return error_set(error, ERROR_INPUT, "tokenizer: %ld tokens, but the model has %ld ids", (long)bpe->n, (long)V);
    if (pre == NULL) return error_set(error, ERROR_INPUT, "tokenizer: a pre-tokenizer that llama.cpp has no name for; GPT-2's, SmolLM2's, Llama 3's or Qwen2's is wanted");
    return gguf_put_text(values, "tokenizer.ggml.model", "gpt2", error) && gguf_put_text(values, "tokenizer.ggml.pre", pre, error) && put_tokens(bpe, V, values, error) &&
           put_merges(bpe, values, error) && gguf_put_flag(values, "tokenizer.ggml.add_bos_token", bpe->before.n > 0, error) &&
           gguf_put_flag(values, "tokenizer.ggml.add_space_prefix", false, error);
}
