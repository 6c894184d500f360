/* topics.h: the Kafka topics as a contract: what they must be, and whether they are. Room: source.
 *
 * One table, made from `topics.*` of the configuration, drives `accrued topics create`, `check` and
 * `print`, and the check that `run` makes before it starts. The table and the comparison are pure
 * (source/topics.c); what talks to the cluster is source/topics_kafka.c. Main thread; blocks up to
 * the time-outs.
 *
 * Two grades. TOPIC_MUST: amounts could be lost or published twice, or the worker would stop later
 * at a worse moment; `run` refuses to start. TOPIC_SHOULD: the cluster owner may have reasons
 * (retention, copies, segment sizes); told, never refused. Source of the rules: docs/topics.md. */
#ifndef ACCRUED_TOPICS_H
#define ACCRUED_TOPICS_H

#include "accrued/config.h"

enum topic {
    TOPIC_BILLING_LINES,
    TOPIC_DEAD_LETTERS,
    TOPIC_ACCRUALS,
    TOPIC_FORGONE,
    TOPIC_BALANCES,
    TOPIC_LEDGER,
    TOPIC_RERATE_REQUESTS,
    TOPIC_COUNT
};

enum topic_grade { TOPIC_MUST, TOPIC_SHOULD };

/* How a found value is held against the wanted one. For sizes and times −1 is "no limit". */
enum topic_rule { TOPIC_EXACTLY, TOPIC_AT_LEAST, TOPIC_AT_MOST };

#define TOPIC_VALUE_SIZE_MAX 48
#define TOPIC_WANTED_SIZE_MAX 64
#define TOPIC_SETTINGS_MAX 10

struct topic_setting {
    const char *name; /* Kafka's: "cleanup.policy" */
    char value[TOPIC_VALUE_SIZE_MAX];
    enum topic_rule rule;
    enum topic_grade grade;
    const char *why;
};

struct topic_wanted {
    const char *name;   /* borrowed from the configuration */
    const char *option; /* "topics.ledger" */
    const char *purpose;
    int32_t partitions;
    int32_t copies;
    struct topic_setting settings[TOPIC_SETTINGS_MAX];
    size_t setting_count;
};

/* What the cluster says of one topic; values run parallel to topic_wanted.settings, "" is unknown
 * to this broker. */
struct topic_found {
    bool exists;
    int32_t partitions;
    int32_t copies; /* the fewest of any partition */
    char values[TOPIC_SETTINGS_MAX][TOPIC_VALUE_SIZE_MAX];
};

/* "at least 2", "compact". */
void topic_setting_describe(const struct topic_setting *setting,
                            char ret_text[TOPIC_WANTED_SIZE_MAX]);

/* The table. Borrows names from `config`. */
void topics_wanted(const struct config *config, struct topic_wanted ret_wanted[TOPIC_COUNT]);

struct topic_finding {
    const char *topic;
    const char *setting; /* "partitions", "copies", "existence" or Kafka's name */
    bool is_good;
    enum topic_grade grade;
    const char *is;
    const char *wanted; /* with its rule: "at least 2" */
    const char *why;
    const char *repair; /* a command, or a sentence where no command helps; "" if good */
};
typedef void (*topics_visit)(void *context, const struct topic_finding *finding);

/* Visits every comparison in the table's order. `bootstrap` goes into the repair commands. Strings
 * of a finding are valid during the call. Pure. */
void topics_compare(const struct topic_wanted wanted[TOPIC_COUNT],
                    const struct topic_found found[TOPIC_COUNT], const char *bootstrap,
                    topics_visit visit, void *context);

/* kafka-topics.sh commands that create what `accrued topics create` creates. Pure. */
void topics_append_commands(struct buffer *to, const struct topic_wanted wanted[TOPIC_COUNT],
                            const char *bootstrap);

enum topics_result {
    TOPICS_GOOD,
    TOPICS_WRONG,       /* *fault: the first setting of grade TOPIC_MUST that is wrong */
    TOPICS_UNREACHABLE, /* *fault: no answer from the cluster */
    TOPICS_UNCHECKABLE, /* *fault: it answers, but does not tell settings: librdkafka's in-process
                           broker, or no right to DescribeConfigs */
};

/* Asks the cluster. Never TOPICS_WRONG. */
enum topics_result topics_describe(const struct config *config,
                                   const struct topic_wanted wanted[TOPIC_COUNT],
                                   struct topic_found ret_found[TOPIC_COUNT], struct fault *fault);

/* For `run`: asks and compares; what is only TOPIC_SHOULD does not matter here. */
enum topics_result topics_check(const struct config *config, struct fault *fault);

/* Creates the topics that are not there, and waits until all have leaders. ret_created[i]: made by
 * this call. What exists is left alone. false: *fault. */
bool topics_create(const struct config *config, const struct topic_wanted wanted[TOPIC_COUNT],
                   bool ret_created[TOPIC_COUNT], struct fault *fault);

#endif
