/* accrued dlq list: which letters there are, or how many of each kind. */
#include "dlq.h"

#include "accrued/calendar.h"
#include "accrued/json_tree.h"
#include "accrued/require.h"
#include "accrued/table.h"
#include "command.h"

#include <stdio.h>
#include <stdlib.h>

#define SUMMARY_KINDS_MAX 64
#define CELL_SIZE 48

static void format_time(int64_t ms, char to[CALENDAR_TIME_SIZE]) {
    if (ms < 0) {
        to[0] = '\0';
    } else {
        calendar_format_time(ms, to);
    }
}

/* A letter's texts may hold anything; a terminal gets printable characters only. */
static char *printable(struct text text) {
    struct buffer quoted;
    buffer_init(&quoted);
    if (!text_is_null(text)) {
        json_append_string(&quoted, text);
        quoted.data[quoted.size - 1] = '\0';
        memmove(quoted.data, quoted.data + 1, quoted.size - 1);
    } else {
        buffer_append_byte(&quoted, '\0');
    }
    return (char *)quoted.data;
}

static void add_row(struct table *table, const struct letter *letter) {
    char place[CELL_SIZE];
    char source[CELL_SIZE] = "";
    char time[CALENDAR_TIME_SIZE];
    char replayed[CALENDAR_TIME_SIZE];
    (void)snprintf(place, sizeof place, "%d/%lld", letter->partition, (long long)letter->offset);
    if (letter->source_offset >= 0) {
        (void)snprintf(source, sizeof source, "%d/%lld", letter->source_partition,
                       (long long)letter->source_offset);
    }
    format_time(letter->timestamp_ms, time);
    format_time(letter->replayed_at_ms, replayed);
    char *code = printable(letter->code);
    char *customer = printable(letter->customer);
    char *line = printable(letter->line_id);
    char *message = printable(letter->message);
    table_add(table,
              (const char *const[]){place, time, code, source, customer, line, replayed, message});
    free(code);
    free(customer);
    free(line);
    free(message);
}

static void print_table(const struct letters *letters) {
    static const struct table_column columns[] = {
        {.heading = "LETTER"},   {.heading = "TIME"},
        {.heading = "CODE"},     {.heading = "SOURCE"},
        {.heading = "CUSTOMER"}, {.heading = "LINE"},
        {.heading = "REPLAYED"}, {.heading = "MESSAGE", .align = TABLE_CUT},
    };
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < letters->count; i++) {
        add_row(table, &letters->items[i]);
    }
    table_print(table, stdout);
    table_free(table);
}

static void append_time(struct buffer *to, const char *name, int64_t ms) {
    char time[CALENDAR_TIME_SIZE];
    format_time(ms, time);
    buffer_append_format(to, ", \"%s\": ", name);
    json_append_text(to, time[0] == '\0' ? text_null() : text_of(time));
}

static void append_text(struct buffer *to, const char *name, struct text text) {
    buffer_append_format(to, ", \"%s\": ", name);
    json_append_text(to, text);
}

static void print_json(const struct letters *letters) {
    struct buffer line;
    buffer_init(&line);
    for (size_t i = 0; i < letters->count; i++) {
        const struct letter *letter = &letters->items[i];
        buffer_clear(&line);
        buffer_append_format(&line, "{\"letter\": \"%d/%lld\", \"partition\": %d, \"offset\": %lld",
                             letter->partition, (long long)letter->offset, letter->partition,
                             (long long)letter->offset);
        append_time(&line, "time", letter->timestamp_ms);
        append_text(&line, "code", letter->code);
        append_text(&line, "message", letter->message);
        buffer_append_format(&line, ", \"source_partition\": %d, \"source_offset\": %lld",
                             letter->source_partition, (long long)letter->source_offset);
        append_text(&line, "customer_id", letter->customer_is_key ? text_null() : letter->customer);
        append_text(&line, "line_id", letter->line_id);
        append_text(&line, "key", letter->customer_is_key ? letter->customer : text_null());
        append_time(&line, "replayed_at", letter->replayed_at_ms);
        buffer_append_format(&line, ", \"bytes\": %zu}\n", letter->value_size);
        (void)fwrite(line.data, 1, line.size, stdout);
    }
    buffer_release(&line);
}

