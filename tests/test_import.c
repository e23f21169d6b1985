/* Models of others: Hugging Face folders in all their forms, models in GGUF files, tokenizers from both, chat templates; and what
 * is wrong with them. */
#include "core/file.h"
#include "core/gguf_model.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/weights.h"
#include "modalities/chat.h"
#include "tokenizers/bpe.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIXTURES "../shared/fixtures/tokenizers/"
static const char *const FAMILIES_HERE[] = {"tests/fixtures/tiny-gpt2", "tests/fixtures/tiny-llama", "tests/fixtures/tiny-qwen3"};

static char home[] = "/tmp/triptych-import-XXXXXX";

static void start(void) { ck_assert_ptr_nonnull(mkdtemp(home)); }
static void stop(void) { file_remove(home); }

static const char *in_home(const char *name)
{
    static char path[4][200];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", home, name);
    return path[at];
}

static struct model load(const char *folder)
{
    struct model model;
    struct error error = {0};
    ck_assert_msg(model_load(folder, &model, &error), "%s", error.text);
    return model;
}

static void same_weights(const struct model *a, const struct model *b)
{
    ck_assert_uint_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct parameter *p = &a->parameters[i];
        ck_assert_msg(memcmp(a->weights + p->at, b->weights + b->parameters[i].at, parameter_count(p) * sizeof(float)) == 0, "%s differs", p->name);
    }
}

/* ---- Hugging Face folders ---- */

struct writing { struct tensor tensors[80]; char names[80][100]; size_t n; };

/* The tensors of a fixture's file with other names: `cut` leading characters are left out. */
static void take_all(const struct safetensors *file, const char *cut, struct writing *w)
{
    w->n = 0;
    for (size_t i = 0; i < file->n; i++) {
        const char *name = file->tensors[i].name;
        snprintf(w->names[w->n], sizeof w->names[0], "%s", strncmp(name, cut, strlen(cut)) == 0 ? name + strlen(cut) : name);
        w->tensors[w->n] = file->tensors[i];
        w->tensors[w->n].name = w->names[w->n];
        w->n++;
    }
}

static void put(const char *name, const struct tensor *tensors, size_t n)
{
    struct error error = {0};
    ck_assert_msg(safetensors_write(in_home(name), tensors, n, NULL, &error), "%s", error.text);
}

static void put_text(const char *name, const char *text)
{
    struct error error = {0};
    ck_assert_msg(file_write(in_home(name), text, strlen(text), &error), "%s", error.text);
}

static void clear(void)
{
    struct file_list list = {0};
    struct error error = {0};
    ck_assert(file_list_read(home, &list, &error));
    for (size_t i = 0; i < list.n; i++) file_remove(in_home(list.names[i]));
    file_list_free(&list);
}

static void open_fixture(const char *folder, struct safetensors *file)
{
    char path[300];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    ck_assert_msg(safetensors_read(path, file, &error), "%s", error.text);
    clear();
}

static void read_weights(const char *folder, struct model *out, bool wanted, const char *message)
{
    struct config config;
    struct error error = {0};
    ck_assert(config_read(folder, &config, &error) && model_init(out, &config, &error));
    bool ok = weights_read(home, out, &error);
    ck_assert_msg(ok == wanted, "%s", ok ? "was accepted" : error.text);
    if (!wanted) ck_assert_msg(strstr(error.text, message) != NULL, "\"%s\" is not in \"%s\"", message, error.text);
}

START_TEST(names_may_lack_their_prefix_and_have_buffers_beside)
{
    static const char *const prefixes[] = {"transformer.", "model.", "model."};
    static const uint8_t mask[16];
    static const float number;
    struct safetensors file;
    struct writing w;
    struct model wanted = load(FAMILIES_HERE[_i]), found;
    open_fixture(FAMILIES_HERE[_i], &file);
    take_all(&file, prefixes[_i], &w);
    w.tensors[w.n++] = (struct tensor){"h.0.attn.bias", TENSOR_BOOL, 4, {1, 1, 4, 4}, mask, 16};
    w.tensors[w.n++] = (struct tensor){"h.0.attn.masked_bias", TENSOR_F32, 0, {0}, &number, 4};
    w.tensors[w.n++] = (struct tensor){"layers.0.self_attn.rotary_emb.inv_freq", TENSOR_F32, 1, {1}, &number, 4};
    put("model.safetensors", w.tensors, w.n);
    read_weights(FAMILIES_HERE[_i], &found, true, NULL);
    same_weights(&wanted, &found);
    model_free(&wanted), model_free(&found);
    safetensors_free(&file);
}
END_TEST

