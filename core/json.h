/* Strict JSON (RFC 8259) over cJSON.
 *
 * cJSON alone accepts what a reader of model files must refuse: trailing bytes, duplicate names, `01`, `1.`, raw
 * control characters, broken UTF-8, a NUL that cuts a string. A scan of our own runs first and refuses all of these, numbers
 * that are not finite and nesting beyond 64; then cJSON builds the tree. Names are looked up with their exact case.
 *
 *     cJSON *root = json_parse(text, n, &error);
 *     int64_t layers;
 *     bool ok = root && json_integer(root, "num_hidden_layers", 1, 1024, &layers, &error);
 *     cJSON_Delete(root);
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/bytes.h"
#include "core/error.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/* Parse n bytes; the tree belongs to the caller (cJSON_Delete). Messages start with "JSON:" and give the byte. */
cJSON *json_parse(const void *data, size_t n, struct error *error);

/* Read and parse a file; messages start with its path. */
cJSON *json_read(const char *path, size_t limit, struct error *error);

/* Member of an object by its exact name; NULL when absent or when `object` is no object. */
const cJSON *json_member(const cJSON *object, const char *name);

/* A member that must be there, of the right type and in the range; the message names it and what is wanted. */
bool json_integer(const cJSON *object, const char *name, int64_t low, int64_t high, int64_t *out, struct error *error);
bool json_number(const cJSON *object, const char *name, double low, double high, double *out, struct error *error);
bool json_string(const cJSON *object, const char *name, const char **out, struct error *error); /* lends */

/* Append text as a JSON string with its quotes. Text must be UTF-8; broken bytes become U+FFFD. */
bool json_quote(struct bytes *out, const char *text, size_t n, struct error *error);

/* Print a tree to a buffer (formatted or on one line). */
bool json_print(const cJSON *tree, bool formatted, struct bytes *out, struct error *error);

#endif
