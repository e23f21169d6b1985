/* Filling holes: one particle against drawing by hand in either view, masks, threads, and what the witnesses are good for. */
#include "core/infill.h"
#include "core/inpaint.h"
#include "core/random.h"
#include "core/threads.h"
#include "tests/reference.h"
#include "tests/suite.h"

#include <math.h>
#include <string.h>

enum { PLACES = 14, HEAD = 3 };

static const int32_t HEADS[2][HEAD] = {{1, 5, 9}, {1, 2, 9}};
static const int32_t PLACE[PLACES] = {4, 7, -1, -1, 11, 12, -1, 13, -1, -1, 14, 15, 16, 17};
enum { HOLES = 5 };

/* Ids that may fill a hole: those of the parity of the hole's number. */
static void allow(void *context, const int32_t *drawn, size_t n, uint8_t *mask)
{
    int V = *(int *)context;
    (void)drawn;
    for (int i = 20 + (int)(n % 2); i < V; i += 2) mask[i] = 1;
}

struct bench { struct reference r; struct sampling_scratch scratch; struct generation options; int32_t holed[2][HEAD + PLACES + 1]; int V; };

static void set_up(struct bench *b)
{
    struct error error = {0};
    *b = (struct bench){.r = reference_load(REFERENCES[0], "logits.safetensors"), .options = GENERATION_DEFAULT};
    b->V = b->r.model.config.V;
    b->options.sampling.do_sample = true, b->options.sampling.top_k = 0;
    for (int k = 0; k < 2; k++) {                                /* 2 stands for a hole, 3 marks that they come */
        memcpy(b->holed[k], HEADS[k], sizeof *HEADS);
        for (int i = 0; i < PLACES; i++) b->holed[k][HEAD + i] = PLACE[i] < 0 ? 2 : PLACE[i];
        b->holed[k][HEAD + PLACES] = 3;
    }
    ck_assert(sampling_scratch_init(&b->scratch, b->V, &error));
}

static void tear_down(struct bench *b)
{
    sampling_scratch_free(&b->scratch);
    reference_free(&b->r);
}

static struct ids fill(struct bench *b, double share, int particles, uint64_t seed, struct threads *pool)
{
    struct error error = {0};
    struct ids out = {0};
    struct runner runner = {&b->r.model, NULL, pool};
    b->options.sampling.seed = seed;
    struct inpaint_request q = {.plain = {{HEADS[0], HEAD}, {HEADS[1], HEAD}}, .holed = {{b->holed[0], HEAD + PLACES + 1}, {b->holed[1], HEAD + PLACES + 1}}, .share = share, .place = PLACE, .places = PLACES,
        .options = &b->options, .particles = particles, .piece = 7, .allowed = allow, .context = &b->V};
    ck_assert_msg(inpaint(&runner, &q, &b->scratch, &out, &error), "%s", error.text);
    ck_assert_uint_eq(out.n, HOLES);
    for (size_t i = 0; i < HOLES; i++) ck_assert(out.id[i] >= 20 && out.id[i] % 2 == (int32_t)(i % 2));
    return out;
}

