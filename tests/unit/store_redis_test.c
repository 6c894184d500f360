/* The enricher against a real redis-server on a unix socket in a directory of its own. Skipped, and
 * said so, where there is no redis-server. */
#include "accrued/enrich.h"

#include "accrued/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 400
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

static void sleep_ms(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void redis_start(struct world *world, const char *option, const char *value) {
    fflush(NULL);
    world->redis = fork();
    if (world->redis == 0) {
        (void)freopen("/dev/null", "w", stdout);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", world->socket,
               "--dir", world->directory, "--save", "", "--appendonly", "no", option, value,
               (char *)NULL);
        _exit(127);
    }
    for (int attempt = 0; attempt < 500; attempt++) {
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

static void redis_stop(struct world *world, int signal_number) {
    redisFree(world->admin);
    world->admin = NULL;
    (void)kill(world->redis, signal_number);
    (void)waitpid(world->redis, NULL, 0);
    world->redis = 0;
    (void)unlink(world->socket);
}

static void world_open(struct world *world) {
    *world = (struct world){0};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(world->directory, sizeof world->directory, "/tmp/accrued-store-XXXXXX");
    cr_assert(mkdtemp(world->directory) != NULL);
    (void)snprintf(world->socket, sizeof world->socket, "%s/redis.sock", world->directory);
    (void)snprintf(world->address, sizeof world->address, "unix:%s", world->socket);
    static char prefix[] = "t:";
    static char nothing[] = "";
    world->config.redis.address = world->address;
    world->config.redis.username = nothing;
    world->config.redis.password = nothing;
    world->config.redis.password_file = nothing;
    world->config.redis.key_prefix = prefix;
    world->config.redis.connect_timeout_ms = TIMEOUT_MS;
    world->config.redis.timeout_ms = TIMEOUT_MS;
    world->config.reference.cache_entries_max = 1000;
    world->config.reference.cache_bytes_max = 1000000;
    world->config.reference.fresh_ms = FRESH_MS;
    world->config.reference.outage = OUTAGE_STALL;
    world->config.reference.stale_max_ms = 100000;
}

static void world_start(struct world *world) {
    world_open(world);
    redis_start(world, "--databases", "4");
    struct fault fault;
    world->enricher = enricher_open(&world->config, &fault);
    cr_assert(world->enricher != NULL);
}

static void world_close(struct world *world) {
    enricher_free(world->enricher);
    if (world->redis > 0) {
        (void)kill(world->redis, SIGCONT);
        redis_stop(world, SIGKILL);
    }
    (void)rmdir(world->directory);
}

__attribute__((format(printf, 2, 3))) static void admin(struct world *world, const char *format,
                                                        ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(world->admin, format, arguments);
    va_end(arguments);
    cr_assert(reply != NULL, "%s", world->admin->errstr);
    cr_assert(reply->type != REDIS_REPLY_ERROR, "%s", reply->str);
    freeReplyObject(reply);
}

/* Calls of a command that Redis has counted since CONFIG RESETSTAT. */
static int calls(struct world *world, const char *command) {
    redisReply *reply = redisCommand(world->admin, "INFO commandstats");
    cr_assert(reply != NULL && reply->type == REDIS_REPLY_STRING);
    char name[64];
    (void)snprintf(name, sizeof name, "cmdstat_%s:calls=", command);
    const char *found = strstr(reply->str, name);
    int count = found ? atoi(found + strlen(name)) : 0;
    freeReplyObject(reply);
    return count;
}

static void set_partner(struct world *world, const char *id, const char *since) {
    admin(world, "SET t:partner:%s {\"mpn_id\":\"%s\",\"mpn_active\":[{\"from\":\"%s\"}]}", id, id,
          since);
}

static void set_customer(struct world *world, const char *id, const char *partner) {
    admin(
        world,
        "SET t:customer:%s {\"customer_id\":\"%s\",\"links\":[{\"link_id\":\"L\",\"type\":\"PAL\","
        "\"partner_mpn_id\":\"%s\"}]}",
        id, id, partner);
}

static enum enrich_verdict batch(struct world *world, const char *customer, const char *partner,
                                 struct fault *fault) {
    enricher_begin(world->enricher);
    enricher_want_customer(world->enricher, text_of(customer));
    if (partner != NULL) {
        enricher_want_partner(world->enricher, text_of(partner));
    }
    return enricher_fetch(world->enricher, clock_steady_ms(), fault);
}

static void batch_ready(struct world *world, const char *customer, const char *partner) {
    struct fault fault = {""};
    cr_assert_eq(batch(world, customer, partner, &fault), ENRICH_READY, "%s", fault.text);
}

/* Serves and fetches as a lane does until it is ready; the milliseconds that took. */
static int64_t until_ready(struct world *world, const char *customer, const char *partner) {
    int64_t start_ms = clock_steady_ms();
    struct fault fault = {""};
    while (batch(world, customer, partner, &fault) != ENRICH_READY) {
        cr_assert(clock_steady_ms() - start_ms < 15000, "%s", fault.text);
        sleep_ms(5);
        enricher_serve(world->enricher, clock_steady_ms());
    }
    return clock_steady_ms() - start_ms;
}

Test(store_redis, two_trips_cold_none_warm) {
    struct world world;
    world_start(&world);
    set_customer(&world, "c1", "linked");
    set_customer(&world, "c2", "p1");
    set_partner(&world, "p1", "2019-01-01");
    set_partner(&world, "linked", "2019-02-01");
    admin(&world, "CONFIG RESETSTAT");
    struct fault fault;
    enricher_begin(world.enricher);
    enricher_want_customer(world.enricher, TEXT("c1"));
    enricher_want_customer(world.enricher, TEXT("c2"));
    enricher_want_customer(world.enricher, TEXT("c1"));
    enricher_want_customer(world.enricher, TEXT("nobody"));
    enricher_want_partner(world.enricher, TEXT("p1"));
    enricher_want_partner(world.enricher, TEXT("nowhere"));
    cr_assert_eq(enricher_fetch(world.enricher, clock_steady_ms(), &fault), ENRICH_READY, "%s",
                 fault.text);
    cr_assert_eq(enricher_stats(world.enricher).round_trips, 2);
    cr_assert_eq(calls(&world, "get"), 6, "each key once");
    const struct reference *customer = enricher_customer(world.enricher, TEXT("c1"));
    cr_assert_eq(customer->state, REFERENCE_PRESENT);
    struct partner_lookup partners = enricher_partners(world.enricher);
    cr_assert_eq(partners.find(partners.context, customer->customer.links[0].partner_mpn_id)->state,
                 REFERENCE_PRESENT);
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p1"))->state, REFERENCE_PRESENT);
    cr_assert_eq(enricher_partner(world.enricher, TEXT("nowhere"))->state, REFERENCE_MISSING);
    cr_assert_eq(enricher_customer(world.enricher, TEXT("nobody"))->state, REFERENCE_MISSING);

    for (int i = 0; i < 100; i++) {
        batch_ready(&world, "c1", "p1");
        batch_ready(&world, "nobody", "nowhere");
        cr_assert_eq(enricher_customer(world.enricher, TEXT("nobody"))->state, REFERENCE_MISSING);
    }
    struct enricher_stats stats = enricher_stats(world.enricher);
    cr_assert_eq(stats.round_trips, 2);
    cr_assert_eq(stats.misses, 6);
    cr_assert_eq(stats.hits, 500, "%d", (int)stats.hits);
    cr_assert_eq(stats.negative, 200, "%d", (int)stats.negative);
    cr_assert_eq(calls(&world, "get"), 6);
    cr_assert_eq(calls(&world, "mget"), 0);
    cr_assert_leq(calls(&world, "ping"), 4, "warm batches do not ask whether they are fresh");
    world_close(&world);
}

Test(store_redis, a_change_is_seen_within_milliseconds) {
    struct world world;
    world_start(&world);
    int64_t slowest_ms = 0;
    set_partner(&world, "p", "2000-01-01");
    batch_ready(&world, "c", "p");
    for (int year = 2001; year < 2100; year++) {
        char since[32];
        int32_t expected;
        (void)snprintf(since, sizeof since, "%04d-01-01", year);
        cr_assert(calendar_parse_day(text_of(since), &expected));
        set_partner(&world, "p", since);
        int64_t start_ms = clock_steady_ms();
        for (;;) {
            batch_ready(&world, "c", "p");
            const struct reference *partner = enricher_partner(world.enricher, TEXT("p"));
            if (partner->partner.mpn_active.items[0].from == expected) {
                break;
            }
            cr_assert(clock_steady_ms() - start_ms < 1000, "a change was never seen");
        }
        int64_t took_ms = clock_steady_ms() - start_ms;
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
    }
    cr_assert_leq(slowest_ms, 100, "%d ms", (int)slowest_ms);
    /* A key that appears, one that is deleted, and all of them. */
    set_customer(&world, "c", "p");
    sleep_ms(20);
    batch_ready(&world, "c", "p");
    cr_assert_eq(enricher_customer(world.enricher, TEXT("c"))->state, REFERENCE_PRESENT);
    admin(&world, "DEL t:customer:c");
    sleep_ms(20);
    batch_ready(&world, "c", "p");
    cr_assert_eq(enricher_customer(world.enricher, TEXT("c"))->state, REFERENCE_MISSING);
    admin(&world, "FLUSHALL");
    sleep_ms(20);
    batch_ready(&world, "c", "p");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_MISSING);
    cr_assert_eq(enricher_stats(world.enricher).connects, 1);
    world_close(&world);
}

Test(store_redis, restart_is_survived_and_empties_the_cache) {
    struct world world;
    world_start(&world);
    set_partner(&world, "p", "2019-01-01");
    batch_ready(&world, "c", "p");
    redis_stop(&world, SIGKILL);

    struct fault fault = {""};
    cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT);
    cr_assert(strstr(fault.text, world.socket) != NULL, "%s", fault.text);
    cr_assert(strstr(fault.text, "start it") != NULL, "%s", fault.text);
    cr_assert_eq(enricher_stats(world.enricher).flushes, 1);
    const char *why = NULL;
    cr_assert(!enricher_is_up(world.enricher, clock_steady_ms(), &why));
    cr_assert(strstr(why, "Redis at") != NULL);

    redis_start(&world, "--databases", "4");
    set_partner(&world, "p", "2020-01-01");
    int64_t took_ms = until_ready(&world, "c", "p");
    cr_assert_leq(took_ms, 2000, "%d ms", (int)took_ms);
    int32_t expected;
    cr_assert(calendar_parse_day(TEXT("2020-01-01"), &expected));
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->partner.mpn_active.items[0].from,
                 expected);
    cr_assert(enricher_is_up(world.enricher, clock_steady_ms(), NULL));
    /* Invalidations flow again. */
    admin(&world, "DEL t:partner:p");
    sleep_ms(20);
    batch_ready(&world, "c", "p");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_MISSING);
    world_close(&world);
}

