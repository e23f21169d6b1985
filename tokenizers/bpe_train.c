/* Learning merges; see bpe.h.
 *
 *   1. Count the distinct words of all texts (words as the pre-tokenizer cuts them).
 *   2. Count the pairs of neighbouring tokens in the distinct words, weighted; remember for each pair the words it is in.
 *   3. Take the most frequent pair from a heap (ties: lower ids). Its count may be stale, then it goes back with the right one.
 *      Merge it in its words; the pairs that come into being, always with the new token in them, join the heap.
 *
 * This is the algorithm of Hugging Face tokenizers (models/bpe/trainer.rs), down to what happens when two merges make the same
 * token: it keeps its first id, and the vocabulary does not grow. Cost: each merge touches only the words with its pair. */
#include "tokenizers/bpe_inside.h"
#include "core/mem.h"

#include <string.h>

enum { MIN_COUNT = 2 };

struct list { uint32_t *word; size_t n, capacity; };         /* words that have a pair, ascending, each once */
struct item { int64_t count; uint64_t pair; struct list list; };

struct trainer {
    struct bpe *bpe;                  /* the tokenizer in the making; its pair table is not used until the end */
    struct bytes letters;             /* bytes of the distinct words */
    size_t *letter_start;             /* (n_words + 1) */
    int64_t *word_count;              /* (n_words) */
    size_t n_words, word_capacity;
    uint32_t *word_slot;              /* hash table: word + 1 */
    size_t slots;
    int32_t *symbol;                  /* (letters.n) the words as tokens, each from letter_start on */
    uint32_t *symbol_n;               /* (n_words) */
    struct bpe_pairs place;           /* pair -> index in count */
    int64_t *count;                   /* (n_pairs) */
    size_t n_pairs, count_capacity;
    struct item *heap;
    size_t heap_n, heap_capacity;
    struct list *left, *right;        /* (size) words with (i, new) and (new, i) in the present merge */
    struct error *error;
};

static bool list_add(struct list *list, uint32_t word, struct error *error)
{
    if (list->n > 0 && list->word[list->n - 1] == word) return true;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity < 4 ? 4 : list->capacity * 2;
        uint32_t *bigger = mem_resize(list->word, capacity, sizeof *bigger, error);
        if (bigger == NULL) return false;
        list->word = bigger;
        list->capacity = capacity;
    }
    list->word[list->n++] = word;
    return true;
}

/* ---- words ---- */

static bool grow_words(struct trainer *t)
{
    size_t capacity = t->word_capacity == 0 ? 4096 : t->word_capacity * 2;
    size_t *start = mem_resize(t->letter_start, capacity + 1, sizeof *start, t->error);
    if (start == NULL) return false;
    t->letter_start = start;
    int64_t *count = mem_resize(t->word_count, capacity, sizeof *count, t->error);
    if (count == NULL) return false;
    t->word_count = count;
    uint32_t *slot = mem_alloc(capacity * 4, sizeof *slot, t->error);
    if (slot == NULL) return false;
    mem_free(t->word_slot);
    t->word_slot = slot;
    t->slots = capacity * 4;
    t->word_capacity = capacity;
    for (size_t w = 0; w < t->n_words; w++) {
        size_t i = bpe_hash(t->letters.data + start[w], start[w + 1] - start[w]) & (t->slots - 1);
        while (slot[i] != 0) i = (i + 1) & (t->slots - 1);
        slot[i] = (uint32_t)w + 1;
    }
    return true;
}

static bool count_word(struct trainer *t, const uint8_t *text, size_t n)
{
    if (t->n_words == t->word_capacity && !grow_words(t)) return false;
    size_t i = bpe_hash(text, n) & (t->slots - 1);
    for (; t->word_slot[i] != 0; i = (i + 1) & (t->slots - 1)) {
        size_t word = t->word_slot[i] - 1, from = t->letter_start[word];
        if (t->letter_start[word + 1] - from == n && memcmp(t->letters.data + from, text, n) == 0) {
            t->word_count[word]++;
            return true;
        }
    }
    if (t->n_words >= UINT32_MAX - 1) return error_set(t->error, ERROR_INPUT, "tokenizer: too many different words; fewer than 2^32 are wanted");
    t->letter_start[t->n_words] = t->letters.n;
    if (!bytes_append(&t->letters, text, n, t->error)) return false;
    t->word_count[t->n_words] = 1;
    t->letter_start[++t->n_words] = t->letters.n;
    t->word_slot[i] = (uint32_t)t->n_words;
    return true;
}

