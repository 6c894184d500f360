#include "reload.h"

#include "accrued/clock.h"
#include "accrued/kafka_client.h"
#include "accrued/log.h"
#include "accrued/metrics.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The series that names what is in force; hidden when another takes its place. */
static struct metric *info;

static void tell_in_force(const struct edition *edition) {
    char labels[256];
    const struct programs *programs = edition->programs;
    const struct catalog *catalog = edition->catalog;
    (void)snprintf(
        labels, sizeof labels,
        "edition=\"%" PRId64 "\",programs_revision=\"%" PRId64 "\",programs_hash=\"%016" PRIx64
        "\",catalog_revision=\"%" PRId64 "\",catalog_hash=\"%016" PRIx64 "\"",
        edition->number, programs->revision, programs->hash, catalog->revision, catalog->hash);
    if (info != NULL) {
        metric_hide(info);
    }
    info = metric_get("accrued_config_info", METRIC_GAUGE,
                      "What is in force: counted from 1 at the start, with the files' revisions "
                      "and hashes of what they say.",
                      labels);
    metric_set(info, 1);
    metric_set(metric_get("accrued_programs_revision", METRIC_GAUGE,
                          "Revision of the programs file in force.", ""),
               programs->revision);
}

static void tell_outcome(bool is_good) {
    metric_set(metric_get("accrued_config_last_reload_successful", METRIC_GAUGE,
                          "Whether the last reload, or the start, took what the files say.", ""),
               is_good);
    struct metric *time = metric_get("accrued_config_last_reload_timestamp_seconds", METRIC_GAUGE,
                                     "When that was, successful or not.", "");
    metric_set_decimals(time, 3);
    metric_set(time, clock_wall_ms());
}

static void tell_pending(size_t count) {
    metric_set(metric_get("accrued_config_restart_needed", METRIC_GAUGE,
                          "Options that were changed and need a restart.", ""),
               (int64_t)count);
}

static struct metric *reloads(bool is_good) {
    return metric_get("accrued_config_reloads_total", METRIC_COUNTER,
                      "Reloads by whether they were taken.",
                      is_good ? "result=\"accepted\"" : "result=\"refused\"");
}

void reload_options_tell_first(void) {
    tell_outcome(true);
    tell_pending(0);
    metric_add(reloads(true), 0);
    metric_add(reloads(false), 0);
}

void reload_tell_first(const struct edition *edition) {
    tell_in_force(edition);
    reload_options_tell_first();
}

/* Whether lines may be rated under `next` from one moment to the next: what is in the ledgers must
 * stay readable, and two processes under one revision must mean the same. */
static void check_against(const struct programs *next, const char *path, const struct programs *now,
                          struct problems *problems) {
    if (next->revision < now->revision) {
        (void)problems_add(problems,
                           "%s: revision %" PRId64 " is below %" PRId64
                           ", which is in force: amounts would flip back and forth. Give it a "
                           "higher one",
                           path, next->revision, now->revision);
    }
    if (next->revision == now->revision && next->hash != now->hash) {
        (void)problems_add(problems,
                           "%s: revision %" PRId64 " is in force with other content: raise "
                           "`revision` with every change",
                           path, next->revision);
    }
    for (size_t i = 0; i < now->count; i++) {
        if (programs_find(next, now->items[i].id) < 0) {
            (void)problems_add(problems,
                               "%s: program %.*s is in force and missing here: end it with "
                               "`retired: true`, never by deleting it",
                               path, TEXT_ARGS(now->items[i].id));
        }
    }
}

static void load(struct edition_parts *parts, const struct edition *now,
                 const struct command_common *common, struct problems *problems,
                 struct buffer *pending) {
    struct config *config = &parts->config;
    if (!config_load_again(config, now->config, command_config_path(common), common->overrides,
                           common->override_count, problems, pending)) {
        return;
    }
    if (catalog_load_all(&parts->catalog, config->rating.catalog, problems) &&
        programs_load_all(&parts->programs, &parts->catalog, config->rating.programs, problems)) {
        check_against(&parts->programs, config->rating.programs, now->programs, problems);
    }
}

static void tell_refused(const struct problems *problems) {
    struct fault fault;
    (void)problems_to_fault(problems, &fault);
    metric_add(reloads(false), 1);
    tell_outcome(false);
    log_event(LOG_ERROR, "reload_refused", "problems=%zu reason=%s", problems->count,
              log_quote(fault.text));
}

/* pending: names of options that need a restart, commas between. */
static void tell_accepted(const struct buffer *pending) {
    size_t count = pending->size > 0;
    for (size_t i = 0; i < pending->size; i++) {
        count += pending->data[i] == ',';
    }
    tell_pending(count);
    tell_outcome(true);
    metric_add(reloads(true), 1);
}

static void log_pending(const struct buffer *pending) {
    if (pending->size > 0) {
        char names[1024];
        (void)snprintf(names, sizeof names, "%.*s", TEXT_ARGS(buffer_text(pending)));
        log_event(LOG_WARN, "reload_needs_restart", "options=%s", log_quote(names));
    }
}

/* New passwords do not wait for the lanes. */
void reload_options_credentials(const struct config *config) {
    struct fault fault;
    bool has_changed = false;
    if (!kafka_credentials_refresh(config, &has_changed, &fault)) {
        log_event(LOG_WARN, "credentials_unchanged", "reason=%s", log_quote(fault.text));
    } else if (has_changed) {
        log_event(LOG_INFO, "credentials_changed", "of=kafka");
    }
}

void reload_credentials(struct editions *editions) {
    struct edition *edition = editions_take(editions);
    reload_options_credentials(edition->config);
    edition_drop(edition);
}

static void accept(struct editions *editions, struct edition_parts *parts,
                   const struct buffer *pending) {
    log_configure(parts->config.log.level, parts->config.log.format);
    editions_put(editions, parts);
    struct edition *edition = editions_take(editions);
    reload_options_credentials(edition->config);
    tell_in_force(edition);
    tell_accepted(pending);
    log_event(LOG_INFO, "config_reloaded",
              "edition=%" PRId64 " programs_revision=%" PRId64 " catalog_revision=%" PRId64,
              edition->number, edition->programs->revision, edition->catalog->revision);
    log_pending(pending);
    edition_drop(edition);
}

bool reload_edition(struct editions *editions, const struct command_common *common) {
    struct edition *now = editions_take(editions);
    struct edition_parts *parts = edition_parts_new();
    struct problems problems;
    struct buffer pending;
    problems_init(&problems);
    buffer_init(&pending);
    load(parts, now, common, &problems, &pending);
    edition_drop(now);
    bool is_good = problems.count == 0;
    if (is_good) {
        accept(editions, parts, &pending);
    } else {
        tell_refused(&problems);
        edition_parts_free(parts);
    }
    buffer_release(&pending);
    problems_release(&problems);
    return is_good;
}

bool reload_options(struct config *next, const struct config *now,
                    const struct command_common *common) {
    struct problems problems;
    struct buffer pending;
    problems_init(&problems);
    buffer_init(&pending);
    bool is_good = config_load_again(next, now, command_config_path(common), common->overrides,
                                     common->override_count, &problems, &pending);
    if (is_good) {
        log_configure(next->log.level, next->log.format);
        reload_options_credentials(next);
        tell_accepted(&pending);
        log_event(LOG_INFO, "config_reloaded", "%s", "");
        log_pending(&pending);
    } else {
        tell_refused(&problems);
    }
    buffer_release(&pending);
    problems_release(&problems);
    return is_good;
}
