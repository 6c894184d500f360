/* plan.h: how to read one writer's records into a billing line. Private to decode. Pure.
 *
 * A plan is a tree of types, made once per writer schema by schema_avro.c. Reading walks the
 * record's bytes once: fields of ours go straight into struct billing_line, all others are skipped.
 * Follows Avro's resolution rules; decimals of any scale, as bytes or fixed, are our stated
 * extension. */
#ifndef ACCRUED_DECODE_PLAN_H
#define ACCRUED_DECODE_PLAN_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/line.h"

/* For "%.*s" in messages: texts there are cut, they may be anything. */
#define CUT(t) (int)((t).size < 60 ? (t).size : 60), (t).data

enum plan_type {
    PLAN_NULL,
    PLAN_BOOLEAN,
    PLAN_INT,
    PLAN_LONG,
    PLAN_FLOAT,
    PLAN_DOUBLE,
    PLAN_BYTES,
    PLAN_STRING,
    PLAN_FIXED,
    PLAN_ENUM,
    PLAN_ARRAY,
    PLAN_MAP,
    PLAN_UNION,
    PLAN_RECORD,
};
const char *plan_type_name(enum plan_type type);

enum plan_logical { LOGICAL_NONE, LOGICAL_DECIMAL, LOGICAL_TIMESTAMP_MICROS };

/* A field of the writer's outermost record. Nearly every value of it is plain: of the one type that
 * it has, or that it has beside null. */
struct plan_field {
    int target;                    /* index into line_fields, −1: skip */
    const struct plan_node *plain; /* NULL: there is none, or it cannot become the field */
    bool has_null;                 /* a union of two; each branch as it is written: */
    uint8_t null_branch;
    uint8_t plain_branch;
};

struct plan_node {
    enum plan_type type;
    enum plan_logical logical;
    unsigned scale;                    /* LOGICAL_DECIMAL */
    size_t size;                       /* PLAN_FIXED */
    size_t count;                      /* symbols or children */
    const struct text *symbols;        /* PLAN_ENUM */
    const struct text *names;          /* PLAN_RECORD: of its fields, for people */
    const struct plan_node **children; /* fields, branches, items, values */
    struct plan_field *fields;         /* of the outermost record, beside its children */
};

/* Steps over a value that nobody wants. false: from->bad, and from->data is where. */
bool plan_skip(struct cursor *from, const struct plan_node *node);

/* A field of BillingLine: where it goes and what it may be written as. */
enum line_field_kind {
    FIELD_TEXT,
    FIELD_FOLDED,
    FIELD_REVISION,
    FIELD_STATUS,
    FIELD_MONTH,
    FIELD_DAY,
    FIELD_CURRENCY,
    FIELD_MEASURE,
    FIELD_TIME,
};
struct line_field {
    const char *name;
    enum line_field_kind kind;
    bool optional;     /* may be null */
    bool has_default;  /* may be missing in the writer's schema */
    size_t offset;     /* of the value in struct billing_line */
    size_t has_offset; /* of its `has_…` flag; 0: none */
};
extern const struct line_field line_fields[];
extern const size_t line_field_count;
/* Index by name, or −1. */
int line_field_find(struct text name);
/* May a value of this type become the field? (Unions are decided per record.) */
bool line_field_accepts(const struct line_field *field, const struct plan_node *node);

/* Reads a whole datum, straight into *ret_line. Missing fields have their defaults. false:
 * *ret_reject, and what the line holds by then means nothing. */
bool plan_read(const struct plan_node *record, struct text datum, struct arena *arena,
               struct billing_line *ret_line, struct reject *ret_reject);

#endif
