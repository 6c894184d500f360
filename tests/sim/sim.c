#include "sim.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)1 << 19)
#define EVENTS_MAX 3000000

struct entry {
    int64_t time_ms;
    uint64_t tie; /* random: events of the same moment come in any order */
    uint64_t serial;
    sim_event event;
    void *context;
    uint64_t argument;
};

static struct {
    uint64_t seed;
    uint64_t random[4];
    int64_t now_ms;
    struct entry *heap;
    size_t count;
    size_t capacity;
    uint64_t serial;
    uint64_t ran;
    struct strand *current;
    ucontext_t scheduler;
    int process_count;
    uint64_t fingerprint;
} sim;

struct sim_plan sim_plan;
bool sim_verbose;

/* xoshiro256** by Blackman and Vigna, seeded by splitmix64. */
static uint64_t rotated(uint64_t value, unsigned by) {
    return value << by | value >> (64 - by);
}

uint64_t sim_random(void) {
    uint64_t *s = sim.random;
    uint64_t result = rotated(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotated(s[3], 45);
    return result;
}

uint64_t sim_below(uint64_t limit) {
    REQUIRE(limit > 0);
    return sim_random() % limit;
}

int64_t sim_between(int64_t low, int64_t high) {
    REQUIRE(low <= high);
    return low + (int64_t)sim_below((uint64_t)(high - low) + 1);
}

bool sim_chance(uint64_t in_ten_thousand) {
    return sim_below(10000) < in_ten_thousand;
}

bool sim_trouble(uint64_t in_ten_thousand) {
    return in_ten_thousand > 0 && !sim_plan.is_healed && sim_chance(in_ten_thousand);
}

void sim_begin(uint64_t seed) {
    sim.seed = seed;
    uint64_t state = seed;
    for (size_t i = 0; i < 4; i++) {
        state += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = state;
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        sim.random[i] = z ^ z >> 31;
    }
}

int64_t sim_now(void) {
    return sim.now_ms;
}

uint64_t sim_fingerprint(void) {
    return sim.fingerprint;
}

void sim_trace(const char *format, ...) {
    char text[1024];
    char who[16] = "";
    if (sim.current != NULL) {
        (void)snprintf(who, sizeof who, "p%d/%d", sim.current->process->number,
                       sim.current->number);
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sim.fingerprint = hash64(text, strlen(text), sim.fingerprint ^ (uint64_t)sim.now_ms);
    if (sim_verbose) {
        printf("%8.3f %-4s %s\n", (double)sim.now_ms / 1000, who, text);
    }
}

void sim_fail(const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "seed %llu failed at %.3f s: %s\n", (unsigned long long)sim.seed,
            (double)sim.now_ms / 1000, text);
    fflush(stderr);
    _exit(1);
}

static bool is_before(const struct entry *a, const struct entry *b) {
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms;
    }
    return a->tie != b->tie ? a->tie < b->tie : a->serial < b->serial;
}

void sim_at(int64_t time_ms, sim_event event, void *context, uint64_t argument) {
    REQUIRE(time_ms >= sim.now_ms);
    if (sim.count == sim.capacity) {
        sim.capacity = sim.capacity == 0 ? 256 : sim.capacity * 2;
        sim.heap = realloc(sim.heap, sim.capacity * sizeof *sim.heap);
        REQUIRE(sim.heap != NULL);
    }
    struct entry added = {time_ms, sim_random(), sim.serial++, event, context, argument};
    size_t at = sim.count++;
    while (at > 0 && is_before(&added, &sim.heap[(at - 1) / 2])) {
        sim.heap[at] = sim.heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim.heap[at] = added;
}

static struct entry take_first(void) {
    struct entry first = sim.heap[0];
    struct entry last = sim.heap[--sim.count];
    size_t at = 0;
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= sim.count) {
            break;
        }
        if (child + 1 < sim.count && is_before(&sim.heap[child + 1], &sim.heap[child])) {
            child++;
        }
        if (!is_before(&sim.heap[child], &last)) {
            break;
        }
        sim.heap[at] = sim.heap[child];
        at = child;
    }
    sim.heap[at] = last;
    return first;
}

bool sim_run(int64_t until_ms, bool (*done)(void)) {
    while (sim.count > 0 && sim.heap[0].time_ms <= until_ms) {
        struct entry entry = take_first();
        sim.now_ms = entry.time_ms;
        if (++sim.ran > EVENTS_MAX) {
            sim_fail("%d events and no end", EVENTS_MAX);
        }
        entry.event(entry.context, entry.argument);
        if (done != NULL && done()) {
            return true;
        }
    }
    sim.now_ms = until_ms;
    return done == NULL;
}

struct process *sim_current(void) {
    return sim.current == NULL ? NULL : sim.current->process;
}

