/* The option table and all that it drives. */
#include "accrued/address.h"
#include "accrued/config.h"
#include "accrued/suggest.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct file {
    char path[64];
};

static struct file file_of(const char *content) {
    struct file file = {"/tmp/config_test_XXXXXX"};
    int descriptor = mkstemp(file.path);
    cr_assert(descriptor >= 0);
    cr_assert(write(descriptor, content, strlen(content)) == (ssize_t)strlen(content));
    (void)close(descriptor);
    return file;
}

/* Loads `content` ("" : no file) with overrides; the problems without the file's name. */
static char *problems_of(const char *content, const char *const *overrides, size_t count) {
    struct file file = file_of(content);
    struct config config;
    struct problems problems;
    const char *path = content[0] != '\0' ? file.path : NULL;
    config_init(&config);
    problems_init(&problems);
    bool is_good = config_load_all(&config, path, overrides, count, &problems);
    cr_expect(is_good == (problems.count == 0));
    char *text = calloc(1, problems.lines.size + 1);
    size_t size = 0;
    struct text lines = buffer_text(&problems.lines);
    while (lines.size > 0) {
        size_t line_size =
            (size_t)((const char *)memchr(lines.data, '\n', lines.size) - lines.data) + 1;
        size_t skip = text_starts_with(lines, text_of(file.path)) ? strlen(file.path) + 1 : 0;
        memcpy(text + size, lines.data + skip, line_size - skip);
        size += line_size - skip;
        lines = (struct text){lines.data + line_size, lines.size - line_size};
    }
    problems_release(&problems);
    config_release(&config);
    (void)unlink(file.path);
    return text;
}

static void expect_told(const char *content, const char *const *overrides, size_t count,
                        const char *told) {
    char *text = problems_of(content, overrides, count);
    cr_expect_str_eq(text, told, "for:\n%s\ntold:\n%s\nexpected:\n%s", content, text, told);
    free(text);
}

Test(config, defaults_are_good_and_nothing_is_null) {
    struct config config;
    struct fault fault = {""};
    config_init(&config);
    cr_assert(config_load(&config, NULL, NULL, 0, &fault), "%s", fault.text);
    cr_expect_str_eq(config.kafka.group_id, "accrued");
    cr_expect_str_eq(config.kafka.group_instance_id, "");
    cr_expect(config.kafka.instance[0] != '\0', "the host's name");
    cr_expect(config.kafka.transaction_timeout_ms == 30000);
    cr_expect(config.kafka.properties.count == 0);
    cr_expect_str_eq(config.topics.ledger, "accrued-ledger");
    cr_expect(config.schemas.id_count == 5 && config.schemas.ids[2].id == 3);
    cr_expect_str_eq(config.schemas.ids[2].file, "forgone.avsc");
    cr_expect_str_eq(config.rating.programs, "programs.yaml");
    cr_expect(config.reference.outage == OUTAGE_STALL && config.log.level == LOG_INFO);
    cr_expect_str_eq(config.file, "");
    config_release(&config);
}

Test(config, each_source_goes_over_the_one_before) {
    struct file file = file_of("kafka:\n  group_id: file\n  client_id: file\n  environment: file\n"
                               "  group_instance_id:\n"
                               "  properties: {security.protocol: ssl, ssl.ca.location: /ca}\n"
                               "lanes: {count: 3}\nreference: {outage: serve_stale}\n"
                               "rating: {no_link: true}\nhttp:\n  listen: \"\"\nredis:\n");
    const char *overrides[] = {"kafka.client_id=override", "kafka.properties.linger.ms=7",
                               "kafka.properties.security.protocol=plaintext",
                               "schemas.ids.9=other.avsc"};
    struct config config;
    struct fault fault = {""};
    cr_assert(setenv("ACCRUED_KAFKA_ENVIRONMENT", "variable", 1) == 0);
    cr_assert(setenv("ACCRUED_KAFKA_CLIENT_ID", "variable", 1) == 0);
    cr_assert(setenv("ACCRUED_KAFKA_PRODUCER_PROPERTIES", "{linger.ms: 5}", 1) == 0);
    config_init(&config);
    cr_assert(config_load(&config, file.path, overrides, 4, &fault), "%s", fault.text);
    cr_expect_str_eq(config.kafka.group_id, "file");
    cr_expect_str_eq(config.kafka.environment, "variable");
    cr_expect_str_eq(config.kafka.client_id, "override");
    cr_expect_str_eq(config.kafka.properties.items[0].value, "plaintext");
    cr_expect_str_eq(config.kafka.properties.items[2].name, "linger.ms");
    cr_expect_str_eq(config.kafka.producer_properties.items[0].value, "5");
    cr_expect(config.lanes.count == 3 && config.rating.no_link);
    cr_expect(config.reference.outage == OUTAGE_SERVE_STALE);
    cr_expect(config.schemas.id_count == 6 && config.schemas.ids[5].id == 9);
    cr_expect_str_eq(config.http.listen, "");
    cr_expect_str_eq(config.file, file.path);
    config_release(&config);
    (void)unlink(file.path);
}

