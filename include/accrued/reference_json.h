/* reference_json.h: the JSON values of accrual-model.md §4 and settlement-model.md §6 → struct
 * reference. Room: enrich. */
#ifndef ACCRUED_REFERENCE_JSON_H
#define ACCRUED_REFERENCE_JSON_H

#include "accrued/json_tree.h"
#include "accrued/reference.h"

/* Builds a reference value in one malloc'd allocation that the caller frees with free(); *ret_size
 * is its size. `value` null (text_is_null) → REFERENCE_MISSING. A value that cannot be read →
 * REFERENCE_UNREADABLE with the reason (never NULL, never "missing"). `id` is the key that was
 * asked for (customer ids folded); a value that names another id is unreadable. `scratch` is
 * cleared by the call. */
struct reference *reference_from_json(enum reference_kind kind, struct text id, struct text value,
                                      struct arena *scratch, size_t *ret_size);

/* The same from a parsed tree (the offline form). `hash` is left 0; a null `id` accepts any. A
 * reference of any state carries its id where one was given or read. */
struct reference *reference_from_tree(enum reference_kind kind, struct text id,
                                      const struct json *object, size_t *ret_size);

/* A value that cannot be read for a reason that is not in its text. */
struct reference *reference_unreadable(enum reference_kind kind, struct text id, const char *reason,
                                       size_t *ret_size);

#endif
