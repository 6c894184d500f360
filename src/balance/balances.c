#include "accrued/balances.h"

#include "state.h"

#include "accrued/clock.h"
#include "accrued/hash.h"
#include "accrued/lag.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENT "balances"
#define POSITION_COMMIT_IDLE_MS 1000
#define RECORD_SIZE_LARGE 65536
#define RESTORE_POLL_MS 5

char *balances_group(const struct config *config) {
    char *group = NULL;
    int size = asprintf(&group, "%s%s", config->kafka.group_id, BALANCES_GROUP_SUFFIX);
    REQUIRE(size > 0 && group != NULL);
    return group;
}

static void open_counters(struct balances_counters *counters) {
    static const int64_t seconds[] = {1,   2,   5,    10,   20,   50,    100,
                                      200, 500, 1000, 2000, 5000, 10000, 30000};
    const char *transactions = "accrued_balances_transactions_total";
    const char *help = "Kafka transactions of `accrued balances` by result.";
    *counters = (struct balances_counters){
        .accruals =
            metric_get("accrued_balances_accruals_total", METRIC_COUNTER, "Accruals added up.", ""),
        .published = metric_get("accrued_balances_published_total", METRIC_COUNTER,
                                "Balances published.", ""),
        .committed = metric_get(transactions, METRIC_COUNTER, help, "result=\"committed\""),
        .aborted = metric_get(transactions, METRIC_COUNTER, help, "result=\"aborted\""),
        .transaction_seconds = metric_histogram_get("accrued_balances_transaction_seconds",
                                                    "From begin to the end of commit.", "", seconds,
                                                    sizeof seconds / sizeof seconds[0], 3),
    };
}

static bool open_readers(struct balances *balances, struct fault *fault) {
    const struct config *config = balances->shared->config;
    char accruals[4096];
    char sums[4096];
    (void)snprintf(accruals, sizeof accruals, "%s/accrual.avsc", config->schemas.directory);
    (void)snprintf(sums, sizeof sums, "%s/accrual-balance.avsc", config->schemas.directory);
    balances->schema = (struct schema_ref){.framing = config->schemas.framing,
                                           .id = (uint32_t)config->schemas.balance_id};
    balances->accruals = accrual_reader_open(accruals, fault);
    balances->balances = balances->accruals == NULL ? NULL : balance_reader_open(sums, fault);
    return balances->balances != NULL &&
           schema_fingerprint(sums, &balances->schema.fingerprint, fault) &&
           schema_fingerprint(accruals, &balances->accrual_fingerprint, fault);
}

/* The producer first: it may have to wait for a former transaction (P33). */
static enum verdict open_clients(struct balances *balances, struct fault *fault) {
    const struct config *config = balances->shared->config;
    enum verdict verdict = VERDICT_STOP;
    const struct publisher_options outputs = {
        .client = CLIENT,
        .transactional_suffix = CLIENT,
        .input_topic = config->topics.accruals,
        .topics = {[OUTPUT_BALANCES] = config->topics.accrual_balances},
    };
    balances->publisher = publisher_open(config, &outputs, &verdict, fault);
    if (balances->publisher == NULL) {
        return verdict;
    }
    balances->restorer =
        restorer_open(config, config->topics.accrual_balances, CLIENT,
                      (struct restore_hooks){share_restore, share_restored, balances}, fault);
    if (balances->restorer == NULL) {
        return VERDICT_STOP;
    }
    const struct source_options input = {
        .topic = config->topics.accruals,
        .group_id = balances->group,
        .client = CLIENT,
        .member = CLIENT,
    };
    balances->source = source_open(
        config, &input, (struct source_hooks){share_assigned, share_revoked, balances}, fault);
    if (balances->source == NULL) {
        return VERDICT_REBUILD;
    }
    int32_t wanted = source_partition_count(balances->source);
    int32_t is = publisher_partition_count(balances->publisher, OUTPUT_BALANCES);
    if (is == wanted) {
        return VERDICT_COMMITTED;
    }
    fault_set(fault, "%s has %d partitions, %s has %d: sums are in the partition of their accruals",
              config->topics.accruals, wanted, config->topics.accrual_balances, is);
    return VERDICT_STOP;
}

