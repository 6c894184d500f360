/* accrued reference: partners, competencies, customers and links into Redis, and out of it. */
#include "reference.h"

#include "accrued/reference_json.h"
#include "accrued/reference_store.h"
#include "accrued/require.h"
#include "accrued/suggest.h"
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "Usage: accrued reference load [-n] [--no-rerate] FILE… [-c FILE] [-o KEY=VALUE]…\n"
    "       accrued reference load --resume\n"
    "       accrued reference diff FILE…\n"
    "       accrued reference get partner:MPN | customer:ID | fx:YYYY-MM\n"
    "       accrued reference export\n"
    "\n"
    "Reference data is what accruals are earned on and settled by: partners with their standing,\n"
    "customers with their links, exchange rates by month. A file is JSON lines, {\"partner\": "
    "{…}},\n"
    "{\"customer\": {…}} or {\"fx\": {…}}, or a CSV table (partners, competencies, links, "
    "customers or\n"
    "exchange rates, told by its header) where its name ends in .csv.\n"
    "A table replaces what it tells about and leaves the rest of a value as it is.\n"
    "\n"
    "  load     write what is new or changed; nothing at all if any file has a problem\n"
    "  diff     what load would write; exit code 1 if there is anything\n"
    "  get      the value of one key, as it is stored\n"
    "  export   everything under redis.key_prefix as JSON lines that load takes back\n"
    "\n"
    "After a load the workers are asked to rate the lines again that the changes concern; no line\n"
    "depends on an exchange rate. What an interrupted load could not ask for, the next one asks "
    "for.\n"
    "\n"
    "  -n, --dry-run          load, but write nothing: print what would be written\n"
    "      --no-rerate        load, but don't ask (before the first lines; or ask later, with\n"
    "                         `accrued rerate`)\n"
    "      --resume           write nothing, only ask for what an interrupted load "
    "left\n" COMMAND_COMMON_HELP;

enum { OPTION_NO_RERATE = 256, OPTION_RESUME };

static const struct option long_options[] = {
    {"dry-run", no_argument, NULL, 'n'},
    {"no-rerate", no_argument, NULL, OPTION_NO_RERATE},
    {"resume", no_argument, NULL, OPTION_RESUME},
    COMMAND_COMMON_LONG,
};

static const char name[] = "reference";

bool reference_finish_output(void) {
    if (ferror(stdout) || fflush(stdout) != 0) {
        (void)fprintf(stderr, "accrued reference: standard output: %s\n", strerror(errno));
        return false;
    }
    return true;
}

/* Can the service read it? false: `ret_reason` says why not. */
static bool is_readable(struct reference_key key, struct text value, struct fault *ret_reason) {
    struct arena scratch;
    size_t size;
    arena_init(&scratch);
    struct reference *made = reference_from_json(key.kind, key.id, value, &scratch, &size);
    bool is_good = made->state == REFERENCE_PRESENT;
    if (!is_good) {
        (void)fault_set(ret_reason, "%s:%.*s cannot be read, lines that need it are refused: %s",
                        reference_kind_name(key.kind), TEXT_ARGS(key.id), made->unreadable_reason);
    }
    free(made);
    arena_release(&scratch);
    return is_good;
}

static int get(const struct config *config, struct reference_key key) {
    struct arena arena;
    struct fault fault;
    struct text value = text_null();
    arena_init(&arena);
    if (key.kind == REFERENCE_CUSTOMER) {
        key.id = arena_fold(&arena, key.id);
    }
    struct reference_store *store = reference_store_open(config, &fault);
    bool is_good = store != NULL && reference_store_get(store, &key, 1, &arena, &value, &fault);
    reference_store_free(store);
    if (is_good && text_is_null(value)) {
        is_good = fault_set(&fault, "no %s:%.*s under the prefix %s", reference_kind_name(key.kind),
                            TEXT_ARGS(key.id), config->redis.key_prefix);
    } else if (is_good) {
        (void)printf("%.*s\n", TEXT_ARGS(value));
        is_good = is_readable(key, value, &fault);
    }
    int code = is_good ? COMMAND_OK : command_failed(name, &fault);
    arena_release(&arena);
    return reference_finish_output() ? code : COMMAND_FAILED;
}

/* One line; a value that the service cannot read is told and left out. */
static bool export_value(struct reference_key key, struct text value, struct arena *scratch,
                         struct buffer *line) {
    struct fault fault;
    if (!is_readable(key, value, &fault)) {
        (void)fprintf(stderr, "accrued reference: %s; left out\n", fault.text);
        return false;
    }
    const struct json *tree = json_parse(scratch, value, &fault);
    REQUIRE(tree != NULL);
    buffer_clear(line);
    buffer_append_format(line, "{\"%s\":", reference_kind_name(key.kind));
    json_append(line, tree);
    buffer_append_string(line, "}\n");
    (void)fwrite(line->data, 1, line->size, stdout);
    return true;
}

