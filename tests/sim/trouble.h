/* trouble.h: processes and what befalls them. */
#ifndef ACCRUED_SIM_TROUBLE_H
#define ACCRUED_SIM_TROUBLE_H

#include "sim.h"

void trouble_begin(int64_t end_ms);
/* From now on nothing goes wrong, and every instance comes back. */
void trouble_heal(void);
void trouble_restart_all(void);
/* All that there ever were; returns how many. */
size_t trouble_processes(struct process *const **ret_processes);
/* Why a process ended last, for messages. */
const char *trouble_last_end(void);

#endif
