#include "accrued/reference_set.h"

#include "accrued/hash.h"
#include "accrued/reference_json.h"
#include "accrued/require.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define INDEX_CAPACITY_MIN 256

static const char *const part_names[REFERENCE_PART_COUNT] = {
    [PART_MPN_ACTIVE] = "mpn_active",
    [PART_INDIRECT_RESELLER] = "indirect_reseller",
    [PART_BANK_PROFILE] = "bank_profile",
    [PART_TAX_PROFILE] = "tax_profile",
    [PART_COMPETENCIES] = "competencies",
    [PART_ADDED_ON] = "added_on",
    [PART_LINKS] = "links",
    [PART_PAYOUT_CURRENCY] = "payout_currency",
    [PART_GROUP_ID] = "group_id",
    [PART_BASE] = "base",
    [PART_RATES] = "rates",
};

const char *reference_part_name(enum reference_part part) {
    REQUIRE((unsigned)part < REFERENCE_PART_COUNT);
    return part_names[part];
}

void reference_set_init(struct reference_set *set) {
    *set = (struct reference_set){0};
    arena_init(&set->arena);
}

void reference_set_release(struct reference_set *set) {
    arena_release(&set->arena);
    free(set->entries);
    free(set->index);
    *set = (struct reference_set){0};
}

/* The place of a key in the index: its entry's, or an empty one. */
static size_t index_place(const struct reference_set *set, enum reference_kind kind,
                          struct text id) {
    size_t mask = set->index_capacity - 1;
    size_t at = hash64(id.data, id.size, (uint64_t)kind) & mask;
    while (set->index[at] != NULL &&
           (set->index[at]->kind != kind || !text_equal(set->index[at]->id, id))) {
        at = (at + 1) & mask;
    }
    return at;
}

static void index_grow(struct reference_set *set) {
    if (set->count * 2 < set->index_capacity) {
        return;
    }
    free(set->index);
    set->index_capacity = set->index_capacity == 0 ? INDEX_CAPACITY_MIN : set->index_capacity * 2;
    set->index = calloc(set->index_capacity, sizeof *set->index);
    REQUIRE(set->index != NULL);
    for (size_t i = 0; i < set->count; i++) {
        struct reference_entry *entry = set->entries[i];
        set->index[index_place(set, entry->kind, entry->id)] = entry;
    }
}

struct reference_entry *reference_set_entry(struct reference_set *set, enum reference_kind kind,
                                            struct text id, struct reference_origin origin) {
    REQUIRE(id.size > 0);
    struct text key =
        kind == REFERENCE_CUSTOMER ? arena_fold(&set->arena, id) : arena_copy(&set->arena, id);
    index_grow(set);
    size_t place = index_place(set, kind, key);
    if (set->index[place] != NULL) {
        return set->index[place];
    }
    struct reference_entry *entry = arena_take(&set->arena, sizeof *entry);
    *entry = (struct reference_entry){.kind = kind, .id = key, .origin = origin};
    set->index[place] = entry;
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? INDEX_CAPACITY_MIN : set->capacity * 2;
        set->entries = realloc(set->entries, set->capacity * sizeof *set->entries);
        REQUIRE(set->entries != NULL);
    }
    set->entries[set->count++] = entry;
    return entry;
}

bool reference_set_whole(struct reference_set *set, enum reference_kind kind,
                         const struct json *value, struct reference_origin origin,
                         struct problems *problems) {
    size_t size;
    struct reference *checked = reference_from_tree(kind, text_null(), value, &size);
    bool ok = checked->state == REFERENCE_PRESENT;
    if (!ok) {
        (void)problems_add(problems, "%s:%zu: %s: %s", origin.file, origin.line,
                           reference_kind_name(kind), checked->unreadable_reason);
        free(checked);
        return false;
    }
    free(checked);
    struct text id = json_member(value, reference_kind_id_name(kind))->text;
    struct reference_entry *entry = reference_set_entry(set, kind, id, origin);
    if (entry->whole != NULL) {
        return problems_add(problems, "%s:%zu: %s %.*s again, it is in %s:%zu already", origin.file,
                            origin.line, reference_kind_name(kind), TEXT_ARGS(id),
                            entry->origin.file, entry->origin.line);
    }
    entry->whole = value;
    entry->origin = origin;
    return true;
}