static bool export_keys(struct reference_store *store, const struct reference_key *keys,
                        size_t count, bool *ret_is_whole, struct fault *fault) {
    struct arena arena;
    struct buffer line;
    struct text values[REFERENCE_STORE_BATCH_MAX];
    arena_init(&arena);
    buffer_init(&line);
    bool is_good = true;
    for (size_t at = 0; is_good && at < count; at += REFERENCE_STORE_BATCH_MAX) {
        size_t size =
            count - at < REFERENCE_STORE_BATCH_MAX ? count - at : REFERENCE_STORE_BATCH_MAX;
        arena_clear(&arena);
        is_good = reference_store_get(store, keys + at, size, &arena, values, fault);
        for (size_t i = 0; is_good && i < size; i++) {
            if (!text_is_null(values[i]) && /* deleted since */
                !export_value(keys[at + i], values[i], &arena, &line)) {
                *ret_is_whole = false;
            }
        }
    }
    buffer_release(&line);
    arena_release(&arena);
    return is_good;
}

static int export_all(const struct config *config) {
    struct arena arena;
    struct fault fault;
    struct reference_key *keys = NULL;
    size_t count = 0;
    bool is_whole = true;
    arena_init(&arena);
    struct reference_store *store = reference_store_open(config, &fault);
    bool is_good = store != NULL && reference_store_list(store, &arena, &keys, &count, &fault) &&
                   export_keys(store, keys, count, &is_whole, &fault);
    reference_store_free(store);
    free(keys);
    arena_release(&arena);
    if (!is_good) {
        return command_failed(name, &fault);
    }
    return reference_finish_output() && is_whole ? COMMAND_OK : COMMAND_FAILED;
}

static const char *const actions[] = {"load", "diff", "get", "export"};
enum action { ACTION_LOAD, ACTION_DIFF, ACTION_GET, ACTION_EXPORT };
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

static bool find_action(const char *given, enum action *ret_action) {
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(given, actions[i]) == 0) {
            *ret_action = (enum action)i;
            return true;
        }
    }
    return false;
}

/* Mistakes in the arguments, before anything is touched. */
static int check_arguments(enum action action, enum intent intent, char *const *arguments,
                           size_t count, struct reference_key *ret_key) {
    if (intent != INTENT_LOAD && action != ACTION_LOAD) {
        return command_usage(name, "%s is for load",
                             intent == INTENT_DRY_RUN  ? "--dry-run"
                             : intent == INTENT_RESUME ? "--resume"
                                                       : "--no-rerate");
    }
    if (intent == INTENT_RESUME) {
        return count == 0 ? COMMAND_OK
                          : command_usage(name, "--resume loads no file; a load of files resumes "
                                                "by itself");
    }
    switch (action) {
    case ACTION_LOAD:
    case ACTION_DIFF:
        return count > 0 ? COMMAND_OK
                         : command_usage(name, "%s needs at least one file", actions[action]);
    case ACTION_GET:
        if (count != 1) {
            return command_usage(name, "get needs one key: partner:MPN, customer:ID or fx:YYYY-MM");
        }
        return reference_key_parse(text_of(arguments[0]), ret_key)
                   ? COMMAND_OK
                   : command_usage(name, "\"%s\" is none of partner:MPN, customer:ID, fx:YYYY-MM",
                                   arguments[0]);
    case ACTION_EXPORT:
        return count == 0 ? COMMAND_OK
                          : command_usage(name,
                                          "\"%s\" is too much; export writes everything to "
                                          "standard output",
                                          arguments[0]);
    }
    REQUIRE(false);
}

static int act(enum action action, enum intent intent, const struct config *config,
               char *const *arguments, size_t count, struct reference_key key) {
    switch (action) {
    case ACTION_LOAD:
        return intent == INTENT_RESUME ? reference_resume(config)
                                       : reference_load(config, intent, arguments, count);
    case ACTION_DIFF: return reference_load(config, INTENT_DIFF, arguments, count);
    case ACTION_GET: return get(config, key);
    case ACTION_EXPORT: return export_all(config);
    }
    REQUIRE(false);
}

int command_reference(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    enum intent intent = INTENT_LOAD;
    int option = 0;
    while ((option = command_getopt(argc, argv, "n", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case 'n': intent = INTENT_DRY_RUN; break;
        case OPTION_NO_RERATE: intent = intent == INTENT_LOAD ? INTENT_LOAD_ONLY : intent; break;
        case OPTION_RESUME: intent = INTENT_RESUME; break;
        default: return COMMAND_USAGE;
        }
    }
    if (optind == argc) {
        return command_usage(argv[0], "load, diff, get or export is needed");
    }
    enum action action;
    if (!find_action(argv[optind], &action)) {
        char tail[SUGGESTION_SIZE_MAX];
        return command_usage(argv[0], "no action \"%s\"%s", argv[optind],
                             suggest_tail(text_of(argv[optind]), actions, ACTION_COUNT, tail));
    }
    char *const *arguments = argv + optind + 1;
    size_t count = (size_t)(argc - optind - 1);
    struct reference_key key = {REFERENCE_PARTNER, text_null()};
    int code = check_arguments(action, intent, arguments, count, &key);
    struct config config;
    if (code != COMMAND_OK) {
        return code;
    }
    if (!command_load(argv[0], &common, &config)) {
        return COMMAND_FAILED;
    }
    code = act(action, intent, &config, arguments, count, key);
    config_release(&config);
    return code;
}
