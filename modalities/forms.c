/* The forms of pieces; see forms.h. */
#include "modalities/forms.h"

#include <string.h>

enum { CAPTION_ROOM = 56 };

int form_payload_most(int T) { return T > 2 * CAPTION_ROOM ? T - CAPTION_ROOM : T / 2; }

bool form_words(const struct vocabulary *v, const char *words, struct ids *out, struct error *error)
{
    return bpe_encode(v->bpe, words, strlen(words), false, out, error);
}

bool form_prompt(const struct vocabulary *v, enum modality_kind kind, const char *caption, struct ids *out, struct error *error)
{
    bool ok = ids_append(out, SPECIAL_BOS, error);
    if (ok && caption != NULL && caption[0] != '\0') ok = ids_append(out, SPECIAL_CAPTION, error) && form_words(v, caption, out, error);
    return ok && ids_append(out, (int32_t)modality_of(kind)->start, error);
}

bool form_describe(const struct vocabulary *v, enum modality_kind kind, const int32_t *payload, size_t n, struct ids *out, struct error *error)
{
    (void)v;
    return ids_append(out, SPECIAL_BOS, error) && ids_append(out, (int32_t)modality_of(kind)->start, error) &&
           ids_append_many(out, payload, n, error) && ids_append(out, SPECIAL_CAPTION, error);
}

bool form_idea(const struct vocabulary *v, const char *idea, struct ids *out, struct error *error)
{
    return ids_append(out, SPECIAL_BOS, error) && ids_append(out, SPECIAL_IDEA, error) && form_words(v, idea, out, error) && ids_append(out, SPECIAL_TEXT, error);
}

bool form_fill(const struct vocabulary *v, const int32_t *left, size_t left_n, const int32_t *right, size_t right_n, struct ids *out, struct error *error)
{
    return form_prompt(v, MODALITY_TEXT, NULL, out, error) && ids_append_many(out, left, left_n, error) && ids_append(out, SPECIAL_FILL, error) &&
           ids_append_many(out, right, right_n, error) && ids_append(out, SPECIAL_FILL, error);
}

static void restart(void *context)
{
    struct words_state *s = context;
    s->ended = false;
    s->text = (struct modality_state){.vocabulary = s->text.vocabulary, .kind = MODALITY_TEXT};
    modality_of(MODALITY_TEXT)->start_payload(&s->text);
}

static void allowed(void *context, uint8_t *mask)
{
    const struct words_state *s = context;
    modality_of(MODALITY_TEXT)->allowed(&s->text, mask);
    bool whole = mask[SPECIAL_EOS];
    mask[SPECIAL_EOS] = 0;
    if (whole && s->text.ids > 0) mask[s->ends[0]] = 1;        /* at least one word */
}

static void taken(void *context, int32_t id)
{
    struct words_state *s = context;
    if (id == s->ends[0]) s->ended = true;
    else modality_of(MODALITY_TEXT)->taken(&s->text, id);
    s->text.ids++;
}

static int closing(void *context, int32_t *ids, int most)
{
    const struct words_state *s = context;
    if (s->ended) return 0;
    int n = modality_of(MODALITY_TEXT)->closing(&s->text, ids, most - 1);
    return n;
}

struct generate_constraint form_words_constraint(struct words_state *state, const struct vocabulary *v, int32_t end, int most)
{
    *state = (struct words_state){.ends = {end, -1}, .most = most, .text.vocabulary = v};
    restart(state);
    return (struct generate_constraint){.context = state, .restart = restart, .allowed = allowed, .taken = taken, .closing = closing};
}