struct json *reference_set_string(struct reference_set *set, const char *name, struct text text) {
    struct json *node = arena_take(&set->arena, sizeof *node);
    *node = (struct json){.type = text_is_null(text) ? JSON_NULL : JSON_STRING,
                          .text = arena_copy(&set->arena, text),
                          .name = text_of(name)};
    return node;
}

struct json *reference_set_object(struct reference_set *set) {
    struct json *node = arena_take(&set->arena, sizeof *node);
    *node = (struct json){.type = JSON_OBJECT};
    return node;
}

void reference_set_add_member(struct json *object, struct json *member) {
    REQUIRE(object->type == JSON_OBJECT && member->next == NULL);
    const struct json **link = &object->first;
    while (*link != NULL) {
        link = &((struct json *)*link)->next;
    }
    *link = member;
    object->count++;
}

static bool is_string(enum reference_part part) {
    return part == PART_ADDED_ON || part == PART_PAYOUT_CURRENCY || part == PART_GROUP_ID ||
           part == PART_BASE;
}

void reference_set_touch(struct reference_set *set, struct reference_entry *entry,
                         enum reference_part part) {
    REQUIRE(!is_string(part));
    if (entry->parts[part] == NULL) {
        struct json *list = arena_take(&set->arena, sizeof *list);
        *list = (struct json){.type = part == PART_RATES ? JSON_OBJECT : JSON_ARRAY,
                              .name = text_of(reference_part_name(part))};
        entry->parts[part] = list;
    }
}

void reference_set_append(struct reference_set *set, struct reference_entry *entry,
                          enum reference_part part, struct json *item) {
    reference_set_touch(set, entry, part);
    struct json *array = entry->parts[part];
    struct json *end = (struct json *)entry->part_ends[part];
    if (end == NULL) {
        array->first = item;
    } else {
        end->next = item;
    }
    entry->part_ends[part] = item;
    array->count++;
}

/* A copy of a node that can stand in another list. */
static struct json *detached(struct reference_set *set, const struct json *node) {
    struct json *copy = arena_take(&set->arena, sizeof *copy);
    *copy = *node;
    copy->next = NULL;
    return copy;
}

/* The base's members, with parts in place of those that they replace; then the other parts. */
static struct json *merge(struct reference_set *set, const struct reference_entry *entry,
                          const struct json *base) {
    struct json *merged = reference_set_object(set);
    bool placed[REFERENCE_PART_COUNT] = {false};
    if (base == NULL) {
        reference_set_add_member(
            merged, reference_set_string(set, reference_kind_id_name(entry->kind), entry->id));
    }
    for (const struct json *member = base ? base->first : NULL; member != NULL;
         member = member->next) {
        const struct json *chosen = member;
        for (size_t part = 0; part < REFERENCE_PART_COUNT; part++) {
            if (entry->parts[part] != NULL && text_equal(member->name, text_of(part_names[part]))) {
                chosen = entry->parts[part];
                placed[part] = true;
            }
        }
        reference_set_add_member(merged, detached(set, chosen));
    }
    for (size_t part = 0; part < REFERENCE_PART_COUNT; part++) {
        if (entry->parts[part] != NULL && !placed[part]) {
            reference_set_add_member(merged, detached(set, entry->parts[part]));
        }
    }
    return merged;
}

static void append_name(struct buffer *to, struct text name) {
    if (to->size > 0) {
        buffer_append_string(to, ", ");
    }
    buffer_append_text(to, name);
}

/* Names of the members in which two objects differ. */
static struct text differences(struct reference_set *set, const struct json *old,
                               const struct json *new) {
    struct buffer names;
    buffer_init(&names);
    for (const struct json *member = new->first; member != NULL; member = member->next) {
        const struct json *other = old->first;
        while (other != NULL && !text_equal(other->name, member->name)) {
            other = other->next;
        }
        if (other == NULL || !json_equal(other, member)) {
            append_name(&names, member->name);
        }
    }
    for (const struct json *member = old->first; member != NULL; member = member->next) {
        const struct json *other = new->first;
        while (other != NULL && !text_equal(other->name, member->name)) {
            other = other->next;
        }
        if (other == NULL) {
            append_name(&names, member->name);
        }
    }
    struct text text = arena_copy(&set->arena, names.size == 0 ? TEXT("") : buffer_text(&names));
    buffer_release(&names);
    return text;
}

