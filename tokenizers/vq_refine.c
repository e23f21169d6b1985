/* Analysis by synthesis: better codes for a sprite than the nearest ones; see vq.h.
 *
 * The encoder guesses codes from the picture alone. What counts is the picture that the decoder paints, and there a code also moves its
 * neighbours. So codes are tried: decode, look, keep what helps. Trying every code at every place would take 256 K decodings; three things make
 * that some forty:
 *
 *   which codes    The gradient g of the loss by the codes' patches e, through the decoder, tells where e should go: t = e - g / (2 STEP s), s the
 *                  loss's own scale. By this second-order guess a change from e to e' saves |t - e|^2 - |t - e'|^2; the TRIALS codes that save most
 *                  are tried.
 *   many at once   A code's effect is nearly all within one place around it (the decoder only corrects), so places that are APART from each other are
 *                  changed together, and each is judged by the 3 x 3 places around it:
 *
 *                      . . . . . . .
 *                      . A . . B . .      A and B change in one decoding: A is judged by the nine places
 *                      . . . . . . .      around it, B by its own
 *
 *   which places   Those that promise most first. A place that was tried rests until one beside it has changed.
 *
 * A round is a decoding, a gradient, and TRIALS decodings as one batch. Its changes together stay only if the whole picture's error is less
 * than before, measured on bytes, as painted, as codes_loss does, and no more pixels have the wrong alpha. So codes never get worse, and the same
 * sprite gives the same codes. */
#include "core/simd.h"
#include "tokenizers/vq_inside.h"

#include <math.h>
#include <string.h>

enum { TRIALS = VQ_TRIALS, APART = 3 };
static const float STEP = 0.5f;

/* What a painted picture gets wrong, here or there. */
struct loss { int64_t colour; int alpha; };   /* squared error of RGB bytes on mid-grey; pixels of wrong alpha */

struct search {
    const struct vq *vq;
    const float *x;                          /* (256, 16) what is wanted */
    struct vq_desk *d;
    int32_t *codes;                          /* (256) */
    struct loss loss[VQ_CODES];              /* of the picture as it is, a place */
    bool rests[VQ_CODES];
    int place[VQ_CODES], places;             /* to be changed in this round */
    int32_t trial[TRIALS][VQ_CODES];         /* codes to try there */
};

static void painted_loss(const float *y, const float *x, struct loss loss[VQ_CODES])
{
    for (int place = 0; place < VQ_CODES; place++) {
        loss[place] = (struct loss){0};
        for (int k = 0; k < 4; k++, y += 4, x += 4) {
            uint8_t is[4], wanted[4];
            vq_pixel(y, is), vq_pixel(x, wanted);
            loss[place].alpha += is[3] != wanted[3];
            for (int d = 0; d < 3; d++) {
                int e = (is[3] ? is[d] : VQ_GREY) - (wanted[3] ? wanted[d] : VQ_GREY);
                loss[place].colour += e * e;
            }
        }
    }
}

/* Better in colour and not worse in alpha: grey pixels may not come and go for nothing. */
static bool is_less(struct loss a, struct loss b) { return a.colour < b.colour && a.alpha <= b.alpha; }

static struct loss sum_of(const struct loss loss[VQ_CODES])
{
    struct loss sum = {0};
    for (int i = 0; i < VQ_CODES; i++) sum.colour += loss[i].colour, sum.alpha += loss[i].alpha;
    return sum;
}

/* The loss of a place and those around it. */
static struct loss loss_near(const struct loss loss[VQ_CODES], int place)
{
    struct loss sum = {0};
    for (int i = 0; i < 9; i++) {
        int row = place / CONV_SIDE + i / 3 - 1, column = place % CONV_SIDE + i % 3 - 1, at = row * CONV_SIDE + column;
        if (row >= 0 && row < CONV_SIDE && column >= 0 && column < CONV_SIDE) sum.colour += loss[at].colour, sum.alpha += loss[at].alpha;
    }
    return sum;
}

static bool are_within(int a, int b, int reach)
{
    int rows = a / CONV_SIDE - b / CONV_SIDE, columns = a % CONV_SIDE - b % CONV_SIDE;
    return rows <= reach && -rows <= reach && columns <= reach && -columns <= reach;
}

/* The code with the least score, but `not_this`. */
VARIANTS static int best_other(const float *score, int K, int not_this)
{
    int best = not_this == 0;
    for (int k = 0; k < K; k++)
        if (score[k] < score[best] && k != not_this) best = k;
    return best;
}

