#include "reload.h"

#include "feed.h"
#include "trouble.h"
#include "world.h"

#include "accrued/require.h"

#include <stdlib.h>

#define LOOK_MS 100

/* Of a process: the revision that it has from a moment on. */
struct reading {
    const struct process *process;
    int64_t from_ms;
    int revision;
};

static struct {
    int machines[8]; /* revision of the files there; 0: the first */
    struct reading *readings;
    size_t count;
    size_t capacity;
    int changes_due;
} reload;

static int revision_on(int instance) {
    return reload.machines[instance] == 0 ? 1 : reload.machines[instance];
}

static void note(const struct process *process, int revision) {
    reload.readings =
        sim_grown(reload.readings, reload.count, &reload.capacity, sizeof *reload.readings);
    reload.readings[reload.count++] = (struct reading){process, sim_now(), revision};
    sim_trace("p%d has programs of revision %d", process->number, revision);
}

void reload_begin(struct process *process) {
    int revision = revision_on(process->instance);
    process->edition = (struct edition){.config = process->config,
                                        .programs = &world.programs[revision],
                                        .catalog = &world.catalog};
    editions_init(&process->editions, &process->edition);
    note(process, revision);
}

int reload_revision_of(const struct process *process, int64_t at_ms) {
    int revision = 1;
    for (size_t i = 0; i < reload.count; i++) {
        const struct reading *reading = &reload.readings[i];
        if (reading->process == process && reading->from_ms <= at_ms) {
            revision = reading->revision;
        }
    }
    return revision;
}

unsigned reload_revisions_within(const struct process *process, int64_t from_ms, int64_t to_ms) {
    unsigned revisions = 1U << reload_revision_of(process, from_ms);
    for (size_t i = 0; i < reload.count; i++) {
        const struct reading *reading = &reload.readings[i];
        if (reading->process == process && reading->from_ms >= from_ms &&
            reading->from_ms <= to_ms) {
            revisions |= 1U << reading->revision;
        }
    }
    return revisions;
}

/* SIGHUP has arrived: what lanes do from here on is theirs to decide. */
static void hear(void *context, uint64_t unused) {
    struct process *process = context;
    if (!sim_background(process, hear, context, unused)) {
        return;
    }
    int revision = revision_on(process->instance);
    if (revision <= reload_revision_of(process, sim_now())) {
        return;
    }
    struct edition_parts *parts = edition_parts_new();
    parts->edition.config = process->config;
    parts->edition.programs = &world.programs[revision];
    parts->edition.catalog = &world.catalog;
    editions_put(&process->editions, parts);
    note(process, revision);
}

static void change_machine(void *context, uint64_t instance) {
    (void)context;
    reload.machines[instance] = world.revision;
    struct process *const *processes = NULL;
    size_t count = trouble_processes(&processes);
    for (size_t i = 0; i < count; i++) {
        if (processes[i]->instance == (int)instance && !processes[i]->is_dead) {
            sim_at(sim_now() + sim_between(0, 200), hear, processes[i], 0);
            if (sim_chance(6000)) {
                /* It meets a lane wherever that is in its round. */
                sim_process_stall(processes[i], sim_between(0, 2500));
            }
        }
    }
}

static bool has_everybody_heard(void) {
    for (int i = 0; i < world.instance_count; i++) {
        if (revision_on(i) < world.revision) {
            return false;
        }
    }
    struct process *const *processes = NULL;
    size_t count = trouble_processes(&processes);
    for (size_t i = 0; i < count; i++) {
        if (!processes[i]->is_dead && processes[i]->instance < world.instance_count &&
            reload_revision_of(processes[i], sim_now()) < world.revision) {
            return false;
        }
    }
    return true;
}

/* As docs/operations.md has it: reload all, then ask for what was to be rated again. */
static void await_everybody(void *context, uint64_t unused) {
    if (!has_everybody_heard()) {
        sim_at(sim_now() + sim_between(1, LOOK_MS), await_everybody, context, unused);
        return;
    }
    if (world.is_requested) {
        feed_request_of_all();
    }
    reload.changes_due--;
}

static void change(void *context, uint64_t unused) {
    if (!has_everybody_heard()) { /* one after the other */
        sim_at(sim_now() + LOOK_MS, change, context, unused);
        return;
    }
    world.revision++;
    sim_trace("programs of revision %d are rolled out", world.revision);
    for (int i = 0; i < world.instance_count; i++) {
        sim_at(sim_now() + sim_between(0, 2000), change_machine, NULL, (uint64_t)i);
    }
    sim_at(sim_now() + LOOK_MS, await_everybody, NULL, 0);
}

void reload_plan(int64_t end_ms) {
    for (int64_t i = world.is_reloaded ? sim_between(1, WORLD_REVISIONS - 1) : 0; i > 0; i--) {
        reload.changes_due++;
        sim_at(sim_between(0, end_ms), change, NULL, 0);
    }
}

bool reload_is_over(void) {
    return reload.changes_due == 0;
}
