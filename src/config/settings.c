/* The option table. A new option is a field in struct config and a row here, nothing else. */
#include "settings.h"

#include "accrued/require.h"

#include <assert.h>
#include <stddef.h>

#define NAMED(member) .name = #member, .offset = offsetof(struct config, member)
#define ONE_OF(...)                                                                                \
    .words = {(const char *const[]){__VA_ARGS__},                                                  \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)}
#define STRING(text) .type = SETTING_STRING, .default_value = (text)
#define NEEDED(text) STRING(text), .is_required = true
#define FILE_PATH(text) .type = SETTING_PATH, .default_value = (text)
#define INT(text, low, high)                                                                       \
    .type = SETTING_INT, .default_value = (text), .min = (low), .max = (high)
#define INT_MS(text, low, high) INT(text, low, high), .unit = "ms"
#define PROPERTIES .type = SETTING_PROPERTIES, .default_value = "{}"

/* SIGHUP brings a new value into force. */
#define RELOADS .is_reloadable = true

#define GIB INT64_C(1073741824)
#define DAY_MS INT64_C(86400000)

const struct setting settings[] = {
    {NAMED(kafka.bootstrap_servers), NEEDED("127.0.0.1:9092"),
     .help = "Brokers to start from, `host:port` with commas between."},
    {NAMED(kafka.group_id), NEEDED("accrued"),
     .help = "Consumer group that divides the input's partitions among all processes."},
    {NAMED(kafka.client_id), NEEDED("accrued"), .help = "Name in the brokers' logs and metrics."},
    {NAMED(kafka.environment), NEEDED("dev"),
     .help = "First part of the transactional ids `accrued-<environment>-<instance>-<lane>`."},
    {NAMED(kafka.instance), STRING(""),
     .help = "Second part: unique in the fleet, the same after a restart. Empty: the host's name."},
    {NAMED(kafka.group_instance_id), STRING(""),
     .help = "Static group membership; empty: dynamic."},
    {NAMED(kafka.session_timeout_ms), INT_MS("30000", 6000, 1800000),
     .help = "A process that is silent for so long loses its partitions."},
    {NAMED(kafka.max_poll_interval_ms), INT_MS("120000", 10000, DAY_MS),
     .help = "A lane that is busy for so long loses its partitions. Longer than a transaction."},
    {NAMED(kafka.transaction_timeout_ms), INT_MS("30000", 1000, 900000),
     .help = "The broker aborts a transaction that is open for so long."},
    {NAMED(kafka.compression), .type = SETTING_WORD, .default_value = "lz4",
     ONE_OF("none", "gzip", "snappy", "lz4", "zstd"), .help = "Compression of what is written."},
    {NAMED(kafka.sasl_username), RELOADS, STRING(""),
     .help = "User for SASL (SCRAM, PLAIN); the mechanism goes into `properties`."},
    {NAMED(kafka.sasl_password), RELOADS, .type = SETTING_SECRET, .default_value = "",
     .help = "Its password; better in a file or in the environment."},
    {NAMED(kafka.sasl_password_file), RELOADS, FILE_PATH(""),
     .help = "File whose first line is that password; instead of `sasl_password`. Read again when "
             "it changes, for the connections to come."},
    {NAMED(kafka.properties), PROPERTIES,
     .help = "Further librdkafka properties of every client (TLS, SASL …). What exactness rests on "
             "is refused here."},
    {NAMED(kafka.consumer_properties), PROPERTIES, .help = "The same, consumers only."},
    {NAMED(kafka.producer_properties), PROPERTIES, .help = "The same, producers only."},

    {NAMED(topics.billing_lines), NEEDED("billing-lines"), .help = "Input."},
    {NAMED(topics.billing_lines_dlq), NEEDED("billing-lines-dlq"), .help = "Dead letters."},
    {NAMED(topics.accruals), NEEDED("accruals"), .help = "Accruals."},
    {NAMED(topics.accruals_forgone), NEEDED("accruals-forgone"),
     .help = "What partners would have earned, and why they did not."},
    {NAMED(topics.accrual_balances), NEEDED("accrual-balances"),
     .help = "Sums per partner, program, period and currency."},
    {NAMED(topics.ledger), NEEDED("accrued-ledger"),
     .help = "The service's own memory: what has been published per line."},
    {NAMED(topics.rerate_requests), NEEDED("rerate-requests"),
     .help = "Requests to rate past lines again."},
    {NAMED(topics.partitions), INT("4", 1, 10000),
     .help = "Partitions that `accrued topics create` gives the input and the ledger; final."},
    {NAMED(topics.replication_factor), INT("3", 1, 32), .help = "Copies of every record."},
    {NAMED(topics.min_insync_replicas), INT("2", 1, 32),
     .help = "Copies that must exist before a write counts."},

    {NAMED(redis.address), NEEDED("127.0.0.1:6379"), .help = "`host:port` or `unix:/path`."},
    {NAMED(redis.sentinels), STRING(""),
     .help = "Sentinels that know the master, `host:port` with commas between; instead of "
             "`address`."},
    {NAMED(redis.master_name), STRING("mymaster"), .help = "Its name among the Sentinels."},
    {NAMED(redis.sentinel_username), RELOADS, STRING(""), .help = "User of the Sentinels."},
    {NAMED(redis.sentinel_password), RELOADS, .type = SETTING_SECRET, .default_value = "",
     .help = "Password of the Sentinels; empty: none."},
    {NAMED(redis.sentinel_password_file), RELOADS, FILE_PATH(""),
     .help = "File whose first line is that password; instead of it."},
    {NAMED(redis.username), RELOADS, STRING(""),
     .help = "User of Redis 6 or later; empty: the default user."},
    {NAMED(redis.password), RELOADS, .type = SETTING_SECRET, .default_value = "",
     .help = "Password; better in a file or in the environment. Empty: none."},
    {NAMED(redis.password_file), RELOADS, FILE_PATH(""),
     .help = "File whose first line is the password; instead of `password`. Read again at each "
             "connection."},
    {NAMED(redis.tls), .type = SETTING_BOOL, .default_value = "false",
     .help = "Speak TLS with Redis and the Sentinels; needs a build with hiredis_ssl."},
    {NAMED(redis.tls_ca_file), FILE_PATH(""),
     .help = "Certificates (PEM) of who signs the servers'; empty: the system's."},
    {NAMED(redis.tls_certificate_file), FILE_PATH(""),
     .help = "Our own certificate (PEM), where the server wants one."},
    {NAMED(redis.tls_key_file), FILE_PATH(""), .help = "Its key (PEM)."},
    {NAMED(redis.tls_server_name), STRING(""),
     .help = "Name that the servers' certificates must bear; empty: the host of the address."},
    {NAMED(redis.key_prefix), STRING("accrued:"), .help = "Beginning of every key."},
    {NAMED(redis.database), INT("0", 0, 1023), .help = "Number of the logical database."},
    {NAMED(redis.connect_timeout_ms), RELOADS, INT_MS("1000", 1, 60000),
     .help = "Patience for a connection."},
    {NAMED(redis.timeout_ms), RELOADS, INT_MS("1000", 1, 60000), .help = "Patience for a reply."},
    {NAMED(redis.wait_replicas), RELOADS, INT("0", 0, 1000),
     .help = "Replicas that must have what `accrued reference load` wrote before it asks for "
             "re-rates; 0: as many as are connected."},
    {NAMED(redis.wait_timeout_ms), RELOADS, INT_MS("5000", 1, 600000),
     .help = "Patience for the replicas."},

    {NAMED(reference.cache_entries_max), RELOADS, INT("200000", 1, 100000000),
     .help = "Partners and customers that a lane keeps."},
    {NAMED(reference.cache_bytes_max), RELOADS, INT("268435456", 65536, 1024 * GIB),
     .unit = "bytes", .help = "Memory that they may take, per lane."},
    {NAMED(reference.fresh_ms), RELOADS, INT_MS("1000", 10, 60000),
     .help = "A cached value counts only so long after Redis last answered on the invalidation "
             "connection."},
    {NAMED(reference.outage), RELOADS, .type = SETTING_ENUM, .default_value = "stall",
     ONE_OF("stall", "serve-stale"),
     .help = "When Redis is away: wait, or go on from the cache for a while."},
    {NAMED(reference.stale_max_ms), RELOADS, INT_MS("600000", 1000, 7 * DAY_MS),
     .help = "How long that while is (serve-stale)."},
    {NAMED(reference.unreadable), RELOADS, .type = SETTING_ENUM, .default_value = "dead-letter",
     ONE_OF("dead-letter", "stall"),
     .help = "Lines whose reference value cannot be read: to the dead letters, or wait."},

    {NAMED(lanes.count), INT("1", 1, 256), .help = "Lanes (threads) of this process."},
    {NAMED(lanes.rebuilds_max), RELOADS, INT("5", 0, 1000),
     .help = "Rebuilds of a failing lane in a row, before the process gives up."},
    {NAMED(lanes.rebuild_backoff_ms), RELOADS, INT_MS("500", 1, 30000),
     .help = "Pause before the first rebuild; doubles each time, up to 30 s."},
    {NAMED(lanes.silence_ms_max), RELOADS, INT_MS("300000", 10000, DAY_MS),
     .help = "A lane whose loop stands still for so long, in a call that never returns, ends the "
             "process."},

    {NAMED(ledger.directory), FILE_PATH(""),
     .help =
         "Directory of the ledger's local files, which save reading the whole topic at a start. "
         "Empty: in memory only."},
    {NAMED(ledger.retention_months), RELOADS, INT("0", 0, 1200),
     .help = "Lines of billing periods that are older are closed: what comes for them goes to the "
             "dead letters. 0: never."},
    {NAMED(ledger.on_missing_input), RELOADS, .type = SETTING_ENUM, .default_value = "stop",
     ONE_OF("stop", "continue"),
     .help = "Lines that were deleted from the input before they were read: stop and say so, or "
             "say so and go on behind them."},

    {NAMED(batch.lines_max), RELOADS, INT("30000", 1, 1000000),
     .help = "Most lines of one transaction."},
    {NAMED(batch.bytes_max), RELOADS, INT("16777216", 1024, GIB), .unit = "bytes",
     .help = "Most input bytes of one transaction."},
    {NAMED(batch.portion_lines), RELOADS, INT("256", 1, 1000000),
     .help = "So many lines are worked on together, before the next ones are taken: few enough to "
             "stay in a core's cache."},
    {NAMED(batch.wait_ms), RELOADS, INT_MS("100", 1, 60000),
     .help = "How long an empty input is waited for; not a commit interval."},

    {NAMED(rerate.chunk_lines), RELOADS, INT("10000", 1, 1000000),
     .help = "Most past lines that one transaction rates again; four times as many when no line "
             "has come for a second."},
    {NAMED(rerate.share_percent), RELOADS, INT("50", 1, 1000), .unit = "%",
     .help = "Time for re-rates while lines wait, as a share of the time that lines take; as much "
             "as there is while none wait."},

    {NAMED(rating.programs), RELOADS, FILE_PATH("programs.yaml"), .is_required = true,
     .help = "File of the incentive programs."},
    {NAMED(rating.catalog), RELOADS, FILE_PATH("catalog.yaml"), .is_required = true,
     .help = "File that maps products to families, workloads and tags."},
    {NAMED(rating.no_link), RELOADS, .type = SETTING_BOOL, .default_value = "false",
     .help = "Also report lines for which no partner has a link; can be every line."},

    {NAMED(schemas.directory), FILE_PATH("schemas"), .is_required = true, .example = "../schemas",
     .help = "Directory of the Avro schemas (.avsc)."},
    {NAMED(schemas.framing), .type = SETTING_ENUM, .default_value = "confluent",
     ONE_OF("confluent", "single-object"),
     .help = "How outputs name their schema. Inputs may come in either form."},
    {NAMED(schemas.ids), .type = SETTING_SCHEMA_IDS,
     .default_value = "{1: billing-line.avsc, 2: accrual.avsc, 3: forgone.avsc, "
                      "4: rerate-request.avsc, 5: accrual-balance.avsc}",
     .help = "Schema ids (Confluent framing) and their files in `schemas.directory`."},
    {NAMED(schemas.billing_line_id), INT("1", 1, INT32_MAX),
     .help = "Id of written billing lines."},
    {NAMED(schemas.accrual_id), INT("2", 1, INT32_MAX), .help = "Id of accruals."},
    {NAMED(schemas.forgone_id), INT("3", 1, INT32_MAX), .help = "Id of forgone."},
    {NAMED(schemas.rerate_request_id), INT("4", 1, INT32_MAX), .help = "Id of re-rate requests."},
    {NAMED(schemas.balance_id), INT("5", 1, INT32_MAX), .help = "Id of balances."},

    {NAMED(balances.listen), STRING(""),
     .help = "Address of metrics and health of `accrued balances`; empty: off."},
    {NAMED(balances.on_missing_accruals), .type = SETTING_ENUM, .default_value = "stop",
     ONE_OF("stop", "continue"),
     .help = "Accruals that were deleted before they were added up: stop and say so, or say so and "
             "add up what is left."},

    {NAMED(registry.urls), STRING(""),
     .help =
         "Addresses of a Schema Registry, `https://host:port` with commas between; ids are then "
         "the registry's. Empty: none."},
    {NAMED(registry.username), STRING(""), .help = "User for HTTP basic authentication."},
    {NAMED(registry.password), .type = SETTING_SECRET, .default_value = "",
     .help = "Its password; better in a file or in the environment."},
    {NAMED(registry.password_file), FILE_PATH(""),
     .help = "File whose first line is the password; instead of `password`. Read for each request: "
             "it may change."},
    {NAMED(registry.ca_file), FILE_PATH(""),
     .help = "Certificates (PEM) that the registry's must come from; empty: the system's."},
    {NAMED(registry.certificate_file), FILE_PATH(""),
     .help = "Our certificate (PEM), where the registry asks for one."},
    {NAMED(registry.key_file), FILE_PATH(""),
     .help = "Its key (PEM); empty: it is in the certificate's file."},
    {NAMED(registry.connect_timeout_ms), INT_MS("2000", 1, 60000),
     .help = "Patience for a connection."},
    {NAMED(registry.timeout_ms), INT_MS("5000", 1, 60000), .help = "Patience for a reply."},
    {NAMED(registry.auto_register), .type = SETTING_BOOL, .default_value = "false",
     .help = "Register our schemas at a start; otherwise they must be there."},

    {NAMED(http.listen), STRING("127.0.0.1:9464"),
     .help = "Address of the status page, metrics and health; empty: off."},

    {NAMED(log.level), RELOADS, .type = SETTING_ENUM, .default_value = "info",
     ONE_OF("error", "warn", "info", "debug"), .help = "Least important events that are logged."},
    {NAMED(log.format), RELOADS, .type = SETTING_ENUM, .default_value = "logfmt",
     ONE_OF("logfmt", "json"), .help = "Form of log lines on standard error."},
};
const size_t setting_count = sizeof settings / sizeof settings[0];
static_assert(sizeof settings / sizeof settings[0] <= SETTING_COUNT_MAX, "origins has room");