Test(config, paths_are_relative_to_the_file_that_has_them) {
    struct file file = file_of("rating: {programs: p.yaml, catalog: /abs/c.yaml}\n");
    const char *overrides[] = {"schemas.directory=here"};
    struct config config;
    struct fault fault = {""};
    config_init(&config);
    cr_assert(config_load(&config, file.path, overrides, 1, &fault), "%s", fault.text);
    cr_expect_str_eq(config.rating.programs, "/tmp/p.yaml");
    cr_expect_str_eq(config.rating.catalog, "/abs/c.yaml");
    cr_expect_str_eq(config.schemas.directory, "here", "on the command line: as it stands");
    config_release(&config);
    config_init(&config);
    cr_assert(config_load(&config, file.path, NULL, 0, &fault), "%s", fault.text);
    cr_expect_str_eq(config.schemas.directory, "/tmp/schemas", "a default: beside the file");
    config_release(&config);
    (void)unlink(file.path);
}

static const struct {
    const char *content;
    const char *told;
} mistakes[] = {
    {"- x\n", "1: must be a mapping, not a list\n"},
    {"kafka: x\n", "1: kafka: must be a mapping, not a value\n"},
    {"kafak:\n  group_id: x\n", "1: kafak: unknown key, did you mean \"kafka\"?\n"},
    {"kafka:\n  group-id: x\n  nothing_like_it: 1\n",
     "2: kafka.group-id: unknown key, did you mean \"group_id\"?\n"
     "3: kafka.nothing_like_it: unknown key\n"},
    {"kafka:\n  group_id: a\n  group_id: b\n",
     "3: kafka.group_id: stands twice, first on line 2\n"},
    {"kafka:\n  group_id: [a]\n", "2: kafka.group_id: must be one value, not a list\n"},
    {"kafka:\n  group_id: \"\"\n", "2: kafka.group_id: must not be empty\n"},
    {"kafka:\n  compression: zip\n",
     "2: kafka.compression: \"zip\" is none of none, gzip, snappy, lz4, zstd\n"},
    {"kafka:\n  session_timeout_ms: 30s\n",
     "2: kafka.session_timeout_ms: \"30s\" is not a whole number of ms\n"},
    {"kafka:\n  session_timeout_ms: 10\n",
     "2: kafka.session_timeout_ms: 10 ms is outside 6000 … 1800000 ms\n"},
    {"lanes:\n  count: 0\n", "2: lanes.count: 0 is outside 1 … 256\n"},
    {"rating:\n  no_link: yes\n", "2: rating.no_link: \"yes\" is neither true nor false\n"},
    {"kafka:\n  properties: [a]\n", "2: kafka.properties: must be a mapping, not a list\n"},
    {"kafka:\n  properties:\n    a.b: {c: d}\n",
     "3: kafka.properties.a.b: must be one value, not a mapping\n"},
    {"schemas:\n  ids: {0: x, 1: , 2: a, 3: b}\n",
     "2: schemas.ids.0: \"0\" is not a schema id from 1 to 2147483647\n"
     "2: schemas.ids.1: needs the name of a schema file\n"
     "2: schemas.ids: schemas.ids has no id 1\n"},
    {"kafka: {group_id: a\n", "2: not YAML: did not find expected ',' or '}' (while parsing a "
                              "flow mapping that begins on "
                              "line 1)\n"},
    {"topics:\n  accruals: a b\n  ledger: billing-lines\n",
     "2: topics.accruals: \"a b\" is not a topic name: 1 to 249 of a–z A–Z 0–9 . _ -\n"
     "3: topics.ledger: \"billing-lines\" is topics.billing_lines already; each topic needs "
     "its "
     "own name\n"},
    {"topics:\n  replication_factor: 1\n",
     "2: topics.replication_factor: topics.min_insync_replicas (2) must not be above "
     "topics.replication_factor (1): nothing could be written\n"},
    {"redis:\n  address: localhost\nhttp:\n  listen: unix:/x\n",
     "2: redis.address: \"localhost\" is neither host:port nor unix:/path\n"
     "4: http.listen: \"unix:/x\" is not host:port\n"},
    {"redis:\n  username: u\n", "2: redis.username: a user needs a password\n"},
    {"redis:\n  sentinels: a:1, b, unix:/x,\n",
     "2: redis.sentinels: \"b\" is not host:port\n"
     "2: redis.sentinels: \"unix:/x\" is not host:port\n"},
    {"redis:\n  sentinels: a:1\n  master_name: \"\"\n",
     "3: redis.master_name: Sentinels know masters by name\n"},
    {"redis:\n  sentinel_username: u\n", "2: redis.sentinel_username: a user needs a password\n"},
    {"redis:\n  sentinel_password_file: /nowhere\n",
     "redis.sentinel_password_file: /nowhere: No such file or directory\n"},
    {"redis:\n  tls_key_file: /k\n",
     "2: redis.tls_key_file: a certificate needs its key, and a key its certificate\n"},
    {"redis:\n  password_file: /nowhere\n",
     "redis.password_file: /nowhere: No such file or directory\n"},
};

