/* Rules over values that are each of the right type: forms, and the nesting of time-outs
 * (transactions.md, P31). */
#include "settings.h"

#include "accrued/address.h"
#include "accrued/require.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct check {
    const struct config *config;
    const struct origins *origins;
    struct problems *problems;
};

/* One problem at the first of two settings that is not a default, with the rule. */
__attribute__((format(printf, 4, 5))) static void broken(const struct check *check,
                                                         const char *name, const char *other,
                                                         const char *format, ...) {
    int index = setting_find(text_of(name));
    int other_index = other != NULL ? setting_find(text_of(other)) : index;
    REQUIRE(index >= 0 && other_index >= 0);
    if (check->origins->items[index].kind == ORIGIN_DEFAULT) {
        index = other_index;
    }
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct buffer where;
    buffer_init(&where);
    origins_append_where(check->origins, (size_t)index, &where);
    (void)problems_add(check->problems, "%.*s: %s", TEXT_ARGS(buffer_text(&where)), message);
    buffer_release(&where);
}

static void check_timeouts(const struct check *check) {
    const struct config *config = check->config;
    int64_t session_ms = config->kafka.session_timeout_ms;
    int64_t poll_ms = config->kafka.max_poll_interval_ms;
    int64_t transaction_ms = config->kafka.transaction_timeout_ms;
    if (session_ms > poll_ms) {
        broken(check, "kafka.session_timeout_ms", "kafka.max_poll_interval_ms",
               "kafka.session_timeout_ms (%" PRId64 " ms) must not be longer than "
               "kafka.max_poll_interval_ms (%" PRId64 " ms)",
               session_ms, poll_ms);
    }
    if (transaction_ms >= poll_ms) {
        broken(check, "kafka.transaction_timeout_ms", "kafka.max_poll_interval_ms",
               "kafka.transaction_timeout_ms (%" PRId64 " ms) must be shorter than "
               "kafka.max_poll_interval_ms (%" PRId64 " ms): a transaction ends before its "
               "partitions are given away",
               transaction_ms, poll_ms);
    }
    /* A batch connects at most once and waits for two replies. */
    int64_t redis_ms = config->redis.connect_timeout_ms + 2 * config->redis.timeout_ms;
    if (redis_ms >= transaction_ms) {
        broken(check, "redis.timeout_ms", "redis.connect_timeout_ms",
               "redis.connect_timeout_ms + 2 × redis.timeout_ms (%" PRId64 " ms) must be shorter "
               "than kafka.transaction_timeout_ms (%" PRId64 " ms)",
               redis_ms, transaction_ms);
    }
    if (config->batch.wait_ms >= transaction_ms) {
        broken(check, "batch.wait_ms", "kafka.transaction_timeout_ms",
               "batch.wait_ms (%" PRId64 " ms) must be shorter than kafka.transaction_timeout_ms "
               "(%" PRId64 " ms)",
               config->batch.wait_ms, transaction_ms);
    }
    if (config->reference.outage == OUTAGE_SERVE_STALE &&
        config->reference.stale_max_ms <= config->reference.fresh_ms) {
        broken(check, "reference.stale_max_ms", "reference.fresh_ms",
               "reference.stale_max_ms (%" PRId64 " ms) must be longer than reference.fresh_ms "
               "(%" PRId64 " ms)",
               config->reference.stale_max_ms, config->reference.fresh_ms);
    }
}