bool reference_set_plan(struct reference_set *set, struct reference_entry *entry,
                        struct text existing, struct problems *problems) {
    struct fault fault = {""};
    struct reference_origin origin = entry->origin;
    const struct json *old =
        text_is_null(existing) ? NULL : json_parse(&set->arena, existing, &fault);
    bool is_object = old != NULL && old->type == JSON_OBJECT;
    if (entry->whole == NULL && !text_is_null(existing) && !is_object) {
        return problems_add(problems,
                            "%s:%zu: %s %.*s: the value in Redis cannot be read, load a whole one "
                            "as JSON (%s)",
                            origin.file, origin.line, reference_kind_name(entry->kind),
                            TEXT_ARGS(entry->id), old == NULL ? fault.text : "not an object");
    }
    struct json *merged = merge(set, entry, entry->whole != NULL ? entry->whole : old);
    size_t size;
    struct reference *checked = reference_from_tree(entry->kind, entry->id, merged, &size);
    bool ok = checked->state == REFERENCE_PRESENT;
    if (!ok) {
        (void)problems_add(problems, "%s:%zu: %s %.*s: %s", origin.file, origin.line,
                           reference_kind_name(entry->kind), TEXT_ARGS(entry->id),
                           checked->unreadable_reason);
    }
    free(checked);
    if (!ok) {
        return false;
    }
    struct buffer value;
    buffer_init(&value);
    json_append(&value, merged);
    entry->value = arena_copy(&set->arena, buffer_text(&value));
    buffer_release(&value);
    entry->differs = text_null();
    if (text_is_null(existing)) {
        entry->outcome = OUTCOME_NEW;
    } else if (is_object && json_equal(old, merged)) {
        entry->outcome = OUTCOME_SAME;
    } else {
        entry->outcome = OUTCOME_CHANGED;
        entry->differs = is_object ? differences(set, old, merged) : TEXT("unreadable before");
    }
    return true;
}

static void read_json_line(struct reference_set *set, struct text line,
                           struct reference_origin origin, struct problems *problems) {
    struct fault fault;
    const struct json *tree = json_parse(&set->arena, line, &fault);
    if (tree == NULL) {
        (void)problems_add(problems, "%s:%zu: %s", origin.file, origin.line, fault.text);
        return;
    }
    for (size_t i = 0; i < REFERENCE_KIND_COUNT && tree->type == JSON_OBJECT && tree->count == 1;
         i++) {
        enum reference_kind kind = (enum reference_kind)i;
        const struct json *value = json_member(tree, reference_kind_name(kind));
        if (value != NULL) {
            (void)reference_set_whole(set, kind, value, origin, problems);
            return;
        }
    }
    (void)problems_add(problems,
                       "%s:%zu: none of {\"partner\": {…}}, {\"customer\": {…}}, {\"fx\": {…}}",
                       origin.file, origin.line);
}

static bool is_blank(struct text line) {
    for (size_t i = 0; i < line.size; i++) {
        if (strchr(" \t\r\n", line.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool read_json_lines(struct reference_set *set, const char *path,
                            struct problems *problems) {
    size_t problems_before = problems->count;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        return problems_add(problems, "%s: %s", path, strerror(errno));
    }
    char *data = NULL;
    size_t capacity = 0;
    ssize_t size;
    struct reference_origin origin = {path, 0};
    while (problems->count < REFERENCE_PROBLEM_COUNT_MAX &&
           (size = getline(&data, &capacity, file)) >= 0) {
        struct text line = {data, (size_t)size};
        if (++origin.line == 1 && text_starts_with(line, TEXT("\xEF\xBB\xBF"))) {
            line.data += 3;
            line.size -= 3;
        }
        if (!is_blank(line)) {
            read_json_line(set, line, origin, problems);
        }
    }
    if (ferror(file)) {
        (void)problems_add(problems, "%s:%zu: %s", path, origin.line + 1, strerror(errno));
    }
    free(data);
    if (file != stdin) {
        (void)fclose(file);
    }
    return problems->count == problems_before;
}

bool reference_set_read(struct reference_set *set, const char *path, struct problems *problems) {
    size_t size = strlen(path);
    bool is_csv = size > 4 && text_equal_ignoring_case(text_of(path + size - 4), TEXT(".csv"));
    return is_csv ? reference_set_read_csv(set, path, problems)
                  : read_json_lines(set, path, problems);
}
