/* fields.h: keys of a mapping → typed values, with a problem for each that is wrong. Room: config.
 *
 * Every function returns true when the value is good or was left out, and then leaves *ret_x alone
 * unless the key is given: the caller puts the default there first. Texts are copied into
 * `arena`. */
#ifndef ACCRUED_CONFIG_FIELDS_H
#define ACCRUED_CONFIG_FIELDS_H

#include "accrued/calendar.h"
#include "accrued/money.h"
#include "accrued/programs.h"
#include "tree.h"

struct fields {
    const struct tree *tree;
    struct problems *problems;
    struct arena *arena;
};

/* Words that a value may have; a name's index is its meaning. */
struct words {
    const char *const *names;
    size_t count;
};

enum presence { OPTIONAL, REQUIRED };

/* Is it a mapping, and are all its keys known? */
bool fields_mapping(const struct fields *fields, const struct node *node, struct words known);
/* Is it a list (with at least `count_min` items)? */
bool fields_sequence(const struct fields *fields, const struct node *node, size_t count_min);

/* The member, or NULL where it is left out or null; then, if REQUIRED, *ret_good becomes false and
 * there is a problem. */
const struct node *fields_member(const struct fields *fields, const struct node *mapping,
                                 const char *key, enum presence presence, bool *ret_good);

bool fields_text(const struct fields *fields, const struct node *mapping, const char *key,
                 enum presence presence, struct text *ret_text);
bool fields_bool(const struct fields *fields, const struct node *mapping, const char *key,
                 bool *ret_value);
bool fields_int(const struct fields *fields, const struct node *mapping, const char *key,
                int64_t min, int64_t max, int64_t *ret_value);
bool fields_word(const struct fields *fields, const struct node *mapping, const char *key,
                 enum presence presence, struct words words, unsigned *ret_index);
bool fields_rate(const struct fields *fields, const struct node *mapping, const char *key,
                 struct rate *ret_rate);
/* A list of different, non-empty texts; if `known` has any, each must be one of them. An empty list
 * is good only with count_min 0. */
bool fields_texts(const struct fields *fields, const struct node *mapping, const char *key,
                  size_t count_min, struct words known, struct texts *ret_texts);
/* `from` and `to`: from < to; without `to`, open. `from` may be required. */
bool fields_interval(const struct fields *fields, const struct node *mapping,
                     enum presence from_presence, struct interval *ret_interval);

/* Lower-case letters and digits, in parts joined by one dash. */
bool fields_is_id(struct text text);

/* A problem that lists what the value could have been. Returns false. */
bool fields_unknown_word(const struct fields *fields, const struct node *node, struct text given,
                         struct words words);

/* The product families of accrual-model.md §5. */
extern const struct words fields_families;

#endif
