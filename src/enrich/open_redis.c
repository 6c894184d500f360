/* From the configuration to a connection that is of use: which server, who we are, which database.
 */
#include "dial.h"
#include "sentinel.h"

#include "accrued/require.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

static bool select_database(struct connection *connection, const struct config *config,
                            int64_t deadline_ms, struct fault *fault) {
    if (config->redis.database == 0) {
        return true;
    }
    char number[24];
    (void)snprintf(number, sizeof number, "%lld", (long long)config->redis.database);
    const struct text arguments[2] = {TEXT("SELECT"), text_of(number)};
    struct redisReply *reply;
    if (!connection_call(connection, arguments, 2, deadline_ms, "SELECT",
                         ": correct redis.database", &reply, fault)) {
        return false;
    }
    freeReplyObject(reply);
    return true;
}

/* What Sentinels say is what they believe: during a failover the server may not be it yet, or not
 * any more. */
static bool require_master(struct connection *connection, int64_t deadline_ms,
                           struct fault *fault) {
    struct redisReply *reply;
    const struct text role[] = {TEXT("ROLE")};
    if (!connection_call(connection, role, 1, deadline_ms, "ROLE", "", &reply, fault)) {
        return false;
    }
    bool is_master = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
                     reply->element[0]->type == REDIS_REPLY_STRING &&
                     strcmp(reply->element[0]->str, "master") == 0;
    freeReplyObject(reply);
    return is_master || connection_fault(connection, fault, "is not the master (any more, or yet)");
}

static struct connection *open_at(const struct config *config, const char *address,
                                  int64_t deadline_ms, struct fault *fault) {
    const struct login login = {config->redis.username, config->redis.password,
                                config->redis.password_file,
                                ": correct redis.username, redis.password or redis.password_file"};
    struct connection *connection = connection_dial(config, address, deadline_ms, fault);
    if (connection == NULL) {
        return NULL;
    }
    if (!connection_log_in(connection, &login, deadline_ms, fault) ||
        (config->redis.sentinels[0] != '\0' && !require_master(connection, deadline_ms, fault)) ||
        !select_database(connection, config, deadline_ms, fault)) {
        connection_free(connection);
        return NULL;
    }
    return connection;
}

struct connection *connection_open(const struct config *config, int64_t deadline_ms,
                                   struct fault *fault) {
    REQUIRE(config != NULL && fault != NULL);
    struct sentinel_master master;
    if (config->redis.sentinels[0] == '\0') {
        return open_at(config, config->redis.address, deadline_ms, fault);
    }
    if (!sentinel_find_master(config, deadline_ms, &master, fault)) {
        return NULL;
    }
    return open_at(config, master.address, deadline_ms, fault);
}

struct connection *connection_open_beside(const struct config *config,
                                          const struct connection *other, int64_t deadline_ms,
                                          struct fault *fault) {
    REQUIRE(config != NULL && other != NULL && fault != NULL);
    return open_at(config, connection_address(other), deadline_ms, fault);
}
