#include "accrued/topics.h"

#include "accrued/require.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Kafka's own default, written down so that a cluster with another one fits. Above what the
 * publisher sends in one request. */
#define MESSAGE_BYTES_MAX INT64_C(1048588)
/* A dead letter is the record it came from, and headers that say why. The limit is one of
 * compressed bytes, and what came in may have been compressed better than we do it. */
#define DEAD_LETTER_FACTOR 4

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define INPUT_RETENTION_MS (30 * DAY_MS)
#define DEAD_LETTER_RETENTION_MS (90 * DAY_MS)
#define ACCRUAL_RETENTION_MS (365 * DAY_MS)
#define FORGONE_RETENTION_MS (90 * DAY_MS)
#define NO_LIMIT (-1)

/* The broker compacts closed segments only. Without these a quiet topic would keep its one segment,
 * and with it every overwritten block, for a week. */
#define COMPACTED_SEGMENT_MS HOUR_MS
#define COMPACTED_SEGMENT_BYTES (INT64_C(64) * 1048576)
#define COMPACTION_LAG_MS (6 * HOUR_MS)
#define DIRTY_RATIO "0.2"

static const char *const why_delete_input = "compaction would remove lines before they are read";
static const char *const why_delete_output =
    "every accrual is a difference: compaction would remove amounts";
static const char *const why_compact_ledger =
    "it is the memory of what was published: nothing may expire, overwritten blocks must go";
static const char *const why_compact_balances =
    "the latest sum per key is what the next one is made from: none may expire";
static const char *const why_retention_input = "time to repair a worker before lines are deleted";
static const char *const why_retention_output =
    "a payout system that was away must find everything";
static const char *const why_size = "what the worker sends in one request must fit";
static const char *const why_segment = "only closed segments are compacted";
static const char *const why_unclean =
    "a replica that missed writes must not become leader: committed records would be gone";

void topic_setting_describe(const struct topic_setting *setting,
                            char ret_text[TOPIC_WANTED_SIZE_MAX]) {
    const char *rule = "";
    switch (setting->rule) {
    case TOPIC_EXACTLY: break;
    case TOPIC_AT_LEAST:
        rule = strcmp(setting->value, "-1") == 0 ? "no limit, " : "at least ";
        break;
    case TOPIC_AT_MOST: rule = "at most "; break;
    }
    (void)snprintf(ret_text, TOPIC_WANTED_SIZE_MAX, "%s%s", rule, setting->value);
}

static void want(struct topic_wanted *topic, const char *name, const char *value,
                 enum topic_rule rule, enum topic_grade grade, const char *why) {
    REQUIRE(topic->setting_count < TOPIC_SETTINGS_MAX);
    struct topic_setting *setting = &topic->settings[topic->setting_count++];
    *setting = (struct topic_setting){.name = name, .rule = rule, .grade = grade, .why = why};
    int size = snprintf(setting->value, sizeof setting->value, "%s", value);
    REQUIRE(size > 0 && (size_t)size < sizeof setting->value);
}

static void want_number(struct topic_wanted *topic, const char *name, int64_t value,
                        enum topic_rule rule, enum topic_grade grade, const char *why) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    want(topic, name, text, rule, grade, why);
}

static void want_deleted(struct topic_wanted *topic, int64_t retention_ms, const char *why_policy,
                         const char *why_retention) {
    want(topic, "cleanup.policy", "delete", TOPIC_EXACTLY, TOPIC_MUST, why_policy);
    want_number(topic, "retention.ms", retention_ms, TOPIC_AT_LEAST, TOPIC_SHOULD, why_retention);
    want_number(topic, "retention.bytes", NO_LIMIT, TOPIC_AT_LEAST, TOPIC_SHOULD,
                "records go by age, not because others came");
}

static void want_compacted(struct topic_wanted *topic, enum topic_grade grade,
                           const char *why_policy) {
    want(topic, "cleanup.policy", "compact", TOPIC_EXACTLY, grade, why_policy);
    want_number(topic, "segment.ms", COMPACTED_SEGMENT_MS, TOPIC_AT_MOST, TOPIC_SHOULD,
                why_segment);
    want_number(topic, "segment.bytes", COMPACTED_SEGMENT_BYTES, TOPIC_AT_MOST, TOPIC_SHOULD,
                why_segment);
    want_number(topic, "max.compaction.lag.ms", COMPACTION_LAG_MS, TOPIC_AT_MOST, TOPIC_SHOULD,
                "a small dirty part is compacted after this time too");
    want(topic, "min.cleanable.dirty.ratio", DIRTY_RATIO, TOPIC_AT_MOST, TOPIC_SHOULD,
         "a restore reads what compaction has not removed yet");
}

