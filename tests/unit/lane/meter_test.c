#include "lane/meter.h"

#include "accrued/metrics.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>

static void take_value(void *context, const char *labels, const struct metric *metric) {
    if (strcmp(labels, "partition=\"4\"") == 0) {
        *(int64_t *)context = metric_value(metric);
    }
}

static int64_t value_of(const char *name) {
    int64_t value = -99;
    metrics_each(name, take_value, &value);
    return value;
}

static const struct line_outcomes one_of_each = {1, 1, 1, 1, 1};

Test(meter, lines_that_all_have_an_outcome) {
    struct meter *meter = meter_open(4);
    cr_assert(meter_commit(meter, 5, &one_of_each));
    cr_assert(meter_commit(meter, 0, &(struct line_outcomes){0}));
    cr_assert(meter_commit(meter, 7, &(struct line_outcomes){.posted = 3, .skipped = 4}));
    cr_assert_eq(value_of("accrued_lines_in_total"), 12);
    cr_assert_eq(value_of("accrued_conservation_difference_lines"), 0);
    meter_free(meter);
}

/* Each outcome by itself: one that was not added up would not be missed. */
Test(meter, a_line_without_an_outcome_and_an_outcome_without_a_line_are_seen) {
    for (size_t i = 0; i < 5; i++) {
        struct line_outcomes outcomes = one_of_each;
        size_t *const each[] = {&outcomes.posted, &outcomes.unchanged, &outcomes.stale,
                                &outcomes.skipped, &outcomes.dead_lettered};
        struct meter *meter = meter_open(4);
        *each[i] = 0;
        cr_assert(!meter_commit(meter, 5, &outcomes));
        cr_assert_eq(value_of("accrued_conservation_difference_lines"), 1);
        *each[i] = 2;
        cr_assert(meter_commit(meter, 5, &outcomes), "it evens out");
        cr_assert_eq(value_of("accrued_conservation_difference_lines"), 0);
        *each[i] = 3;
        cr_assert(!meter_commit(meter, 5, &outcomes));
        cr_assert_eq(value_of("accrued_conservation_difference_lines"), -2);
        *each[i] = 1;
        cr_assert(!meter_commit(meter, 7, &(struct line_outcomes){.posted = 6}));
        cr_assert_eq(value_of("accrued_conservation_difference_lines"), -1);
        cr_assert(meter_commit(meter, 1, &(struct line_outcomes){0}));
        meter_free(meter);
    }
}

static size_t count_of(const char *text, const char *what) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        count++;
    }
    return count;
}

Test(meter, the_log_says_it_once_not_after_every_transaction, .init = cr_redirect_stderr) {
    struct meter *meter = meter_open(4);
    cr_assert(!meter_commit(meter, 6, &one_of_each));
    for (int i = 0; i < 100; i++) {
        cr_assert(!meter_commit(meter, 5, &one_of_each));
    }
    /* The partition goes and comes back: known still. */
    meter_free(meter);
    meter = meter_open(4);
    cr_assert(!meter_commit(meter, 5, &one_of_each));
    meter_free(meter);
    (void)fflush(stderr);
    char told[8192] = "";
    size_t size = fread(told, 1, sizeof told - 1, cr_get_redirected_stderr());
    told[size] = '\0';
    cr_assert_eq(count_of(told, "conservation_broken"), 1, "%s", told);
    cr_assert_not_null(strstr(told, "level=error"));
    cr_assert_not_null(strstr(told, "partition=4 difference=1 lines_in=6 posted=1"));
}