static bool count_text(struct trainer *t, const struct bpe_text *text)
{
    struct bytes mended = {0};
    const uint8_t *data = text->text;
    size_t n = text->n, from, to;
    bool ok = true;
    if (!utf8_valid(data, n, NULL)) {
        ok = bpe_mend(data, n, &mended, t->error);
        data = mended.data;
        n = mended.n;
    }
    struct bpe_walk walk;
    bpe_walk_start(&walk, t->bpe, NULL, data, n, t->error);
    while (ok && bpe_walk_next(&walk, &from, &to)) ok = count_word(t, data + from, to - from);
    bytes_free(&mended);
    return ok && !walk.failed;
}

/* ---- pairs ---- */

static bool change(struct trainer *t, int32_t left, int32_t right, int64_t by)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    int32_t *at = bpe_pairs_at(&t->place, pair);
    if (at != NULL) {
        t->count[*at] += by;
        return true;
    }
    if (t->n_pairs == t->count_capacity) {
        size_t capacity = t->count_capacity == 0 ? 4096 : t->count_capacity * 2;
        int64_t *count = mem_resize(t->count, capacity, sizeof *count, t->error);
        if (count == NULL) return false;
        t->count = count;
        t->count_capacity = capacity;
    }
    if (!bpe_pairs_put(&t->place, pair, (int32_t)t->n_pairs, t->error)) return false;
    t->count[t->n_pairs++] = by;
    return true;
}

static int64_t count_of(const struct trainer *t, uint64_t pair)
{
    const int32_t *at = bpe_pairs_at(&t->place, pair);
    return at == NULL ? 0 : t->count[*at];
}

static bool above(const struct item *a, const struct item *b)
{
    return a->count != b->count ? a->count > b->count : a->pair < b->pair;
}

static bool push(struct trainer *t, struct item item)
{
    if (t->heap_n == t->heap_capacity) {
        size_t capacity = t->heap_capacity == 0 ? 4096 : t->heap_capacity * 2;
        struct item *heap = mem_resize(t->heap, capacity, sizeof *heap, t->error);
        if (heap == NULL) return false;
        t->heap = heap;
        t->heap_capacity = capacity;
    }
    size_t i = t->heap_n++;
    for (; i > 0 && above(&item, &t->heap[(i - 1) / 2]); i = (i - 1) / 2) t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = item;
    return true;
}

static struct item pop(struct trainer *t)
{
    struct item top = t->heap[0], last = t->heap[--t->heap_n];
    size_t i = 0;
    for (size_t child = 1; child < t->heap_n; child = 2 * i + 1) {
        if (child + 1 < t->heap_n && above(&t->heap[child + 1], &t->heap[child])) child++;
        if (!above(&t->heap[child], &last)) break;
        t->heap[i] = t->heap[child];
        i = child;
    }
    t->heap[i] = last;
    return top;
}

/* The list goes to the heap with its pair, if the pair occurs at all. */
static bool push_list(struct trainer *t, uint64_t pair, struct list *list)
{
    int64_t count = count_of(t, pair);
    if (count > 0) {
        if (!push(t, (struct item){count, pair, *list})) return false;
    } else mem_free(list->word);
    *list = (struct list){0};
    return true;
}

/* Words to tokens of one byte each, and their pairs to the heap. */
static bool first_pairs(struct trainer *t)
{
    const int32_t *byte_id = t->bpe->byte_id;
    t->symbol = mem_alloc(t->letters.n, sizeof *t->symbol, t->error);
    t->symbol_n = mem_alloc(t->n_words, sizeof *t->symbol_n, t->error);
    struct list *lists = mem_alloc((size_t)256 * 256, sizeof *lists, t->error);
    bool ok = t->symbol != NULL && t->symbol_n != NULL && lists != NULL;
    for (size_t w = 0; ok && w < t->n_words; w++) {
        size_t from = t->letter_start[w], to = t->letter_start[w + 1];
        t->symbol_n[w] = (uint32_t)(to - from);
        for (size_t i = from; ok && i < to; i++) {
            const uint8_t *letter = t->letters.data + i;
            t->symbol[i] = byte_id[*letter];
            if (i + 1 < to)
                ok = change(t, byte_id[letter[0]], byte_id[letter[1]], t->word_count[w]) && list_add(&lists[letter[0] << 8 | letter[1]], (uint32_t)w, t->error);
        }
    }
    for (size_t i = 0; ok && i < (size_t)256 * 256; i++)
        if (lists[i].n > 0) ok = push_list(t, (uint64_t)(uint32_t)byte_id[i >> 8] << 32 | (uint32_t)byte_id[i & 255], &lists[i]);
    for (size_t i = 0; lists != NULL && i < (size_t)256 * 256; i++) mem_free(lists[i].word);
    mem_free(lists);
    return ok;
}

