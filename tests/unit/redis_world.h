/* redis_world.h: a real redis-server on a unix socket in a directory of its own, and an enricher
 * that talks to it. Included by one test file each. A test is skipped, and says so, where there is
 * no redis-server. */
#ifndef ACCRUED_TEST_REDIS_WORLD_H
#define ACCRUED_TEST_REDIS_WORLD_H

#include "accrued/enrich.h"

#include "accrued/clock.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* So long no answer of a server that works takes, on a machine that has much else to do. */
#define PATIENCE_MS 20000
/* For tests in which Redis does not answer. */
#define TIMEOUT_MS 400
/* What the machine may add where time is limited: a limit is missed by far, or kept. */
#define SLACK_MS 5000
#define FRESH_MS 200

struct world {
    char directory[64];
    char socket[96];
    char address[112];
    pid_t redis;
    redisContext *admin;
    struct config config;
    struct enricher *enricher;
};

static inline void sleep_ms(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

static inline void redis_start(struct world *world, const char *option, const char *value) {
    fflush(NULL);
    world->redis = fork();
    if (world->redis == 0) {
        (void)freopen("/dev/null", "w", stdout);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", world->socket,
               "--dir", world->directory, "--save", "", "--appendonly", "no", option, value,
               (char *)NULL);
        _exit(127);
    }
    for (int attempt = 0; attempt < PATIENCE_MS / 10; attempt++) {
        int status;
        if (waitpid(world->redis, &status, WNOHANG) == world->redis) {
            world->redis = 0;
            cr_skip_test("no redis-server on this machine: not tested");
        }
        world->admin = redisConnectUnix(world->socket);
        if (world->admin->err == 0) {
            return;
        }
        redisFree(world->admin);
        world->admin = NULL;
        sleep_ms(10);
    }
    cr_assert_fail("redis-server does not start");
}

static inline void redis_stop(struct world *world, int signal_number) {
    redisFree(world->admin);
    world->admin = NULL;
    (void)kill(world->redis, signal_number);
    (void)waitpid(world->redis, NULL, 0);
    world->redis = 0;
    (void)unlink(world->socket);
}

static inline void world_open(struct world *world) {
    *world = (struct world){0};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(world->directory, sizeof world->directory, "/tmp/accrued-store-XXXXXX");
    cr_assert(mkdtemp(world->directory) != NULL);
    (void)snprintf(world->socket, sizeof world->socket, "%s/redis.sock", world->directory);
    (void)snprintf(world->address, sizeof world->address, "unix:%s", world->socket);
    static char prefix[] = "t:";
    static char nothing[] = "";
    world->config.redis.address = world->address;
    world->config.redis.sentinels = nothing;
    world->config.redis.master_name = nothing;
    world->config.redis.sentinel_username = nothing;
    world->config.redis.sentinel_password = nothing;
    world->config.redis.sentinel_password_file = nothing;
    world->config.redis.username = nothing;
    world->config.redis.password = nothing;
    world->config.redis.password_file = nothing;
    world->config.redis.key_prefix = prefix;
    world->config.redis.connect_timeout_ms = PATIENCE_MS;
    world->config.redis.timeout_ms = PATIENCE_MS;
    world->config.reference.cache_entries_max = 1000;
    world->config.reference.cache_bytes_max = 1000000;
    world->config.reference.fresh_ms = FRESH_MS;
    world->config.reference.outage = OUTAGE_STALL;
    world->config.reference.stale_max_ms = 100000;
}

/* From now on Redis is not going to answer: its time is short. */
static inline void be_impatient(struct world *world) {
    world->config.redis.connect_timeout_ms = TIMEOUT_MS;
    world->config.redis.timeout_ms = TIMEOUT_MS;
}

static inline void world_start(struct world *world) {
    world_open(world);
    redis_start(world, "--databases", "4");
    struct fault fault;
    world->enricher = enricher_open(&world->config, &fault);
    cr_assert(world->enricher != NULL);
}

static inline void world_close(struct world *world) {
    enricher_free(world->enricher);
    if (world->redis > 0) {
        (void)kill(world->redis, SIGCONT);
        redis_stop(world, SIGKILL);
    }
    (void)rmdir(world->directory);
}

__attribute__((format(printf, 2, 3))) static inline void admin(struct world *world,
                                                               const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(world->admin, format, arguments);
    va_end(arguments);
    cr_assert(reply != NULL, "%s", world->admin->errstr);
    cr_assert(reply->type != REDIS_REPLY_ERROR, "%s", reply->str);
    freeReplyObject(reply);
}

/* Calls of a command that Redis has counted since CONFIG RESETSTAT. */
static inline int calls(struct world *world, const char *command) {
    redisReply *reply = redisCommand(world->admin, "INFO commandstats");
    cr_assert(reply != NULL && reply->type == REDIS_REPLY_STRING);
    char name[64];
    (void)snprintf(name, sizeof name, "cmdstat_%s:calls=", command);
    const char *found = strstr(reply->str, name);
    int count = found ? atoi(found + strlen(name)) : 0;
    freeReplyObject(reply);
    return count;
}

static inline void set_partner(struct world *world, const char *id, const char *since) {
    admin(world, "SET t:partner:%s {\"mpn_id\":\"%s\",\"mpn_active\":[{\"from\":\"%s\"}]}", id, id,
          since);
}

static inline void set_customer(struct world *world, const char *id, const char *partner) {
    admin(
        world,
        "SET t:customer:%s {\"customer_id\":\"%s\",\"links\":[{\"link_id\":\"L\",\"type\":\"PAL\","
        "\"partner_mpn_id\":\"%s\"}]}",
        id, id, partner);
}

static inline enum enrich_verdict batch(struct world *world, const char *customer,
                                        const char *partner, struct fault *fault) {
    enricher_begin(world->enricher);
    enricher_want_customer(world->enricher, text_of(customer));
    if (partner != NULL) {
        enricher_want_partner(world->enricher, text_of(partner));
    }
    return enricher_fetch(world->enricher, clock_steady_ms(), fault);
}

static inline void batch_ready(struct world *world, const char *customer, const char *partner) {
    struct fault fault = {""};
    cr_assert_eq(batch(world, customer, partner, &fault), ENRICH_READY, "%s", fault.text);
}

/* Batches until news of a change have come and it is seen. */
static inline void until_state(struct world *world, const char *partner,
                               enum reference_state state) {
    int64_t start_ms = clock_steady_ms();
    for (;;) {
        batch_ready(world, "c", partner);
        if (enricher_partner(world->enricher, text_of(partner))->state == state) {
            return;
        }
        cr_assert(clock_steady_ms() - start_ms < PATIENCE_MS, "a change was never seen");
        sleep_ms(1);
    }
}

/* Serves and fetches as a lane does until it is ready; the milliseconds that took. */
static inline int64_t until_ready(struct world *world, const char *customer, const char *partner) {
    int64_t start_ms = clock_steady_ms();
    struct fault fault = {""};
    while (batch(world, customer, partner, &fault) != ENRICH_READY) {
        cr_assert(clock_steady_ms() - start_ms < PATIENCE_MS, "%s", fault.text);
        sleep_ms(5);
        enricher_serve(world->enricher, clock_steady_ms());
    }
    return clock_steady_ms() - start_ms;
}

#endif