struct balances *balances_open(struct balances_shared *shared, enum verdict *ret_verdict,
                               struct fault *fault) {
    struct balances *balances = calloc(1, sizeof *balances);
    REQUIRE(balances != NULL);
    balances->shared = shared;
    balances->group = balances_group(shared->config);
    buffer_init(&balances->key);
    buffer_init(&balances->value);
    open_counters(&balances->counters);
    balances->idle_since_ms = clock_steady_ms();
    atomic_store(&shared->has_committed, false);
    atomic_store(&shared->is_ready, false);
    *ret_verdict = open_readers(balances, fault) ? open_clients(balances, fault) : VERDICT_STOP;
    if (*ret_verdict != VERDICT_COMMITTED) {
        balances_free(balances);
        return NULL;
    }
    return balances;
}

void balances_free(struct balances *balances) {
    if (balances == NULL) {
        return;
    }
    atomic_store(&balances->shared->is_ready, false);
    /* No transaction may be open when the consumer's last rebalance runs (P16). */
    publisher_free(balances->publisher);
    source_free(balances->source);
    shares_release(balances);
    restorer_free(balances->restorer);
    accrual_reader_free(balances->accruals);
    balance_reader_free(balances->balances);
    group_snapshot_free(balances->snapshot);
    buffer_release(&balances->key);
    buffer_release(&balances->value);
    free(balances->group);
    free(balances);
}

static bool is_accrual_id(const struct config *config, uint32_t id) {
    for (size_t i = 0; i < config->schemas.id_count; i++) {
        const char *file = config->schemas.ids[i].file;
        const char *slash = strrchr(file, '/');
        if (config->schemas.ids[i].id == id &&
            strcmp(slash == NULL ? file : slash + 1, "accrual.avsc") == 0) {
            return true;
        }
    }
    return (int64_t)id == config->schemas.accrual_id;
}

/* Bytes of another schema might read as another amount. */
bool balances_read(struct balances *balances, struct text value,
                   struct published_accrual *ret_accrual, struct fault *fault) {
    struct schema_ref ref;
    struct text datum;
    struct reject reject;
    if (text_is_null(value) || !frame_parse(value, &ref, &datum, &reject)) {
        return fault_set(fault, "a record that is no accrual: %s",
                         text_is_null(value) ? "its value is null" : reject.message);
    }
    bool is_known = ref.framing == FRAMING_CONFLUENT
                        ? is_accrual_id(balances->shared->config, ref.id)
                        : ref.fingerprint == balances->accrual_fingerprint;
    if (!is_known && ref.framing == FRAMING_CONFLUENT) {
        return fault_set(fault, "schema id %u is not that of accrual.avsc (schemas.accrual_id)",
                         ref.id);
    }
    return is_known ? accrual_reader_read(balances->accruals, value, ret_accrual, fault)
                    : fault_set(fault, "schema fingerprint %016llx is not that of accrual.avsc",
                                (unsigned long long)ref.fingerprint);
}

/* Adds a record to the open batch. false: *fault, no way on. */
static bool take_record(struct balances *balances, const struct source_record *record,
                        struct fault *fault) {
    struct share *share = share_find(balances, record->partition);
    if (share == NULL || share->state != SHARE_READY || record->offset < share->gather_next) {
        return true; /* fetched before a pause or seek took hold, or fetched twice */
    }
    struct published_accrual accrual;
    bool is_partial =
        balances->shared->config->balances.on_missing_accruals == MISSING_INPUT_CONTINUE;
    if (!balances_read(balances, record->value, &accrual, fault) ||
        !balance_book_add(share->book, &accrual, record->offset, is_partial, fault)) {
        return fault_prefix(fault,
                            "%s [%d] at offset %lld: ", balances->shared->config->topics.accruals,
                            record->partition, (long long)record->offset);
    }
    int32_t home = murmur2_partition(accrual.partner_mpn_id.data, accrual.partner_mpn_id.size,
                                     source_partition_count(balances->source));
    if (home != record->partition) {
        return fault_set(fault,
                         "%s [%d] at offset %lld: partner %.*s belongs to partition %d; the number "
                         "of partitions has changed, or somebody else writes here",
                         balances->shared->config->topics.accruals, record->partition,
                         (long long)record->offset, TEXT_ARGS(accrual.partner_mpn_id), home);
    }
    if (share->batch_start < 0) {
        share->batch_start = record->offset;
        if (balances->shared->lag != NULL) {
            lag_gathered(balances->shared->lag, record->partition, record->offset,
                         record->timestamp_ms, -1);
        }
    }
    share->gather_next = record->offset + 1;
    balances->gathered++;
    balances->gathered_bytes += record->value.size;
    return true;
}

