/* accrued check: everything that is wrong, before the service finds out one by one. */
#include "accrued/probe.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "command.h"
#include "schemas.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KAFKA_TIMEOUT_MS 5000
#define READER_SCHEMA_FILE "billing-line.avsc"

static const char usage[] =
    "Usage: accrued check [-c FILE] [-o KEY=VALUE]… [--offline]\n"
    "       accrued check --print-example | --print-markdown\n"
    "\n"
    "Validates the configuration, the programs, the catalog and the schemas, asks Kafka, Redis\n"
    "and the schema registry whether they are there, and prints the effective configuration\n"
    "with secrets masked. Exit code 1 if anything is wrong; each problem is one line on standard\n"
    "error with file, line and key.\n"
    "\n"
    "      --offline          files only, no server\n"
    "      --print-example    print an example configuration file with every option\n"
    "      --print-markdown   print the table of options in Markdown\n" COMMAND_COMMON_HELP;

enum { OPTION_OFFLINE = 256, OPTION_EXAMPLE, OPTION_MARKDOWN };

static const struct option long_options[] = {
    {"offline", no_argument, NULL, OPTION_OFFLINE},
    {"print-example", no_argument, NULL, OPTION_EXAMPLE},
    {"print-markdown", no_argument, NULL, OPTION_MARKDOWN},
    COMMAND_COMMON_LONG,
};

/* "good  catalog   catalog.yaml, 60 rules"; without `noun`, a singular, nothing is counted. */
static void tell_good(const char *what, const char *detail, size_t count, const char *noun) {
    (void)fprintf(stderr, "good  %-9s %s", what, detail);
    if (noun != NULL) {
        (void)fprintf(stderr, ", %zu %s%s", count, noun, count == 1 ? "" : "s");
    }
    (void)fputc('\n', stderr);
}

static void check_rating(const struct config *config, struct problems *problems) {
    struct catalog catalog;
    struct programs programs;
    catalog_init(&catalog);
    programs_init(&programs);
    if (catalog_load_all(&catalog, config->rating.catalog, problems)) {
        tell_good("catalog", config->rating.catalog, catalog.rule_count, "rule");
    }
    if (programs_load_all(&programs, &catalog, config->rating.programs, problems)) {
        tell_good("programs", config->rating.programs, programs.count, "program");
    }
    programs_release(&programs);
    catalog_release(&catalog);
}

/* Caller frees. */
static char *schema_path(const struct config *config, const char *file) {
    char *path = NULL;
    REQUIRE((file[0] == '/' ? asprintf(&path, "%s", file)
                            : asprintf(&path, "%s/%s", config->schemas.directory, file)) >= 0);
    return path;
}

/* One at a time, so that a bad file does not hide another. */
static bool check_schema(const char *reader_path, const struct schema_file *file,
                         struct problems *problems) {
    struct fault fault;
    struct schema_set *set = schema_set_open(reader_path, file, file != NULL ? 1 : 0, &fault);
    schema_set_free(set);
    if (set != NULL) {
        return true;
    }
    if (file == NULL) {
        return problems_add(problems, "schemas.directory: %s", fault.text);
    }
    return problems_add(problems, "schemas.ids.%" PRIu32 ": %s", file->id, fault.text);
}

static void check_schemas(const struct config *config, struct problems *problems) {
    char *reader_path = schema_path(config, READER_SCHEMA_FILE);
    bool is_good = check_schema(reader_path, NULL, problems);
    bool is_readable = is_good;
    for (size_t i = 0; is_readable && i < config->schemas.id_count; i++) {
        char *path = schema_path(config, config->schemas.ids[i].file);
        struct schema_file file = {config->schemas.ids[i].id, path};
        is_good = check_schema(reader_path, &file, problems) && is_good;
        free(path);
    }
    if (is_good) {
        tell_good("schemas", config->schemas.directory, config->schemas.id_count, "id");
    }
    free(reader_path);
}

static void check_servers(const struct config *config, struct problems *problems) {
    struct fault fault;
    int brokers = 0;
    if (probe_kafka(config, KAFKA_TIMEOUT_MS, &brokers, &fault)) {
        tell_good("kafka", config->kafka.bootstrap_servers, (size_t)brokers, "broker");
    } else {
        (void)problems_add(problems, "%s", fault.text);
    }
    if (probe_redis(config, &fault)) {
        tell_good("redis",
                  config->redis.sentinels[0] != '\0' ? config->redis.sentinels
                                                     : config->redis.address,
                  0, NULL);
    } else {
        (void)problems_add(problems, "%s", fault.text);
    }
    if (config->registry.urls[0] == '\0') {
        return;
    }
    if (schemas_probe(config, &fault)) {
        tell_good("registry", config->registry.urls, 0, NULL);
    } else {
        (void)problems_add(problems, "%s", fault.text);
    }
}

static int check_all(const struct command_common *common, bool is_offline) {
    struct config config;
    struct problems problems;
    struct buffer effective;
    const char *path = command_config_path(common);
    problems_init(&problems);
    buffer_init(&effective);
    config_init(&config);
    if (config_load_all(&config, path, common->overrides, common->override_count, &problems)) {
        tell_good("config", path != NULL ? path : "built-in defaults", 0, NULL);
    }
    /* Without the file that was named the rest would be about defaults that nobody has asked for.
     */
    bool is_there = path == NULL || access(path, R_OK) == 0;
    if (is_there) {
        check_rating(&config, &problems);
        check_schemas(&config, &problems);
        if (!is_offline) {
            check_servers(&config, &problems);
        }
        config_append_yaml(&effective, &config);
    }
    (void)fprintf(stderr, "%.*s", TEXT_ARGS(buffer_text(&problems.lines)));
    (void)fwrite(effective.data, 1, effective.size, stdout);
    size_t count = problems.count;
    if (count > 0) {
        (void)fprintf(stderr, "accrued check: %zu problem%s\n", count, count == 1 ? "" : "s");
    }
    config_release(&config);
    buffer_release(&effective);
    problems_release(&problems);
    return count == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int print(void (*append)(struct buffer *to)) {
    struct buffer text;
    buffer_init(&text);
    append(&text);
    size_t written = fwrite(text.data, 1, text.size, stdout);
    bool is_good = written == text.size && fflush(stdout) == 0;
    buffer_release(&text);
    return is_good ? COMMAND_OK : COMMAND_FAILED;
}

int command_check(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    bool is_offline = false;
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case OPTION_OFFLINE: is_offline = true; break;
        case OPTION_EXAMPLE: return print(config_append_example);
        case OPTION_MARKDOWN: return print(config_append_markdown);
        default: return COMMAND_USAGE;
        }
    }
    if (optind < argc) {
        return command_usage(argv[0], "\"%s\" is too much; the file goes after -c", argv[optind]);
    }
    return check_all(&common, is_offline);
}
