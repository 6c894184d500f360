/* accrued statement: one partner's month, added up from what was published. */
#include "command.h"

#include "accrued/accrual_reader.h"
#include "accrued/arena.h"
#include "accrued/calendar.h"
#include "accrued/hash.h"
#include "accrued/require.h"
#include "accrued/table.h"
#include "accrued/topic_reader.h"

#include "statement.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "Usage: accrued statement [-c FILE] --period YYYY-MM [--csv | --total] PARTNER\n"
    "\n"
    "What a partner (an MPN id) was accrued for a billing period: by program, customer and line,\n"
    "then by program. Added up from topic accruals, read_committed; reads only. Amounts of "
    "several\n"
    "currencies are never added, nor is recognition added to money.\n"
    "\n"
    "      --period YYYY-MM   the billing period\n"
    "      --csv              one row a line of the statement, for a spreadsheet\n"
    "      --total            the sums by program only\n"
    "\n"
    "Exit code 1 if amounts do not add up to the cumulative amount that was published last: then\n"
    "the topic lacks accruals that were published before.\n"
    "\n" COMMAND_COMMON_HELP;

enum { OPTION_PERIOD = 256, OPTION_CSV, OPTION_TOTAL };

static const struct option long_options[] = {
    {"period", required_argument, NULL, OPTION_PERIOD},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"total", no_argument, NULL, OPTION_TOTAL},
    COMMAND_COMMON_LONG,
};

struct statement_run {
    struct statement statement;
    struct accrual_reader *reader;
    struct text partner;
    struct text period;
};

static bool contains(struct text haystack, struct text needle) {
    return memmem(haystack.data, haystack.size, needle.data, needle.size) != NULL;
}

static bool take_accrual(void *context, const struct topic_record *record, struct fault *fault) {
    struct statement_run *run = context;
    struct published_accrual accrual;
    /* Most records of the partition are of other partners or months: not worth decoding. */
    if (text_is_null(record->value) || !contains(record->value, run->partner) ||
        !contains(record->value, run->period)) {
        return true;
    }
    if (!accrual_reader_read(run->reader, record->value, &accrual, fault)) {
        return fault_prefix(fault, "partition %d offset %lld: ", record->partition,
                            (long long)record->offset);
    }
    if (text_equal(accrual.partner_mpn_id, run->partner) &&
        text_equal(accrual.billing_period, run->period)) {
        statement_add(&run->statement, &accrual);
    }
    return true;
}

static bool read_accruals(struct statement_run *run, const struct config *config,
                          struct fault *fault) {
    const char *topic = config->topics.accruals;
    char path[4096];
    struct topic_bounds *bounds = NULL;
    int32_t count = 0;
    (void)snprintf(path, sizeof path, "%s/accrual.avsc", config->schemas.directory);
    run->reader = accrual_reader_open(path, fault);
    if (run->reader == NULL || !topic_bounds(config, topic, &bounds, &count, fault)) {
        return false;
    }
    free(bounds);
    struct topic_range range = {murmur2_partition(run->partner.data, run->partner.size, count), 0,
                                INT64_MAX};
    (void)fprintf(stderr, "accrued statement: reading %s [%d] …\n", topic, range.partition);
    return topic_read_range(config, topic, range, take_accrual, run, fault);
}

static int print(const struct statement_run *run, enum statement_form form, struct fault *fault) {
    const struct statement *statement = &run->statement;
    statement_print(statement, form, run->partner, run->period);
    if (ferror(stdout) != 0 || fflush(stdout) != 0) {
        fault_set(fault, "standard output cannot be written");
        return command_failed("statement", fault);
    }
    if (statement->gap_count > 0) {
        fault_set(fault,
                  "%zu entries do not add up to their last cumulative amount: the topic lacks "
                  "accruals (retention)",
                  statement->gap_count);
        return command_failed("statement", fault);
    }
    return COMMAND_OK;
}

static int state(struct statement_run *run, const struct config *config, enum statement_form form) {
    struct fault fault;
    statement_init(&run->statement);
    int code = COMMAND_FAILED;
    if (read_accruals(run, config, &fault)) {
        statement_close(&run->statement);
        code = print(run, form, &fault);
    } else {
        code = command_failed("statement", &fault);
    }
    accrual_reader_free(run->reader);
    statement_release(&run->statement);
    return code;
}

int command_statement(int argc, char **argv) {
    struct statement_run run = {.period = text_null()};
    struct command_common common = {.override_count = 0};
    enum statement_form form = STATEMENT_TABLE;
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case OPTION_PERIOD: run.period = text_of(optarg); break;
        case OPTION_CSV: form = STATEMENT_CSV; break;
        case OPTION_TOTAL: form = STATEMENT_TOTAL; break;
        default: return COMMAND_USAGE;
        }
    }
    int32_t month = 0;
    if (optind + 1 != argc || argv[optind][0] == '\0') {
        return command_usage(argv[0], "one partner's MPN id is wanted");
    }
    if (text_is_null(run.period)) {
        return command_usage(argv[0], "--period YYYY-MM is wanted");
    }
    if (!calendar_parse_month(run.period, &month)) {
        return command_usage(argv[0], "--period %s is not a month YYYY-MM", run.period.data);
    }
    run.partner = text_of(argv[optind]);
    struct config config;
    if (!command_load(argv[0], &common, &config)) {
        return COMMAND_FAILED;
    }
    int code = state(&run, &config, form);
    config_release(&config);
    return code;
}
