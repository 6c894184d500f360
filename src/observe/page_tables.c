/* Money, refusals and partitions as tables. */
#include "page.h"

#include "accrued/require.h"

struct meaning {
    const char *code;
    const char *words;
};

/* For the reader at three in the morning; codes are those of the headers and metrics. */
static const struct meaning forgone_meanings[] = {
    {"partner_unknown", "not in the reference data"},
    {"mpn_inactive", "partner location not active that day"},
    {"not_indirect_reseller", "not enrolled as an indirect reseller"},
    {"no_qualifying_competency", "no competency that the program asks for"},
    {"bank_profile_missing", "no bank profile that day"},
    {"tax_profile_missing", "no tax profile that day"},
    {"no_link", "no partner of record on the customer"},
    {NULL, NULL},
};
static const struct meaning reject_meanings[] = {
    {"avro_malformed", "bytes end early or do not fit the schema"},
    {"schema_unknown", "no schema under the id that the record names"},
    {"schema_incompatible", "the writer's schema lacks what a line needs"},
    {"field_invalid", "a value breaks a rule; the header names field and value"},
    {"amount_overflow", "an amount beyond decimal(28)"},
    {"wrong_partition", "not keyed by the customer id"},
    {"reference_unreadable", "a value in Redis cannot be read: fix it, then send the line again"},
    {"period_expired", "the billing period is out of the ledger"},
    {NULL, NULL},
};

/* A code may break behind its underscores, as a word does behind a hyphen. */
static void append_breakable(struct buffer *to, struct text code) {
    for (size_t i = 0; i < code.size; i++) {
        page_append_escaped(to, (struct text){code.data + i, 1});
        if (code.data[i] == '_') {
            buffer_append_string(to, "<wbr>");
        }
    }
}

/* The head of a row: a code and, small below it, what it means. */
static void append_code(struct buffer *to, const struct meaning *meanings, struct text code,
                        size_t row_count) {
    buffer_append_format(to, "<tr><th scope=\"rowgroup\" rowspan=\"%zu\">", row_count);
    append_breakable(to, code);
    for (; meanings->code != NULL; meanings++) {
        if (text_equal(text_of(meanings->code), code)) {
            buffer_append_string(to, "<small>");
            page_append_escaped(to, text_of(meanings->words));
            buffer_append_string(to, "</small>");
        }
    }
    buffer_append_string(to, "</th>");
}

static void append_count_cell(struct buffer *to, const struct page_row *row) {
    buffer_append_string(to, "<td>");
    if (row != NULL) {
        page_append_integer(to, row->value);
    }
    buffer_append_string(to, "</td>");
}

static void table_begin(struct buffer *to, const char *label, const char *head) {
    buffer_append_format(to,
                         "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
                         "<table>\n<thead><tr>%s</tr></thead>\n<tbody>\n",
                         label, head);
}

static void append_money(struct buffer *to, struct text currency, int128 units) {
    buffer_append_string(to, "<td class=\"left\">");
    page_append_escaped(to, currency);
    buffer_append_string(to, "</td><td>");
    page_append_amount(to, units);
    buffer_append_string(to, "</td>");
}

/* Amounts by (key, currency), the key and its count only on the first row of each. */
static void append_amount_rows(struct buffer *to, struct page_rows amounts, struct page_rows counts,
                               const struct meaning *meanings) {
    for (size_t i = 0; i < amounts.count; i++) {
        struct text key = amounts.items[i].keys[0];
        bool is_first = i == 0 || !text_equal(key, amounts.items[i - 1].keys[0]);
        size_t end = i + 1;
        while (end < amounts.count && text_equal(key, amounts.items[end].keys[0])) {
            end++;
        }
        if (is_first) {
            append_code(to, meanings, key, end - i);
        } else {
            buffer_append_string(to, "<tr class=\"more\">");
        }
        append_money(to, amounts.items[i].keys[1], amounts.items[i].value);
        append_count_cell(to, is_first ? page_row_find(counts, key, text_null()) : NULL);
        buffer_append_string(to, "</tr>\n");
    }
}

/* What a program pays: "money" or "recognition"; null: nobody has said. */
static struct text program_pays(struct page_rows info, struct text program) {
    for (size_t i = 0; i < info.count; i++) {
        if (text_equal(info.items[i].keys[0], program)) {
            return info.items[i].keys[1];
        }
    }
    return text_null();
}

