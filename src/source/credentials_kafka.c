/* A password that changes while the process runs. */
#include "accrued/hash.h"
#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>

/* Of user and password that all handles have; 0: those that they were made with. */
static uint64_t in_force;

struct credentials {
    const char *username;
    const char *password;
    struct fault *fault;
    bool is_good;
};

static void give(void *context, rd_kafka_t *handle) {
    struct credentials *credentials = context;
    rd_kafka_error_t *error =
        rd_kafka_sasl_set_credentials(handle, credentials->username, credentials->password);
    if (error != NULL) {
        credentials->is_good = fault_set(credentials->fault, "%s: the new password: %s",
                                         rd_kafka_name(handle), rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
}

bool kafka_credentials_refresh(const struct config *config, bool *ret_changed,
                               struct fault *fault) {
    char password[SECRET_SIZE_MAX];
    *ret_changed = false;
    if (config->kafka.sasl_username[0] == '\0') {
        return true;
    }
    if (!kafka_password(config, password, fault)) {
        return false;
    }
    uint64_t hash = hash64(config->kafka.sasl_username, strlen(config->kafka.sasl_username), 1);
    hash = hash64(password, strlen(password), hash);
    struct credentials credentials = {config->kafka.sasl_username, password, fault, true};
    if (in_force != 0 && hash != in_force) {
        kafka_handles_each(give, &credentials);
        *ret_changed = credentials.is_good;
    }
    if (credentials.is_good) {
        in_force = hash;
    }
    explicit_bzero(password, sizeof password);
    return credentials.is_good;
}
