/* The enricher on a Redis that works. */
#include "redis_world.h"

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
    const struct text ids[] = {TEXT("c2"), TEXT("c1"), TEXT("nobody"), TEXT("c2")};
    const struct cache_slot *slots[4];
    enricher_want_all(world.enricher, REFERENCE_CUSTOMER, ids, 4, slots);
    enricher_want_partner(world.enricher, TEXT("p1"));
    enricher_want_partner(world.enricher, TEXT("nowhere"));
    cr_assert_eq(enricher_fetch(world.enricher, clock_steady_ms(), &fault), ENRICH_READY, "%s",
                 fault.text);
    cr_assert_eq(enricher_stats(world.enricher).round_trips, 2);
    cr_assert_eq(calls(&world, "get"), 6, "each key once");
    const struct reference *customer = enricher_customer(world.enricher, TEXT("c1"));
    cr_assert(enricher_wanted(world.enricher, slots[1]) == customer);
    for (size_t i = 0; i < 4; i++) {
        enricher_expect(slots[i], slots[3 - i]);
        cr_assert(enricher_wanted(world.enricher, slots[i]) ==
                  enricher_customer(world.enricher, ids[i]));
    }
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

static void until_customer(struct world *world, enum reference_state state) {
    int64_t start_ms = clock_steady_ms();
    for (batch_ready(world, "c", "p");
         enricher_customer(world->enricher, TEXT("c"))->state != state;
         batch_ready(world, "c", "p")) {
        cr_assert(clock_steady_ms() - start_ms < PATIENCE_MS, "a change was never seen");
        sleep_ms(1);
    }
}

Test(store_redis, a_change_is_seen_within_milliseconds) {
    struct world world;
    world_start(&world);
    int64_t fastest_ms = PATIENCE_MS;
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
            cr_assert(clock_steady_ms() - start_ms < PATIENCE_MS, "a change was never seen");
        }
        int64_t took_ms = clock_steady_ms() - start_ms;
        fastest_ms = took_ms < fastest_ms ? took_ms : fastest_ms;
    }
    /* The slowest says how busy the machine is. */
    cr_assert_leq(fastest_ms, 100, "%d ms", (int)fastest_ms);
    /* A key that appears, one that is deleted, and all of them. */
    set_customer(&world, "c", "p");
    until_customer(&world, REFERENCE_PRESENT);
    admin(&world, "DEL t:customer:c");
    until_customer(&world, REFERENCE_MISSING);
    admin(&world, "FLUSHALL");
    until_state(&world, "p", REFERENCE_MISSING);
    cr_assert_eq(enricher_stats(world.enricher).connects, 1);
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
    until_state(&world, "list", REFERENCE_PRESENT);
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
