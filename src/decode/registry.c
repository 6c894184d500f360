#include "accrued/registry.h"

#include "answer.h"
#include "fetch.h"
#include "gather.h"

#include "accrued/clock.h"
#include "accrued/require.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define BACKOFF_MS 200
#define BACKOFF_MS_MAX 5000
/* A schema that is not there now may be registered later. */
#define ABSENCE_MS 10000
/* Bounds on what strange records can make us remember and ask. Behind them a record just waits. */
#define ABSENT_COUNT_MAX 10000
#define WANTED_COUNT_MAX 10000

enum entry_state { ENTRY_WANTED, ENTRY_KNOWN, ENTRY_ABSENT };

struct entry {
    struct schema_ref ref;
    enum entry_state state;
    int64_t expires_ms; /* ENTRY_ABSENT */
    struct registry_schema schema;
};

struct registry {
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t resolve_lock;
    struct fetcher *resolver; /* under resolve_lock */
    struct fetcher *fetcher;  /* the thread's */
    pthread_mutex_t lock;     /* everything below */
    pthread_cond_t wanted;    /* something is, or the end */
    pthread_cond_t answered;  /* something was, or a round failed */
    struct arena arena;       /* schemas */
    struct entry **entries;
    size_t count;
    size_t capacity;
    size_t wanted_count;
    size_t absent_count;
    int64_t backoff_ms; /* 0: the last round was answered */
    struct fault failure;
    uint64_t requests;
    uint64_t failures;
};

static bool refs_are_equal(const struct schema_ref *a, const struct schema_ref *b) {
    return a->framing == b->framing &&
           (a->framing == FRAMING_GUID ? memcmp(a->guid, b->guid, sizeof a->guid) == 0
                                       : a->id == b->id);
}

static void append_path(struct buffer *to, const struct schema_ref *ref) {
    if (ref->framing == FRAMING_CONFLUENT) {
        buffer_append_format(to, "/schemas/ids/%" PRIu32, ref->id);
    } else {
        char guid[GUID_TEXT_SIZE];
        schema_guid_format(ref->guid, guid);
        buffer_append_format(to, "/schemas/guids/%s", guid);
    }
    buffer_append_byte(to, '\0');
}

static struct entry *find_wanted(const struct registry *registry) {
    for (size_t i = 0; i < registry->count && registry->wanted_count > 0; i++) {
        if (registry->entries[i]->state == ENTRY_WANTED) {
            return registry->entries[i];
        }
    }
    return NULL;
}

/* Under the lock. */
static void take_answer(struct registry *registry, struct entry *entry, enum registry_answer answer,
                        const struct registry_schema *schema) {
    registry->backoff_ms = 0;
    registry->wanted_count--;
    if (answer == REGISTRY_KNOWN) {
        entry->state = ENTRY_KNOWN;
        entry->schema = *schema;
    } else {
        entry->state = ENTRY_ABSENT;
        entry->expires_ms = clock_steady_ms() + ABSENCE_MS;
        registry->absent_count++;
    }
}

/* Under the lock, given up while the request is on its way. */
static void ask(struct registry *registry, struct entry *entry) {
    struct schema_ref ref = entry->ref;
    pthread_mutex_unlock(&registry->lock);
    struct buffer path;
    struct arena texts;
    buffer_init(&path);
    arena_init(&texts);
    append_path(&path, &ref);
    uint64_t requests = 0;
    struct fault fault = {""};
    struct registry_schema schema = {text_null(), text_null()};
    enum registry_answer answer = gather_schema(registry->fetcher, (const char *)path.data, &texts,
                                                &schema, &requests, &fault);
    pthread_mutex_lock(&registry->lock);
    registry->requests += requests;
    if (answer == REGISTRY_PENDING) {
        registry->failures++;
        registry->failure = fault;
        registry->backoff_ms = registry->backoff_ms == 0 ? BACKOFF_MS : registry->backoff_ms * 2;
        registry->backoff_ms =
            registry->backoff_ms < BACKOFF_MS_MAX ? registry->backoff_ms : BACKOFF_MS_MAX;
    } else {
        schema.source = arena_copy(&registry->arena, schema.source);
        schema.why_not = arena_copy(&registry->arena, schema.why_not);
        take_answer(registry, entry, answer, &schema);
    }
    pthread_cond_broadcast(&registry->answered);
    arena_release(&texts);
    buffer_release(&path);
}

