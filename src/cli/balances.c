/* accrued balances: sums of accruals per partner, program, period and currency, kept current. */
#include "accrued/balances.h"

#include "accrued/balance_check.h"
#include "accrued/clock.h"
#include "accrued/lag.h"
#include "accrued/log.h"
#include "accrued/metrics.h"
#include "accrued/require.h"
#include "accrued/server.h"
#include "accrued/supervisor.h"
#include "accrued/topics.h"
#include "command.h"
#include "reload.h"
#include "report.h"
#include "schemas.h"
#include "service.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MS 100
#define STOP_GRACE_MS 15000
#define BACKOFF_MS_MAX 30000
#define SLEEP_SLICE_MS 50
/* How soon a password's file that has changed is noticed. */
#define REFRESH_MS 1000

static const char usage[] =
    "Usage: accrued balances [--verify] [-c FILE] [-o KEY=VALUE]…\n"
    "\n"
    "Adds up accruals per partner, program, billing period and currency and publishes each "
    "changed\n"
    "sum to topics.accrual_balances, exactly once, until SIGTERM or SIGINT. It remembers nothing\n"
    "outside of that topic. Start it beside `accrued run`, on any number of machines; they divide "
    "the\n"
    "partitions. SIGHUP reloads log level and format, Kafka's user and password, and the rules "
    "for\n"
    "rebuilds.\n"
    "\n"
    "      --verify           read both topics from their beginnings and compare each balance "
    "with\n"
    "                         the accruals up to where it goes, also while a processor runs; exit\n"
    "                         code 1 if one differs\n" COMMAND_COMMON_HELP;

enum { OPTION_VERIFY = 256 };

static const struct option long_options[] = {
    {"verify", no_argument, NULL, OPTION_VERIFY},
    COMMAND_COMMON_LONG,
};

/* ---- the processor, in a thread of its own so that signals are answered meanwhile ---- */

/* What a reload brings is taken when the processor is built anew; what it was built with lives as
 * long as it does. */
struct options {
    pthread_mutex_t lock;
    struct config *latest; /* NULL: as started */
    struct config *held;   /* by the processor */
};

struct running {
    struct balances_shared shared;
    const struct config *first; /* what needs a restart is the same in all that follow */
    struct options options;
    pthread_t thread;
    atomic_bool is_done;
    bool has_failed;
    struct fault failure;
};

static void sleep_unless_stopped(struct running *running, int64_t ms) {
    int64_t end_ms = clock_steady_ms() + ms;
    while (!atomic_load(&running->shared.stop) && clock_steady_ms() < end_ms) {
        atomic_store(&running->shared.beat_ms, clock_steady_ms());
        struct timespec slice = {0, SLEEP_SLICE_MS * 1000000L};
        (void)nanosleep(&slice, NULL);
    }
}

static void free_config(struct config *config) {
    if (config != NULL) {
        config_release(config);
        free(config);
    }
}

static void take_options(struct running *running) {
    struct options *options = &running->options;
    pthread_mutex_lock(&options->lock);
    if (options->held != options->latest) {
        free_config(options->held);
        options->held = options->latest;
    }
    running->shared.config = options->held != NULL ? options->held : running->first;
    pthread_mutex_unlock(&options->lock);
}

static void put_options(struct running *running, struct config *next) {
    struct options *options = &running->options;
    pthread_mutex_lock(&options->lock);
    if (options->latest != options->held) {
        free_config(options->latest);
    }
    options->latest = next;
    pthread_mutex_unlock(&options->lock);
}

static void release_options(struct running *running) {
    struct options *options = &running->options;
    if (options->latest != options->held) {
        free_config(options->latest);
    }
    free_config(options->held);
    (void)pthread_mutex_destroy(&options->lock);
}

static enum verdict live(struct running *running, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    take_options(running);
    struct balances *balances = balances_open(&running->shared, &verdict, fault);
    if (balances != NULL) {
        verdict = balances_run(balances, fault);
        balances_free(balances);
    }
    return verdict;
}

