/* ingest_map.h: which column of a vendor's file is which field of a billing line. Room: ingest.
 * Pure.
 *
 * A map is a table that a person can hold against the vendor's own column list: per field the
 * spellings, best first; the kind says how a value is read; what together names a charge; which
 * rows are none. The built-in maps are rows of src/ingest/maps.c, a user's own is a YAML file of
 * the same shape (`accrued ingest --print-map FORMAT`). Texts live as long as whoever made the map
 * says. */
#ifndef ACCRUED_INGEST_MAP_H
#define ACCRUED_INGEST_MAP_H

#include "accrued/arena.h"
#include "accrued/problems.h"

/* The fields of a billing line that a file can fill, and `detail`: see struct ingest_map. */
enum ingest_field {
    INGEST_INVOICE_ID,
    INGEST_BILLING_PERIOD,
    INGEST_CUSTOMER_ID,
    INGEST_SUBSCRIPTION_ID,
    INGEST_RESELLER_MPN_ID,
    INGEST_PRODUCT_ID,
    INGEST_SKU_ID,
    INGEST_PRODUCT_NAME,
    INGEST_METER_CATEGORY,
    INGEST_PRODUCT_FAMILY,
    INGEST_WORKLOAD,
    INGEST_CHARGE_TYPE,
    INGEST_CHARGE_START_DATE,
    INGEST_CHARGE_END_DATE,
    INGEST_CURRENCY,
    INGEST_BILLED_AMOUNT,
    INGEST_CONSUMED_AMOUNT,
    INGEST_QUANTITY,
    INGEST_REVISION_DATE, /* the day that the invoice or the export carries: the revision */
};
#define INGEST_FIELD_COUNT 19

enum ingest_kind {
    INGEST_AS_TEXT,    /* trimmed */
    INGEST_AS_ID,      /* without "org:", "/subscriptions/" … in front; customers' are folded */
    INGEST_AS_MPN,     /* 0, -1 and nothing mean none */
    INGEST_AS_DECIMAL, /* exact, with or without exponent */
    INGEST_AS_DATE,    /* 2020-03-01T…, 3/1/2020 0:00, 20200301; the year 0001 means none */
    INGEST_AS_MONTH,   /* 2020-03, 202003, or the month of a date */
    INGEST_AS_CHARGE_TYPE, /* "Cycle fee" → cycleFee; an unknown one stays as it is */
    INGEST_AS_CURRENCY,    /* three letters */
};
#define INGEST_KIND_COUNT 8

#define INGEST_SPELLINGS_MAX 8
#define INGEST_FACTORS_MAX 4
#define INGEST_IDENTITY_MAX 24
#define INGEST_RECOGNISE_MAX 4
#define INGEST_SKIP_VALUES_MAX 8

/* NULL ends every list of names below that is not full. */
struct ingest_source {
    const char *columns[INGEST_SPELLINGS_MAX]; /* the first that has a value in the row counts */
    /* A decimal may also be a product, as price and quantity: taken when no column has a value and
     * every factor has one, exact, rounded half-even once. */
    const char *factors[INGEST_FACTORS_MAX];
    const char *constant; /* when no column has one; NULL: null */
    enum ingest_kind kind;
    bool must_have_column; /* a file without any of the columns is the wrong export */
};

struct ingest_map {
    const char *format; /* "partner-center-license" */
    const char *tag;    /* first part of line_id: "pcl" */
    const char *what;   /* one line for a person */
    struct ingest_source fields[INGEST_FIELD_COUNT];
    /* What names a charge. Lower-case names are fields of the line (as they are after reading,
     * so that spelling and date form do not matter), the others are columns. */
    const char *identity[INGEST_IDENTITY_MAX];
    /* A header with all of these is of this format; nothing: never taken by itself. */
    const char *recognise[INGEST_RECOGNISE_MAX];
    /* A row with a value here and no billed amount explains another row: not a charge. */
    const char *detail;
    /* Rows with one of these values (any case) in this column are no charge before tax. */
    const char *skip_column;
    const char *skip_values[INGEST_SKIP_VALUES_MAX];
    const char *null_word;    /* a value that means nothing, "NULL"; or NULL */
    const char *type_value;   /* API items: attributes.objectType that says this format; or NULL */
    const char *type_value_2; /* another one */
    bool is_day_first;        /* 3/4/2020 is 3 April */
    bool has_short_rows;      /* a row may leave out its last columns */
};

#define INGEST_MAP_COUNT 6
extern const struct ingest_map ingest_maps[INGEST_MAP_COUNT];

const char *ingest_field_name(enum ingest_field field);
bool ingest_field_parse(struct text name, enum ingest_field *ret_field);
const char *ingest_kind_name(enum ingest_kind kind);
bool ingest_kind_parse(struct text name, enum ingest_kind *ret_kind);
/* Which kind a field has unless the map says otherwise. */
enum ingest_kind ingest_field_kind(enum ingest_field field);

/* By format; NULL: there is none. */
const struct ingest_map *ingest_map_find(const char *format);

#define INGEST_NAME_SIZE_MAX 128
/* A column's name as it is compared: letters and digits only, ASCII folded ("Billing Currency",
 * "billing_currency" and "BillingCurrency" are one). Cut at the size. Returns `to`. */
struct text ingest_normalise(struct text name, char to[INGEST_NAME_SIZE_MAX]);

/* The map as YAML; map_from_yaml reads it back to the same. */
void ingest_map_append_yaml(struct buffer *to, const struct ingest_map *map);
/* `path` names the file in messages. Texts live in the arena. false: problems has at least one. */
bool ingest_map_load(struct ingest_map *ret_map, const char *path, struct arena *arena,
                     struct problems *problems);
bool ingest_map_parse(struct ingest_map *ret_map, const char *name, struct text source,
                      struct arena *arena, struct problems *problems);

#endif
