#include "trouble.h"

#include "disk.h"
#include "reload.h"
#include "world.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX 512
#define INSTANCES_MAX 8
#define SUPERVISE_MS 100
#define WELL_AFTER_MS 20000
#define NEEDLESS_REBUILDS_MAX 3

static struct {
    struct process *processes[PROCESSES_MAX];
    size_t count;
    int copies;                           /* processes that call themselves otherwise */
    int64_t down_until_ms[INSTANCES_MAX]; /* by instance */
    int64_t end_ms;
    int64_t healed_ms;
    int needless_rebuilds;
    int64_t gap_ms;
    struct fault last_end;
    bool is_of_redis; /* none but of Redis */
    unsigned kinds;   /* a bit per kind of trouble that this seed has */
} trouble;

const char *trouble_last_end(void) {
    return trouble.last_end.text[0] != '\0' ? trouble.last_end.text : "no process ended by itself";
}

/* Aborts without end and full disks are trouble's doing, and while programs are changed a process
 * that has not heard of it yet may not go on; nothing else may stop one. */
static bool may_stop(const struct process *process, const struct fault *fault) {
    bool is_behind = reload_revision_of(process, sim_now()) < world.revision;
    return strstr(fault->text, "was aborted") != NULL ||
           strstr(fault->text, "No space left") != NULL ||
           strstr(fault->text, "disk is full") != NULL ||
           (is_behind && strstr(fault->text, "was written under programs.yaml") != NULL);
}

/* When all is well again, what trouble has left is over soon. */
static void note_rebuild(const struct fault *fault) {
    bool is_well = sim_plan.is_healed && sim_now() > trouble.healed_ms + WELL_AFTER_MS;
    trouble.needless_rebuilds += is_well;
    if (trouble.needless_rebuilds > NEEDLESS_REBUILDS_MAX) {
        sim_fail("nothing is wrong any more, and lanes are built anew again and again: %s",
                 fault->text);
    }
}

/* What becomes of a lane, or of a processor of balances, whose life has ended. true: another one.
 */
static bool live_again(struct process *process, enum verdict verdict, const struct fault *fault,
                       int64_t failures) {
    if (verdict == VERDICT_COMMITTED) {
        return false;
    }
    sim_trace("%s: %s", verdict_name(verdict), fault->text);
    trouble.last_end = *fault;
    bool is_end = verdict == VERDICT_STOP || failures > process->config->lanes.rebuilds_max;
    if (verdict == VERDICT_STOP && !may_stop(process, fault)) {
        sim_fail("a lane stopped: %s", fault->text);
    }
    if (is_end) {
        process->verdict = verdict;
        process->end = *fault;
        atomic_store(&process->shared.stop, true); /* one ends all */
        return false;
    }
    note_rebuild(fault);
    sim_sleep(process->config->lanes.rebuild_backoff_ms);
    return true;
}

/* One life of a lane after another, as in fleet.c. */
static void live(struct process *process, int number) {
    int64_t failures = 0;
    bool goes_on = true;
    while (goes_on && !atomic_load(&process->shared.stop)) {
        bool committed = false;
        enum verdict verdict = VERDICT_COMMITTED;
        struct fault fault = {""};
        struct lane *lane = lane_open(&process->shared, number, &verdict, &fault);
        if (lane != NULL) {
            verdict = lane_run(lane, &committed, &fault);
            lane_free(lane);
        }
        failures = committed ? 1 : failures + 1;
        goes_on = live_again(process, verdict, &fault, failures);
    }
}

/* As in cli/balances.c. */
static void sum_up(struct process *process, int number) {
    int64_t failures = 0;
    bool goes_on = true;
    REQUIRE(number == 0);
    while (goes_on && !atomic_load(&process->sums.stop)) {
        enum verdict verdict = VERDICT_COMMITTED;
        struct fault fault = {""};
        struct balances *balances = balances_open(&process->sums, &verdict, &fault);
        if (balances != NULL) {
            verdict = balances_run(balances, &fault);
            balances_free(balances);
        }
        failures = atomic_load(&process->sums.has_committed) ? 1 : failures + 1;
        goes_on = live_again(process, verdict, &fault, failures);
    }
}

static bool is_of_sums(int instance) {
    return instance >= world.instance_count;
}

static struct config *config_of(int instance, bool is_copy) {
    struct config *config = malloc(sizeof *config);
    REQUIRE(config != NULL);
    *config = world.config;
    char name[32];
    (void)snprintf(name, sizeof name, "i%d", instance);
    if (world.has_static_members) {
        config->kafka.group_instance_id = strdup(name);
    }
    /* Somebody copied a machine's settings and gave it a name of its own, but for one option. */
    if (is_copy) {
        (void)snprintf(name, sizeof name, "i%d-copy%d", instance, trouble.copies++);
    }
    config->kafka.instance = strdup(name);
    if (world.has_files) {
        config->ledger.directory = strdup(disk_of(instance));
    }
    return config;
}

