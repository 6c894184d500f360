/* Routes and responses. The document is page.c's, the numbers are metrics.c's. */
#include "accrued/server.h"

#include "accrued/clock.h"
#include "accrued/metrics.h"
#include "accrued/require.h"
#include "listener.h"
#include "page.h"
#include "process.h"
#include "visitors.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* The loop's longest sleep: how exactly a visitor's time is kept, and how long a stop may take. */
#define TURN_MS 100
#define REQUEST_SIZE_MAX 16384
#define NONCE_SIZE 33 /* 128 bits in hexadecimal, NUL */

struct server {
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_stopping;
    struct visitors visitors; /* of the thread */
    struct listener listener;
    char *input_topic;
    char *notice;
    pthread_mutex_t lock;        /* of what follows */
    struct buffer configuration; /* empty: not told */
    server_check ready;
    server_check healthy;
    server_explain explain;
    void *context;
};

static const char text_plain[] = "text/plain; charset=utf-8";

static void put_header(struct MHD_Response *response, const char *name, const char *value) {
    REQUIRE(MHD_add_response_header(response, name, value) == MHD_YES);
}

/* Sends the body, which it copies. `policy` is the content security policy. */
static enum MHD_Result send_body(struct MHD_Connection *connection, unsigned status,
                                 const char *type, const char *policy, const struct buffer *body) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_COPY);
    REQUIRE(response != NULL);
    put_header(response, "Content-Type", type);
    put_header(response, "Cache-Control", "no-store");
    put_header(response, "Content-Security-Policy", policy);
    put_header(response, "X-Content-Type-Options", "nosniff");
    put_header(response, "X-Frame-Options", "DENY");
    put_header(response, "Referrer-Policy", "no-referrer");
    put_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        put_header(response, "Allow", "GET, HEAD");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *text) {
    struct buffer body;
    buffer_init(&body);
    buffer_append_string(&body, text);
    enum MHD_Result result = send_body(connection, status, text_plain, "default-src 'none'", &body);
    buffer_release(&body);
    return result;
}

static bool run_check(const struct server *server, server_check check, struct buffer *reasons) {
    return check == NULL || check(server->context, reasons);
}

static enum MHD_Result send_check(const struct server *server, struct MHD_Connection *connection,
                                  server_check check) {
    struct buffer body;
    buffer_init(&body);
    bool passed = run_check(server, check, &body);
    if (body.size == 0) {
        buffer_append_string(&body, passed ? "ok\n" : "no\n");
    }
    enum MHD_Result result =
        send_body(connection, passed ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text_plain,
                  "default-src 'none'", &body);
    buffer_release(&body);
    return result;
}

static enum MHD_Result send_metrics(struct MHD_Connection *connection) {
    struct buffer body;
    buffer_init(&body);
    process_update();
    metrics_append_text(&body);
    enum MHD_Result result =
        send_body(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                  "default-src 'none'", &body);
    buffer_release(&body);
    return result;
}

