/* accrued reference load: plan, write and ask. Each value and the request to rate its lines again
 * go into Redis in one step; then the requests go to their topic, and then out of Redis. Whoever
 * dies in between leaves requests in the outbox, which the next load sends. */
#include "reference.h"

#include "accrued/reference_set.h"
#include "accrued/reference_store.h"
#include "accrued/require.h"
#include "command.h"
#include "rerate.h"
#include "schemas.h"

#include <stdio.h>
#include <stdlib.h>

static const char name[] = "reference";
/* Another writer may change what we have just read: we look again, but not for ever. */
#define WRITE_ROUNDS_MAX 10

/* Changes above this ask for everything at once: the walk is the same, and the topic stays small.
 */
#define REQUEST_COUNT_MAX 10000

/* What is to be written, by key. */
struct plan {
    struct reference_set set;
    struct reference_key *keys; /* of set.entries */
    struct text *before;        /* what Redis held */
    size_t counts[OUTCOME_SAME + 1];
};

static int tell_problems(const struct problems *problems, const char *consequence) {
    (void)fprintf(stderr, "%.*s", TEXT_ARGS(buffer_text(&problems->lines)));
    (void)fprintf(stderr, "accrued reference: %zu problem%s%s; %s\n", problems->count,
                  problems->count == 1 ? "" : "s",
                  problems->count >= REFERENCE_PROBLEM_COUNT_MAX ? " or more" : "", consequence);
    return COMMAND_FAILED;
}

static void plan_init(struct plan *plan) {
    *plan = (struct plan){.keys = NULL};
    reference_set_init(&plan->set);
}

static void plan_release(struct plan *plan) {
    reference_set_release(&plan->set);
    free(plan->keys);
    free(plan->before);
}

static bool plan_read(struct plan *plan, char *const *files, size_t count,
                      struct problems *problems) {
    for (size_t i = 0; i < count && problems->count < REFERENCE_PROBLEM_COUNT_MAX; i++) {
        (void)reference_set_read(&plan->set, files[i], problems);
    }
    plan->keys = calloc(plan->set.count + 1, sizeof *plan->keys);
    plan->before = calloc(plan->set.count + 1, sizeof *plan->before);
    REQUIRE(plan->keys != NULL && plan->before != NULL);
    for (size_t i = 0; i < plan->set.count; i++) {
        const struct reference_entry *entry = plan->set.entries[i];
        plan->keys[i] = (struct reference_key){entry->kind, entry->id};
    }
    return problems->count == 0;
}

/* What each key becomes, given what Redis holds. false with no problem added: *fault. */
static bool plan_make(struct plan *plan, struct reference_store *store, struct problems *problems,
                      struct fault *fault) {
    size_t count = plan->set.count;
    bool is_good =
        reference_store_get(store, plan->keys, count, &plan->set.arena, plan->before, fault);
    for (size_t i = 0; is_good && i < count; i++) {
        struct reference_entry *entry = plan->set.entries[i];
        if (problems->count < REFERENCE_PROBLEM_COUNT_MAX &&
            reference_set_plan(&plan->set, entry, plan->before[i], problems)) {
            plan->counts[entry->outcome]++;
        }
    }
    return is_good && problems->count == 0;
}

static size_t change_count(const struct plan *plan) {
    return plan->counts[OUTCOME_NEW] + plan->counts[OUTCOME_CHANGED];
}

static bool is_change(const struct reference_entry *entry) {
    return entry->outcome == OUTCOME_NEW || entry->outcome == OUTCOME_CHANGED;
}

/* Somebody else has changed the key since it was read: what does it become now? */
static bool plan_again(struct plan *plan, size_t index, struct reference_store *store,
                       struct fault *fault) {
    struct reference_entry *entry = plan->set.entries[index];
    struct problems problems;
    problems_init(&problems);
    enum reference_outcome before = entry->outcome;
    bool is_good = reference_store_get(store, &plan->keys[index], 1, &plan->set.arena,
                                       &plan->before[index], fault);
    if (is_good && !reference_set_plan(&plan->set, entry, plan->before[index], &problems)) {
        is_good = problems_to_fault(&problems, fault);
    }
    if (is_good) {
        plan->counts[before]--;
        plan->counts[entry->outcome]++;
    }
    problems_release(&problems);
    return is_good;
}

/* Are there lines that depend on it? */
static bool concerns_lines(const struct reference_entry *entry) {
    return entry->kind != REFERENCE_FX;
}

/* Draws an id for the request about an entry's key, if any is asked for. */
static struct text draw_id(struct plan *plan, const struct reference_entry *entry, bool asks) {
    char drawn[REQUEST_ID_SIZE];
    if (!asks || !concerns_lines(entry)) {
        return text_null();
    }
    rerate_draw_id(drawn);
    return arena_copy(&plan->set.arena, text_of(drawn));
}

