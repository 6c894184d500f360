#include "gather.h"

#include "compose.h"

#include "accrued/require.h"

#include <stdlib.h>

/* More than anybody means. What goes beyond is refused, not asked for. */
#define PART_COUNT_MAX 128
#define PART_DEPTH_MAX 16
#define SOURCES_SIZE_MAX (8U << 20)

struct part {
    struct answered_reference name;
    int depth;
};

struct gathering {
    struct fetcher *fetcher;
    struct arena *arena;
    uint64_t *requests;
    struct fault *fault; /* why nothing is known yet */
    struct fault why_not;
    const struct json *main;
    struct part parts[PART_COUNT_MAX]; /* as they were named; those behind are yet to be asked */
    const struct json *trees[PART_COUNT_MAX];
    size_t count;
    size_t sources_size;
};

static bool is_named_already(const struct gathering *gathering,
                             const struct answered_reference *name) {
    for (size_t i = 0; i < gathering->count; i++) {
        if (text_equal(gathering->parts[i].name.subject, name->subject) &&
            text_equal(gathering->parts[i].name.version, name->version)) {
            return true;
        }
    }
    return false;
}

static bool add_references(struct gathering *gathering, const struct answered_schema *of,
                           int depth) {
    for (size_t i = 0; i < of->reference_count; i++) {
        if (is_named_already(gathering, &of->references[i])) {
            continue;
        }
        if (gathering->count == PART_COUNT_MAX || depth > PART_DEPTH_MAX) {
            return fault_set(&gathering->why_not,
                             "it refers to more than %d schemas, or over more than %d steps",
                             PART_COUNT_MAX, PART_DEPTH_MAX);
        }
        gathering->parts[gathering->count++] = (struct part){of->references[i], depth};
    }
    return true;
}

/* What was answered, as a tree, and its references behind those that are known. */
static const struct json *take(struct gathering *gathering, const struct answered_schema *answer,
                               int depth) {
    if (!text_is_null(answer->schema.why_not)) {
        (void)fault_set(&gathering->why_not, "%.*s", TEXT_ARGS(answer->schema.why_not));
        return NULL;
    }
    gathering->sources_size += answer->schema.source.size;
    if (gathering->sources_size > SOURCES_SIZE_MAX) {
        (void)fault_set(&gathering->why_not, "it is larger than %u bytes with what it refers to",
                        SOURCES_SIZE_MAX);
        return NULL;
    }
    const struct json *tree =
        json_parse(gathering->arena, answer->schema.source, &gathering->why_not);
    return tree != NULL && add_references(gathering, answer, depth + 1) ? tree : NULL;
}

static enum registry_answer ask(const struct gathering *gathering, const char *path,
                                struct answered_schema *ret_schema) {
    struct buffer body;
    buffer_init(&body);
    long status = 0;
    enum registry_answer answer = REGISTRY_PENDING;
    ++*gathering->requests;
    if (fetcher_ask(gathering->fetcher, path, text_null(), &status, &body, gathering->fault)) {
        answer = answer_schema(status, buffer_text(&body), gathering->arena, ret_schema,
                               gathering->fault);
    }
    buffer_release(&body);
    return answer;
}

/* A version that was deleted under its subject is still what the schema was written with. */
static enum registry_answer ask_part(struct gathering *gathering, size_t index) {
    const struct part *part = &gathering->parts[index];
    const struct answered_reference *name = &part->name;
    struct answered_schema schema = {{text_null(), text_null()}, NULL, 0};
    struct buffer path;
    buffer_init(&path);
    buffer_append_string(&path, "/subjects/");
    fetch_append_escaped(&path, name->subject);
    buffer_append_string(&path, "/versions/");
    fetch_append_escaped(&path, name->version);
    buffer_append_string(&path, "?deleted=true");
    buffer_append_byte(&path, '\0');
    enum registry_answer answer = ask(gathering, (const char *)path.data, &schema);
    buffer_release(&path);
    if (answer == REGISTRY_KNOWN) {
        gathering->trees[index] = take(gathering, &schema, part->depth);
    } else if (answer == REGISTRY_ABSENT) {
        (void)fault_set(&gathering->why_not, "the registry does not have it");
    }
    if (answer != REGISTRY_PENDING && gathering->trees[index] == NULL) {
        fault_prefix(&gathering->why_not,
                     "it refers to subject %.*s version %.*s: ", TEXT_ARGS(name->subject),
                     TEXT_ARGS(name->version));
    }
    return answer;
}

static struct registry_schema compose(struct gathering *gathering) {
    struct buffer source;
    struct registry_schema schema = {text_null(), text_null()};
    buffer_init(&source);
    if (compose_schema(gathering->main, gathering->trees, gathering->count, &source,
                       &gathering->why_not)) {
        schema.source = arena_copy(gathering->arena, buffer_text(&source));
    } else {
        schema.why_not = arena_copy(gathering->arena, text_of(gathering->why_not.text));
    }
    buffer_release(&source);
    return schema;
}

static enum registry_answer gather_parts(struct gathering *gathering,
                                         const struct answered_schema *main,
                                         struct registry_schema *ret_schema) {
    gathering->main = take(gathering, main, 0);
    bool is_good = gathering->main != NULL;
    for (size_t i = 0; i < gathering->count && is_good; i++) {
        if (ask_part(gathering, i) == REGISTRY_PENDING) {
            return REGISTRY_PENDING;
        }
        is_good = gathering->trees[i] != NULL;
    }
    *ret_schema =
        is_good ? compose(gathering)
                : (struct registry_schema){
                      text_null(), arena_copy(gathering->arena, text_of(gathering->why_not.text))};
    return REGISTRY_KNOWN;
}

enum registry_answer gather_schema(struct fetcher *fetcher, const char *path, struct arena *arena,
                                   struct registry_schema *ret_schema, uint64_t *requests,
                                   struct fault *fault) {
    struct gathering *gathering = calloc(1, sizeof *gathering);
    REQUIRE(gathering != NULL);
    *gathering = (struct gathering){
        .fetcher = fetcher, .arena = arena, .requests = requests, .fault = fault};
    struct answered_schema main = {{text_null(), text_null()}, NULL, 0};
    enum registry_answer answer = ask(gathering, path, &main);
    if (answer == REGISTRY_KNOWN && main.reference_count > 0) {
        answer = gather_parts(gathering, &main, ret_schema);
    } else if (answer == REGISTRY_KNOWN) {
        *ret_schema = main.schema; /* as it is: others decide whether it is a schema */
    }
    free(gathering);
    return answer;
}