/* Tensor i into shard i % 2, and the index. */
static void put_shards(const struct writing *w, const char *second)
{
    struct writing halves[2] = {{.n = 0}, {.n = 0}};
    struct bytes index = {0};
    struct error error = {0};
    ck_assert(bytes_append_text(&index, "{\"metadata\":{\"total_size\":1},\"weight_map\":{", &error));
    for (size_t i = 0; i < w->n; i++) {
        halves[i % 2].tensors[halves[i % 2].n++] = w->tensors[i];
        ck_assert(bytes_printf(&index, &error, "%s\"%s\":\"%s\"", i ? "," : "", w->tensors[i].name, i % 2 ? second : "a.safetensors"));
    }
    ck_assert(bytes_append_text(&index, "}}", &error));
    put("a.safetensors", halves[0].tensors, halves[0].n);
    put("b.safetensors", halves[1].tensors, halves[1].n);
    put_text("model.safetensors.index.json", bytes_text(&index));
    bytes_free(&index);
}

START_TEST(shards_are_read_by_their_index)
{
    struct safetensors file;
    struct writing w;
    struct model wanted = load(FAMILIES_HERE[_i]), found;
    open_fixture(FAMILIES_HERE[_i], &file);
    take_all(&file, "", &w);
    put_shards(&w, "b.safetensors");
    read_weights(FAMILIES_HERE[_i], &found, true, NULL);
    same_weights(&wanted, &found);
    model_free(&wanted), model_free(&found);
    safetensors_free(&file);
}
END_TEST

/* What may be wrong with shards: done to a sound folder, and what is said. */
enum spoil { NO_FILE, OUTSIDE, ABSOLUTE, HIDDEN, OTHER_KIND, NO_MAP, MAP_OF_NUMBERS, NOT_IN_INDEX, IN_BOTH, LACKS_ONE, ONE_MORE, TORN };
static const struct { enum spoil what; const char *message; } SPOILED[] = {
    {NO_FILE, "b.safetensors: cannot be opened"}, {OUTSIDE, "weight_map: \"../b.safetensors\" is no name"}, {ABSOLUTE, "weight_map: \"/tmp/b.safetensors\" is no name"},
    {HIDDEN, "weight_map: \".b.safetensors\" is no name"}, {OTHER_KIND, "weight_map: \"b.bin\" is no name"}, {NO_MAP, "no \"weight_map\""}, {MAP_OF_NUMBERS, "has no file name"},
    {NOT_IN_INDEX, "the index does not put it into this file"}, {IN_BOTH, "the index does not put it into this file"}, {LACKS_ONE, "is missing"}, {ONE_MORE, "is not part of this model"},
    {TORN, "index.json: JSON"},
};

START_TEST(spoiled_shards_are_refused)
{
    static const char *const others[] = {[OUTSIDE] = "../b.safetensors", [ABSOLUTE] = "/tmp/b.safetensors", [HIDDEN] = ".b.safetensors", [OTHER_KIND] = "b.bin"};
    enum spoil what = SPOILED[_i].what;
    struct safetensors file;
    struct writing w;
    struct model found;
    open_fixture(FAMILIES_HERE[2], &file);
    take_all(&file, "", &w);
    if (what == ONE_MORE) w.tensors[w.n] = w.tensors[0], w.tensors[w.n++].name = "model.more.weight";
    if (what == LACKS_ONE) w.n--;
    put_shards(&w, what <= OTHER_KIND && others[what] != NULL ? others[what] : "b.safetensors");
    if (what == NO_FILE) unlink(in_home("b.safetensors"));
    if (what == NO_MAP) put_text("model.safetensors.index.json", "{\"weight_map\":{}}");
    if (what == MAP_OF_NUMBERS) put_text("model.safetensors.index.json", "{\"weight_map\":{\"a\":1}}");
    if (what == TORN) put_text("model.safetensors.index.json", "{\"weight_map\":{");
    if (what == NOT_IN_INDEX) w.tensors[2].name = "another", put("a.safetensors", w.tensors, 3);
    if (what == IN_BOTH) put("b.safetensors", w.tensors, 2);
    read_weights(FAMILIES_HERE[2], &found, false, SPOILED[_i].message);
    model_free(&found);
    safetensors_free(&file);
}
END_TEST

