#include "accrued/topics.h"

#include "accrued/embedded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct config config;
static struct topic_wanted wanted[TOPIC_COUNT];
static struct topic_found found[TOPIC_COUNT];

/* Topics exactly as wanted. */
static void open_world(void) {
    struct fault fault;
    config_init(&config);
    cr_assert(config_load(&config, NULL, NULL, 0, &fault), "%s", fault.text);
    topics_wanted(&config, wanted);
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        found[i] = (struct topic_found){
            .exists = true, .partitions = wanted[i].partitions, .copies = wanted[i].copies};
        for (size_t j = 0; j < wanted[i].setting_count; j++) {
            (void)snprintf(found[i].values[j], sizeof found[i].values[j], "%s",
                           wanted[i].settings[j].value);
        }
    }
}

static void close_world(void) {
    config_release(&config);
}

TestSuite(topics, .init = open_world, .fini = close_world);

static void set(enum topic topic, const char *setting, const char *value) {
    for (size_t i = 0; i < wanted[topic].setting_count; i++) {
        if (strcmp(wanted[topic].settings[i].name, setting) == 0) {
            (void)snprintf(found[topic].values[i], sizeof found[topic].values[i], "%s", value);
            return;
        }
    }
    cr_assert_fail("%s has no %s", wanted[topic].name, setting);
}

struct seen {
    size_t good;
    size_t bad;
    enum topic_grade grade;
    char text[1024]; /* of the last bad one: topic setting is wanted */
    char repair[512];
};

static void see(void *context, const struct topic_finding *finding) {
    struct seen *seen = context;
    if (finding->is_good) {
        cr_assert_str_empty(finding->repair);
        seen->good++;
        return;
    }
    cr_assert_str_not_empty(finding->why);
    seen->bad++;
    seen->grade = finding->grade;
    (void)snprintf(seen->text, sizeof seen->text, "%s %s %s %s", finding->topic, finding->setting,
                   finding->is, finding->wanted);
    (void)snprintf(seen->repair, sizeof seen->repair, "%s", finding->repair);
}

static struct seen compare(void) {
    struct seen seen = {.good = 0};
    topics_compare(wanted, found, "h:9092", see, &seen);
    return seen;
}

static void assert_one(enum topic_grade grade, const char *text) {
    struct seen seen = compare();
    cr_assert_eq(seen.bad, 1, "%zu bad, the last: %s", seen.bad, seen.text);
    cr_assert_str_eq(seen.text, text);
    cr_assert_eq(seen.grade, grade);
    cr_assert_str_not_empty(seen.repair);
}

Test(topics, what_is_wanted_is_good) {
    struct seen seen = compare();
    cr_assert_eq(seen.bad, 0, "%s", seen.text);
    cr_assert_gt(seen.good, 50);
}

Test(topics, names_and_counts_come_from_the_configuration) {
    cr_assert_str_eq(wanted[TOPIC_LEDGER].name, "accrued-ledger");
    cr_assert_eq(wanted[TOPIC_LEDGER].partitions, 4);
    cr_assert_eq(wanted[TOPIC_RERATE_REQUESTS].partitions, 1);
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        cr_assert_eq(wanted[i].copies, 3);
    }
}

Test(topics, a_ledger_that_expires_is_wrong) {
    set(TOPIC_LEDGER, "cleanup.policy", "compact,delete");
    assert_one(TOPIC_MUST, "accrued-ledger cleanup.policy compact,delete compact");
    cr_assert_str_eq(compare().repair,
                     "kafka-configs.sh --bootstrap-server h:9092 --alter --entity-type topics "
                     "--entity-name accrued-ledger --add-config cleanup.policy=compact");
}

Test(topics, a_compacted_input_is_wrong) {
    set(TOPIC_BILLING_LINES, "cleanup.policy", "compact");
    assert_one(TOPIC_MUST, "billing-lines cleanup.policy compact delete");
}

Test(topics, an_unclean_election_is_wrong) {
    set(TOPIC_LEDGER, "unclean.leader.election.enable", "true");
    assert_one(TOPIC_MUST, "accrued-ledger unclean.leader.election.enable true false");
}

Test(topics, a_ledger_has_the_partitions_of_the_input) {
    found[TOPIC_LEDGER].partitions = 3;
    assert_one(TOPIC_MUST, "accrued-ledger partitions 3 4");
}

Test(topics, the_input_may_have_another_number_of_partitions_than_configured) {
    found[TOPIC_BILLING_LINES].partitions = 12;
    found[TOPIC_LEDGER].partitions = 12;
    assert_one(TOPIC_SHOULD, "billing-lines partitions 12 4");
}

Test(topics, requests_have_one_partition) {
    found[TOPIC_RERATE_REQUESTS].partitions = 4;
    assert_one(TOPIC_MUST, "rerate-requests partitions 4 1");
}

