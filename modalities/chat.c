/* Conversations; see chat.h. */
#include "modalities/chat.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A turn is: start, role, [middle], gap, words, end, behind. */
static const struct form {
    const char *name, *start, *middle, *gap, *end, *behind;
    bool begins;             /* the text starts with the tokenizer's own first ids */
} FORMS[] = {
    {"ChatML", "<|im_start|>", NULL, "\n", "<|im_end|>", "\n", false},
    {"Llama 3", "<|start_header_id|>", "<|end_header_id|>", "\n\n", "<|eot_id|>", "", true},
};
enum { FORMS_N = sizeof FORMS / sizeof *FORMS, SYSTEM_MOST = 4000 };

/* The literal system message of a ChatML template: what stands between the opening of a system turn and its end, if no
 * expression is in between. A line break is one, or written \n. */
static char *own_system(const char *text, const struct form *form, struct error *error)
{
    char open[60];
    size_t n = (size_t)snprintf(open, sizeof open, "%ssystem", form->start);
    for (const char *at = strstr(text, open); at != NULL; at = strstr(at + 1, open)) {
        const char *from = at + n, *to = strstr(from, form->end);
        if (*from == '\n') from++;
        else if (from[0] == '\\' && from[1] == 'n') from += 2;
        else continue;
        size_t length = to == NULL ? 0 : (size_t)(to - from);
        if (length == 0 || length > SYSTEM_MOST || strcspn(from, "'{}\"") < length) continue;
        char *out = mem_alloc(length + 1, 1, error);
        if (out != NULL) memcpy(out, from, length);
        return out;
    }
    return NULL;
}

bool chat_init(struct chat *chat, const char *text, const struct bpe *bpe, struct error *error)
{
    *chat = (struct chat){.bpe = bpe};
    for (; chat->form < FORMS_N; chat->form++)
        if (strstr(text, FORMS[chat->form].start) != NULL) break;
    if (chat->form == FORMS_N) return error_set(error, ERROR_INPUT, "chat template: its form is unknown; ChatML or Llama 3 is wanted");
    const struct form *form = &FORMS[chat->form];
    const char *const needed[] = {form->start, form->middle, form->end};
    for (int i = 0; i < 3; i++)
        if (needed[i] != NULL && bpe_special(bpe, needed[i]) < 0) return error_set(error, ERROR_INPUT, "chat template: the tokenizer has no token %s, which %s wants", needed[i], form->name);
    chat->end = bpe_special(bpe, form->end);
    chat->system = own_system(text, form, error);
    return chat->system != NULL || error->kind == ERROR_NONE;
}

bool chat_template_read(const char *folder, struct bytes *out, struct error *error)
{
    char path[PATH_MAX];
    if (!file_join(path, sizeof path, folder, "chat_template.jinja", error)) return false;
    if (file_exists(path)) return file_read(path, FILE_LIMIT_JSON, out, error);
    if (!file_join(path, sizeof path, folder, "tokenizer_config.json", error)) return false;
    if (!file_exists(path)) return true;
    cJSON *root = json_read(path, FILE_LIMIT_JSON, error);
    const cJSON *item = json_member(root, "chat_template"), *entry;
    const char *text = cJSON_IsString(item) ? item->valuestring : NULL;
    if (cJSON_IsArray(item)) cJSON_ArrayForEach(entry, item) {   /* several by name: the one called default */
        const cJSON *name = json_member(entry, "name"), *one = json_member(entry, "template");
        if (cJSON_IsString(name) && cJSON_IsString(one) && strcmp(name->valuestring, "default") == 0) text = one->valuestring;
    }
    bool ok = root != NULL && (text == NULL || bytes_append_text(out, text, error));
    cJSON_Delete(root);
    return ok;
}

bool chat_read(struct chat *chat, const char *folder, const struct bpe *bpe, struct error *error)
{
    struct bytes text = {0};
    *chat = (struct chat){0};
    bool ok = chat_template_read(folder, &text, error);
    if (ok && text.n == 0) ok = error_set(error, ERROR_INPUT, "%s: no chat template; a model made for conversations is wanted", folder);
    ok = ok && (chat_init(chat, bytes_text(&text), bpe, error) || error_prefix(error, "%s", folder));
    bytes_free(&text);
    return ok;
}

void chat_free(struct chat *chat)
{
    mem_free(chat->system);
    *chat = (struct chat){0};
}

static bool put_words(const struct chat *chat, const char *text, struct ids *out, struct error *error) { return bpe_encode(chat->bpe, text, strlen(text), false, out, error); }

/* start role [middle] gap words: the words belong to one stretch with what stands before them since the last special token. */
static bool put_turn(const struct chat *chat, const char *role, const char *words, struct ids *out, struct error *error)
{
    const struct form *form = &FORMS[chat->form];
    struct bytes text = {0};
    bool ok = ids_append(out, bpe_special(chat->bpe, form->start), error) && bytes_append_text(&text, role, error);
    if (ok && form->middle != NULL) {
        ok = put_words(chat, bytes_text(&text), out, error) && ids_append(out, bpe_special(chat->bpe, form->middle), error);
        text.n = 0;
    }
    ok = ok && bytes_append_text(&text, form->gap, error) && bytes_append_text(&text, words, error) && put_words(chat, bytes_text(&text), out, error);
    bytes_free(&text);
    return ok;
}

bool chat_close(const struct chat *chat, struct ids *out, struct error *error)
{
    return ids_append(out, chat->end, error) && put_words(chat, FORMS[chat->form].behind, out, error);
}

bool chat_open(const struct chat *chat, const char *system, struct ids *out, struct error *error)
{
    const struct ids *before = bpe_before(chat->bpe);
    const char *words = system != NULL ? system : chat->system;
    if (FORMS[chat->form].begins && !ids_append_many(out, before->id, before->n, error)) return false;
    return words == NULL || (put_turn(chat, "system", words, out, error) && chat_close(chat, out, error));
}

bool chat_ask(const struct chat *chat, const char *words, struct ids *out, struct error *error)
{
    return put_turn(chat, "user", words, out, error) && chat_close(chat, out, error) && put_turn(chat, "assistant", "", out, error);
}
