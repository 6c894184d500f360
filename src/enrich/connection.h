/* connection.h: one connection to Redis, with deadlines. Private to room enrich. One thread.
 *
 * After any failure a connection is of no more use than to be freed (what is half
 * sent or half read cannot be told from what is whole). Replies are hiredis's and
 * only files named *_redis.c look into them; whoever gets one frees it. Deadlines
 * are moments of clock_steady_ms(). Every fault names the server. */
#ifndef ACCRUED_ENRICH_CONNECTION_H
#define ACCRUED_ENRICH_CONNECTION_H

#include "accrued/config.h"
#include "accrued/fault.h"

#define CONNECTION_ARGUMENT_COUNT_MAX 16

struct connection;
struct redisReply;

/* Connects, authenticates and selects the database, as configured; where there are Sentinels they
 * are asked who is the master, and it must say so itself. NULL: *fault. */
struct connection *connection_open(const struct config *config, int64_t deadline_ms,
                                   struct fault *fault);
/* The same to the server of another connection, whoever is the master by now. */
struct connection *connection_open_beside(const struct config *config,
                                          const struct connection *other, int64_t deadline_ms,
                                          struct fault *fault);
void connection_free(struct connection *connection);

/* Adds a command to what connection_send will send. */
void connection_append(struct connection *connection, const struct text *arguments, size_t count);
bool connection_send(struct connection *connection, int64_t deadline_ms, struct fault *fault);

/* The next reply, whatever it is, waiting for it until the deadline. */
bool connection_read(struct connection *connection, int64_t deadline_ms,
                     struct redisReply **ret_reply, struct fault *fault);
/* The next reply if it is there already, else NULL. */
bool connection_take(struct connection *connection, struct redisReply **ret_reply,
                     struct fault *fault);

/* One command, one reply; an error reply is a failure. `what` says what failed, `hint` (may be "")
 * what to do about it. */
bool connection_call(struct connection *connection, const struct text *arguments, size_t count,
                     int64_t deadline_ms, const char *what, const char *hint,
                     struct redisReply **ret_reply, struct fault *fault);

/* Sets the fault with the server's name in front. Returns false. */
__attribute__((format(printf, 3, 4))) bool connection_fault(const struct connection *connection,
                                                            struct fault *fault, const char *format,
                                                            ...);

#endif
