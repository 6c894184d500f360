/* gather.h: a schema of the registry with all that it refers to, as one. Private to decode. */
#ifndef ACCRUED_DECODE_GATHER_H
#define ACCRUED_DECODE_GATHER_H

#include "answer.h"
#include "fetch.h"

/* Asks for the schema at `path`, and for what it refers to, and that to. KNOWN: *ret_schema, whose
 * texts are in the arena. PENDING: one of these was not answered: *fault. *requests counts each. */
enum registry_answer gather_schema(struct fetcher *fetcher, const char *path, struct arena *arena,
                                   struct registry_schema *ret_schema, uint64_t *requests,
                                   struct fault *fault);

#endif
