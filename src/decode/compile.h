/* compile.h: a writer's schema, as JSON, → a plan; and its canonical form. Private to decode. Pure.
 *
 * Works on the JSON text because Avro C drops what resolution needs: defaults, aliases and logical
 * types. Whether the JSON is a schema at all, Avro C has decided before (schema_avro.c). */
#ifndef ACCRUED_DECODE_COMPILE_H
#define ACCRUED_DECODE_COMPILE_H

#include "plan.h"

#include "accrued/decode.h"
#include "accrued/fault.h"
#include "accrued/json_tree.h"

/* Other names of our fields: the aliases of billing-line.avsc. Aliases are the reader's to declare;
 * those in a writer's schema mean nothing here. */
struct field_alias {
    struct text name;
    int field; /* index into line_fields */
};
struct field_aliases {
    const struct field_alias *items;
    size_t count;
};
/* Of the reader's schema. */
struct field_aliases aliases_of(struct arena *arena, const struct json *reader);

/* The shape is the writer's schema whatever is in it; binding says which of its fields are ours,
 * each by its name or else by an alias, and refuses what cannot become a BillingLine. Everything
 * lives in the arena. NULL: *fault, which names the field that cannot be resolved. */
const struct plan_node *plan_shape(struct arena *arena, const struct json *schema,
                                   struct fault *fault);
const struct plan_node *plan_bind(struct arena *arena, const struct plan_node *shape,
                                  struct field_aliases aliases, struct fault *fault);

/* The shape of the schema that is named; NULL: it is not configured, or no record. */
const struct plan_node *schema_set_shape(struct schema_set *set, struct schema_ref ref,
                                         bool may_wait);

/* CRC-64-AVRO of the schema's parsing canonical form. */
uint64_t canonical_fingerprint(const struct json *schema);
/* The same with the scales of decimals and units of times, which the canonical form leaves out: of
 * two schemas with one fingerprint, those with one reading read the same bytes as the same line. */
uint64_t canonical_reading(const struct json *schema);

#endif