START_TEST(spoiled_single_files_are_refused)
{
    static const char *const messages[] = {"is there twice", "has shape", "is not part of this model", "is missing", "F32, F16 or BF16 is wanted", "not finite"};
    static const float infinite[48] = {[3] = 1e38f * 1e38f};
    struct safetensors file;
    struct writing w;
    struct model found;
    open_fixture(FAMILIES_HERE[2], &file);
    take_all(&file, "", &w);
    size_t norm = 0;
    while (strcmp(w.tensors[norm].name, "model.norm.weight") != 0) norm++;
    struct tensor *t = &w.tensors[norm];
    if (_i == 0) w.tensors[w.n] = *t, w.tensors[w.n++].name = "norm.weight";
    if (_i == 1) t->rank = 2, t->shape[0] = 2, t->shape[1] = 24;
    if (_i == 2) t->name = "model.norm.bias";
    if (_i == 3) w.tensors[norm] = w.tensors[--w.n];
    if (_i == 4) t->type = TENSOR_I32;
    if (_i == 5) t->data = infinite;
    put("model.safetensors", w.tensors, w.n);
    read_weights(FAMILIES_HERE[2], &found, false, messages[_i]);
    model_free(&found);
    safetensors_free(&file);
}
END_TEST

/* ---- models in GGUF files ---- */

static void save(const struct model *model, const char *path, enum gguf_type type)
{
    struct gguf_values values = {0};
    struct error error = {0};
    ck_assert_msg(gguf_describe(model, "a model", type, &values, &error) && gguf_save(model, path, &values, type, &error), "%s", error.text);
    bytes_free(&values.bytes);
}

static bool open_model(const char *path, struct model *out, struct error *error)
{
    struct gguf g;
    struct config config;
    *out = (struct model){0};
    bool ok = gguf_open(path, &g, error) && gguf_config(&g, &config, error) && model_init(out, &config, error) && gguf_weights(&g, out, error);
    gguf_close(&g);
    return ok;
}

START_TEST(models_come_back_from_gguf)
{
    struct model model = load(FAMILIES_HERE[_i]), back;
    struct error error = {0};
    save(&model, in_home("model.gguf"), GGUF_TYPE_F32);
    ck_assert_msg(open_model(in_home("model.gguf"), &back, &error), "%s", error.text);
    same_weights(&model, &back);
    const struct config *a = &model.config, *b = &back.config;
    ck_assert(a->family == b->family && a->V == b->V && a->T == b->T && a->C == b->C && a->L == b->L && a->H == b->H && a->G == b->G && a->D == b->D && a->F == b->F);
    ck_assert(a->tied == b->tied && a->norm_eps == b->norm_eps && a->attention_bias == b->attention_bias && a->mlp_bias == b->mlp_bias);
    if (!a->learned_positions) ck_assert(a->rope_theta == b->rope_theta && b->rope_scaling.kind == ROPE_DEFAULT);
    model_free(&back);
    save(&model, in_home("model.gguf"), GGUF_TYPE_Q8_0);      /* rows of 48 are no whole blocks: those matrices become F16 */
    ck_assert_msg(open_model(in_home("model.gguf"), &back, &error), "%s", error.text);
    double most = 0;
    for (size_t i = 0; i < model.numbers; i++) {
        double apart = (double)(model.weights[i] - back.weights[i]);
        most = apart > most ? apart : most;
    }
    ck_assert_double_gt(most, 0);
    ck_assert_double_lt(most, 0.02);
    model_free(&model), model_free(&back);
}
END_TEST

/* Rows of a head as llama.cpp's converter leaves them: (2, D/2) turned to (D/2, 2). */
START_TEST(heads_of_llama_are_interleaved)
{
    struct model model = load(FAMILIES_HERE[1]);
    struct gguf g;
    struct error error = {0};
    static float rows[48 * 48];
    save(&model, in_home("model.gguf"), GGUF_TYPE_F32);
    ck_assert(gguf_open(in_home("model.gguf"), &g, &error) && gguf_floats(&g, gguf_find_tensor(&g, "blk.1.attn_q.weight"), rows, &error));
    const float *q = model_layer(&model, model.weights, 1).qkv;
    int D = model.config.D, C = model.config.C;
    for (int h = 0; h < model.config.H; h++)
        for (int i = 0; i < D / 2; i++)
            for (int half = 0; half < 2; half++) ck_assert_mem_eq(rows + (h * D + 2 * i + half) * C, q + (h * D + half * D / 2 + i) * C, sizeof(float) * (size_t)C);
    gguf_close(&g);
    model_free(&model);
}
END_TEST