/* A number used once, so that no style but ours is applied. */
static void draw_nonce(char to[NONCE_SIZE]) {
    uint8_t bytes[(NONCE_SIZE - 1) / 2];
    REQUIRE(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        (void)snprintf(to + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* Sends a page of ours; what is not ours cannot get in, nor a form out. */
static enum MHD_Result send_html(struct MHD_Connection *connection, const char *nonce,
                                 const struct buffer *body) {
    char policy[320];
    (void)snprintf(policy, sizeof policy,
                   "default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; connect-src "
                   "'self'; img-src data:; base-uri 'none'; form-action 'self'; "
                   "frame-ancestors 'none'",
                   nonce, nonce);
    return send_body(connection, MHD_HTTP_OK, "text/html; charset=utf-8", policy, body);
}

/* An id of the query: 1 to PAGE_ID_SIZE_MAX bytes of UTF-8, which it is folded into `to`. */
static bool take_id(struct MHD_Connection *connection, const char *name, char to[PAGE_ID_SIZE_MAX],
                    struct text *ret_id) {
    struct text id = text_of(MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name));
    *ret_id = text_null();
    if (id.size == 0 || id.size > PAGE_ID_SIZE_MAX || !text_is_utf8(id)) {
        return false;
    }
    *ret_id = text_fold(id, to);
    return true;
}

static enum page_explain_state explain(const struct server *server, struct text customer_id,
                                       struct text line_id, struct buffer *answer) {
    if (server->explain == NULL) {
        return PAGE_EXPLAIN_UNAVAILABLE;
    }
    switch (server->explain(server->context, customer_id, line_id, answer)) {
    case SERVER_ANSWERED: return PAGE_EXPLAIN_ANSWERED;
    case SERVER_WAITS: return PAGE_EXPLAIN_WAITS;
    case SERVER_BUSY: return PAGE_EXPLAIN_BUSY;
    case SERVER_GAVE_UP: return PAGE_EXPLAIN_GAVE_UP;
    case SERVER_UNAVAILABLE: return PAGE_EXPLAIN_UNAVAILABLE;
    }
    REQUIRE(false && "an answer without a page");
}

static enum MHD_Result send_explanation(const struct server *server,
                                        struct MHD_Connection *connection) {
    char nonce[NONCE_SIZE];
    char customer[PAGE_ID_SIZE_MAX];
    char line[PAGE_ID_SIZE_MAX];
    struct buffer body;
    struct buffer answer;
    struct page_explain page = {.nonce = nonce, .state = PAGE_EXPLAIN_NO_IDS};
    draw_nonce(nonce);
    buffer_init(&body);
    buffer_init(&answer);
    bool has_customer = take_id(connection, "customer", customer, &page.customer_id);
    bool has_line = take_id(connection, "line", line, &page.line_id);
    if (has_customer && has_line) {
        page.state = explain(server, page.customer_id, page.line_id, &answer);
    }
    page.answer = buffer_text(&answer);
    page_append_explain(&body, &page);
    enum MHD_Result result = send_html(connection, nonce, &body);
    buffer_release(&answer);
    buffer_release(&body);
    return result;
}

static enum MHD_Result send_page(struct server *server, struct MHD_Connection *connection) {
    const char *refresh = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "refresh");
    char nonce[NONCE_SIZE];
    struct buffer body;
    struct buffer reasons;
    draw_nonce(nonce);
    buffer_init(&body);
    buffer_init(&reasons);
    process_update();
    bool is_healthy = run_check(server, server->healthy, &reasons);
    bool is_ready = run_check(server, server->ready, &reasons);
    pthread_mutex_lock(&server->lock);
    page_append(&body, &(struct page_options){
                           .input_topic = server->input_topic,
                           .notice = server->notice,
                           .nonce = nonce,
                           .configuration = server->configuration.size == 0
                                                ? text_null()
                                                : buffer_text(&server->configuration),
                           .now_ms = clock_wall_ms(),
                           .refreshes = refresh == NULL || strcmp(refresh, "off") != 0,
                           .is_ready = is_ready,
                           .is_healthy = is_healthy,
                           .reasons = buffer_text(&reasons),
                       });
    pthread_mutex_unlock(&server->lock);
    enum MHD_Result result = send_html(connection, nonce, &body);
    buffer_release(&reasons);
    buffer_release(&body);
    return result;
}

/* Called for each request once its headers are read; a body would not be waited for. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **request_context) {
    (void)version;
    (void)upload_data;
    (void)upload_data_size;
    (void)request_context;
    struct server *server = context;
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    if (server->listener.is_loopback && !listener_host_is_local(host)) {
        return send_text(connection, MHD_HTTP_MISDIRECTED_REQUEST,
                         "This page is for this machine: ask for it by address or as localhost.\n");
    }
    bool is_known = strcmp(url, "/") == 0 || strcmp(url, "/explain") == 0 ||
                    strcmp(url, "/metrics") == 0 || strcmp(url, "/healthz") == 0 ||
                    strcmp(url, "/readyz") == 0;
    if (!is_known) {
        return send_text(connection, MHD_HTTP_NOT_FOUND,
                         "Not here. There are /, /explain, /metrics, /healthz and /readyz.\n");
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only.\n");
    }
    if (strcmp(url, "/metrics") == 0) {
        return send_metrics(connection);
    }
    if (strcmp(url, "/healthz") == 0) {
        return send_check(server, connection, server->healthy);
    }
    if (strcmp(url, "/readyz") == 0) {
        return send_check(server, connection, server->ready);
    }
    if (strcmp(url, "/explain") == 0) {
        return send_explanation(server, connection);
    }
    return send_page(server, connection);
}

/* libmicrohttpd's place for what belongs to a connection holds its visitor. */
static void on_connection(void *context, struct MHD_Connection *connection, void **its,
                          enum MHD_ConnectionNotificationCode code) {
    struct server *server = context;
    switch (code) {
    case MHD_CONNECTION_NOTIFY_STARTED: {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *its = visitors_add(&server->visitors, info->connect_fd, clock_steady_ms());
        break;
    }
    case MHD_CONNECTION_NOTIFY_CLOSED:
        if (*its != NULL) {
            visitors_remove(&server->visitors, *its);
        }
        break;
    }
}

/* An answer has gone out: the connection may ask again. */
static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code) {
    (void)context;
    (void)request_context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct visitor *visitor = info == NULL ? NULL : info->socket_context;
    if (visitor != NULL && code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        visitor->since_ms = clock_steady_ms();
    }
}

