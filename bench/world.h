/* world.h: made-up partners, customers and billing lines for benchmarks. Pure.
 *
 * The same number gives the same thing, always: no table, no random state. Identities have the form
 * of real ones (customers and lines are UUIDs of 36 bytes). */
#ifndef ACCRUED_BENCH_WORLD_H
#define ACCRUED_BENCH_WORLD_H

#include "accrued/buffer.h"
#include "accrued/line.h"

#define WORLD_ID_SIZE 36
#define WORLD_MPN_SIZE 7

struct world {
    uint64_t partner_count;
    uint64_t customer_count;
    uint64_t revision_percent; /* of the records: a later revision of an earlier line */
    uint64_t link_count;       /* of a linked customer; 0: two, as there are two types of use */
    uint64_t linked_percent;   /* of the customers; 0: all */
    uint64_t generation;       /* of the reference data; 2: as it was changed later */
};

/* The texts that a made-up line borrows. */
struct world_texts {
    char line_id[WORLD_ID_SIZE];
    char customer_id[WORLD_ID_SIZE];
    char subscription_id[WORLD_ID_SIZE];
    char invoice_id[10];
    char mpn_id[WORLD_MPN_SIZE];
};

/* Evenly spread bits from a number. */
uint64_t world_mix(uint64_t number);

void world_uuid(uint64_t kind, uint64_t number, char to[WORLD_ID_SIZE]);

/* The record'th billing line of the feed; *ret_is_revision if its line was there before. */
struct billing_line world_line(const struct world *world, uint64_t record,
                               struct world_texts *texts, bool *ret_is_revision);

/* Reference values as `accrued reference load` reads them, a line each. */
void world_append_partner(const struct world *world, uint64_t number, struct buffer *to);
void world_append_customer(const struct world *world, uint64_t number, struct buffer *to);

#endif
