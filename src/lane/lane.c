#include "accrued/lane.h"

#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define WAIT_POLL_MS 100
#define POSITION_COMMIT_IDLE_MS 1000
#define RESTORE_POLL_MS 5
/* A record larger than this is no billing line. */
#define RECORD_SIZE_LARGE 65536

static void set_readiness(struct lane *lane, enum lane_readiness readiness) {
    atomic_store(&lane->shared->readiness[lane->number], (int)readiness);
}

/* The reason first: whoever sees the lane wait finds out why. */
static void set_waiting(struct lane *lane, const char *reason) {
    struct lane_shared *shared = lane->shared;
    pthread_mutex_lock(shared->reasons_lock);
    (void)fault_set(&shared->reasons[lane->number], "%s", reason);
    pthread_mutex_unlock(shared->reasons_lock);
    set_readiness(lane, LANE_WAITING);
}

static void beat(struct lane *lane) {
    atomic_store(&lane->shared->beats[lane->number], clock_steady_ms());
}

static bool is_stopping(const struct lane *lane) {
    return atomic_load(&lane->shared->stop);
}

static void schema_path(const struct config *config, const char *file, char *to, size_t size) {
    (void)snprintf(to, size, "%s%s%s", file[0] == '/' ? "" : config->schemas.directory,
                   file[0] == '/' ? "" : "/", file);
}

static bool output_schema(const struct config *config, int64_t id, const char *file,
                          struct schema_ref *ret_ref, struct fault *fault) {
    char path[4096];
    schema_path(config, file, path, sizeof path);
    ret_ref->framing = config->schemas.framing;
    ret_ref->id = (uint32_t)id;
    return schema_fingerprint(path, &ret_ref->fingerprint, fault);
}

/* Writer schemas by id, and how outputs are framed. */
static bool open_schemas(struct lane *lane, struct fault *fault) {
    const struct config *config = lane->edition->config;
    size_t count = config->schemas.id_count;
    struct schema_file *files = calloc(count + 1, sizeof *files);
    char(*paths)[4096] = calloc(count + 1, sizeof *paths);
    REQUIRE(files != NULL && paths != NULL);
    for (size_t i = 0; i < count; i++) {
        schema_path(config, config->schemas.ids[i].file, paths[i], sizeof paths[i]);
        files[i] = (struct schema_file){config->schemas.ids[i].id, paths[i]};
    }
    char reader[4096];
    schema_path(config, "billing-line.avsc", reader, sizeof reader);
    lane->schemas = schema_set_open(reader, files, count, fault);
    free(files);
    free(paths);
    if (lane->schemas != NULL) {
        schema_set_use_registry(lane->schemas, lane->shared->registry);
    }
    return lane->schemas != NULL &&
           output_schema(config, config->schemas.accrual_id, "accrual.avsc", &lane->accrual_schema,
                         fault) &&
           output_schema(config, config->schemas.forgone_id, "forgone.avsc", &lane->forgone_schema,
                         fault);
}

/* The producer first: it may have to wait for a former transaction, and partitions must not be held
 * meanwhile (P33). */
