/* disk.h: local files of simulated machines. The files are real, in a directory of this run; what
 * is written is remembered, and a machine that crashes forgets of each page the latest of it, since
 * nothing is ever synced. A killed process loses its descriptors and their locks, no more. */
#ifndef ACCRUED_SIM_DISK_H
#define ACCRUED_SIM_DISK_H

#include "sim.h"

/* A directory for a run (of process `pid`). disk_remove is for the parent, when the run is over. */
void disk_directory(int pid, char *to, size_t size);
void disk_begin(void);
void disk_remove(int pid);
/* Of a machine: "" before disk_begin. */
const char *disk_of(int instance);

void disk_close_all(const struct process *process);
void disk_crash(int instance);

#endif
