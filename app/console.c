/* What all verbs say to the person at the terminal. */
#include "app/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

volatile sig_atomic_t app_stop;

void app_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

bool app_is_terminal(void) { return isatty(STDERR_FILENO) != 0; }
