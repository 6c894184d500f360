/* Rows out of bytes: the same however the bytes are cut, and reading goes on after a broken row. */
#include "ingest/identity.h"
#include "ingest/row.h"

#include <criterion/criterion.h>

/* What the readers hand over, one line a row: "number|cell|cell\n" or "number!raw\n". */
struct seen {
    struct buffer rows;
    size_t stop_after; /* rows; 0: never */
    size_t count;
};

static bool on_row(void *context, const struct row *row) {
    struct seen *seen = context;
    buffer_append_format(&seen->rows, "%zu", row->number);
    if (row->wrong != NULL) {
        buffer_append_format(&seen->rows, "!%.*s", TEXT_ARGS(row->raw));
    }
    for (size_t i = 0; row->wrong == NULL && i < row->count; i++) {
        buffer_append_format(&seen->rows, "|%.*s", TEXT_ARGS(row->cells[i]));
    }
    buffer_append_byte(&seen->rows, '\n');
    return ++seen->count != seen->stop_after;
}

static void expect_rows(const struct seen *seen, const char *wanted, size_t piece) {
    cr_expect(text_equal(buffer_text(&seen->rows), text_of(wanted)), "pieces of %zu: %.*s", piece,
              TEXT_ARGS(buffer_text(&seen->rows)));
}

static void expect_csv(const char *source, const char *wanted) {
    size_t size = strlen(source);
    for (size_t piece = 1; piece <= size; piece++) {
        struct seen seen = {.stop_after = 0};
        buffer_init(&seen.rows);
        buffer_append_string(&seen.rows, "");
        struct csv_rows *rows = csv_rows_new(on_row, &seen);
        for (size_t at = 0; at < size; at += piece) {
            csv_rows_feed(rows, (struct text){source + at, size - at < piece ? size - at : piece});
        }
        csv_rows_end(rows);
        csv_rows_free(rows);
        expect_rows(&seen, wanted, piece);
        buffer_release(&seen.rows);
    }
}

Test(ingest_rows, csv) {
    expect_csv("a,b\n1,2\n3,4\n", "2|1|2\n3|3|4\n");
    expect_csv("a,b\r\n1,2\r\n3,4", "2|1|2\n3|3|4\n");
    expect_csv("a,b\n\n1,2\n\n3,4\n", "3|1|2\n5|3|4\n");
    expect_csv("a,b\n\"1,\"\"x\"\"\",\"two\nlines\"\n3,4\n", "2|1,\"x\"|two\nlines\n4|3|4\n");
    expect_csv("a,b\n1\n1,2,3\n,\n", "2|1\n3|1|2|3\n4||\n");
}

Test(ingest_rows, csv_with_its_header_again_in_the_middle) {
    expect_csv("a,b\n1,2\na,b\n3,4\n", "2|1|2\n4|3|4\n");
}

Test(ingest_rows, csv_goes_on_after_a_broken_quote) {
    expect_csv("a,b\n1,x\"y\n3,4\n", "2!1,x\"y\n3|3|4\n");
    expect_csv("a,b\n1,\"y\n3,4\n5,6\n", "2!1,\"y\n3|3|4\n4|5|6\n");
    expect_csv("a,b\n1,\"y\n3,\"4\"\n5,6\n", "2!1,\"y\n3|3|4\n4|5|6\n");
    expect_csv("a,b\n1,\"y\n3,\"4\n5,6", "2!1,\"y\n3!3,\"4\n4|5|6\n");
    expect_csv("a,b\n1,\"y", "2!1,\"y\n");
}

Test(ingest_rows, csv_stops_when_told) {
    struct seen seen = {.stop_after = 2};
    buffer_init(&seen.rows);
    struct csv_rows *rows = csv_rows_new(on_row, &seen);
    csv_rows_feed(rows, TEXT("a\n1\n2\n3\n4\n"));
    csv_rows_end(rows);
    csv_rows_free(rows);
    expect_rows(&seen, "2|1\n3|2\n", 0);
    buffer_release(&seen.rows);
}

static bool feed_json(const char *source, size_t piece, struct seen *seen) {
    struct fault fault;
    struct json_rows *rows = json_rows_new(on_row, seen);
    size_t size = strlen(source);
    bool is_good = true;
    for (size_t at = 0; at < size && is_good; at += piece) {
        is_good = json_rows_feed(
            rows, (struct text){source + at, size - at < piece ? size - at : piece}, &fault);
    }
    is_good = is_good && json_rows_end(rows, &fault);
    json_rows_free(rows);
    return is_good;
}

static void expect_json(const char *source, bool is_good, const char *wanted) {
    for (size_t piece = 1; piece <= strlen(source); piece++) {
        struct seen seen = {.stop_after = 0};
        buffer_init(&seen.rows);
        buffer_append_string(&seen.rows, "");
        cr_expect_eq(feed_json(source, piece, &seen), is_good, "%s", source);
        expect_rows(&seen, wanted, piece);
        buffer_release(&seen.rows);
    }
}

