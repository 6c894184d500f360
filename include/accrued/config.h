/* config.h: the service's configuration. Room: config.
 *
 * One option table (config/options.c) drives parsing, environment overrides,
 * validation, `accrued check`, the effective print and the README's table. A
 * struct config is filled once and immutable afterwards; lanes share it. Every
 * string is owned by the struct and never NULL (absent = ""). */
#ifndef ACCRUED_CONFIG_H
#define ACCRUED_CONFIG_H

#include "accrued/buffer.h"
#include "accrued/decode.h"
#include "accrued/fault.h"
#include "accrued/problems.h"

struct property {
    char *name;
    char *value;
};
struct properties {
    struct property *items;
    size_t count;
};

struct schema_entry {
    uint32_t id;
    char *file; /* relative to schemas.directory, or absolute */
};

enum outage_policy { OUTAGE_STALL, OUTAGE_SERVE_STALE };
enum unreadable_policy { UNREADABLE_DEAD_LETTER, UNREADABLE_STALL };
enum missing_input_policy { MISSING_INPUT_STOP, MISSING_INPUT_CONTINUE };
enum log_format { LOG_LOGFMT, LOG_JSON };
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct config {
    struct {
        char *bootstrap_servers;
        char *group_id;
        char *client_id;
        char *environment; /* transactional.id = accrued-<environment>-<instance>-<lane> */
        char *instance;
        char *group_instance_id;      /* "": dynamic membership */
        char *sasl_username;          /* "": none */
        char *sasl_password;          /* secret */
        char *sasl_password_file;     /* read instead of sasl_password, "" none */
        struct properties properties; /* passed through to every client */
        struct properties consumer_properties;
        struct properties producer_properties;
        int64_t session_timeout_ms;
        int64_t max_poll_interval_ms;
        int64_t transaction_timeout_ms;
        char *compression; /* of outputs: none, lz4, zstd, snappy, gzip */
        bool is_embedded;  /* no option: set by the demo for the broker inside the process, whose
                              markers have no checksum in newer versions of librdkafka */
    } kafka;
    struct {
        char *billing_lines;
        char *billing_lines_dlq;
        char *accruals;
        char *accruals_forgone;
        char *accrual_balances;
        char *ledger;
        char *rerate_requests;
        int64_t partitions; /* for `topics create` */
        int64_t replication_factor;
        int64_t min_insync_replicas;
    } topics;
    struct {
        char *address;     /* host:port or unix:/path; not with sentinels */
        char *sentinels;   /* host:port with commas between, "" none */
        char *master_name; /* for them */
        char *sentinel_username;
        char *sentinel_password; /* secret */
        char *sentinel_password_file;
        char *username;
        char *password;      /* secret */
        char *password_file; /* read instead of password, at each connection; "" none */
        bool tls;
        char *tls_ca_file; /* "": the system's */
        char *tls_certificate_file;
        char *tls_key_file;
        char *tls_server_name; /* "": the host of the address */
        char *key_prefix;      /* "accrued:" */
        int64_t database;
        int64_t connect_timeout_ms;
        int64_t timeout_ms;
        int64_t wait_replicas; /* of a load; 0: as many as are connected */
        int64_t wait_timeout_ms;
    } redis;
    struct {
        int64_t cache_entries_max; /* per lane */
        int64_t cache_bytes_max;   /* per lane */
        int64_t fresh_ms;          /* last answered PING on the invalidation connection */
        enum outage_policy outage;
        int64_t stale_max_ms; /* with serve_stale */
        enum unreadable_policy unreadable;
    } reference;
    struct {
        int64_t count;
        int64_t rebuilds_max;       /* in a row, before the process gives up */
        int64_t rebuild_backoff_ms; /* doubles each time, up to 30 s */
        int64_t silence_ms_max;     /* then the process ends */
    } lanes;
    struct {
        char *directory;          /* of the local files; "": the ledger is in memory only */
        int64_t retention_months; /* 0: for ever */
        enum missing_input_policy on_missing_input;
    } ledger;
    struct {
        int64_t lines_max;
        int64_t bytes_max;
        int64_t portion_lines; /* worked on together before the next are gathered */
        int64_t wait_ms;       /* how long an empty input is waited for, not a commit interval */
    } batch;
    struct {
        int64_t chunk_lines;
        int64_t share_percent; /* of the time that live lines take */
    } rerate;
    struct {
        char *programs;
        char *catalog;
        bool no_link;
    } rating;
    struct {
        char *directory;
        enum framing framing;     /* of outputs */
        struct schema_entry *ids; /* id → writer schema file */
        size_t id_count;
        int64_t billing_line_id; /* ids used in Confluent framing by what we write */
        int64_t accrual_id;
        int64_t forgone_id;
        int64_t rerate_request_id;
        int64_t balance_id;
    } schemas;
    struct {
        char *listen; /* of `accrued balances`, as http.listen */
        enum missing_input_policy on_missing_accruals;
    } balances;
    struct {
        char *urls; /* commas between; "": no registry */
        char *username;
        char *password;      /* secret */
        char *password_file; /* read instead of password, for each request; "" none */
        char *ca_file;
        char *certificate_file;
        char *key_file;
        int64_t connect_timeout_ms;
        int64_t timeout_ms;
        bool auto_register;
    } registry;
    struct {
        char *listen; /* "127.0.0.1:9464"; "" off */
    } http;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
    char *file; /* where it came from, "" if built in */
};

/* Defaults for everything. */
void config_init(struct config *config);
void config_release(struct config *config);

/* Reads a YAML file over the defaults, then environment variables ACCRUED_<SECTION>_<KEY>, then
 * `overrides` ("kafka.group_id=x"), then validates (ranges, nesting of timeouts with units).
 * Relative paths in the file are relative to the file. path NULL: no file. false: *fault has file,
 * line, key, reason. */
bool config_load(struct config *config, const char *path, const char *const *overrides,
                 size_t override_count, struct fault *fault);

/* The same, but every problem is named: for `accrued check`. */
bool config_load_all(struct config *config, const char *path, const char *const *overrides,
                     size_t override_count, struct problems *problems);

/* For a process that runs under `in_force`: loads everything anew, the environment and `overrides`
 * included. Options that need a restart keep the value in force, and the names of those that have
 * changed are appended to ret_pending, commas between. What comes out has passed all checks. */
bool config_load_again(struct config *config, const struct config *in_force, const char *path,
                       const char *const *overrides, size_t override_count,
                       struct problems *problems, struct buffer *ret_pending);

/* Effective configuration as YAML, secrets masked. */
void config_append_yaml(struct buffer *to, const struct config *config);
/* The README's table in Markdown, from the option table. */
void config_append_markdown(struct buffer *to);
/* config/accrued.yaml: every option, commented. */
void config_append_example(struct buffer *to);

#endif
