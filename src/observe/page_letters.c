/* Dead letters: how many by code, and where the last ones stand. */
#include "page.h"

#include "accrued/calendar.h"
#include "accrued/letters.h"

static const struct page_meaning reject_meanings[] = {
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

static void append_codes(struct buffer *to, struct page_rows counts) {
    page_table_begin(to, "Dead letters by code",
                     "<th scope=\"col\">Code</th><th scope=\"col\">Lines</th>");
    for (size_t i = 0; i < counts.count; i++) {
        if (counts.items[i].value != 0) {
            page_append_code(to, reject_meanings, counts.items[i].keys[0], 1);
            page_append_count_cell(to, &counts.items[i]);
            buffer_append_string(to, "</tr>\n");
        }
    }
    page_table_end(to);
}

static void append_letter(struct buffer *to, const struct letter *letter) {
    char time[CALENDAR_TIME_SIZE];
    calendar_format_time(letter->at_ms, time);
    buffer_append_format(to, "<li><p><time>%.10s %.8s</time> <b>%d @ %lld</b> <code>", time,
                         time + 11, letter->partition, (long long)letter->offset);
    page_append_breakable(to, text_of(reject_code_name(letter->code)));
    buffer_append_string(to, "</code></p><p>");
    page_append_escaped(to, text_of(letter->message));
    buffer_append_string(to, "</p></li>\n");
}

/* Of the ring in letters.h: what came before is in the topic only. */
static void append_recent(struct buffer *to) {
    struct letter letters[LETTER_COUNT_MAX];
    size_t count = letters_copy(letters);
    buffer_append_string(to, "<h3>The last ones</h3>\n");
    if (count == 0) {
        buffer_append_string(to, "<p class=\"none\">None since this process began.</p>\n");
        return;
    }
    buffer_append_string(to, "<div class=\"letters\" tabindex=\"0\" role=\"region\" "
                             "aria-label=\"The last dead letters\"><ol>\n");
    for (size_t i = 0; i < count; i++) {
        append_letter(to, &letters[i]);
    }
    buffer_append_string(to, "</ol></div>\n<p class=\"sum\">When, partition @ offset of the input, "
                             "code, reason. <code>accrued dlq</code> shows them whole and sends "
                             "them back.</p>\n");
}

void page_append_dead_letters(struct buffer *to, struct arena *arena) {
    struct page_rows counts = page_rows(arena, "accrued_dead_letters_total", "code", NULL);
    page_append_heading(to, "dead", "Dead letters");
    if (page_rows_total(counts) == 0) {
        buffer_append_string(to, "<p class=\"none\">None.</p>\n</section>\n");
        return;
    }
    append_codes(to, counts);
    append_recent(to);
    buffer_append_string(to, "</section>\n");
}
