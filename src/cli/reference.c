/* accrued reference: partners, competencies, customers and links into Redis, and out of it. */
#include "accrued/reference_json.h"
#include "accrued/reference_set.h"
#include "accrued/reference_store.h"
#include "accrued/require.h"
#include "accrued/suggest.h"
#include "command.h"
#include "rerate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "Usage: accrued reference load [-n] [--no-rerate] FILE… [-c FILE] [-o KEY=VALUE]…\n"
    "       accrued reference diff FILE…\n"
    "       accrued reference get partner:MPN | customer:ID\n"
    "       accrued reference export\n"
    "\n"
    "Reference data is what accruals are earned on: partners with their standing, customers with\n"
    "their links. A file is JSON lines, {\"partner\": {…}} or {\"customer\": {…}}, or a CSV table\n"
    "(partners, competencies, links or customers, told by its header) where its name ends in "
    ".csv.\n"
    "A table replaces what it tells about and leaves the rest of a value as it is.\n"
    "\n"
    "  load     write what is new or changed; nothing at all if any file has a problem\n"
    "  diff     what load would write; exit code 1 if there is anything\n"
    "  get      the value of one key, as it is stored\n"
    "  export   everything under redis.key_prefix as JSON lines that load takes back\n"
    "\n"
    "After a load the workers are asked to rate the lines again that the changes concern.\n"
    "\n"
    "  -n, --dry-run          load, but write nothing\n"
    "      --no-rerate        load, but don't ask (before the first lines; or ask later, with\n"
    "                         `accrued rerate`)\n" COMMAND_COMMON_HELP;

enum { OPTION_NO_RERATE = 256 };

static const struct option long_options[] = {
    {"dry-run", no_argument, NULL, 'n'},
    {"no-rerate", no_argument, NULL, OPTION_NO_RERATE},
    COMMAND_COMMON_LONG,
};

static const char name[] = "reference";

/* Changes above this ask for everything at once: the walk is the same, and the topic stays small.
 */
#define REQUEST_COUNT_MAX 10000

/* What is to be written, by key. */
struct plan {
    struct reference_set set;
    struct reference_key *keys; /* of set.entries */
    size_t counts[OUTCOME_SAME + 1];
};

static int tell_problems(const struct problems *problems, const char *consequence) {
    (void)fprintf(stderr, "%.*s", TEXT_ARGS(buffer_text(&problems->lines)));
    (void)fprintf(stderr, "accrued reference: %zu problem%s%s; %s\n", problems->count,
                  problems->count == 1 ? "" : "s",
                  problems->count >= REFERENCE_PROBLEM_COUNT_MAX ? " or more" : "", consequence);
    return COMMAND_FAILED;
}

/* false: told. */
static bool finish_output(void) {
    if (ferror(stdout) || fflush(stdout) != 0) {
        (void)fprintf(stderr, "accrued reference: standard output: %s\n", strerror(errno));
        return false;
    }
    return true;
}

static void plan_init(struct plan *plan) {
    *plan = (struct plan){.keys = NULL};
    reference_set_init(&plan->set);
}

static void plan_release(struct plan *plan) {
    reference_set_release(&plan->set);
    free(plan->keys);
}

static bool plan_read(struct plan *plan, char *const *files, size_t count,
                      struct problems *problems) {
    for (size_t i = 0; i < count && problems->count < REFERENCE_PROBLEM_COUNT_MAX; i++) {
        (void)reference_set_read(&plan->set, files[i], problems);
    }
    return problems->count == 0;
}

/* What each key becomes, given what Redis holds. false with no problem added: *fault. */
static bool plan_make(struct plan *plan, struct reference_store *store, struct problems *problems,
                      struct fault *fault) {
    size_t count = plan->set.count;
    plan->keys = calloc(count + 1, sizeof *plan->keys);
    struct text *existing = calloc(count + 1, sizeof *existing);
    REQUIRE(plan->keys != NULL && existing != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct reference_entry *entry = plan->set.entries[i];
        plan->keys[i] = (struct reference_key){entry->kind, entry->id};
    }
    bool is_good = reference_store_get(store, plan->keys, count, &plan->set.arena, existing, fault);
    for (size_t i = 0; is_good && i < count; i++) {
        struct reference_entry *entry = plan->set.entries[i];
        if (problems->count < REFERENCE_PROBLEM_COUNT_MAX &&
            reference_set_plan(&plan->set, entry, existing[i], problems)) {
            plan->counts[entry->outcome]++;
        }
    }
    free(existing);
    return is_good && problems->count == 0;
}

static bool plan_write(const struct plan *plan, struct reference_store *store,
                       struct fault *fault) {
    size_t count = plan->counts[OUTCOME_NEW] + plan->counts[OUTCOME_CHANGED];
    struct reference_key *keys = calloc(count + 1, sizeof *keys);
    struct text *values = calloc(count + 1, sizeof *values);
    REQUIRE(keys != NULL && values != NULL);
    size_t at = 0;
    for (size_t i = 0; i < plan->set.count; i++) {
        const struct reference_entry *entry = plan->set.entries[i];
        if (entry->outcome == OUTCOME_NEW || entry->outcome == OUTCOME_CHANGED) {
            keys[at] = plan->keys[i];
            values[at++] = entry->value;
        }
    }
    REQUIRE(at == count);
    size_t written = 0;
    bool is_good = reference_store_set(store, keys, values, count, &written, fault);
    free(keys);
    free(values);
    if (!is_good) {
        (void)fprintf(stderr,
                      "accrued reference: %zu of %zu keys are written; load again when Redis is "
                      "well, it goes on where it was\n",
                      written, count);
    }
    return is_good;
}

