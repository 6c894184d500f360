/* OpenSSL is used directly, because hiredis_ssl by itself does not look at the name in the server's
 * certificate. */
#include "tls.h"

#include "accrued/require.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

struct tls {
    SSL_CTX *settings;
    SSL *ssl; /* the context's, after the handshake */
};

bool tls_check(const struct config *config, struct fault *fault) {
    (void)config;
    (void)fault;
    return true;
}

/* What OpenSSL said last. */
static bool tls_fault(struct fault *fault, const char *setting, const char *what) {
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return fault_set(fault, "%s: %s: %s", setting, what,
                     reason != NULL ? reason : "OpenSSL does not say why");
}

static bool load_files(SSL_CTX *settings, const struct config *config, struct fault *fault) {
    const char *authorities = config->redis.tls_ca_file;
    const char *certificate = config->redis.tls_certificate_file;
    const char *key = config->redis.tls_key_file;
    int loaded = authorities[0] != '\0' ? SSL_CTX_load_verify_locations(settings, authorities, NULL)
                                        : SSL_CTX_set_default_verify_paths(settings);
    if (loaded != 1) {
        return tls_fault(fault, "redis.tls_ca_file", authorities);
    }
    if (certificate[0] != '\0' && SSL_CTX_use_certificate_chain_file(settings, certificate) != 1) {
        return tls_fault(fault, "redis.tls_certificate_file", certificate);
    }
    if (key[0] != '\0' && SSL_CTX_use_PrivateKey_file(settings, key, SSL_FILETYPE_PEM) != 1) {
        return tls_fault(fault, "redis.tls_key_file", key);
    }
    return true;
}

/* The name, or the address, that the certificate must bear. */
static bool expect_name(SSL *ssl, const char *name) {
    unsigned char binary[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, name, binary) == 1 || inet_pton(AF_INET6, name, binary) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

/* false: *fault, and the SSL is freed or the context's. */
static bool shake_hands(struct tls *tls, redisContext *context, struct fault *fault) {
    if (redisInitiateSSL(context, tls->ssl) != REDIS_OK) {
        long verdict = SSL_get_verify_result(tls->ssl);
        SSL_free(tls->ssl);
        return fault_set(fault, "TLS: %s",
                         verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                                              : context->errstr);
    }
    /* A record may be for TLS alone (a session ticket): reading must not wait for the next. */
    int flags = fcntl(context->fd, F_GETFL);
    if (flags < 0 || fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return fault_set(fault, "TLS: fcntl: %s", strerror(errno));
    }
    context->flags &= ~REDIS_BLOCK;
    return true;
}

struct tls *tls_start(struct redisContext *context, const struct config *config, const char *host,
                      struct fault *fault) {
    struct tls *tls = calloc(1, sizeof *tls);
    REQUIRE(tls != NULL);
    const char *name = config->redis.tls_server_name;
    ERR_clear_error();
    tls->settings = SSL_CTX_new(TLS_client_method());
    REQUIRE(tls->settings != NULL);
    SSL_CTX_set_verify(tls->settings, SSL_VERIFY_PEER, NULL);
    bool is_good = SSL_CTX_set_min_proto_version(tls->settings, TLS1_2_VERSION) == 1 &&
                   load_files(tls->settings, config, fault);
    if (is_good) {
        tls->ssl = SSL_new(tls->settings);
        REQUIRE(tls->ssl != NULL);
        is_good = expect_name(tls->ssl, name[0] != '\0' ? name : host);
        if (is_good) {
            is_good = shake_hands(tls, context, fault);
        } else {
            SSL_free(tls->ssl);
            (void)fault_set(fault, "redis.tls_server_name: not a name");
        }
    }
    if (!is_good) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls) {
    if (tls == NULL) {
        return;
    }
    SSL_CTX_free(tls->settings);
    free(tls);
}

bool tls_has_pending(const struct tls *tls) {
    return SSL_pending(tls->ssl) > 0;
}