/* librdkafka checks these two itself, but only when a producer is made, and without the unit. */
static void check_property_timeouts(const struct check *check, const struct properties *properties,
                                    const char *setting) {
    int64_t transaction_ms = check->config->kafka.transaction_timeout_ms;
    for (size_t i = 0; i < properties->count; i++) {
        const struct property *property = &properties->items[i];
        bool is_message = strcmp(property->name, "message.timeout.ms") == 0 ||
                          strcmp(property->name, "delivery.timeout.ms") == 0;
        bool is_socket = strcmp(property->name, "socket.timeout.ms") == 0;
        int64_t value = 0;
        if ((!is_message && !is_socket) || !text_to_int64(text_of(property->value), &value)) {
            continue;
        }
        int64_t max = is_socket ? transaction_ms + 100 : transaction_ms;
        if (value > max) {
            broken(check, setting, NULL,
                   "%s (%" PRId64 " ms) must not be longer than %" PRId64
                   " ms, from kafka.transaction_timeout_ms",
                   property->name, value, max);
        }
    }
}

static bool is_topic_name(const char *name) {
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return name[size] == '\0' && size > 0 && size <= 249 && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static void check_topics(const struct check *check) {
    const struct config *config = check->config;
    const struct {
        const char *setting;
        const char *name;
    } topics[] = {
        {"topics.billing_lines", config->topics.billing_lines},
        {"topics.billing_lines_dlq", config->topics.billing_lines_dlq},
        {"topics.accruals", config->topics.accruals},
        {"topics.accruals_forgone", config->topics.accruals_forgone},
        {"topics.accrual_balances", config->topics.accrual_balances},
        {"topics.ledger", config->topics.ledger},
        {"topics.rerate_requests", config->topics.rerate_requests},
    };
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (!is_topic_name(topics[i].name)) {
            broken(check, topics[i].setting, NULL,
                   "\"%s\" is not a topic name: 1 to 249 of a–z A–Z 0–9 . _ -", topics[i].name);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(topics[i].name, topics[k].name) == 0) {
                broken(check, topics[i].setting, topics[k].setting,
                       "\"%s\" is %s already; each topic needs its own name", topics[i].name,
                       topics[k].setting);
            }
        }
    }
    if (config->topics.min_insync_replicas > config->topics.replication_factor) {
        broken(check, "topics.min_insync_replicas", "topics.replication_factor",
               "topics.min_insync_replicas (%" PRId64 ") must not be above "
               "topics.replication_factor (%" PRId64 "): nothing could be written",
               config->topics.min_insync_replicas, config->topics.replication_factor);
    }
}

static void check_sentinels(const struct check *check) {
    const struct config *config = check->config;
    const char *rest = config->redis.sentinels;
    struct address address;
    char item[ADDRESS_TEXT_SIZE_MAX];
    while (address_next(&rest, item)) {
        if (!address_parse(item, &address) || address.is_unix || address.port == 0) {
            broken(check, "redis.sentinels", NULL, "\"%s\" is not host:port", item);
        }
    }
    if (config->redis.sentinels[0] != '\0' && config->redis.master_name[0] == '\0') {
        broken(check, "redis.master_name", "redis.sentinels", "Sentinels know masters by name");
    }
}

static void check_redis(const struct check *check) {
    struct address address;
    const struct config *config = check->config;
    if (!address_parse(config->redis.address, &address) ||
        (!address.is_unix && address.port == 0)) {
        broken(check, "redis.address", NULL, "\"%s\" is neither host:port nor unix:/path",
               config->redis.address);
    }
    check_sentinels(check);
    if (config->redis.username[0] != '\0' && config->redis.password[0] == '\0') {
        broken(check, "redis.username", NULL, "a user needs a password");
    }
    if (config->redis.sentinel_username[0] != '\0' && config->redis.sentinel_password[0] == '\0') {
        broken(check, "redis.sentinel_username", NULL, "a user needs a password");
    }
    if ((config->redis.tls_certificate_file[0] == '\0') !=
        (config->redis.tls_key_file[0] == '\0')) {
        broken(check, "redis.tls_certificate_file", "redis.tls_key_file",
               "a certificate needs its key, and a key its certificate");
    }
}

static void check_addresses(const struct check *check) {
    struct address address;
    const struct config *config = check->config;
    if (config->http.listen[0] != '\0' &&
        (!address_parse(config->http.listen, &address) || address.is_unix)) {
        broken(check, "http.listen", NULL, "\"%s\" is not host:port", config->http.listen);
    }
}

