/* Any way of making sequences that the options ask for: greedy, drawn, beam search and beam sampling, group (diverse) beam search,
 * constrained beam search, contrastive search. Each gives the same sequences and scores as Hugging Face's generate(): beam search
 * as in its version 5, the three that version 5 dropped from its core as in 4.51.
 *
 *   beam          the num_beams likeliest beginnings go on side by side; finished ones are kept by log-probability / length^length_penalty
 *   group beam    num_beam_groups such searches, one after the other in each step; a later one avoids what the earlier ones took
 *   constrained   beams that also hold those beginnings which are nearest to all of force_words_ids
 *   contrastive   of the top_k likeliest ids the one whose hidden state is least like those before (Su et al. 2022)
 *
 * With beams, log-probabilities run through the whole chain of steps, as there.
 */
#ifndef CORE_SEARCH_H
#define CORE_SEARCH_H

#include "core/generate.h"

struct search_result {
    struct ids_list sequences;   /* prompt included; of one search filled up to one length */
    double *scores;              /* (sequences.n), owned; NULL where the search has none (no beams) */
};
void search_result_free(struct search_result *result);

/* Make num_return_sequences sequences from one request, in a session of its own. on_token is called without beams only. */
bool search(const struct runner *runner, const struct generate_request *request, struct search_result *result, struct error *error);

#endif