/* One particle in one view is what a session gives id by id. */
START_TEST(one_particle_is_plain_drawing)
{
    struct bench b;
    struct error error = {0};
    set_up(&b);
    struct session *s = session_start(&b.r.model, 1, 64, &error);
    float *logits = mem_alloc((size_t)b.V, sizeof *logits, &error);
    uint8_t *mask = mem_alloc((size_t)b.V, 1, &error);
    for (uint64_t seed = 0; seed < 8; seed++) {
        bool holed = seed % 2;
        struct ids got = fill(&b, holed, 1, seed, NULL), seen = {0}, drawn = {0};
        session_cut(s, 0, 0);
        ck_assert(ids_append_many(&seen, HEADS[0], HEAD, &error));
        ck_assert(session_feed(s, 0, holed ? b.holed[0] : HEADS[0], holed ? HEAD + PLACES + 1 : HEAD, false, logits, &error));
        for (int i = 0; i < PLACES; i++) {
            int32_t id = PLACE[i];
            struct sampling_context context = {.ids = seen.id, .n = seen.n, .prompt = HEAD, .last = HEAD + PLACES + 1, .piece = 7, .allowed = mask};
            if (id < 0) {
                memset(mask, 0, (size_t)b.V);
                allow(&b.V, drawn.id, drawn.n, mask);
                sampling_log_softmax(logits, b.V);
                id = sampling_choose(&b.options.sampling, &context, &b.scratch, logits);
                ck_assert(ids_append(&drawn, id, &error));
            }
            ck_assert(ids_append(&seen, id, &error));
            if (!holed || PLACE[i] < 0) ck_assert(session_feed(s, 0, &id, 1, false, logits, &error));
        }
        ck_assert_mem_eq(got.id, drawn.id, HOLES * sizeof *drawn.id);
        ids_free(&got), ids_free(&seen), ids_free(&drawn);
    }
    session_stop(s);
    mem_free(logits), mem_free(mask);
    tear_down(&b);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    struct bench b;
    struct error error = {0};
    set_up(&b);
    b.options.guidance_scale = 1.7;
    struct threads *pool = threads_start(3, &error);
    int differ = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct ids one = fill(&b, 0.4, 6, seed, NULL), three = fill(&b, 0.4, 6, seed, pool), unguided;
        ck_assert_mem_eq(one.id, three.id, HOLES * sizeof *one.id);
        b.options.guidance_scale = 1;
        unguided = fill(&b, 0.4, 6, seed, NULL);
        differ += memcmp(one.id, unguided.id, HOLES * sizeof *one.id) != 0;
        b.options.guidance_scale = 1.7;
        ids_free(&one), ids_free(&three), ids_free(&unguided);
    }
    ck_assert_int_gt(differ, 0);
    threads_stop(pool);
    tear_down(&b);
}
END_TEST

/* Of many particles that is left behind which what stays is likelier. */
START_TEST(witnesses_choose)
{
    struct bench b;
    struct error error = {0};
    double sum[2] = {0};
    set_up(&b);
    struct runner runner = {&b.r.model, NULL, NULL};
    for (uint64_t seed = 0; seed < 40; seed++)
        for (int k = 0; k < 2; k++) {
            struct ids drawn = fill(&b, 0, k == 0 ? 1 : 24, seed, NULL), seen = {0};
            ck_assert(ids_append_many(&seen, HEADS[0], HEAD, &error));
            for (int i = 0, hole = 0; i < PLACES; i++) {
                double own = 0;
                if (PLACE[i] >= 0 && i > 3) ck_assert(infill_score(&runner, seen.id, seen.n, &PLACE[i], 1, &own, &error));
                sum[k] += own;
                ck_assert(ids_append(&seen, PLACE[i] >= 0 ? PLACE[i] : drawn.id[hole++], &error));
            }
            ids_free(&drawn), ids_free(&seen);
        }
    ck_assert_msg(sum[1] > sum[0] + 10, "log-likelihood of what stays: %g behind one particle, %g behind the best of 24", sum[0] / 40, sum[1] / 40);
    tear_down(&b);
}
END_TEST

START_TEST(too_much_is_refused)
{
    struct bench b;
    struct error error = {0};
    struct ids out = {0};
    set_up(&b);
    struct runner runner = {&b.r.model, NULL, NULL};
    int32_t *place = mem_alloc(4096, sizeof *place, &error);
    memset(place, -1, 4096 * sizeof *place);
    struct inpaint_request q = {.plain = {{HEADS[0], HEAD}}, .place = place, .places = 4096, .options = &b.options, .particles = 1, .allowed = allow, .context = &b.V};
    ck_assert(!inpaint(&runner, &q, &b.scratch, &out, &error) && strstr(error.text, "the model's context") != NULL);
    error = (struct error){0};
    q.places = PLACES, q.particles = INPAINT_PARTICLES_MOST + 1;
    ck_assert(!inpaint(&runner, &q, &b.scratch, &out, &error) && strstr(error.text, "65 candidates") != NULL);
    mem_free(place);
    tear_down(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inpaint");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, one_particle_is_plain_drawing);
    tcase_add_test(all, threads_do_not_matter);
    tcase_add_test(all, witnesses_choose);
    tcase_add_test(all, too_much_is_refused);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
