/* write --chat: a conversation with a text model made for it. */
#ifndef APP_CHAT_H
#define APP_CHAT_H

#include "app/app.h"

/* Answer the prompt, or each line of standard input in its turn when there is none. */
bool verb_chat(const struct arguments *a, struct error *error);

#endif
