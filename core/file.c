/* The one door to the file system; see file.h. */
#include "core/file.h"
#include "core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_ROOM = 1 << 16 };

static bool system_error(struct error *error, const char *path, const char *what)
{
    return error_set(error, ERROR_IO, "%s: %s: %s", path, what, strerror(errno));
}

static bool read_all(int fd, const char *path, size_t limit, struct bytes *out, struct error *error)
{
    size_t start = out->n;
    for (;;) {
        if (!bytes_reserve(out, READ_ROOM, error)) return false;
        ssize_t got = read(fd, out->data + out->n, out->capacity - out->n - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(error, path, "cannot be read");
        if (got == 0) break;
        out->n += (size_t)got;
        if (out->n - start > limit)
            return error_set(error, ERROR_INPUT, "%s: more than %zu bytes; files of this kind are read up to that size", path, limit);
    }
    out->data[out->n] = 0;
    return true;
}

bool file_read(const char *path, size_t limit, struct bytes *out, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(error, path, "cannot be opened");
    struct stat facts;
    bool ok = fstat(fd, &facts) == 0 || system_error(error, path, "cannot be examined");
    if (ok && S_ISDIR(facts.st_mode)) ok = error_set(error, ERROR_INPUT, "%s: is a folder; a file is wanted", path);
    if (ok && S_ISREG(facts.st_mode) && facts.st_size > 0 && (size_t)facts.st_size <= limit)
        ok = bytes_reserve(out, (size_t)facts.st_size + 2 * READ_ROOM, error);   /* one reservation for the usual case: the last read finds room too */
    ok = ok && read_all(fd, path, limit, out, error);
    close(fd);
    return ok;
}

static bool write_all(int fd, const char *path, const uint8_t *data, size_t n, struct error *error)
{
    while (n > 0) {
        ssize_t put = write(fd, data, n < ((size_t)1 << 30) ? n : (size_t)1 << 30);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(error, path, "cannot be written");
        data += put;
        n -= (size_t)put;
    }
    return true;
}

static void folder_of(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (n >= size) n = size - 1;
    memcpy(folder, path, n);
    folder[n] = '\0';
    if (n == 0) snprintf(folder, size, ".");
}

bool file_sync_folder(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_error(error, path, "folder cannot be opened");
    bool ok = fsync(fd) == 0 || errno == EINVAL || errno == EROFS || system_error(error, path, "folder cannot be synced");
    close(fd);
    return ok;
}

bool file_rename(const char *from, const char *to, struct error *error)
{
    char folder[PATH_MAX];
    if (rename(from, to) != 0) return system_error(error, to, "cannot be put in place");
    folder_of(to, folder, sizeof folder);
    return file_sync_folder(folder, error);
}

/* Devices and pipes (/dev/stdout) cannot be replaced by a rename: they are written in place. */
static bool is_special(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode);
}

bool file_begin(struct file_writer *writer, const char *path, struct error *error)
{
    *writer = (struct file_writer){.file = -1};
    if (file_is_folder(path)) return error_set(error, ERROR_IO, "%s: is a folder; a file name is wanted", path);
    writer->in_place = is_special(path);
    int length = snprintf(writer->path, sizeof writer->path, "%s", path);
    int longer = snprintf(writer->temporary, sizeof writer->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || longer < 0 || (size_t)longer >= sizeof writer->temporary) return error_set(error, ERROR_IO, "%.80s…: the path is too long", path);
    writer->file = writer->in_place ? open(path, O_WRONLY | O_CLOEXEC) : open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return writer->file >= 0 || system_error(error, path, writer->in_place ? "cannot be opened" : "cannot be created");
}

bool file_put(struct file_writer *writer, const void *data, size_t n, struct error *error)
{
    return write_all(writer->file, writer->path, data, n, error);
}

bool file_end(struct file_writer *writer, bool ok, struct error *error)
{
    if (writer->file < 0) return false;
    if (!writer->in_place) ok = ok && (fsync(writer->file) == 0 || errno == EINVAL || system_error(error, writer->path, "cannot be synced"));
    if (close(writer->file) != 0 && ok) ok = system_error(error, writer->path, "cannot be closed");
    writer->file = -1;
    if (writer->in_place) return ok;
    ok = ok && file_rename(writer->temporary, writer->path, error);
    if (!ok) unlink(writer->temporary);
    return ok;
}

bool file_write(const char *path, const void *data, size_t n, struct error *error)
{
    struct file_writer writer;
    return file_begin(&writer, path, error) && file_end(&writer, file_put(&writer, data, n, error), error);
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

bool file_is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* The facts of the folder that a file is or would be in. */
static bool folder_facts(const char *path, struct stat *facts)
{
    char folder[4096];
    size_t n = (size_t)(file_base(path) - path);
    return n < sizeof folder && snprintf(folder, sizeof folder, "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "." : path) > 0 && stat(folder, facts) == 0 && S_ISDIR(facts->st_mode);
}

bool file_has_folder(const char *path)
{
    struct stat facts;
    return folder_facts(path, &facts);
}

bool file_is_same(const char *one, const char *other)
{
    struct stat a, b;
    return strcmp(file_base(one), file_base(other)) == 0 && folder_facts(one, &a) && folder_facts(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool file_make_folder(const char *path, struct error *error)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) return error_set(error, ERROR_IO, "folder: '%.80s' is no usable path", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) return system_error(error, part, "folder cannot be made");
    }
    return file_is_folder(path) || error_set(error, ERROR_IO, "%s: is a file; a folder is wanted", path);
}

void file_remove(const char *path)
{
    if (unlink(path) == 0) return;
    DIR *folder = opendir(path);
    if (folder == NULL) return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    rmdir(path);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

bool file_list_read(const char *folder, struct file_list *list, struct error *error)
{
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL) return system_error(error, folder, "folder cannot be read");
    size_t capacity = 0;
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(open_folder)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        if (list->n == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            char **names = mem_resize(list->names, capacity, sizeof *names, error);
            if (names == NULL) { ok = false; break; }
            list->names = names;
        }
        char *name = mem_copy_string(entry->d_name, error);
        if (name == NULL) ok = false;
        else list->names[list->n++] = name;
    }
    closedir(open_folder);
    if (!ok) file_list_free(list);
    else if (list->n > 0) qsort(list->names, list->n, sizeof *list->names, by_name);
    return ok;
}

void file_list_free(struct file_list *list)
{
    for (size_t i = 0; i < list->n; i++) mem_free(list->names[i]);
    mem_free(list->names);
    *list = (struct file_list){0};
}

bool file_join(char *path, size_t size, const char *folder, const char *name, struct error *error)
{
    size_t n = strlen(folder);
    const char *slash = n > 0 && folder[n - 1] == '/' ? "" : "/";
    int length = snprintf(path, size, "%s%s%s", folder, slash, name);
    if (length < 0 || (size_t)length >= size) return error_set(error, ERROR_IO, "%.80s…: the path is too long", folder);
    return true;
}

const char *file_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const char *file_extension(const char *path)
{
    const char *base = file_base(path), *dot = strrchr(base, '.');
    return dot == NULL || dot == base ? "" : dot;
}

bool file_has_extension(const char *path, const char *extension) { return strcasecmp(file_extension(path), extension) == 0; }
