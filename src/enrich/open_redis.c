/* From the configuration to a connection that is of use: which server, who we are, which database.
 */
#include "dial.h"

#include "accrued/address.h"
#include "accrued/clock.h"
#include "accrued/require.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

/* Who logs in where. */
struct login {
    const char *username;
    const char *password;
    const char *password_file; /* read instead, each time: passwords are changed while we run */
    const char *hint;
};

static bool log_in_with(struct connection *connection, const struct login *login,
                        const char *password, int64_t deadline_ms, struct fault *fault) {
    bool named = login->username[0] != '\0';
    struct text arguments[3] = {TEXT("AUTH"), text_of(login->username), text_of(password)};
    if (!named) {
        arguments[1] = arguments[2];
    }
    struct redisReply *reply;
    if (!connection_call(connection, arguments, named ? 3 : 2, deadline_ms, "AUTH", login->hint,
                         &reply, fault)) {
        return false;
    }
    freeReplyObject(reply);
    return true;
}

static bool log_in(struct connection *connection, const struct login *login, int64_t deadline_ms,
                   struct fault *fault) {
    if (login->password_file[0] == '\0') {
        return login->password[0] == '\0' ||
               log_in_with(connection, login, login->password, deadline_ms, fault);
    }
    char password[CONFIG_SECRET_SIZE_MAX];
    struct fault why;
    bool is_good = config_secret_read(login->password_file, password, &why)
                       ? log_in_with(connection, login, password, deadline_ms, fault)
                       : connection_fault(connection, fault, "the password's file: %s", why.text);
    explicit_bzero(password, sizeof password);
    return is_good;
}

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
    if (!log_in(connection, &login, deadline_ms, fault) ||
        (config->redis.sentinels[0] != '\0' && !require_master(connection, deadline_ms, fault)) ||
        !select_database(connection, config, deadline_ms, fault)) {
        connection_free(connection);
        return NULL;
    }
    return connection;
}

/* "10.0.0.1", "6379" → host:port */
static bool take_master(const struct connection *sentinel, const struct config *config,
                        const redisReply *reply, char to[ADDRESS_TEXT_SIZE_MAX],
                        struct fault *fault) {
    if (reply->type == REDIS_REPLY_NIL) {
        return connection_fault(sentinel, fault,
                                "this Sentinel knows no master \"%s\": correct "
                                "redis.master_name",
                                config->redis.master_name);
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        return connection_fault(sentinel, fault, "is no Sentinel: correct redis.sentinels");
    }
    const char *host = reply->element[0]->str;
    int size = snprintf(to, ADDRESS_TEXT_SIZE_MAX, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s",
                        host, reply->element[1]->str);
    return (size > 0 && size < ADDRESS_TEXT_SIZE_MAX) ||
           connection_fault(sentinel, fault, "the master's address is too long");
}

static bool ask_sentinel(const struct config *config, const char *address, int64_t deadline_ms,
                         char to[ADDRESS_TEXT_SIZE_MAX], struct fault *fault) {
    const struct login login = {config->redis.sentinel_username, config->redis.sentinel_password,
                                config->redis.sentinel_password_file,
                                ": correct redis.sentinel_username, redis.sentinel_password or "
                                "redis.sentinel_password_file"};
    const struct text question[] = {TEXT("SENTINEL"), TEXT("GET-MASTER-ADDR-BY-NAME"),
                                    text_of(config->redis.master_name)};
    struct connection *sentinel = connection_dial(config, address, deadline_ms, fault);
    struct redisReply *reply = NULL;
    bool is_good = sentinel != NULL && log_in(sentinel, &login, deadline_ms, fault) &&
                   connection_call(sentinel, question, 3, deadline_ms, "SENTINEL",
                                   ": correct redis.sentinels", &reply, fault);
    if (is_good) {
        is_good = take_master(sentinel, config, reply, to, fault);
        freeReplyObject(reply);
    }
    connection_free(sentinel);
    return is_good;
}

/* Each Sentinel gets its share of the time, so that a silent one does not stand for all; one share
 * is kept for the master. */
static bool find_master(const struct config *config, int64_t deadline_ms,
                        char to[ADDRESS_TEXT_SIZE_MAX], struct fault *fault) {
    char item[ADDRESS_TEXT_SIZE_MAX];
    int64_t shares = 1;
    for (const char *rest = config->redis.sentinels; address_next(&rest, item);) {
        shares++;
    }
    bool is_found = false;
    for (const char *rest = config->redis.sentinels; !is_found && address_next(&rest, item);) {
        int64_t now_ms = clock_steady_ms();
        int64_t share_ms = deadline_ms > now_ms ? (deadline_ms - now_ms) / shares : 0;
        is_found = ask_sentinel(config, item, now_ms + share_ms, to, fault);
        shares--;
    }
    return is_found || fault_prefix(fault, "no Sentinel says who is the master; the last: ");
}

struct connection *connection_open(const struct config *config, int64_t deadline_ms,
                                   struct fault *fault) {
    REQUIRE(config != NULL && fault != NULL);
    char master[ADDRESS_TEXT_SIZE_MAX];
    if (config->redis.sentinels[0] == '\0') {
        return open_at(config, config->redis.address, deadline_ms, fault);
    }
    if (!find_master(config, deadline_ms, master, fault)) {
        return NULL;
    }
    return open_at(config, master, deadline_ms, fault);
}

struct connection *connection_open_beside(const struct config *config,
                                          const struct connection *other, int64_t deadline_ms,
                                          struct fault *fault) {
    REQUIRE(config != NULL && other != NULL && fault != NULL);
    return open_at(config, connection_address(other), deadline_ms, fault);
}