static enum verdict open_clients(struct lane *lane, struct fault *fault) {
    const struct config *config = lane->edition->config;
    enum verdict verdict = VERDICT_STOP;
    char number[16];
    char client[32];
    (void)snprintf(number, sizeof number, "%d", lane->number);
    (void)snprintf(client, sizeof client, "lane%d", lane->number);
    const struct publisher_options outputs = {
        .client = client,
        .transactional_suffix = number,
        .input_topic = config->topics.billing_lines,
        .topics = {[OUTPUT_ACCRUALS] = config->topics.accruals,
                   [OUTPUT_FORGONE] = config->topics.accruals_forgone,
                   [OUTPUT_DEAD_LETTERS] = config->topics.billing_lines_dlq,
                   [OUTPUT_LEDGER] = config->topics.ledger},
    };
    lane->publisher = publisher_open(config, &outputs, &verdict, fault);
    if (lane->publisher == NULL) {
        return verdict;
    }
    lane->restorer = restorer_open(
        config, config->topics.ledger, client,
        (struct restore_hooks){lane_partition_block, lane_partition_restored, lane}, fault);
    lane->enricher = lane->restorer == NULL ? NULL : enricher_open(config, fault);
    if (lane->enricher == NULL || !lane_rerate_open(lane, fault)) {
        return VERDICT_STOP;
    }
    const struct source_options input = {
        .topic = config->topics.billing_lines,
        .group_id = config->kafka.group_id,
        .client = client,
        .member = number,
    };
    lane->source = source_open(
        config, &input,
        (struct source_hooks){lane_partition_assigned, lane_partition_revoked, lane}, fault);
    return lane->source == NULL ? VERDICT_REBUILD : VERDICT_COMMITTED;
}

struct lane *lane_open(struct lane_shared *shared, int number, enum verdict *ret_verdict,
                       struct fault *fault) {
    struct lane *lane = calloc(1, sizeof *lane);
    REQUIRE(lane != NULL);
    lane->shared = shared;
    lane->number = number;
    lane->rerate_partition = -1;
    lane->edition = editions_take(shared->editions);
    batch_init(&lane->batch);
    rating_init(&lane->rating);
    lane->rating.memo = catalog_memo_open(lane->edition->catalog);
    posting_init(&lane->posting);
    lane->counters = lane_counters_open(lane);
    ssize_t drawn = getrandom(&lane->incarnation_seed, sizeof lane->incarnation_seed, 0);
    REQUIRE(drawn == (ssize_t)sizeof lane->incarnation_seed);
    lane->incarnation_seed |= UINT64_C(1) << 63; /* never 0, whatever the partition */
    lane->idle_since_ms = clock_steady_ms();
    lane->lines_at_ms = lane->idle_since_ms;
    set_readiness(lane, LANE_STARTING);
    *ret_verdict = open_schemas(lane, fault) ? open_clients(lane, fault) : VERDICT_STOP;
    if (*ret_verdict != VERDICT_COMMITTED) {
        lane_free(lane);
        return NULL;
    }
    return lane;
}

void lane_free(struct lane *lane) {
    if (lane == NULL) {
        return;
    }
    set_readiness(lane, LANE_STOPPED);
    /* No transaction may be open when the consumer's last rebalance runs (P16). */
    publisher_free(lane->publisher);
    batch_release(&lane->batch);
    source_free(lane->source);
    lane_partitions_release(lane);
    restorer_free(lane->restorer);
    lane_rerate_free(lane);
    enricher_free(lane->enricher);
    schema_set_free(lane->schemas);
    group_snapshot_free(lane->snapshot);
    catalog_memo_free(lane->rating.memo);
    rating_release(&lane->rating);
    posting_release(&lane->posting);
    lane_counters_free(lane->counters);
    edition_drop(lane->edition);
    free(lane);
}

/* A reload has put another edition: from here on lines are rated under it. What the open
 * transaction would have posted is posted again under the new one; nothing of it was sent. */
static void take_edition(struct lane *lane) {
    if (!editions_has_newer(lane->shared->editions, lane->edition) ||
        lane_files_are_loading(lane)) {
        return;
    }
    struct edition *old = lane->edition;
    lane->edition = editions_take(lane->shared->editions);
    for (size_t i = 0; i < lane->partition_count; i++) {
        ledger_abort(lane->partitions[i].ledger);
        ledger_take_programs(lane->partitions[i].ledger, lane->edition->programs);
    }
    catalog_memo_free(lane->rating.memo);
    lane->rating.memo = catalog_memo_open(lane->edition->catalog);
    enricher_configure(lane->enricher, lane->edition->config);
    lane_rerate_take_edition(lane);
    lane_count_programs(lane);
    edition_drop(old);
    log_event(LOG_INFO, "edition_taken", "lane=%d edition=%lld programs_revision=%lld",
              lane->number, (long long)lane->edition->number,
              (long long)lane->edition->programs->revision);
}