Test(ingest_rows, json_lines) {
    expect_json("{\"a\": 1.50, \"b\": \"x\"}\n{\"b\": null, \"a\": -1}\n", true,
                "1|1.50|x\n2|-1|\n");
    expect_json("{\"a\":\"} { [\\\" \"}\r\n\r\n{\"a\":[1,{}]}", true, "1|} { [\" \n3|[1,{}]\n");
    expect_json("{\"a\":1,\"o\":{\"t\":\"x\"}}", true, "1|1|x\n");
}

Test(ingest_rows, json_pages_and_arrays) {
    expect_json(
        "{\"totalCount\": 2, \"items\": [\n {\"a\": 1},\n {\"a\": 2}\n], \"links\": {\"x\": "
        "[{\"a\": 3}]}}\n",
        true, "1|1\n2|2\n");
    expect_json("[{\"a\":1},{\"a\":2}]", true, "1|1\n2|2\n");
    expect_json("{\"value\":[{\"a\":1}]}\n{\"value\":[{\"a\":2}]}", true, "1|1\n2|2\n");
    expect_json("{\"items\":[]}", true, "");
    expect_json("{\"items\": 5, \"a\": 1}", true, "1|5|1\n");
}

Test(ingest_rows, json_lines_go_on_after_a_broken_one) {
    expect_json("{\"a\":1}\n{\"a\":}\n{\"a\":3}\n", true, "1|1\n2!{\"a\":}\n3|3\n");
    expect_json("{\"a\":1}\n{\"a\":2\n{\"a\":3}\n", true, "1|1\n2!{\"a\":2\n3|3\n");
    expect_json("{\"a\":1}\n{\"a\":\"2\n{\"a\":3}\n", true, "1|1\n2!{\"a\":\"2\n3|3\n");
    expect_json("{\"a\":1}\nhello\n{\"a\":3}\n", true, "1|1\n2!hello\n3|3\n");
    expect_json("{\"a\":1}\n{\"a\":", true, "1|1\n2!{\"a\":\n");
}

Test(ingest_rows, json_that_is_no_list_of_objects) {
    expect_json("[1, 2]", false, "");
    expect_json("{\"items\": [{\"a\": 1}, 2]}", false, "1|1\n");
    expect_json("{\"items\": [{\"a\": 1}", false, "1|1\n");
    expect_json("[{\"a\": 1", false, "");
}

/* The recipe of line ids is part of stored data: these values never change. */
Test(ingest_identity, the_recipe_is_pinned) {
    struct buffer identity;
    char to[IDENTITY_LINE_ID_SIZE_MAX + 1];
    buffer_init(&identity);
    identity_append(&identity, TEXT("G002297372"));
    identity_append(&identity, text_null());
    identity_append(&identity, TEXT("ABC"));
    struct text first = identity_line_id(&identity, "pco", 1, to);
    cr_expect(text_equal(first, TEXT("pco-e557010c49dfcca587e4250f86c5ba93")), "%.*s",
              TEXT_ARGS(first));
    struct text second = identity_line_id(&identity, "pco", 2, to);
    cr_expect(text_equal(second, TEXT("pco-98dc4f3a0a7646f9f402646f7a20d3c2")), "%.*s",
              TEXT_ARGS(second));
    buffer_release(&identity);
}

static struct identity_hash hash_of(const char *a, const char *b) {
    struct buffer identity;
    buffer_init(&identity);
    identity_append(&identity, text_of(a));
    identity_append(&identity, text_of(b));
    struct identity_hash hash = identity_hash(buffer_text(&identity));
    buffer_release(&identity);
    return hash;
}

Test(ingest_identity, values_keep_to_their_places) {
    cr_expect_neq(hash_of("ab", "c").high, hash_of("a", "bc").high);
    cr_expect_neq(hash_of("", "x").high, hash_of("x", "").high);
    cr_expect_eq(hash_of("AB", "c").high, hash_of("ab", "C").high);
}

Test(ingest_identity, occurrences_are_counted_through_every_growth) {
    struct occurrences occurrences;
    occurrences_init(&occurrences);
    struct identity_hash none = {1, 2};
    cr_expect_eq(occurrences_count(&occurrences, none), 0);
    for (uint32_t round = 1; round <= 3; round++) {
        for (uint64_t i = 0; i < 5000; i++) {
            struct identity_hash hash = {i * UINT64_C(0x9e3779b97f4a7c15), i};
            cr_assert_eq(occurrences_add(&occurrences, hash), round);
        }
    }
    cr_expect_eq(occurrences.used, 5000);
    cr_expect_eq(occurrences_count(&occurrences, none), 0);
    /* Equal in one half only. */
    struct identity_hash half = {UINT64_C(0x9e3779b97f4a7c15), 77};
    cr_expect_eq(occurrences_count(&occurrences, half), 0);
    occurrences_release(&occurrences);
}
