/* Owned partitions of accruals: from assignment through restore to ready, and back. */
#include "state.h"

#include "accrued/hash.h"
#include "accrued/lag.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdlib.h>

#define COMMITTED_TIMEOUT_MS 1000
#define RANGE_TIMEOUT_MS 5000
#define PEEK_TIMEOUT_MS 5000
#define RESTORE_SLICE_MS 50

static struct metric *count_gauge(int32_t number) {
    struct buffer label;
    buffer_init(&label);
    buffer_append_format(&label, "partition=\"%d\"", number);
    buffer_append_byte(&label, 0);
    struct metric *gauge =
        metric_get("accrued_balances", METRIC_GAUGE, "Balances of a partition that is owned.",
                   (const char *)label.data);
    buffer_release(&label);
    return gauge;
}

struct share *share_find(struct balances *balances, int32_t number) {
    for (size_t i = 0; i < balances->share_count; i++) {
        if (balances->shares[i].number == number) {
            return &balances->shares[i];
        }
    }
    return NULL;
}

void share_assigned(void *context, int32_t number) {
    struct balances *balances = context;
    REQUIRE(share_find(balances, number) == NULL);
    if (balances->share_count == balances->share_capacity) {
        size_t capacity = balances->share_capacity == 0 ? 8 : balances->share_capacity * 2;
        struct share *shares = realloc(balances->shares, capacity * sizeof *shares);
        REQUIRE(shares != NULL);
        balances->shares = shares;
        balances->share_capacity = capacity;
    }
    balances->shares[balances->share_count++] = (struct share){
        .number = number,
        .state = SHARE_ASSIGNED,
        .book = balance_book_new(),
        .batch_start = -1,
    };
    balances->membership_changed = true;
    log_event(LOG_INFO, "partition_assigned", "partition=%d", number);
}

static void leave(struct balances *balances, struct share *share) {
    balance_book_free(share->book);
    metric_hide(count_gauge(share->number));
    if (balances->shared->lag != NULL) {
        lag_disown(balances->shared->lag, share->number);
    }
}

/* Whatever the open batch has of it goes with its book. */
void share_revoked(void *context, int32_t number, bool lost) {
    struct balances *balances = context;
    struct share *share = share_find(balances, number);
    balances->membership_changed = true;
    log_event(LOG_INFO, "partition_revoked", "partition=%d lost=%s", number,
              lost ? "true" : "false");
    if (share == NULL) {
        return;
    }
    restorer_cancel(balances->restorer, number);
    leave(balances, share);
    *share = balances->shares[--balances->share_count];
}

void shares_release(struct balances *balances) {
    for (size_t i = 0; i < balances->share_count; i++) {
        leave(balances, &balances->shares[i]);
    }
    free(balances->shares);
    balances->shares = NULL;
    balances->share_count = 0;
    balances->share_capacity = 0;
}

/* With another number of partitions a partner's accruals would be in another one than its sums. */
static bool is_at_home(const struct balances *balances, struct text partner, int32_t number,
                       struct fault *fault) {
    int32_t home =
        murmur2_partition(partner.data, partner.size, source_partition_count(balances->source));
    return home == number ||
           fault_set(fault,
                     "partner %.*s belongs to partition %d, it is in %d: the number of partitions "
                     "of %s has changed. Begin anew with a new topic in topics.accrual_balances",
                     TEXT_ARGS(partner), home, number, balances->shared->config->topics.accruals);
}

bool share_restore(void *context, int32_t number, struct text value, struct fault *fault) {
    struct balances *balances = context;
    struct share *share = share_find(balances, number);
    struct balance balance;
    REQUIRE(share != NULL && share->state == SHARE_RESTORING);
    return (balance_reader_read(balances->balances, value, &balance, fault) &&
            is_at_home(balances, balance.partner_mpn_id, number, fault) &&
            balance_book_restore(share->book, &balance, fault)) ||
           fault_prefix(fault,
                        "restoring %s [%d]: ", balances->shared->config->topics.accrual_balances,
                        number);
}

void share_restored(void *context, int32_t number, int64_t high_watermark) {
    struct share *share = share_find(context, number);
    (void)high_watermark;
    REQUIRE(share != NULL);
    share->state = SHARE_RESTORED;
}

static void waits(const struct share *share, const struct fault *fault) {
    log_event(LOG_WARN, "partition_waits", "partition=%d reason=%s", share->number,
              log_quote(fault->text));
}

/* Is the last accrual in the sums still where it was? A topic of the same name and length may be
 * another one. COMMITTED: yes, or nobody can tell; WAIT: ask again; STOP. */
static enum verdict check_identity(struct balances *balances, const struct share *share,
                                   int64_t first, struct fault *fault) {
    int64_t known = balance_book_next_offset(share->book);
    if (known == 0 || known - 1 < first) {
        return VERDICT_COMMITTED;
    }
    struct source_record record;
    if (!source_peek(balances->source, share->number, known - 1, PEEK_TIMEOUT_MS, &record, fault)) {
        return VERDICT_WAIT;
    }
    struct published_accrual accrual;
    struct fault unread;
    bool is_same = record.message == NULL ||
                   (balances_read(balances, record.value, &accrual, &unread) &&
                    text_equal(accrual.accrual_id, balance_book_last_id(share->book)));
    source_record_release(&record);
    if (is_same) {
        return VERDICT_COMMITTED;
    }
    fault_set(
        fault,
        "%s [%d]: the accrual at offset %lld is not %.*s, the last one that was added up: the "
        "topic was re-created. Begin anew with a new topic in topics.accrual_balances",
        balances->shared->config->topics.accruals, share->number, (long long)(known - 1),
        TEXT_ARGS(balance_book_last_id(share->book)));
    return VERDICT_STOP;
}

