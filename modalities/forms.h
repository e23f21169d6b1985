/* The forms in which pieces stand in a sequence, for training and as prompts:
 *
 *     forward   <bos> [<caption> words] <music|image|text> payload <eos>
 *     reverse   <bos> <music|image> payload <caption> words <eos>
 *     idea      <bos> <idea> words <text> text <music> words <image> words <eos>
 *     fill      <bos> <text> left <fill> right <fill> middle <eos>
 *
 * In a fill the first <fill> marks the hole and the second asks for what was in it (Donahue et al. 2020, Bavarian et al. 2022).
 * Without its caption a forward piece teaches to create freely, and gives guidance its unguided twin.
 */
#ifndef MODALITIES_FORMS_H
#define MODALITIES_FORMS_H

#include "modalities/modality.h"

/* Append the words of a caption or an idea (plain text, special tokens are not recognised). */
bool form_words(const struct vocabulary *v, const char *words, struct ids *out, struct error *error);

/* <bos> [<caption> words] <kind>: what stands before a payload; caption NULL or "" for none. */
bool form_prompt(const struct vocabulary *v, enum modality_kind kind, const char *caption, struct ids *out, struct error *error);

/* <bos> <kind> payload <caption>: asks for a caption. */
bool form_describe(const struct vocabulary *v, enum modality_kind kind, const int32_t *payload, size_t n, struct ids *out, struct error *error);

/* <bos> <idea> words <text>: asks for a text, then the two prompts. */
bool form_idea(const struct vocabulary *v, const char *idea, struct ids *out, struct error *error);

/* <bos> <text> left <fill> right <fill>: asks for the middle of a text. */
bool form_fill(const struct vocabulary *v, const int32_t *left, size_t left_n, const int32_t *right, size_t right_n, struct ids *out, struct error *error);

/* The longest payload that a context of T positions holds beside a caption. */
int form_payload_most(int T);

/* A constraint for words and short texts: any text token, or one of the ends (a special token each). */
struct words_state {
    struct modality_state text;
    int32_t ends[2];              /* ids that may end the words (-1: unused) */
    int most;                     /* tokens of words at most */
    bool ended;
};
struct generate_constraint form_words_constraint(struct words_state *state, const struct vocabulary *v, int32_t end, int most);

#endif
