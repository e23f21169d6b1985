/* The joint vocabulary; see vocabulary.h. */
#include "tokenizers/vocabulary.h"
#include "core/file.h"
#include "core/json.h"

#include <limits.h>
#include <string.h>

enum { VERSION = 4 };     /* 2: music has chords, lengths, densities and holes; 3: metres of whole notes, 24 colours for native 16; 4: metres of long bars */

const char *special_name(enum special special)
{
    static const char *const names[SPECIALS] = {
        [SPECIAL_PAD] = "<pad>", [SPECIAL_BOS] = "<bos>", [SPECIAL_EOS] = "<eos>", [SPECIAL_CAPTION] = "<caption>", [SPECIAL_TEXT] = "<text>",
        [SPECIAL_MUSIC] = "<music>", [SPECIAL_IMAGE] = "<image>", [SPECIAL_IDEA] = "<idea>", [SPECIAL_FILL] = "<fill>",
        "<reserved-9>", "<reserved-10>", "<reserved-11>", "<reserved-12>", "<reserved-13>", "<reserved-14>", "<reserved-15>"};
    return names[special];
}

void vocabulary_join(struct vocabulary *v, struct bpe *bpe, struct codes *codes)
{
    *v = (struct vocabulary){.bpe = bpe, .codes = codes, .joint = codes != NULL, .begin = -1, .end = -1};
    v->music_first = bpe_size(bpe);
    v->image_first = v->music_first + (v->joint ? music_vocabulary() : 0);
    v->size = v->image_first + (v->joint ? codes_vocabulary(codes) : 0);
}

void vocabulary_edges(struct vocabulary *v, int bos, int eos)
{
    const struct ids *before = bpe_before(v->bpe);
    v->end = eos;
    v->begin = before->n > 0 ? before->id[0] : bos == eos ? eos : -1;
}

void vocabulary_free(struct vocabulary *v)
{
    bpe_free(v->bpe);
    codes_free(v->codes);
    *v = (struct vocabulary){0};
}

/* The numbers of triptych.json and where they must agree with the parts that were read. */
static bool check_layout(const struct vocabulary *v, const cJSON *root, struct error *error)
{
    const struct { const char *name; int32_t here; } wanted[] = {
        {"version", VERSION}, {"music_first", v->music_first}, {"image_first", v->image_first}, {"size", v->size}, {"music_steps_per_quarter", MUSIC_STEPS_PER_QUARTER}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        int64_t there;
        if (!json_integer(root, wanted[i].name, 0, INT32_MAX, &there, error)) return false;
        if (i == 0 && there != VERSION)
            return error_set(error, ERROR_INPUT, "a model of music version %lld; one of version %d is wanted (train it again)", (long long)there, VERSION);
        if (there != wanted[i].here)
            return error_set(error, ERROR_INPUT, "%s is %lld; with this tokenizer and these image codes %d is wanted", wanted[i].name, (long long)there, (int)wanted[i].here);
    }
    for (int s = 0; s < SPECIALS; s++)
        if (bpe_special(v->bpe, special_name((enum special)s)) != s)
            return error_set(error, ERROR_INPUT, "the tokenizer has no special token %s with id %d", special_name((enum special)s), s);
    return true;
}

bool vocabulary_load(const char *folder, struct vocabulary *v, struct error *error)
{
    char layout[PATH_MAX], vq[PATH_MAX];
    struct bpe *bpe = NULL;
    struct codes *codes = NULL;
    *v = (struct vocabulary){0};
    if (!file_join(layout, sizeof layout, folder, "triptych.json", error) ||
        !file_join(vq, sizeof vq, folder, "vq.safetensors", error) || !bpe_load_folder(folder, &bpe, error)) return false;
    bool joint = file_exists(layout), ok = true;
    if (joint) ok = codes_load(vq, &codes, error);
    vocabulary_join(v, bpe, codes);
    if (ok && joint) {
        cJSON *root = json_read(layout, FILE_LIMIT_JSON, error);
        ok = root != NULL && (check_layout(v, root, error) || error_prefix(error, "%s", layout));
        cJSON_Delete(root);
    }
    if (!ok) vocabulary_free(v);
    return ok;
}

bool vocabulary_save(const struct vocabulary *v, const char *folder, struct error *error)
{
    char path[PATH_MAX];
    struct bytes text = {0};
    bool ok = file_make_folder(folder, error) && bpe_print(v->bpe, &text, error) && file_join(path, sizeof path, folder, "tokenizer.json", error) &&
              file_write(path, text.data, text.n, error);
    if (ok && v->joint) {
        text.n = 0;
        ok = file_join(path, sizeof path, folder, "vq.safetensors", error) && codes_save(v->codes, path, error) &&
             bytes_printf(&text, error, "{\n  \"version\": %d,\n  \"specials\": %d,\n  \"music_first\": %d,\n  \"image_first\": %d,\n  \"size\": %d,\n"
                          "  \"music_steps_per_quarter\": %d\n}\n", VERSION, SPECIALS, (int)v->music_first, (int)v->image_first, (int)v->size, MUSIC_STEPS_PER_QUARTER) &&
             file_join(path, sizeof path, folder, "triptych.json", error) && file_write(path, text.data, text.n, error);
    }
    bytes_free(&text);
    return ok;
}

bool vocabulary_local(const int32_t *ids, size_t n, int32_t from, int32_t count, struct ids *out, struct error *error)
{
    for (size_t i = 0; i < n; i++) {
        int32_t local = ids[i] - from;
        if (local < 0 || local >= count) return error_set(error, ERROR_INPUT, "ids: id %d at place %zu; %d to %d is wanted here", (int)ids[i], i, (int)from, (int)(from + count - 1));
        if (!ids_append(out, local, error)) return false;
    }
    return true;
}