/* Accruals that were deleted before they were added up are never skipped silently. */
static bool is_whole(const struct balances *balances, const struct share *share, int64_t known,
                     int64_t first, struct fault *fault) {
    const struct config *config = balances->shared->config;
    if (known >= first) {
        return true;
    }
    fault_set(fault,
              "%s [%d]: records %lld to %lld were deleted before they were added up (retention). "
              "With balances.on_missing_accruals: continue the sums go without them",
              config->topics.accruals, share->number, (long long)known, (long long)(first - 1));
    switch (config->balances.on_missing_accruals) {
    case MISSING_INPUT_STOP: return false;
    case MISSING_INPUT_CONTINUE: break;
    }
    log_event(LOG_ERROR, "accruals_missing", "partition=%d from=%lld to=%lld reason=%s",
              share->number, (long long)known, (long long)(first - 1), log_quote(fault->text));
    return true;
}

static void make_ready(struct balances *balances, struct share *share, int64_t start) {
    share->next_offset = start;
    share->gather_next = start;
    share->state = SHARE_READY;
    metric_set(count_gauge(share->number), (int64_t)balance_book_count(share->book));
    if (balances->shared->lag != NULL) {
        lag_own(balances->shared->lag, share->number);
        lag_progress(balances->shared->lag, share->number, start);
    }
    log_event(LOG_INFO, "partition_ready", "partition=%d next_offset=%lld balances=%zu",
              share->number, (long long)start, balance_book_count(share->book));
}

/* RESTORED → READY. What the balances say counts, wherever somebody has set the group's offset;
 * that only says what need not be there any more (control markers), and nothing where there are no
 * balances (a new topic, an old group). */
static enum verdict start_share(struct balances *balances, struct share *share,
                                struct fault *fault) {
    int64_t first = 0;
    int64_t next = 0;
    if (!source_log_range(balances->source, share->number, RANGE_TIMEOUT_MS, &first, &next,
                          fault)) {
        waits(share, fault);
        return VERDICT_COMMITTED;
    }
    int64_t known = balance_book_next_offset(share->book);
    if (known > next) {
        fault_set(fault,
                  "%s [%d] ends at offset %lld, but %lld records were added up: the topic was "
                  "re-created or shortened. Begin anew with a new topic in topics.accrual_balances",
                  balances->shared->config->topics.accruals, share->number, (long long)next,
                  (long long)known);
        return VERDICT_STOP;
    }
    enum verdict identity = check_identity(balances, share, first, fault);
    if (identity != VERDICT_COMMITTED) {
        if (identity == VERDICT_WAIT) {
            waits(share, fault);
        }
        return identity == VERDICT_WAIT ? VERDICT_COMMITTED : identity;
    }
    int64_t needed = known > 0 && share->committed > known ? share->committed : known;
    if (!is_whole(balances, share, needed, first, fault)) {
        return VERDICT_STOP;
    }
    int64_t start = known > first ? known : first;
    if (source_start(balances->source, share->number, start, fault)) {
        make_ready(balances, share, start);
    }
    return VERDICT_COMMITTED; /* or the client has not begun to fetch yet; next round */
}

/* ASSIGNED → RESTORING: the stable committed offset first, the watermark second (P52). */
static enum verdict begin_restore(struct balances *balances, struct share *share,
                                  struct fault *fault) {
    if (!source_committed(balances->source, share->number, COMMITTED_TIMEOUT_MS, &share->committed,
                          fault)) {
        waits(share, fault);
        return VERDICT_COMMITTED;
    }
    /* Before the call: it may answer "nothing to restore" at once. */
    share->state = SHARE_RESTORING;
    switch (restorer_begin(balances->restorer, share->number, -1, fault)) {
    case RESTORE_BEGUN: return VERDICT_COMMITTED;
    case RESTORE_LATER:
        share->state = SHARE_ASSIGNED;
        waits(share, fault);
        return VERDICT_COMMITTED;
    case RESTORE_SHORTENED: break;
    }
    return VERDICT_STOP;
}

enum verdict shares_step(struct balances *balances, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    for (size_t i = 0; i < balances->share_count && verdict == VERDICT_COMMITTED; i++) {
        struct share *share = &balances->shares[i];
        if (share->state == SHARE_ASSIGNED) {
            verdict = begin_restore(balances, share, fault);
        }
        if (verdict == VERDICT_COMMITTED && share->state == SHARE_RESTORED) {
            verdict = start_share(balances, share, fault);
        }
    }
    if (verdict == VERDICT_COMMITTED && restorer_count(balances->restorer) > 0 &&
        !restorer_step(balances->restorer, RESTORE_SLICE_MS, fault)) {
        return VERDICT_STOP;
    }
    return verdict;
}

bool shares_are_ready(const struct balances *balances) {
    for (size_t i = 0; i < balances->share_count; i++) {
        if (balances->shares[i].state != SHARE_READY) {
            return false;
        }
    }
    return true;
}

void shares_report(struct balances *balances) {
    for (size_t i = 0; i < balances->share_count; i++) {
        const struct share *share = &balances->shares[i];
        if (share->state != SHARE_READY) {
            continue;
        }
        metric_set(count_gauge(share->number), (int64_t)balance_book_count(share->book));
        if (balances->shared->lag != NULL) {
            lag_progress(balances->shared->lag, share->number, share->next_offset);
        }
    }
}
