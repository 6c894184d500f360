/* What a running process takes over from changed files, and what waits for a restart. */
#include "accrued/config.h"

#include <criterion/criterion.h>

struct loaded {
    struct config in_force;
    struct config next;
    struct problems problems;
    struct buffer pending;
    bool is_good;
    const char *names; /* of what needs a restart */
};

static void load_twice(struct loaded *loaded, const char *const *before, size_t before_count,
                       const char *const *after, size_t after_count) {
    struct fault fault;
    config_init(&loaded->in_force);
    config_init(&loaded->next);
    problems_init(&loaded->problems);
    buffer_init(&loaded->pending);
    cr_assert(config_load(&loaded->in_force, NULL, before, before_count, &fault), "%s", fault.text);
    loaded->is_good = config_load_again(&loaded->next, &loaded->in_force, NULL, after, after_count,
                                        &loaded->problems, &loaded->pending);
    buffer_append_byte(&loaded->pending, '\0');
    loaded->names = (const char *)loaded->pending.data;
}

static void release(struct loaded *loaded) {
    buffer_release(&loaded->pending);
    problems_release(&loaded->problems);
    config_release(&loaded->next);
    config_release(&loaded->in_force);
}

Test(config_reload, nothing_changed) {
    const char *options[] = {"kafka.properties.a=b", "lanes.count=3", "log.level=warn"};
    struct loaded loaded;
    load_twice(&loaded, options, 3, options, 3);
    cr_expect(loaded.is_good);
    cr_expect_str_eq(loaded.names, "");
    release(&loaded);
}

Test(config_reload, what_reloads_is_new_and_the_rest_is_old) {
    const char *before[] = {"kafka.properties.a=b", "schemas.framing=single-object"};
    const char *after[] = {"kafka.properties.a=c", "kafka.group_id=other",
                           "topics.partitions=9",  "schemas.ids={1: x.avsc, 2: y.avsc, 3: z.avsc}",
                           "batch.lines_max=7",    "rating.no_link=true",
                           "log.level=debug",      "reference.outage=serve-stale",
                           "redis.password=new"};
    struct loaded loaded;
    load_twice(&loaded, before, 2, after, 9);
    cr_assert(loaded.is_good);
    cr_expect_str_eq(loaded.names, "kafka.group_id,kafka.properties,topics.partitions,"
                                   "schemas.framing,schemas.ids");
    cr_expect_eq(loaded.next.batch.lines_max, 7);
    cr_expect(loaded.next.rating.no_link);
    cr_expect_eq(loaded.next.log.level, LOG_DEBUG);
    cr_expect_eq(loaded.next.reference.outage, OUTAGE_SERVE_STALE);
    cr_expect_str_eq(loaded.next.redis.password, "new");
    cr_expect_str_eq(loaded.next.kafka.group_id, "accrued");
    cr_expect_str_eq(loaded.next.kafka.properties.items[0].value, "b");
    cr_expect_eq(loaded.next.kafka.properties.count, 1);
    cr_expect_eq(loaded.next.topics.partitions, 4);
    cr_expect_eq(loaded.next.schemas.framing, FRAMING_SINGLE_OBJECT);
    cr_expect_eq(loaded.next.schemas.id_count, 5);
    /* Copies, not the same memory: the old one may go first. */
    cr_expect_neq(loaded.next.kafka.group_id, loaded.in_force.kafka.group_id);
    release(&loaded);
}

Test(config_reload, a_mistake_is_a_problem) {
    const char *after[] = {"batch.lines_max=0"};
    struct loaded loaded;
    load_twice(&loaded, NULL, 0, after, 1);
    cr_expect(!loaded.is_good && loaded.problems.count == 1);
    release(&loaded);
}

Test(config_reload, old_and_new_together_must_fit) {
    /* Good for a start: the transaction may be long. But it stays short until a restart. */
    const char *before[] = {"kafka.transaction_timeout_ms=10000"};
    const char *after[] = {"kafka.transaction_timeout_ms=60000", "batch.wait_ms=20000"};
    struct loaded loaded;
    load_twice(&loaded, before, 1, after, 2);
    cr_expect(!loaded.is_good);
    struct text told = buffer_text(&loaded.problems.lines);
    cr_expect(text_contains_ignoring_case(told, TEXT("batch.wait_ms (20000 ms)")), "%.*s",
              TEXT_ARGS(told));
    release(&loaded);
}
