/* lane_state.h: the lane's insides, shared by its files. Private to the lane.
 *
 *   lane.c        the loop, opening and closing
 *   portions.c    a batch is gathered and worked on, portion by portion
 *   partitions.c  what is owned: restore on assignment, revocation, lag
 *   files.c       local files of the partitions' ledgers
 *   loading.c     … are read by threads
 *   work.c        decode → enrich → rate → post → outputs of one portion
 *   outputs.c     events → records to publish
 *   transact.c    begin → send → commit, or abort and rewind
 *   rerate.c      requests to rate past lines again, a chunk between two batches
 *   share.c       … and how much of the time that may take
 *   answer.c      questions about a line
 *   counts.c      metrics, changed only when a transaction has committed
 *   meter.c       lines in and their outcomes, per partition */
#ifndef ACCRUED_LANE_STATE_H
#define ACCRUED_LANE_STATE_H

#include "batch.h"
#include "meter.h"

#include "accrued/encode.h"
#include "accrued/enrich.h"
#include "accrued/lane.h"
#include "accrued/ledger.h"
#include "accrued/metrics.h"
#include "accrued/restore.h"

enum partition_state {
    PARTITION_ASSIGNED,  /* next: ask the group's committed offset */
    PARTITION_LOADING,   /* the local file is read; a thread may have the ledger */
    PARTITION_AWAITING,  /* next: ask the ledger's high watermark and begin to read */
    PARTITION_RESTORING, /* the restorer reads */
    PARTITION_RESTORED,  /* next: check the input's range and let it flow */
    PARTITION_READY,
};

/* What /metrics says of a partition that this process owns, beside its lag. */
struct partition_gauges {
    struct metric *lines;
    struct metric *bytes;
    struct metric *restored;
    struct metric *restore_seconds;
    struct metric *restore_file;
    struct metric *restore_remaining;
    struct metric *rerate_progress;
};

#define NO_ITEM SIZE_MAX

struct lane_partition {
    int32_t number;
    enum partition_state state;
    struct ledger *ledger;
    struct loading *loading; /* LOADING: the thread that has the ledger meanwhile, or NULL */
    int64_t told_at_ms;      /* when the progress of its restore was told last */
    int64_t committed;       /* the group's offset at assignment; −1: none */
    int64_t next_offset;     /* everything below is committed */
    int64_t gather_next;     /* everything below has been gathered */
    int64_t batch_start; /* where the batch at hand begins; −1: it has none of this partition */
    struct ledger_position batch_end; /* behind the last record of the batch */
    size_t first_item; /* the batch's first one, if it is of the portion at hand; or NO_ITEM */
    size_t last_item;  /* of the portion at hand; or NO_ITEM */
    size_t gathered;   /* records of the batch at hand */
    struct line_outcomes outcomes; /* of these */
    struct meter *meter;
    struct partition_gauges gauges;
    int64_t rerate_start; /* re-rate requests below it are done, in a ledger that says nothing of
                             them yet; −1: not asked */
    int64_t assigned_at_ms;
    size_t restored_blocks; /* from the topic */
    bool is_foreign;        /* the topic showed that the file is of another ledger */
    int64_t watermark;      /* of the ledger's topic, for the file's next mark; −1: not asked */
    int64_t marked_at_ms;   /* when it was asked */
};

struct lane_counters; /* counts.c */
struct lane_rerate;   /* rerate.c */

struct lane {
    struct lane_shared *shared;
    int number;
    struct edition *edition; /* in force; another one only between two transactions */
    struct source *source;
    struct publisher *publisher;
    struct restorer *restorer;
    struct enricher *enricher;
    struct schema_set *schemas;
    struct schema_ref accrual_schema;
    struct schema_ref forgone_schema;
    struct lane_partition *partitions; /* ascending by number */
    size_t partition_count;
    size_t partition_capacity;
    size_t partition_found; /* by the last search */
    struct batch batch;
    bool is_spoilt; /* the batch holds outputs of a partition that was taken away */
    bool is_whole;  /* the portion at hand is a large one, for which Redis is asked, and the last */
    size_t single_portions;          /* so many batches are of one portion only: one had to wait */
    int64_t working_since_ms;        /* that the first portion was gathered */
    size_t undecoded_count;          /* of the portion: their schemas are not known yet */
    struct group_snapshot *snapshot; /* of the membership under which the batch was gathered */
    bool membership_changed;         /* a hook ran: the snapshot is of yesterday */
    struct rating rating;
    struct posting posting;
    uint64_t incarnation_seed; /* for ledgers that begin here */
    int abort_count;           /* in a row, of the batch at hand */
    bool has_committed;
    bool is_drained;        /* the last gathering left nothing behind */
    bool is_reference_away; /* when it was asked last */
    int64_t idle_since_ms;
    int64_t lines_at_ms; /* when there were lines last */
    struct lane_rerate *rerate;
    int32_t rerate_partition; /* the transaction at hand rates this one's lines again; −1: it is of
                                 live lines */
    struct lane_counters *counters;
    uint64_t inquiry_seen; /* number of the last question that was looked at */
};

/* partitions.c */
struct lane_partition *lane_partition_find(struct lane *lane, int32_t number);
void lane_partition_assigned(void *context, int32_t number);
void lane_partition_revoked(void *context, int32_t number, bool lost);
bool lane_partition_block(void *context, int32_t number, struct text value, struct fault *fault);
void lane_partition_restored(void *context, int32_t number, int64_t high_watermark);
/* Now and then: asks how far the ledgers' topic is, for the local files, so that a restart reads
 * little. */
