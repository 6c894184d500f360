/* catalog.h: what feeds carry → product family, workload, tags. Room: rate. Pure.
 *
 * First match wins; rules: accrual-model.md §5. Built once by catalog_yaml.c,
 * immutable afterwards, shared by all lanes. */
#ifndef ACCRUED_CATALOG_H
#define ACCRUED_CATALOG_H

#include "accrued/arena.h"
#include "accrued/calendar.h"
#include "accrued/line.h"

enum catalog_field {
    CATALOG_PRODUCT_ID,
    CATALOG_SKU_ID,
    CATALOG_PRODUCT_NAME,
    CATALOG_METER_CATEGORY,
};
#define CATALOG_FIELD_COUNT 4
const char *catalog_field_name(enum catalog_field field);

enum catalog_operator { MATCH_EQUALS, MATCH_PREFIX, MATCH_CONTAINS };

struct catalog_match {
    enum catalog_field field;
    enum catalog_operator operator;
    struct text value;
};

#define TAG_COUNT_MAX 64

struct catalog_rule {
    struct catalog_match matches[CATALOG_FIELD_COUNT * 3];
    size_t match_count;
    struct text family;    /* null: says nothing */
    struct text workload;  /* null: says nothing */
    uint64_t tags;         /* bit i: catalog.tags[i] */
    struct interval valid; /* on charge_start_date */
};

struct catalog {
    struct arena arena; /* owns the texts and the rules */
    struct catalog_rule *rules;
    size_t rule_count;
    struct text tags[TAG_COUNT_MAX];
    size_t tag_count;
    int64_t revision;
    uint64_t hash; /* of what the file says */
};

/* What a line is. Texts borrow from the line or the catalog. */
struct classification {
    struct text family;   /* never null: at least "other" */
    struct text workload; /* may be null */
    uint64_t tags;
    bool is_unclassified; /* no rule matched and the line brought no family */
};

void catalog_init(struct catalog *catalog);
void catalog_release(struct catalog *catalog);

/* The first rule that matches the line, or NULL. */
const struct catalog_rule *catalog_find_rule(const struct catalog *catalog,
                                             const struct billing_line *line);
struct classification catalog_classify(const struct catalog *catalog,
                                       const struct billing_line *line);

/* What follows from the rule that was found, or from NULL. */
struct classification catalog_apply(const struct catalog_rule *rule,
                                    const struct billing_line *line);

/* Bit index of a tag, adding it if new. -1: more than TAG_COUNT_MAX tags. */
int catalog_tag(struct catalog *catalog, struct text name);

#endif