Test(config, every_mistake_in_a_file_is_told_with_line_and_key) {
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        char *text = problems_of(mistakes[i].content, NULL, 0);
        cr_expect_str_eq(text, mistakes[i].told, "for:\n%s\ntold:\n%s\nexpected:\n%s",
                         mistakes[i].content, text, mistakes[i].told);
        free(text);
    }
}

Test(config, timeouts_nest) {
    expect_told(
        "kafka:\n  transaction_timeout_ms: 120000\n", NULL, 0,
        "2: kafka.transaction_timeout_ms: kafka.transaction_timeout_ms (120000 ms) must be "
        "shorter than kafka.max_poll_interval_ms (120000 ms): a transaction ends before its "
        "partitions are given away\n");
    expect_told("kafka:\n  max_poll_interval_ms: 20000\n", NULL, 0,
                "2: kafka.max_poll_interval_ms: kafka.session_timeout_ms (30000 ms) must not be "
                "longer than kafka.max_poll_interval_ms (20000 ms)\n"
                "2: kafka.max_poll_interval_ms: kafka.transaction_timeout_ms (30000 ms) must be "
                "shorter than kafka.max_poll_interval_ms (20000 ms): a transaction ends before its "
                "partitions are given away\n");
    expect_told("redis:\n  timeout_ms: 20000\n", NULL, 0,
                "2: redis.timeout_ms: redis.connect_timeout_ms + 2 × redis.timeout_ms (41000 ms) "
                "must be shorter than kafka.transaction_timeout_ms (30000 ms)\n");
    expect_told("batch: {wait_ms: 5000}\nkafka:\n  transaction_timeout_ms: 5000\n", NULL, 0,
                "1: batch.wait_ms: batch.wait_ms (5000 ms) must be shorter than "
                "kafka.transaction_timeout_ms (5000 ms)\n");
    expect_told("reference: {outage: serve-stale, stale_max_ms: 1000}\n", NULL, 0,
                "1: reference.stale_max_ms: reference.stale_max_ms (1000 ms) must be longer than "
                "reference.fresh_ms (1000 ms)\n");
    expect_told("kafka:\n  producer_properties: {delivery.timeout.ms: 30001}\n"
                "  properties: {socket.timeout.ms: 30100, message.timeout.ms: 30000}\n",
                NULL, 0,
                "2: kafka.producer_properties: delivery.timeout.ms (30001 ms) must not be longer "
                "than 30000 ms, from kafka.transaction_timeout_ms\n");
}

