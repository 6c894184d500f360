/* explain_find.h: what Kafka has of one line. Private to cli. Main thread.
 *
 * Everything that is found is copied into the arena. Progress is told on standard error. */
#ifndef ACCRUED_CLI_EXPLAIN_FIND_H
#define ACCRUED_CLI_EXPLAIN_FIND_H

#include "explain.h"

/* A line's newest entry, of one customer. */
struct found_line {
    struct text customer_id;
    struct text entry; /* packed bytes, entry.h */
    const struct program_names *names;
    int32_t partition;
    uint64_t block_id;
};

/* Where a partition's ledger stands. */
struct found_partition {
    int64_t next_offset; /* −1: its ledger has no block */
    int32_t horizon;
};

struct found_lines {
    struct arena *arena;
    struct text line_id;
    struct text customer_id;
    struct found_line *items;
    size_t count;
    size_t capacity;
    struct found_partition *partitions;
    int32_t partition_count;
    int32_t partition; /* the only one that is looked into; −1: all */
};

/* Reads the ledger's topic, or the local file if one was named. false: *fault. */
bool explain_find_lines(struct found_lines *found, const struct explain_options *options,
                        const struct config *config, struct fault *fault);
void explain_find_lines_release(struct found_lines *found);

/* The found line's state in terms of `programs`, and what of it they lack. */
bool explain_found_state(const struct found_line *line, const struct programs *programs,
                         struct arena *arena, struct line_state *ret_state,
                         struct texts *ret_unconfigured, struct fault *fault);

/* Fills in deltas, letters and records of explanation->state, or of the line that the ledger does
 * not know. false: *fault. */
bool explain_find_published(struct explanation *explanation, const struct explain_options *options,
                            const struct config *config, struct arena *arena, struct fault *fault);
bool explain_find_letters(struct explanation *explanation, const struct config *config,
                          struct arena *arena, struct fault *fault);
bool explain_find_records(struct explanation *explanation, const struct explain_options *options,
                          const struct config *config, const struct found_lines *found,
                          struct arena *arena, struct fault *fault);

#endif