static bool has_property(const struct properties *properties, const char *name) {
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_sasl(const struct check *check) {
    const struct config *config = check->config;
    bool has_user = config->kafka.sasl_username[0] != '\0';
    bool has_password =
        config->kafka.sasl_password[0] != '\0' || config->kafka.sasl_password_file[0] != '\0';
    if (has_user != has_password) {
        broken(check, "kafka.sasl_username", "kafka.sasl_password",
               "kafka.sasl_username and its password (or the password's file) belong together");
    }
    if (has_user && (has_property(&config->kafka.properties, "sasl.username") ||
                     has_property(&config->kafka.properties, "sasl.password"))) {
        broken(check, "kafka.sasl_username", NULL,
               "kafka.properties has sasl.username or sasl.password as well; leave one out");
    }
}

/* Each address of a list with commas. */
static void check_registry_url(const struct check *check, struct text url) {
    bool is_http = text_starts_with(url, TEXT("http://"));
    bool is_https = text_starts_with(url, TEXT("https://"));
    size_t scheme_size = is_http ? strlen("http://") : strlen("https://");
    if ((!is_http && !is_https) || url.size == scheme_size) {
        broken(check, "registry.urls", NULL,
               "\"%.*s\" is not http://host:port or https://host:port", TEXT_ARGS(url));
    } else if (memchr(url.data, '@', url.size) != NULL) {
        broken(check, "registry.urls", NULL,
               "an address with user or password in it would be logged: use registry.username and "
               "registry.password");
    } else if (memchr(url.data, '?', url.size) != NULL || memchr(url.data, '#', url.size) != NULL) {
        broken(check, "registry.urls", NULL, "\"%.*s\" goes on behind its path", TEXT_ARGS(url));
    }
}

static void check_registry(const struct check *check) {
    const struct config *config = check->config;
    const char *at = config->registry.urls;
    while (*at != '\0') {
        size_t size = strcspn(at, ", ");
        if (size > 0) {
            check_registry_url(check, (struct text){at, size});
        }
        at += size + (at[size] != '\0' ? 1 : 0);
    }
    if (config->registry.password[0] != '\0' && config->registry.username[0] == '\0') {
        broken(check, "registry.password", "registry.password_file", "a password needs a user");
    }
    if (config->registry.key_file[0] != '\0' && config->registry.certificate_file[0] == '\0') {
        broken(check, "registry.key_file", NULL, "a key needs its certificate");
    }
}

static void check_schema_ids(const struct check *check) {
    const struct config *config = check->config;
    if (config->registry.urls[0] != '\0') {
        return; /* ids are the registry's */
    }
    const struct {
        const char *setting;
        int64_t id;
    } used[] = {
        {"schemas.billing_line_id", config->schemas.billing_line_id},
        {"schemas.accrual_id", config->schemas.accrual_id},
        {"schemas.forgone_id", config->schemas.forgone_id},
    };
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
        bool is_known = false;
        for (size_t k = 0; k < config->schemas.id_count && !is_known; k++) {
            is_known = config->schemas.ids[k].id == used[i].id;
        }
        if (!is_known) {
            broken(check, used[i].setting, "schemas.ids", "schemas.ids has no id %" PRId64,
                   used[i].id);
        }
    }
}

void config_check(const struct config *config, const struct origins *origins,
                  struct problems *problems) {
    struct check check = {config, origins, problems};
    check_timeouts(&check);
    check_property_timeouts(&check, &config->kafka.properties, "kafka.properties");
    check_property_timeouts(&check, &config->kafka.producer_properties,
                            "kafka.producer_properties");
    check_topics(&check);
    check_redis(&check);
    check_addresses(&check);
    check_sasl(&check);
    check_registry(&check);
    check_schema_ids(&check);
}