Test(config, pinned_properties_are_refused_with_the_reason) {
    static const char *const names[] = {
        "enable.auto.commit",
        "auto.commit.enable",
        "isolation.level",
        "transactional.id",
        "enable.idempotence",
        "partitioner",
        "acks",
        "request.required.acks",
        "group.id",
        "bootstrap.servers",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "Partitioner",
        "max.in.flight",
        "allow.auto.create.topics",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char content[128];
        char begin[128];
        (void)snprintf(content, sizeof content, "kafka:\n  consumer_properties:\n    %s: x\n",
                       names[i]);
        (void)snprintf(begin, sizeof begin,
                       "3: kafka.consumer_properties.%s: may not be set: ", names[i]);
        char *text = problems_of(content, NULL, 0);
        cr_expect(strncmp(text, begin, strlen(begin)) == 0 && strlen(text) > strlen(begin) + 10,
                  "%s", text);
        free(text);
    }
    const char *overrides[] = {"kafka.properties.acks=1"};
    expect_told(
        "", overrides, 1,
        "-o kafka.properties.acks: may not be set: transactions need it as it is; otherwise "
        "money is paid twice or not at all\n");
}

Test(config, mistakes_outside_the_file_are_told) {
    const char *overrides[] = {"kafka.group=x", "x", "lanes.count=many", "zzz=1"};
    expect_told("", overrides, 4,
                "-o kafka.group: unknown option, did you mean \"kafka.group_id\"?\n"
                "-o x: is not of the form section.key=value\n"
                "-o lanes.count: \"many\" is not a whole number\n"
                "-o zzz: unknown option\n");
    cr_assert(setenv("ACCRUED_LANES_COUNT", "-1", 1) == 0);
    cr_assert(setenv("ACCRUED_KAFKA_GROUPID", "x", 1) == 0);
    cr_assert(setenv("ACCRUED_SCHEMAS_IDS", "{1: a, 2: b, 3: c, x: d}", 1) == 0);
    /* Kubernetes makes these for a service named accrued-redis. */
    cr_assert(setenv("ACCRUED_REDIS_PORT", "tcp://10.0.0.1:6379", 1) == 0);
    cr_assert(setenv("ACCRUED_REDIS_SERVICE_HOST", "10.0.0.1", 1) == 0);
    cr_assert(setenv("ACCRUED_ELSEWHERE", "x", 1) == 0);
    cr_assert(setenv("ACCRUED_TOPIC_SERVICE_PORT", "9464", 1) == 0);
    expect_told("", NULL, 0,
                "ACCRUED_LANES_COUNT: \"-1\" is not a whole number\n"
                "ACCRUED_SCHEMAS_IDS:1: x: \"x\" is not a schema id from 1 to 2147483647\n"
                "ACCRUED_KAFKA_GROUPID: unknown variable, did you mean "
                "\"ACCRUED_KAFKA_GROUP_ID\"?\n");
}

Test(config, a_misspelt_variable_is_an_error_with_a_suggestion) {
    cr_assert(setenv("ACCRUED_KAFKA_BOOTSTRAP", "127.0.0.1:1", 1) == 0);
    expect_told("", NULL, 0,
                "ACCRUED_KAFKA_BOOTSTRAP: unknown variable, did you mean "
                "\"ACCRUED_KAFKA_BOOTSTRAP_SERVERS\"?\n");
    cr_assert(unsetenv("ACCRUED_KAFKA_BOOTSTRAP") == 0);
    cr_assert(setenv("ACCRUED_KAFAK_BOOTSTRAP_SERVERS", "127.0.0.1:1", 1) == 0);
    expect_told("", NULL, 0,
                "ACCRUED_KAFAK_BOOTSTRAP_SERVERS: unknown variable, did you mean "
                "\"ACCRUED_KAFKA_BOOTSTRAP_SERVERS\"?\n");
    cr_assert(unsetenv("ACCRUED_KAFAK_BOOTSTRAP_SERVERS") == 0);
    cr_assert(setenv("ACCRUED_REDIS_ZZZZZZZZ", "x", 1) == 0);
    expect_told("", NULL, 0, "ACCRUED_REDIS_ZZZZZZZZ: unknown variable\n");
}