/* Either connection alone: the other one must not be believed any more. */
Test(store_redis, the_loss_of_either_connection_is_noticed) {
    static const char *const kinds[] = {"normal", "pubsub"};
    for (size_t i = 0; i < 2; i++) {
        struct world world;
        world_start(&world);
        set_partner(&world, "p", "2019-01-01");
        batch_ready(&world, "c", "p");
        admin(&world, "CLIENT KILL TYPE %s SKIPME yes", kinds[i]);
        admin(&world, "DEL t:partner:p");
        sleep_ms(20);
        (void)until_ready(&world, "c", "p");
        cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_MISSING);
        cr_assert_eq(enricher_stats(world.enricher).flushes, 1);
        cr_assert_eq(enricher_stats(world.enricher).connects, 2);
        world_close(&world);
    }
}

Test(store_redis, a_frozen_redis_is_waited_for_with_a_limit) {
    struct world world;
    world_start(&world);
    set_partner(&world, "p", "2019-01-01");
    batch_ready(&world, "c", "p");
    (void)kill(world.redis, SIGSTOP);

    /* What is cached goes on while it is fresh, and no longer. */
    batch_ready(&world, "c", "p");
    sleep_ms(FRESH_MS + 50);
    struct fault fault = {""};
    int64_t start_ms = clock_steady_ms();
    cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT);
    cr_assert_leq(clock_steady_ms() - start_ms, 3 * TIMEOUT_MS + 100);
    cr_assert(strstr(fault.text, "in time") != NULL, "%s", fault.text);
    for (int i = 0; i < 3; i++) {
        start_ms = clock_steady_ms();
        cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT);
        cr_assert_leq(clock_steady_ms() - start_ms, 3 * TIMEOUT_MS + 100);
    }
    (void)kill(world.redis, SIGCONT);
    (void)until_ready(&world, "c", "p");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_PRESENT);
    world_close(&world);
}

