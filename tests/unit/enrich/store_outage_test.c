/* The enricher on a Redis that does not: killed, frozen, cut off, answering nonsense. */
#include "redis_world.h"

#include <sys/socket.h>
#include <sys/un.h>

/* So long as a machine is not silent between two steps of a test. */
#define LONG_FRESH_MS 2000

Test(store_outage, restart_is_survived_and_empties_the_cache) {
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
    cr_assert_leq(took_ms, SLACK_MS, "%d ms", (int)took_ms);
    int32_t expected;
    cr_assert(calendar_parse_day(TEXT("2020-01-01"), &expected));
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->partner.mpn_active.items[0].from,
                 expected);
    cr_assert(enricher_is_up(world.enricher, clock_steady_ms(), NULL));
    /* Invalidations flow again. */
    admin(&world, "DEL t:partner:p");
    until_state(&world, "p", REFERENCE_MISSING);
    world_close(&world);
}

/* Either connection alone: the other one must not be believed any more. */
Test(store_outage, the_loss_of_either_connection_is_noticed) {
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
        until_state(&world, "p", REFERENCE_MISSING);
        cr_assert_eq(enricher_stats(world.enricher).flushes, 1);
        cr_assert_eq(enricher_stats(world.enricher).connects, 2);
        world_close(&world);
    }
}

Test(store_outage, a_frozen_redis_is_waited_for_with_a_limit) {
    struct world world;
    world_start(&world);
    world.config.reference.fresh_ms = LONG_FRESH_MS;
    set_partner(&world, "p", "2019-01-01");
    batch_ready(&world, "c", "p");
    (void)kill(world.redis, SIGSTOP);
    be_impatient(&world);

    /* What is cached goes on while it is fresh, and no longer. */
    batch_ready(&world, "c", "p");
    sleep_ms(LONG_FRESH_MS + 50);
    struct fault fault = {""};
    int64_t start_ms = clock_steady_ms();
    cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT);
    cr_assert_leq(clock_steady_ms() - start_ms, 3 * TIMEOUT_MS + SLACK_MS);
    cr_assert(strstr(fault.text, "in time") != NULL, "%s", fault.text);
    for (int i = 0; i < 3; i++) {
        start_ms = clock_steady_ms();
        cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT);
        cr_assert_leq(clock_steady_ms() - start_ms, 3 * TIMEOUT_MS + SLACK_MS);
    }
    (void)kill(world.redis, SIGCONT);
    world.config.redis.connect_timeout_ms = PATIENCE_MS;
    world.config.redis.timeout_ms = PATIENCE_MS;
    (void)until_ready(&world, "c", "p");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_PRESENT);
    world_close(&world);
}

Test(store_outage, serve_does_not_block_on_a_frozen_redis) {
    struct world world;
    world_start(&world);
    batch_ready(&world, "c", "p");
    (void)kill(world.redis, SIGSTOP);
    /* Who waited for an answer would wait for so long. */
    world.config.redis.timeout_ms = 3000;
    int64_t start_ms = clock_steady_ms();
    while (enricher_is_up(world.enricher, clock_steady_ms(), NULL)) {
        int64_t before_ms = clock_steady_ms();
        cr_assert(before_ms - start_ms < PATIENCE_MS, "still believed to be up");
        enricher_serve(world.enricher, before_ms);
        cr_assert_leq(clock_steady_ms() - before_ms, 2000);
        sleep_ms(5);
    }
    world_close(&world);
}

Test(store_outage, serve_stale_goes_on_from_the_cache_up_to_an_age) {
    struct world world;
    world_start(&world);
    world.config.reference.outage = OUTAGE_SERVE_STALE;
    world.config.reference.stale_max_ms = 3000;
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
        cr_assert(clock_steady_ms() - known_ms < PATIENCE_MS, "for ever");
        sleep_ms(20);
    }
    cr_assert_geq(clock_steady_ms() - known_ms, 1000);

    redis_start(&world, "--databases", "4");
    (void)until_ready(&world, "c", "p");
    cr_assert_eq(enricher_partner(world.enricher, TEXT("p"))->state, REFERENCE_MISSING,
                 "read afresh after the outage");
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

Test(store_outage, garbage_and_refusals_are_outages) {
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
        be_impatient(&world);
        world.enricher = enricher_open(&world.config, &fault);
        pid_t impostor = impostor_start(world.socket, cases[i].answer);
        int64_t start_ms = clock_steady_ms();
        cr_assert_eq(batch(&world, "c", "p", &fault), ENRICH_WAIT, "case %zu", i);
        cr_assert(strstr(fault.text, cases[i].says) != NULL, "case %zu: %s", i, fault.text);
        cr_assert_leq(clock_steady_ms() - start_ms, 3 * TIMEOUT_MS + SLACK_MS);
        (void)kill(impostor, SIGKILL);
        (void)waitpid(impostor, NULL, 0);
        (void)unlink(world.socket);
        world_close(&world);
    }
}

Test(store_outage, a_batch_that_wants_nothing_needs_no_redis) {
    struct world world;
    struct fault fault = {""};
    world_open(&world);
    world.enricher = enricher_open(&world.config, &fault);
    enricher_begin(world.enricher);
    cr_assert_eq(enricher_fetch(world.enricher, clock_steady_ms(), &fault), ENRICH_READY);
    world_close(&world);
}
