/* registry.h: writer schemas from a Schema Registry (Confluent's HTTP API). Room: decode.
 *
 * One a process, shared by its lanes. A thread of its own asks for what lanes want, each schema
 * once, with back-off while no address answers; what is known stays known until the process ends. A
 * registry that does not answer makes nobody wrong: only its own word that there is no such schema
 * (404 with its error code) counts as an absence. Adapter: libcurl, in fetch_http.c. Every function
 * may be called by any thread. */
#ifndef ACCRUED_REGISTRY_H
#define ACCRUED_REGISTRY_H

#include "accrued/decode.h"

/* Texts are copied. "" where there is none. */
struct registry_options {
    const char *urls; /* commas between; tried in this order, from the last that answered */
    const char *username;
    const char *password;
    const char *password_file;    /* read instead, for each request */
    const char *ca_file;          /* instead of the system's certificates */
    const char *certificate_file; /* ours, for servers that ask for one */
    const char *key_file;
    int64_t connect_timeout_ms;
    int64_t timeout_ms; /* of one request */
};

struct registry;

/* Asks nothing yet. NULL: *fault. */
struct registry *registry_open(const struct registry_options *options, struct fault *fault);
void registry_free(struct registry *registry);

enum registry_answer {
    REGISTRY_KNOWN,   /* *ret_schema */
    REGISTRY_ABSENT,  /* the registry has no such schema; asked again after a while */
    REGISTRY_PENDING, /* it is being asked, or cannot be reached: ask again */
};

/* As the registry gave it, with the types of others that it refers to written out. Valid as long as
 * the registry is open. */
struct registry_schema {
    struct text source;  /* Avro, as JSON; nothing has looked at it yet */
    struct text why_not; /* not null: it is no schema that can be read here, and why */
};

/* Never waits. `ref`: FRAMING_CONFLUENT or FRAMING_GUID. */
enum registry_answer registry_find(struct registry *registry, const struct schema_ref *ref,
                                   const struct registry_schema **ret_schema);

/* Waits until everything that was wanted has been answered, or the registry failed to answer, or
 * the time is over. true: answered. false: *fault says what it waits for. */
bool registry_await(struct registry *registry, int64_t timeout_ms, struct fault *fault);

enum registry_outcome {
    REGISTRY_RESOLVED,
    REGISTRY_REFUSED,     /* for good: unknown there, or incompatible with what stands there */
    REGISTRY_UNREACHABLE, /* try again later */
};

/* The id of one of our schemas under `subject`: looked up, or registered (which of a schema that is
 * there already only gives the id). Waits for the reply. */
enum registry_outcome registry_resolve(struct registry *registry, const char *subject,
                                       struct text source, bool may_register, uint32_t *ret_id,
                                       struct fault *fault);

/* Since the start. */
struct registry_counts {
    uint64_t requests;
    uint64_t failures; /* rounds through all addresses without an answer */
    size_t known;
    size_t wanted;
    bool is_failing; /* the last round was one of these */
};
struct registry_counts registry_counts(struct registry *registry);

#endif
