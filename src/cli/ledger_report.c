#include "ledger.h"

#include "accrued/calendar.h"
#include "accrued/json_tree.h"
#include "accrued/require.h"
#include "accrued/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CELL_SIZE 64
#define FRAME_COLUMN_COUNT 11
#define ENTRY_COLUMN_COUNT 14

static const struct table_column frame_columns[FRAME_COLUMN_COUNT] = {
    {"PLACE", TABLE_RIGHT},  {"FRAME", TABLE_LEFT},         {"BYTES", TABLE_RIGHT},
    {"BLOCK", TABLE_RIGHT},  {"ENTRIES", TABLE_RIGHT},      {"LIVE", TABLE_RIGHT},
    {"LIVE %", TABLE_RIGHT}, {"NEXT OFFSET", TABLE_RIGHT},  {"PROGRAMS", TABLE_RIGHT},
    {"RERATE", TABLE_RIGHT}, {"TOPIC OFFSET", TABLE_RIGHT},
};

static const struct table_column entry_columns[ENTRY_COLUMN_COUNT] = {
    {"BLOCK", TABLE_RIGHT},   {"NEWEST", TABLE_LEFT},   {"REVISION", TABLE_RIGHT},
    {"STATUS", TABLE_LEFT},   {"PERIOD", TABLE_LEFT},   {"BILLED", TABLE_RIGHT},
    {"CURRENCY", TABLE_LEFT}, {"ORIGIN", TABLE_RIGHT},  {"RERATE", TABLE_RIGHT},
    {"PROGRAM", TABLE_LEFT},  {"PARTNER", TABLE_LEFT},  {"SEQUENCE", TABLE_RIGHT},
    {"ACCRUED", TABLE_RIGHT}, {"FORGONE", TABLE_RIGHT},
};

struct ledger_report {
    bool is_json;
    struct table *table; /* NULL: JSON, or nothing came yet */
    struct buffer line;
};

/* A table's row while it is being made. */
struct row {
    char cells[ENTRY_COLUMN_COUNT][CELL_SIZE];
    size_t count;
};

__attribute__((format(printf, 2, 3))) static void cell(struct row *row, const char *format, ...) {
    REQUIRE(row->count < ENTRY_COLUMN_COUNT);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(row->cells[row->count++], CELL_SIZE, format, arguments);
    va_end(arguments);
}

/* Empty where there is none. */
static void cell_offset(struct row *row, int64_t offset) {
    if (offset < 0) {
        cell(row, "%s", "");
    } else {
        cell(row, "%" PRId64, offset);
    }
}

static void add_row(struct ledger_report *report, const struct row *row) {
    const char *cells[ENTRY_COLUMN_COUNT];
    for (size_t i = 0; i < row->count; i++) {
        cells[i] = row->cells[i];
    }
    table_add(report->table, cells);
}

void ledger_sums_add(struct ledger_sums *sums, const struct ledger_frame *frame) {
    switch (frame->kind) {
    case LEDGER_FRAME_BLOCK:
        sums->blocks++;
        sums->entries += frame->block.entry_count;
        sums->live += frame->live_count;
        sums->block_bytes += frame->size;
        sums->live_bytes += frame->live_bytes;
        sums->last = frame->block.header;
        break;
    case LEDGER_FRAME_MARK: sums->mark = frame->mark; break;
    case LEDGER_FRAME_FREED: sums->freed_bytes += frame->size; break;
    }
}

struct ledger_report *ledger_report_new(bool is_json) {
    struct ledger_report *report = calloc(1, sizeof *report);
    REQUIRE(report != NULL);
    report->is_json = is_json;
    buffer_init(&report->line);
    return report;
}

void ledger_report_free(struct ledger_report *report) {
    table_free(report->table);
    buffer_release(&report->line);
    free(report);
}

static void print_line(struct ledger_report *report) {
    buffer_append_string(&report->line, "}\n");
    (void)fwrite(report->line.data, 1, report->line.size, stdout);
}

