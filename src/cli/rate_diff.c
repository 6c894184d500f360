/* accrued rate --diff: two engines, the same input, what stands at its end compared. */
#include "rate_diff.h"

#include "accrued/json_tree.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "accrued/table.h"

#include "command.h"
#include "rate_input.h"
#include "rate_totals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FLUSH_BYTES (64U << 10)

struct rules {
    struct catalog catalog;
    struct programs programs;
    const char *path;
    struct offline offline;
};

struct diff_run {
    const struct rate_diff_options *options;
    struct rules rules[2];
    struct rate_input input;
    struct buffer output;
    struct rate_totals totals;
    size_t line_count; /* that differ */
    size_t refused_count;
    bool line_differs;
};

/* ------------------------------------------------------------ totals */

static const struct table_column total_columns[] = {
    {"PROGRAM", TABLE_LEFT}, {"PARTNER", TABLE_LEFT}, {"CURRENCY", TABLE_LEFT},
    {"TODAY", TABLE_RIGHT},  {"OTHER", TABLE_RIGHT},  {"DIFFERENCE", TABLE_RIGHT},
    {"LINES", TABLE_RIGHT},
};
#define TOTAL_COLUMN_COUNT (sizeof total_columns / sizeof total_columns[0])

static void tell_totals(struct diff_run *run) {
    struct table *table = table_new(total_columns, TOTAL_COLUMN_COUNT);
    size_t row_count = 0;
    for (size_t i = 0; i < run->totals.count; i++) {
        const struct rate_total *total = &run->totals.items[i];
        char amounts[3][DECIMAL_TEXT_SIZE];
        char lines[24];
        char currency[4] = "";
        if (total->count == 0) {
            continue;
        }
        (void)decimal_format(total->amounts[0].units, AMOUNT_SCALE, amounts[0]);
        (void)decimal_format(total->amounts[1].units, AMOUNT_SCALE, amounts[1]);
        (void)decimal_format(total->amounts[1].units - total->amounts[0].units, AMOUNT_SCALE,
                             amounts[2]);
        (void)snprintf(lines, sizeof lines, "%zu", total->count);
        memcpy(currency, total->currency.code, sizeof total->currency.code);
        table_add(table, (const char *const[TOTAL_COLUMN_COUNT]){
                             total->program_id.data, total->partner_mpn_id.data, currency,
                             amounts[0], amounts[1], amounts[2], lines});
        row_count++;
    }
    if (row_count > 0) {
        table_print(table, stderr);
    }
    table_free(table);
    (void)fprintf(stderr, "%zu lines, %zu of them differ; %zu refused\n", run->input.line_count,
                  run->line_count, run->refused_count);
}

/* ------------------------------------------------------------ differences */

static void flush(struct diff_run *run) {
    if (run->output.size > 0) {
        (void)fwrite(run->output.data, 1, run->output.size, stdout);
        buffer_clear(&run->output);
    }
}

static void append_decimal(struct buffer *to, const char *name, int128 units) {
    char text[DECIMAL_TEXT_SIZE];
    (void)decimal_format(units, AMOUNT_SCALE, text);
    buffer_append_format(to, ", \"%s\": \"%s\"", name, text);
}

static void append_side(struct buffer *to, const char *name, const struct earner *earner) {
    buffer_append_format(to, ", \"%s\": ", name);
    if (earner == NULL) {
        buffer_append_string(to, "null");
        return;
    }
    char amount[DECIMAL_TEXT_SIZE];
    (void)decimal_format(earner->cumulative.units, AMOUNT_SCALE, amount);
    buffer_append_format(to, "{\"cumulative_amount\": \"%s\"", amount);
    if (earner->forgone_reason != FORGONE_NONE) {
        buffer_append_format(to, ", \"forgone_reason\": \"%s\"",
                             forgone_reason_name(earner->forgone_reason));
        append_decimal(to, "forgone_amount", earner->forgone_amount.units);
    }
    buffer_append_byte(to, '}');
}

