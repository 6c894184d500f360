/* The lines of `accrued rate`: billing lines, changed reference values, re-rates. */
#include "fuzz.h"

#include "accrued/encode.h"
#include "accrued/programs_yaml.h"

#include "../../src/cli/rate_input.h"

static struct catalog catalog;
static struct programs programs;
static struct buffer output;

static void write_event(void *context, const struct event *event, struct text rerate_id) {
    (void)context;
    buffer_clear(&output);
    switch (event->kind) {
    case EVENT_ACCRUAL: encode_accrual_json(&output, &event->accrual, rerate_id); break;
    case EVENT_FORGONE: encode_forgone_json(&output, &event->forgone); break;
    }
}

static void ignore_unrated(void *context, const struct billing_line *line,
                           const struct reject *reject) {
    (void)context;
    (void)line;
    REQUIRE(reject->code != REJECT_NONE);
}

static void ignore_refused(void *context, size_t engine, struct text raw,
                           const struct reject *reject) {
    (void)context;
    (void)engine;
    (void)raw;
    REQUIRE(reject->code != REJECT_NONE && reject->message[0] != '\0');
}

static void load_rules(void) {
    struct fault fault;
    catalog_init(&catalog);
    programs_init(&programs);
    buffer_init(&output);
    REQUIRE(catalog_load(&catalog, ACCRUED_SOURCE_DIR "/config/catalog.yaml", &fault));
    REQUIRE(programs_load(&programs, &catalog, ACCRUED_SOURCE_DIR "/config/programs.yaml", &fault));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (programs.count == 0) {
        load_rules();
    }
    char path[FUZZ_PATH_SIZE];
    struct offline offline;
    struct rate_input input;
    int file = fuzz_file(data, size, path);
    rate_input_init(&input);
    offline_init(&offline, &programs, &catalog,
                 (struct offline_options){{true}, write_event, ignore_unrated, NULL});
    input.command = "rate";
    input.engines[input.engine_count++] = &offline;
    input.hooks = (struct rate_input_hooks){.refused = ignore_refused};
    (void)rate_input_lines(&input, path);
    offline_release(&offline);
    rate_input_release(&input);
    (void)close(file);
    return 0;
}
