/* accrued demo: the service at work, from a feed file to a payout system's view, with everything
 * that it needs. What runs here is the real service with its real configuration; only Kafka is,
 * unless a broker is named, the one that librdkafka brings. */
#include "accrued/log.h"
#include "command.h"
#include "demo_report.h"
#include "demo_world.h"
#include "service.h"

#include "accrued/clock.h"
#include "accrued/require.h"

#include <stdio.h>

#define DRAIN_MS 60000
#define LAG_MS 200
#define POLL_MS 50
#define ROW_COUNT_MAX 24
#define SECONDS_MAX 86400

static const char usage[] =
    "Usage: accrued demo [--http ADDRESS] [--seconds N] [--bootstrap HOST:PORT] [--home DIR]\n"
    "\n"
    "Shows the service at work: starts a private Redis and a broker inside this process, loads\n"
    "sample partners, customers and links, ingests a feed file and then its corrected version, "
    "runs\n"
    "the worker, prints the accruals, and leaves a status page up until Ctrl-C.\n"
    "\n"
    "      --http ADDRESS     where the page is (default 127.0.0.1:9464; port 0: a free one)\n"
    "      --seconds N        end N seconds after the accruals are printed\n"
    "      --bootstrap SERVER use this Kafka cluster instead of the broker inside\n"
    "      --home DIR         where the shipped config/ and schemas/ are\n"
    "  -o, --option KEY=VALUE one option of the configuration; repeatable\n"
    "  -h, --help             this text\n";

enum { OPTION_HTTP = 256, OPTION_SECONDS, OPTION_BOOTSTRAP, OPTION_HOME };

static const struct option long_options[] = {
    {"http", required_argument, NULL, OPTION_HTTP},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"bootstrap", required_argument, NULL, OPTION_BOOTSTRAP},
    {"home", required_argument, NULL, OPTION_HOME},
    COMMAND_COMMON_LONG,
};

static const char notice_embedded[] =
    "A demonstration on the broker inside this process: it does not fence zombies and does not "
    "hide "
    "aborted records, and it forgets everything at the end. A real broker is one command away: "
    "scripts/demo --kafka.";
static const char notice_real[] = "A demonstration on a real Kafka broker, with a private Redis.";

struct demo {
    struct demo_world world;
    struct config config;
    struct service service;
    struct demo_seen seen;
    int64_t seconds; /* −1: until a signal */
};

static void say(const char *text) {
    (void)printf("\n▸ %s\n", text);
    (void)fflush(stdout);
}

static bool run_step(const struct demo *demo, const char *what,
                     int (*command)(int argc, char **argv), const char *const *arguments,
                     struct fault *fault) {
    say(what);
    int code = demo_world_command(&demo->world, command, arguments);
    return code == COMMAND_OK ||
           fault_set(fault, "`accrued %s` ended with exit code %d", arguments[0], code);
}

static bool load_reference(const struct demo *demo, struct fault *fault) {
    char partners[DEMO_PATH_SIZE_MAX + 64];
    char customers[DEMO_PATH_SIZE_MAX + 64];
    demo_world_path(&demo->world, "partners.jsonl", partners);
    demo_world_path(&demo->world, "customers.jsonl", customers);
    const char *const arguments[] = {"reference", "load", "--no-rerate", partners, customers, NULL};
    return run_step(demo, "Partners, their standing, customers and partner-of-record links → Redis",
                    command_reference, arguments, fault);
}

static bool ingest(const struct demo *demo, const char *what, const char *file,
                   const char *replaces, struct fault *fault) {
    char feed[DEMO_PATH_SIZE_MAX + 64];
    char old_feed[DEMO_PATH_SIZE_MAX + 64];
    demo_world_path(&demo->world, file, feed);
    const char *arguments[] = {"ingest", feed, NULL, NULL, NULL};
    if (replaces != NULL) {
        demo_world_path(&demo->world, replaces, old_feed);
        arguments[2] = "--replaces";
        arguments[3] = old_feed;
    }
    return run_step(demo, what, command_ingest, arguments, fault);
}

/* false: a signal came, or *fault is set. */
static bool wait_until_drained(struct demo *demo, struct fault *fault) {
    int64_t end_ms = clock_steady_ms() + DRAIN_MS;
    /* What was just ingested must have been seen by the monitor first. */
    int64_t settled_ms = clock_steady_ms() + INT64_C(3) * LAG_MS;
    for (;;) {
        if (service_signal_wait(POLL_MS) != 0) {
            demo->seconds = 0;
            return fault_set(fault, "interrupted");
        }
        if (fleet_is_done(atomic_load(&demo->service.fleet))) {
            return fault_set(fault, "the worker ended by itself");
        }
        int64_t now_ms = clock_steady_ms();
        if (now_ms > settled_ms && lag_monitor_total(demo->service.lag) == 0) {
            return true;
        }
        if (now_ms > end_ms) {
            return fault_set(fault,
                             "the worker has not drained its input within %d s; its log is "
                             "on standard error",
                             DRAIN_MS / 1000);
        }
    }
}