static void print_differences(const struct plan *plan) {
    for (size_t i = 0; i < plan->set.count; i++) {
        const struct reference_entry *entry = plan->set.entries[i];
        if (entry->outcome == OUTCOME_NEW) {
            (void)printf("new      %s:%.*s\n", reference_kind_name(entry->kind),
                         TEXT_ARGS(entry->id));
        } else if (entry->outcome == OUTCOME_CHANGED) {
            (void)printf("changed  %s:%.*s  %.*s\n", reference_kind_name(entry->kind),
                         TEXT_ARGS(entry->id), TEXT_ARGS(entry->differs));
        }
    }
}

enum intent { INTENT_LOAD, INTENT_LOAD_ONLY, INTENT_DRY_RUN, INTENT_DIFF };

static size_t change_count(const struct plan *plan) {
    return plan->counts[OUTCOME_NEW] + plan->counts[OUTCOME_CHANGED];
}

/* Asks for the lines that the changes concern. */
static bool put_requests(const struct plan *plan, struct request_writer *writer,
                         struct fault *fault) {
    static const char reason[] = "accrued reference load";
    bool is_good = true;
    if (change_count(plan) > REQUEST_COUNT_MAX) {
        is_good = rerate_put(writer, RERATE_ALL, text_null(), reason, fault);
    }
    for (size_t i = 0; is_good && change_count(plan) <= REQUEST_COUNT_MAX && i < plan->set.count;
         i++) {
        const struct reference_entry *entry = plan->set.entries[i];
        if (entry->outcome == OUTCOME_NEW || entry->outcome == OUTCOME_CHANGED) {
            is_good = rerate_put(
                writer, entry->kind == REFERENCE_PARTNER ? RERATE_PARTNER : RERATE_CUSTOMER,
                entry->id, reason, fault);
        }
    }
    int64_t last = -1;
    return (is_good && request_writer_flush(writer, &last, fault)) ||
           fault_prefix(fault, "the values are written, but the lines that they concern are not "
                               "rated again: ask with `accrued rerate --all`: ");
}

/* Writes and asks. The brokers are reached before anything is written: a later load would find
 * nothing changed, and ask for nothing. */
static bool write_and_ask(const struct plan *plan, const struct config *config, bool asks,
                          struct reference_store *store, struct fault *fault) {
    if (!asks || change_count(plan) == 0) {
        return plan_write(plan, store, fault);
    }
    struct request_writer *writer = request_writer_open(config, fault);
    if (writer == NULL) {
        return fault_prefix(fault, "nothing was written (--no-rerate loads without asking the "
                                   "workers): ");
    }
    bool is_good = plan_write(plan, store, fault) && put_requests(plan, writer, fault);
    request_writer_free(writer);
    return is_good;
}

/* After the files have been read: asks Redis, then writes or tells. */
static int carry_out(struct plan *plan, const struct config *config, enum intent intent,
                     struct problems *problems) {
    struct fault fault;
    struct reference_store *store = reference_store_open(config, &fault);
    bool writes = intent == INTENT_LOAD || intent == INTENT_LOAD_ONLY;
    bool is_good = store != NULL && plan_make(plan, store, problems, &fault) &&
                   (!writes || write_and_ask(plan, config, intent == INTENT_LOAD, store, &fault));
    reference_store_free(store);
    if (problems->count > 0) {
        return tell_problems(problems, "nothing was written");
    }
    if (!is_good) {
        return command_failed(name, &fault);
    }
    if (intent == INTENT_DIFF) {
        print_differences(plan);
        is_good = finish_output() && change_count(plan) == 0;
    }
    (void)fprintf(stderr, "%zu new, %zu changed, %zu same%s\n", plan->counts[OUTCOME_NEW],
                  plan->counts[OUTCOME_CHANGED], plan->counts[OUTCOME_SAME],
                  intent == INTENT_DRY_RUN ? "; dry run, nothing was written" : "");
    return is_good ? COMMAND_OK : COMMAND_FAILED;
}

static int load(const struct config *config, enum intent intent, char *const *files, size_t count) {
    struct plan plan;
    struct problems problems;
    plan_init(&plan);
    problems_init(&problems);
    int code = plan_read(&plan, files, count, &problems)
                   ? carry_out(&plan, config, intent, &problems)
                   : tell_problems(&problems, "nothing was written");
    problems_release(&problems);
    plan_release(&plan);
    return code;
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
    return finish_output() ? code : COMMAND_FAILED;
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
    return finish_output() && is_whole ? COMMAND_OK : COMMAND_FAILED;
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
                             intent == INTENT_DRY_RUN ? "--dry-run" : "--no-rerate");
    }
    switch (action) {
    case ACTION_LOAD:
    case ACTION_DIFF:
        return count > 0 ? COMMAND_OK
                         : command_usage(name, "%s needs at least one file", actions[action]);
    case ACTION_GET:
        if (count != 1) {
            return command_usage(name, "get needs one key: partner:MPN or customer:ID");
        }
        return reference_key_parse(text_of(arguments[0]), ret_key)
                   ? COMMAND_OK
                   : command_usage(name, "\"%s\" is neither partner:MPN nor customer:ID",
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
    case ACTION_LOAD: return load(config, intent, arguments, count);
    case ACTION_DIFF: return load(config, INTENT_DIFF, arguments, count);
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
        case OPTION_NO_RERATE:
            intent = intent == INTENT_DRY_RUN ? INTENT_DRY_RUN : INTENT_LOAD_ONLY;
            break;
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
