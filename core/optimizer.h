/* The optimizers: AdamW (Loshchilov & Hutter 2019) for embeddings and norms, and for the matrices inside the layers
 * either AdamW too or Muon (Jordan et al. 2024): Nesterov momentum whose direction is made orthogonal by five
 * Newton-Schulz iterations, scaled by 0.2 sqrt(max(rows, cols)) so that one learning rate suits both.
 *
 * Weight decay is decoupled and touches parameters of two dimensions only. Clipping scales the whole gradient to a norm.
 */
#ifndef CORE_OPTIMIZER_H
#define CORE_OPTIMIZER_H

#include "core/model.h"
#include "core/threads.h"

struct optimizer_options {
    bool muon;            /* Muon for PARAMETER_MATRIX; else AdamW everywhere */
    double beta1, beta2, eps;
    double momentum;      /* of Muon */
    double weight_decay;
    double clip;          /* largest gradient norm; 0 = no clipping */
};
#define OPTIMIZER_OPTIONS_DEFAULT ((struct optimizer_options){ \
    .muon = true, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .momentum = 0.95, .weight_decay = 0.1, .clip = 1.0})

struct optimizer {
    struct optimizer_options options;
    long step;            /* steps done */
    float *first;         /* (numbers): Adam's m, Muon's momentum */
    float *second;        /* (numbers): Adam's v; unused for Muon's matrices */
    float **scratch;      /* (workers): Newton-Schulz */
    int workers;
};

bool optimizer_init(struct optimizer *optimizer, const struct model *model, const struct optimizer_options *options, int workers, struct error *error);
void optimizer_free(struct optimizer *optimizer);

/* One step with this learning rate. The gradients are clipped in place; returns their norm before clipping. */
double optimizer_step(struct optimizer *optimizer, struct model *model, float *gradients, double learning_rate, struct threads *pool);

/* Warm-up, stable, decay: linear from 0 over `warmup` steps, constant, linear to `least` * peak over the last `decay` steps of `total`. */
double optimizer_schedule(long step, long total, long warmup, long decay, double peak, double least);

#endif