START_TEST(scalings_of_positions_come_back)
{
    static const struct rope_scaling scalings[] = {
        {.kind = ROPE_LINEAR, .factor = 4, .attention = 1}, {.kind = ROPE_LLAMA3, .factor = 8, .original = 8192, .low = 1, .high = 4, .attention = 1},
        {.kind = ROPE_LLAMA3, .factor = 32, .original = 4096, .low = 1, .high = 4, .attention = 1}, {.kind = ROPE_YARN, .factor = 4, .original = 64, .low = 1, .high = 32, .attention = 1.1386294361}};
    struct model model = load(FAMILIES_HERE[1]), back;
    struct error error = {0};
    model.config.rope_scaling = scalings[_i];
    save(&model, in_home("model.gguf"), GGUF_TYPE_F32);
    ck_assert_msg(open_model(in_home("model.gguf"), &back, &error), "%s", error.text);
    const struct rope_scaling *s = &back.config.rope_scaling;
    ck_assert(s->kind == scalings[_i].kind);
    ck_assert_double_eq_tol(s->factor, scalings[_i].factor, 1e-4);
    if (s->kind != ROPE_LINEAR) ck_assert_double_eq(s->original, scalings[_i].original);
    if (s->kind == ROPE_YARN) ck_assert_double_eq_tol(s->attention, scalings[_i].attention, 1e-9);
    same_weights(&model, &back);
    model_free(&model), model_free(&back);
}
END_TEST

/* A sound file of the tiny llama with one thing changed: a value left out or put otherwise, a tensor left out, renamed or of another shape. */
static const struct { const char *name, *leave_out; const char *key; uint32_t whole; const char *text, *tensor, *renamed; const char *message; } WRONG_MODELS[] = {
    {"no architecture", "general.architecture", NULL, 0, NULL, NULL, NULL, "general.architecture is missing"},
    {"another architecture", "general.architecture", "general.architecture", 0, "mamba", NULL, NULL, "general.architecture is mamba; llama, qwen3 or gpt2"},
    {"no context length", "llama.context_length", NULL, 0, NULL, NULL, NULL, "llama.context_length is missing"},
    {"no layers", "llama.block_count", "llama.block_count", 0, NULL, NULL, NULL, "llama.block_count is 0; 1 to 512"},
    {"a billion layers", "llama.block_count", "llama.block_count", 1000000000, NULL, NULL, NULL, "llama.block_count is 1000000000"},
    {"a layer more than there is", "llama.block_count", "llama.block_count", 4, NULL, NULL, NULL, "blk.3.attn_norm.weight is missing"},
    {"a layer less than there is", "llama.block_count", "llama.block_count", 2, NULL, NULL, NULL, "is not part of this model"},
    {"heads that are text", "llama.attention.head_count", "llama.attention.head_count", 0, "six", NULL, NULL, "llama.attention.head_count is no whole number"},
    {"no heads", "llama.attention.head_count", "llama.attention.head_count", 0, NULL, NULL, NULL, "head_count is 0"},
    {"heads that do not divide", "llama.attention.head_count_kv", "llama.attention.head_count_kv", 4, NULL, NULL, NULL, "num_key_value_heads 4 does not divide"},
    {"values of another size than keys", "llama.attention.value_length", "llama.attention.value_length", 4, NULL, NULL, NULL, "value_length is 4"},
    {"partly rotary", "llama.rope.dimension_count", "llama.rope.dimension_count", 4, NULL, NULL, NULL, "rope.dimension_count is 4"},
    {"an unknown scaling", "", "llama.rope.scaling.type", 0, "longrope", NULL, NULL, "rope.scaling.type is longrope"},
    {"no epsilon", "llama.attention.layer_norm_rms_epsilon", NULL, 0, NULL, NULL, NULL, "layer_norm_rms_epsilon is missing"},
    {"an id behind the vocabulary", "", "tokenizer.ggml.bos_token_id", 320, NULL, NULL, NULL, "tokenizer.ggml.bos_token_id is 320"},
    {"no embeddings", "", NULL, 0, NULL, "token_embd.weight", NULL, "no token_embd.weight"},
    {"no output norm", "", NULL, 0, NULL, "output_norm.weight", NULL, "output_norm.weight is missing"},
    {"an unknown tensor", "", NULL, 0, NULL, "output.weight", "more.weight", "more.weight is not part of this model"},
    {"a feed-forward of another width", "llama.feed_forward_length", "llama.feed_forward_length", 96, NULL, NULL, NULL, "its shape is not (96, 48)"},
};

/* Copy the values of g but one; kinds that our own files have. */
static void copy_values(const struct gguf *g, const char *but, struct gguf_values *out)
{
    struct error error = {0};
    for (size_t i = 0; i < g->n_values; i++) {
        const struct gguf_value *v = &g->values[i];
        float number;
        if (strcmp(v->key, but) == 0) continue;
        if (v->kind == GGUF_TEXT) ck_assert(gguf_put_text(out, v->key, ((const struct gguf_text *)v->data)->text, &error));
        else if (v->kind == GGUF_U32) ck_assert(gguf_put_integer(out, v->key, (uint32_t)gguf_element(v, 0), &error));
        else memcpy(&number, v->data, 4), ck_assert(gguf_put_number(out, v->key, number, &error));
    }
}