static void append_difference(struct diff_run *run, const struct billing_line *line,
                              const struct program *program, const struct earner *earners[2]) {
    const struct earner *any = earners[0] != NULL ? earners[0] : earners[1];
    int128 before = earners[0] != NULL ? earners[0]->cumulative.units : 0;
    int128 after = earners[1] != NULL ? earners[1]->cumulative.units : 0;
    struct buffer *to = &run->output;
    char month[CALENDAR_MONTH_SIZE];
    calendar_format_month(line->billing_period, month);
    buffer_append_string(to, "{\"type\": \"difference\", \"customer_id\": ");
    json_append_text(to, line->customer_id);
    buffer_append_string(to, ", \"line_id\": ");
    json_append_text(to, line->line_id);
    buffer_append_string(to, ", \"program_id\": ");
    json_append_text(to, program->id);
    buffer_append_string(to, ", \"partner_mpn_id\": ");
    json_append_text(to, any->partner_mpn_id);
    buffer_append_format(to,
                         ", \"pays\": \"%s\", \"billing_period\": \"%s\", \"currency\": \"%.3s\"",
                         pays_name(program->pays), month, line->currency.code);
    append_side(to, "today", earners[0]);
    append_side(to, "other", earners[1]);
    append_decimal(to, "difference", after - before);
    buffer_append_string(to, "}\n");
    run->line_differs = true;
    if (to->size > FLUSH_BYTES) {
        flush(run);
    }
}

static bool is_nothing(const struct earner *earner) {
    return earner == NULL ||
           (earner->cumulative.units == 0 && earner->forgone_reason == FORGONE_NONE);
}

static bool differ(const struct earner *a, const struct earner *b) {
    if (is_nothing(a) || is_nothing(b)) {
        return !is_nothing(a) || !is_nothing(b);
    }
    return a->cumulative.units != b->cumulative.units || a->forgone_reason != b->forgone_reason ||
           a->forgone_amount.units != b->forgone_amount.units;
}

/* One program and partner of a line; either side may have none. */
static void compare_earners(struct diff_run *run, const struct billing_line *line,
                            const struct program *program, const struct earner *earners[2]) {
    const struct earner *any = earners[0] != NULL ? earners[0] : earners[1];
    struct rate_total *total =
        rate_totals_of(&run->totals, program, any->partner_mpn_id, line->currency);
    for (size_t i = 0; i < 2; i++) {
        total->amounts[i].units += earners[i] != NULL ? earners[i]->cumulative.units : 0;
    }
    if (differ(earners[0], earners[1])) {
        total->count++;
        append_difference(run, line, program, earners);
    }
}

static const struct earner *find_earner(const struct rules *rules, const struct line_state *state,
                                        struct text program_id, struct text partner) {
    for (size_t i = 0; state != NULL && i < state->earner_count; i++) {
        const struct earner *earner = &state->earners[i];
        if (text_equal(rules->programs.items[earner->program_index].id, program_id) &&
            text_equal(earner->partner_mpn_id, partner)) {
            return earner;
        }
    }
    return NULL;
}

/* Today's programs in the order of their file, then what only the other file has. */
static void compare_states(struct diff_run *run, const struct billing_line *line,
                           const struct line_state *states[2]) {
    run->line_differs = false;
    for (size_t side = 0; side < 2; side++) {
        const struct rules *own = &run->rules[side];
        const struct rules *their = &run->rules[1 - side];
        for (size_t i = 0; states[side] != NULL && i < states[side]->earner_count; i++) {
            const struct earner *earner = &states[side]->earners[i];
            const struct program *program = &own->programs.items[earner->program_index];
            const struct earner *other =
                find_earner(their, states[1 - side], program->id, earner->partner_mpn_id);
            if (side == 1 && other != NULL) {
                continue; /* it was met from the other side */
            }
            const struct earner *earners[2] = {side == 0 ? earner : NULL,
                                               side == 0 ? other : earner};
            compare_earners(run, line, program, earners);
        }
    }
    run->line_count += run->line_differs;
}

static bool visit_today(void *context, const struct line_state *state) {
    struct diff_run *run = context;
    struct line_state other;
    bool has_other = ledger_find(run->rules[1].offline.ledger, state->line.customer_id,
                                 state->line.line_id, &other);
    const struct line_state *states[2] = {state, has_other ? &other : NULL};
    compare_states(run, &state->line, states);
    return true;
}

