/* The table of modalities; see modality.h. */
#include "modalities/modality.h"
#include "core/file.h"

#include <ctype.h>
#include <string.h>

static const struct modality *const TABLE[MODALITIES] = {
    [MODALITY_TEXT] = &modality_text, [MODALITY_MUSIC] = &modality_music, [MODALITY_IMAGE] = &modality_image};

void piece_free(struct piece *piece)
{
    bytes_free(&piece->text);
    score_free(&piece->score);
    sprite_free(&piece->sprite);
    bytes_free(&piece->recipe);
    ids_free(&piece->ids);
    *piece = (struct piece){0};
}

const struct modality *modality_of(enum modality_kind kind) { return TABLE[kind]; }

enum modality_kind modality_kind_of(const struct modality *modality)
{
    int kind = 0;
    while (kind < MODALITIES - 1 && TABLE[kind] != modality) kind++;
    return (enum modality_kind)kind;
}

const struct modality *modality_of_path(const char *path)
{
    char wanted[16];
    const char *extension = file_extension(path);
    size_t n = strlen(extension);
    if (n == 0 || n + 2 > sizeof wanted) return NULL;
    for (size_t i = 0; i < n; i++) wanted[i] = (char)tolower((unsigned char)extension[i]);
    wanted[n] = ' ', wanted[n + 1] = '\0';
    for (int kind = 0; kind < MODALITIES; kind++)
        if (strstr(TABLE[kind]->extensions, wanted) != NULL) return TABLE[kind];
    return NULL;
}

bool modality_read_file(const char *path, struct piece *out, struct error *error)
{
    const struct modality *modality = modality_of_path(path);
    struct bytes data = {0};
    *out = (struct piece){0};
    if (modality == NULL) return error_set(error, ERROR_INPUT, "%s: unknown kind of file; .txt, .mid or .png is wanted", path);
    bool ok = file_read(path, modality->file_limit, &data, error);
    if (ok) {
        ok = modality->read(data.data, data.n, out, error) || error_prefix(error, "%s", path);
        out->kind = modality_kind_of(modality);
    }
    bytes_free(&data);
    if (!ok) piece_free(out);
    return ok;
}

static void restart(void *context)
{
    struct modality_state *state = context;
    *state = (struct modality_state){.vocabulary = state->vocabulary, .kind = state->kind, .order = state->order, .wishes = state->wishes, .before = state->before};
    TABLE[state->kind]->start_payload(state);
}

static void allowed(void *context, uint8_t *mask)
{
    const struct modality_state *state = context;
    TABLE[state->kind]->allowed(state, mask);
}

static void taken(void *context, int32_t id)
{
    struct modality_state *state = context;
    TABLE[state->kind]->taken(state, id);
    state->ids++;
}

static int closing(void *context, int32_t *ids, int most)
{
    const struct modality_state *state = context;
    return TABLE[state->kind]->closing(state, ids, most);
}

struct generate_constraint modality_constraint(struct modality_state *state, const struct vocabulary *v, enum modality_kind kind)
{
    *state = (struct modality_state){.vocabulary = v, .kind = kind};
    restart(state);
    return (struct generate_constraint){.context = state, .restart = restart, .allowed = allowed, .taken = taken, .closing = closing};
}

struct generate_constraint modality_constraint_picture(struct modality_state *state, const struct vocabulary *v, const struct codes_wishes *wishes, const struct ids *before)
{
    struct generate_constraint constraint = modality_constraint(state, v, MODALITY_IMAGE);
    state->wishes = wishes, state->before = before;
    restart(state);
    return constraint;
}
