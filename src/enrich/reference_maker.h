/* reference_maker.h: a JSON value → one allocation with all that a reference refers to. Room:
 * enrich. Private to it.
 *
 * Whoever reads a value first says how large it will be at most (…_size), then takes arrays and
 * texts one behind the other. A value that cannot be read gets the reason into its
 * unreadable_reason. */
#ifndef ACCRUED_ENRICH_REFERENCE_MAKER_H
#define ACCRUED_ENRICH_REFERENCE_MAKER_H

#include "accrued/reference_json.h"

/* One allocation: the reference, then the arrays, then the texts. */
struct maker {
    struct reference *made;
    size_t size;
    size_t used;
};

/* Where in the value, for messages: `links[3]`; list NULL is the value itself. */
struct place {
    const char *list;
    size_t index;
};

static inline bool json_is_absent(const struct json *value) {
    return value == NULL || value->type == JSON_NULL;
}

/* Sets the reason. Returns false. */
__attribute__((format(printf, 4, 5))) bool maker_refuse(struct maker *maker, struct place place,
                                                        const char *field, const char *format, ...);
/* At most 40 bytes of a bad value, not cut inside a character. */
struct text maker_quoted(struct text text);

void *maker_take(struct maker *maker, size_t size);
/* A text that must be there. */
bool maker_read_id(struct maker *maker, struct place place, const struct json *object,
                   const char *field, bool fold, struct text *ret_text);
/* A currency that must be there; `field` is for the reason. */
bool maker_read_currency(struct maker *maker, const char *field, const struct json *value,
                         struct currency *ret_currency);
/* What the text of a member takes. */
size_t maker_text_room(const struct json *object, const char *field);

/* reference_fx_json.c */
bool fx_read(struct maker *maker, const struct json *object);
size_t fx_size(const struct json *object);

#endif
