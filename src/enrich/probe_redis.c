/* Does Redis answer? Adapter: hiredis. */
#include "accrued/address.h"
#include "accrued/probe.h"
#include "accrued/require.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

static struct timeval duration(int64_t ms) {
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* Sends one command; an error or no reply is a fault that says what to look at. */
static bool ask(redisContext *context, const struct config *config, int argc, const char **argv,
                const char *hint, struct fault *fault) {
    redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
    if (reply == NULL) {
        return fault_set(fault, "redis: %s: no reply to %s in %" PRId64 " ms: %s",
                         config->redis.address, argv[0], config->redis.timeout_ms, context->errstr);
    }
    bool is_good = reply->type != REDIS_REPLY_ERROR;
    if (!is_good) {
        (void)fault_set(fault, "redis: %s: %s: %s; %s", config->redis.address, argv[0], reply->str,
                        hint);
    }
    freeReplyObject(reply);
    return is_good;
}

static bool authenticate(redisContext *context, const struct config *config, struct fault *fault) {
    const char *with_user[] = {"AUTH", config->redis.username, config->redis.password};
    const char *without_user[] = {"AUTH", config->redis.password};
    const char *hint = "look at redis.username, redis.password, redis.password_file";
    if (config->redis.password[0] == '\0') {
        return true;
    }
    if (config->redis.username[0] == '\0') {
        return ask(context, config, 2, without_user, hint, fault);
    }
    return ask(context, config, 3, with_user, hint, fault);
}

static bool select_database(redisContext *context, const struct config *config,
                            struct fault *fault) {
    char number[24];
    const char *command[] = {"SELECT", number};
    if (config->redis.database == 0) {
        return true;
    }
    (void)snprintf(number, sizeof number, "%" PRId64, config->redis.database);
    return ask(context, config, 2, command, "look at redis.database", fault);
}

bool probe_redis(const struct config *config, struct fault *fault) {
    struct address address;
    if (!address_parse(config->redis.address, &address)) {
        return fault_set(fault, "redis.address: \"%s\" is neither host:port nor unix:/path",
                         config->redis.address);
    }
    struct timeval patience = duration(config->redis.connect_timeout_ms);
    redisContext *context = address.is_unix
                                ? redisConnectUnixWithTimeout(address.host, patience)
                                : redisConnectWithTimeout(address.host, address.port, patience);
    REQUIRE(context != NULL);
    if (context->err != 0) {
        (void)fault_set(fault, "redis: %s: %s; is Redis running, is redis.address right?",
                        config->redis.address, context->errstr);
        redisFree(context);
        return false;
    }
    const char *ping[] = {"PING"};
    bool is_good = redisSetTimeout(context, duration(config->redis.timeout_ms)) == REDIS_OK;
    if (!is_good) {
        (void)fault_set(fault, "redis: %s: %s", config->redis.address, context->errstr);
    }
    is_good = is_good && authenticate(context, config, fault) &&
              select_database(context, config, fault) &&
              ask(context, config, 1, ping, "does Redis want redis.password?", fault);
    redisFree(context);
    return is_good;
}
