/* write --chat; see chat.h. The conversation is one growing list of ids in the form of the model's chat template; each answer is
 * appended as it was sampled, so the model reads exactly what it said. */
#include "app/chat.h"
#include "app/engine.h"
#include "core/json.h"
#include "core/search.h"
#include "modalities/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct decoding_defaults DEFAULTS = {.temperature = 0.7, .top_k = 50, .top_p = 0.9, .guidance = 1, .do_sample = true};
enum { NEW_TOKENS = 400 };           /* of an answer, when nothing says how long */

struct talk {
    struct engine e;
    struct generation options;
    struct chat chat;
    struct ids all;                  /* the conversation so far */
    struct bytes answer;
    size_t shown;
    bool json;
};

static bool on_token(void *context, int32_t id)
{
    struct talk *t = context;
    struct error ignored = {0};
    size_t valid;
    if (!bpe_decode(t->e.vocabulary.bpe, &id, 1, true, &t->answer, &ignored)) return false;
    (void)utf8_valid(t->answer.data + t->shown, t->answer.n - t->shown, &valid);
    if (!t->json) fwrite(t->answer.data + t->shown, 1, valid, stdout), fflush(stdout);
    t->shown += valid;
    return !app_stop;
}

static bool tell(struct talk *t, size_t tokens, struct error *error)
{
    if (!t->json) return putchar('\n') != EOF;
    struct bytes line = {0};
    bool ok = bytes_append_text(&line, "{\"text\":", error) && json_quote(&line, bytes_text(&t->answer), t->answer.n, error) &&
              bytes_printf(&line, error, ",\"tokens\":%zu,\"seed\":%llu}", tokens, (unsigned long long)t->options.sampling.seed);
    if (ok) puts(bytes_text(&line));
    bytes_free(&line);
    return ok;
}

static bool answer(struct talk *t, const char *words, uint64_t turn, struct error *error)
{
    struct search_result result = {0};
    t->answer.n = t->shown = 0;
    bool ok = chat_ask(&t->chat, words, &t->all, error);
    struct generate_request q = {.prompt = t->all.id, .prompt_n = t->all.n, .options = &t->options, .piece = turn, .token = decoding_token, .token_context = t->e.vocabulary.bpe,
        .on_token = on_token, .on_token_context = t};
    ok = ok && generation_check(&t->options, t->e.model.config.V, error) && generation_last(&t->options, t->all.n, t->e.model.config.T, &q.last, error) &&
         search(&t->e.runner, &q, &result, error);
    if (ok) {
        const struct ids *made = &result.sequences.list[0];
        size_t n = made->n - t->all.n, whole = n > 0 && made->id[made->n - 1] == t->chat.end ? n - 1 : n;
        ok = ids_append_many(&t->all, made->id + t->all.n, whole, error) && chat_close(&t->chat, &t->all, error) && tell(t, whole, error);
    }
    search_result_free(&result);
    return ok;
}

/* Turns from standard input, a line each. */
static bool converse(struct talk *t, struct error *error)
{
    char *line = NULL;
    size_t room = 0;
    bool ok = true, terminal = isatty(STDIN_FILENO) && app_is_terminal();
    for (uint64_t turn = 0; ok && !app_stop; turn++) {
        if (terminal) fputs("> ", stderr);
        ssize_t n = getline(&line, &room, stdin);
        if (n < 0) break;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) line[--n] = '\0';
        if (n > 0) ok = answer(t, line, turn, error);
    }
    free(line);
    return ok;
}

static bool begin(struct talk *t, const struct arguments *a, struct error *error)
{
    struct generation *g = &t->options;
    if (!decoding_text_options(a, &DEFAULTS, g, error)) return false;
    if (g->num_beams > 1 || g->num_return_sequences > 1 || a->option[OPTION_OUTPUT].given || a->option[OPTION_COUNT].given)
        return error_set(error, ERROR_USAGE, "--chat: answers are shown one by one as they come; no beams, --num-return-sequences, -n or -o are wanted");
    if (g->max_new_tokens < 0 && g->max_length < 0) g->max_new_tokens = NEW_TOKENS;
    if (!engine_start(&t->e, a, false, error)) return false;
    if (t->e.vocabulary.joint) return error_set(error, ERROR_INPUT, "%s: is no model for conversations; an imported text model is wanted", t->e.folder);
    if (!chat_read(&t->chat, t->e.folder, t->e.vocabulary.bpe, error) || !decoding_breakers(a, t->e.vocabulary.bpe, g, error)) return false;
    if (g->sampling.do_sample) g->sampling.seed = engine_seed(a);
    return (ids_have(&g->sampling.eos, t->chat.end) || ids_append(&g->sampling.eos, t->chat.end, error)) && chat_open(&t->chat, a->option[OPTION_SYSTEM].text, &t->all, error);
}

bool verb_chat(const struct arguments *a, struct error *error)
{
    struct talk t = {.json = a->option[OPTION_JSON].given};
    bool ok = begin(&t, a, error) && (a->words > 0 ? answer(&t, a->word[0], 0, error) : converse(&t, error));
    engine_stop(&t.e);
    generation_free(&t.options);
    chat_free(&t.chat);
    ids_free(&t.all);
    bytes_free(&t.answer);
    return ok;
}
