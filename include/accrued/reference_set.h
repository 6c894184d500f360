/* reference_set.h: what reference files say, merged into one value per key. Room: enrich. Pure.
 *
 * A key gets a whole value (JSON lines), or parts of one (CSV tables), or both. A part replaces
 * that member and leaves the others as they are: in the whole value, or else in what the store
 * holds. So a table of competencies says all about competencies and nothing about bank profiles.
 * reference_set_plan then tells for each key what to write, and whether it differs. */
#ifndef ACCRUED_REFERENCE_SET_H
#define ACCRUED_REFERENCE_SET_H

#include "accrued/json_tree.h"
#include "accrued/problems.h"
#include "accrued/reference.h"

enum reference_part {
    PART_MPN_ACTIVE,
    PART_INDIRECT_RESELLER,
    PART_BANK_PROFILE,
    PART_TAX_PROFILE,
    PART_COMPETENCIES,
    PART_ADDED_ON, /* a string, as the next but links and rates; all others are arrays of objects */
    PART_LINKS,
    PART_PAYOUT_CURRENCY,
    PART_GROUP_ID,
    PART_BASE,
    PART_RATES, /* an object of strings */
};
#define REFERENCE_PART_COUNT 11
/* The member's name: "mpn_active" … */
const char *reference_part_name(enum reference_part part);

enum reference_outcome { OUTCOME_UNPLANNED, OUTCOME_NEW, OUTCOME_CHANGED, OUTCOME_SAME };

/* Where something was said, for messages. */
struct reference_origin {
    const char *file;
    size_t line;
};

struct reference_entry {
    enum reference_kind kind;
    struct text id; /* as in the key: customers folded */
    struct reference_origin origin;
    const struct json *whole;                 /* or NULL */
    struct json *parts[REFERENCE_PART_COUNT]; /* or NULL */
    const struct json *part_ends[REFERENCE_PART_COUNT];
    enum reference_outcome outcome;
    struct text value;   /* planned */
    struct text differs; /* names of members, ", " between; null unless OUTCOME_CHANGED */
};

struct reference_set {
    struct arena arena;               /* owns what entries refer to */
    struct reference_entry **entries; /* in the order in which they were first named */
    size_t count;
    size_t capacity;
    struct reference_entry **index; /* open addressing */
    size_t index_capacity;
};

void reference_set_init(struct reference_set *set);
void reference_set_release(struct reference_set *set);

/* Found or made. `origin.file` must outlive the set. */
struct reference_entry *reference_set_entry(struct reference_set *set, enum reference_kind kind,
                                            struct text id, struct reference_origin origin);

/* A whole value, a tree of set->arena. Checked; a key may have only one. */
bool reference_set_whole(struct reference_set *set, enum reference_kind kind,
                         const struct json *value, struct reference_origin origin,
                         struct problems *problems);

/* A part that is an array or an object exists from now on, empty at first. */
void reference_set_touch(struct reference_set *set, struct reference_entry *entry,
                         enum reference_part part);
/* Appends a child to it. */
void reference_set_append(struct reference_set *set, struct reference_entry *entry,
                          enum reference_part part, struct json *item);

/* Nodes in set->arena; the texts are copied. A null text makes a JSON null. */
struct json *reference_set_string(struct reference_set *set, const char *name, struct text text);
struct json *reference_set_object(struct reference_set *set);
void reference_set_add_member(struct json *object, struct json *member);

/* What to write for this key, given what the store holds (null: nothing): value, outcome, differs.
 * false: a problem was added; nothing may be written. */
bool reference_set_plan(struct reference_set *set, struct reference_entry *entry,
                        struct text existing, struct problems *problems);

/* Reads a file into the set: JSON lines, or CSV where the name ends in .csv. Goes on after a
 * problem up to REFERENCE_PROBLEM_COUNT_MAX of them. false: problems. */
#define REFERENCE_PROBLEM_COUNT_MAX 100
bool reference_set_read(struct reference_set *set, const char *path, struct problems *problems);
/* The CSV half, reference_csv.c. The tables and their columns are described there. */
bool reference_set_read_csv(struct reference_set *set, const char *path, struct problems *problems);

#endif