static void want_safe(struct topic_wanted *topic, const struct config *config,
                      enum topic_grade grade) {
    want(topic, "unclean.leader.election.enable", "false", TOPIC_EXACTLY, grade, why_unclean);
    want_number(topic, "min.insync.replicas", config->topics.min_insync_replicas, TOPIC_AT_LEAST,
                TOPIC_SHOULD, "a write counts when this many copies have it");
}

static void want_inputs(const struct config *config, struct topic_wanted *wanted) {
    struct topic_wanted *input = &wanted[TOPIC_BILLING_LINES];
    want_deleted(input, INPUT_RETENTION_MS, why_delete_input, why_retention_input);
    want_number(input, "max.message.bytes", MESSAGE_BYTES_MAX, TOPIC_AT_LEAST, TOPIC_SHOULD,
                "a billing line with long tags must fit");
    want_safe(input, config, TOPIC_MUST);

    struct topic_wanted *requests = &wanted[TOPIC_RERATE_REQUESTS];
    want_deleted(requests, NO_LIMIT, "a request is an event: each counts",
                 "a worker behind the oldest request rates everything again");
    want_safe(requests, config, TOPIC_MUST);
}

static void want_outputs(const struct config *config, struct topic_wanted *wanted) {
    struct topic_wanted *accruals = &wanted[TOPIC_ACCRUALS];
    want_deleted(accruals, ACCRUAL_RETENTION_MS, why_delete_output, why_retention_output);
    want_number(accruals, "max.message.bytes", MESSAGE_BYTES_MAX, TOPIC_AT_LEAST, TOPIC_MUST,
                why_size);
    want_safe(accruals, config, TOPIC_MUST);

    struct topic_wanted *forgone = &wanted[TOPIC_FORGONE];
    want_deleted(forgone, FORGONE_RETENTION_MS, why_delete_output, why_retention_output);
    want_number(forgone, "max.message.bytes", MESSAGE_BYTES_MAX, TOPIC_AT_LEAST, TOPIC_MUST,
                why_size);
    want_safe(forgone, config, TOPIC_MUST);

    /* Its max.message.bytes is held against the input's, see adjusted(). */
    struct topic_wanted *letters = &wanted[TOPIC_DEAD_LETTERS];
    want_deleted(letters, DEAD_LETTER_RETENTION_MS, "every letter waits for a person",
                 "time to repair and replay");
    want_number(letters, "max.message.bytes", MESSAGE_BYTES_MAX * DEAD_LETTER_FACTOR,
                TOPIC_AT_LEAST, TOPIC_MUST, "the largest input record and the reason must fit");
    want_safe(letters, config, TOPIC_MUST);

    struct topic_wanted *ledger = &wanted[TOPIC_LEDGER];
    want_compacted(ledger, TOPIC_MUST, why_compact_ledger);
    want_number(ledger, "max.message.bytes", MESSAGE_BYTES_MAX, TOPIC_AT_LEAST, TOPIC_MUST,
                why_size);
    want_safe(ledger, config, TOPIC_MUST);

    struct topic_wanted *balances = &wanted[TOPIC_BALANCES];
    want_compacted(balances, TOPIC_MUST, why_compact_balances);
    want_safe(balances, config, TOPIC_MUST);
}

void topics_wanted(const struct config *config, struct topic_wanted ret_wanted[TOPIC_COUNT]) {
    const struct topic_wanted names[TOPIC_COUNT] = {
        [TOPIC_BILLING_LINES] = {.name = config->topics.billing_lines,
                                 .option = "topics.billing_lines",
                                 .purpose = "input"},
        [TOPIC_DEAD_LETTERS] = {.name = config->topics.billing_lines_dlq,
                                .option = "topics.billing_lines_dlq",
                                .purpose = "records that cannot be rated"},
        [TOPIC_ACCRUALS] = {.name = config->topics.accruals,
                            .option = "topics.accruals",
                            .purpose = "what is owed"},
        [TOPIC_FORGONE] = {.name = config->topics.accruals_forgone,
                           .option = "topics.accruals_forgone",
                           .purpose = "what is not owed, and why"},
        [TOPIC_BALANCES] = {.name = config->topics.accrual_balances,
                            .option = "topics.accrual_balances",
                            .purpose = "sums"},
        [TOPIC_LEDGER] = {.name = config->topics.ledger,
                          .option = "topics.ledger",
                          .purpose = "the service's memory"},
        [TOPIC_RERATE_REQUESTS] = {.name = config->topics.rerate_requests,
                                   .option = "topics.rerate_requests",
                                   .purpose = "requests to rate again"},
    };
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        ret_wanted[i] = names[i];
        ret_wanted[i].partitions =
            i == TOPIC_RERATE_REQUESTS ? 1 : (int32_t)config->topics.partitions;
        ret_wanted[i].copies = (int32_t)config->topics.replication_factor;
    }
    want_inputs(config, ret_wanted);
    want_outputs(config, ret_wanted);
}