static void wake(void *context, uint64_t ticket) {
    struct strand *strand = context;
    const struct process *process = strand->process;
    if (process->is_dead || strand->is_over || ticket != strand->ticket) {
        return;
    }
    int64_t until_ms = process->frozen_until_ms > strand->stalled_until_ms
                           ? process->frozen_until_ms
                           : strand->stalled_until_ms;
    if (until_ms > sim.now_ms) {
        sim_at(until_ms + sim_between(0, 20), wake, strand, ticket);
        return;
    }
    sim.current = strand;
    int failed = swapcontext(&sim.scheduler, &strand->context);
    REQUIRE(failed == 0);
    sim.current = NULL;
}

void sim_sleep(int64_t ms) {
    struct strand *strand = sim.current;
    REQUIRE(strand != NULL);
    sim_at(sim.now_ms + ms, wake, strand, ++strand->ticket);
    int failed = swapcontext(&strand->context, &sim.scheduler);
    REQUIRE(failed == 0);
}

void sim_travel(void) {
    sim_sleep(sim_trouble(sim_plan.slow_travel) ? sim_between(0, 1000)
                                                : sim_between(0, sim_plan.travel_ms_max));
}

static bool is_over(const struct process *process) {
    for (int i = 0; i < process->strand_count; i++) {
        if (!process->strands[i].is_over) {
            return false;
        }
    }
    return true;
}

static void enter(void) {
    struct strand *strand = sim.current;
    struct process *process = strand->process;
    process->main(process, strand->number);
    strand->is_over = true;
    process->is_dead = is_over(process);
    if (process->is_dead) {
        sim_trace("ended: %s %s", verdict_name(process->verdict), process->end.text);
    }
    for (;;) {
        int failed = swapcontext(&strand->context, &sim.scheduler);
        REQUIRE(failed == 0);
    }
}

static void start_strand(struct process *process, int number) {
    struct strand *strand = &process->strands[number];
    strand->process = process;
    strand->number = number;
    int failed = getcontext(&strand->context);
    REQUIRE(failed == 0);
    char *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(stack != MAP_FAILED);
    failed = mprotect(stack, 4096, PROT_NONE); /* an overflow is a crash, not a riddle */
    REQUIRE(failed == 0);
    strand->context.uc_stack.ss_sp = stack;
    strand->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&strand->context, enter, 0);
    sim_at(sim.now_ms, wake, strand, ++strand->ticket);
}

struct process *sim_process_start(int instance, struct config *config, int strand_count,
                                  void (*main)(struct process *process, int strand)) {
    REQUIRE(strand_count > 0 && strand_count <= SIM_STRANDS_MAX);
    struct process *process = calloc(1, sizeof *process);
    REQUIRE(process != NULL);
    process->number = sim.process_count++;
    process->instance = instance;
    process->config = config;
    process->main = main;
    process->strand_count = strand_count;
    sim_trace("p%d starts as instance %d", process->number, instance);
    for (int i = 0; i < strand_count; i++) {
        start_strand(process, i);
    }
    return process;
}

void sim_process_kill(struct process *process) {
    sim_trace("p%d is killed", process->number);
    process->is_dead = true;
}

static void note_standstill(struct process *process, int64_t until_ms) {
    void *grown = realloc(process->standstills,
                          (process->standstill_count + 1) * sizeof *process->standstills);
    REQUIRE(grown != NULL);
    process->standstills = grown;
    process->standstills[process->standstill_count++] =
        (struct standstill){sim.now_ms, until_ms + 20};
}

void sim_process_freeze(struct process *process, int64_t ms) {
    sim_trace("p%d is frozen for %lld ms", process->number, (long long)ms);
    process->frozen_until_ms = sim.now_ms + ms;
    note_standstill(process, process->frozen_until_ms);
}

void sim_process_stall(struct process *process, int64_t ms) {
    struct strand *strand = &process->strands[sim_below((uint64_t)process->strand_count)];
    sim_trace("p%d/%d stalls for %lld ms", process->number, strand->number, (long long)ms);
    strand->stalled_until_ms = sim.now_ms + ms;
    note_standstill(process, strand->stalled_until_ms);
}

int64_t sim_process_stood_ms(const struct process *process, int64_t from_ms, int64_t to_ms) {
    int64_t sum = 0;
    for (size_t i = 0; i < process->standstill_count; i++) {
        const struct standstill *still = &process->standstills[i];
        if (still->from_ms <= to_ms && still->to_ms >= from_ms) {
            sum += still->to_ms - still->from_ms;
        }
    }
    return sum;
}

bool sim_background(struct process *process, sim_event event, void *context, uint64_t argument) {
    if (process->is_dead) {
        return false;
    }
    if (process->frozen_until_ms > sim.now_ms) {
        sim_at(process->frozen_until_ms + sim_between(0, 20), event, context, argument);
        return false;
    }
    return true;
}
