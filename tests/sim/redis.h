/* redis.h: a simulated Redis behind src/enrich/connection.h: values with their history, tracking
 * that tells of changes, connections that stall, break, or fall silent. */
#ifndef ACCRUED_SIM_REDIS_H
#define ACCRUED_SIM_REDIS_H

#include "sim.h"

/* A value from a moment on. */
struct redis_version {
    int64_t from_ms;
    struct text value; /* null: missing */
    uint64_t hash;     /* of the bytes; 0: missing */
    int payload;       /* what the world knows it by */
};

struct redis_key {
    char name[64];
    struct redis_version *versions;
    size_t count;
    size_t capacity;
};

void redis_set(const char *name, struct text value, int payload);
struct redis_key *redis_find(const char *name); /* NULL: never set */

/* Trouble. */
void redis_outage(int64_t ms);
void redis_stall(int64_t ms);
/* How long the stalls were that touch a window. */
int64_t redis_stalled_ms(int64_t from_ms, int64_t to_ms);
/* Breaks a connection that hears of changes; silently: nobody is told, nothing comes any more. */
void redis_break_news(bool silently);
void redis_break_values(bool silently);

#endif