/* libmicrohttpd sees it end and cleans up. */
static void end_connection(int descriptor) {
    (void)shutdown(descriptor, SHUT_RDWR);
}

static void *serve(void *context) {
    struct server *server = context;
    while (!atomic_load(&server->is_stopping)) {
        (void)MHD_run_wait(server->daemon, TURN_MS);
        visitors_expire(&server->visitors, clock_steady_ms(), end_connection);
    }
    return NULL;
}

static bool start_daemon(struct server *server) {
    visitors_init(&server->visitors);
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET,
        server->listener.descriptor, MHD_OPTION_CONNECTION_LIMIT, (unsigned)VISITOR_COUNT_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_SIZE_MAX, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    if (server->daemon == NULL) {
        return false;
    }
    /* Signals are for the main thread. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    REQUIRE(pthread_create(&server->thread, NULL, serve, server) == 0);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    server->has_thread = true;
    return true;
}

static char *copy_string(const char *string) {
    char *copy = strdup(string == NULL ? "" : string);
    REQUIRE(copy != NULL);
    return copy;
}

struct server *server_start(const struct server_options *options, struct fault *fault) {
    REQUIRE(options != NULL && options->listen != NULL && fault != NULL);
    struct listener listener;
    if (!listener_open(options->listen, &listener, fault)) {
        return NULL;
    }
    struct server *server = calloc(1, sizeof *server);
    REQUIRE(server != NULL);
    server->listener = listener;
    server->input_topic = copy_string(options->input_topic);
    server->notice = copy_string(options->notice);
    REQUIRE(pthread_mutex_init(&server->lock, NULL) == 0);
    buffer_init(&server->configuration);
    server_tell_configuration(server, options->configuration);
    server->ready = options->ready;
    server->healthy = options->healthy;
    server->explain = options->explain;
    server->context = options->context;
    process_update();
    if (!start_daemon(server)) {
        fault_set(fault, "http.listen: the server does not start on %s: %s", options->listen,
                  strerror(errno));
        (void)close(listener.descriptor);
        server->listener.descriptor = -1;
        server_stop(server);
        return NULL;
    }
    return server;
}

void server_tell_configuration(struct server *server, struct text configuration) {
    REQUIRE(server != NULL);
    pthread_mutex_lock(&server->lock);
    buffer_clear(&server->configuration);
    buffer_append_text(&server->configuration, configuration);
    pthread_mutex_unlock(&server->lock);
}

void server_stop(struct server *server) {
    if (server == NULL) {
        return;
    }
    if (server->has_thread) {
        atomic_store(&server->is_stopping, true);
        (void)pthread_join(server->thread, NULL);
    }
    if (server->daemon != NULL) {
        /* Closes the listening socket as well. */
        MHD_stop_daemon(server->daemon);
    }
    buffer_release(&server->configuration);
    (void)pthread_mutex_destroy(&server->lock);
    free(server->input_topic);
    free(server->notice);
    free(server);
}

const char *server_url(const struct server *server) {
    REQUIRE(server != NULL);
    return server->listener.url;
}
