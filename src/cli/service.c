#include "service.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "reload.h"
#include "schemas.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define STOP_POLL_MS 20
/* A question for offsets may time out once before that means anything. */
#define BROKER_SILENT_MS_MAX 5000
/* Beyond the longest transaction: leaving the group and closing connections. */
#define STOP_GRACE_MS 15000
#define RESOLVE_PAUSE_MS 250
/* A round of a lane with little to do; /metrics waits meanwhile, so it is not longer. */
#define EXPLAIN_PATIENCE_MS 150
#define RESOLVE_PAUSE_MS_MAX 5000

static bool load_rules(struct service *service, struct fault *fault) {
    const struct config *config = &service->config;
    return catalog_load(&service->catalog, config->rating.catalog, fault) &&
           programs_load(&service->programs, &service->catalog, config->rating.programs, fault);
}

static bool is_ready(void *context, struct buffer *reasons) {
    struct service *service = context;
    struct fleet *fleet = atomic_load(&service->fleet);
    if (fleet == NULL) {
        buffer_append_string(reasons, atomic_load(&service->awaits_registry)
                                          ? "waiting for the schema registry\n"
                                          : "the service is starting or stopping\n");
        return false;
    }
    bool is_ready = fleet_is_ready(fleet, reasons);
    int64_t silent_ms = lag_monitor_silent_ms(service->lag);
    if (silent_ms > BROKER_SILENT_MS_MAX) {
        buffer_append_format(reasons, "The Kafka cluster at %s has not answered for %lld s.\n",
                             service->config.kafka.bootstrap_servers,
                             (long long)(silent_ms / 1000));
        is_ready = false;
    }
    return is_ready;
}

static bool is_healthy(void *context, struct buffer *reasons) {
    struct service *service = context;
    struct fleet *fleet = atomic_load(&service->fleet);
    return fleet == NULL || fleet_is_healthy(fleet, reasons);
}

static enum server_answer explain(void *context, struct text customer_id, struct text line_id,
                                  struct buffer *to) {
    struct service *service = context;
    if (atomic_load(&service->fleet) == NULL) {
        return SERVER_UNAVAILABLE;
    }
    switch (inquiries_ask(&service->inquiries, customer_id, line_id, EXPLAIN_PATIENCE_MS, to)) {
    case INQUIRY_DONE: return SERVER_ANSWERED;
    case INQUIRY_LATER: return SERVER_WAITS;
    case INQUIRY_BUSY: return SERVER_BUSY;
    case INQUIRY_GIVEN_UP: return SERVER_GAVE_UP;
    }
    REQUIRE(false && "a result of an inquiry without an answer");
}

static bool start_server(struct service *service, const char *notice, struct fault *fault) {
    const struct config *config = &service->config;
    if (config->http.listen[0] == '\0') {
        return true;
    }
    service->server =
        server_start(&(struct server_options){.listen = config->http.listen,
                                              .input_topic = config->topics.billing_lines,
                                              .notice = notice,
                                              .ready = is_ready,
                                              .healthy = is_healthy,
                                              .explain = explain,
                                              .context = service},
                     fault);
    return service->server != NULL;
}

void service_show_configuration(struct service *service) {
    if (service->server == NULL) {
        return;
    }
    struct buffer yaml;
    struct edition *edition = editions_take(&service->editions);
    buffer_init(&yaml);
    config_append_yaml(&yaml, edition->config);
    server_tell_configuration(service->server, buffer_text(&yaml));
    buffer_release(&yaml);
    edition_drop(edition);
}

static void release(struct service *service) {
    server_stop(service->server);
    lag_monitor_stop(service->lag);
    registry_free(service->registry);
    programs_release(&service->programs);
    catalog_release(&service->catalog);
    inquiries_release(&service->inquiries);
}

/* The pause between two attempts also listens for signals. */
static enum service_start resolve_schemas(struct service *service, struct fault *fault) {
    int64_t pause_ms = RESOLVE_PAUSE_MS;
    for (;;) {
        switch (schemas_resolve(service->registry, OWN_OF_SERVICE, &service->config, fault)) {
        case REGISTRY_RESOLVED:
            atomic_store(&service->awaits_registry, false);
            log_event(LOG_INFO, "schemas_resolved", "accrual_id=%lld forgone_id=%lld",
                      (long long)service->config.schemas.accrual_id,
                      (long long)service->config.schemas.forgone_id);
            return SERVICE_RUNS;
        case REGISTRY_REFUSED: return SERVICE_REFUSED;
        case REGISTRY_UNREACHABLE: break;
        }
        atomic_store(&service->awaits_registry, true);
        log_event(LOG_WARN, "schema_registry_missing", "retry_ms=%lld reason=%s",
                  (long long)pause_ms, log_quote(fault->text));
        int signal_number = service_signal_wait(pause_ms);
        if (signal_number != 0) {
            log_event(LOG_INFO, "service_stopping", "signal=%d", signal_number);
            return SERVICE_UNBEGUN;
        }
        pause_ms = pause_ms * 2 < RESOLVE_PAUSE_MS_MAX ? pause_ms * 2 : RESOLVE_PAUSE_MS_MAX;
    }
}

