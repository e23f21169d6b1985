/* Reading in pieces; see source.h. */
#include "core/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct source source_on(const void *memory, size_t n) { return (struct source){.file = -1, .memory = memory, .size = n}; }

bool source_open(struct source *source, const char *path, struct error *error)
{
    struct stat facts;
    *source = (struct source){.file = open(path, O_RDONLY | O_CLOEXEC)};
    if (source->file < 0) return error_set(error, ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(source->file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        source_close(source);
        return error_set(error, ERROR_INPUT, "%s: is no regular file; a file is wanted", path);
    }
    source->size = (uint64_t)facts.st_size;
    return true;
}

bool source_read(const struct source *source, uint64_t at, void *out, size_t n, struct error *error)
{
    if (at > source->size || n > source->size - at)
        return error_set(error, ERROR_INPUT, "the file ends after %llu bytes; %zu more are wanted at %llu", (unsigned long long)source->size, n, (unsigned long long)at);
    if (source->file < 0) {
        if (n > 0) memcpy(out, source->memory + at, n);
        return true;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(source->file, (uint8_t *)out + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_set(error, ERROR_IO, "cannot be read: %s", strerror(errno));
        if (got == 0) return error_set(error, ERROR_INPUT, "the file became shorter while it was read");
        done += (size_t)got;
    }
    return true;
}

void source_close(struct source *source)
{
    if (source->file > 0) close(source->file);
    *source = (struct source){.file = -1};
}
