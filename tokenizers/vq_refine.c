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
 * than before: measured on bytes, as painted, as codes_loss does. So codes never get worse, and the same sprite gives the same codes. */
#include "core/simd.h"
#include "tokenizers/vq_inside.h"

#include <math.h>
#include <string.h>

enum { TRIALS = VQ_TRIALS, APART = 3, NUMBERS = VQ_NUMBERS };
static const float STEP = 0.5f;
static const double ALPHA = 0.15;

struct search {
    const struct vq *vq;
    const float *x;                          /* (256, 16) what is wanted */
    struct vq_desk *d;
    int32_t *codes;                          /* (256) */
    int32_t error[VQ_CODES];                 /* of the picture as it is, a place */
    bool rests[VQ_CODES];
    int place[VQ_CODES], places;             /* to be changed in this round */
    int32_t trial[TRIALS][VQ_CODES];         /* codes to try there */
};

/* The squared errors of a painted picture, a place: bytes of RGB on mid-grey. */
static void painted_error(const float *y, const float *x, int32_t error[VQ_CODES])
{
    for (int place = 0; place < VQ_CODES; place++) {
        error[place] = 0;
        for (int k = 0; k < 4; k++, y += 4, x += 4) {
            uint8_t is[4], wanted[4];
            vq_pixel(y, is), vq_pixel(x, wanted);
            for (int d = 0; d < 3; d++) {
                int e = (is[3] ? is[d] : VQ_GREY) - (wanted[3] ? wanted[d] : VQ_GREY);
                error[place] += e * e;
            }
        }
    }
}

static int64_t sum_of(const int32_t error[VQ_CODES])
{
    int64_t sum = 0;
    for (int i = 0; i < VQ_CODES; i++) sum += error[i];
    return sum;
}

/* The error of a place and those around it. */
static int64_t error_near(const int32_t error[VQ_CODES], int place)
{
    int64_t sum = 0;
    for (int i = 0; i < 9; i++) {
        int row = place / CONV_SIDE + i / 3 - 1, column = place % CONV_SIDE + i % 3 - 1;
        if (row >= 0 && row < CONV_SIDE && column >= 0 && column < CONV_SIDE) sum += error[row * CONV_SIDE + column];
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

/* score (256, K) of all codes: less is better, differences are what the change is thought to save. Decodes; d->y and d->kept are of the picture as it is. */
static void score_codes(struct search *s)
{
    struct vq_desk *d = s->d;
    int32_t nearest[VQ_CODES];
    float by = (float)(VQ_NUMBERS * 3 / 4 / (2 * 255.0 * 255)) / (2 * STEP);
    vq_look_up(s->vq, s->codes, d->x);
    vq_correct(s->vq, s->vq->decoder, 1, d);
    (void)vq_error(d->y, s->x, ALPHA, d->dy);
    conv_backward(&s->vq->net, s->vq->decoder, 1, d->x, d->kept, d->dy, NULL, d->dx, d->scratch);
    for (int i = 0; i < NUMBERS; i++) d->dx[i] = d->x[i] - 2 * by * (d->dx[i] + d->dy[i]);
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
        if ((free[i] = !s->rests[i] && error_near(s->error, i) > 0)) gain[i] = score[s->codes[i]] - score[best_other(score, K, s->codes[i])];
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

/* Decode the trials; codes gets the best one of each place, where it helps. Returns how many places changed. */
static int try_codes(struct search *s)
{
    struct vq_desk *d = s->d;
    int32_t codes[VQ_CODES], error[TRIALS][VQ_CODES];
    int changes = 0;
    memcpy(codes, s->codes, sizeof codes);
    for (int t = 0; t < TRIALS; t++) {
        for (int i = 0; i < s->places; i++) codes[s->place[i]] = s->trial[t][s->place[i]];
        vq_look_up(s->vq, codes, d->x + t * NUMBERS);
    }
    vq_correct(s->vq, s->vq->decoder, TRIALS, d);
    for (int t = 0; t < TRIALS; t++) painted_error(d->y + t * NUMBERS, s->x, error[t]);
    for (int i = 0; i < s->places; i++) {
        int place = s->place[i];
        int64_t least = error_near(s->error, place);
        bool changed = false;
        s->rests[place] = true;
        for (int t = 0; t < TRIALS; t++) {
            int64_t now = error_near(error[t], place);
            if (now < least) least = now, s->codes[place] = s->trial[t][place], changed = true;
        }
        changes += changed;
    }
    return changes;
}

void vq_refine(const struct vq *vq, const float *x, int rounds, int32_t codes[VQ_CODES], struct vq_desk *d)
{
    struct search s = {.vq = vq, .x = x, .d = d, .codes = codes};
    int32_t before[VQ_CODES], error[VQ_CODES];
    for (int round = 0; round <= rounds; round++) {
        score_codes(&s);
        painted_error(d->y, x, error);
        if (round > 0 && sum_of(error) >= sum_of(s.error)) {                 /* together the changes did not help */
            memcpy(codes, before, sizeof before);
            if (round < rounds) score_codes(&s);
        } else {
            memcpy(s.error, error, sizeof error);
            for (int i = 0; round > 0 && i < s.places; i++)
                for (int k = 0; codes[s.place[i]] != before[s.place[i]] && k < VQ_CODES; k++)
                    if (k != s.place[i] && are_within(k, s.place[i], 1)) s.rests[k] = false;
        }
        if (round == rounds) break;
        choose(&s);
        memcpy(before, codes, sizeof before);
        if (s.places == 0) break;
        (void)try_codes(&s);
    }
}