static void log_started(const struct service *service) {
    const struct config *config = &service->config;
    log_event(LOG_INFO, "service_started",
              "version=%s lanes=%lld group=%s input=%s programs=%zu programs_revision=%lld "
              "batch_lines_max=%lld batch_bytes_max=%lld page=%s",
              ACCRUED_VERSION, (long long)config->lanes.count, log_quote(config->kafka.group_id),
              log_quote(config->topics.billing_lines), service->programs.count,
              (long long)service->programs.revision, (long long)config->batch.lines_max,
              (long long)config->batch.bytes_max, log_quote(service_url(service)));
}

enum service_start service_start(struct service *service, const struct config *config,
                                 const char *notice, struct fault *fault) {
    *service = (struct service){.config = *config};
    catalog_init(&service->catalog);
    programs_init(&service->programs);
    inquiries_init(&service->inquiries, (size_t)config->lanes.count);
    bool is_good =
        load_rules(service, fault) && schemas_open_registry(config, &service->registry, fault);
    if (is_good) {
        service->lag = lag_monitor_start(config, config->topics.billing_lines, fault);
        is_good = service->lag != NULL && start_server(service, notice, fault);
    }
    enum service_start start = is_good ? SERVICE_RUNS : SERVICE_REFUSED;
    if (is_good && service->registry != NULL) {
        start = resolve_schemas(service, fault);
    }
    if (start != SERVICE_RUNS) {
        release(service);
        return start;
    }
    log_started(service);
    service->first = (struct edition){
        .config = &service->config, .programs = &service->programs, .catalog = &service->catalog};
    editions_init(&service->editions, &service->first);
    reload_tell_first(&service->first);
    service_show_configuration(service);
    atomic_store(&service->fleet, fleet_start(&service->editions, service->lag, service->registry,
                                              &service->inquiries));
    return SERVICE_RUNS;
}

const char *service_url(const struct service *service) {
    return service->server != NULL ? server_url(service->server) : NULL;
}

static bool wait_until_done(const struct fleet *fleet, int64_t limit_ms) {
    int64_t end_ms = clock_steady_ms() + limit_ms;
    while (!fleet_is_done(fleet)) {
        if (clock_steady_ms() >= end_ms) {
            return false;
        }
        /* The second signal is the way out for who does not want to wait. */
        int signal_number = service_signal_wait(STOP_POLL_MS);
        if (signal_number != 0) {
            log_event(LOG_WARN, "service_ends_at_once",
                      "reason=\"signal %d while stopping; the open transaction is left to the "
                      "broker, which aborts it\"",
                      signal_number);
            log_flush();
            _exit(128 + signal_number);
        }
    }
    return true;
}

enum service_end service_stop(struct service *service, struct fault *fault) {
    struct fleet *fleet = atomic_load(&service->fleet);
    REQUIRE(fleet != NULL);
    fleet_stop(fleet);
    int64_t limit_ms = service->config.kafka.transaction_timeout_ms + STOP_GRACE_MS;
    if (!wait_until_done(fleet, limit_ms)) {
        fault_set(fault,
                  "the lanes did not stop within %lld s; the broker aborts what they left open",
                  (long long)(limit_ms / 1000));
        return SERVICE_STUCK;
    }
    bool has_failed = fleet_failure(fleet, fault);
    /* First the page, then what it shows. */
    server_stop(service->server);
    service->server = NULL;
    atomic_store(&service->fleet, NULL);
    fleet_free(fleet);
    editions_release(&service->editions);
    release(service);
    log_event(has_failed ? LOG_ERROR : LOG_INFO, "service_stopped", "reason=%s",
              log_quote(has_failed ? fault->text : "asked to"));
    log_flush();
    return has_failed ? SERVICE_FAILED : SERVICE_STOPPED;
}

static void stop_signals(sigset_t *ret_set) {
    (void)sigemptyset(ret_set);
    (void)sigaddset(ret_set, SIGTERM);
    (void)sigaddset(ret_set, SIGINT);
}

void service_signals_block(void) {
    sigset_t set;
    stop_signals(&set);
    REQUIRE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    REQUIRE(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

void service_reload_block(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    REQUIRE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    /* What is ignored, as nohup does, would not wait either. */
    REQUIRE(signal(SIGHUP, SIG_DFL) != SIG_ERR);
}

static int wait_for(const sigset_t *set, int64_t timeout_ms) {
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    int signal_number = sigtimedwait(set, NULL, &timeout);
    REQUIRE(signal_number > 0 || errno == EAGAIN || errno == EINTR);
    return signal_number > 0 ? signal_number : 0;
}

int service_signal_wait(int64_t timeout_ms) {
    sigset_t set;
    stop_signals(&set);
    return wait_for(&set, timeout_ms);
}

int service_signal_wait_or_reload(int64_t timeout_ms) {
    sigset_t set;
    stop_signals(&set);
    (void)sigaddset(&set, SIGHUP);
    return wait_for(&set, timeout_ms);
}
