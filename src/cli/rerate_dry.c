/* accrued rerate --dry-run: the ledgers from their topic, one partition after the other, rated
 * again in this process. */
#include "rerate.h"

#include "accrued/encode.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "accrued/rerater.h"
#include "accrued/topic_reader.h"
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_SIZE_MAX 4096
#define LOAD_BYTES (1U << 20)

#define CHUNK_LINES 5000
#define CHUNK_MS 60000
#define FLUSH_BYTES (64U << 10)
/* Above every request: all lines are looked at. */
#define HEAD INT64_MAX

static const char name[] = "rerate";

struct dry_run {
    const struct config *config;
    struct catalog catalog;
    struct programs programs;
    struct enricher *enricher;
    struct ledger *ledger; /* of the partition at hand; NULL: it has no blocks yet */
    char path[PATH_SIZE_MAX];
    size_t line_count;
    struct rerater rerater;
    struct buffer output;
    size_t accruals;
    size_t forgone;
    struct rerater_counts counts;
};

static void flush_output(struct dry_run *run) {
    (void)fwrite(run->output.data, 1, run->output.size, stdout);
    buffer_clear(&run->output);
}

static void print_events(void *context, const struct posting *posting,
                         const struct rerate_request *request) {
    struct dry_run *run = context;
    for (size_t i = 0; i < posting->event_count; i++) {
        const struct event *event = &posting->events[i];
        switch (event->kind) {
        case EVENT_ACCRUAL:
            encode_accrual_json(&run->output, &event->accrual, request->request_id);
            run->accruals++;
            break;
        case EVENT_FORGONE:
            encode_forgone_json(&run->output, &event->forgone);
            run->forgone++;
            break;
        }
        buffer_append_byte(&run->output, '\n');
    }
    if (run->output.size > FLUSH_BYTES) {
        flush_output(run);
    }
}

static void tell_unrated(void *context, const struct billing_line *line,
                         const struct rerate_request *request, const struct reject *reject) {
    (void)context;
    (void)request;
    (void)fprintf(stderr,
                  "accrued rerate: line %.*s of customer %.*s cannot be rated again: %s: %s\n",
                  TEXT_ARGS(line->line_id), TEXT_ARGS(line->customer_id),
                  reject_code_name(reject->code), reject->message);
}

/* The ledger of the partition at hand, made when its first block says how many there are. What is
 * read goes into a file of its own, as a worker's does: in memory is the index. */
static bool begin_ledger(struct dry_run *run, const struct block_header *header,
                         struct fault *fault) {
    bool is_taken = false;
    bool is_done = false;
    struct fault doubt;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(run->path, sizeof run->path, "%s/accrued-dry-run-%ld.ledger",
                   parent != NULL && parent[0] != '\0' ? parent : "/tmp", (long)getpid());
    run->ledger = ledger_open(&run->programs, header->partition, header->partition_count);
    if (!ledger_attach(run->ledger, run->path, &is_taken, fault)) {
        return false;
    }
    (void)unlink(run->path); /* it stays as long as it is open, however this process ends */
    while (!is_done) {
        if (!ledger_load(run->ledger, LOAD_BYTES, &is_done, &doubt, fault)) {
            return false;
        }
    }
    return true;
}

static void end_ledger(struct dry_run *run) {
    ledger_free(run->ledger);
    run->ledger = NULL;
}

static bool take_block(void *context, const struct topic_record *record, struct fault *fault) {
    struct dry_run *run = context;
    if (text_is_null(record->value)) {
        return true; /* the tombstone of a block that was cleaned */
    }
    struct block_view view;
    bool is_good = block_parse(record->value, &view, fault);
    if (is_good && ((int64_t)view.header.partition != record->partition ||
                    view.header.partition >= view.header.partition_count)) {
        is_good = fault_set(fault, "the block is of partition %u", view.header.partition);
    }
    is_good = is_good && (run->ledger != NULL || begin_ledger(run, &view.header, fault)) &&
              ledger_restore(run->ledger, record->value, fault);
    return is_good || fault_prefix(fault, "%s [%d] offset %lld: ", run->config->topics.ledger,
                                   record->partition, (long long)record->offset);
}

static bool rerate_ledger(struct dry_run *run, const struct rerate_request *request,
                          struct fault *fault) {
    rerate_set_add(&run->rerater.set, request);
    rerate_set_finish(&run->rerater.set);
    rerater_begin(&run->rerater, run->ledger, HEAD, 0, 0);
    enum rerater_result result = RERATER_MORE;
    while (result == RERATER_MORE) {
        result = rerater_chunk(&run->rerater, CHUNK_LINES, CHUNK_MS, fault);
    }
    run->counts.lines += run->rerater.counts.lines;
    run->counts.changed += run->rerater.counts.changed;
    run->counts.unrated += run->rerater.counts.unrated;
    rerater_end(&run->rerater);
    return result == RERATER_DONE && !ledger_is_broken(run->ledger, fault);
}

static bool tell_end(const struct dry_run *run, struct fault *fault) {
    if (ferror(stdout) || fflush(stdout) != 0) {
        return fault_set(fault, "standard output: %s", strerror(errno));
    }
    (void)fprintf(stderr,
                  "%zu lines in the ledger: %zu rated again, %zu would change: %zu accruals, "
                  "%zu forgone; %zu cannot be rated; dry run, nothing was published\n",
                  run->line_count, run->counts.lines, run->counts.changed, run->accruals,
                  run->forgone, run->counts.unrated);
    return true;
}

/* One partition after the other: only the one at hand takes memory. */
static bool rerate_all(struct dry_run *run, const struct rerate_request *request,
                       struct fault *fault) {
    const char *topic = run->config->topics.ledger;
    struct topic_bounds *bounds = NULL;
    int32_t count = 0;
    run->enricher = enricher_open(run->config, fault);
    if (run->enricher == NULL || !topic_bounds(run->config, topic, &bounds, &count, fault)) {
        return false;
    }
    rerater_init(&run->rerater, &run->programs, &run->catalog, run->enricher,
                 (struct rerater_options){.rating = {run->config->rating.no_link}, .is_dry = true},
                 (struct rerater_hooks){print_events, tell_unrated, run});
    bool is_good = true;
    for (int32_t i = 0; i < count && is_good; i++) {
        struct topic_range range = {i, bounds[i].first, bounds[i].end};
        is_good = range.first >= range.end ||
                  topic_read_range(run->config, topic, range, take_block, run, fault);
        if (is_good && run->ledger != NULL) {
            run->line_count += ledger_line_count(run->ledger);
            is_good = rerate_ledger(run, request, fault);
        }
        end_ledger(run);
    }
    rerater_release(&run->rerater);
    free(bounds);
    flush_output(run);
    return is_good && tell_end(run, fault);
}

int rerate_dry_run(const struct config *config, const struct rerate_request *request) {
    struct dry_run run = {.config = config};
    struct fault fault;
    catalog_init(&run.catalog);
    programs_init(&run.programs);
    buffer_init(&run.output);
    bool is_good = catalog_load(&run.catalog, config->rating.catalog, &fault) &&
                   programs_load(&run.programs, &run.catalog, config->rating.programs, &fault) &&
                   rerate_all(&run, request, &fault);
    int code = is_good ? COMMAND_OK : command_failed(name, &fault);
    enricher_free(run.enricher);
    buffer_release(&run.output);
    programs_release(&run.programs);
    catalog_release(&run.catalog);
    return is_good && run.counts.unrated > 0 ? COMMAND_FAILED : code;
}
