/* names.h: names of types in Avro schemas. Private to decode. Pure. */
#ifndef ACCRUED_DECODE_NAMES_H
#define ACCRUED_DECODE_NAMES_H

#include "accrued/arena.h"
#include "accrued/json_tree.h"

/* "null", "boolean" … */
bool name_is_primitive(struct text name);
/* "record", "array" …: types that the object itself describes; any other name is one given before.
 */
bool name_is_complex(struct text name);
/* Those of them that give a name. */
bool name_is_of_definition(struct text name);

/* "space.name"; the name alone if it has dots already, is primitive, or there is no namespace. */
struct text name_qualify(struct arena *arena, struct text name, struct text space);
/* What stands before the last dot; empty without one. */
struct text name_space(struct text fullname);
/* Of a record, an enum or a fixed in a namespace; its own `namespace` counts first. Null: the
 * object has no name. */
struct text name_of_definition(struct arena *arena, const struct json *schema, struct text space);

/* A member that is a string, or null. */
struct text string_member(const struct json *object, const char *name);

#endif