/* Under the lock. Ends early when the registry closes. */
static void sleep_for(struct registry *registry, pthread_cond_t *condition, int64_t ms) {
    struct timespec until;
    REQUIRE(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    (void)pthread_cond_timedwait(condition, &registry->lock, &until);
}

static void *serve(void *argument) {
    struct registry *registry = argument;
    pthread_mutex_lock(&registry->lock);
    while (!atomic_load(&registry->stop)) {
        struct entry *entry = find_wanted(registry);
        if (entry == NULL) {
            pthread_cond_wait(&registry->wanted, &registry->lock);
            continue;
        }
        ask(registry, entry);
        int64_t end_ms = clock_steady_ms() + registry->backoff_ms;
        for (int64_t left = registry->backoff_ms; left > 0 && !atomic_load(&registry->stop);
             left = end_ms - clock_steady_ms()) {
            sleep_for(registry, &registry->wanted, left);
        }
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

static void init_locks(struct registry *registry) {
    pthread_condattr_t steady;
    REQUIRE(pthread_condattr_init(&steady) == 0);
    REQUIRE(pthread_condattr_setclock(&steady, CLOCK_MONOTONIC) == 0);
    REQUIRE(pthread_mutex_init(&registry->lock, NULL) == 0);
    REQUIRE(pthread_mutex_init(&registry->resolve_lock, NULL) == 0);
    REQUIRE(pthread_cond_init(&registry->wanted, &steady) == 0);
    REQUIRE(pthread_cond_init(&registry->answered, &steady) == 0);
    (void)pthread_condattr_destroy(&steady);
}

static void release(struct registry *registry) {
    fetcher_free(registry->fetcher);
    fetcher_free(registry->resolver);
    for (size_t i = 0; i < registry->count; i++) {
        free(registry->entries[i]);
    }
    free(registry->entries);
    arena_release(&registry->arena);
    (void)pthread_cond_destroy(&registry->answered);
    (void)pthread_cond_destroy(&registry->wanted);
    (void)pthread_mutex_destroy(&registry->resolve_lock);
    (void)pthread_mutex_destroy(&registry->lock);
    free(registry);
}

struct registry *registry_open(const struct registry_options *options, struct fault *fault) {
    struct registry *registry = calloc(1, sizeof *registry);
    REQUIRE(registry != NULL);
    arena_init(&registry->arena);
    init_locks(registry);
    registry->fetcher = fetcher_open(options, &registry->stop, fault);
    registry->resolver =
        registry->fetcher == NULL ? NULL : fetcher_open(options, &registry->stop, fault);
    if (registry->resolver == NULL) {
        release(registry);
        return NULL;
    }
    REQUIRE(pthread_create(&registry->thread, NULL, serve, registry) == 0);
    return registry;
}

void registry_free(struct registry *registry) {
    if (registry == NULL) {
        return;
    }
    pthread_mutex_lock(&registry->lock);
    atomic_store(&registry->stop, true);
    pthread_cond_broadcast(&registry->wanted);
    pthread_cond_broadcast(&registry->answered);
    pthread_mutex_unlock(&registry->lock);
    (void)pthread_join(registry->thread, NULL);
    release(registry);
}

/* Under the lock. The absence that was found first makes room. */
static void forget_absence(struct registry *registry) {
    for (size_t i = 0; i < registry->count; i++) {
        if (registry->entries[i]->state == ENTRY_ABSENT) {
            free(registry->entries[i]);
            memmove(&registry->entries[i], &registry->entries[i + 1],
                    (registry->count - i - 1) * sizeof registry->entries[0]);
            registry->count--;
            registry->absent_count--;
            return;
        }
    }
}

/* Under the lock. */
static void want(struct registry *registry, const struct schema_ref *ref) {
    if (registry->wanted_count >= WANTED_COUNT_MAX) {
        return; /* it is asked for again */
    }
    if (registry->absent_count >= ABSENT_COUNT_MAX) {
        forget_absence(registry);
    }
    if (registry->count == registry->capacity) {
        registry->capacity = registry->capacity == 0 ? 64 : registry->capacity * 2;
        registry->entries =
            realloc(registry->entries, registry->capacity * sizeof registry->entries[0]);
        REQUIRE(registry->entries != NULL);
    }
    struct entry *entry = calloc(1, sizeof *entry);
    REQUIRE(entry != NULL);
    *entry = (struct entry){.ref = *ref, .state = ENTRY_WANTED};
    registry->entries[registry->count++] = entry;
    registry->wanted_count++;
    pthread_cond_signal(&registry->wanted);
}

static struct entry *find_entry(const struct registry *registry, const struct schema_ref *ref) {
    for (size_t i = 0; i < registry->count; i++) {
        if (refs_are_equal(&registry->entries[i]->ref, ref)) {
            return registry->entries[i];
        }
    }
    return NULL;
}

enum registry_answer registry_find(struct registry *registry, const struct schema_ref *ref,
                                   const struct registry_schema **ret_schema) {
    REQUIRE(ref->framing == FRAMING_CONFLUENT || ref->framing == FRAMING_GUID);
    enum registry_answer answer = REGISTRY_PENDING;
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = find_entry(registry, ref);
    if (entry == NULL) {
        want(registry, ref);
    } else if (entry->state == ENTRY_KNOWN) {
        *ret_schema = &entry->schema;
        answer = REGISTRY_KNOWN;
    } else if (entry->state == ENTRY_ABSENT && clock_steady_ms() < entry->expires_ms) {
        answer = REGISTRY_ABSENT;
    } else if (entry->state == ENTRY_ABSENT && registry->wanted_count < WANTED_COUNT_MAX) {
        entry->state = ENTRY_WANTED;
        registry->absent_count--;
        registry->wanted_count++;
        pthread_cond_signal(&registry->wanted);
    }
    pthread_mutex_unlock(&registry->lock);
    return answer;
}

bool registry_await(struct registry *registry, int64_t timeout_ms, struct fault *fault) {
    int64_t end_ms = clock_steady_ms() + timeout_ms;
    pthread_mutex_lock(&registry->lock);
    for (int64_t left = timeout_ms; left > 0 && registry->wanted_count > 0 &&
                                    registry->backoff_ms == 0 && !atomic_load(&registry->stop);
         left = end_ms - clock_steady_ms()) {
        sleep_for(registry, &registry->answered, left);
    }
    bool is_answered = registry->wanted_count == 0;
    if (!is_answered) {
        fault_set(fault, "%s",
                  registry->backoff_ms > 0 ? registry->failure.text
                                           : "schema registry: no reply yet");
    }
    pthread_mutex_unlock(&registry->lock);
    return is_answered;
}

enum registry_outcome registry_resolve(struct registry *registry, const char *subject,
                                       struct text source, bool may_register, uint32_t *ret_id,
                                       struct fault *fault) {
    struct buffer path;
    struct buffer request;
    struct buffer body;
    buffer_init(&path);
    buffer_init(&request);
    buffer_init(&body);
    buffer_append_string(&path, "/subjects/");
    fetch_append_escaped(&path, text_of(subject));
    buffer_append_string(&path, may_register ? "/versions" : "");
    buffer_append_byte(&path, '\0');
    answer_append_request(&request, source);
    long status = 0;
    enum registry_outcome outcome = REGISTRY_UNREACHABLE;
    pthread_mutex_lock(&registry->resolve_lock);
    if (fetcher_ask(registry->resolver, (const char *)path.data, buffer_text(&request), &status,
                    &body, fault)) {
        outcome = answer_id(status, buffer_text(&body), ret_id, fault);
    }
    pthread_mutex_unlock(&registry->resolve_lock);
    if (outcome == REGISTRY_REFUSED) {
        fault_prefix(fault, "schema registry: subject %s: ", subject);
    }
    buffer_release(&path);
    buffer_release(&request);
    buffer_release(&body);
    return outcome;
}

struct registry_counts registry_counts(struct registry *registry) {
    pthread_mutex_lock(&registry->lock);
    struct registry_counts counts = {
        .requests = registry->requests,
        .failures = registry->failures,
        .known = registry->count - registry->wanted_count - registry->absent_count,
        .wanted = registry->wanted_count,
        .is_failing = registry->backoff_ms > 0,
    };
    pthread_mutex_unlock(&registry->lock);
    return counts;
}
