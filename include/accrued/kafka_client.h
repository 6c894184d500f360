/* kafka_client.h: librdkafka handles as this service configures them. Room: source. Adapter.
 *
 * What every client shares: brokers, client id, the user's pass-through properties, logs and errors
 * folded into ours. What the design pins (isolation, idempotence, offsets by transaction only) is
 * set last, so that no property of the user undoes it. */
#ifndef ACCRUED_KAFKA_CLIENT_H
#define ACCRUED_KAFKA_CLIENT_H

#include "accrued/config.h"
#include "accrued/secret.h"
#include "accrued/text.h"

struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_error_s;
struct rd_kafka_message_s;

/* A configuration with all that is shared; never NULL on success. `role` names the client in logs
 * and client.id ("lane-0-consumer"). `more` may be NULL. */
struct rd_kafka_conf_s *kafka_conf_new(const struct config *config, const char *role,
                                       const struct properties *more, struct fault *fault);

/* As its file has it now, or else the configuration. The caller wipes it. */
bool kafka_password(const struct config *config, char to[SECRET_SIZE_MAX], struct fault *fault);
/* User and password, if the configuration names a user (kafka.sasl_username). */
bool kafka_conf_log_in(struct rd_kafka_conf_s *conf, const struct config *config,
                       struct fault *fault);

/* Sets one property. false: *fault names it. */
bool kafka_conf_put(struct rd_kafka_conf_s *conf, const char *name, const char *value,
                    struct fault *fault);
bool kafka_conf_put_int(struct rd_kafka_conf_s *conf, const char *name, int64_t value,
                        struct fault *fault);

/* The last header of that name, borrowed from the message; null without one, or without a value. */
struct text kafka_message_header(const struct rd_kafka_message_s *message, const char *name);

/* Creates the handle and takes the configuration over, also when it fails. type: RD_KAFKA_PRODUCER
 * (0) or RD_KAFKA_CONSUMER (1). */
struct rd_kafka_s *kafka_handle_new(int type, struct rd_kafka_conf_s *conf, struct fault *fault);
/* Destroys what kafka_handle_new made. */
void kafka_handle_free(struct rd_kafka_s *handle);
/* Forgets it and leaves it to the process's end, where destroying it would be worse. */
void kafka_handle_abandon(struct rd_kafka_s *handle);
/* Calls back for every handle that there is; none goes meanwhile. Any thread. */
void kafka_handles_each(void (*visit)(void *context, struct rd_kafka_s *handle), void *context);

/* credentials_kafka.c: gives every handle the user and the password that the configuration, or the
 * password's file, has now, for the connections to come. Does nothing where none is configured or
 * nothing changed. *ret_changed: something did. Main thread. false: *fault, and all stays. */
bool kafka_credentials_refresh(const struct config *config, bool *ret_changed, struct fault *fault);

/* A consumer without a group, for assign() and watermark queries. `isolation`: "read_committed" or
 * "read_uncommitted" (which matters: transactions.md P51). */
struct rd_kafka_s *kafka_reader_new(const struct config *config, const char *role,
                                    const char *isolation, struct fault *fault);
/* The same for reading large records by the gigabyte, read_committed: several in each answer, and
 * no more than a few waiting in memory. */
struct rd_kafka_s *kafka_bulk_reader_new(const struct config *config, const char *role,
                                         struct fault *fault);
/* The same for a topic that is listened to for good, read_committed, and seldom says anything: it
 * wakes the process a few times a second, not a hundred times. */
struct rd_kafka_s *kafka_listener_new(const struct config *config, const char *role,
                                      struct fault *fault);

/* If the error is a missing right, appends to *fault which one: "; this user needs Read on topic
 * x". Returns false. */
bool kafka_name_right(int error, const char *operation, const char *resource, const char *name,
                      struct fault *fault);

/* "consuming x: …", with the right that is missing if it is one. */
void kafka_consuming_fault(const struct rd_kafka_message_s *message, const char *topic,
                           const char *group, struct fault *fault);

/* Partitions of a topic, asked from the cluster. false: *fault says topic and reason. */
bool kafka_partition_count(struct rd_kafka_s *handle, const char *topic, int timeout_ms,
                           int32_t *ret_count, struct fault *fault);

#endif
