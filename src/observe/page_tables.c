/* Money: what was accrued, what was forgone. */
#include "page.h"

#include "accrued/require.h"

/* Codes are those of topics and metrics. */
static const struct page_meaning forgone_meanings[] = {
    {"partner_unknown", "not in the reference data"},
    {"mpn_inactive", "partner location not active that day"},
    {"not_indirect_reseller", "not enrolled as an indirect reseller"},
    {"no_qualifying_competency", "no competency that the program asks for"},
    {"bank_profile_missing", "no bank profile that day"},
    {"tax_profile_missing", "no tax profile that day"},
    {"no_link", "no partner of record on the customer"},
    {NULL, NULL},
};
static void append_money(struct buffer *to, struct text currency, int128 units) {
    buffer_append_string(to, "<td class=\"left\">");
    page_append_escaped(to, currency);
    buffer_append_string(to, "</td><td>");
    page_append_amount(to, units);
    buffer_append_string(to, "</td>");
}

/* Amounts by (key, currency), the key and its count only on the first row of each. */
static void append_amount_rows(struct buffer *to, struct page_rows amounts, struct page_rows counts,
                               const struct page_meaning *meanings) {
    for (size_t i = 0; i < amounts.count; i++) {
        struct text key = amounts.items[i].keys[0];
        bool is_first = i == 0 || !text_equal(key, amounts.items[i - 1].keys[0]);
        size_t end = i + 1;
        while (end < amounts.count && text_equal(key, amounts.items[end].keys[0])) {
            end++;
        }
        if (is_first) {
            page_append_code(to, meanings, key, end - i);
        } else {
            buffer_append_string(to, "<tr class=\"more\">");
        }
        append_money(to, amounts.items[i].keys[1], amounts.items[i].value);
        page_append_count_cell(to, is_first ? page_row_find(counts, key, text_null()) : NULL);
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
static const struct page_meaning *program_meanings(struct arena *arena, struct page_rows info) {
    struct page_meaning *meanings = arena_take(arena, (info.count + 1) * sizeof *meanings);
    for (size_t i = 0; i < info.count; i++) {
        bool is_money = text_equal(info.items[i].keys[1], TEXT("money"));
        meanings[i] = (struct page_meaning){info.items[i].keys[0].data,
                                            is_money ? "money" : "recognition, never paid"};
    }
    meanings[info.count] = (struct page_meaning){NULL, NULL};
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
    static const struct page_meaning none[] = {{NULL, NULL}};
    buffer_append_string(to, "</tbody>\n<tbody class=\"total\">\n");
    append_amount_rows(to, sums, (struct page_rows){&total, 1}, none);
    buffer_append_string(to, "</tbody>\n<tbody>\n");
}

void page_append_accrued(struct buffer *to, struct arena *arena) {
    const struct text kinds[] = {TEXT("money"), TEXT("recognition"), text_null()};
    struct page_rows amounts = page_rows(arena, "accrued_accrued_amount", "program", "currency");
    struct page_rows counts = page_rows(arena, "accrued_accruals_total", "program", NULL);
    struct page_rows info = page_rows(arena, "accrued_program_info", "program", "pays");
    const struct page_meaning *meanings = program_meanings(arena, info);
    page_append_heading(to, "accrued", "Accrued");
    if (amounts.count == 0) {
        buffer_append_string(to, "<p class=\"none\">Nothing accrued yet.</p>\n</section>\n");
        return;
    }
    page_table_begin(
        to, "Accrued by program and currency",
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
    page_table_end(to);
    buffer_append_string(to, "</section>\n");
}

void page_append_forgone(struct buffer *to, struct arena *arena) {
    struct page_rows amounts = page_rows(arena, "accrued_forgone_amount", "reason", "currency");
    struct page_rows counts = page_rows(arena, "accrued_forgone_total", "reason", NULL);
    page_append_heading(to, "forgone", "Forgone");
    if (amounts.count == 0) {
        buffer_append_string(to, "<p class=\"none\">Nothing forgone yet.</p>\n</section>\n");
        return;
    }
    page_table_begin(
        to, "Forgone by reason",
        "<th scope=\"col\">Reason</th><th scope=\"col\" class=\"left\">Cur&shy;rency</th>"
        "<th scope=\"col\">Amount</th><th scope=\"col\">Events</th>");
    append_amount_rows(to, amounts, counts, forgone_meanings);
    page_table_end(to);
    buffer_append_string(to, "</section>\n");
}