/* ---- the comparison ---- */

struct comparing {
    const struct topic_wanted *wanted;
    const struct topic_found *found;
    const char *bootstrap;
    topics_visit visit;
    void *context;
};

/* Numbers of settings: whole ones and ratios. −1 is no limit. false: not a number. */
static bool number_of(const char *text, double *ret_number) {
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0') {
        return false;
    }
    *ret_number = number == NO_LIMIT ? (double)INT64_MAX : number;
    return true;
}

static bool is_satisfied(const struct topic_setting *setting, const char *value) {
    double is = 0;
    double wanted = 0;
    bool has_numbers = number_of(value, &is) && number_of(setting->value, &wanted);
    switch (setting->rule) {
    case TOPIC_EXACTLY: return strcmp(value, setting->value) == 0;
    case TOPIC_AT_LEAST: return has_numbers && is >= wanted;
    case TOPIC_AT_MOST: return has_numbers && is <= wanted;
    }
    REQUIRE(false);
    return false;
}

static void visit_setting(const struct comparing *comparing, enum topic topic,
                          const struct topic_setting *setting, const char *value) {
    char wanted[TOPIC_WANTED_SIZE_MAX];
    char repair[512] = "";
    const char *name = comparing->wanted[topic].name;
    bool is_good = is_satisfied(setting, value);
    topic_setting_describe(setting, wanted);
    if (!is_good) {
        (void)snprintf(repair, sizeof repair,
                       "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
                       "--entity-name %s --add-config %s=%s",
                       comparing->bootstrap, name, setting->name, setting->value);
    }
    comparing->visit(comparing->context, &(struct topic_finding){
                                             .topic = name,
                                             .setting = setting->name,
                                             .is_good = is_good,
                                             .grade = setting->grade,
                                             .is = value[0] != '\0' ? value : "unknown",
                                             .wanted = wanted,
                                             .why = setting->why,
                                             .repair = repair,
                                         });
}

/* What is wanted of a setting once the other topics are known: a dead letter is as large as what
 * came in, which a cluster's owner may have allowed to be larger or smaller. */
static struct topic_setting adjusted(const struct comparing *comparing, enum topic topic,
                                     const struct topic_setting *setting, const char *value) {
    struct topic_setting result = *setting;
    const struct topic_wanted *input = &comparing->wanted[TOPIC_BILLING_LINES];
    const struct topic_found *found = &comparing->found[TOPIC_BILLING_LINES];
    if (topic != TOPIC_DEAD_LETTERS || strcmp(setting->name, "max.message.bytes") != 0 ||
        !found->exists) {
        return result;
    }
    for (size_t i = 0; i < input->setting_count; i++) {
        int64_t bytes = 0;
        if (strcmp(input->settings[i].name, setting->name) == 0 &&
            text_to_int64(text_of(found->values[i]), &bytes) && bytes <= INT32_MAX) {
            int64_t is = 0;
            result.grade =
                text_to_int64(text_of(value), &is) && is >= bytes ? TOPIC_SHOULD : TOPIC_MUST;
            (void)snprintf(result.value, sizeof result.value, "%" PRId64,
                           bytes * DEAD_LETTER_FACTOR);
        }
    }
    return result;
}

static void visit_number(const struct comparing *comparing, struct topic_finding finding,
                         int32_t is, const char *rule, int32_t wanted) {
    char is_text[16];
    char wanted_text[32];
    (void)snprintf(is_text, sizeof is_text, "%" PRId32, is);
    (void)snprintf(wanted_text, sizeof wanted_text, "%s%" PRId32, rule, wanted);
    finding.is = is_text;
    finding.wanted = wanted_text;
    if (finding.is_good) {
        finding.repair = "";
    }
    comparing->visit(comparing->context, &finding);
}

/* The ledger's count is the input's. The input's is a fact; the option only says what `create`
 * would give it. */
