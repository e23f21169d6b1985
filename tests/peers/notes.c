/* Peer: the notes that the readers of MIDI and ABC find, as text, for midi_reader.py and abc.py.
 *
 *     cc -std=gnu11 -I. -D_GNU_SOURCE tests/peers/notes.c core/*.o outputs/*.o … (midi_reader.py builds it with make's objects)
 *
 * Reads paths, a line each; answers each with "refused: message" or "division d; onset length pitch velocity drums program; …". */
#include "core/file.h"
#include "outputs/abc.h"
#include "outputs/midi.h"

#include <stdio.h>
#include <string.h>

static void tell(const char *path)
{
    struct bytes data = {0};
    struct error error = {0};
    struct score s = {0};
    if (!file_read(path, (size_t)1 << 26, &data, &error) || !(abc_is(data.data, data.n) ? abc_read : midi_read)(data.data, data.n, &s, &error)) printf("refused: %s\n", error.text);
    else {
        printf("%d;", s.ticks_per_quarter);
        for (size_t i = 0; i < s.notes; i++) {
            const struct score_note *n = &s.note[i];
            printf("%lld %lld %d %d %d %d;", (long long)n->onset, (long long)n->length, n->pitch, n->velocity, s.part[n->part].drums, s.part[n->part].program);
        }
        printf("|");
        for (size_t i = 0; i < s.tempos; i++) printf("%lld %u;", (long long)s.tempo[i].tick, s.tempo[i].us_per_quarter);
        printf("|");
        for (size_t i = 0; i < s.metres; i++) printf("%lld %d %d;", (long long)s.metre[i].tick, s.metre[i].numerator, s.metre[i].denominator);
        printf("|");
        for (size_t i = 0; i < s.keys; i++) printf("%lld %d %d;", (long long)s.key[i].tick, s.key[i].sharps, s.key[i].minor);
        printf("\n");
    }
    fflush(stdout);
    score_free(&s);
    bytes_free(&data);
}

int main(void)
{
    char path[4096];
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        tell(path);
    }
    return 0;
}
