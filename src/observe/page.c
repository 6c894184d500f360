/* The document around the parts: head, state, tiles. */
#include "page.h"

#include "accrued/calendar.h"
#include "accrued/require.h"
#include "history.h"

/* A leaf-coloured bar chart; inline, so that no second request is made. */
#define ICON                                                                                       \
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath "  \
    "fill='%230f6b66' d='M1 10h3v5H1zM6 6h4v9H6zM12 1h3v14h-3z'/%3E%3C/svg%3E"

#define LAG_WARN_MS 60000
#define LAG_BAD_MS 900000

void page_append_heading(struct buffer *to, const char *id, const char *title) {
    buffer_append_format(to, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id, id,
                         title);
}

static const char *state_class(const struct page_options *options) {
    return !options->is_healthy ? "bad" : options->is_ready ? "good" : "warn";
}

static const char *state_word(const struct page_options *options) {
    return !options->is_healthy ? "Unhealthy" : options->is_ready ? "Ready" : "Not ready";
}

static void append_parts(struct buffer *to, const char *const *parts) {
    for (; *parts != NULL; parts++) {
        buffer_append_string(to, *parts);
    }
}

void page_append_head(struct buffer *to, const char *title, const char *nonce, int refresh_s,
                      bool is_live) {
    buffer_append_string(to, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                             "<meta charset=\"utf-8\">\n"
                             "<meta name=\"viewport\" content=\"width=device-width, "
                             "initial-scale=1\">\n");
    if (refresh_s > 0) {
        buffer_append_format(to, "%s<meta http-equiv=\"refresh\" content=\"%d\">%s\n",
                             is_live ? "<noscript>" : "", refresh_s, is_live ? "</noscript>" : "");
    }
    buffer_append_format(to, "<title>accrued: %s</title>\n<link rel=\"icon\" href=\"%s\">\n", title,
                         ICON);
    buffer_append_format(to, "<style nonce=\"%s\">", nonce);
    append_parts(to, page_style);
    buffer_append_string(to, page_explain_form_style());
    buffer_append_string(to, page_explain_style());
    buffer_append_string(to, "</style>\n</head>\n");
}

/* The labels of a series whose value says nothing. */
static void append_build(struct buffer *to) {
    struct arena arena;
    arena_init(&arena);
    struct page_rows rows = page_rows(&arena, "accrued_build_info", "version", "librdkafka");
    if (rows.count > 0) {
        buffer_append_string(to, "version ");
        page_append_escaped(to, rows.items[0].keys[0]);
        if (!text_is_null(rows.items[0].keys[1])) {
            buffer_append_string(to, " · librdkafka ");
            page_append_escaped(to, rows.items[0].keys[1]);
        }
    }
    arena_release(&arena);
}

static void append_pause(struct buffer *to, const struct page_options *options) {
    if (options->refreshes) {
        buffer_append_format(to,
                             "<noscript> · every %d s · <a href=\"/?refresh=off\">pause</a>"
                             "</noscript>",
                             PAGE_REFRESH_S);
    } else {
        buffer_append_string(to, "<noscript> · paused · <a href=\"/\">resume</a></noscript>");
    }
}

static void append_header(struct buffer *to, const struct page_options *options) {
    char time[CALENDAR_TIME_SIZE];
    int64_t started_ms = 0;
    int128 revision = 0;
    calendar_format_time(options->now_ms, time);
    buffer_append_format(to,
                         "<body>\n<a class=\"skip\" href=\"#main\">To the numbers</a>\n"
                         "<header>\n<h1>accrued<b>.</b></h1>\n"
                         "<span id=\"state\" class=\"state %s\" role=\"status\">%s</span>\n"
                         "<p id=\"meta\" class=\"meta\">",
                         state_class(options), state_word(options));
    append_build(to);
    if (page_value("accrued_programs_revision", &revision)) {
        buffer_append_string(to, " · programs revision ");
        page_append_integer(to, revision);
    }
    if (page_longest_ms("process_start_time_seconds", &started_ms)) {
        buffer_append_string(to, " · up ");
        page_append_duration(to, options->now_ms > started_ms ? options->now_ms - started_ms : 0);
    }
    /* The time without its milliseconds. */
    buffer_append_format(to, "<br><time>%.10s %.8s UTC</time>", time, time + 11);
    append_pause(to, options);
    buffer_append_string(to, "</p>\n<button id=\"pause\" type=\"button\" hidden>Pause</button>\n"
                             "</header>\n<main id=\"main\">\n");
}