static void compare_partitions(const struct comparing *comparing, enum topic topic) {
    const struct topic_found *found = &comparing->found[topic];
    const struct topic_found *input = &comparing->found[TOPIC_BILLING_LINES];
    int32_t wanted = comparing->wanted[topic].partitions;
    struct topic_finding finding = {.topic = comparing->wanted[topic].name,
                                    .setting = "partitions"};
    if (topic == TOPIC_LEDGER && input->exists) {
        wanted = input->partitions;
        finding.grade = TOPIC_MUST;
        finding.why = "partition N of the ledger is the memory of partition N of the input";
        finding.repair = "no command repairs this: give the input back its former topic, or name a "
                         "new, empty ledger in topics.ledger and run `accrued topics create`";
    } else if (topic == TOPIC_BALANCES && comparing->found[TOPIC_ACCRUALS].exists) {
        wanted = comparing->found[TOPIC_ACCRUALS].partitions;
        finding.grade = TOPIC_MUST;
        finding.why = "partition N of the balances holds the sums of partition N of the accruals";
        finding.repair = "no command repairs this: name a new, empty topic in "
                         "topics.accrual_balances and run `accrued topics create`";
    } else if (topic == TOPIC_RERATE_REQUESTS) {
        finding.grade = TOPIC_MUST;
        finding.why = "requests have one order";
        finding.repair = "no command repairs this: name a new topic in topics.rerate_requests and "
                         "run `accrued topics create`";
    } else if (topic == TOPIC_BILLING_LINES) {
        finding.grade = TOPIC_SHOULD;
        finding.why = "the number is final: keys would move to other partitions";
        finding.repair = "set topics.partitions to what the topic has";
    } else {
        return; /* any number will do */
    }
    finding.is_good = found->partitions == wanted;
    visit_number(comparing, finding, found->partitions, "", wanted);
}

static void compare_copies(const struct comparing *comparing, enum topic topic) {
    const struct topic_wanted *wanted = &comparing->wanted[topic];
    const struct topic_found *found = &comparing->found[topic];
    visit_number(comparing,
                 (struct topic_finding){
                     .topic = wanted->name,
                     .setting = "copies",
                     .grade = TOPIC_SHOULD,
                     .is_good = found->copies >= wanted->copies,
                     .why = "a broker's disk may die",
                     .repair = "kafka-reassign-partitions.sh with more replicas per partition",
                 },
                 found->copies, "at least ", wanted->copies);
}

static void compare_existence(const struct comparing *comparing, enum topic topic) {
    const struct topic_wanted *wanted = &comparing->wanted[topic];
    bool exists = comparing->found[topic].exists;
    comparing->visit(comparing->context, &(struct topic_finding){
                                             .topic = wanted->name,
                                             .setting = "existence",
                                             .is_good = exists,
                                             .grade = TOPIC_MUST,
                                             .is = exists ? "there" : "missing",
                                             .wanted = "there",
                                             .why = wanted->purpose,
                                             .repair = exists ? "" : "accrued topics create",
                                         });
}

/* More copies must be in sync than there are: then nothing can be written at all. */
static void compare_insync(const struct comparing *comparing, enum topic topic,
                           const struct topic_setting *setting, const char *value) {
    const struct topic_found *found = &comparing->found[topic];
    int64_t insync = 0;
    if (!text_to_int64(text_of(value), &insync) || insync <= found->copies) {
        visit_setting(comparing, topic, setting, value);
        return;
    }
    struct topic_setting possible = *setting;
    possible.rule = TOPIC_AT_MOST;
    possible.grade = TOPIC_MUST;
    possible.why = "with fewer copies than that no write succeeds";
    (void)snprintf(possible.value, sizeof possible.value, "%" PRId32, found->copies);
    visit_setting(comparing, topic, &possible, value);
}

void topics_compare(const struct topic_wanted wanted[TOPIC_COUNT],
                    const struct topic_found found[TOPIC_COUNT], const char *bootstrap,
                    topics_visit visit, void *context) {
    REQUIRE(visit != NULL && bootstrap != NULL);
    const struct comparing comparing = {wanted, found, bootstrap, visit, context};
    for (enum topic topic = 0; topic < TOPIC_COUNT; topic++) {
        compare_existence(&comparing, topic);
        if (!found[topic].exists) {
            continue;
        }
        compare_partitions(&comparing, topic);
        compare_copies(&comparing, topic);
        for (size_t i = 0; i < wanted[topic].setting_count; i++) {
            const char *value = found[topic].values[i];
            struct topic_setting setting =
                adjusted(&comparing, topic, &wanted[topic].settings[i], value);
            if (strcmp(setting.name, "min.insync.replicas") == 0) {
                compare_insync(&comparing, topic, &setting, value);
            } else {
                visit_setting(&comparing, topic, &setting, value);
            }
        }
    }
}

void topics_append_commands(struct buffer *to, const struct topic_wanted wanted[TOPIC_COUNT],
                            const char *bootstrap) {
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        const struct topic_wanted *topic = &wanted[i];
        buffer_append_format(to,
                             "kafka-topics.sh --bootstrap-server %s --create --if-not-exists "
                             "--topic %s --partitions %" PRId32 " --replication-factor %" PRId32,
                             bootstrap, topic->name, topic->partitions, topic->copies);
        for (size_t j = 0; j < topic->setting_count; j++) {
            buffer_append_format(to, " \\\n    --config %s=%s", topic->settings[j].name,
                                 topic->settings[j].value);
        }
        buffer_append_byte(to, '\n');
    }
}
