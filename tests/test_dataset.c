/* Pieces of texts as training draws them: plain, and with a hole whose middle stands at the end. */
#include "core/file.h"
#include "core/mem.h"
#include "modalities/dataset.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FOLDER[] = "/tmp/triptych-dataset-XXXXXX";

static struct dataset load(const struct vocabulary *v, struct threads *pool, char folder[sizeof FOLDER])
{
    char path[200];
    struct error error = {0};
    struct dataset d;
    struct bytes text = {0};
    const bool wanted[SPLITS] = {true, true, true};
    memcpy(folder, FOLDER, sizeof FOLDER);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int file = 0; file < 6; file++) {
        text.n = 0;
        for (int i = 0; i < 12 + file; i++) ck_assert(bytes_printf(&text, &error, "The m\xc3\xa4use number %d of \xe2\x82\xac%d went to the \xf0\x9f\x8c\x99. ", i * file, i));
        snprintf(path, sizeof path, "%s/story-%d.txt", folder, file);
        ck_assert(file_write(path, text.data, text.n, &error));
    }
    bytes_free(&text);
    ck_assert_msg(dataset_scan(folder, &d, &error), "%s", error.text);
    for (size_t i = 0; i < d.n; i++) d.items[i].split = SPLIT_TRAIN;
    ck_assert_msg(dataset_encode(&d, v, 512, wanted, pool, &error), "%s", error.text);
    return d;
}

static size_t count(const struct ids *ids, int32_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++) n += ids->id[i] == id;
    return n;
}

static size_t place(const struct ids *ids, int32_t id, size_t from)
{
    while (from < ids->n && ids->id[from] != id) from++;
    return from;
}

/* <bos> <text> left <fill> right <fill> middle <eos>: put together again it is the payload, cut between characters. */
static void check_hole(const struct vocabulary *v, const struct ids *ids, const struct ids *payload)
{
    struct ids whole = {0};
    struct bytes text = {0};
    struct error error = {0};
    size_t first = place(ids, SPECIAL_FILL, 0), second = place(ids, SPECIAL_FILL, first + 1), middle = ids->n - 1 - (second + 1);
    ck_assert(ids->id[0] == SPECIAL_BOS && ids->id[1] == SPECIAL_TEXT && ids->id[ids->n - 1] == SPECIAL_EOS);
    ck_assert(middle >= 1 && middle <= 64 && middle <= payload->n / 2);
    ck_assert(bpe_decode(v->bpe, ids->id + second + 1, middle, true, &text, &error) && utf8_valid(text.data, text.n, NULL));
    ck_assert(ids_append_many(&whole, ids->id + 2, first - 2, &error) && ids_append_many(&whole, ids->id + second + 1, middle, &error) &&
              ids_append_many(&whole, ids->id + first + 1, second - first - 1, &error));
    ck_assert(whole.n == payload->n && memcmp(whole.id, payload->id, whole.n * sizeof *whole.id) == 0);
    ids_free(&whole), bytes_free(&text);
}

START_TEST(a_share_of_texts_has_a_hole)
{
    enum { DRAWS = 600 };
    char folder[sizeof FOLDER], command[100];
    struct vocabulary v;
    struct error error = {0};
    struct threads *pool = threads_start(2, &error);
    ck_assert_msg(vocabulary_load("models/default", &v, &error), "%s", error.text);
    struct dataset d = load(&v, pool, folder);
    struct stream_source source = dataset_source(&d);
    int holes = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        struct ids ids = {0}, again = {0};
        size_t index = (size_t)draw % source.n_train;
        ck_assert(source.piece(source.context, false, index, draw, &ids, &error) && source.piece(source.context, false, index, draw, &again, &error));
        ck_assert(ids.n == again.n && memcmp(ids.id, again.id, ids.n * sizeof *ids.id) == 0);
        ck_assert(count(&ids, SPECIAL_FILL) == 0 || count(&ids, SPECIAL_FILL) == 2);
        if (count(&ids, SPECIAL_FILL) == 2) check_hole(&v, &ids, &d.pieces[SPLIT_TRAIN][index].payload), holes++;
        ids_free(&ids), ids_free(&again);
    }
    ck_assert_int_ge(holes, DRAWS / 10);
    ck_assert_int_le(holes, DRAWS / 4);
    dataset_free(&d);
    vocabulary_free(&v);
    threads_stop(pool);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset");
    TCase *all = tcase_create("all");
    tcase_add_test(all, a_share_of_texts_has_a_hole);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
