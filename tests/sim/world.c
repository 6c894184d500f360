#include "world.h"

#include "accrued/encode.h"
#include "accrued/hash.h"
#include "accrued/line_json.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"

#include "disk.h"
#include "feed.h"
#include "reload.h"
#include "trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSING_MONTHS 7

struct world world;

static void set_text(char **setting, const char *value) {
    free(*setting);
    *setting = strdup(value);
}

void world_load(void) {
    struct fault fault;
    config_init(&world.config);
    struct config *config = &world.config;
    set_text(&config->schemas.directory, ACCRUED_SOURCE_DIR "/schemas");
    config->schemas.framing = FRAMING_CONFLUENT;
    static struct schema_entry ids[] = {{7, NULL}};
    ids[0].file = strdup("billing-line.avsc");
    config->schemas.ids = ids;
    config->schemas.id_count = 1;
    config->schemas.accrual_id = 8;
    config->schemas.forgone_id = 9;
    config->schemas.rerate_request_id = 10;
    config->schemas.balance_id = 11;
    config->reference.cache_entries_max = 1000;
    catalog_init(&world.catalog);
    bool is_good =
        catalog_load(&world.catalog, ACCRUED_SOURCE_DIR "/tests/sim/catalog.yaml", &fault);
    for (int i = 1; i <= WORLD_REVISIONS && is_good; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/tests/sim/programs-%d.yaml", ACCRUED_SOURCE_DIR, i);
        programs_init(&world.programs[i]);
        is_good = programs_load(&world.programs[i], &world.catalog, path, &fault);
    }
    if (!is_good) {
        fprintf(stderr, "%s\n", fault.text);
        exit(2);
    }
}

int world_customer_of(int line) {
    return line % world.customer_count;
}

void world_line_name(int line, char to[16]) {
    (void)snprintf(to, 16, "line-%d", line);
}

void world_customer_name(int customer, char to[16]) {
    (void)snprintf(to, 16, "customer-%d", customer);
}

void world_partner_name(int partner, char to[16]) {
    (void)snprintf(to, 16, "%d", 1000 + partner);
}

int32_t world_home(int customer) {
    char name[16];
    world_customer_name(customer, name);
    return murmur2_partition(name, strlen(name), world.partition_count);
}

static void draw_plan(void) {
    sim_plan =
        (struct sim_plan){.travel_ms_max = sim_between(1, 10), .marker_ms_max = sim_between(0, 50)};
    sim_plan.is_hash_poor = sim_chance(3000);
    uint64_t *const rates[] = {
        &sim_plan.slow_travel,  &sim_plan.slow_marker,       &sim_plan.produce_fails,
        &sim_plan.offsets_fail, &sim_plan.commit_fails,      &sim_plan.abort_fails,
        &sim_plan.init_fails,   &sim_plan.asks_fail,         &sim_plan.stale_fetches,
        &sim_plan.seek_fails,   &sim_plan.redis_drops,       &sim_plan.disk_full,
        &sim_plan.slow_news,    &sim_plan.freezes_in_commit,
    };
    static const uint64_t most[] = {100, 3000, 200, 800, 1000, 2000,  1000,
                                    500, 2000, 500, 20,  50,   10000, 200};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        *rates[i] = sim_chance(4000) ? sim_below(most[i]) + 1 : 0;
    }
}

static void draw_world(void) {
    world.instance_count = (int)sim_between(1, 3);
    world.partition_count = (int32_t)sim_between(1, 4);
    world.line_count = (int)sim_between(3, WORLD_LINES_MAX);
    world.customer_count = (int)sim_between(1, WORLD_CUSTOMERS_MAX);
    world.partner_count = (int)sim_between(2, WORLD_PARTNERS_MAX);
    world.is_static = sim_chance(5000);
    world.is_requested = sim_chance(5000);
    world.ends_with_request = sim_chance(5000);
    world.is_closing = !world.ends_with_request && sim_chance(6000);
    world.has_files = sim_chance(5000);
    if (world.has_files) {
        disk_begin();
    }
    struct config *config = &world.config;
    config->batch.lines_max = sim_chance(3000) ? sim_between(1, 10) : 10000;
    config->batch.portion_lines = sim_chance(6000) ? sim_between(1, 4) : 512;
    config->batch.wait_ms = sim_between(10, 300);
    /* Short, so that a run is short; which of them ends first is the seed's to say. */
    config->kafka.session_timeout_ms = sim_between(1500, 4000);
    config->kafka.max_poll_interval_ms = sim_between(5000, 9000);
    config->kafka.transaction_timeout_ms = sim_between(2000, 12000);
    config->rerate.chunk_lines = sim_chance(6000) ? sim_between(1, 4) : 1000;
    config->reference.fresh_ms = sim_between(100, 1000);
    /* Not both: a line without a block that comes again may find its period closed. */
    world.is_set_back = !world.is_closing && sim_chance(3500);
    world.lane_count = sim_chance(6000) ? 1 : (int)sim_between(2, SIM_STRANDS_MAX);
    world.sums_count = sim_chance(5500) ? 0 : (int)sim_between(1, 2);
    world.has_static_members = sim_chance(3000);
    world.is_reloaded = !world.is_static && sim_chance(6000);
    world.revision = 1;
    world.serves_stale = sim_chance(2500);
    config->reference.outage = world.serves_stale ? OUTAGE_SERVE_STALE : OUTAGE_STALL;
    config->reference.stale_max_ms = sim_between(100, 2000);
    config->redis.timeout_ms = sim_between(100, 1000);
    config->lanes.rebuild_backoff_ms = sim_between(10, 500);
    config->lanes.rebuilds_max = 20;
    world.input = broker_topic_new(config->topics.billing_lines, world.partition_count);
    world.accruals = broker_topic_new(config->topics.accruals, 2);
    world.forgone = broker_topic_new(config->topics.accruals_forgone, 1);
    world.letters = broker_topic_new(config->topics.billing_lines_dlq, 1);
    world.ledger = broker_topic_new(config->topics.ledger, world.partition_count);
    world.requests = broker_topic_new(config->topics.rerate_requests, 1);
    world.sums = broker_topic_new(config->topics.accrual_balances, world.accruals->partition_count);
    world.sums_group = balances_group(config);
    (void)group_new(config->kafka.group_id, world.partition_count, config->kafka.session_timeout_ms,
                    config->kafka.max_poll_interval_ms);
    (void)group_new(world.sums_group, world.sums->partition_count, config->kafka.session_timeout_ms,
                    config->kafka.max_poll_interval_ms);
}

