/* reference_table.h: all reference values of a file, by id. Room: enrich. Pure.
 *
 * The offline form's stand-in for Redis: unbounded, never stale. Owns its values. One thread. */
#ifndef ACCRUED_REFERENCE_TABLE_H
#define ACCRUED_REFERENCE_TABLE_H

#include "accrued/reference.h"

struct reference_table {
    struct reference **slots; /* open addressing; NULL: empty */
    size_t capacity;
    size_t count;
    struct reference missing[REFERENCE_KIND_COUNT];
};

void reference_table_init(struct reference_table *table);
void reference_table_release(struct reference_table *table);

/* Takes over a malloc'd value; replaces and frees the one of the same kind and id. An unreadable
 * value must carry its id too. */
void reference_table_put(struct reference_table *table, struct reference *reference);

/* The value, or a MISSING one; valid until the id is put again. */
const struct reference *reference_table_find(const struct reference_table *table,
                                             enum reference_kind kind, struct text id);

/* The table as a lookup of partners for rating. */
struct partner_lookup reference_table_partners(struct reference_table *table);

#endif
