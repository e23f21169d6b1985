/* The program as a user runs it: whole commands, from their start to their files on disk. */
#include "bench/bench.h"
#include "core/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double command_seconds(void *context)
{
    double t = bench_now();
    if (system(context) != 0) return (double)NAN;
    return bench_now() - t;
}

/* The start-up alone, in milliseconds: the shell that starts it is timed too, and taken off. */
static double milliseconds(void *context)
{
    enum { TIMES = 20 };
    char loop[200];
    double took[2];
    const char *commands[2] = {"/bin/true >/dev/null", context};
    for (int i = 0; i < 2; i++) {
        snprintf(loop, sizeof loop, "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do %s; done", commands[i]);
        took[i] = command_seconds(loop);
    }
    return 1000 * (took[1] - took[0]) / TIMES;
}

void bench_program(void)
{
    static char help[] = "./triptych --help >/dev/null";
    bench_figure(&(struct figure){.name = "triptych --help, more than /bin/true", .unit = "ms", .ours = milliseconds, .context = help, .less = true});
}

void bench_shipped(void)
{
    static const struct { const char *name, *command; } COMMANDS[] = {
        {"play: a tune of 400 tokens, the command", "./triptych play 'a march in D major' -s 1 --max-new-tokens 400 -o /tmp/triptych-bench.mid --overwrite -q 2>/dev/null >/dev/null"},
        {"draw: a sprite with guidance, the command", "./triptych draw 'a red dragon' -s 1 --guidance-scale 2 -o /tmp/triptych-bench.png --overwrite -q 2>/dev/null >/dev/null"},
        {"draw -n 64: the command", "rm -rf /tmp/triptych-bench-many; mkdir /tmp/triptych-bench-many; ./triptych draw 'a red dragon' -n 64 -s 1 -o /tmp/triptych-bench-many/x.png -q 2>/dev/null >/dev/null"},
        {"compose: all four files, the command", "./triptych compose 'a brave mouse and the moon' -s 2 -o /tmp/triptych-bench-many --overwrite -q 2>/dev/null >/dev/null"},
    };
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        bench_figure(&(struct figure){.name = COMMANDS[i].name, .unit = "seconds", .ours = command_seconds, .context = (void *)(uintptr_t)COMMANDS[i].command, .less = true});
}
