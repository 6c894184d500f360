#include "../../src/observe/visitors.h"

#include <criterion/criterion.h>

static int ended[VISITOR_COUNT_MAX];
static size_t ended_count;

static void note_end(int descriptor) {
    ended[ended_count++] = descriptor;
}

static size_t expired(struct visitors *visitors, int64_t now_ms) {
    ended_count = 0;
    visitors_expire(visitors, now_ms, note_end);
    return ended_count;
}

Test(visitors, each_has_its_time_from_the_last_answer) {
    struct visitors visitors;
    visitors_init(&visitors);
    struct visitor *slow = visitors_add(&visitors, 7, 0);
    struct visitor *good = visitors_add(&visitors, 8, 0);
    good->since_ms = 5000;
    cr_assert_eq(expired(&visitors, VISITOR_TIME_MS - 1), 0);
    cr_assert_eq(expired(&visitors, VISITOR_TIME_MS), 1);
    cr_assert_eq(ended[0], 7);
    visitors_remove(&visitors, slow);
    cr_assert_eq(expired(&visitors, VISITOR_TIME_MS + 4999), 0);
    cr_assert_eq(expired(&visitors, VISITOR_TIME_MS + 5000), 1);
    visitors_remove(&visitors, good);
    cr_assert_eq(expired(&visitors, INT64_MAX / 2), 0);
}

Test(visitors, in_a_crowd_time_is_short) {
    struct visitors visitors;
    struct visitor *all[VISITOR_COUNT_MAX];
    visitors_init(&visitors);
    for (int i = 0; i < VISITOR_COUNT_CROWDED; i++) {
        all[i] = visitors_add(&visitors, i, i < 2 ? 0 : 900);
    }
    cr_assert_eq(expired(&visitors, VISITOR_TIME_CROWDED_MS), 2);
    visitors_remove(&visitors, all[0]);
    cr_assert_eq(expired(&visitors, VISITOR_TIME_CROWDED_MS), 0, "no crowd any more");
    for (int i = 0; i <= VISITOR_COUNT_MAX - VISITOR_COUNT_CROWDED; i++) {
        cr_assert_not_null(visitors_add(&visitors, 100 + i, 0));
    }
    cr_assert_null(visitors_add(&visitors, 99, 0));
}