Test(config, a_fault_names_the_file) {
    struct config config;
    struct fault fault = {""};
    config_init(&config);
    cr_expect(!config_load(&config, "/nowhere/accrued.yaml", NULL, 0, &fault));
    cr_expect_str_eq(fault.text, "/nowhere/accrued.yaml: there is no such file; "
                                 "`accrued check --print-example` prints one");
    config_release(&config);
}

Test(config, password_comes_from_the_first_line_of_its_file) {
    struct file secret = file_of("s3cret\nsecond\n");
    struct config config;
    struct fault fault = {""};
    char override[128];
    const char *overrides[] = {override, "redis.password=x"};
    (void)snprintf(override, sizeof override, "redis.password_file=%s", secret.path);
    config_init(&config);
    cr_assert(config_load(&config, NULL, overrides, 1, &fault), "%s", fault.text);
    cr_expect_str_eq(config.redis.password, "s3cret");
    config_release(&config);
    config_init(&config);
    cr_expect(!config_load(&config, NULL, overrides, 2, &fault), "both are set");
    config_release(&config);
    (void)unlink(secret.path);
}

static char *string_of(struct buffer *buffer) {
    buffer_append_byte(buffer, '\0');
    return (char *)buffer->data;
}

Test(config, the_effective_print_masks_secrets_and_reads_back) {
    const char *overrides[] = {"redis.password=hunter2",
                               "kafka.properties.sasl.password=hunter2",
                               "kafka.properties.ssl.key.password=hunter2",
                               "kafka.properties.ssl.key.pem=hunter2",
                               "kafka.properties.sasl.oauthbearer.client.secret=hunter2",
                               "kafka.properties.sasl.username=it's \"me\"\\",
                               "kafka.client_id=true",
                               "kafka.environment=a: b # c",
                               "redis.key_prefix=",
                               "lanes.count=7"};
    struct config config;
    struct config again;
    struct buffer print;
    struct buffer reprint;
    struct fault fault = {""};
    config_init(&config);
    config_init(&again);
    buffer_init(&print);
    buffer_init(&reprint);
    cr_assert(config_load(&config, NULL, overrides, 10, &fault), "%s", fault.text);
    config_append_yaml(&print, &config);
    const char *text = string_of(&print);
    cr_expect(strstr(text, "hunter2") == NULL && strstr(text, "  password: \"****\"\n") != NULL);
    cr_expect(strstr(text, "    sasl.password: \"****\"\n") != NULL, "%s", text);

    struct file file = file_of(text);
    const char *paths[] = {"rating.programs=programs.yaml", "rating.catalog=catalog.yaml",
                           "schemas.directory=schemas"};
    cr_assert(config_load(&again, file.path, paths, 3, &fault), "%s", fault.text);
    config_append_yaml(&reprint, &again);
    cr_expect_str_eq(string_of(&reprint), text);
    cr_expect_str_eq(again.kafka.environment, "a: b # c");
    cr_expect_str_eq(again.kafka.properties.items[4].value, "it's \"me\"\\");
    (void)unlink(file.path);
    buffer_release(&reprint);
    buffer_release(&print);
    config_release(&again);
    config_release(&config);
}

static char *content_of(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *content = NULL;
    size_t capacity = 0;
    (void)getdelim(&content, &capacity, '\0', file);
    (void)fclose(file);
    return content;
}