/* Takes a record into the batch, unless it is not ours to process. */
static void take_record(struct lane *lane, struct source_record *record) {
    struct lane_partition *partition = lane_partition_find(lane, record->partition);
    if (partition == NULL || partition->state != PARTITION_READY ||
        record->offset < partition->gather_next) {
        /* Fetched before a pause or seek took hold, or fetched twice (librdkafka before 2.4). */
        source_record_release(record);
        return;
    }
    if (partition->batch_start < 0) {
        partition->batch_start = record->offset;
        partition->batch_first = lane->batch.count;
    }
    partition->gather_next = record->offset + 1;
    partition->gathered++;
    struct batch_item *item = batch_add(&lane->batch, record);
    item->state = record->offset < ledger_position(partition->ledger).next_offset ? ITEM_SKIPPED
                                                                                  : ITEM_GATHERED;
}

/* The membership under which this batch may commit. Taken when the batch begins and again whenever
 * a rebalance ran in between, straight after the poll in which it ran (P3). */
static bool refresh_snapshot(struct lane *lane) {
    if (lane->snapshot != NULL && !lane->membership_changed) {
        return true;
    }
    struct fault ignored;
    group_snapshot_free(lane->snapshot);
    lane->snapshot = source_snapshot(lane->source, &ignored);
    lane->membership_changed = lane->snapshot == NULL;
    return lane->snapshot != NULL;
}

static bool batch_is_full(const struct lane *lane) {
    const struct config *config = lane->edition->config;
    return lane->batch.count >= (size_t)config->batch.lines_max ||
           lane->batch.record_bytes >= (size_t)config->batch.bytes_max;
}

/* So many records may be taken at once that the batch's limit in bytes holds, unless they are
 * larger than lines ever are. */
static size_t records_wanted(const struct lane *lane) {
    const struct config *config = lane->edition->config;
    size_t lines = (size_t)config->batch.lines_max - lane->batch.count;
    size_t large = ((size_t)config->batch.bytes_max - lane->batch.record_bytes) / RECORD_SIZE_LARGE;
    size_t wanted = lines < large ? lines : large;
    return wanted < 1 ? 1 : wanted < SOURCE_RECORDS_MAX ? wanted : SOURCE_RECORDS_MAX;
}

/* Fills the batch until the input is drained or a limit is reached: a quiet stream commits at once,
 * a backlog in large transactions. */
static enum verdict gather(struct lane *lane, struct fault *fault) {
    batch_clear(&lane->batch);
    group_snapshot_free(lane->snapshot);
    lane->snapshot = NULL;
    int timeout_ms = lane_rerate_is_due(lane)          ? 0
                     : lane_partitions_all_ready(lane) ? (int)lane->edition->config->batch.wait_ms
                                                       : RESTORE_POLL_MS;
    while (!batch_is_full(lane)) {
        struct source_record records[SOURCE_RECORDS_MAX];
        size_t count = 0;
        enum source_result result =
            source_poll(lane->source, timeout_ms, records, records_wanted(lane), &count, fault);
        for (size_t i = 0; i < count; i++) {
            take_record(lane, &records[i]);
        }
        if (result == SOURCE_LOST) {
            return VERDICT_REBUILD;
        }
        if (result == SOURCE_NOTHING) {
            break;
        }
        if (!refresh_snapshot(lane)) {
            break;
        }
        timeout_ms = 0;
    }
    lane->is_drained = !batch_is_full(lane);
    return VERDICT_COMMITTED;
}

/* Records that stay in the batch while it waits must not be overtaken: partitions are paused, and
 * flow again from where gathering stopped. */
static void pause_all(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].state == PARTITION_READY) {
            source_pause(lane->source, lane->partitions[i].number);
        }
    }
}

