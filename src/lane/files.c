/* Ledgers' local files: each partition's is taken over at its assignment and read. */
#include "lane_state.h"
#include "loading.h"

#include "accrued/log.h"
#include "accrued/require.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOAD_SLICE_BYTES (32U << 20)
#define FILES_MAX 8

/* The topic names the file; Kafka allows no character that a file system does not. */
enum verdict lane_file_attach(const struct lane *lane, struct lane_partition *partition,
                              struct fault *fault) {
    const struct config *config = lane->edition->config;
    partition->state = PARTITION_LOADING;
    if (config->ledger.directory[0] == '\0') {
        partition->state = PARTITION_AWAITING;
        return VERDICT_COMMITTED;
    }
    if (mkdir(config->ledger.directory, S_IRWXU) != 0 && errno != EEXIST) {
        fault_set(fault, "ledger.directory %s: %s", config->ledger.directory, strerror(errno));
        return VERDICT_STOP;
    }
    /* A former owner may not have let go yet, or run beside us: then a file of our own. */
    for (int attempt = 0; attempt < FILES_MAX; attempt++) {
        char path[4096];
        bool is_taken = false;
        int size = snprintf(path, sizeof path, "%s/%s-%d.%d.ledger", config->ledger.directory,
                            config->topics.ledger, partition->number, attempt);
        if (size < 0 || (size_t)size >= sizeof path) {
            fault_set(fault, "ledger.directory: the path is too long");
            return VERDICT_STOP;
        }
        if (ledger_attach(partition->ledger, path, &is_taken, fault)) {
            return VERDICT_COMMITTED;
        }
        if (!is_taken) {
            return VERDICT_STOP;
        }
    }
    log_event(LOG_WARN, "ledger_in_memory", "lane=%d partition=%d reason=%s", lane->number,
              partition->number, log_quote(fault->text));
    partition->state = PARTITION_AWAITING;
    return VERDICT_COMMITTED;
}

/* Threads that read files side by side: what this lane has of the cores. */
static size_t loads_max(const struct lane *lane) {
    long core_count = sysconf(_SC_NPROCESSORS_ONLN);
    long share = core_count / lane->edition->config->lanes.count;
    return share > 1 ? (size_t)share : 1;
}

static size_t loading_count(const struct lane *lane) {
    size_t count = 0;
    for (size_t i = 0; i < lane->partition_count; i++) {
        count += lane->partitions[i].loading != NULL ? 1 : 0;
    }
    return count;
}

bool lane_files_are_loading(const struct lane *lane) {
    return loading_count(lane) > 0;
}

/* By a thread, or a slice at a time where there can be none. */
static bool read_file(const struct lane *lane, struct lane_partition *partition,
                      struct loading_result *ret_result) {
    bool is_done = false;
    if (partition->loading == NULL && loading_count(lane) < loads_max(lane)) {
        partition->loading = loading_begin(partition->ledger);
        if (partition->loading == NULL) {
            ret_result->is_good = ledger_load(partition->ledger, LOAD_SLICE_BYTES, &is_done,
                                              &ret_result->doubt, &ret_result->fault);
            return is_done || !ret_result->is_good;
        }
    }
    is_done = partition->loading != NULL && loading_is_done(partition->loading);
    if (is_done) {
        loading_end(partition->loading, ret_result);
        partition->loading = NULL;
    }
    return is_done;
}

/* LOADING → AWAITING. */
enum verdict lane_file_load(const struct lane *lane, struct lane_partition *partition,
                            struct fault *fault) {
    struct loading_result result = {.is_good = true};
    bool is_done = read_file(lane, partition, &result);
    if (!result.is_good) {
        *fault = result.fault;
        return VERDICT_STOP;
    }
    if (result.doubt.text[0] != '\0') {
        log_event(LOG_WARN, "ledger_file_cut", "lane=%d partition=%d reason=%s", lane->number,
                  partition->number, log_quote(result.doubt.text));
    }
    if (is_done) {
        partition->state = PARTITION_AWAITING;
        log_event(LOG_INFO, "ledger_file_read", "lane=%d partition=%d ledger_lines=%zu offset=%lld",
                  lane->number, partition->number, ledger_line_count(partition->ledger),
                  (long long)ledger_mark(partition->ledger));
    }
    return VERDICT_COMMITTED;
}