START_TEST(wrong_models_are_refused)
{
    struct model model = load(FAMILIES_HERE[1]), back;
    struct gguf g;
    struct gguf_values values = {0};
    struct gguf_output tensors[64];
    struct error error = {0};
    size_t n = 0, at = 0;
    save(&model, in_home("sound.gguf"), GGUF_TYPE_F32);
    ck_assert(gguf_open(in_home("sound.gguf"), &g, &error));
    copy_values(&g, WRONG_MODELS[_i].leave_out, &values);
    const char *key = WRONG_MODELS[_i].key, *text = WRONG_MODELS[_i].text, *tensor = WRONG_MODELS[_i].tensor;
    if (key != NULL) ck_assert(text != NULL ? gguf_put_text(&values, key, text, &error) : gguf_put_integer(&values, key, WRONG_MODELS[_i].whole, &error));
    float *numbers = mem_alloc(model.numbers, sizeof *numbers, &error);
    for (size_t i = 0; i < g.n_tensors; i++) {
        const struct gguf_tensor *t = &g.tensors[i];
        bool meant = tensor != NULL && strcmp(t->name, tensor) == 0;
        if (meant && WRONG_MODELS[_i].renamed == NULL) continue;
        ck_assert(gguf_floats(&g, t, numbers + at, &error));
        tensors[n++] = (struct gguf_output){meant ? WRONG_MODELS[_i].renamed : t->name, GGUF_TYPE_F32, t->rank, {t->shape[0], t->shape[1]}, numbers + at};
        at += t->bytes / 4;
    }
    ck_assert(gguf_write(in_home("wrong.gguf"), &values, tensors, n, &error));
    ck_assert_msg(!open_model(in_home("wrong.gguf"), &back, &error), "%s was accepted", WRONG_MODELS[_i].name);
    ck_assert_msg(strstr(error.text, WRONG_MODELS[_i].message) != NULL, "%s: %s", WRONG_MODELS[_i].name, error.text);
    mem_free(numbers);
    bytes_free(&values.bytes);
    gguf_close(&g);
    model_free(&model), model_free(&back);
}
END_TEST

/* ---- tokenizers ---- */

static const char text[] = "the cat and the hat and the bat; the fat cat sat on that mat. 12 hats, 120 cats!\n\n  they're the cats' hats \xc3\xa9t\xc3\xa9 ";

static struct bpe *trained(void)
{
    struct error error = {0};
    struct bpe *bpe;
    struct bpe_text all = {text, sizeof text - 1};
    ck_assert(bpe_train(&all, 1, 300, (const char *const[]){"<|im_start|>", "<|im_end|>", "<|endoftext|>"}, 3, NULL, NULL, &bpe, &error));
    return bpe;
}

static void same_ids(const struct bpe *a, const struct bpe *b, const char *words, size_t n)
{
    struct ids x = {0}, y = {0};
    struct error error = {0};
    ck_assert(bpe_encode(a, words, n, true, &x, &error) && bpe_encode(b, words, n, true, &y, &error));
    ck_assert(x.n == y.n && (x.n == 0 || memcmp(x.id, y.id, x.n * sizeof *x.id) == 0));
    ids_free(&x), ids_free(&y);
}

static struct bpe *through_gguf(const struct bpe *bpe, int32_t V)
{
    struct gguf_values values = {0};
    struct gguf g;
    struct error error = {0};
    struct bpe *back;
    ck_assert_msg(bpe_to_gguf(bpe, V, &values, &error) && gguf_write(in_home("t.gguf"), &values, NULL, 0, &error), "%s", error.text);
    ck_assert_msg(gguf_open(in_home("t.gguf"), &g, &error) && bpe_from_gguf(&g, &back, &error), "%s", error.text);
    gguf_close(&g);
    bytes_free(&values.bytes);
    return back;
}

START_TEST(tokenizers_come_back_from_gguf)
{
    struct bpe *bpe = trained(), *back = through_gguf(bpe, bpe_size(bpe) + 2);
    ck_assert_int_eq(bpe_size(back), bpe_size(bpe) + 2);
    ck_assert(bpe_is_special(back, 1) && !bpe_is_special(back, 5));
    same_ids(bpe, back, text, sizeof text - 1);
    same_ids(bpe, back, "<|im_start|>a<|im_end|>", 23);
    bpe_free(bpe), bpe_free(back);
    static const char *const files[] = {FIXTURES "smollm2/tokenizer.json", FIXTURES "gpt2/tokenizer.json"};
    struct bytes words = {0};
    struct error error = {0};
    if (!file_exists(files[0]) || !file_read("../shared/data/text/shakespeare/input.txt", FILE_LIMIT_TEXT, &words, &error)) return;
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(bpe_load(files[i], &bpe, &error), "%s", error.text);
        back = through_gguf(bpe, bpe_size(bpe));
        same_ids(bpe, back, bytes_text(&words), 300000);
        bpe_free(bpe), bpe_free(back);
    }
    bytes_free(&words);
}
END_TEST

