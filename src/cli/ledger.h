/* ledger.h: what `accrued ledger` prints. Private to cli. */
#ifndef ACCRUED_CLI_LEDGER_H
#define ACCRUED_CLI_LEDGER_H

#include "accrued/ledger_file.h"

/* What all frames together are. */
struct ledger_sums {
    size_t blocks;
    size_t entries;
    size_t live;
    uint64_t block_bytes;
    uint64_t live_bytes;
    uint64_t freed_bytes;
    int64_t mark;             /* −1: none */
    struct block_header last; /* its texts are not valid */
};
void ledger_sums_add(struct ledger_sums *sums, const struct ledger_frame *frame);

/* A view of a file's frames, or of a line's entries. `print_*` once, at the end. */
struct ledger_report;
struct ledger_report *ledger_report_new(bool is_json);
void ledger_report_free(struct ledger_report *report);
void ledger_report_frame(struct ledger_report *report, const struct ledger_frame *frame);
void ledger_report_entry(struct ledger_report *report, const struct ledger_frame *frame,
                         const struct ledger_file_entry *entry);
void ledger_report_print_frames(struct ledger_report *report, const char *path,
                                const struct ledger_file_facts *facts,
                                const struct ledger_sums *sums);
void ledger_report_print_entries(struct ledger_report *report);

#endif