void lane_partitions_mark(struct lane *lane);
/* A transaction with the partition's offset in it has committed. Before the ledger's commit. */
void lane_partition_committed(struct lane_partition *partition);
void lane_partitions_release(struct lane *lane);
/* Moves every partition that is not ready one step on. COMMITTED, REBUILD or STOP. */
enum verdict lane_partitions_step(struct lane *lane, struct fault *fault);
bool lane_partitions_all_ready(const struct lane *lane);
void lane_partitions_report_lag(struct lane *lane);
/* How old the first line of each partition in the batch is; after lane_decode. */
void lane_partitions_report_gathered(struct lane *lane);

/* files.c: ASSIGNED → LOADING, and LOADING → AWAITING once all of the file has been read. COMMITTED
 * or STOP. */
enum verdict lane_file_attach(const struct lane *lane, struct lane_partition *partition,
                              struct fault *fault);
enum verdict lane_file_load(const struct lane *lane, struct lane_partition *partition,
                            struct fault *fault);
/* Do threads have ledgers of this lane at the moment? */
bool lane_files_are_loading(const struct lane *lane);

/* portions.c: fills the batch until the input is drained or a limit is reached. COMMITTED: its
 * outputs stand encoded, if lane_batch_has_work; WAIT: told to stop while it waited for reference
 * data or a schema; REBUILD. */
enum verdict lane_fill_batch(struct lane *lane, struct fault *fault);
bool lane_batch_has_work(const struct lane *lane);
/* The membership under which this batch may commit. Taken when the batch begins and again whenever
 * a rebalance ran in between, straight after the poll in which it ran (P3). */
bool lane_refresh_snapshot(struct lane *lane);
/* The batch is gathered again later. COMMITTED or REBUILD. */
enum verdict lane_give_back(struct lane *lane, struct fault *fault);

/* lane.c */
void lane_beat(struct lane *lane);
bool lane_is_stopping(const struct lane *lane);
void lane_set_waiting(struct lane *lane, const char *reason);
/* A reload has put another edition: from here on lines are rated under it. What the batch at hand
 * would have posted is posted again under the new one; nothing of it was sent. */
void lane_take_edition(struct lane *lane);

/* work.c: COMMITTED when every record is a line or a dead letter; WAIT when the registry has not
 * told what schema one has: called again, it goes on with those. */
enum verdict lane_decode(struct lane *lane, struct fault *fault);
/* What a block says of the last record of its input. */
uint64_t lane_record_hash(const struct source_record *record);
/* COMMITTED when the portion's outputs stand encoded; WAIT when reference data is not to be had;
 * AGAIN when some is not in the cache and Redis must not be asked. */
enum verdict lane_work(struct lane *lane, bool may_ask, struct fault *fault);

/* outputs.c: appends to the batch's outputs and sums. Sets provenance->reference_hash. */
void lane_encode_events(struct lane *lane, const struct posting *posting,
                        struct provenance *provenance);

/* transact.c: COMMITTED also after an abort that was certain; then abort_count is above 0. */
enum verdict lane_transact(struct lane *lane, struct fault *fault);
/* Nothing to do: commits positions that moved over control markers only (P58), and, unmoved, those
 * of partitions whose files want a mark. */
enum verdict lane_commit_positions(struct lane *lane, struct fault *fault);

/* rerate.c: after the enricher. */
/* Another edition is in force. */
void lane_rerate_take_edition(struct lane *lane);
bool lane_rerate_open(struct lane *lane, struct fault *fault);
void lane_rerate_free(struct lane *lane);
/* Takes in requests; what they name is read afresh from now on. Once a round, before gathering. */
enum verdict lane_rerate_listen(struct lane *lane, struct fault *fault);
/* Is there anything to rate again now? Then the round does not wait for input. */
bool lane_rerate_is_due(const struct lane *lane);
/* A chunk, if the time that live lines took allows it. */
enum verdict lane_rerate_step(struct lane *lane, int64_t live_ms, struct fault *fault);
/* Thousandths of the partition's ledger that the walk at hand has behind it; 1000: nothing is to be
 * done. */
int64_t lane_rerate_progress(const struct lane *lane, const struct lane_partition *partition);
/* The partition is taken away. */
void lane_rerate_drop(struct lane *lane, int32_t partition);
/* Live lines are rated with reference data read after the requests known by now: what a walk for
 * these would look at again is marked as done. */
int64_t lane_rerate_mark(const struct lane *lane, int64_t rerate_offset);
/* Before a seal: a ledger that begins says where it begins. */
void lane_rerate_begin_ledger(const struct lane_partition *partition);

/* answer.c: a question about a line, if there is one and the line is here. No transaction is open
 * and no batch gathered. */
void lane_answer(struct lane *lane);

/* counts.c */
struct lane_counters *lane_counters_open(const struct lane *lane);
void lane_counters_free(struct lane_counters *counters);
/* lines: of all partitions of the transaction. */
void lane_count_commit(struct lane *lane, size_t lines, int64_t duration_ms);
void lane_count_abort(struct lane *lane);
void lane_count_rebalance(struct lane *lane);
struct partition_gauges lane_partition_gauges(int32_t partition);
void lane_count_partition(const struct lane *lane, const struct lane_partition *partition);
/* It went to another lane or process: its gauges disappear. */
void lane_count_partition_gone(const struct lane_partition *partition);
/* The lane waits for reference data, or does no more. */
void lane_count_waiting(struct lane *lane, bool waits);
void lane_count_enricher(struct lane *lane);
/* Says what each program pays; again after another edition was taken. */
void lane_count_programs(const struct lane *lane);
void lane_count_registry(struct lane *lane);

#endif