/* One list item a sentence. */
static void append_reasons(struct buffer *to, const struct page_options *options) {
    if (options->notice != NULL && options->notice[0] != '\0') {
        buffer_append_string(to, "<p class=\"notes\">");
        page_append_escaped(to, text_of(options->notice));
        buffer_append_string(to, "</p>\n");
    }
    struct text rest = options->reasons;
    if (rest.size == 0) {
        return;
    }
    buffer_append_format(to, "<ul class=\"notes %s\">\n", state_class(options));
    while (rest.size > 0) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
        if (size > 0) {
            buffer_append_string(to, "<li>");
            page_append_escaped(to, (struct text){rest.data, size});
            buffer_append_string(to, "</li>\n");
        }
        size += end == NULL ? 0 : 1;
        rest = (struct text){rest.data + size, rest.size - size};
    }
    buffer_append_string(to, "</ul>\n");
}

/* Lines a second over the last ten samples. */
static int64_t rate_now(void) {
    struct history_sample samples[HISTORY_SAMPLE_COUNT];
    size_t count = history_copy(samples);
    size_t span = count > 10 ? 10 : count > 0 ? count - 1 : 0;
    if (span == 0) {
        return -1;
    }
    int64_t lines = samples[count - 1].lines_in - samples[count - 1 - span].lines_in;
    return lines * 1000 / ((int64_t)span * HISTORY_INTERVAL_MS);
}

static void tile_begin(struct buffer *to, const char *title) {
    buffer_append_format(to, "<div class=\"tile\"><h2>%s</h2><p>", title);
}

/* How old what waits is, and how much it is; apart from it, what waits for somebody else. */
static void append_lag_tile(struct buffer *to, struct arena *arena) {
    struct page_rows lag = page_rows(arena, "accrued_partition_lag_lines", NULL, NULL);
    int64_t oldest_ms = 0;
    int128 held = 0;
    tile_begin(to, "Behind");
    if (lag.count == 0) {
        buffer_append_string(to, "–</p><small>no partition owned and measured</small></div>\n");
        return;
    }
    (void)page_longest_ms("accrued_partition_lag_seconds", &oldest_ms);
    /* The limits of the alerts. */
    buffer_append_format(to, "<span%s>",
                         oldest_ms > LAG_BAD_MS    ? " class=\"bad\""
                         : oldest_ms > LAG_WARN_MS ? " class=\"warn\""
                                                   : "");
    page_append_duration(to, oldest_ms);
    buffer_append_string(to, "</span></p><small>");
    if (page_rows_total(lag) == 0) {
        buffer_append_string(to, "drained");
    } else {
        page_append_integer(to, page_rows_total(lag));
        buffer_append_string(to, page_rows_total(lag) == 1 ? " line waits" : " lines wait");
    }
    if (page_value("accrued_partition_lag_blocked_lines", &held) && held > 0) {
        buffer_append_string(to, " · <b class=\"warn\">");
        page_append_integer(to, held);
        buffer_append_string(to, " held back</b>");
    }
    buffer_append_string(to, "</small></div>\n");
}

static void append_rate_tile(struct buffer *to, int128 lines) {
    int64_t rate = rate_now();
    tile_begin(to, "Lines a second");
    if (rate >= 0) {
        page_append_integer(to, rate);
    } else {
        buffer_append_string(to, "–");
    }
    buffer_append_string(to, "</p><small>");
    page_append_integer(to, lines);
    buffer_append_string(to, " since start</small></div>\n");
}

