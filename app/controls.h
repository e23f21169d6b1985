/* Hard controls of music on the command line: options and words of the prompt become wishes that the grammar obeys. */
#ifndef APP_CONTROLS_H
#define APP_CONTROLS_H

#include "app/app.h"

/* Read the options (--bars as a number where `bars`); then, unless --no-words, what the prompt (or NULL) names, which is told on stderr. */
bool controls_read(const struct arguments *a, const char *prompt, bool bars, struct music_wishes *out, struct error *error);

/* What a prompt names that the program itself wrote; nothing is told, and what cannot be wished together is not wished. */
bool controls_of_words(const char *prompt, struct music_wishes *out, struct error *error);

/* Append ,"controls":{…} for the recipe; nothing when nothing is wished. */
bool controls_recipe(const struct music_wishes *wishes, struct bytes *out, struct error *error);

/* Give a score that has one tempo this one. */
void controls_set_tempo(struct score *score, double tempo);

/* "5-8" or "5" (bars counted from 1) into first and count; for --bars of verbs that work on bars of a file. */
bool controls_bars(const char *text, int *first, int *count, struct error *error);

#endif
