#include "trouble.h"

#include "disk.h"
#include "world.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX 512
#define SUPERVISE_MS 100

static struct {
    struct process *processes[PROCESSES_MAX];
    size_t count;
    int64_t down_until_ms[8]; /* by instance */
    int64_t end_ms;
    int64_t gap_ms;
    struct fault last_end;
    unsigned kinds; /* a bit per kind of trouble that this seed has */
} trouble;

const char *trouble_last_end(void) {
    return trouble.last_end.text[0] != '\0' ? trouble.last_end.text : "no process ended by itself";
}

/* One life of a lane after another, as in fleet.c. */
static void live(struct process *process) {
    const struct config *config = process->config;
    int64_t failures = 0;
    while (!atomic_load(&process->shared.stop)) {
        bool committed = false;
        process->verdict = VERDICT_COMMITTED;
        struct lane *lane = lane_open(&process->shared, 0, &process->verdict, &process->end);
        if (lane != NULL) {
            process->verdict = lane_run(lane, &committed, &process->end);
            lane_free(lane);
        }
        if (process->verdict == VERDICT_COMMITTED) {
            return;
        }
        sim_trace("lane: %s: %s", verdict_name(process->verdict), process->end.text);
        trouble.last_end = process->end;
        failures = committed ? 1 : failures + 1;
        if (process->verdict == VERDICT_STOP) {
            /* Aborts without end and full disks are trouble's doing; nothing else may stop a lane.
             */
            if (strstr(process->end.text, "was aborted") == NULL &&
                strstr(process->end.text, "No space left") == NULL &&
                strstr(process->end.text, "disk is full") == NULL) {
                sim_fail("a lane stopped: %s", process->end.text);
            }
            return;
        }
        if (failures > config->lanes.rebuilds_max) {
            return;
        }
        sim_sleep(config->lanes.rebuild_backoff_ms);
    }
}

static struct process *start(int instance) {
    struct config *config = malloc(sizeof *config);
    REQUIRE(config != NULL);
    *config = world.config;
    char name[16];
    (void)snprintf(name, sizeof name, "i%d", instance);
    config->kafka.instance = strdup(name);
    if (world.has_files) {
        config->ledger.directory = strdup(disk_of(instance));
    }
    struct process *process = sim_process_start(instance, config, live);
    process->edition =
        (struct edition){.config = config, .programs = &world.programs, .catalog = &world.catalog};
    editions_init(&process->editions, &process->edition);
    process->shared.editions = &process->editions;
    process->shared.beats = &process->beat;
    process->shared.readiness = &process->readiness;
    REQUIRE(pthread_mutex_init(&process->reason_lock, NULL) == 0);
    process->shared.reasons_lock = &process->reason_lock;
    process->shared.reasons = &process->reason;
    REQUIRE(trouble.count < PROCESSES_MAX);
    trouble.processes[trouble.count++] = process;
    return process;
}

static void kill_it(struct process *process) {
    sim_process_kill(process);
    disk_close_all(process);
}

/* All of a machine goes, and what it had not synced. */
static void crash_machine(int instance) {
    sim_trace("machine %d crashes", instance);
    for (size_t i = 0; i < trouble.count; i++) {
        if (trouble.processes[i]->instance == instance && !trouble.processes[i]->is_dead) {
            kill_it(trouble.processes[i]);
        }
    }
    disk_crash(instance);
}

static bool has_life(int instance) {
    for (size_t i = 0; i < trouble.count; i++) {
        if (trouble.processes[i]->instance == instance && !trouble.processes[i]->is_dead) {
            return true;
        }
    }
    return false;
}

static void supervise(void *context, uint64_t unused) {
    for (int i = 0; i < world.instance_count; i++) {
        if (!has_life(i) && trouble.down_until_ms[i] <= sim_now()) {
            (void)start(i);
        }
    }
    sim_at(sim_now() + SUPERVISE_MS, supervise, context, unused);
}

static struct process *any_process(void) {
    size_t first = (size_t)sim_below(trouble.count);
    for (size_t i = 0; i < trouble.count; i++) {
        struct process *process = trouble.processes[(first + i) % trouble.count];
        if (!process->is_dead) {
            return process;
        }
    }
    return NULL;
}

/* Long and short: shorter than a session, longer, longer than a transaction. */
static int64_t draw_standstill(void) {
    return sim_chance(5000) ? sim_between(1, 1500) : sim_between(1500, 10000);
}