static enum verdict resume_all(struct lane *lane, struct fault *fault) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        if (partition->state == PARTITION_READY &&
            !source_start(lane->source, partition->number, partition->gather_next, fault)) {
            return VERDICT_REBUILD;
        }
    }
    return VERDICT_COMMITTED;
}

/* Tells a record's schema, then what it needs. */
static enum verdict prepare_batch(struct lane *lane, struct fault *fault) {
    enum verdict verdict = lane_decode(lane, fault);
    lane_partitions_report_gathered(lane);
    return verdict == VERDICT_COMMITTED ? lane_work(lane, fault) : verdict;
}

static void log_missing(const struct lane *lane, const struct fault *fault) {
    log_event(LOG_WARN, lane->undecoded_count > 0 ? "schema_missing" : "reference_data_missing",
              "lane=%d lines=%zu reason=%s", lane->number, lane->batch.count,
              log_quote(fault->text));
}

/* Reference data, or the schema of a record, is not to be had. Membership is kept by polling;
 * nothing is guessed. */
static enum verdict wait_for_world(struct lane *lane, struct fault *fault) {
    bool is_schema = lane->undecoded_count > 0;
    log_missing(lane, fault);
    set_waiting(lane, fault->text);
    lane_count_waiting(lane, true);
    int64_t started_ms = clock_steady_ms();
    pause_all(lane);
    enum verdict verdict = VERDICT_WAIT;
    while (verdict == VERDICT_WAIT && !is_stopping(lane)) {
        beat(lane);
        take_edition(lane);
        struct source_record records[SOURCE_RECORDS_MAX];
        size_t count = 0;
        enum source_result result =
            source_poll(lane->source, WAIT_POLL_MS, records, SOURCE_RECORDS_MAX, &count, fault);
        for (size_t i = 0; i < count; i++) {
            source_record_release(&records[i]); /* from before the pause; it comes again */
        }
        if (result == SOURCE_LOST) {
            return VERDICT_REBUILD;
        }
        enricher_serve(lane->enricher, clock_steady_ms());
        lane_count_enricher(lane);
        lane_count_registry(lane);
        verdict = prepare_batch(lane, fault);
        if (verdict == VERDICT_WAIT) {
            set_waiting(lane, fault->text);
        }
        if (verdict == VERDICT_WAIT && is_schema && lane->undecoded_count == 0) {
            is_schema = false; /* now it is the other thing */
            log_missing(lane, fault);
        }
    }
    lane_count_waiting(lane, false);
    if (verdict == VERDICT_WAIT) {
        return VERDICT_WAIT;
    }
    log_event(LOG_INFO, is_schema ? "schema_back" : "reference_data_back", "lane=%d waited_ms=%lld",
              lane->number, (long long)(clock_steady_ms() - started_ms));
    enum verdict resumed = resume_all(lane, fault);
    return resumed == VERDICT_COMMITTED ? verdict : resumed;
}

static bool batch_has_work(const struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].batch_start >= 0) {
            return true;
        }
    }
    return false;
}

/* Without a membership that may commit, the batch is gathered again later. */
static enum verdict give_back(struct lane *lane, struct fault *fault) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        if (partition->batch_start >= 0) {
            if (!source_seek(lane->source, partition->number, partition->batch_start, fault)) {
                return VERDICT_REBUILD;
            }
            partition->gather_next = partition->batch_start;
            partition->batch_start = -1;
            partition->gathered = 0;
        }
    }
    batch_clear(&lane->batch);
    return VERDICT_COMMITTED;
}

static enum verdict process_batch(struct lane *lane, struct fault *fault) {
    enum verdict verdict = prepare_batch(lane, fault);
    if (verdict == VERDICT_WAIT) {
        verdict = wait_for_world(lane, fault);
        if (verdict == VERDICT_WAIT) {
            return VERDICT_COMMITTED; /* told to stop while waiting: the batch stays unprocessed */
        }
    }
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    if (!batch_has_work(lane)) {
        return VERDICT_COMMITTED; /* everything in it was taken away while it waited */
    }
    if (!refresh_snapshot(lane)) {
        return give_back(lane, fault);
    }
    return lane_transact(lane, fault);
}

