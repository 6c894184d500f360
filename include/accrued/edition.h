/* edition.h: what is in force: configuration, programs, catalog. Room: lane. Any thread.
 *
 * An edition is immutable and swapped whole: a reload makes the next one, checks it against the one
 * in force, and puts it; each lane takes it between two transactions and lets go of the old one.
 * Who holds an edition may read it until it is dropped. The first one belongs to the caller; those
 * of reloads own their parts and go with their last holder. */
#ifndef ACCRUED_EDITION_H
#define ACCRUED_EDITION_H

#include "accrued/catalog.h"
#include "accrued/config.h"
#include "accrued/programs.h"

#include <pthread.h>
#include <stdatomic.h>

struct edition {
    const struct config *config;
    const struct programs *programs;
    const struct catalog *catalog;
    int64_t number; /* 1: as started */
    atomic_int holders;
    struct edition_parts *parts; /* what it owns; NULL: everything is the caller's */
};

/* What a reload fills before it puts the edition. */
struct edition_parts {
    struct edition edition;
    struct config config;
    struct catalog catalog;
    struct programs programs;
};

/* All three initialised; the edition points at them. */
struct edition_parts *edition_parts_new(void);
/* Of parts that were never put. NULL is accepted. */
void edition_parts_free(struct edition_parts *parts);

struct editions {
    pthread_mutex_t lock;
    struct edition *current; /* under lock */
    _Atomic int64_t number;  /* of the current one, for a look without the lock */
};

/* The caller fills the first one's three pointers and keeps it, and them, until the release. */
void editions_init(struct editions *editions, struct edition *first);
/* No lane holds any more. */
void editions_release(struct editions *editions);

/* The one in force, held until it is dropped. */
struct edition *editions_take(struct editions *editions);
/* Another hold on one that is held. */
struct edition *edition_hold(struct edition *edition);
/* NULL is accepted. */
void edition_drop(struct edition *edition);
/* Is one in force that is newer than this? */
bool editions_has_newer(const struct editions *editions, const struct edition *than);
/* Takes the parts over; from now on they are in force. */
void editions_put(struct editions *editions, struct edition_parts *next);

#endif