static const struct { const char *model, *pre, *tokens[4], *merge; int types; const char *message; } WRONG_TOKENIZERS[] = {
    {NULL, "gpt-2", {"a", "b", "ab"}, "a b", -1, "tokenizer.ggml.model is missing"},
    {"llama", "gpt-2", {"a", "b", "ab"}, "a b", -1, "tokenizer.ggml.model is llama; gpt2"},
    {"gpt2", "deepseek-llm", {"a", "b", "ab"}, "a b", -1, "tokenizer.ggml.pre is deepseek-llm"},
    {"gpt2", "gpt-2", {NULL}, "a b", -1, "tokenizer.ggml.tokens is missing"},
    {"gpt2", "gpt-2", {"a", "b", "ab"}, NULL, -1, "tokenizer.ggml.merges is missing"},
    {"gpt2", "gpt-2", {"a", "b", "ab"}, "a b", 2, "tokenizer.ggml.token_type is no array"},
    {"gpt2", "gpt-2", {"a", "b", "a"}, "a b", -1, "stands twice"},
    {"gpt2", "gpt-2", {"a", "b", ""}, "a b", -1, "a token without text"},
    {"gpt2", "gpt-2", {"a", "b", "ab"}, "a c", -1, "merges[0]: \"c\" is not in vocab"},
    {"gpt2", "gpt-2", {"a", "b", "abc"}, "a b", -1, "merges[0]: \"ab\" is not in vocab"},
    {"gpt2", "gpt-2", {"a", "b", "ab"}, "ab", -1, "merges[0]: no pair"},
};

START_TEST(wrong_tokenizers_are_refused)
{
    struct gguf_values v = {0};
    struct gguf g;
    struct error error = {0};
    struct bpe *bpe = NULL;
    size_t n = 0;
    while (n < 4 && WRONG_TOKENIZERS[_i].tokens[n] != NULL) n++;
    if (WRONG_TOKENIZERS[_i].model != NULL) ck_assert(gguf_put_text(&v, "tokenizer.ggml.model", WRONG_TOKENIZERS[_i].model, &error));
    ck_assert(gguf_put_text(&v, "tokenizer.ggml.pre", WRONG_TOKENIZERS[_i].pre, &error));
    if (n > 0) ck_assert(gguf_put_array(&v, "tokenizer.ggml.tokens", GGUF_TEXT, n, &error));
    for (size_t i = 0; i < n; i++) ck_assert(gguf_put_element(&v, WRONG_TOKENIZERS[_i].tokens[i], strlen(WRONG_TOKENIZERS[_i].tokens[i]), &error));
    const char *merge = WRONG_TOKENIZERS[_i].merge;
    if (merge != NULL) ck_assert(gguf_put_array(&v, "tokenizer.ggml.merges", GGUF_TEXT, 1, &error) && gguf_put_element(&v, merge, strlen(merge), &error));
    if (WRONG_TOKENIZERS[_i].types >= 0) ck_assert(gguf_put_array(&v, "tokenizer.ggml.token_type", GGUF_I32, (size_t)WRONG_TOKENIZERS[_i].types, &error));
    for (int i = 0; i < WRONG_TOKENIZERS[_i].types; i++) ck_assert(gguf_put_int(&v, 1, &error));
    ck_assert(gguf_write(in_home("w.gguf"), &v, NULL, 0, &error) && gguf_open(in_home("w.gguf"), &g, &error));
    ck_assert(!bpe_from_gguf(&g, &bpe, &error) && bpe == NULL);
    ck_assert_msg(strstr(error.text, "GGUF: ") != NULL && strstr(error.text, WRONG_TOKENIZERS[_i].message) != NULL, "%s", error.text);
    gguf_close(&g);
    bytes_free(&v.bytes);
}
END_TEST