Test(config, the_shipped_file_is_the_example_and_is_good) {
    struct config config;
    struct buffer example;
    struct fault fault = {""};
    buffer_init(&example);
    config_append_example(&example);
    char *shipped = content_of(ACCRUED_SOURCE_DIR "/config/accrued.yaml");
    cr_assert(shipped != NULL);
    cr_expect_str_eq(shipped, string_of(&example), "accrued check --print-example");
    free(shipped);
    buffer_release(&example);
    config_init(&config);
    cr_expect(config_load(&config, ACCRUED_SOURCE_DIR "/config/accrued.yaml", NULL, 0, &fault),
              "%s", fault.text);
    cr_expect_str_eq(config.schemas.directory, ACCRUED_SOURCE_DIR "/config/../schemas");
    config_release(&config);
}

Test(config, the_readme_has_the_table) {
    static const char begin[] = "<!-- options:begin -->\n";
    char *readme = content_of(ACCRUED_SOURCE_DIR "/README.md");
    const char *at = readme != NULL ? strstr(readme, begin) : NULL;
    if (at == NULL) {
        free(readme);
        cr_skip_test("no README.md with options:begin yet");
    }
    struct buffer table;
    buffer_init(&table);
    config_append_markdown(&table);
    const char *from = at + strlen(begin);
    const char *end = strstr(from, "<!-- options:end -->");
    cr_assert(end != NULL);
    cr_expect(text_equal((struct text){from, (size_t)(end - from)}, buffer_text(&table)),
              "put the output of `accrued check --print-markdown` between the marks");
    buffer_release(&table);
    free(readme);
}

Test(address, forms) {
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"localhost:6379", "localhost", 6379},
        {"[::1]:80", "::1", 80},
        {"unix:/run/x", "/run/x", 0},
        {"unix:x", NULL, 0},
        {"::1:80", NULL, 0},
        {"host", NULL, 0},
        {"host:0", "host", 0},
        {"host:65536", NULL, 0},
        {":80", NULL, 0},
        {"host:80x", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = {.port = 0};
        bool is_good = address_parse(cases[i].text, &address);
        cr_expect(is_good == (cases[i].host != NULL), "%s", cases[i].text);
        if (is_good) {
            cr_expect_str_eq(address.host, cases[i].host);
            cr_expect_eq(address.port, cases[i].port);
            cr_expect_eq(address.is_unix, cases[i].text[0] == 'u');
        }
    }
}

Test(suggest, only_typing_mistakes) {
    static const char *const known[] = {"run", "rate", "reference", "check"};
    cr_expect_str_eq(suggest_nearest(TEXT("chekc"), known, 4), "check");
    cr_expect_str_eq(suggest_nearest(TEXT("refrence"), known, 4), "reference");
    cr_expect_null(suggest_nearest(TEXT("publish"), known, 4));
    cr_expect_null(suggest_nearest(TEXT(""), known, 4));
    cr_expect_null(suggest_nearest(TEXT("x"), known, 4));
}

Test(suggest, the_only_name_that_begins_so) {
    static const char *const known[] = {"group_id", "group_instance_id", "bootstrap_servers"};
    cr_expect_str_eq(suggest_nearest(TEXT("Boot"), known, 3), "bootstrap_servers");
    cr_expect_str_eq(suggest_nearest(TEXT("group-instance"), known, 3), "group_instance_id");
    cr_expect_null(suggest_nearest(TEXT("boo"), known, 3));
    cr_expect_null(suggest_nearest(TEXT("bootstrapper_list"), known, 3));
    static const char *const alike[] = {"memory_of_the_cache", "memory_of_the_ledger"};
    cr_expect_null(suggest_nearest(TEXT("memory"), alike, 2));
}

Test(config, a_list_of_addresses_is_taken_apart) {
    const char *rest = " a:1 ,, b:2,c:3 ,";
    char item[ADDRESS_TEXT_SIZE_MAX];
    static const char *const wanted[] = {"a:1", "b:2", "c:3"};
    for (size_t i = 0; i < 3; i++) {
        cr_assert(address_next(&rest, item));
        cr_expect_str_eq(item, wanted[i]);
    }
    cr_expect(!address_next(&rest, item));
    rest = "";
    cr_expect(!address_next(&rest, item));
}
