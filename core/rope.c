/* Rotary positions; see rope.h. */
#include "core/rope.h"

#include <math.h>

static const double TURN = 6.283185307179586476925;

/* The pair (as a real number) whose wave goes round `rounds` times within the original context. */
static double pair_of(const struct config *c, double rounds)
{
    return c->D * log(c->rope_scaling.original / (rounds * TURN)) / (2 * log(c->rope_theta));
}

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static double yarn(const struct config *c, int i, double plain)
{
    double low = fmax(floor(pair_of(c, c->rope_scaling.high)), 0), high = fmin(ceil(pair_of(c, c->rope_scaling.low)), c->D - 1);
    if (low >= high) high = low + 0.001;
    double ramp = clamp((i - low) / (high - low), 0, 1);
    return plain / c->rope_scaling.factor * ramp + plain * (1 - ramp);
}

static double llama3(const struct rope_scaling *s, double plain)
{
    double wave = TURN / plain;
    if (wave < s->original / s->high) return plain;
    if (wave > s->original / s->low) return plain / s->factor;
    double smooth = (s->original / wave - s->low) / (s->high - s->low);
    return (1 - smooth) * plain / s->factor + smooth * plain;
}

float rope_frequency(const struct config *c, int i)
{
    float plain = (float)(1.0 / pow(c->rope_theta, (double)(2 * i) / c->D));
    switch (c->rope_scaling.kind) {
    case ROPE_LINEAR: return (float)((double)plain / c->rope_scaling.factor);
    case ROPE_LLAMA3: return (float)llama3(&c->rope_scaling, (double)plain);
    case ROPE_YARN: return (float)yarn(c, i, (double)plain);
    default: return plain;
    }
}

void rope_table(const struct config *c, int T, float *table)
{
    if (c->learned_positions) return;
    double scale = c->rope_scaling.kind == ROPE_YARN ? c->rope_scaling.attention : 1;
    for (int i = 0; i < c->D / 2; i++) {
        float turn = rope_frequency(c, i);
        for (int t = 0; t < T; t++) {
            float angle = (float)t * turn;
            table[(long)t * c->D + 2 * i] = (float)(cos((double)angle) * scale);
            table[(long)t * c->D + 2 * i + 1] = (float)(sin((double)angle) * scale);
        }
    }
}

void rope_forward(float *x, const float *row, int D)
{
    for (int i = 0; i < D / 2; i++) {
        float a = x[i], b = x[i + D / 2], c = row[2 * i], s = row[2 * i + 1];
        x[i] = a * c - b * s;
        x[i + D / 2] = b * c + a * s;
    }
}

void rope_backward(float *x, const float *row, int D)
{
    for (int i = 0; i < D / 2; i++) {
        float a = x[i], b = x[i + D / 2], c = row[2 * i], s = row[2 * i + 1];
        x[i] = a * c + b * s;
        x[i + D / 2] = b * c - a * s;
    }
}
