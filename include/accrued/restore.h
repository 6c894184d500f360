/* restore.h: reads partitions of a compacted topic back, blocks of the ledger or balances. Room:
 * source. Adapter: librdkafka.
 *
 * On assignment a partition is read, read_committed, until the end-of-partition event
 * reaches the high watermark that was asked after the group's committed offset was known
 * (architecture.md, "Restore on assignment"; transactions.md P51, P52). In slices, so that the
 * group and the other partitions go on. Owner's thread only. */
#ifndef ACCRUED_RESTORE_H
#define ACCRUED_RESTORE_H

#include "accrued/config.h"

struct restorer;

struct restore_hooks {
    /* A record's value, oldest first. false: it was refused (*fault), the partition cannot be
     * restored. */
    bool (*block)(void *context, int32_t partition, struct text value, struct fault *fault);
    /* Everything below the watermark has been read. */
    void (*done)(void *context, int32_t partition, int64_t high_watermark);
    void *context;
};

/* client: "lane0". NULL: *fault. */
struct restorer *restorer_open(const struct config *config, const char *topic, const char *client,
                               struct restore_hooks hooks, struct fault *fault);
void restorer_free(struct restorer *restorer);

enum restore_begin {
    RESTORE_BEGUN,
    RESTORE_LATER,     /* the cluster does not answer at the moment (*fault); try again */
    RESTORE_SHORTENED, /* the topic ends before `from` (*fault): it is not the one that was read */
};

/* Asks the high watermark and begins to read at offset `from`, −1: at the beginning. May call done
 * at once (nothing there). */
enum restore_begin restorer_begin(struct restorer *restorer, int32_t partition, int64_t from,
                                  struct fault *fault);
/* The high watermark now; −1: the cluster does not answer. */
int64_t restorer_watermark(struct restorer *restorer, int32_t partition);
/* Offsets of the topic that are still to be read for the partition; 0: it is not under way. */
int64_t restorer_remaining(const struct restorer *restorer, int32_t partition);
/* Forgets a partition that was taken away. */
void restorer_cancel(struct restorer *restorer, int32_t partition);
/* Reads for at most budget_ms. false: a block was refused or reading cannot go on (*fault). */
bool restorer_step(struct restorer *restorer, int64_t budget_ms, struct fault *fault);
/* How often what has been read of a partition goes into all of it, in thousandths; 0: not known. */
int64_t restorer_multiple(const struct restorer *restorer, int32_t partition);
/* Partitions under way. */
size_t restorer_count(const struct restorer *restorer);

#endif