Test(store_redis, serve_does_not_block_on_a_frozen_redis) {
    struct world world;
    world_start(&world);
    batch_ready(&world, "c", "p");
    (void)kill(world.redis, SIGSTOP);
    int64_t start_ms = clock_steady_ms();
    while (enricher_is_up(world.enricher, clock_steady_ms(), NULL)) {
        int64_t before_ms = clock_steady_ms();
        cr_assert(before_ms - start_ms < 5000, "still believed to be up");
        enricher_serve(world.enricher, before_ms);
        cr_assert_leq(clock_steady_ms() - before_ms, 50);
        sleep_ms(5);
    }
    world_close(&world);
}

Test(store_redis, serve_stale_goes_on_from_the_cache_up_to_an_age) {
    struct world world;
    world_start(&world);
    world.config.reference.outage = OUTAGE_SERVE_STALE;
    world.config.reference.stale_max_ms = 1500;
    set_customer(&world, "c", "linked");
    set_partner(&world, "p", "2019-01-01");
    batch_ready(&world, "c", "p");
    int64_t known_ms = clock_steady_ms();
    redis_stop(&world, SIGKILL);
    batch_ready(&world, "c", "p");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_PRESENT);
    cr_assert_eq(enricher_partner(world.enricher, TEXT("linked"))->state, REFERENCE_MISSING);
    cr_assert_eq(enricher_stats(world.enricher).stale, 3);
    struct fault fault = {""};
    cr_assert_eq(batch(&world, "another", "p", &fault), ENRICH_WAIT, "a miss waits");
    while (batch(&world, "c", "p", &fault) == ENRICH_READY) {
        cr_assert(clock_steady_ms() - known_ms < 5000, "for ever");
        sleep_ms(20);
    }
    cr_assert_geq(clock_steady_ms() - known_ms, 1000);

    redis_start(&world, "--databases", "4");
    (void)until_ready(&world, "c", "p");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_MISSING,
                 "read afresh after the outage");
    world_close(&world);
}