struct kind {
    struct text code;
    size_t count;
    size_t replayed;
    int64_t first_ms;
    int64_t last_ms;
};

static size_t count_kinds(const struct letters *letters, struct kind kinds[SUMMARY_KINDS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < letters->count; i++) {
        const struct letter *letter = &letters->items[i];
        size_t k = 0;
        while (k < count && !text_equal(kinds[k].code, letter->code)) {
            k++;
        }
        if (k == count) {
            if (count == SUMMARY_KINDS_MAX) {
                k--; /* not codes of ours: who writes here invents them */
            } else {
                kinds[count++] =
                    (struct kind){letter->code, 0, 0, letter->timestamp_ms, letter->timestamp_ms};
            }
        }
        struct kind *kind = &kinds[k];
        kind->count++;
        kind->replayed += letter->replayed_at_ms >= 0;
        kind->first_ms =
            letter->timestamp_ms < kind->first_ms ? letter->timestamp_ms : kind->first_ms;
        kind->last_ms = letter->timestamp_ms > kind->last_ms ? letter->timestamp_ms : kind->last_ms;
    }
    return count;
}

static int compare_kinds(const void *left, const void *right) {
    const struct kind *a = left;
    const struct kind *b = right;
    return a->count != b->count ? (a->count > b->count ? -1 : 1) : text_compare(a->code, b->code);
}

static void print_summary(const struct letters *letters, bool is_json) {
    static const struct table_column columns[] = {
        {.heading = "CODE"},
        {.heading = "LETTERS", .align = TABLE_RIGHT},
        {.heading = "REPLAYED", .align = TABLE_RIGHT},
        {.heading = "OPEN", .align = TABLE_RIGHT},
        {.heading = "FIRST"},
        {.heading = "LAST"},
    };
    struct kind kinds[SUMMARY_KINDS_MAX];
    size_t count = count_kinds(letters, kinds);
    qsort(kinds, count, sizeof kinds[0], compare_kinds);
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < count; i++) {
        char numbers[3][CELL_SIZE];
        char first[CALENDAR_TIME_SIZE];
        char last[CALENDAR_TIME_SIZE];
        (void)snprintf(numbers[0], CELL_SIZE, "%zu", kinds[i].count);
        (void)snprintf(numbers[1], CELL_SIZE, "%zu", kinds[i].replayed);
        (void)snprintf(numbers[2], CELL_SIZE, "%zu", kinds[i].count - kinds[i].replayed);
        format_time(kinds[i].first_ms, first);
        format_time(kinds[i].last_ms, last);
        char *code = printable(kinds[i].code);
        if (is_json) {
            (void)printf("{\"code\": \"%s\", \"letters\": %s, \"replayed\": %s, \"open\": %s, "
                         "\"first\": \"%s\", \"last\": \"%s\"}\n",
                         code, numbers[0], numbers[1], numbers[2], first, last);
        } else {
            table_add(table,
                      (const char *const[]){code, numbers[0], numbers[1], numbers[2], first, last});
        }
        free(code);
    }
    if (!is_json) {
        table_print(table, stdout);
    }
    table_free(table);
}

int dlq_list(const struct dlq *dlq) {
    struct letters letters;
    struct fault fault;
    if (!letters_read(dlq->config, &dlq->filter, &letters, &fault)) {
        return command_failed(dlq->command, &fault);
    }
    if (dlq->is_summary) {
        print_summary(&letters, dlq->is_json);
    } else if (dlq->is_json) {
        print_json(&letters);
    } else {
        print_table(&letters);
    }
    letters_release(&letters);
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}