/* Put `made` for each (left, right) of one word, leftmost first, and note what changed. */
static bool merge_word(struct trainer *t, uint32_t w, int32_t left, int32_t right, int32_t made)
{
    int32_t *s = t->symbol + t->letter_start[w];
    uint32_t n = t->symbol_n[w], kept = 0;
    int64_t count = t->word_count[w];
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 >= n || s[i] != left || s[i + 1] != right) {
            s[kept++] = s[i];
            continue;
        }
        if (kept > 0) {
            if (!change(t, s[kept - 1], left, -count) || !change(t, s[kept - 1], made, count)) return false;
            if (!list_add(&t->left[s[kept - 1]], w, t->error)) return false;
        }
        if (i + 2 < n) {
            if (!change(t, right, s[i + 2], -count) || !change(t, made, s[i + 2], count)) return false;
            if (!list_add(s[i + 2] == made ? &t->left[made] : &t->right[s[i + 2]], w, t->error)) return false;
        }
        s[kept++] = made;
        i++;
    }
    t->symbol_n[w] = kept;
    return true;
}

/* The id of left + right: a new token, or the one that has these bytes already. */
static bool make_token(struct trainer *t, int32_t left, int32_t right, int32_t *made)
{
    struct bytes text = {0};
    size_t a, b;
    const uint8_t *left_text = bpe_token(t->bpe, left, &a), *right_text = bpe_token(t->bpe, right, &b);
    bool ok = bytes_append(&text, left_text, a, t->error) && bytes_append(&text, right_text, b, t->error);
    *made = ok ? bpe_find(t->bpe, text.data, text.n) : -1;
    if (ok && *made < 0) {
        struct bpe_names *names = &t->bpe->names;
        size_t i = bpe_hash(text.data, text.n) & (names->capacity - 1);
        *made = t->bpe->n;
        ok = bpe_add_token(t->bpe, text.data, text.n, 0, t->error);
        while (ok && names->id[i] != 0) i = (i + 1) & (names->capacity - 1);
        if (ok) names->id[i] = *made + 1;
    }
    bytes_free(&text);
    return ok;
}

static bool merge_all(struct trainer *t, const struct item *top)
{
    int32_t left = (int32_t)(top->pair >> 32), right = (int32_t)(top->pair & 0xffffffffu), made;
    if (!make_token(t, left, right, &made) || !bpe_add_merge(t->bpe, left, right, made, t->error)) return false;
    for (size_t i = 0; i < top->list.n; i++)
        if (!merge_word(t, top->list.word[i], left, right, made)) return false;
    for (int32_t id = 0; id < t->bpe->n; id++) {
        if (t->left[id].n > 0 && !push_list(t, (uint64_t)(uint32_t)id << 32 | (uint32_t)made, &t->left[id])) return false;
        if (t->right[id].n > 0 && !push_list(t, (uint64_t)(uint32_t)made << 32 | (uint32_t)id, &t->right[id])) return false;
    }
    return true;
}

static bool learn(struct trainer *t, int32_t size, bpe_progress *progress, void *context)
{
    int32_t first = t->bpe->n;
    while (t->bpe->n < size && t->heap_n > 0) {
        struct item top = pop(t);
        int64_t now = count_of(t, top.pair);
        if (top.count != now) {                              /* stale: back with the right count, or out */
            if (now < MIN_COUNT) {
                mem_free(top.list.word);
                continue;
            }
            top.count = now;
            if (!push(t, top)) {
                mem_free(top.list.word);
                return false;
            }
            continue;
        }
        bool ok = top.count < MIN_COUNT || merge_all(t, &top);
        mem_free(top.list.word);
        if (!ok) return false;
        if (top.count < MIN_COUNT) break;
        if (progress != NULL && t->bpe->n % 64 == 0 && !progress(context, (size_t)(t->bpe->n - first), (size_t)(size - first)))
            return error_set(t->error, ERROR_STOPPED, "tokenizer: training stopped");
    }
    return progress == NULL || progress(context, (size_t)(size - first), (size_t)(size - first)) ||
           error_set(t->error, ERROR_STOPPED, "tokenizer: training stopped");
}

