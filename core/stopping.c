/* When a sequence has ended; see stopping.h. */
#include "core/stopping.h"

#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct stopping stopping_start(const struct generation *options, size_t last, stopping_token *token, void *token_context)
{
    return (struct stopping){.options = options, .last = last, .deadline = options->max_time > 0 ? now() + options->max_time : 0, .token = token, .token_context = token_context};
}

/* True when the bytes of the ids, but for the last `over` of them, end with the text. */
static bool ends_with(const struct stopping *s, const int32_t *ids, size_t n, size_t over, const char *text, size_t left)
{
    while (n > 0 && left > 0) {
        size_t length = 0;
        const uint8_t *p = s->token(s->token_context, ids[n - 1], &length);
        if (p == NULL) return false;
        size_t use = length - over < left ? length - over : left;
        if (use > 0 && memcmp(p + length - over - use, text + left - use, use) != 0) return false;
        left -= use;
        n--, over = 0;
    }
    return left == 0;
}

static bool at_stop_string(const struct stopping *s, const int32_t *ids, size_t n)
{
    size_t length = 0;
    if (s->token == NULL || n == 0 || s->options->stop_strings.n == 0 || s->token(s->token_context, ids[n - 1], &length) == NULL) return false;
    for (size_t i = 0; i < s->options->stop_strings.n; i++)
        for (size_t over = 0; over < length; over++)          /* bytes of the last token behind the stop string */
            if (ends_with(s, ids, n, over, s->options->stop_strings.text[i], strlen(s->options->stop_strings.text[i]))) return true;
    return false;
}

bool stopping_hit(const struct stopping *s, const int32_t *ids, size_t n)
{
    return n >= s->last || (n > 0 && ids_have(&s->options->sampling.eos, ids[n - 1])) || at_stop_string(s, ids, n) || (s->deadline > 0 && now() > s->deadline);
}
