/* compose.h: a schema and the schemas that it uses types of → one schema. Private to decode. Pure.
 *
 * A type of another schema is written out where it is first used, under its full name; from there
 * on its name is enough. Whether the outcome is a schema is not decided here. */
#ifndef ACCRUED_DECODE_COMPOSE_H
#define ACCRUED_DECODE_COMPOSE_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/fault.h"
#include "accrued/json_tree.h"

/* The order of `parts` does not count. false: *fault says which type has two meanings, or that it
 * is more than anybody means. */
bool compose_schema(const struct json *schema, const struct json *const *parts, size_t count,
                    struct buffer *to, struct fault *fault);

#endif