START_TEST(a_pair_of_files_is_a_tokenizer)
{
    struct error error = {0};
    struct bpe *bpe, *pair;
    clear();
    put_text("vocab.json", "{\"a\":0,\"b\":1,\"ab\":2,\"\xc4\xa0\":3,\"<|endoftext|>\":4}");
    put_text("merges.txt", "#version: 0.2\r\na b\r\n\n");
    ck_assert_msg(bpe_load_folder(home, &bpe, &error), "%s", error.text);
    struct ids ids = {0};
    ck_assert(bpe_encode(bpe, "ab a<|endoftext|>", 17, true, &ids, &error));
    ck_assert(ids.n == 4 && ids.id[0] == 2 && ids.id[1] == 3 && ids.id[2] == 0 && ids.id[3] == 4);
    ids_free(&ids);
    bpe_free(bpe);
    put_text("tokenizer_config.json", "{\"added_tokens_decoder\":{\"5\":{\"content\":\"<x>\",\"lstrip\":true,\"special\":true}}}");
    ck_assert_msg(bpe_load_folder(home, &bpe, &error), "%s", error.text);
    ck_assert(bpe_special(bpe, "<x>") == 5 && bpe_special(bpe, "<|endoftext|>") == -1);
    bpe_free(bpe);
    put_text("merges.txt", "a\n");
    ck_assert(!bpe_load_folder(home, &bpe, &error) && strstr(error.text, "merges[0]: no pair") != NULL);
    error_clear(&error);
    unlink(in_home("merges.txt"));
    ck_assert(!bpe_load_folder(home, &bpe, &error) && strstr(error.text, "merges.txt: cannot be opened") != NULL);
    error_clear(&error);
    struct bytes words = {0};
    if (!file_exists(FIXTURES "gpt2/vocab.json") || !file_read("../shared/data/text/shakespeare/input.txt", FILE_LIMIT_TEXT, &words, &error)) return;
    ck_assert_msg(bpe_load(FIXTURES "gpt2/tokenizer.json", &bpe, &error) && bpe_load_pair(FIXTURES "gpt2", &pair, &error), "%s", error.text);
    same_ids(bpe, pair, bytes_text(&words), 300000);
    same_ids(bpe, pair, "a<|endoftext|>b", 15);
    bpe_free(bpe), bpe_free(pair);
    bytes_free(&words);
}
END_TEST

START_TEST(names_are_added_as_special_tokens)
{
    struct bpe *bpe = trained();
    struct error error = {0};
    int32_t n = bpe_size(bpe);
    ck_assert(bpe_add_special(bpe, (const char *const[]){"<pitch 60>", "<pitch 61>"}, 2, &error));
    ck_assert(bpe_size(bpe) == n + 2 && bpe_special(bpe, "<pitch 61>") == n + 1 && bpe_is_special(bpe, n));
    struct ids ids = {0};
    ck_assert(bpe_encode(bpe, "<pitch 60>a<|im_end|>", 21, true, &ids, &error) && ids.n == 3 && ids.id[0] == n && ids.id[2] == 1);
    ids_free(&ids);
    ck_assert(!bpe_add_special(bpe, (const char *const[]){"<pitch 60>"}, 1, &error) && strstr(error.text, "is no new token") != NULL);
    bpe_free(bpe);
}
END_TEST

START_TEST(templates_give_first_ids)
{
    static const char json[] = "{\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<b>\"}},"
        "{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"<e>\"}}],\"special_tokens\":{\"<b>\":{\"ids\":[1]},\"<e>\":{\"ids\":[2,1]}}}]},"
        "\"added_tokens\":[{\"id\":1,\"content\":\"<b>\",\"special\":true},{\"id\":2,\"content\":\"<e>\",\"special\":true}],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
    struct bpe *bpe, *back;
    struct error error = {0};
    struct bytes printed = {0};
    ck_assert_msg(bpe_parse(json, sizeof json - 1, &bpe, &error), "%s", error.text);
    ck_assert(bpe_print(bpe, &printed, &error) && bpe_parse(printed.data, printed.n, &back, &error));
    const struct ids *before = bpe_before(back), *after = bpe_after(back);
    ck_assert(before->n == 1 && before->id[0] == 1 && after->n == 2 && after->id[0] == 2 && after->id[1] == 1);
    bytes_free(&printed);
    bpe_free(bpe), bpe_free(back);
}
END_TEST

/* ---- chat templates ---- */

#define LINE_BREAK "\\n"
static const struct { const char *chat_template, *system; } TEMPLATES[] = {
    {"{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a cat<|im_end|>\n' }}{% endif %}"
     "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}", "You are a cat"},
    {"{{- '<|im_start|>system" LINE_BREAK "' + messages[0].content + '<|im_end|>' }}{{- '<|im_start|>system" LINE_BREAK "You are a bat.<|im_end|>" LINE_BREAK "' }}", "You are a bat."},
    {"{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}", NULL},
};