static struct process *start_as(int instance, bool is_copy) {
    struct config *config = config_of(instance, is_copy);
    struct process *process = is_of_sums(instance)
                                  ? sim_process_start(instance, config, 1, sum_up)
                                  : sim_process_start(instance, config, world.lane_count, live);
    reload_begin(process);
    process->shared.editions = &process->editions;
    process->shared.beats = process->beats;
    process->shared.readiness = process->readiness;
    int failed = pthread_mutex_init(&process->reason_lock, NULL);
    REQUIRE(failed == 0);
    process->shared.reasons_lock = &process->reason_lock;
    process->shared.reasons = process->reasons;
    process->sums.config = config;
    REQUIRE(trouble.count < PROCESSES_MAX);
    trouble.processes[trouble.count++] = process;
    return process;
}

static struct process *start(int instance) {
    return start_as(instance, false);
}

size_t trouble_processes(struct process *const **ret_processes) {
    *ret_processes = trouble.processes;
    return trouble.count;
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
    for (int i = 0; i < world.instance_count + world.sums_count; i++) {
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

/* Back and forward: it must not matter. */
static void set_offsets_of_sums(void) {
    for (int32_t p = 0; p < world.sums->partition_count && world.is_set_back; p++) {
        group_set_offset(group_of(world.sums_group), p, log_high(&world.accruals->logs[p]) - 1);
    }
}

enum trouble_kind {
    TROUBLE_KILL,
    TROUBLE_CRASH, /* of the machine */
    TROUBLE_STOP,
    TROUBLE_FREEZE,
    TROUBLE_FREEZE_AND_REPLACE, /* two processes of one transactional.id */
    TROUBLE_COPY,               /* two of one group.instance.id */
    TROUBLE_STALL,
    TROUBLE_REDIS_STALL,
    TROUBLE_REDIS_OUTAGE,
    TROUBLE_NEWS_BREAK,
    TROUBLE_VALUES_BREAK,
    TROUBLE_COMPACTION,
    TROUBLE_OFFSETS, /* of balances: somebody sets them */
};
#define TROUBLE_KINDS 13
#define REDIS_KINDS                                                                                \
    (1U << TROUBLE_REDIS_STALL | 1U << TROUBLE_REDIS_OUTAGE | 1U << TROUBLE_NEWS_BREAK |           \
     1U << TROUBLE_VALUES_BREAK)

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
        atomic_store(&process->sums.stop, true);
        break;
    case TROUBLE_FREEZE: sim_process_freeze(process, draw_standstill()); break;
    case TROUBLE_FREEZE_AND_REPLACE:
        sim_process_freeze(process, draw_standstill());
        (void)start_as(process->instance, world.has_static_members && sim_chance(5000));
        break;
    case TROUBLE_COPY:
        if (world.has_static_members) {
            (void)start_as(process->instance, sim_chance(8000));
        }
        break;
    case TROUBLE_STALL: sim_process_stall(process, draw_standstill()); break;
    case TROUBLE_REDIS_STALL: redis_stall(sim_between(1, 3000)); break;
    case TROUBLE_REDIS_OUTAGE:
        redis_outage(sim_between(1, world.serves_stale ? 20000 : 5000));
        break;
    case TROUBLE_NEWS_BREAK: redis_break_news(sim_chance(5000)); break;
    case TROUBLE_VALUES_BREAK: redis_break_values(sim_chance(5000)); break;
    case TROUBLE_COMPACTION:
        for (int32_t i = 0; i < world.partition_count; i++) {
            broker_compact(&world.ledger->logs[i], sim_now() - sim_between(0, 20000));
        }
        for (int32_t i = 0; i < world.sums->partition_count; i++) {
            broker_compact(&world.sums->logs[i], sim_now());
        }
        break;
    case TROUBLE_OFFSETS: set_offsets_of_sums(); break;
    }
}

static void strike(void *context, uint64_t unused) {
    if (sim_now() >= trouble.end_ms) {
        return;
    }
    enum trouble_kind kind = (enum trouble_kind)sim_below(TROUBLE_KINDS);
    while (trouble.is_of_redis && (trouble.kinds >> kind & 1U) == 0) {
        kind = (enum trouble_kind)sim_below(TROUBLE_KINDS);
    }
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
    } else if (sim_chance(world.is_static ? 0 : world.serves_stale ? 6000 : 1500)) {
        /* What a cache does wrong shows only where it lives for a while. */
        trouble.is_of_redis = true;
        trouble.kinds &= REDIS_KINDS & (unsigned)sim_random();
        trouble.kinds |= 1U << TROUBLE_NEWS_BREAK | 1U << TROUBLE_REDIS_OUTAGE;
    }
    supervise(NULL, 0);
    sim_at(sim_between(0, trouble.gap_ms), strike, NULL, 0);
}

void trouble_heal(void) {
    trouble.healed_ms = sim_now();
    for (size_t i = 0; i < INSTANCES_MAX; i++) {
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
    trouble.healed_ms = sim_now();
    trouble.needless_rebuilds = 0;
    for (size_t i = 0; i < trouble.count; i++) {
        if (!trouble.processes[i]->is_dead) {
            kill_it(trouble.processes[i]);
        }
    }
    for (int32_t p = 0; p < world.partition_count && world.is_set_back; p++) {
        struct group *group = group_of(world.config.kafka.group_id);
        group_set_offset(group, p, group_offset(group, p));
    }
    set_offsets_of_sums();
    /* Whoever goes on must know where the one before stood. */
    for (int64_t i = sim_between(0, 4); i > 0; i--) {
        sim_at(sim_now() + sim_between(100, 6000), kill_any, NULL, 0);
    }
}
