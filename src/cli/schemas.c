#include "schemas.h"

#include "accrued/require.h"
#include "accrued/schema_file.h"

#include <stdio.h>
#include <time.h>

#define ATTEMPTS_MAX 5
#define ATTEMPT_PAUSE_MS 300
#define SUBJECT_SIZE_MAX 300
#define PATH_SIZE_MAX 4096

struct own {
    enum own_schema schema;
    const char *file;
    const char *topic;
    int64_t *id;
};

bool schemas_open_registry(const struct config *config, struct registry **ret_registry,
                           struct fault *fault) {
    *ret_registry = NULL;
    if (config->registry.urls[0] == '\0') {
        return true;
    }
    struct registry_options options = {
        .urls = config->registry.urls,
        .username = config->registry.username,
        .password = config->registry.password,
        .password_file = config->registry.password_file,
        .ca_file = config->registry.ca_file,
        .certificate_file = config->registry.certificate_file,
        .key_file = config->registry.key_file,
        .connect_timeout_ms = config->registry.connect_timeout_ms,
        .timeout_ms = config->registry.timeout_ms,
    };
    *ret_registry = registry_open(&options, fault);
    return *ret_registry != NULL;
}

static enum registry_outcome resolve_one(struct registry *registry, const struct config *config,
                                         const struct own *own, int64_t *ret_id,
                                         struct fault *fault) {
    char path[PATH_SIZE_MAX];
    char subject[SUBJECT_SIZE_MAX];
    struct buffer source;
    (void)snprintf(path, sizeof path, "%s/%s", config->schemas.directory, own->file);
    (void)snprintf(subject, sizeof subject, "%s-value", own->topic);
    buffer_init(&source);
    uint32_t id = 0;
    enum registry_outcome outcome = REGISTRY_REFUSED;
    if (schema_file_read(path, &source, fault)) {
        outcome = registry_resolve(registry, subject, buffer_text(&source),
                                   config->registry.auto_register, &id, fault);
        if (outcome == REGISTRY_REFUSED && !config->registry.auto_register) {
            fault_prefix(fault,
                         "%s must be registered first, or set registry.auto_register: ", path);
        }
    }
    buffer_release(&source);
    *ret_id = id;
    return outcome;
}

enum registry_outcome schemas_resolve(struct registry *registry, unsigned which,
                                      struct config *config, struct fault *fault) {
    REQUIRE(registry != NULL);
    if (config->schemas.framing != FRAMING_CONFLUENT) {
        return REGISTRY_RESOLVED;
    }
    const struct own owns[] = {
        {OWN_BILLING_LINE, "billing-line.avsc", config->topics.billing_lines,
         &config->schemas.billing_line_id},
        {OWN_ACCRUAL, "accrual.avsc", config->topics.accruals, &config->schemas.accrual_id},
        {OWN_FORGONE, "forgone.avsc", config->topics.accruals_forgone, &config->schemas.forgone_id},
        {OWN_RERATE_REQUEST, "rerate-request.avsc", config->topics.rerate_requests,
         &config->schemas.rerate_request_id},
        {OWN_BALANCE, "accrual-balance.avsc", config->topics.accrual_balances,
         &config->schemas.balance_id},
    };
    enum { COUNT = sizeof owns / sizeof owns[0] };
    int64_t ids[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        ids[i] = *owns[i].id;
        if ((which & (unsigned)owns[i].schema) != 0) {
            enum registry_outcome outcome = resolve_one(registry, config, &owns[i], &ids[i], fault);
            if (outcome != REGISTRY_RESOLVED) {
                return outcome;
            }
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        *owns[i].id = ids[i];
    }
    return REGISTRY_RESOLVED;
}

/* Opens, resolves, closes. Without a registry there is nothing to do. */
bool schemas_resolve_now(unsigned which, struct config *config, struct fault *fault) {
    struct registry *registry = NULL;
    if (!schemas_open_registry(config, &registry, fault)) {
        return false;
    }
    enum registry_outcome outcome = registry == NULL ? REGISTRY_RESOLVED : REGISTRY_UNREACHABLE;
    for (int attempt = 0; attempt < ATTEMPTS_MAX && outcome == REGISTRY_UNREACHABLE; attempt++) {
        struct timespec pause = {0, attempt == 0 ? 0 : ATTEMPT_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
        outcome = schemas_resolve(registry, which, config, fault);
    }
    registry_free(registry);
    return outcome == REGISTRY_RESOLVED;
}

bool schemas_probe(const struct config *config, struct fault *fault) {
    struct config asking = *config;
    struct registry *registry = NULL;
    if (!schemas_open_registry(config, &registry, fault)) {
        return false;
    }
    REQUIRE(registry != NULL);
    asking.registry.auto_register = false;
    enum registry_outcome outcome = schemas_resolve(registry, OWN_OF_SERVICE, &asking, fault);
    registry_free(registry);
    return outcome == REGISTRY_RESOLVED ||
           (outcome == REGISTRY_REFUSED && config->registry.auto_register);
}

struct ingest_sink *schemas_open_sink(const struct config *config, const char *topic,
                                      struct fault *fault) {
    struct config effective = *config;
    return schemas_resolve_now(OWN_BILLING_LINE, &effective, fault)
               ? ingest_sink_kafka(&effective, topic, fault)
               : NULL;
}

struct request_writer *schemas_open_requests(const struct config *config, struct fault *fault) {
    struct config effective = *config;
    return schemas_resolve_now(OWN_RERATE_REQUEST, &effective, fault)
               ? request_writer_open(&effective, fault)
               : NULL;
}