START_TEST(conversations_take_the_template_s_form)
{
    struct bpe *bpe = trained();
    struct chat chat;
    struct error error = {0};
    struct ids ids = {0}, wanted = {0};
    char form[400];
    const char *system = TEMPLATES[_i].system;
    ck_assert_msg(chat_init(&chat, TEMPLATES[_i].chat_template, bpe, &error), "%s", error.text);
    ck_assert(chat.end == 1 && (system == NULL) == (chat.system == NULL) && (system == NULL || strcmp(system, chat.system) == 0));
    ck_assert(chat_open(&chat, NULL, &ids, &error) && chat_ask(&chat, "the cat", &ids, &error));
    snprintf(form, sizeof form, "%s%s%s<|im_start|>user\nthe cat<|im_end|>\n<|im_start|>assistant\n", system ? "<|im_start|>system\n" : "", system ? system : "", system ? "<|im_end|>\n" : "");
    ck_assert(bpe_encode(bpe, form, strlen(form), true, &wanted, &error));
    ck_assert(ids.n == wanted.n && memcmp(ids.id, wanted.id, ids.n * sizeof *ids.id) == 0);
    ids.n = wanted.n = 0;
    ck_assert(chat_open(&chat, "be brief", &ids, &error) && bpe_encode(bpe, "<|im_start|>system\nbe brief<|im_end|>\n", 38, true, &wanted, &error));
    ck_assert(ids.n == wanted.n && memcmp(ids.id, wanted.id, ids.n * sizeof *ids.id) == 0);
    ids.n = 0;                                                /* what a user types forges nothing */
    ck_assert(chat_ask(&chat, "<|im_end|>", &ids, &error));
    size_t ends = 0;
    for (size_t i = 0; i < ids.n; i++) ends += ids.id[i] == 1;
    ck_assert_uint_eq(ends, 1);
    ids_free(&ids), ids_free(&wanted);
    chat_free(&chat);
    bpe_free(bpe);
}
END_TEST

START_TEST(unknown_templates_are_refused)
{
    struct bpe *bpe = trained();
    struct chat chat;
    struct error error = {0};
    ck_assert(!chat_init(&chat, "{{ '[INST] ' + message['content'] + ' [/INST]' }}", bpe, &error) && strstr(error.text, "its form is unknown") != NULL);
    error_clear(&error);
    ck_assert(!chat_init(&chat, "<|start_header_id|>", bpe, &error) && strstr(error.text, "has no token <|start_header_id|>") != NULL);
    error_clear(&error);
    clear();
    ck_assert(!chat_read(&chat, home, bpe, &error) && strstr(error.text, "no chat template") != NULL);
    error_clear(&error);
    put_text("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"x\"},{\"name\":\"default\",\"template\":\"<|im_start|>\"}]}");
    ck_assert_msg(chat_read(&chat, home, bpe, &error), "%s", error.text);
    chat_free(&chat);
    put_text("tokenizer_config.json", "{\"chat_template\":");
    ck_assert(!chat_read(&chat, home, bpe, &error) && strstr(error.text, "tokenizer_config.json: JSON") != NULL);
    bpe_free(bpe);
}
END_TEST

#define COUNT(table) (int)(sizeof table / sizeof *table)
int main(void)
{
    Suite *suite = suite_create("import");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_unchecked_fixture(all, start, stop);
    tcase_add_loop_test(all, names_may_lack_their_prefix_and_have_buffers_beside, 0, COUNT(FAMILIES_HERE));
    tcase_add_loop_test(all, shards_are_read_by_their_index, 0, COUNT(FAMILIES_HERE));
    tcase_add_loop_test(all, spoiled_shards_are_refused, 0, COUNT(SPOILED));
    tcase_add_loop_test(all, spoiled_single_files_are_refused, 0, 6);
    tcase_add_loop_test(all, models_come_back_from_gguf, 0, COUNT(FAMILIES_HERE));
    tcase_add_test(all, heads_of_llama_are_interleaved);
    tcase_add_loop_test(all, scalings_of_positions_come_back, 0, 4);
    tcase_add_loop_test(all, wrong_models_are_refused, 0, COUNT(WRONG_MODELS));
    tcase_add_test(all, tokenizers_come_back_from_gguf);
    tcase_add_loop_test(all, wrong_tokenizers_are_refused, 0, COUNT(WRONG_TOKENIZERS));
    tcase_add_test(all, a_pair_of_files_is_a_tokenizer);
    tcase_add_test(all, names_are_added_as_special_tokens);
    tcase_add_test(all, templates_give_first_ids);
    tcase_add_loop_test(all, conversations_take_the_template_s_form, 0, COUNT(TEMPLATES));
    tcase_add_test(all, unknown_templates_are_refused);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
