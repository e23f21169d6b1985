/* For tests that run the program as its user does: commands in a folder of their own, in which $T is the program. */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include "core/file.h"

#include <check.h>
#include <stdio.h>
#include <sys/wait.h>

static char home[] = "/tmp/triptych-test-XXXXXX";     /* for mkdtemp */
static const char *program;                          /* its absolute path */

/* Run a shell command in the home folder; its output (both streams) into text. Returns the exit code. */
static inline int run(char *text, size_t size, const char *line)
{
    char command[4000];
    snprintf(command, sizeof command, "cd %s && T=%s; { %s; } 2>&1", home, program, line);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t n = fread(text, 1, size - 1, pipe);
    text[n] = '\0';
    while (fgetc(pipe) != EOF) {}
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void must(const char *command)
{
    char text[4000];
    int code = run(text, sizeof text, command);
    ck_assert_msg(code == 0, "%s: exit code %d: %s", command, code, text);
}

static inline void put_file(const char *name, const void *data, size_t n)
{
    char path[300];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", home, name);
    ck_assert_msg(file_write(path, data, n, &error), "%s", error.text);
}

#endif
