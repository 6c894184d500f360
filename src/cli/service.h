/* service.h: everything that one running service consists of. Room: cli. Main thread.
 *
 * Rules and catalog, the lag monitor, the page, the lanes: started in this order, stopped in the
 * other. `run` and `demo` both run it; what they differ in is where Kafka and Redis come from. */
#ifndef ACCRUED_CLI_SERVICE_H
#define ACCRUED_CLI_SERVICE_H

#include "accrued/fleet.h"
#include "accrued/inquiries.h"
#include "accrued/lag.h"
#include "accrued/registry.h"
#include "accrued/server.h"

struct service {
    struct config config;   /* the caller's, with the registry's ids; owns nothing */
    struct catalog catalog; /* as started, as is `config`: reloads bring their own */
    struct programs programs;
    struct edition first;
    struct editions editions;
    struct lag_monitor *lag;
    struct registry *registry; /* NULL without one */
    struct server *server;     /* NULL when http.listen is empty */
    _Atomic(struct fleet *) fleet;
    struct inquiries inquiries;  /* the page's, to the lanes */
    atomic_bool awaits_registry; /* which has not told the ids of our schemas yet */
};

enum service_start {
    SERVICE_RUNS,
    SERVICE_REFUSED, /* *fault says why, and nothing runs */
    SERVICE_UNBEGUN, /* a signal came while it waited for the schema registry; nothing runs */
};

/* notice: a sentence at the top of the page, or NULL. `config` must outlive the service. Waits, not
 * ready, for a registry that is configured and away. */
enum service_start service_start(struct service *service, const struct config *config,
                                 const char *notice, struct fault *fault);

/* "http://127.0.0.1:9464", or NULL without a page. */
const char *service_url(const struct service *service);

enum service_end {
    SERVICE_STOPPED, /* as asked */
    SERVICE_FAILED,  /* a lane could not go on; *fault says why */
    SERVICE_STUCK,   /* it was asked, and did not stop in time: end the process at once */
};
/* Asks the lanes to end, waits, frees. Not to be called after SERVICE_STUCK. */
enum service_end service_stop(struct service *service, struct fault *fault);

/* SIGTERM and SIGINT are blocked in every thread from now on (call it before any thread starts) and
 * are waited for instead; SIGPIPE is ignored. */
void service_signals_block(void);
/* The signal that came within `timeout_ms`, or 0. */
int service_signal_wait(int64_t timeout_ms);
/* The page shows the configuration that is in force now, secrets masked. */
void service_show_configuration(struct service *service);

/* For who reloads: SIGHUP waits from now on until it is asked for. Before any thread starts. */
void service_reload_block(void);
/* The same as service_signal_wait, and SIGHUP. */
int service_signal_wait_or_reload(int64_t timeout_ms);

#endif