/* Taken when the batch begins and again whenever a rebalance ran in between, straight after the
 * poll in which it ran (P3). */
static bool refresh_snapshot(struct balances *balances) {
    if (balances->snapshot != NULL && !balances->membership_changed) {
        return true;
    }
    struct fault ignored;
    group_snapshot_free(balances->snapshot);
    balances->snapshot = source_snapshot(balances->source, &ignored);
    balances->membership_changed = balances->snapshot == NULL;
    return balances->snapshot != NULL;
}

static bool batch_is_full(const struct balances *balances) {
    const struct config *config = balances->shared->config;
    return balances->gathered >= (size_t)config->batch.lines_max ||
           balances->gathered_bytes >= (size_t)config->batch.bytes_max;
}

/* No more than the batch has room for, as there are records of 64 KiB at most. */
static size_t records_wanted(const struct balances *balances) {
    const struct config *config = balances->shared->config;
    size_t count = (size_t)config->batch.lines_max - balances->gathered;
    size_t large = ((size_t)config->batch.bytes_max - balances->gathered_bytes) / RECORD_SIZE_LARGE;
    size_t wanted = count < large ? count : large;
    return wanted < 1 ? 1 : wanted < SOURCE_RECORDS_MAX ? wanted : SOURCE_RECORDS_MAX;
}

static enum verdict gather(struct balances *balances, struct fault *fault) {
    group_snapshot_free(balances->snapshot);
    balances->snapshot = NULL;
    int timeout_ms =
        shares_are_ready(balances) ? (int)balances->shared->config->batch.wait_ms : RESTORE_POLL_MS;
    while (!batch_is_full(balances)) {
        struct source_record records[SOURCE_RECORDS_MAX];
        size_t count = 0;
        enum source_result result = source_poll(balances->source, timeout_ms, records,
                                                records_wanted(balances), &count, fault);
        bool is_good = true;
        for (size_t i = 0; i < count; i++) {
            is_good = is_good && take_record(balances, &records[i], fault);
            source_record_release(&records[i]);
        }
        if (result == SOURCE_LOST) {
            return VERDICT_REBUILD;
        }
        if (result == SOURCE_NOTHING) {
            break;
        }
        if (!is_good) {
            return VERDICT_STOP;
        }
        if (!refresh_snapshot(balances)) {
            break;
        }
        timeout_ms = 0;
    }
    return VERDICT_COMMITTED;
}

static bool has_work(const struct balances *balances) {
    for (size_t i = 0; i < balances->share_count; i++) {
        if (balances->shares[i].batch_start >= 0) {
            return true;
        }
    }
    return false;
}

/* With nothing to do: bring the committed position past control markers, so that lag reaches 0. */
static enum verdict idle(struct balances *balances, struct fault *fault) {
    balances->gathered = 0; /* of partitions that were taken away */
    balances->gathered_bytes = 0;
    int64_t now_ms = clock_steady_ms();
    if (now_ms - balances->idle_since_ms < POSITION_COMMIT_IDLE_MS) {
        return VERDICT_COMMITTED;
    }
    balances->idle_since_ms = now_ms;
    return balances_commit_positions(balances, fault);
}

static enum verdict round_once(struct balances *balances, struct fault *fault) {
    atomic_store(&balances->shared->beat_ms, clock_steady_ms());
    enum verdict verdict = shares_step(balances, fault);
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    atomic_store(&balances->shared->is_ready, shares_are_ready(balances));
    verdict = gather(balances, fault);
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    if (!has_work(balances)) {
        verdict = idle(balances, fault);
    } else if (!refresh_snapshot(balances)) {
        verdict = balances_give_back(balances, fault);
    } else {
        verdict = balances_transact(balances, fault);
        balances->idle_since_ms = clock_steady_ms();
    }
    shares_report(balances);
    return verdict;
}

enum verdict balances_run(struct balances *balances, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    while (verdict == VERDICT_COMMITTED && !atomic_load(&balances->shared->stop)) {
        verdict = round_once(balances, fault);
    }
    return verdict;
}
