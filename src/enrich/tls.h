/* tls.h: TLS on a connection to Redis. Private to room enrich. Adapters: tls_redis.c where the
 * build has hiredis_ssl, tls_none_redis.c where it has not. The thread of the connection. */
#ifndef ACCRUED_ENRICH_TLS_H
#define ACCRUED_ENRICH_TLS_H

#include "accrued/config.h"
#include "accrued/fault.h"

struct redisContext;
struct tls;

/* Is TLS to be had, if it is wanted? false: *fault says what to do. */
bool tls_check(const struct config *config, struct fault *fault);

/* Shakes hands on a connected context, within its time-out; the server's certificate must be
 * signed by who the configuration trusts and bear the configured name, or else `host`. From then
 * on the context does not block. To be freed after it. NULL: *fault. */
struct tls *tls_start(struct redisContext *context, const struct config *config, const char *host,
                      struct fault *fault);
void tls_free(struct tls *tls);

/* Is something received that has not been read? The socket does not tell. */
bool tls_has_pending(const struct tls *tls);

#endif
