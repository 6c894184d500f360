/* accrued run: the service. */
#include "accrued/log.h"
#include "accrued/topics.h"
#include "command.h"
#include "service.h"

#include <stdio.h>
#include <unistd.h>

#define WATCH_MS 100

static const char usage[] =
    "Usage: accrued run [-c FILE] [-o KEY=VALUE]…\n"
    "\n"
    "Turns billing lines into accruals until SIGTERM or SIGINT: then it finishes or aborts the\n"
    "transaction at hand and leaves the group. A second signal ends it at once; nothing is lost,\n"
    "the broker aborts what was open. Exit code 1 when it cannot go on, with the reason.\n"
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

/* Until a signal comes or a lane gives up. */
static void watch(struct service *service) {
    for (;;) {
        int signal_number = service_signal_wait(WATCH_MS);
        if (signal_number != 0) {
            log_event(LOG_INFO, "service_stopping", "signal=%d", signal_number);
            return;
        }
        if (fleet_is_done(atomic_load(&service->fleet))) {
            return;
        }
    }
}

static int run_service(const struct config *config) {
    struct service service;
    struct fault fault;
    if (!topics_are_good(config, &fault)) {
        return command_failed("run", &fault);
    }
    /* Until here a signal just ends the process. */
    service_signals_block();
    if (!service_start(&service, config, NULL, &fault)) {
        return command_failed("run", &fault);
    }
    watch(&service);
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
    struct config config;
    if (!command_load(argv[0], &common, &config)) {
        return COMMAND_FAILED;
    }
    int code = run_service(&config);
    config_release(&config);
    return code;
}