/* Writes the entries named by indexes[0 … *count); those that were overtaken by another writer are
 * planned again and stay, as far as they still change anything. */
static bool write_round(struct plan *plan, size_t *indexes, size_t *count, bool asks,
                        struct reference_store *store, size_t *ret_done, struct fault *fault) {
    struct reference_change *changes = calloc(*count + 1, sizeof *changes);
    REQUIRE(changes != NULL);
    for (size_t i = 0; i < *count; i++) {
        changes[i] = (struct reference_change){
            .key = plan->keys[indexes[i]],
            .before = plan->before[indexes[i]],
            .value = plan->set.entries[indexes[i]]->value,
            .request_id = draw_id(plan, plan->set.entries[indexes[i]], asks)};
    }
    bool is_good = reference_store_write(store, changes, *count, ret_done, fault);
    size_t left = 0;
    for (size_t i = 0; is_good && i < *count; i++) {
        if (!changes[i].is_written) {
            is_good = plan_again(plan, indexes[i], store, fault);
            if (is_good && is_change(plan->set.entries[indexes[i]])) {
                indexes[left++] = indexes[i];
            }
        }
    }
    *count = left;
    free(changes);
    return is_good;
}

static bool plan_write(struct plan *plan, bool asks, struct reference_store *store,
                       struct fault *fault) {
    size_t count = 0;
    size_t all = change_count(plan);
    size_t done = 0;
    size_t *indexes = calloc(all + 1, sizeof *indexes);
    REQUIRE(indexes != NULL);
    for (size_t i = 0; i < plan->set.count; i++) {
        if (is_change(plan->set.entries[i])) {
            indexes[count++] = i;
        }
    }
    REQUIRE(count == all);
    bool is_good = true;
    for (int round = 0; is_good && count > 0; round++) {
        is_good = round < WRITE_ROUNDS_MAX
                      ? write_round(plan, indexes, &count, asks, store, &done, fault)
                      : fault_set(fault, "%s:%.*s: somebody else changes it again and again",
                                  reference_kind_name(plan->keys[indexes[0]].kind),
                                  TEXT_ARGS(plan->keys[indexes[0]].id));
    }
    free(indexes);
    if (!is_good) {
        (void)fprintf(stderr,
                      "accrued reference: %zu of %zu keys are written; load again when Redis is "
                      "well, it goes on where it was\n",
                      done, all);
    }
    return is_good;
}

static void print_member(struct buffer *line, char sign, const struct json *member) {
    if (member == NULL) {
        return;
    }
    buffer_clear(line);
    json_append(line, member);
    (void)printf("  %c %.*s: %.*s\n", sign, TEXT_ARGS(member->name), TEXT_ARGS(buffer_text(line)));
}

/* Which members differ, as they were and as they will be. */
static void print_members(struct plan *plan, struct text before, struct text after) {
    struct fault ignored;
    const struct json *old = json_parse(&plan->set.arena, before, &ignored);
    const struct json *new = json_parse(&plan->set.arena, after, &ignored);
    if (old == NULL || old->type != JSON_OBJECT || new == NULL || new->type != JSON_OBJECT) {
        return; /* the other line says that it was unreadable */
    }
    struct buffer line;
    buffer_init(&line);
    for (const struct json *member = new->first; member != NULL; member = member->next) {
        const struct json *other = json_member_named(old, member->name);
        if (other == NULL || !json_equal(other, member)) {
            print_member(&line, '-', other);
            print_member(&line, '+', member);
        }
    }
    for (const struct json *member = old->first; member != NULL; member = member->next) {
        if (json_member_named(new, member->name) == NULL) {
            print_member(&line, '-', member);
        }
    }
    buffer_release(&line);
}

static void print_differences(struct plan *plan) {
    for (size_t i = 0; i < plan->set.count; i++) {
        const struct reference_entry *entry = plan->set.entries[i];
        if (entry->outcome == OUTCOME_NEW) {
            (void)printf("new      %s:%.*s\n", reference_kind_name(entry->kind),
                         TEXT_ARGS(entry->id));
        } else if (entry->outcome == OUTCOME_CHANGED) {
            (void)printf("changed  %s:%.*s  %.*s\n", reference_kind_name(entry->kind),
                         TEXT_ARGS(entry->id), TEXT_ARGS(entry->differs));
            print_members(plan, plan->before[i], entry->value);
        }
    }
}

static bool put_requests(struct request_writer *writer, const struct outbox_item *items,
                         size_t count, struct fault *fault) {
    static const char reason[] = "accrued reference load";
    if (count > REQUEST_COUNT_MAX) {
        char drawn[REQUEST_ID_SIZE];
        rerate_draw_id(drawn);
        return rerate_put(writer, RERATE_ALL, text_null(), text_of(drawn), reason, fault);
    }
    bool is_good = true;
    for (size_t i = 0; is_good && i < count; i++) {
        is_good = rerate_put(
            writer, items[i].key.kind == REFERENCE_PARTNER ? RERATE_PARTNER : RERATE_CUSTOMER,
            items[i].key.id, items[i].request_id, reason, fault);
    }
    return is_good;
}

