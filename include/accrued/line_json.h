/* line_json.h: a JSON object with the fields of BillingLine ↔ struct billing_line. Room: decode.
 *
 * The offline form of accrual-model.md §9: decimals as strings or JSON numbers, exact; dates
 * YYYY-MM-DD; times RFC 3339; absent = null; a wrong JSON type is field_invalid. */
#ifndef ACCRUED_LINE_JSON_H
#define ACCRUED_LINE_JSON_H

#include "accrued/json_tree.h"
#include "accrued/line.h"

/* Texts borrow from the tree or the arena. false: *ret_reject. Applies line_check. */
bool line_from_json(const struct json *object, struct arena *arena, struct billing_line *ret_line,
                    struct reject *ret_reject);

/* Appends {"line_id": …} with every field of the schema, without a newline. */
void line_append_json(struct buffer *to, const struct billing_line *line);
/* Appends the Avro datum of schemas/billing-line.avsc. */
void line_append_avro(struct buffer *to, const struct billing_line *line);

#endif