/* Rebuilds the processor as long as that may help, as a fleet does its lanes. */
static void *live_on(void *context) {
    struct running *running = context;
    struct metric *rebuilds =
        metric_get("accrued_balances_rebuilds_total", METRIC_COUNTER,
                   "Times that the processor was built anew after an error.", "");
    int64_t failures = 0;
    int64_t backoff_ms = running->first->lanes.rebuild_backoff_ms;
    while (!atomic_load(&running->shared.stop)) {
        struct fault fault = {""};
        enum verdict verdict = live(running, &fault);
        if (verdict == VERDICT_COMMITTED) {
            break;
        }
        const struct config *config = running->shared.config;
        if (atomic_load(&running->shared.has_committed)) {
            failures = 0;
            backoff_ms = config->lanes.rebuild_backoff_ms;
        }
        failures++;
        if (verdict == VERDICT_STOP || failures > config->lanes.rebuilds_max) {
            log_event(LOG_ERROR, "balances_failed", "verdict=%s rebuilds=%lld reason=%s",
                      verdict_name(verdict), (long long)(failures - 1), log_quote(fault.text));
            running->has_failed = true;
            running->failure = fault;
            break;
        }
        log_event(LOG_WARN, "balances_rebuild", "attempt=%lld backoff_ms=%lld reason=%s",
                  (long long)failures, (long long)backoff_ms, log_quote(fault.text));
        metric_add(rebuilds, 1);
        sleep_unless_stopped(running, backoff_ms);
        backoff_ms = backoff_ms * 2 < BACKOFF_MS_MAX ? backoff_ms * 2 : BACKOFF_MS_MAX;
    }
    atomic_store(&running->is_done, true);
    return NULL;
}

static bool is_ready(void *context, struct buffer *reasons) {
    struct running *running = context;
    if (atomic_load(&running->shared.is_ready)) {
        return true;
    }
    buffer_append_string(reasons, "balances are being read back, or it is starting or stopping\n");
    return false;
}

static bool is_healthy(void *context, struct buffer *reasons) {
    struct running *running = context;
    int64_t age_ms = clock_steady_ms() - atomic_load(&running->shared.beat_ms);
    if (age_ms <= running->first->kafka.transaction_timeout_ms * 2) {
        return true;
    }
    buffer_append_format(reasons, "its loop has not turned for %lld s\n",
                         (long long)(age_ms / 1000));
    return false;
}

/* ---- the process around it ---- */

/* false: it did not end in time. */
static bool wait_until_done(struct running *running) {
    int64_t end_ms =
        clock_steady_ms() + running->first->kafka.transaction_timeout_ms + STOP_GRACE_MS;
    while (!atomic_load(&running->is_done)) {
        int signal_number = service_signal_wait(WATCH_MS);
        if (signal_number != 0) {
            log_event(LOG_WARN, "balances_ends_at_once", "signal=%d", signal_number);
            log_flush();
            _exit(128 + signal_number);
        }
        if (clock_steady_ms() >= end_ms) {
            return false;
        }
    }
    return true;
}

/* The main thread alone puts what is latest. */
static const struct config *latest_options(const struct running *running) {
    return running->options.latest != NULL ? running->options.latest : running->first;
}

static void reload(struct running *running, const struct command_common *common,
                   const struct report *report) {
    struct config *next = calloc(1, sizeof *next);
    REQUIRE(next != NULL);
    config_init(next);
    report_reloading(report);
    bool is_good = reload_options(next, latest_options(running), common);
    if (is_good) {
        put_options(running, next);
    } else {
        free_config(next);
    }
    report_reloaded(report, is_good);
}

/* Until a signal comes or the processor gives up. */
static void wait_for_the_end(struct running *running, const struct command_common *common) {
    struct report report = report_begin();
    const struct report_source source = {is_ready, is_healthy, running};
    int64_t refreshed_ms = clock_steady_ms();
    reload_options_credentials(running->first);
    while (!atomic_load(&running->is_done)) {
        int signal_number = service_signal_wait_or_reload(WATCH_MS);
        if (signal_number == SIGHUP) {
            reload(running, common, &report);
        } else if (signal_number != 0) {
            log_event(LOG_INFO, "balances_stopping", "signal=%d", signal_number);
            return;
        }
        report_state(&report, &source);
        if (clock_steady_ms() - refreshed_ms >= REFRESH_MS) {
            refreshed_ms = clock_steady_ms();
            reload_options_credentials(latest_options(running));
        }
    }
}

