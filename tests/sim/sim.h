/* sim.h: simulated time, chance, and processes that can be frozen or killed at any call.
 *
 * One seed is one run: everything that happens is drawn from one stream of random numbers, and
 * happens at a simulated millisecond. A process is a coroutine; it gives way inside simulated calls
 * only, so between two of them it is alone. A killed process is never resumed, and what the broker
 * holds of it stays as it is, as after kill -9. Memory is not given back: a run is a child of its
 * own (main.c). */
#ifndef ACCRUED_SIM_H
#define ACCRUED_SIM_H

#include "accrued/balances.h"
#include "accrued/config.h"
#include "accrued/lane.h"

#include <ucontext.h>

/* Chance. */
uint64_t sim_random(void);
uint64_t sim_below(uint64_t limit);
/* From low to high, both included. */
int64_t sim_between(int64_t low, int64_t high);
bool sim_chance(uint64_t in_ten_thousand);

/* Time, in milliseconds since the run began. */
#define SIM_WALL_START_MS INT64_C(1600000000000)
int64_t sim_now(void);
typedef void (*sim_event)(void *context, uint64_t argument);
void sim_at(int64_t time_ms, sim_event event, void *context, uint64_t argument);
/* Runs events until `done` says so or the time is up: false. */
bool sim_run(int64_t until_ms, bool (*done)(void));

/* Of a process: when it was not running though it was alive. */
struct standstill {
    int64_t from_ms;
    int64_t to_ms;
};

#define SIM_STRANDS_MAX 3
/* A thread of a process: a lane's. */
struct strand {
    struct process *process;
    int number;
    bool is_over;
    int64_t stalled_until_ms; /* it does not run, but its clients' threads do */
    uint64_t ticket;          /* of the wake-up that counts */
    ucontext_t context;
};

struct process {
    int number;              /* ever new */
    int instance;            /* of the transactional.id; a successor has the same */
    bool is_dead;            /* killed or ended */
    int64_t frozen_until_ms; /* nothing of it runs: SIGSTOP, a suspended machine */
    struct standstill *standstills;
    size_t standstill_count;
    struct strand strands[SIM_STRANDS_MAX];
    int strand_count;
    void (*main)(struct process *process, int strand);
    struct config *config;
    struct edition edition;
    struct editions editions;
    struct lane_shared shared;
    struct balances_shared sums; /* of one that runs `balances` */
    _Atomic int64_t beats[SIM_STRANDS_MAX];
    atomic_int readiness[SIM_STRANDS_MAX];
    pthread_mutex_t reason_lock;
    struct fault reasons[SIM_STRANDS_MAX];
    struct fault end; /* why it ended */
    enum verdict verdict;
};

/* A process with so many threads, each of which runs `main` from now on. */
struct process *sim_process_start(int instance, struct config *config, int strand_count,
                                  void (*main)(struct process *process, int strand));
void sim_process_kill(struct process *process);
void sim_process_freeze(struct process *process, int64_t ms);
/* One of its threads. */
void sim_process_stall(struct process *process, int64_t ms);
/* How long it stood still between two moments. */
int64_t sim_process_stood_ms(const struct process *process, int64_t from_ms, int64_t to_ms);

/* The process that runs; NULL in an event. */
struct process *sim_current(void);
/* Inside a process: others run. */
void sim_sleep(int64_t ms);
/* A round trip's half on the way. */
void sim_travel(void);
/* An event of a process's background threads: false when it must not run now (dead, or frozen and
 * posted again for later). */
bool sim_background(struct process *process, sim_event event, void *context, uint64_t argument);

/* What a seed plays: each kind of trouble on or off, so that some seeds have little and some much.
 * In ten thousand calls. */
struct sim_plan {
    bool is_healed; /* the end of a run: no more trouble */
    int64_t travel_ms_max;
    int64_t marker_ms_max; /* until a transaction's marker stands in a log */
    uint64_t slow_travel;  /* calls that take up to a second */
    uint64_t slow_marker;  /* markers that take up to three seconds */
    uint64_t produce_fails;
    uint64_t offsets_fail;
    uint64_t commit_fails;
    uint64_t abort_fails;
    uint64_t init_fails;
    uint64_t asks_fail;     /* offsets and watermarks */
    uint64_t stale_fetches; /* a record after a pause, twice */
    uint64_t seek_fails;
    uint64_t slow_news;   /* of changed values that take up to 200 ms */
    uint64_t redis_drops; /* a connection breaks on use */
    uint64_t disk_full;
    uint64_t freezes_in_commit; /* longer than a session, shorter than a transaction, or not */
    bool is_hash_poor;          /* of the ledger's keys */
};
extern struct sim_plan sim_plan;
/* As sim_chance, and false once healed. */
bool sim_trouble(uint64_t in_ten_thousand);

extern bool sim_verbose;
__attribute__((format(printf, 1, 2))) void sim_trace(const char *format, ...);
/* The run has failed: says why and ends this child. */
__attribute__((format(printf, 1, 2), noreturn)) void sim_fail(const char *format, ...);
/* A number over everything that was traced: two runs of a seed must agree in it. */
uint64_t sim_fingerprint(void);

void sim_begin(uint64_t seed);

#endif
