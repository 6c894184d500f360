/* A build whose hiredis has no TLS (Debian 12's 0.14 has none). */
#include "tls.h"

#include "accrued/require.h"

bool tls_check(const struct config *config, struct fault *fault) {
    return !config->redis.tls ||
           fault_set(fault, "redis.tls: this build has no TLS for Redis: it was made without "
                            "hiredis_ssl (hiredis 1.0 or later); build with it, or let stunnel "
                            "listen on a unix socket and set redis.address to that");
}

struct tls *tls_start(struct redisContext *context, const struct config *config, const char *host,
                      struct fault *fault) {
    (void)context;
    (void)host;
    REQUIRE(config->redis.tls);
    (void)tls_check(config, fault);
    return NULL;
}

void tls_free(struct tls *tls) {
    REQUIRE(tls == NULL);
}

bool tls_has_pending(const struct tls *tls) {
    REQUIRE(tls == NULL);
    return false;
}