static struct page_rows rows_paying(struct arena *arena, struct page_rows rows,
                                    struct page_rows info, struct text pays) {
    struct page_rows found = {.items = arena_take(arena, (rows.count + 1) * sizeof *found.items)};
    for (size_t i = 0; i < rows.count; i++) {
        struct text its = program_pays(info, rows.items[i].keys[0]);
        if (text_is_null(pays) ? text_is_null(its) : text_equal(its, pays)) {
            found.items[found.count++] = rows.items[i];
        }
    }
    return found;
}

/* Program ids with what they pay as their meaning. */
static const struct meaning *program_meanings(struct arena *arena, struct page_rows info) {
    struct meaning *meanings = arena_take(arena, (info.count + 1) * sizeof *meanings);
    for (size_t i = 0; i < info.count; i++) {
        bool is_money = text_equal(info.items[i].keys[1], TEXT("money"));
        meanings[i] = (struct meaning){info.items[i].keys[0].data,
                                       is_money ? "money" : "recognition, never paid"};
    }
    meanings[info.count] = (struct meaning){NULL, NULL};
    return meanings;
}

/* One row a currency over all programs that pay money. */
static void append_payable(struct buffer *to, struct arena *arena, struct page_rows amounts,
                           int128 count) {
    struct page_rows currencies = page_rows(arena, "accrued_accrued_amount", "currency", NULL);
    struct page_rows sums = {.items = arena_take(arena, currencies.count * sizeof *sums.items)};
    for (size_t i = 0; i < currencies.count; i++) {
        struct page_row sum = {.keys = {TEXT("Payable"), currencies.items[i].keys[0]}};
        bool any = false;
        for (size_t j = 0; j < amounts.count; j++) {
            if (text_equal(amounts.items[j].keys[1], sum.keys[1])) {
                sum.value += amounts.items[j].value;
                any = true;
            }
        }
        if (any) {
            sums.items[sums.count++] = sum;
        }
    }
    struct page_row total = {.keys = {TEXT("Payable"), text_null()}, .value = count};
    static const struct meaning none[] = {{NULL, NULL}};
    buffer_append_string(to, "</tbody>\n<tbody class=\"total\">\n");
    append_amount_rows(to, sums, (struct page_rows){&total, 1}, none);
    buffer_append_string(to, "</tbody>\n<tbody>\n");
}

void page_append_accrued(struct buffer *to, struct arena *arena) {
    const struct text kinds[] = {TEXT("money"), TEXT("recognition"), text_null()};
    struct page_rows amounts = page_rows(arena, "accrued_accrued_amount", "program", "currency");
    struct page_rows counts = page_rows(arena, "accrued_accruals_total", "program", NULL);
    struct page_rows info = page_rows(arena, "accrued_program_info", "program", "pays");
    const struct meaning *meanings = program_meanings(arena, info);
    page_append_heading(to, "accrued", "Accrued");
    if (amounts.count == 0) {
        buffer_append_string(to, "<p class=\"none\">Nothing accrued yet.</p>\n</section>\n");
        return;
    }
    table_begin(to, "Accrued by program and currency",
                "<th scope=\"col\">Program</th><th scope=\"col\" class=\"left\">Cur&shy;rency</th>"
                "<th scope=\"col\">Amount</th><th scope=\"col\">Accruals</th>");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct page_rows rows = rows_paying(arena, amounts, info, kinds[i]);
        append_amount_rows(to, rows, counts, meanings);
        if (i == 0 && rows.count > 0) {
            append_payable(to, arena, rows,
                           page_rows_total(rows_paying(arena, counts, info, kinds[i])));
        }
    }
    buffer_append_string(to, "</tbody>\n</table></div>\n</section>\n");
}

void page_append_forgone(struct buffer *to, struct arena *arena) {
    struct page_rows amounts = page_rows(arena, "accrued_forgone_amount", "reason", "currency");
    struct page_rows counts = page_rows(arena, "accrued_forgone_total", "reason", NULL);
    page_append_heading(to, "forgone", "Forgone");
    if (amounts.count == 0) {
        buffer_append_string(to, "<p class=\"none\">Nothing forgone yet.</p>\n</section>\n");
        return;
    }
    table_begin(to, "Forgone by reason",
                "<th scope=\"col\">Reason</th><th scope=\"col\" class=\"left\">Cur&shy;rency</th>"
                "<th scope=\"col\">Amount</th><th scope=\"col\">Events</th>");
    append_amount_rows(to, amounts, counts, forgone_meanings);
    buffer_append_string(to, "</tbody>\n</table></div>\n</section>\n");
}

