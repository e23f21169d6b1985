/* A growing list of token ids; {0} is a valid empty one, owned by whoever declared it. */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct ids {
    int32_t *id;  /* (n) */
    size_t n;
    size_t capacity;
};

bool ids_append(struct ids *ids, int32_t id, struct error *error);
bool ids_append_many(struct ids *ids, const int32_t *id, size_t n, struct error *error);
bool ids_reserve(struct ids *ids, size_t more, struct error *error); /* room for `more` ids beyond n */
void ids_free(struct ids *ids);
bool ids_have(const struct ids *ids, int32_t id);

/* Several lists; {0} is none. */
struct ids_list {
    struct ids *list; /* (n) */
    size_t n;
};
/* A fresh empty list at the end, to be filled; NULL when there is no memory. */
struct ids *ids_list_add(struct ids_list *lists, struct error *error);
void ids_list_free(struct ids_list *lists);

#endif