static int watch(struct running *running, const struct command_common *common) {
    wait_for_the_end(running, common);
    supervisor_tell("STOPPING=1\nSTATUS=finishing the transaction at hand");
    atomic_store(&running->shared.stop, true);
    if (!wait_until_done(running)) {
        (void)fprintf(stderr, "accrued balances: it did not stop in time; the broker aborts what "
                              "was open\n");
        log_flush();
        _exit(COMMAND_FAILED);
    }
    (void)pthread_join(running->thread, NULL);
    log_event(running->has_failed ? LOG_ERROR : LOG_INFO, "balances_stopped", "reason=%s",
              log_quote(running->has_failed ? running->failure.text : "asked to"));
    log_flush();
    return running->has_failed ? command_failed("balances", &running->failure) : COMMAND_OK;
}

static bool start_server(struct running *running, struct server **ret_server, struct fault *fault) {
    const struct config *config = running->first;
    if (config->balances.listen[0] == '\0') {
        return true;
    }
    *ret_server = server_start(
        &(struct server_options){.listen = config->balances.listen,
                                 .input_topic = config->topics.accruals,
                                 .notice = "This is accrued balances: it adds up accruals.",
                                 .ready = is_ready,
                                 .healthy = is_healthy,
                                 .context = running},
        fault);
    return *ret_server != NULL;
}

static int run_process(struct config *config, const struct command_common *common) {
    struct running running = {
        .first = config, .shared.config = config, .options.lock = PTHREAD_MUTEX_INITIALIZER};
    struct server *server = NULL;
    struct fault fault;
    switch (topics_check(config, &fault)) {
    case TOPICS_GOOD: break;
    case TOPICS_UNCHECKABLE:
        log_event(LOG_WARN, "topics_unchecked", "reason=%s", log_quote(fault.text));
        break;
    case TOPICS_UNREACHABLE:
    case TOPICS_WRONG: return command_failed("balances", &fault);
    }
    /* Until here a signal just ends the process. */
    if (!schemas_resolve_now(OWN_ACCRUAL | OWN_BALANCE, config, &fault)) {
        return command_failed("balances", &fault);
    }
    service_signals_block();
    atomic_store(&running.shared.beat_ms, clock_steady_ms());
    running.shared.lag = lag_monitor_start(config, config->topics.accruals, &fault);
    if (running.shared.lag == NULL || !start_server(&running, &server, &fault)) {
        lag_monitor_stop(running.shared.lag);
        return command_failed("balances", &fault);
    }
    reload_options_tell_first();
    log_event(LOG_INFO, "balances_started", "version=%s input=%s output=%s page=%s",
              ACCRUED_VERSION, log_quote(config->topics.accruals),
              log_quote(config->topics.accrual_balances),
              log_quote(server == NULL ? NULL : server_url(server)));
    int error = pthread_create(&running.thread, NULL, live_on, &running);
    REQUIRE(error == 0);
    int code = watch(&running, common);
    server_stop(server);
    lag_monitor_stop(running.shared.lag);
    release_options(&running);
    return code;
}

static void tell_wrong(void *context, const char *text) {
    (void)context;
    (void)printf("%s\n", text);
}

static int verify(const struct config *config) {
    struct balance_check check;
    struct fault fault;
    if (!balance_check(config, tell_wrong, NULL, &check, &fault)) {
        return command_failed("balances", &fault);
    }
    (void)fprintf(stderr,
                  "accrued balances: %zu balances of %zu accruals, %zu wrong; %zu accruals not "
                  "added up yet\n",
                  check.balances, check.accruals, check.wrong, check.pending);
    return check.wrong == 0 ? COMMAND_OK : COMMAND_FAILED;
}

int command_balances(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    bool is_verify = false;
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case OPTION_VERIFY: is_verify = true; break;
        default: return COMMAND_USAGE;
        }
    }
    if (optind < argc) {
        return command_usage(argv[0], "\"%s\" is too much; the file goes after -c", argv[optind]);
    }
    if (!is_verify) {
        service_reload_block();
    }
    struct config config;
    if (!command_load(argv[0], &common, &config)) {
        return COMMAND_FAILED;
    }
    int code = is_verify ? verify(&config) : run_process(&config, &common);
    config_release(&config);
    return code;
}
