/* Errors as values: the caller owns a `struct error` and passes its address as the last argument.
 *
 * A function that can fail returns bool (or a pointer that is NULL on failure) and fills the error once, where the
 * fault is found. Callers hand it up untouched, or put a path in front with error_prefix. There is no global "last
 * error", and reporting needs no allocation, so running out of memory can be reported too.
 *
 * A message is one line that says who: what was found; what is wanted.
 *
 *     struct error error = {0};
 *     if (!file_read("tune.mid", FILE_LIMIT_MIDI, &bytes, &error)) fprintf(stderr, "%s\n", error.text);
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stdbool.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_USAGE,     /* the command line is wrong: exit code 2 */
    ERROR_INPUT,     /* a file or a value has content that cannot be used */
    ERROR_IO,        /* the operating system refused to read or write */
    ERROR_MEMORY,    /* memory could not be had */
    ERROR_STOPPED,   /* the user asked to stop (SIGINT, SIGTERM) */
};

struct error {
    enum error_kind kind;
    char text[600];
};

/* Fill the error (only if it is still empty: the first fault is the cause) and return false, for `return error_set(…)`. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "text: " in front of a message on its way up (a path, a line number); returns false. */
bool error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Make the error empty again, to go on after a fault that was dealt with. */
void error_clear(struct error *error);

#endif