const struct programs *world_programs(void) {
    return &world.programs[world.revision];
}

/* Markers behind the last record count too: lag must come down to 0 (P58). */
static bool is_read(const char *group_id, const struct topic *topic) {
    const struct group *group = group_of(group_id);
    for (int32_t p = 0; p < topic->partition_count; p++) {
        int64_t high = log_high(&topic->logs[p]);
        int64_t committed = -1;
        bool is_decided = group_committed(group, p, true, &committed);
        if ((!is_decided || committed < high) && (committed >= 0 || high > 0)) {
            return false;
        }
    }
    return true;
}

static bool is_drained(void) {
    return feed_is_over() && reload_is_over() &&
           is_read(world.config.kafka.group_id, world.input) &&
           (world.sums_count == 0 || is_read(world.sums_group, world.accruals)) &&
           broker_is_settled() && oracle_requests_are_served();
}

static void tell_offsets(const char *group_id, const struct topic *topic) {
    for (int32_t p = 0; p < topic->partition_count; p++) {
        int64_t committed = -1;
        bool decided = group_committed(group_of(group_id), p, true, &committed);
        sim_trace("%s [%d] committed %lld%s of %lld", topic->name, p, (long long)committed,
                  decided ? "" : " (pending)", (long long)log_high(&topic->logs[p]));
    }
}

/* An operator who sees a partition without an owner, twice (docs/operations.md). */
static void look_after(void *context, uint64_t was_whole) {
    struct group *group = context;
    bool is_whole = group_is_whole(group);
    if (!is_whole && was_whole == 0) {
        sim_trace("a partition has no owner: a rebalance is brought about");
        group_rebalance(group);
    }
    sim_at(sim_now() + 5000, look_after, group, is_whole);
}

static void drain(const char *when) {
    int64_t limit_ms = sim_now() + 180000;
    if (!sim_run(limit_ms, is_drained)) {
        tell_offsets(world.config.kafka.group_id, world.input);
        tell_offsets(world.sums_group, world.accruals);
        sim_fail("%s: not drained after 180 s (%s)", when, trouble_last_end());
    }
    /* What was sent late must not matter. */
    (void)sim_run(sim_now() + sim_between(0, 3000), NULL);
}

void world_run(void) {
    draw_plan();
    draw_world();
    int64_t end_ms = sim_between(2000, 30000);
    sim_trace("%d instances of %d lanes, %d of balances, %d partitions, %d lines, %s reference "
              "data, trouble until %lld ms",
              world.instance_count, world.lane_count, world.sums_count, world.partition_count,
              world.line_count, world.is_static ? "static" : "changing", (long long)end_ms);
    feed_begin(end_ms);
    reload_plan(end_ms);
    trouble_begin(end_ms);
    (void)sim_run(end_ms, NULL);
    sim_trace("healed");
    sim_plan.is_healed = true;
    trouble_heal();
    if (world.has_static_members) {
        look_after(group_of(world.config.kafka.group_id), true);
        look_after(group_of(world.sums_group), true);
    }
    drain("after trouble");
    oracle_check(world.is_requested);
    sim_trace("all are killed, and every line is rated once more");
    trouble_restart_all();
    if (world.is_closing) {
        /* Today is in September 2020; the first of the two periods is January. */
        world.config.ledger.retention_months = CLOSING_MONTHS;
        sim_trace("the first period closes");
    }
    if (world.ends_with_request) {
        feed_request_of_all();
    } else {
        feed_again();
    }
    drain("after a restart");
    oracle_check(true);
}