static void append_transactions_tile(struct buffer *to, struct arena *arena) {
    struct page_rows results = page_rows(arena, "accrued_transactions_total", "result", NULL);
    const struct page_row *committed = page_row_find(results, TEXT("committed"), text_null());
    const struct page_row *aborted = page_row_find(results, TEXT("aborted"), text_null());
    int128 rebuilds = 0;
    (void)page_value("accrued_lane_rebuilds_total", &rebuilds);
    tile_begin(to, "Transactions");
    page_append_integer(to, committed == NULL ? 0 : committed->value);
    buffer_append_string(to, "</p><small>");
    page_append_integer(to, aborted == NULL ? 0 : aborted->value);
    buffer_append_string(to, " aborted · ");
    page_append_integer(to, rebuilds);
    buffer_append_string(to, rebuilds == 1 ? " rebuild" : " rebuilds");
    buffer_append_string(to, "</small></div>\n");
}

void page_append_tiles(struct buffer *to, struct arena *arena) {
    int128 lines = 0;
    int128 dead = 0;
    (void)page_value("accrued_lines_in_total", &lines);
    (void)page_value("accrued_dead_letters_total", &dead);
    buffer_append_string(to, "<div class=\"tiles\">\n");
    append_lag_tile(to, arena);
    append_rate_tile(to, lines);
    append_transactions_tile(to, arena);
    tile_begin(to, "Dead letters");
    buffer_append_string(to, dead > 0 ? "<span class=\"bad\">" : "<span>");
    page_append_integer(to, dead);
    buffer_append_string(to, "</span></p><small>");
    if (lines > 0) {
        page_append_share(to, dead, lines);
        buffer_append_string(to, " of lines in");
    } else {
        buffer_append_string(to, "since start");
    }
    buffer_append_string(to, "</small></div>\n</div>\n");
}

/* Broken books come before everything else. */
static void append_conservation(struct buffer *to, struct arena *arena) {
    struct page_rows rows =
        page_rows(arena, "accrued_conservation_difference_lines", "partition", NULL);
    for (size_t i = 0; i < rows.count; i++) {
        if (rows.items[i].value != 0) {
            buffer_append_string(to, "<p class=\"notes bad\" role=\"alert\"><b>Partition ");
            page_append_escaped(to, rows.items[i].keys[0]);
            buffer_append_string(to, ": lines in and outcomes differ by ");
            page_append_integer(to, rows.items[i].value);
            buffer_append_string(to, ".</b> That is a bug, and what was published last may be "
                                     "wrong; the log has the event conservation_broken.</p>\n");
        }
    }
}

static void append_footer(struct buffer *to, const struct page_options *options) {
    buffer_append_format(
        to,
        "</main>\n<footer>Every number is one of <a href=\"/metrics\">/metrics</a>; "
        "counts and amounts since this process started. "
        "<a href=\"/readyz\">/readyz</a> · <a href=\"/healthz\">/healthz</a>"
        "</footer>\n<script nonce=\"%s\">",
        options->nonce);
    append_parts(to, page_script);
    buffer_append_string(to, "</script>\n</body>\n</html>\n");
}

void page_append(struct buffer *to, const struct page_options *options) {
    REQUIRE(to != NULL && options != NULL && options->nonce != NULL);
    struct arena arena;
    arena_init(&arena);
    page_append_head(to, state_word(options), options->nonce,
                     options->refreshes ? PAGE_REFRESH_S : 0, true);
    append_header(to, options);
    append_reasons(to, options);
    append_conservation(to, &arena);
    page_append_tiles(to, &arena);
    page_append_history(to);
    page_append_partitions(to, &arena, options->input_topic);
    page_append_flow(to, &arena);
    buffer_append_string(to, "<div class=\"columns\">\n");
    page_append_accrued(to, &arena);
    page_append_forgone(to, &arena);
    page_append_transactions(to, &arena);
    page_append_dead_letters(to, &arena);
    page_append_workings(to, &arena);
    buffer_append_string(to, "</div>\n");
    page_append_explain_form(to, text_null(), text_null());
    page_append_configuration(to, options->configuration);
    append_footer(to, options);
    arena_release(&arena);
}
