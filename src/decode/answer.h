/* answer.h: what the registry's replies mean. Private to decode. Pure. */
#ifndef ACCRUED_DECODE_ANSWER_H
#define ACCRUED_DECODE_ANSWER_H

#include "accrued/registry.h"

/* Is this a registry speaking at all? Not so a proxy's page, or a 404 without an error code. */
bool answer_is_of_registry(long status, struct text body);

/* A schema that uses types of another, which stands there under a subject as this version. */
struct answered_reference {
    struct text subject;
    struct text version;
};
struct answered_schema {
    struct registry_schema schema;
    const struct answered_reference *references;
    size_t reference_count;
};

/* Of GET /schemas/… and GET /subjects/…/versions/…. KNOWN: *ret_schema, whose texts are in the
 * arena. PENDING: the reply says neither: *fault. */
enum registry_answer answer_schema(long status, struct text body, struct arena *arena,
                                   struct answered_schema *ret_schema, struct fault *fault);

/* Of POST /subjects/…. */
enum registry_outcome answer_id(long status, struct text body, uint32_t *ret_id,
                                struct fault *fault);

/* {"schema": "…"}, the body of such a POST. */
void answer_append_request(struct buffer *to, struct text source);

#endif
