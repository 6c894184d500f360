/* What lanes tell, and the page's thread reads. */
#include "observe/history.h"
#include "observe/lag_table.h"

#include "accrued/inquiries.h"
#include "accrued/letters.h"
#include "accrued/log.h"
#include "accrued/metrics.h"
#include "accrued/server.h"
#include "threads.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREAD_COUNT 3
#define ROUND_COUNT 300

static pthread_t threads[THREAD_COUNT];
static atomic_bool is_over;

static void start(void *(*work)(void *)) {
    static int numbers[THREAD_COUNT];
    atomic_store(&is_over, false);
    for (int i = 0; i < THREAD_COUNT; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
}

static void join(void) {
    atomic_store(&is_over, true);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

/* ---- metrics ---- */

static void count_round(int number, int round) {
    static const int64_t bounds[] = {10, 20};
    char label[32];
    (void)snprintf(label, sizeof label, "partition=\"%d\"", (number + round) % 7);
    struct metric *gauge = metric_get("threads_gauge", METRIC_GAUGE, "G.", label);
    metric_set_decimals(gauge, 3);
    metric_set(gauge, round);
    if (round % 5 == 0) {
        metric_hide(gauge);
    }
    metric_add(metric_get("threads_total", METRIC_COUNTER, "T.", ""), 1);
    metric_add_amount(metric_get("threads_amount", METRIC_GAUGE, "A.", ""), (struct amount){2});
    metric_observe(metric_histogram_get("threads", "H.", "", bounds, 2, 0), round % 30);
}

static void *count(void *context) {
    for (int round = 0; round < ROUND_COUNT; round++) {
        count_round(*(int *)context, round);
    }
    return NULL;
}

void metrics_are_written_and_read(void) {
    struct metric *total = metric_get("threads_total", METRIC_COUNTER, "T.", "");
    start(count);
    struct buffer text;
    buffer_init(&text);
    while (metric_value(total) < INT64_C(1) * THREAD_COUNT * ROUND_COUNT) {
        buffer_clear(&text);
        metrics_append_text(&text);
    }
    join();
    buffer_release(&text);
    struct metric *amount = metric_get("threads_amount", METRIC_GAUGE, "A.", "");
    CHECK(metric_amount(amount).units == (int128)2 * THREAD_COUNT * ROUND_COUNT);
}

/* ---- lag and history ---- */

static struct lag_table table;

static void *own(void *context) {
    int32_t partition = *(int *)context;
    for (int round = 0; round < ROUND_COUNT; round++) {
        lag_table_own(&table, partition, round);
        lag_table_progress(&table, partition, round, round);
        lag_table_oldest(&table, partition, round, round, round, round);
        if (round % 10 == 9) {
            lag_table_disown(&table, partition);
        }
    }
    lag_table_own(&table, partition, ROUND_COUNT);
    lag_table_progress(&table, partition, 5, ROUND_COUNT);
    return NULL;
}

void lags_are_written_and_read(void) {
    lag_table_init(&table);
    start(own);
    for (int round = 0; round < ROUND_COUNT; round++) {
        int32_t *partitions = NULL;
        size_t owned = lag_table_owned(&table, &partitions);
        for (size_t i = 0; i < owned; i++) {
            lag_table_measured(&table, partitions[i], round, round, round);
        }
        free(partitions);
        lag_table_tick(&table, round);
        struct history_lag *lags = NULL;
        size_t count = lag_table_lags(&table, &lags);
        history_take(round * INT64_C(1000), 1, 1, lags, count);
        free(lags);
    }
    join();
    for (int32_t partition = 0; partition < THREAD_COUNT; partition++) {
        lag_table_measured(&table, partition, 12, 12, ROUND_COUNT);
    }
    CHECK(lag_table_total(&table) == INT64_C(7) * THREAD_COUNT);
    lag_table_release(&table);
}

/* ---- log ---- */

static void *tell(void *context) {
    for (int round = 0; round < ROUND_COUNT; round++) {
        log_event(round % 2 == 0 ? LOG_INFO : LOG_WARN, "told", "lane=%d reason=%s",
                  *(int *)context, log_quote("two words"));
    }
    return NULL;
}

void log_lines_are_written(void) {
    int kept = dup(STDERR_FILENO);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(kept >= 0 && nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0);
    start(tell);
    for (int round = 0; round < ROUND_COUNT; round++) {
        log_configure(round % 2 == 0 ? LOG_INFO : LOG_WARN, round % 3 == 0 ? LOG_JSON : LOG_LOGFMT);
        log_flush();
    }
    join();
    CHECK(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    (void)close(nowhere);
    log_configure(LOG_WARN, LOG_LOGFMT);
}

/* ---- questions about a line ---- */

static struct inquiries inquiries;

/* Lane 0 never has the line, the others answer if they are first. */
static void *answer(void *context) {
    uint64_t seen = 0;
    size_t lane = (size_t) * (int *)context;
    while (!atomic_load(&is_over)) {
        struct inquiry inquiry;
        if (!inquiries_are_new(&inquiries, seen) || !inquiries_look(&inquiries, &inquiry)) {
            (void)sched_yield();
            continue;
        }
        seen = inquiry.number;
        if (lane == 0) {
            inquiries_decline(&inquiries, inquiry.number, lane);
        } else if (inquiries_take(&inquiries, inquiry.number)) {
            struct text customer = {inquiry.customer_id, inquiry.customer_size};
            inquiries_answer(&inquiries, inquiry.number, customer);
        }
    }
    return NULL;
}

void questions_are_answered(void) {
    inquiries_init(&inquiries, THREAD_COUNT);
    start(answer);
    for (int round = 0; round < ROUND_COUNT / 3; round++) {
        struct buffer told;
        char customer[32];
        buffer_init(&told);
        (void)snprintf(customer, sizeof customer, "customer-%d", round);
        enum inquiry_result result = INQUIRY_LATER;
        while (result == INQUIRY_LATER) {
            result = inquiries_ask(&inquiries, text_of(customer), TEXT("line"), 50, &told);
        }
        CHECK(result == INQUIRY_DONE && text_equal(buffer_text(&told), text_of(customer)));
        buffer_release(&told);
    }
    join();
    inquiries_release(&inquiries);
}

/* ---- the page ---- */

static atomic_int readiness;

static bool is_ready(void *context, struct buffer *reasons) {
    (void)context;
    buffer_append_string(reasons, "It is said.\n");
    return atomic_load(&readiness) % 2 == 0;
}

static void *work(void *context) {
    struct reject reject = {.code = REJECT_FIELD_INVALID, .message = "field x: y"};
    for (int round = 0; !atomic_load(&is_over); round++) {
        count_round(*(int *)context, round % ROUND_COUNT);
        letters_note(round, *(int *)context, round, &reject);
        atomic_fetch_add(&readiness, 1);
        struct history_lag lag = {*(int *)context, round};
        history_take(round * INT64_C(1000), round, round, &lag, 1);
    }
    return NULL;
}

/* Reads all of the answer; returns its status. */
static int get(int port, const char *path) {
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(client >= 0 && connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    char text[256];
    int size = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
    CHECK(send(client, text, (size_t)size, 0) == size);
    char piece[4096];
    int status = 0;
    ssize_t got = 0;
    while ((got = recv(client, piece, sizeof piece - 1, 0)) > 0) {
        piece[got] = '\0';
        if (status == 0) {
            CHECK(strncmp(piece, "HTTP/1.1 ", 9) == 0);
            status = (int)strtol(piece + 9, NULL, 10);
        }
    }
    (void)close(client);
    return status;
}

void pages_are_read_while_lanes_work(void) {
    struct fault fault;
    struct server_options options = {.listen = "127.0.0.1:0",
                                     .input_topic = "billing-lines",
                                     .configuration = TEXT("a: 1\n"),
                                     .ready = is_ready,
                                     .healthy = is_ready};
    struct server *server = server_start(&options, &fault);
    CHECK(server != NULL);
    int port = (int)strtol(strrchr(server_url(server), ':') + 1, NULL, 10);
    start(work);
    for (int round = 0; round < 10; round++) {
        CHECK(get(port, "/") == 200);
        CHECK(get(port, "/metrics") == 200);
        int status = get(port, "/readyz");
        CHECK(status == 200 || status == 503);
        server_tell_configuration(server, round % 2 == 0 ? TEXT("a: 2\n") : TEXT("a: 1\n"));
    }
    join();
    server_stop(server);
}