/* Decode the codes as they are: d->x, d->y and d->kept are of this picture, loss gets what it loses. */
static void look(struct search *s, struct loss loss[VQ_CODES])
{
    vq_look_up(s->vq, s->codes, s->d->x);
    vq_correct(s->vq, s->vq->decoder, 1, s->d);
    painted_loss(s->d->y, s->x, loss);
}

/* d->score (256, K) of the picture just looked at: |t - e'|^2 of every code e' but for a constant of the place. */
static void score_codes(struct search *s)
{
    struct vq_desk *d = s->d;
    int32_t nearest[VQ_CODES];
    float by = (float)(VQ_NUMBERS * 3 / 4 / (2 * 255.0 * 255)) / STEP;
    (void)vq_error(d->y, s->x, VQ_ALPHA, d->dy);
    conv_backward(&s->vq->net, s->vq->decoder, 1, d->x, d->kept, d->dy, NULL, d->dx, d->scratch);
    for (int i = 0; i < VQ_NUMBERS; i++) d->dx[i] = d->x[i] - by * (d->dx[i] + d->dy[i]);    /* t: through the network and past it */
    vq_nearest(s->vq->code, s->vq->K, d->dx, VQ_CODES, nearest, d->score);
}

/* Places for this round, the most promising first, APART from each other; and the codes to try there. */
static void choose(struct search *s)
{
    int K = s->vq->K;
    float gain[VQ_CODES];
    bool free[VQ_CODES];
    for (int i = 0; i < VQ_CODES; i++) {
        const float *score = s->d->score + (size_t)i * (size_t)K;
        if ((free[i] = !s->rests[i] && loss_near(s->loss, i).colour > 0)) gain[i] = score[s->codes[i]] - score[best_other(score, K, s->codes[i])];
    }
    for (s->places = 0;; s->places++) {
        int best = -1;
        for (int i = 0; i < VQ_CODES; i++)
            if (free[i] && (best < 0 || gain[i] > gain[best])) best = i;
        if (best < 0) break;
        s->place[s->places] = best;
        for (int i = 0; i < VQ_CODES; i++) free[i] = free[i] && !are_within(i, best, APART - 1);
        float *score = s->d->score + (size_t)best * (size_t)K;
        for (int t = 0; t < TRIALS; t++) {
            int k = best_other(score, K, s->codes[best]);
            s->trial[t][best] = k, score[k] = INFINITY;
        }
    }
}

/* Decode the trials; codes gets the best one of each place, where it helps. */
static void try_codes(struct search *s)
{
    struct vq_desk *d = s->d;
    struct loss loss[TRIALS][VQ_CODES];
    int32_t codes[VQ_CODES];
    memcpy(codes, s->codes, sizeof codes);
    for (int t = 0; t < TRIALS; t++) {
        for (int i = 0; i < s->places; i++) codes[s->place[i]] = s->trial[t][s->place[i]];
        vq_look_up(s->vq, codes, d->x + t * VQ_NUMBERS);
    }
    vq_correct(s->vq, s->vq->decoder, TRIALS, d);
    for (int t = 0; t < TRIALS; t++) painted_loss(d->y + t * VQ_NUMBERS, s->x, loss[t]);
    for (int i = 0; i < s->places; i++) {
        int place = s->place[i];
        struct loss least = loss_near(s->loss, place);
        s->rests[place] = true;
        for (int t = 0; t < TRIALS; t++) {
            struct loss now = loss_near(loss[t], place);
            if (is_less(now, least)) least = now, s->codes[place] = s->trial[t][place];
        }
    }
}

/* What lies beside a change may be tried again. */
static void wake(struct search *s, const int32_t before[VQ_CODES])
{
    for (int i = 0; i < s->places; i++)
        for (int k = 0; s->codes[s->place[i]] != before[s->place[i]] && k < VQ_CODES; k++)
            if (k != s->place[i] && are_within(k, s->place[i], 1)) s->rests[k] = false;
}

void vq_refine(const struct vq *vq, const float *x, int rounds, int32_t codes[VQ_CODES], struct vq_desk *d)
{
    struct search s = {.vq = vq, .x = x, .d = d, .codes = codes};
    struct loss loss[VQ_CODES];
    int32_t before[VQ_CODES];
    look(&s, s.loss);
    for (int round = 0; round < rounds; round++) {
        score_codes(&s);
        choose(&s);
        if (s.places == 0) break;
        memcpy(before, codes, sizeof before);
        try_codes(&s);
        look(&s, loss);
        if (is_less(sum_of(loss), sum_of(s.loss))) {
            wake(&s, before);
            memcpy(s.loss, loss, sizeof loss);
        } else {                                                 /* each helped its place, together they did not */
            memcpy(codes, before, sizeof before);
            look(&s, s.loss);
        }
    }
}
