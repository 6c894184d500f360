/* reload.h: programs that change while lines flow, machine after machine, and SIGHUP to what runs
 * there. */
#ifndef ACCRUED_SIM_RELOAD_H
#define ACCRUED_SIM_RELOAD_H

#include "sim.h"

/* When they will change. */
void reload_plan(int64_t end_ms);
/* Every machine and every process has the newest, and who asked for it had all rated again. */
bool reload_is_over(void);

/* A process reads its machine's files. */
void reload_begin(struct process *process);
/* What it had read at that time. */
int reload_revision_of(const struct process *process, int64_t at_ms);
/* A bit for each revision that it may have rated with at some time of the window. */
unsigned reload_revisions_within(const struct process *process, int64_t from_ms, int64_t to_ms);

#endif