static void begin_line(struct ledger_report *report, const char *type) {
    buffer_clear(&report->line);
    buffer_append_format(&report->line, "{\"type\": \"%s\"", type);
}

static void append_programs(struct buffer *to, const struct program_names *names) {
    buffer_append_string(to, ", \"programs\": [");
    for (size_t i = 0; i < names->count; i++) {
        buffer_append_string(to, i > 0 ? ", " : "");
        json_append_text(to, names->items[i]);
    }
    buffer_append_byte(to, ']');
}

static void append_block(struct buffer *to, const struct ledger_frame *frame) {
    const struct block_header *header = &frame->block.header;
    buffer_append_format(to,
                         ", \"id\": %" PRIu64 ", \"incarnation\": \"%016" PRIx64
                         "\", \"entries\": %zu, \"live\": %zu, \"live_bytes\": %" PRIu64
                         ", \"next_offset\": %" PRId64 ", \"programs_revision\": %" PRId64
                         ", \"rerate_offset\": %" PRId64,
                         header->id, header->incarnation, frame->block.entry_count,
                         frame->live_count, frame->live_bytes, header->next_offset,
                         header->programs_revision, header->rerate_offset);
    if (header->horizon > 0) {
        char month[CALENDAR_MONTH_SIZE];
        calendar_format_month(header->horizon, month);
        buffer_append_format(to, ", \"horizon\": \"%s\"", month);
    }
    append_programs(to, &header->programs);
}

static void frame_json(struct ledger_report *report, const struct ledger_frame *frame) {
    begin_line(report, ledger_frame_kind_name(frame->kind));
    buffer_append_format(&report->line, ", \"place\": %" PRIu64 ", \"size\": %" PRIu64,
                         frame->place, frame->size);
    if (frame->kind == LEDGER_FRAME_BLOCK) {
        append_block(&report->line, frame);
    } else if (frame->kind == LEDGER_FRAME_MARK) {
        buffer_append_format(&report->line, ", \"topic_offset\": %" PRId64, frame->mark);
    }
    print_line(report);
}

void ledger_report_frame(struct ledger_report *report, const struct ledger_frame *frame) {
    if (report->is_json) {
        frame_json(report, frame);
        return;
    }
    if (report->table == NULL) {
        report->table = table_new(frame_columns, FRAME_COLUMN_COUNT);
    }
    struct row row = {.count = 0};
    const struct block_header *header = &frame->block.header;
    bool is_block = frame->kind == LEDGER_FRAME_BLOCK;
    cell(&row, "%" PRIu64, frame->place);
    cell(&row, "%s", ledger_frame_kind_name(frame->kind));
    cell(&row, "%" PRIu64, frame->size);
    if (is_block) {
        cell(&row, "%" PRIu64, header->id);
        cell(&row, "%zu", frame->block.entry_count);
        cell(&row, "%zu", frame->live_count);
        cell(&row, "%" PRIu64, frame->live_bytes * 100 / frame->size);
        cell(&row, "%" PRId64, header->next_offset);
        cell(&row, "%" PRId64, header->programs_revision);
        cell_offset(&row, header->rerate_offset);
    }
    while (row.count < FRAME_COLUMN_COUNT - 1) {
        cell(&row, "%s", "");
    }
    cell_offset(&row, frame->kind == LEDGER_FRAME_MARK ? frame->mark : -1);
    add_row(report, &row);
}

/* ------------------------------------------------------------ a line's entries */

static void append_decimal(struct buffer *to, const char *name, int128 units, unsigned scale) {
    char text[DECIMAL_TEXT_SIZE];
    (void)decimal_format(units, scale, text);
    buffer_append_format(to, ", \"%s\": \"%s\"", name, text);
}

