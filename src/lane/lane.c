#include "accrued/lane.h"

#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define POSITION_COMMIT_IDLE_MS 1000

static void set_readiness(struct lane *lane, enum lane_readiness readiness) {
    atomic_store(&lane->shared->readiness[lane->number], (int)readiness);
}

/* The reason first: whoever sees the lane wait finds out why. */
void lane_set_waiting(struct lane *lane, const char *reason) {
    struct lane_shared *shared = lane->shared;
    pthread_mutex_lock(shared->reasons_lock);
    (void)fault_set(&shared->reasons[lane->number], "%s", reason);
    pthread_mutex_unlock(shared->reasons_lock);
    set_readiness(lane, LANE_WAITING);
}

void lane_beat(struct lane *lane) {
    atomic_store(&lane->shared->beats[lane->number], clock_steady_ms());
}

bool lane_is_stopping(const struct lane *lane) {
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

void lane_take_edition(struct lane *lane) {
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
        lane_set_waiting(lane, why);
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
    lane_beat(lane);
    lane_take_edition(lane);
    enricher_serve(lane->enricher, clock_steady_ms());
    enum verdict verdict = lane_partitions_step(lane, fault);
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    update_readiness(lane);
    lane_answer(lane);
    verdict = lane_rerate_listen(lane, fault);
    if (verdict == VERDICT_COMMITTED) {
        verdict = lane_fill_batch(lane, fault);
    }
    if (verdict != VERDICT_COMMITTED) {
        return verdict == VERDICT_WAIT ? VERDICT_COMMITTED : verdict;
    }
    if (lane_batch_has_work(lane)) {
        verdict =
            lane_refresh_snapshot(lane) ? lane_transact(lane, fault) : lane_give_back(lane, fault);
        lane->idle_since_ms = clock_steady_ms();
        lane->lines_at_ms = lane->idle_since_ms;
    } else {
        batch_clear(&lane->batch); /* all that was gathered was taken away */
        verdict = idle(lane, fault);
    }
    if (verdict == VERDICT_COMMITTED && lane_rerate_is_due(lane) && !lane_batch_has_work(lane) &&
        lane_refresh_snapshot(lane)) {
        verdict = lane_rerate_step(lane, clock_steady_ms() - lane->working_since_ms, fault);
    }
    lane_partitions_report_lag(lane);
    lane_partitions_mark(lane);
    lane_count_enricher(lane);
    lane_count_registry(lane);
    return verdict;
}

enum verdict lane_run(struct lane *lane, bool *ret_committed, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    while (verdict == VERDICT_COMMITTED && !lane_is_stopping(lane)) {
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
