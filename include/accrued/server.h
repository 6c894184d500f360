/* server.h: the HTTP page, metrics and checks of the process. Room: observe. Adapter:
 * libmicrohttpd.
 *
 * Routes: `/` the status page, `/explain` a line, `/metrics` Prometheus text, `/healthz`,
 * `/readyz`. GET and HEAD only. One thread of its own; connections, request sizes and times are
 * bounded, so a stuck reader costs lanes nothing. On a loopback address only requests that name
 * this machine are answered (no DNS rebinding): the page shows money. server_start and server_stop:
 * main thread. */
#ifndef ACCRUED_SERVER_H
#define ACCRUED_SERVER_H

#include "accrued/buffer.h"
#include "accrued/fault.h"

/* A check answers at once, from the server's thread: it reads what lanes have published and does no
 * I/O. Reasons are sentences, each ended by '\n'; they may also be given when the answer is true.
 */
typedef bool (*server_check)(void *context, struct buffer *reasons);

enum server_answer {
    SERVER_ANSWERED,
    SERVER_WAITS,
    SERVER_BUSY,
    SERVER_GAVE_UP,
    SERVER_UNAVAILABLE,
};
/* Why a line earns what it earns, as HTML; ids are folded. A new question may take a fifth of a
 * second, in which the server does nothing else; to look for its answer again takes no time. */
typedef enum server_answer (*server_explain)(void *context, struct text customer_id,
                                             struct text line_id, struct buffer *to);

struct server_options {
    const char
        *listen; /* "127.0.0.1:9464", "[::1]:0", "localhost:9464"; port 0: one that is free */
    const char *input_topic;   /* for the page's partition table */
    const char *notice;        /* a sentence at the top of the page, or NULL */
    struct text configuration; /* for the page, secrets masked; null: it does not show it */
    server_check ready;        /* may it work? NULL: always */
    server_check healthy;      /* does its loop turn? NULL: always */
    server_explain explain;    /* NULL: there is nobody to ask */
    void *context;
};

struct server;

/* Copies what it needs. NULL: *fault says why. */
struct server *server_start(const struct server_options *options, struct fault *fault);
/* Another configuration is in force. Any thread. */
void server_tell_configuration(struct server *server, struct text configuration);
/* Ends open requests. Accepts NULL. */
void server_stop(struct server *server);

/* "http://127.0.0.1:9464", the port as bound. Valid until server_stop. */
const char *server_url(const struct server *server);

#endif
