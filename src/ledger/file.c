/* The local file: taken over at the start, cut where it is doubtful. */
#include "ledger_state.h"

#include "accrued/require.h"

/* Room is given back, places never. A start with a file of which this share at most is needed, or
 * that comes near the end of what the index can point at, reads the topic instead. */
#define RENEWED_SIZE_MIN (UINT64_C(16) << 30)
#define RENEWED_SHARE 16
#define RENEWED_SIZE_MAX (LOG_SIZE_MAX / 2)
/* No entry of a line is smaller. */
#define ENTRY_SIZE_MIN 24
/* What is read of the file counts as memory of ours; so much at a time is counted through. */
#define COUNT_REST_BYTES (UINT64_C(8) << 20)

static bool is_used_up(const struct block_log *log, uint64_t end) {
    return end > RENEWED_SIZE_MAX || (end > RENEWED_SIZE_MIN && log->bytes < end / RENEWED_SHARE);
}

bool ledger_attach(struct ledger *ledger, const char *path, bool *ret_is_taken,
                   struct fault *fault) {
    REQUIRE(ledger->head.id == 0);
    enum log_opening opening =
        log_open(&ledger->log, path, ledger->head.partition, ledger->head.partition_count, fault);
    *ret_is_taken = opening == LOG_TAKEN;
    return opening == LOG_OPENED;
}

/* How many entries the file has if it is sound: more than lines, as a line may have several. Only
 * the index's size rests on it. */
static size_t count_entries(const struct ledger *ledger) {
    uint64_t cursor = 0;
    uint64_t rested = 0;
    size_t count = 0;
    for (;;) {
        struct log_frame frame = log_scan(&ledger->log, &cursor);
        if (cursor - rested >= COUNT_REST_BYTES) {
            rested = cursor;
            log_rest(&ledger->log);
        }
        if (frame.kind == LOG_END || frame.kind == LOG_DAMAGED) {
            return count;
        }
        if (frame.kind == LOG_BLOCK) {
            size_t said = block_entry_count(frame.payload);
            size_t possible = frame.payload.size / ENTRY_SIZE_MIN;
            count += said < possible ? said : possible;
        }
    }
}

static void finish_load(struct ledger *ledger) {
    ledger_settle(ledger);
    ledger->loaded_id = ledger->head.id;
    ledger->loaded_incarnation = ledger->head.incarnation;
    ledger->is_marked = ledger->mark >= 0;
    ledger->is_proven = ledger->loaded_id == 0;
}

bool ledger_load(struct ledger *ledger, size_t bytes_max, bool *ret_done, struct fault *ret_doubt,
                 struct fault *fault) {
    size_t taken = 0;
    ret_doubt->text[0] = '\0';
    *ret_done = false;
    if (ledger->scan == 0) {
        *ret_doubt = ledger->log.replaced;
        ledger_anticipate(ledger, count_entries(ledger));
    }
    uint64_t behind = ledger->scan; /* the last frame */
    uint64_t scan_before = ledger->scan;
    while (taken < bytes_max) {
        struct log_frame frame = log_scan(&ledger->log, &ledger->scan);
        enum block_verdict verdict = BLOCK_TAKEN;
        switch (frame.kind) {
        case LOG_BLOCK:
            verdict = ledger_take_in(ledger, frame.payload, true, frame.position, ret_doubt);
            ledger->log.bytes += verdict == BLOCK_TAKEN ? frame.payload.size : 0;
            break;
        case LOG_MARK:
            ledger->mark = frame.mark.offset;
            ledger->newest_from = frame.mark.newest_from;
            ledger->log.newest_mark = frame.start;
            break;
        case LOG_FREED: break;
        case LOG_DAMAGED:
            fault_set(ret_doubt, "a frame is damaged");
            verdict = BLOCK_DOUBTFUL;
            break;
        case LOG_END:
            *ret_done = true;
            if (is_used_up(&ledger->log, behind)) {
                fault_set(ret_doubt,
                          "ledger file %s is begun anew: of its %llu MiB only %llu are in use",
                          ledger->log.path, (unsigned long long)(behind >> 20),
                          (unsigned long long)(ledger->log.bytes >> 20));
                ledger_discard(ledger);
                return true;
            }
            finish_load(ledger);
            return log_cut(&ledger->log, behind, fault);
        }
        if (verdict == BLOCK_REFUSED) {
            *fault = *ret_doubt;
            ret_doubt->text[0] = '\0';
            return fault_prefix(fault, "ledger file %s: ", ledger->log.path);
        }
        if (verdict == BLOCK_DOUBTFUL) {
            fault_prefix(ret_doubt, "ledger file %s: at byte %llu: ", ledger->log.path,
                         (unsigned long long)frame.start);
            finish_load(ledger);
            *ret_done = true;
            return log_cut(&ledger->log, behind, fault);
        }
        behind = ledger->scan;
        taken += frame.payload.size + LOG_FRAME_HEADER_SIZE;
    }
    ledger_rest(ledger, scan_before, ledger->scan);
    return true;
}

int ledger_load_percent(const struct ledger *ledger) {
    uint64_t end = ledger->log.end;
    return ledger->scan >= end ? 100 : (int)(ledger->scan * 100 / end);
}

int64_t ledger_mark(const struct ledger *ledger) {
    return ledger->mark;
}

int64_t ledger_read_from(const struct ledger *ledger) {
    return ledger->loaded_id > 0 ? ledger->newest_from : -1;
}

bool ledger_is_proven(const struct ledger *ledger, struct fault *fault) {
    return ledger->is_proven ||
           fault_set(fault,
                     "the topic lacks block %llu, which ledger file %s has: the topic was "
                     "re-created or shortened. Restore the topic from its backup; only if it is "
                     "known to be right, remove the file",
                     (unsigned long long)ledger->loaded_id, ledger->log.path);
}

void ledger_set_mark(struct ledger *ledger, int64_t offset) {
    struct fault unused;
    ledger->mark = offset;
    /* Without it the next start reads a little more of the topic. */
    ledger->is_marked =
        ledger->log.path == NULL ||
        log_append_mark(&ledger->log, (struct log_mark){offset, ledger->newest_from}, &unused);
}

bool ledger_wants_mark(const struct ledger *ledger) {
    return ledger->log.path != NULL && !ledger->is_marked;
}

void ledger_discard(struct ledger *ledger) {
    ledger_forget(ledger);
    log_unmap(&ledger->log);
    ledger->log.bytes = 0;
    if (!ledger->is_broken) {
        ledger->is_broken = !log_cut(&ledger->log, 0, &ledger->broken);
    }
}