Test(store_redis, what_cannot_be_read_is_not_missing) {
    struct world world;
    world_start(&world);
    admin(&world, "RPUSH t:partner:list a b");
    admin(&world, "SET t:partner:cut {\"mpn_id\":");
    admin(&world, "SET t:customer:other {\"customer_id\":\"else\"}");
    struct fault fault;
    enricher_begin(world.enricher);
    enricher_want_partner(world.enricher, TEXT("list"));
    enricher_want_partner(world.enricher, TEXT("cut"));
    enricher_want_customer(world.enricher, TEXT("other"));
    cr_assert_eq(enricher_fetch(world.enricher, clock_steady_ms(), &fault), ENRICH_READY);
    const struct reference *list = enricher_partner(world.enricher, TEXT("list"));
    cr_assert_eq(list->state, REFERENCE_UNREADABLE);
    cr_assert(strstr(list->unreadable_reason, "no string") != NULL);
    cr_assert_eq(enricher_partner(world.enricher, TEXT("cut"))->state, REFERENCE_UNREADABLE);
    cr_assert_eq(enricher_customer(world.enricher, TEXT("other"))->state, REFERENCE_UNREADABLE);
    cr_assert_eq(enricher_stats(world.enricher).unreadable, 3);
    cr_assert_eq(enricher_stats(world.enricher).failures, 0, "not an outage");
    /* Repaired: seen as any change is. */
    admin(&world, "DEL t:partner:list");
    set_partner(&world, "list", "2020-01-01");
    sleep_ms(20);
    batch_ready(&world, "other", "list");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("list"))->state, REFERENCE_PRESENT);
    world_close(&world);
}

Test(store_redis, the_cache_keeps_to_its_bounds) {
    struct world world;
    world_start(&world);
    enricher_free(world.enricher);
    world.config.reference.cache_entries_max = 50;
    struct fault fault;
    world.enricher = enricher_open(&world.config, &fault);
    for (int n = 0; n < 20; n++) {
        char id[32];
        enricher_begin(world.enricher);
        cr_assert_leq(enricher_stats(world.enricher).entries, 50);
        for (int i = 0; i < 30; i++) {
            (void)snprintf(id, sizeof id, "p%d", n * 30 + i);
            enricher_want_partner(world.enricher, text_of(id));
        }
        cr_assert_eq(enricher_fetch(world.enricher, clock_steady_ms(), &fault), ENRICH_READY);
        for (int i = 0; i < 30; i++) {
            (void)snprintf(id, sizeof id, "p%d", n * 30 + i);
            cr_assert_eq(enricher_partner(world.enricher, text_of(id))->state, REFERENCE_MISSING);
        }
    }
    cr_assert_geq(enricher_stats(world.enricher).evictions, 500);
    cr_assert_gt(enricher_stats(world.enricher).bytes, 0);
    world_close(&world);
}