/* Sends what the outbox holds, and only then takes it out: what is sent twice rates the same lines
 * twice and publishes nothing the second time. The replicas have the values before anybody acts on
 * them, so that a failover does not bring old ones back. */
static bool empty_outbox(struct reference_store *store, const struct config *config,
                         struct request_writer *writer, bool tells, struct fault *fault) {
    struct arena arena;
    struct outbox_item *items = NULL;
    struct request_writer *own = NULL;
    size_t count = 0;
    int64_t replicas = 0;
    int64_t last = -1;
    arena_init(&arena);
    bool is_good = reference_outbox_list(store, &arena, &items, &count, fault);
    if (is_good && count > 0) {
        if (writer == NULL) {
            own = schemas_open_requests(config, fault);
            writer = own;
        }
        is_good = (writer != NULL && reference_outbox_touch(store, items, fault) &&
                   reference_store_wait(store, &replicas, fault) &&
                   put_requests(writer, items, count, fault) &&
                   request_writer_flush(writer, &last, fault) &&
                   reference_outbox_remove(store, items, count, fault)) ||
                  fault_prefix(fault, "values are written whose lines are not rated again yet; the "
                                      "next load asks for that, or `accrued reference load "
                                      "--resume`: ");
    }
    if (is_good && tells) {
        (void)fprintf(stderr, "%zu request%s sent\n", count, count == 1 ? "" : "s");
    }
    request_writer_free(own);
    free(items);
    arena_release(&arena);
    return is_good;
}

static bool changes_lines(const struct plan *plan) {
    for (size_t i = 0; i < plan->set.count; i++) {
        if (is_change(plan->set.entries[i]) && concerns_lines(plan->set.entries[i])) {
            return true;
        }
    }
    return false;
}

/* Writes and asks. The brokers are reached before anything is written: who finds out later that
 * nobody can be asked has new values and old accruals. */
static bool write_and_ask(struct plan *plan, const struct config *config, bool asks,
                          struct reference_store *store, struct fault *fault) {
    int64_t replicas = 0;
    if (change_count(plan) == 0) {
        return true;
    }
    if (!asks || !changes_lines(plan)) {
        return plan_write(plan, false, store, fault) &&
               reference_store_wait(store, &replicas, fault);
    }
    struct request_writer *writer = schemas_open_requests(config, fault);
    if (writer == NULL) {
        return fault_prefix(fault, "nothing was written (--no-rerate loads without asking the "
                                   "workers): ");
    }
    bool is_good =
        plan_write(plan, true, store, fault) && empty_outbox(store, config, writer, false, fault);
    request_writer_free(writer);
    return is_good;
}

/* After the files have been read: asks Redis, then writes or tells. */
static int carry_out(struct plan *plan, const struct config *config, enum intent intent,
                     struct problems *problems) {
    struct fault fault;
    struct reference_store *store = reference_store_open(config, &fault);
    bool writes = intent == INTENT_LOAD || intent == INTENT_LOAD_ONLY;
    bool is_good = store != NULL &&
                   (intent != INTENT_LOAD || empty_outbox(store, config, NULL, false, &fault)) &&
                   plan_make(plan, store, problems, &fault) &&
                   (!writes || write_and_ask(plan, config, intent == INTENT_LOAD, store, &fault));
    reference_store_free(store);
    if (problems->count > 0) {
        return tell_problems(problems, "nothing was written");
    }
    if (!is_good) {
        return command_failed(name, &fault);
    }
    if (!writes) {
        print_differences(plan);
        is_good =
            reference_finish_output() && (intent == INTENT_DRY_RUN || change_count(plan) == 0);
    }
    (void)fprintf(stderr, "%zu new, %zu changed, %zu same%s\n", plan->counts[OUTCOME_NEW],
                  plan->counts[OUTCOME_CHANGED], plan->counts[OUTCOME_SAME],
                  intent == INTENT_DRY_RUN ? "; dry run, nothing was written" : "");
    return is_good ? COMMAND_OK : COMMAND_FAILED;
}

int reference_load(const struct config *config, enum intent intent, char *const *files,
                   size_t count) {
    REQUIRE(intent != INTENT_RESUME && count > 0);
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

int reference_resume(const struct config *config) {
    struct fault fault;
    struct reference_store *store = reference_store_open(config, &fault);
    bool is_good = store != NULL && empty_outbox(store, config, NULL, true, &fault);
    reference_store_free(store);
    return is_good ? COMMAND_OK : command_failed(name, &fault);
}