static void trainer_free(struct trainer *t)
{
    for (size_t i = 0; i < t->heap_n; i++) mem_free(t->heap[i].list.word);
    for (int32_t i = 0; i < t->bpe->n; i++) {
        if (t->left != NULL) mem_free(t->left[i].word);
        if (t->right != NULL) mem_free(t->right[i].word);
    }
    void *blocks[] = {t->letter_start, t->word_count, t->word_slot, t->symbol, t->symbol_n, t->place.key, t->place.value,
                      t->count, t->heap, t->left, t->right};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) mem_free(blocks[i]);
    bytes_free(&t->letters);
}

/* Specials and bytes, and the parts of the file that a trained tokenizer has. */
static bool begin(struct bpe *bpe, int32_t size, const char *const *specials, size_t n_specials, struct error *error)
{
    static const char *const parts[4] = {
        NULL,
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}",
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":false,\"use_regex\":true}",
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}",
    };
    if (n_specials > (size_t)INT32_MAX - 256 || size < (int32_t)n_specials + 256 || size > 1 << 20)
        return error_set(error, ERROR_USAGE, "tokenizer: a vocabulary of %ld; %zu (bytes and special tokens) to %d is wanted", (long)size, n_specials + 256, 1 << 20);
    for (size_t i = 0; i < n_specials; i++) {
        size_t n = strlen(specials[i]), valid;
        for (size_t k = 0; k < i; k++)
            if (strcmp(specials[i], specials[k]) == 0) return error_set(error, ERROR_USAGE, "tokenizer: special token %s twice; different ones are wanted", specials[i]);
        if (n < 2 || !utf8_valid(specials[i], n, &valid)) return error_set(error, ERROR_USAGE, "tokenizer: special token %zu; UTF-8 of two bytes or more is wanted", i);
        if (!bpe_add_token(bpe, specials[i], n, BPE_FLAG_ADDED | BPE_FLAG_SPECIAL | BPE_FLAG_RAW, error)) return false;
    }
    for (unsigned c = 0; c <= 256 + 67; c++) {               /* in the order of the characters that stand for them */
        int byte = bpe_char_byte(c);
        uint8_t one = (uint8_t)byte;
        if (byte < 0) continue;
        bpe->byte_id[one] = bpe->n;
        if (!bpe_add_token(bpe, &one, 1, 0, error)) return false;
    }
    for (int i = 0; i < 4; i++)
        if (parts[i] != NULL && (bpe->kept[i] = mem_copy_string(parts[i], error)) == NULL) return false;
    return bpe_add_stage(bpe, BPE_GPT2_PATTERN, true, error);
}

bool bpe_train(const struct bpe_text *texts, size_t n_texts, int32_t size, const char *const *specials, size_t n_specials,
               bpe_progress *progress, void *context, struct bpe **out, struct error *error)
{
    struct bpe *bpe = bpe_new(error);
    *out = NULL;
    if (bpe == NULL) return false;
    struct trainer t = {.bpe = bpe, .error = error};
    bool ok = begin(bpe, size, specials, n_specials, error) && bpe_index_names(bpe, error);
    if (ok) {                                                /* a name table that never has to grow */
        size_t capacity = 1024;
        while (capacity < 2 * (size_t)size) capacity *= 2;
        struct bpe_names wide = {mem_alloc(capacity, sizeof *wide.id, error), capacity};
        ok = wide.id != NULL;
        for (int32_t id = 0; ok && id < bpe->n; id++) {
            size_t n, i;
            const uint8_t *text = bpe_token(bpe, id, &n);
            for (i = bpe_hash(text, n) & (capacity - 1); wide.id[i] != 0; i = (i + 1) & (capacity - 1)) {}
            wide.id[i] = id + 1;
        }
        mem_free(ok ? bpe->names.id : NULL);
        if (ok) bpe->names = wide;
    }
    for (size_t i = 0; ok && i < n_texts; i++) ok = count_text(&t, &texts[i]);
    if (ok) {
        t.left = mem_alloc((size_t)size, sizeof *t.left, error);
        t.right = mem_alloc((size_t)size, sizeof *t.right, error);
        ok = t.left != NULL && t.right != NULL && first_pairs(&t) && learn(&t, size, progress, context) && bpe_finish(bpe, error);
    }
    trainer_free(&t);
    if (ok) *out = bpe;
    else bpe_free(bpe);
    return ok;
}
