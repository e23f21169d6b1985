/* The training loop: batches from the stream, passes on all threads, one optimizer step, now and then a validation and
 * a checkpoint. Nothing is allocated inside a step. A run is equal, bit for bit, to one that was stopped at any step's
 * checkpoint and resumed, as long as the number of threads and the machine's matrix kernels stay the same.
 */
#ifndef CORE_TRAINER_H
#define CORE_TRAINER_H

#include "core/model.h"
#include "core/optimizer.h"
#include "core/stream.h"

#include <signal.h>

struct trainer_options {
    long steps;               /* total, counted from the very first */
    int batch;                /* positions a step, about: rounded up to whole micro-batches */
    int micro;                /* positions of one pass (one thread's slab) */
    int threads;              /* 0: as many as there are processors */
    double rate;              /* peak learning rate */
    double rate_least;        /* share of it at the end */
    long warmup, decay;       /* steps */
    long valid_every;         /* steps between validations */
    int valid_tokens;         /* positions of a source looked at in one */
    long save_every;          /* steps between checkpoints */
    double save_seconds;      /* also when this much time has passed; 0 = never */
    struct optimizer_options optimizer;
    const char *folder;       /* gets loss.tsv and checkpoints/ */
    bool resume;
};

/* What the caller may show; called at every step, and with valid set behind a validation. */
struct trainer_report {
    long step, steps;
    uint64_t tokens;
    double loss;              /* mean of this step, nats a token */
    double norm, rate;
    double tokens_per_second; /* of this session */
    double seconds_left;
    bool has_valid;
    double valid;             /* mean of the sources' losses weighted by their weights, nats a token */
    const double *valid_of;   /* (sources) */
    bool best;                /* lowest so far */
    bool saved;               /* a checkpoint was written */
    const char *note;         /* a line for the user, or NULL */
};

struct trainer_hooks {
    void *context;
    void (*report)(void *context, const struct trainer_report *report);
    /* Called when a validation was the best so far, and at the end if there was none: write the model where users load it. */
    bool (*keep)(void *context, const struct model *model, struct error *error);
    const volatile sig_atomic_t *stop;   /* becomes non-zero: checkpoint and return ERROR_STOPPED */
};

bool trainer_run(struct model *model, struct stream *stream, const struct trainer_options *options, const struct trainer_hooks *hooks, struct error *error);

#endif