Test(topics, other_outputs_may_have_any_number_of_partitions) {
    found[TOPIC_FORGONE].partitions = 1;
    found[TOPIC_DEAD_LETTERS].partitions = 7;
    cr_assert_eq(compare().bad, 0);
}

Test(topics, balances_have_the_partitions_of_the_accruals) {
    found[TOPIC_ACCRUALS].partitions = 12;
    assert_one(TOPIC_MUST, "accrual-balances partitions 4 12");
    found[TOPIC_BALANCES].partitions = 12;
    cr_assert_eq(compare().bad, 0);
    set(TOPIC_BALANCES, "cleanup.policy", "delete");
    assert_one(TOPIC_MUST, "accrual-balances cleanup.policy delete compact");
}

Test(topics, a_missing_topic_is_one_finding) {
    found[TOPIC_ACCRUALS] = (struct topic_found){.exists = false};
    assert_one(TOPIC_MUST, "accruals existence missing there");
    cr_assert_str_eq(compare().repair, "accrued topics create");
}

Test(topics, a_missing_input_leaves_the_ledger_to_the_configuration) {
    found[TOPIC_BILLING_LINES] = (struct topic_found){.exists = false};
    assert_one(TOPIC_MUST, "billing-lines existence missing there");
}

Test(topics, dead_letters_are_as_large_as_the_input_really_allows) {
    set(TOPIC_BILLING_LINES, "max.message.bytes", "5000000");
    assert_one(TOPIC_MUST, "billing-lines-dlq max.message.bytes 4194352 at least 20000000");
    set(TOPIC_DEAD_LETTERS, "max.message.bytes", "5000000");
    assert_one(TOPIC_SHOULD, "billing-lines-dlq max.message.bytes 5000000 at least 20000000");
    set(TOPIC_DEAD_LETTERS, "max.message.bytes", "20000000");
    cr_assert_eq(compare().bad, 0);
}

Test(topics, retention_is_the_owners_business) {
    set(TOPIC_ACCRUALS, "retention.ms", "604800000");
    assert_one(TOPIC_SHOULD, "accruals retention.ms 604800000 at least 31536000000");
    set(TOPIC_ACCRUALS, "retention.ms", "-1");
    cr_assert_eq(compare().bad, 0);
    set(TOPIC_ACCRUALS, "retention.bytes", "1000");
    assert_one(TOPIC_SHOULD, "accruals retention.bytes 1000 no limit, -1");
}

Test(topics, kafkas_default_compaction_lag_is_doubtful) {
    set(TOPIC_LEDGER, "max.compaction.lag.ms", "9223372036854775807");
    assert_one(TOPIC_SHOULD,
               "accrued-ledger max.compaction.lag.ms 9223372036854775807 at most 21600000");
}

Test(topics, a_ratio_is_a_number) {
    set(TOPIC_LEDGER, "min.cleanable.dirty.ratio", "0.50");
    assert_one(TOPIC_SHOULD, "accrued-ledger min.cleanable.dirty.ratio 0.50 at most 0.2");
    set(TOPIC_LEDGER, "min.cleanable.dirty.ratio", "0.05");
    cr_assert_eq(compare().bad, 0);
}

Test(topics, fewer_copies_than_must_be_in_sync_is_wrong) {
    found[TOPIC_LEDGER].copies = 1;
    struct seen seen = compare();
    cr_assert_eq(seen.bad, 2);
    cr_assert_str_eq(seen.text, "accrued-ledger min.insync.replicas 2 at most 1");
    cr_assert_eq(seen.grade, TOPIC_MUST);
}

Test(topics, what_a_broker_does_not_know_is_told) {
    set(TOPIC_LEDGER, "max.compaction.lag.ms", "");
    assert_one(TOPIC_SHOULD, "accrued-ledger max.compaction.lag.ms unknown at most 21600000");
}

Test(topics, commands_create_every_topic) {
    struct buffer text;
    buffer_init(&text);
    topics_append_commands(&text, wanted, "h:9092");
    buffer_append_byte(&text, 0);
    const char *commands = (const char *)text.data;
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        char part[128];
        (void)snprintf(part, sizeof part, "--topic %s --partitions ", wanted[i].name);
        cr_assert_not_null(strstr(commands, part));
    }
    cr_assert_not_null(strstr(commands, "--config cleanup.policy=compact"));
    buffer_release(&text);
}

Test(topics, the_embedded_broker_cannot_be_checked) {
    struct fault fault = {""};
    struct embedded *embedded = embedded_start(&config, &fault);
    cr_assert_not_null(embedded, "%s", fault.text);
    free(config.kafka.bootstrap_servers);
    config.kafka.bootstrap_servers = strdup(embedded_bootstrap(embedded));
    cr_assert_eq(topics_check(&config, &fault), TOPICS_UNCHECKABLE, "%s", fault.text);
    cr_assert_str_not_empty(fault.text);
    embedded_free(embedded);
}