int setting_find(struct text name) {
    for (size_t i = 0; i < setting_count; i++) {
        if (text_equal(name, text_of(settings[i].name))) {
            return (int)i;
        }
    }
    return -1;
}

bool setting_is_map(const struct setting *setting) {
    return setting->type == SETTING_PROPERTIES || setting->type == SETTING_SCHEMA_IDS;
}

size_t setting_section_size(const struct setting *setting) {
    const char *dot = strchr(setting->name, '.');
    REQUIRE(dot != NULL);
    return (size_t)(dot - setting->name);
}

void setting_append_variable(struct buffer *to, const struct setting *setting) {
    buffer_append_string(to, "ACCRUED_");
    for (const char *at = setting->name; *at != '\0'; at++) {
        bool is_letter = *at >= 'a' && *at <= 'z';
        buffer_append_byte(to, (uint8_t)(is_letter ? *at - ('a' - 'A') : *at == '.' ? '_' : *at));
    }
}

void origins_append_where(const struct origins *origins, size_t setting, struct buffer *to) {
    REQUIRE(setting < setting_count);
    const struct origin *origin = &origins->items[setting];
    switch (origin->kind) {
    case ORIGIN_DEFAULT: buffer_append_format(to, "%s (default)", settings[setting].name); return;
    case ORIGIN_FILE:
        buffer_append_format(to, "%s:%zu: %s", origins->file, origin->line, settings[setting].name);
        return;
    case ORIGIN_VARIABLE: setting_append_variable(to, &settings[setting]); return;
    case ORIGIN_OVERRIDE: buffer_append_format(to, "-o %s", settings[setting].name); return;
    }
    REQUIRE(false && "an origin without a name");
}