/* Lines that today's rules refused. */
static bool visit_other(void *context, const struct line_state *state) {
    struct diff_run *run = context;
    struct line_state today;
    if (!ledger_find(run->rules[0].offline.ledger, state->line.customer_id, state->line.line_id,
                     &today)) {
        const struct line_state *states[2] = {NULL, state};
        compare_states(run, &state->line, states);
    }
    return true;
}

/* ------------------------------------------------------------ the run */

static void ignore_event(void *context, const struct event *event, struct text rerate_id) {
    (void)context;
    (void)event;
    (void)rerate_id;
}

static void ignore_unrated(void *context, const struct billing_line *line,
                           const struct reject *reject) {
    (void)context;
    (void)line;
    (void)reject;
}

static void write_refused(void *context, size_t engine, struct text raw,
                          const struct reject *reject) {
    struct diff_run *run = context;
    struct buffer *to = &run->output;
    buffer_append_format(to, "{\"type\": \"dead_letter\", \"code\": \"%s\", \"message\": ",
                         reject_code_name(reject->code));
    json_append_string(to, text_of(reject->message));
    buffer_append_format(to, ", \"line_number\": %zu, \"programs\": ", run->input.line_number);
    json_append_string(to, text_of(run->rules[engine].path));
    buffer_append_string(to, ", \"raw\": ");
    json_append_string(to, raw);
    buffer_append_string(to, "}\n");
    run->refused_count++;
}

static bool load(struct rules *rules, const char *programs, const char *catalog,
                 struct fault *fault) {
    rules->path = programs;
    return (catalog == NULL || catalog_load(&rules->catalog, catalog, fault)) &&
           programs_load(&rules->programs, &rules->catalog, programs, fault);
}

static int compare(struct diff_run *run) {
    const struct rate_diff_options *options = run->options;
    rate_input_init(&run->input);
    run->input.command = "rate";
    run->input.hooks = (struct rate_input_hooks){.refused = write_refused, .context = run};
    for (size_t i = 0; i < 2; i++) {
        offline_init(
            &run->rules[i].offline, &run->rules[i].programs, &run->rules[i].catalog,
            (struct offline_options){{options->no_link}, ignore_event, ignore_unrated, run});
        run->input.engines[run->input.engine_count++] = &run->rules[i].offline;
    }
    bool is_good =
        (options->reference == NULL || rate_input_reference(&run->input, options->reference)) &&
        rate_input_lines(&run->input, options->lines);
    if (is_good) {
        offline_each(&run->rules[0].offline, visit_today, run);
        offline_each(&run->rules[1].offline, visit_other, run);
        flush(run);
    }
    if (is_good && (ferror(stdout) != 0 || fflush(stdout) != 0)) {
        (void)fprintf(stderr, "accrued rate: standard output: %s\n", strerror(errno));
        is_good = false;
    }
    if (is_good && options->summary) {
        tell_totals(run);
    }
    for (size_t i = 0; i < 2; i++) {
        offline_release(&run->rules[i].offline);
    }
    rate_input_release(&run->input);
    return is_good ? COMMAND_OK : COMMAND_FAILED;
}

int rate_diff(const struct rate_diff_options *options) {
    struct diff_run run = {.options = options};
    struct fault fault;
    buffer_init(&run.output);
    rate_totals_init(&run.totals);
    for (size_t i = 0; i < 2; i++) {
        catalog_init(&run.rules[i].catalog);
        programs_init(&run.rules[i].programs);
    }
    const char *other_catalog =
        options->other_catalog != NULL ? options->other_catalog : options->catalog;
    int code = load(&run.rules[0], options->programs, options->catalog, &fault) &&
                       load(&run.rules[1], options->other_programs, other_catalog, &fault)
                   ? compare(&run)
                   : command_failed("rate", &fault);
    for (size_t i = 0; i < 2; i++) {
        programs_release(&run.rules[i].programs);
        catalog_release(&run.rules[i].catalog);
    }
    rate_totals_release(&run.totals);
    buffer_release(&run.output);
    return code;
}
