/* Sheets of the command line: the labelled contact sheet of draw, sprite sheets with their JSON. */
#ifndef APP_SHEET_H
#define APP_SHEET_H

#include "app/app.h"
#include "outputs/sheet.h"

/* Pictures that were made, with what is to be said about them; {0} is an empty one. */
struct contact { struct sprite *pictures; char (*label)[2][80]; int n, room; };
bool contact_add(struct contact *contact, const struct sprite *picture, const char *prompt, uint64_t seed, struct error *error);
bool contact_write(const struct contact *contact, const struct arguments *a, const char *path, struct error *error);
void contact_free(struct contact *contact);

/* Before anything is drawn: may --sheet be written, for n pictures up to this seed? */
bool contact_check(const struct arguments *a, int n, uint64_t last_seed, struct error *error);

/* The path with another extension, for what lies beside a file. */
bool sheet_beside(const char *path, const char *extension, char *out, size_t size, struct error *error);

/* Write a sheet and, beside it, its JSON; refuses to replace files without --overwrite. Prints the sheet's path. recipe may be NULL. */
bool sheet_write(const struct arguments *a, const struct sheet_frame *frames, int n, int columns, int scale, const char *path, const char *recipe, struct error *error);

#endif
