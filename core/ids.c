/* A growing list of token ids; see ids.h. */
#include "core/ids.h"
#include "core/mem.h"

#include <string.h>

bool ids_reserve(struct ids *ids, size_t more, struct error *error)
{
    if (ids->capacity - ids->n >= more) return true;
    size_t capacity = ids->capacity < 32 ? 32 : ids->capacity * 2;
    if (capacity < ids->n + more) capacity = ids->n + more;
    int32_t *id = mem_resize(ids->id, capacity, sizeof *id, error);
    if (id == NULL) return false;
    ids->id = id;
    ids->capacity = capacity;
    return true;
}

bool ids_append(struct ids *ids, int32_t id, struct error *error)
{
    if (!ids_reserve(ids, 1, error)) return false;
    ids->id[ids->n++] = id;
    return true;
}

bool ids_append_many(struct ids *ids, const int32_t *id, size_t n, struct error *error)
{
    if (n == 0) return true;
    if (!ids_reserve(ids, n, error)) return false;
    memcpy(ids->id + ids->n, id, n * sizeof *id);
    ids->n += n;
    return true;
}

void ids_free(struct ids *ids)
{
    mem_free(ids->id);
    *ids = (struct ids){0};
}

bool ids_have(const struct ids *ids, int32_t id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->id[i] == id) return true;
    return false;
}

struct ids *ids_list_add(struct ids_list *lists, struct error *error)
{
    struct ids *list = mem_resize(lists->list, lists->n + 1, sizeof *list, error);
    if (list == NULL) return NULL;
    lists->list = list;
    list[lists->n] = (struct ids){0};
    return &list[lists->n++];
}

void ids_list_free(struct ids_list *lists)
{
    for (size_t i = 0; i < lists->n; i++) ids_free(&lists->list[i]);
    mem_free(lists->list);
    *lists = (struct ids_list){0};
}
