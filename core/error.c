/* Errors as values; see error.h for the rules. Messages that do not fit are cut, never overrun. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (error == NULL || error->kind != ERROR_NONE) return false;
    error->kind = kind;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

bool error_prefix(struct error *error, const char *format, ...)
{
    if (error == NULL || error->kind == ERROR_NONE) return false;
    char old[sizeof error->text];
    memcpy(old, error->text, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used < sizeof error->text) snprintf(error->text + used, sizeof error->text - used, ": %s", old);
    return false;
}

void error_clear(struct error *error)
{
    if (error == NULL) return;
    error->kind = ERROR_NONE;
    error->text[0] = '\0';
}