void page_append_dead_letters(struct buffer *to, struct arena *arena) {
    struct page_rows counts = page_rows(arena, "accrued_dead_letters_total", "code", NULL);
    page_append_heading(to, "dead", "Dead letters");
    if (page_rows_total(counts) == 0) {
        buffer_append_string(to, "<p class=\"none\">None.</p>\n</section>\n");
        return;
    }
    table_begin(to, "Dead letters by code",
                "<th scope=\"col\">Code</th><th scope=\"col\">Lines</th>");
    for (size_t i = 0; i < counts.count; i++) {
        if (counts.items[i].value != 0) {
            append_code(to, reject_meanings, counts.items[i].keys[0], 1);
            append_count_cell(to, &counts.items[i]);
            buffer_append_string(to, "</tr>\n");
        }
    }
    buffer_append_string(to, "</tbody>\n</table></div>\n</section>\n");
}

/* What is known of partitions, one list a column. */
struct partition_columns {
    struct page_rows next;
    struct page_rows stable;
    struct page_rows high;
    struct page_rows lag;
    struct page_rows age;
    struct page_rows lines;
    struct page_rows bytes;
};

static void append_age_cell(struct buffer *to, const struct page_row *row) {
    buffer_append_string(to, "<td>");
    if (row == NULL) {
        buffer_append_string(to, "–");
    } else {
        page_append_duration(to, (int64_t)row->value);
    }
    buffer_append_string(to, "</td>");
}

static void append_partition(struct buffer *to, const struct partition_columns *columns,
                             struct text partition) {
    struct text none = text_null();
    const struct page_row *stable = page_row_find(columns->stable, partition, none);
    const struct page_row *high = page_row_find(columns->high, partition, none);
    const struct page_row *bytes = page_row_find(columns->bytes, partition, none);
    buffer_append_string(to, "<tr><th scope=\"row\">");
    page_append_escaped(to, partition);
    buffer_append_string(to, "</th>");
    append_count_cell(to, page_row_find(columns->lag, partition, none));
    append_age_cell(to, page_row_find(columns->age, partition, none));
    append_count_cell(to, page_row_find(columns->next, partition, none));
    append_count_cell(to, stable);
    append_count_cell(to, high);
    struct page_row held = {.value = 0};
    held.value = stable != NULL && high != NULL ? high->value - stable->value : 0;
    append_count_cell(to, stable != NULL && high != NULL ? &held : NULL);
    append_count_cell(to, page_row_find(columns->lines, partition, none));
    buffer_append_string(to, "<td>");
    if (bytes == NULL) {
        buffer_append_string(to, "–");
    } else {
        page_append_bytes(to, bytes->value);
    }
    buffer_append_string(to, "</td></tr>\n");
}

void page_append_partitions(struct buffer *to, struct arena *arena, const char *topic) {
    struct partition_columns columns = {
        .next = page_rows(arena, "accrued_partition_next_offset", "partition", NULL),
        .stable = page_rows(arena, "accrued_partition_last_stable_offset", "partition", NULL),
        .high = page_rows(arena, "accrued_partition_high_watermark", "partition", NULL),
        .lag = page_rows(arena, "accrued_partition_lag_lines", "partition", NULL),
        .age = page_rows(arena, "accrued_partition_lag_seconds", "partition", NULL),
        .lines = page_rows(arena, "accrued_ledger_lines", "partition", NULL),
        .bytes = page_rows(arena, "accrued_ledger_bytes", "partition", NULL),
    };
    page_append_heading(to, "partitions", "Partitions of this process");
    /* Next offsets come with ownership; the rest may follow. */
    if (columns.next.count == 0) {
        buffer_append_string(to, "<p class=\"none\">None assigned.</p>\n</section>\n");
        return;
    }
    table_begin(to, "Partitions",
                "<th scope=\"col\">Partition</th><th scope=\"col\">Lag</th>"
                "<th scope=\"col\">Oldest</th><th scope=\"col\">Next offset</th>"
                "<th scope=\"col\">Last stable</th><th scope=\"col\">High watermark</th>"
                "<th scope=\"col\">Held back</th><th scope=\"col\">Ledger lines</th>"
                "<th scope=\"col\">Ledger size</th>");
    for (size_t i = 0; i < columns.next.count; i++) {
        append_partition(to, &columns, columns.next.items[i].keys[0]);
    }
    buffer_append_string(to, "</tbody>\n</table></div>\n<p class=\"sum\">Topic ");
    page_append_escaped(to, text_of(topic));
    buffer_append_string(to, ". Lag counts up to the last stable offset; held back is what an open "
                             "transaction of its writer hides.</p>\n</section>\n");
}