enum trouble_kind {
    TROUBLE_KILL,
    TROUBLE_CRASH, /* of the machine */
    TROUBLE_STOP,
    TROUBLE_FREEZE,
    TROUBLE_FREEZE_AND_REPLACE, /* two processes of one transactional.id */
    TROUBLE_STALL,
    TROUBLE_REDIS_STALL,
    TROUBLE_REDIS_OUTAGE,
    TROUBLE_NEWS_BREAK,
    TROUBLE_VALUES_BREAK,
    TROUBLE_COMPACTION,
};
#define TROUBLE_KINDS 11

static void make_trouble(enum trouble_kind kind) {
    struct process *process = any_process();
    if (process == NULL) {
        return;
    }
    switch (kind) {
    case TROUBLE_KILL:
    case TROUBLE_CRASH:
        if (kind == TROUBLE_KILL) {
            kill_it(process);
        } else {
            crash_machine(process->instance);
        }
        trouble.down_until_ms[process->instance] =
            sim_now() + (sim_chance(5000) ? 0 : sim_between(0, 5000));
        break;
    case TROUBLE_STOP:
        sim_trace("p%d is told to stop", process->number);
        atomic_store(&process->shared.stop, true);
        break;
    case TROUBLE_FREEZE: sim_process_freeze(process, draw_standstill()); break;
    case TROUBLE_FREEZE_AND_REPLACE:
        sim_process_freeze(process, draw_standstill());
        (void)start(process->instance);
        break;
    case TROUBLE_STALL: sim_process_stall(process, draw_standstill()); break;
    case TROUBLE_REDIS_STALL: redis_stall(sim_between(1, 3000)); break;
    case TROUBLE_REDIS_OUTAGE: redis_outage(sim_between(1, 5000)); break;
    case TROUBLE_NEWS_BREAK: redis_break_news(sim_chance(5000)); break;
    case TROUBLE_VALUES_BREAK: redis_break_values(sim_chance(5000)); break;
    case TROUBLE_COMPACTION:
        for (int32_t i = 0; i < world.partition_count; i++) {
            broker_compact(&world.ledger->logs[i], sim_now() - sim_between(0, 20000));
        }
        break;
    }
}

static void strike(void *context, uint64_t unused) {
    if (sim_now() >= trouble.end_ms) {
        return;
    }
    enum trouble_kind kind = (enum trouble_kind)sim_below(TROUBLE_KINDS);
    if ((trouble.kinds >> kind & 1U) != 0) {
        make_trouble(kind);
    }
    sim_at(sim_now() + sim_between(1, trouble.gap_ms), strike, context, unused);
}

void trouble_begin(int64_t end_ms) {
    trouble.end_ms = end_ms;
    trouble.gap_ms = sim_between(50, 3000);
    trouble.kinds = (unsigned)sim_random() | (unsigned)sim_random();
    if (sim_chance(1000)) {
        trouble.kinds = 0;
    }
    supervise(NULL, 0);
    sim_at(sim_between(0, trouble.gap_ms), strike, NULL, 0);
}

void trouble_heal(void) {
    for (size_t i = 0; i < 8; i++) {
        trouble.down_until_ms[i] = 0;
    }
    /* Of two that share a transactional.id the younger stays: they would fence each other for ever.
     */
    for (size_t i = 0; i < trouble.count; i++) {
        for (size_t n = i + 1; n < trouble.count; n++) {
            struct process *elder = trouble.processes[i];
            if (!elder->is_dead && !trouble.processes[n]->is_dead &&
                elder->instance == trouble.processes[n]->instance) {
                kill_it(elder);
            }
        }
    }
}

static void kill_any(void *context, uint64_t unused) {
    (void)context;
    (void)unused;
    struct process *process = any_process();
    if (process != NULL) {
        kill_it(process);
    }
}

void trouble_restart_all(void) {
    for (size_t i = 0; i < trouble.count; i++) {
        if (!trouble.processes[i]->is_dead) {
            kill_it(trouble.processes[i]);
        }
    }
    for (int32_t p = 0; p < world.partition_count && world.is_set_back; p++) {
        group_set_back(p);
    }
    /* Whoever goes on must know where the one before stood. */
    for (int64_t i = sim_between(0, 4); i > 0; i--) {
        sim_at(sim_now() + sim_between(100, 6000), kill_any, NULL, 0);
    }
}