static bool show(struct demo *demo, struct fault *fault) {
    return wait_until_drained(demo, fault) &&
           demo_report(&demo->config, ROW_COUNT_MAX, &demo->seen, fault);
}

static void stay(struct demo *demo) {
    const char *url = service_url(&demo->service);
    if (url != NULL) {
        (void)printf("\n▸ Lag and totals: %s/   metrics: %s/metrics\n", url, url);
    }
    (void)printf("%s\n%s", demo->world.embedded != NULL ? notice_embedded : notice_real,
                 demo->seconds < 0 ? "Ctrl-C ends it.\n" : "");
    (void)fflush(stdout);
    int64_t end_ms = clock_steady_ms() + demo->seconds * 1000;
    while (!fleet_is_done(atomic_load(&demo->service.fleet)) &&
           (demo->seconds < 0 || clock_steady_ms() < end_ms) && service_signal_wait(POLL_MS) == 0) {
    }
}

static bool follow_feeds(struct demo *demo, struct fault *fault) {
    return ingest(demo, "A Partner Center file of March 2020 → billing lines",
                  "feeds/onetime-2020-03.csv", NULL, fault) &&
           ingest(demo, "Its daily rated usage → billing lines", "feeds/daily-2020-03.csv", NULL,
                  fault) &&
           show(demo, fault) &&
           ingest(demo, "The corrected file arrives: only differences are published",
                  "feeds/onetime-2020-03-corrected.csv", "feeds/onetime-2020-03.csv", fault) &&
           show(demo, fault);
}

static bool create_topics(const struct demo *demo, struct fault *fault) {
    static const char *const arguments[] = {"topics", "create", NULL};
    return demo->world.embedded != NULL ||
           run_step(demo, "Topics", command_topics, arguments, fault);
}

static bool run_service(struct demo *demo, struct fault *fault) {
    say("The worker: decode → enrich → rate → post → publish, in one Kafka transaction a batch");
    const char *notice = demo->world.embedded != NULL ? notice_embedded : notice_real;
    if (service_start(&demo->service, &demo->config, notice, fault) != SERVICE_RUNS) {
        return false;
    }
    lag_monitor_set_interval(demo->service.lag, LAG_MS);
    struct fault failure;
    bool is_good = follow_feeds(demo, fault);
    if (is_good) {
        stay(demo);
    }
    enum service_end end = service_stop(&demo->service, &failure);
    if (end != SERVICE_STOPPED) {
        *fault = failure;
        is_good = false;
    }
    REQUIRE(end != SERVICE_STUCK);
    return is_good;
}

static int run_demo(struct demo *demo, const struct demo_options *options) {
    struct fault fault = {""};
    config_init(&demo->config);
    bool is_good = demo_world_open(&demo->world, options, &fault);
    if (is_good) {
        is_good = demo_world_config(&demo->world, &demo->config, &fault);
        demo->config.kafka.is_embedded = demo->world.embedded != NULL;
    }
    if (is_good) {
        log_configure(demo->config.log.level, demo->config.log.format);
        is_good = create_topics(demo, &fault) && load_reference(demo, &fault) &&
                  run_service(demo, &fault);
    }
    config_release(&demo->config);
    demo_world_close(&demo->world);
    return is_good ? COMMAND_OK : command_failed("demo", &fault);
}

static bool parse_seconds(const char *text, int64_t *ret_seconds) {
    return text_to_int64(text_of(text), ret_seconds) && *ret_seconds <= SECONDS_MAX;
}

int command_demo(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    struct demo demo = {.seconds = -1};
    struct demo_options options = {.listen = "127.0.0.1:9464"};
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case OPTION_HTTP: options.listen = optarg; break;
        case OPTION_BOOTSTRAP: options.bootstrap = optarg; break;
        case OPTION_HOME: options.home = optarg; break;
        case OPTION_SECONDS:
            if (!parse_seconds(optarg, &demo.seconds)) {
                return command_usage(argv[0], "--seconds \"%s\": a whole number up to %d", optarg,
                                     SECONDS_MAX);
            }
            break;
        default: return COMMAND_USAGE;
        }
    }
    if (optind < argc) {
        return command_usage(argv[0], "\"%s\" is too much", argv[optind]);
    }
    if (common.config_path != NULL) {
        return command_usage(argv[0], "the demo has its own configuration file; change single "
                                      "options with -o");
    }
    options.overrides = common.overrides;
    options.override_count = common.override_count;
    return run_demo(&demo, &options);
}
