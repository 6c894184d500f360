#include "answer.h"

#include "names.h"

#include "accrued/json_tree.h"

#define CODE_NOT_FOUND_FIRST 40400
#define CODE_NOT_FOUND_LAST 40499

static bool number_of(const struct json *object, const char *name, int64_t *ret_number) {
    const struct json *member = json_member(object, name);
    return member != NULL && member->type == JSON_NUMBER && text_to_int64(member->text, ret_number);
}

/* The registry's own "there is none": 404 alone may be any server's. */
static bool is_absence(long status, const struct json *tree) {
    int64_t code = 0;
    return status == 404 && number_of(tree, "error_code", &code) && code >= CODE_NOT_FOUND_FIRST &&
           code <= CODE_NOT_FOUND_LAST;
}

bool answer_is_of_registry(long status, struct text body) {
    struct fault ignored;
    struct arena scratch;
    arena_init(&scratch);
    const struct json *tree = json_parse(&scratch, body, &ignored);
    int64_t code = 0;
    bool is_object = tree != NULL && tree->type == JSON_OBJECT;
    bool is_ours = is_object && (status == 200 || number_of(tree, "error_code", &code));
    arena_release(&scratch);
    return is_ours;
}

static bool tell_strange(long status, struct text body, struct fault *fault) {
    return fault_set(
        fault, "schema registry: HTTP %ld with \"%.*s\", which is no reply of a registry", status,
        (int)(body.size < 80 ? body.size : 80), body.data != NULL ? body.data : "");
}

/* The type's name, which a reference has too, says nothing more: what it names is in the schema. */
static bool take_references(const struct json *list, struct arena *arena,
                            struct answered_schema *to) {
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->count : 0;
    struct answered_reference *references = arena_take(arena, (count + 1) * sizeof *references);
    to->references = references;
    for (const struct json *item = count > 0 ? list->first : NULL; item != NULL;
         item = item->next) {
        const struct json *version = json_member(item, "version");
        struct text subject = string_member(item, "subject");
        if (text_is_null(subject) || version == NULL || version->type != JSON_NUMBER) {
            return false;
        }
        references[to->reference_count++] = (struct answered_reference){
            arena_copy(arena, subject), arena_copy(arena, version->text)};
    }
    return true;
}

enum registry_answer answer_schema(long status, struct text body, struct arena *arena,
                                   struct answered_schema *ret_schema, struct fault *fault) {
    struct fault ignored;
    struct arena scratch;
    arena_init(&scratch);
    const struct json *tree = json_parse(&scratch, body, &ignored);
    enum registry_answer answer = REGISTRY_PENDING;
    struct text source = string_member(tree, "schema");
    if (is_absence(status, tree)) {
        answer = REGISTRY_ABSENT;
    } else if (status != 200 || text_is_null(source)) {
        (void)tell_strange(status, body, fault);
    } else {
        struct text type = string_member(tree, "schemaType");
        answer = REGISTRY_KNOWN;
        *ret_schema = (struct answered_schema){{arena_copy(arena, source), text_null()}, NULL, 0};
        if (!text_is_null(type) && !text_equal(type, TEXT("AVRO"))) {
            ret_schema->schema.why_not = TEXT("the registry says that it is not Avro");
        } else if (!take_references(json_member(tree, "references"), arena, ret_schema)) {
            ret_schema->schema.why_not = TEXT("it refers to something without subject or version");
        }
    }
    arena_release(&scratch);
    return answer;
}

enum registry_outcome answer_id(long status, struct text body, uint32_t *ret_id,
                                struct fault *fault) {
    struct fault ignored;
    struct arena scratch;
    arena_init(&scratch);
    const struct json *tree = json_parse(&scratch, body, &ignored);
    enum registry_outcome outcome = REGISTRY_UNREACHABLE;
    int64_t id = 0;
    struct text message = string_member(tree, "message");
    if (status == 200 && number_of(tree, "id", &id) && id > 0 && id <= INT32_MAX) {
        *ret_id = (uint32_t)id;
        outcome = REGISTRY_RESOLVED;
    } else if (status != 200 && (status != 404 || is_absence(status, tree)) &&
               !text_is_null(message)) {
        fault_set(fault, "%.*s (HTTP %ld)", TEXT_ARGS(message), status);
        outcome = REGISTRY_REFUSED;
    } else {
        (void)tell_strange(status, body, fault);
    }
    arena_release(&scratch);
    return outcome;
}

void answer_append_request(struct buffer *to, struct text source) {
    buffer_append_string(to, "{\"schema\":");
    json_append_string(to, source);
    buffer_append_byte(to, '}');
}