static void append_earner(struct buffer *to, const struct program_names *names,
                          const struct earner *earner) {
    buffer_append_string(to, "{\"program_id\": ");
    json_append_text(to, names->items[earner->program_index]);
    buffer_append_string(to, ", \"partner_mpn_id\": ");
    json_append_text(to, earner->partner_mpn_id);
    buffer_append_format(to, ", \"sequence\": %" PRIu32, earner->sequence);
    append_decimal(to, "cumulative_amount", earner->cumulative.units, AMOUNT_SCALE);
    if (earner->forgone_reason != FORGONE_NONE) {
        append_decimal(to, "forgone_amount", earner->forgone_amount.units, AMOUNT_SCALE);
        buffer_append_format(to, ", \"forgone_reason\": \"%s\"",
                             forgone_reason_name(earner->forgone_reason));
    }
    buffer_append_byte(to, '}');
}

static void entry_json(struct ledger_report *report, const struct ledger_frame *frame,
                       const struct ledger_file_entry *entry) {
    const struct billing_line *line = &entry->state.line;
    char month[CALENDAR_MONTH_SIZE];
    struct buffer *to = &report->line;
    calendar_format_month(line->billing_period, month);
    begin_line(report, "entry");
    buffer_append_format(to, ", \"block\": %" PRIu64 ", \"place\": %" PRIu64 ", \"newest\": %s",
                         frame->block.header.id, entry->place, entry->is_newest ? "true" : "false");
    buffer_append_string(to, ", \"customer_id\": ");
    json_append_text(to, line->customer_id);
    buffer_append_string(to, ", \"line_id\": ");
    json_append_text(to, line->line_id);
    buffer_append_format(to,
                         ", \"revision\": %" PRId64 ", \"status\": \"%s\", \"billing_period\": "
                         "\"%s\", \"currency\": \"%.3s\"",
                         line->revision, line->is_void ? "VOID" : "ACTIVE", month,
                         line->currency.code);
    append_decimal(to, "billed_amount", line->billed_amount.units, MEASURE_SCALE);
    buffer_append_format(
        to, ", \"origin_offset\": %" PRId64 ", \"rerate_offset\": %" PRId64 ", \"earners\": [",
        entry->state.origin_offset, entry->state.rerate_offset);
    for (size_t i = 0; i < entry->state.earner_count; i++) {
        buffer_append_string(to, i > 0 ? ", " : "");
        append_earner(to, &frame->block.header.programs, &entry->state.earners[i]);
    }
    buffer_append_byte(to, ']');
    print_line(report);
}

static void entry_cells(struct row *row, const struct ledger_frame *frame,
                        const struct ledger_file_entry *entry) {
    const struct billing_line *line = &entry->state.line;
    char month[CALENDAR_MONTH_SIZE];
    char billed[DECIMAL_TEXT_SIZE];
    calendar_format_month(line->billing_period, month);
    (void)decimal_format(line->billed_amount.units, MEASURE_SCALE, billed);
    cell(row, "%" PRIu64, frame->block.header.id);
    cell(row, "%s", entry->is_newest ? "yes" : "");
    cell(row, "%" PRId64, line->revision);
    cell(row, "%s", line->is_void ? "VOID" : "ACTIVE");
    cell(row, "%s", month);
    cell(row, "%s", billed);
    cell(row, "%.3s", line->currency.code);
    cell(row, "%" PRId64, entry->state.origin_offset);
    cell_offset(row, entry->state.rerate_offset);
}

static void earner_cells(struct row *row, const struct program_names *names,
                         const struct earner *earner) {
    char accrued[DECIMAL_TEXT_SIZE];
    char forgone[DECIMAL_TEXT_SIZE];
    (void)decimal_format(earner->cumulative.units, AMOUNT_SCALE, accrued);
    (void)decimal_format(earner->forgone_amount.units, AMOUNT_SCALE, forgone);
    cell(row, "%.*s", TEXT_ARGS(names->items[earner->program_index]));
    cell(row, "%.*s", TEXT_ARGS(earner->partner_mpn_id));
    cell(row, "%" PRIu32, earner->sequence);
    cell(row, "%s", accrued);
    if (earner->forgone_reason != FORGONE_NONE) {
        cell(row, "%s %s", forgone, forgone_reason_name(earner->forgone_reason));
    }
}