Test(store_redis, forgotten_values_are_read_afresh) {
    struct world world;
    world_start(&world);
    batch_ready(&world, "c", "p");
    admin(&world, "CONFIG RESETSTAT");
    batch_ready(&world, "c", "p");
    cr_assert_eq(calls(&world, "get"), 0);
    enricher_forget_partner(world.enricher, TEXT("p"));
    batch_ready(&world, "c", "p");
    cr_assert_eq(calls(&world, "get"), 1);
    enricher_forget_customer(world.enricher, TEXT("c"));
    batch_ready(&world, "c", "p");
    cr_assert_eq(calls(&world, "get"), 2);
    enricher_begin(world.enricher);
    enricher_forget_all(world.enricher);
    batch_ready(&world, "c", "p");
    cr_assert_eq(calls(&world, "get"), 4);
    world_close(&world);
}

Test(store_redis, logs_in_and_selects_and_does_so_again_after_a_loss) {
    struct world world;
    world_start(&world);
    admin(&world, "ACL SETUSER lane on >secret ~t:* &__redis__:invalidate -@all +get +ping +select"
                  " +subscribe +client|id +client|tracking");
    admin(&world, "ACL SETUSER default resetpass >other");
    static char user[] = "lane";
    static char wrong[] = "wrong";
    static char right[] = "secret";
    world.config.redis.username = user;
    world.config.redis.password = wrong;
    world.config.redis.database = 3;
    struct fault fault = {""};
    cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT);
    cr_assert(strstr(fault.text, "WRONGPASS") != NULL, "%s", fault.text);
    cr_assert(strstr(fault.text, "redis.password") != NULL, "%s", fault.text);
    world.config.redis.password = right;
    admin(&world, "SELECT 3");
    set_partner(&world, "p", "2019-01-01");
    for (int i = 0; i < 2; i++) {
        (void)until_ready(&world, "c", "p");
        cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_PRESENT);
        admin(&world, "CLIENT KILL USER lane");
    }
    world.config.redis.database = 99;
    cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT);
    cr_assert(strstr(fault.text, "SELECT") != NULL, "%s", fault.text);
    world_close(&world);
}

/* A server that answers every connection with the same bytes. */
static pid_t impostor_start(const char *path, const char *answer) {
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    cr_assert(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    cr_assert(listen(listener, 8) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            char received[4096];
            int client = accept(listener, NULL, NULL);
            while (client >= 0 && read(client, received, sizeof received) > 0) {
                (void)!write(client, answer, strlen(answer));
            }
            (void)close(client);
        }
    }
    (void)close(listener);
    return child;
}

Test(store_redis, garbage_and_refusals_are_outages) {
    static const struct {
        const char *answer;
        const char *says;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol"},
        {"$-5\r\n", "Redis at"},
        {"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"},
        {"+OK\r\n", "CLIENT ID"},
        {":1\r\n", "Redis at"},
        {"*3\r\n$7\r\nmessage\r\n", "Redis at"},
        {"-ERR unknown command\r\n", "unknown command"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        struct fault fault = {""};
        world_open(&world);
        world.enricher = enricher_open(&world.config, &fault);
        pid_t impostor = impostor_start(world.socket, cases[i].answer);
        int64_t start_ms = clock_steady_ms();
        cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT, "case %zu", i);
        cr_assert(strstr(fault.text, cases[i].says) != NULL, "case %zu: %s", i, fault.text);
        cr_assert_leq(clock_steady_ms() - start_ms, 3 * TIMEOUT_MS + 100);
        (void)kill(impostor, SIGKILL);
        (void)waitpid(impostor, NULL, 0);
        (void)unlink(world.socket);
        world_close(&world);
    }
}

Test(store_redis, a_batch_that_wants_nothing_needs_no_redis) {
    struct world world;
    struct fault fault = {""};
    world_open(&world);
    world.enricher = enricher_open(&world.config, &fault);
    enricher_begin(world.enricher);
    cr_assert_eq(enricher_fetch(world.enricher, clock_steady_ms(), &fault), ENRICH_READY);
    world_close(&world);
}
