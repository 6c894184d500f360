/* What a configuration may not change in librdkafka, and what of it must not be printed. */
#include "settings.h"

#include "accrued/require.h"

struct pinned {
    const char *name;
    const char *why;
};

#define IN_TRANSACTION                                                                             \
    "offsets are committed in the transaction of what they produced, nowhere else"
#define OWN_GUARD "the service's own offsets and ledger decide where reading begins"
#define EXACTLY_ONCE "transactions need it as it is; otherwise money is paid twice or not at all"
#define SAME_PARTITION "the ledger of a line is in the partition that murmur2 of its key names"
#define USE(option) "it is the option `" option "`"

/* Every spelling that librdkafka knows: an alias would get round the rule. */
static const struct pinned pinned[] = {
    {"bootstrap.servers", USE("kafka.bootstrap_servers")},
    {"metadata.broker.list", USE("kafka.bootstrap_servers")},
    {"group.id", USE("kafka.group_id")},
    {"group.instance.id", USE("kafka.group_instance_id")},
    {"client.id", USE("kafka.client_id")},
    {"session.timeout.ms", USE("kafka.session_timeout_ms")},
    {"max.poll.interval.ms", USE("kafka.max_poll_interval_ms")},
    {"transaction.timeout.ms", USE("kafka.transaction_timeout_ms")},
    {"compression.codec", USE("kafka.compression")},
    {"compression.type", USE("kafka.compression")},
    {"transactional.id", "it is made of `kafka.environment`, `kafka.instance` and the lane"},
    {"enable.auto.commit", IN_TRANSACTION},
    {"auto.commit.enable", IN_TRANSACTION},
    {"auto.commit.interval.ms", IN_TRANSACTION},
    {"enable.auto.offset.store", IN_TRANSACTION},
    {"offset.store.method", IN_TRANSACTION},
    {"isolation.level", "aborted transactions must stay unseen: it is read_committed"},
    {"auto.offset.reset", OWN_GUARD},
    {"enable.partition.eof", OWN_GUARD},
    {"check.crcs", "a damaged record must not become money: it is true"},
    {"partition.assignment.strategy", "all members of the group must use the same one"},
    {"group.protocol", "fencing of a former owner rests on the classic protocol"},
    {"allow.auto.create.topics",
     "a topic is created by `accrued topics create`, with its settings"},
    {"enable.idempotence", EXACTLY_ONCE},
    {"enable.gapless.guarantee", EXACTLY_ONCE},
    {"acks", EXACTLY_ONCE},
    {"request.required.acks", EXACTLY_ONCE},
    {"max.in.flight", EXACTLY_ONCE},
    {"max.in.flight.requests.per.connection", EXACTLY_ONCE},
    {"retries", EXACTLY_ONCE},
    {"message.send.max.retries", EXACTLY_ONCE},
    {"queuing.strategy", EXACTLY_ONCE},
    {"partitioner", SAME_PARTITION},
    {"log.queue", "the service reads librdkafka's log itself"},
};

const char *property_pinned(struct text name) {
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        if (text_equal_ignoring_case(name, text_of(pinned[i].name))) {
            return pinned[i].why;
        }
    }
    return NULL;
}

bool property_is_secret(const char *name) {
    static const char *const parts[] = {
        "password", "secret",      "token",     "key.pem",
        "ssl_key",  "jaas.config", "assertion", "oauthbearer.config"};
    REQUIRE(name != NULL);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (text_contains_ignoring_case(text_of(name), text_of(parts[i]))) {
            return true;
        }
    }
    return false;
}
