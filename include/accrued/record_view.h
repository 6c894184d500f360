/* record_view.h: a record's bytes, field by field, for a person. Room: decode.
 *
 * Goes as far as the bytes can be read by the writer's schema, also where no billing line comes of
 * it, and says at which byte it ends. Reads the same plan as the lane's decoder and agrees with it
 * about what is broken; nothing here is on a line's way. One thread. */
#ifndef ACCRUED_RECORD_VIEW_H
#define ACCRUED_RECORD_VIEW_H

#include "accrued/decode.h"

struct view_field {
    struct text name;
    const char *type; /* the branch that was written: "null", "string" … */
    size_t begin;     /* bytes of the record's value, frame included */
    size_t end;
    struct text words;  /* as JSON; null: not readable, it is the field where reading ended */
    struct text string; /* its own bytes, if it is a string or bytes */
};
typedef void (*view_visit)(void *context, const struct view_field *field);

enum view_end {
    VIEW_WHOLE,
    VIEW_NO_FRAME,  /* no schema is named */
    VIEW_NO_SCHEMA, /* the one that is named is not configured, or no record */
    VIEW_BROKEN,    /* bytes that are not of the schema, or too few of them */
    VIEW_TRAILING,  /* bytes behind the record */
};
const char *view_end_name(enum view_end end);

struct view {
    enum view_end end;
    size_t at;          /* where reading ended, a byte of the value */
    size_t datum_begin; /* size of the frame */
    struct schema_ref schema;
};

/* header: of SCHEMA_HEADER, or null. may_wait: for a registry to tell the schema. Texts are valid
 * during the call of `visit`. */
struct view record_view(struct schema_set *set, struct text header, struct text value,
                        bool may_wait, view_visit visit, void *context);

#endif