void ledger_report_entry(struct ledger_report *report, const struct ledger_frame *frame,
                         const struct ledger_file_entry *entry) {
    if (report->is_json) {
        entry_json(report, frame, entry);
        return;
    }
    if (report->table == NULL) {
        report->table = table_new(entry_columns, ENTRY_COLUMN_COUNT);
    }
    /* A row for each that earns or forgoes; the line's own cells in the first only. */
    size_t count = entry->state.earner_count;
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        struct row row = {.count = 0};
        if (i == 0) {
            entry_cells(&row, frame, entry);
        }
        while (row.count < ENTRY_COLUMN_COUNT - 5) {
            cell(&row, "%s", "");
        }
        if (count > 0) {
            earner_cells(&row, &frame->block.header.programs, &entry->state.earners[i]);
        }
        while (row.count < ENTRY_COLUMN_COUNT) {
            cell(&row, "%s", "");
        }
        add_row(report, &row);
    }
}

void ledger_report_print_entries(struct ledger_report *report) {
    if (report->table != NULL) {
        table_print(report->table, stdout);
    }
}

/* ------------------------------------------------------------ the whole */

static void sums_json(struct ledger_report *report, const char *path,
                      const struct ledger_file_facts *facts, const struct ledger_sums *sums) {
    struct buffer *to = &report->line;
    begin_line(report, "file");
    buffer_append_string(to, ", \"path\": ");
    json_append_text(to, text_of(path));
    buffer_append_format(
        to,
        ", \"format_version\": %" PRIu32 ", \"partition\": %" PRIu32
        ", \"partition_count\": %" PRIu32 ", \"in_use\": %s, \"size_bytes\": %" PRIu64
        ", \"disk_bytes\": %" PRIu64
        ", \"blocks\": %zu, \"entries\": %zu, \"lines\": %zu, \"block_bytes\": %" PRIu64
        ", \"live_bytes\": %" PRIu64 ", \"mark\": %" PRId64 ", \"last_block\": %" PRIu64
        ", \"next_offset\": %" PRId64,
        facts->format_version, facts->partition, facts->partition_count,
        facts->is_in_use ? "true" : "false", facts->size_bytes, facts->disk_bytes, sums->blocks,
        sums->entries, sums->live, sums->block_bytes, sums->live_bytes, sums->mark, sums->last.id,
        sums->last.next_offset);
    print_line(report);
}

void ledger_report_print_frames(struct ledger_report *report, const char *path,
                                const struct ledger_file_facts *facts,
                                const struct ledger_sums *sums) {
    if (report->is_json) {
        sums_json(report, path, facts, sums);
        return;
    }
    if (report->table != NULL) {
        table_print(report->table, stdout);
        (void)putchar('\n');
    }
    (void)printf("file       %s%s\n", path, facts->is_in_use ? ", in use by a worker" : "");
    (void)printf("ledger     partition %" PRIu32 " of %" PRIu32 ", format version %" PRIu32
                 ", incarnation %016" PRIx64 "\n",
                 facts->partition, facts->partition_count, facts->format_version,
                 sums->last.incarnation);
    (void)printf("stands at  block %" PRIu64 ", input offset %" PRId64 "; the topic is read from "
                 "offset %" PRId64 " on\n",
                 sums->last.id, sums->last.next_offset, sums->mark < 0 ? 0 : sums->mark);
    (void)printf("holds      %zu lines, %zu entries in %zu blocks\n", sums->live, sums->entries,
                 sums->blocks);
    (void)printf("bytes      %" PRIu64 " in blocks, %" PRIu64 " needed, %" PRIu64
                 " given back; %" PRIu64 " on disk\n",
                 sums->block_bytes, sums->live_bytes, sums->freed_bytes, facts->disk_bytes);
}
