/* The one door to the file system.
 *
 * Reading takes a whole file, up to a limit. Writing replaces a whole file or leaves the old one as it was: the bytes
 * go to a temporary file in the same folder, which is closed, synced, renamed over the name, and its folder synced.
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "core/bytes.h"
#include "core/error.h"

#include <stddef.h>

/* Most bytes that a file of each kind may have. */
#define FILE_LIMIT_TEXT ((size_t)1 << 28)
#define FILE_LIMIT_JSON ((size_t)1 << 26)
#define FILE_LIMIT_MIDI ((size_t)1 << 23)
#define FILE_LIMIT_PNG ((size_t)1 << 23)
#define FILE_LIMIT_MODEL ((size_t)1 << 36)

/* The whole file, appended to *out. Messages start with the path. Refuses folders and files larger than limit. */
bool file_read(const char *path, size_t limit, struct bytes *out, struct error *error);

/* Write n bytes so that `path` is at every moment the old file or the whole new one. */
bool file_write(const char *path, const void *data, size_t n, struct error *error);

/* The same in pieces, for files too large to be put together in memory: file_begin, any number of file_put, and file_end, which
 * replaces the old file when `ok` and all went well, else leaves it and removes what was written. */
struct file_writer {
    int file;
    bool in_place;                    /* a device or a pipe */
    char path[4096], temporary[4096];
};
bool file_begin(struct file_writer *writer, const char *path, struct error *error);
bool file_put(struct file_writer *writer, const void *data, size_t n, struct error *error);
bool file_end(struct file_writer *writer, bool ok, struct error *error);

bool file_exists(const char *path);
bool file_is_folder(const char *path);
bool file_has_folder(const char *path);                          /* is the folder there that it is or would be in? */
bool file_is_same(const char *one, const char *other);           /* do both name one file, there or not? */

/* Make a folder and those above it; existing ones are fine. */
bool file_make_folder(const char *path, struct error *error);

/* fsync a folder, so that names in it survive a power cut. */
bool file_sync_folder(const char *path, struct error *error);

/* Remove a file, or a folder with the files in it (one level); what is not there is fine. */
void file_remove(const char *path);

/* Rename, replacing a file; the parent folder is synced. */
bool file_rename(const char *from, const char *to, struct error *error);

/* Sorted names of what lies in a folder, without "." and ".."; hidden names left out. */
struct file_list {
    char **names;
    size_t n;
};
bool file_list_read(const char *folder, struct file_list *list, struct error *error);
void file_list_free(struct file_list *list);

/* "folder/name" into path; false with an error when it does not fit. */
bool file_join(char *path, size_t size, const char *folder, const char *name, struct error *error);

/* The part behind the last '/', and the extension with its dot in it ("" when there is none); both borrow. */
const char *file_base(const char *path);
const char *file_extension(const char *path);
bool file_has_extension(const char *path, const char *extension); /* case does not matter: ".png" */

#endif
