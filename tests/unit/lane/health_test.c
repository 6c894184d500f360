#include "lane/health.h"

#include "accrued/metrics.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define LANES 3

struct world {
    struct lane_shared shared;
    _Atomic int64_t beats[LANES];
    atomic_int readiness[LANES];
    pthread_mutex_t lock;
    struct fault why[LANES];
    struct buffer reasons;
};

static void begin(struct world *world) {
    *world = (struct world){.shared = {.beats = NULL}};
    cr_assert_eq(pthread_mutex_init(&world->lock, NULL), 0);
    world->shared.beats = world->beats;
    world->shared.readiness = world->readiness;
    world->shared.reasons_lock = &world->lock;
    world->shared.reasons = world->why;
    for (int i = 0; i < LANES; i++) {
        atomic_store(&world->beats[i], 1000000);
        atomic_store(&world->readiness[i], LANE_READY);
    }
    buffer_init(&world->reasons);
}

static void end(struct world *world) {
    buffer_release(&world->reasons);
    cr_assert_eq(pthread_mutex_destroy(&world->lock), 0);
}

static const char *told(struct world *world) {
    buffer_append_byte(&world->reasons, 0);
    return (const char *)world->reasons.data;
}

Test(health, a_loop_that_turns) {
    struct world world;
    begin(&world);
    cr_assert(lanes_are_healthy(&world.shared, LANES, 1060000, 60000, &world.reasons));
    cr_assert_str_eq(told(&world), "");
    end(&world);
}

Test(health, a_loop_that_hangs_is_named) {
    struct world world;
    begin(&world);
    atomic_store(&world.beats[1], 939999);
    atomic_store(&world.beats[2], 0);
    atomic_store(&world.readiness[2], LANE_STOPPED);
    cr_assert(!lanes_are_healthy(&world.shared, LANES, 1000000, 60000, &world.reasons));
    cr_assert_str_eq(told(&world), "Lane 1: its loop has not turned for 1 min 0 s.\n");
    end(&world);
}

Test(health, ready_when_all_lanes_are) {
    struct world world;
    begin(&world);
    cr_assert(lanes_are_ready(&world.shared, LANES, &world.reasons));
    cr_assert_str_eq(told(&world), "");
    end(&world);
}

/* More lanes than partitions, or a second process in reserve. */
Test(health, a_lane_without_partitions_is_ready_and_says_so) {
    struct world world;
    begin(&world);
    atomic_store(&world.readiness[2], LANE_UNASSIGNED);
    cr_assert(lanes_are_ready(&world.shared, LANES, &world.reasons));
    cr_assert_str_eq(told(&world), "Lane 2 has no partition and is ready to take one over.\n");
    end(&world);
}

Test(health, each_other_state_is_not_ready) {
    const enum lane_readiness states[] = {LANE_STARTING, LANE_JOINING, LANE_RESTORING, LANE_WAITING,
                                          LANE_STOPPED};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct world world;
        begin(&world);
        atomic_store(&world.readiness[1], (int)states[i]);
        cr_assert(!lanes_are_ready(&world.shared, LANES, &world.reasons));
        cr_assert(strncmp(told(&world), "Lane 1 ", 7) == 0);
        end(&world);
    }
}

Test(health, how_far_a_restore_is) {
    struct world world;
    begin(&world);
    atomic_store(&world.readiness[0], LANE_RESTORING);
    metric_set(
        metric_get("accrued_restore_remaining_offsets", METRIC_GAUGE, "R.", "partition=\"3\""),
        512);
    metric_set(
        metric_get("accrued_restore_remaining_offsets", METRIC_GAUGE, "R.", "partition=\"4\""), 0);
    metric_set(metric_get("accrued_restore_file_ratio", METRIC_GAUGE, "F.", "partition=\"3\""),
               1000);
    metric_set(metric_get("accrued_restore_file_ratio", METRIC_GAUGE, "F.", "partition=\"4\""), 70);
    cr_assert(!lanes_are_ready(&world.shared, LANES, &world.reasons));
    cr_assert_str_eq(told(&world), "Lane 0 restores ledgers.\n"
                                   "Partition 4: 7 % of its local file are read.\n"
                                   "Partition 3: 512 offsets of its ledger to be read.\n");
    end(&world);
}

Test(health, why_a_lane_waits) {
    struct world world;
    begin(&world);
    atomic_store(&world.readiness[1], LANE_WAITING);
    fault_set(&world.why[1], "Redis at 127.0.0.1:1 does not answer");
    cr_assert(!lanes_are_ready(&world.shared, LANES, &world.reasons));
    cr_assert_str_eq(told(&world),
                     "Lane 1 waits for reference data: Redis at 127.0.0.1:1 does not answer.\n");
    end(&world);
}
