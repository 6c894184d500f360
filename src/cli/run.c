/* accrued run: the service. */
#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/supervisor.h"
#include "accrued/topics.h"
#include "command.h"
#include "reload.h"
#include "report.h"
#include "service.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define WATCH_MS 100
/* How soon a password's file that has changed is noticed. */
#define REFRESH_MS 1000

static const char usage[] =
    "Usage: accrued run [-c FILE] [-o KEY=VALUE]…\n"
    "\n"
    "Turns billing lines into accruals until SIGTERM or SIGINT: then it finishes or aborts the\n"
    "transaction at hand and leaves the group. A second signal ends it at once; nothing is lost,\n"
    "the broker aborts what was open. SIGHUP reloads programs, catalog and the options that can\n"
    "change without a restart; what is wrong is refused, and all stays as it was. Exit code 1 "
    "when\n"
    "it cannot go on, with the reason.\n"
    "\n" COMMAND_COMMON_HELP;

static const struct option long_options[] = {COMMAND_COMMON_LONG};

/* Wrong topics would break the books in ways that show only later. */
static bool topics_are_good(const struct config *config, struct fault *fault) {
    switch (topics_check(config, fault)) {
    case TOPICS_GOOD: return true;
    case TOPICS_UNCHECKABLE:
        log_event(LOG_WARN, "topics_unchecked", "reason=%s", log_quote(fault->text));
        return true;
    case TOPICS_UNREACHABLE:
    case TOPICS_WRONG: return false;
    }
    return false;
}

static bool is_ready(void *context, struct buffer *reasons) {
    struct service *service = context;
    return fleet_is_ready(atomic_load(&service->fleet), reasons);
}

static bool is_healthy(void *context, struct buffer *reasons) {
    struct service *service = context;
    return fleet_is_healthy(atomic_load(&service->fleet), reasons);
}

static void reload(struct service *service, const struct command_common *common,
                   const struct report *report) {
    report_reloading(report);
    bool is_good = reload_edition(&service->editions, common);
    service_show_configuration(service);
    report_reloaded(report, is_good);
}

/* A call into Kafka's client that never returns holds a lane for ever, and its partitions with it:
 * the end of the process is the only bound there is. Whoever supervises it starts it again. */
static void end_if_hung(struct service *service) {
    struct edition *edition = editions_take(&service->editions);
    int64_t silence_ms_max = edition->config->lanes.silence_ms_max;
    edition_drop(edition);
    struct buffer reasons;
    buffer_init(&reasons);
    if (fleet_hangs(atomic_load(&service->fleet), silence_ms_max, &reasons)) {
        struct fault fault;
        fault_set(&fault,
                  "%.*s; it hangs in a call that does not return (lanes.silence_ms_max); what is "
                  "open is aborted by the broker, start the process again",
                  (int)strcspn((const char *)reasons.data, ".\n"), (const char *)reasons.data);
        log_event(LOG_ERROR, "lane_hangs", "reason=%s", log_quote(fault.text));
        (void)command_failed("run", &fault);
        log_flush();
        _exit(COMMAND_FAILED);
    }
    buffer_release(&reasons);
}

/* Until a signal comes or a lane gives up. */
static void watch(struct service *service, const struct command_common *common) {
    struct report report = report_begin();
    const struct report_source source = {is_ready, is_healthy, service};
    int64_t refreshed_ms = clock_steady_ms();
    reload_credentials(&service->editions);
    for (;;) {
        int signal_number = service_signal_wait_or_reload(WATCH_MS);
        if (signal_number == SIGHUP) {
            reload(service, common, &report);
        } else if (signal_number != 0) {
            log_event(LOG_INFO, "service_stopping", "signal=%d", signal_number);
            return;
        }
        if (fleet_is_done(atomic_load(&service->fleet))) {
            return;
        }
        report_state(&report, &source);
        if (clock_steady_ms() - refreshed_ms >= REFRESH_MS) {
            refreshed_ms = clock_steady_ms();
            reload_credentials(&service->editions);
            end_if_hung(service);
        }
    }
}

static int run_service(const struct config *config, const struct command_common *common) {
    struct service service;
    struct fault fault;
    if (!topics_are_good(config, &fault)) {
        return command_failed("run", &fault);
    }
    /* Until here a signal just ends the process, but for SIGHUP, which waits. */
    service_signals_block();
    switch (service_start(&service, config, NULL, &fault)) {
    case SERVICE_RUNS: break;
    case SERVICE_REFUSED: return command_failed("run", &fault);
    case SERVICE_UNBEGUN: return COMMAND_OK;
    }
    watch(&service, common);
    supervisor_tell("STOPPING=1\nSTATUS=finishing the transaction at hand");
    switch (service_stop(&service, &fault)) {
    case SERVICE_STOPPED: return COMMAND_OK;
    case SERVICE_FAILED: return command_failed("run", &fault);
    case SERVICE_STUCK: break;
    }
    /* Destructors would wait for the threads that hang. */
    (void)command_failed("run", &fault);
    log_flush();
    _exit(COMMAND_FAILED);
}

int command_run(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return COMMAND_OK;
        }
        return COMMAND_USAGE;
    }
    if (optind < argc) {
        return command_usage(argv[0], "\"%s\" is too much; the file goes after -c", argv[optind]);
    }
    service_reload_block();
    struct config config;
    if (!command_load(argv[0], &common, &config)) {
        return COMMAND_FAILED;
    }
    int code = run_service(&config, &common);
    config_release(&config);
    return code;
}