/* With nothing to do: bring the committed position past control markers, so that lag reaches 0. */
static enum verdict idle(struct lane *lane, struct fault *fault) {
    int64_t now_ms = clock_steady_ms();
    if (now_ms - lane->idle_since_ms < POSITION_COMMIT_IDLE_MS) {
        return VERDICT_COMMITTED;
    }
    lane->idle_since_ms = now_ms;
    return lane_commit_positions(lane, fault);
}

/* Before the first rebalance there is no membership; later there may be one without partitions. */
static bool is_member(struct lane *lane) {
    struct fault ignored;
    struct group_snapshot *snapshot = source_snapshot(lane->source, &ignored);
    bool is_one = snapshot != NULL;
    group_snapshot_free(snapshot);
    return is_one;
}

/* A lane without lines does not notice that it could not rate any: it is asked, and says so once.
 */
static void update_readiness(struct lane *lane) {
    const char *why = NULL;
    bool was_away = lane->is_reference_away;
    lane->is_reference_away = !enricher_can_serve(lane->enricher, clock_steady_ms(), &why);
    if (lane->partition_count == 0) {
        set_readiness(lane, is_member(lane) ? LANE_UNASSIGNED : LANE_JOINING);
    } else if (!lane_partitions_all_ready(lane)) {
        set_readiness(lane, LANE_RESTORING);
    } else if (lane->is_reference_away) {
        set_waiting(lane, why);
    } else {
        set_readiness(lane, LANE_READY);
    }
    lane_count_waiting(lane, lane->is_reference_away);
    if (lane->is_reference_away && !was_away) {
        log_event(LOG_WARN, "reference_data_away", "lane=%d reason=%s", lane->number,
                  log_quote(why));
    } else if (was_away && !lane->is_reference_away) {
        log_event(LOG_INFO, "reference_data_at_hand", "lane=%d", lane->number);
    }
}

static enum verdict round_once(struct lane *lane, struct fault *fault) {
    beat(lane);
    take_edition(lane);
    enricher_serve(lane->enricher, clock_steady_ms());
    enum verdict verdict = lane_partitions_step(lane, fault);
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    update_readiness(lane);
    lane_answer(lane);
    verdict = lane_rerate_listen(lane, fault);
    if (verdict == VERDICT_COMMITTED) {
        verdict = gather(lane, fault);
    }
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    int64_t started_ms = clock_steady_ms();
    if (batch_has_work(lane)) {
        verdict = process_batch(lane, fault);
        lane_partitions_rest(lane);
        lane->idle_since_ms = clock_steady_ms();
        lane->lines_at_ms = lane->idle_since_ms;
    } else {
        batch_clear(&lane->batch); /* all that was gathered was taken away */
        verdict = idle(lane, fault);
    }
    if (verdict == VERDICT_COMMITTED && lane_rerate_is_due(lane) && !batch_has_work(lane) &&
        refresh_snapshot(lane)) {
        verdict = lane_rerate_step(lane, clock_steady_ms() - started_ms, fault);
        lane_partitions_rest(lane);
    }
    lane_partitions_report_lag(lane);
    lane_partitions_mark(lane);
    lane_count_enricher(lane);
    lane_count_registry(lane);
    return verdict;
}

enum verdict lane_run(struct lane *lane, bool *ret_committed, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    while (verdict == VERDICT_COMMITTED && !is_stopping(lane)) {
        verdict = round_once(lane, fault);
    }
    /* What a reload brought meanwhile may be what it lacks: others have written its ledger under
     * newer programs. */
    if (verdict == VERDICT_STOP && editions_has_newer(lane->shared->editions, lane->edition)) {
        verdict = VERDICT_REBUILD;
    }
    *ret_committed = lane->has_committed;
    return verdict;
}
