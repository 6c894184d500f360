#include "observe/visitors.h"

#include <criterion/criterion.h>

static int ended[VISITOR_COUNT_MAX];
static size_t ended_count;

static void note_end(int descriptor) {
    ended[ended_count++] = descriptor;
}

/* As the loop does it: a look every so often until then. */
static size_t expired(struct visitors *visitors, int64_t now_ms) {
    ended_count = 0;
    int64_t from_ms = visitors->looked_ms < 0 ? 0 : visitors->looked_ms;
    for (int64_t ms = from_ms; ms < now_ms && ended_count == 0; ms += 100) {
        visitors_expire(visitors, ms, note_end);
    }
    ended_count = 0;
    visitors_expire(visitors, now_ms, note_end);
    return ended_count;
}

Test(visitors, while_the_server_stands_still_nobody_loses_time) {
    struct visitors visitors;
    visitors_init(&visitors);
    struct visitor *visitor = visitors_add(&visitors, 7, 0);
    cr_assert_eq(expired(&visitors, 1000), 0);
    visitors_expire(&visitors, 100000, note_end);
    cr_assert_eq(ended_count, 0, "it was frozen meanwhile");
    cr_assert_eq(expired(&visitors, 100000 + VISITOR_TIME_MS - 1001), 0);
    cr_assert_eq(expired(&visitors, 100000 + VISITOR_TIME_MS - 1000), 1);
    visitors_remove(&visitors, visitor);
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
    cr_assert_eq(expired(&visitors, 5 * VISITOR_TIME_MS), 0);
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
