/* reference_store_state.h: the store's insides, shared by its files. Private to room enrich.
 *
 *   reference_store_redis.c  opening, reading, listing
 *   reference_write_redis.c  writing, the outbox, replicas */
#ifndef ACCRUED_ENRICH_REFERENCE_STORE_STATE_H
#define ACCRUED_ENRICH_REFERENCE_STORE_STATE_H

#include "accrued/buffer.h"
#include "accrued/reference_store.h"
#include "connection.h"

struct reference_store {
    const struct config *config;
    struct connection *connection;
    struct buffer key;
};

/* Of a command that begins now. */
int64_t reference_store_deadline(const struct reference_store *store);
/* The key's whole name; valid until the next call. */
struct text reference_store_key(struct reference_store *store, struct reference_key key);
/* An answer that is not of the kind that was asked for; an error reply speaks for itself. Returns
 * false. */
bool reference_store_refused(struct reference_store *store, const char *command,
                             struct reference_key key, const struct redisReply *reply,
                             struct fault *fault);

#endif
