/* Text → the value of one option. */
#include "settings.h"

#include "accrued/require.h"
#include "accrued/suggest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Enums of struct config are written through unsigned. */
static_assert(sizeof(enum outage_policy) == sizeof(unsigned), "enums are unsigned");
static_assert(sizeof(enum framing) == sizeof(unsigned), "enums are unsigned");

static void *field_of(struct config *config, const struct setting *setting) {
    return (char *)config + setting->offset;
}

static char *copy(struct text text) {
    char *string = strndup(text.data != NULL ? text.data : "", text.size);
    REQUIRE(string != NULL);
    return string;
}

static void string_replace(char **field, char *value) {
    free(*field);
    *field = value;
}

static bool set_string(char **field, const struct setting *setting, struct text value,
                       const struct place *place, struct problems *problems) {
    if (value.size == 0 && setting->is_required) {
        return problems_add(problems, "%s: must not be empty", place->where);
    }
    bool is_relative = value.size > 0 && value.data[0] != '/';
    if (setting->type == SETTING_PATH && is_relative && place->directory != NULL) {
        char *joined = NULL;
        REQUIRE(asprintf(&joined, "%s/%.*s", place->directory, TEXT_ARGS(value)) >= 0);
        string_replace(field, joined);
    } else {
        string_replace(field, copy(value));
    }
    return true;
}

static bool set_int(int64_t *field, const struct setting *setting, struct text value,
                    const struct place *place, struct problems *problems) {
    const char *unit = setting->unit != NULL ? setting->unit : "";
    const char *space = setting->unit != NULL ? " " : "";
    int64_t number = 0;
    if (!text_to_int64(value, &number)) {
        return problems_add(problems, "%s: \"%.*s\" is not a whole number%s%s", place->where,
                            TEXT_ARGS(value), setting->unit != NULL ? " of " : "", unit);
    }
    if (number < setting->min || number > setting->max) {
        return problems_add(
            problems, "%s: %" PRId64 "%s%s is outside %" PRId64 " … %" PRId64 "%s%s", place->where,
            number, space, unit, setting->min, setting->max, space, unit);
    }
    *field = number;
    return true;
}

/* "serve_stale" is "serve-stale": keys have one, values the other, and who remembers which? */
static bool word_equal(struct text given, const char *word) {
    if (given.size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < given.size; i++) {
        char c = given.data[i] == '_' ? '-' : given.data[i];
        if (c != word[i]) {
            return false;
        }
    }
    return true;
}

static bool take_word(const struct setting *setting, struct text value, const struct place *place,
                      struct problems *problems, unsigned *ret_index) {
    for (size_t i = 0; i < setting->words.count; i++) {
        if (word_equal(value, setting->words.names[i])) {
            *ret_index = (unsigned)i;
            return true;
        }
    }
    struct buffer list;
    buffer_init(&list);
    for (size_t i = 0; i < setting->words.count; i++) {
        buffer_append_format(&list, "%s%s", i == 0 ? "" : ", ", setting->words.names[i]);
    }
    (void)problems_add(problems, "%s: \"%.*s\" is none of %.*s", place->where, TEXT_ARGS(value),
                       TEXT_ARGS(buffer_text(&list)));
    buffer_release(&list);
    return false;
}

static bool set_bool(bool *field, struct text value, const struct place *place,
                     struct problems *problems) {
    bool is_true = text_equal(value, TEXT("true"));
    if (!is_true && !text_equal(value, TEXT("false"))) {
        return problems_add(problems, "%s: \"%.*s\" is neither true nor false", place->where,
                            TEXT_ARGS(value));
    }
    *field = is_true;
    return true;
}

static void properties_clear(struct properties *properties) {
    for (size_t i = 0; i < properties->count; i++) {
        free(properties->items[i].name);
        free(properties->items[i].value);
    }
    free(properties->items);
    *properties = (struct properties){NULL, 0};
}

static void ids_clear(struct config *config) {
    for (size_t i = 0; i < config->schemas.id_count; i++) {
        free(config->schemas.ids[i].file);
    }
    free(config->schemas.ids);
    config->schemas.ids = NULL;
    config->schemas.id_count = 0;
}

static bool set_property(struct properties *properties, struct text key, struct text value,
                         const struct place *place, struct problems *problems) {
    const char *why = property_pinned(key);
    if (why != NULL) {
        return problems_add(problems, "%s: may not be set: %s", place->where, why);
    }
    if (key.size == 0) {
        return problems_add(problems, "%s: a property without a name", place->where);
    }
    for (size_t i = 0; i < properties->count; i++) {
        if (text_equal(key, text_of(properties->items[i].name))) {
            string_replace(&properties->items[i].value, copy(value));
            return true;
        }
    }
    struct property *items =
        realloc(properties->items, (properties->count + 1) * sizeof *properties->items);
    REQUIRE(items != NULL);
    items[properties->count] = (struct property){copy(key), copy(value)};
    properties->items = items;
    properties->count++;
    return true;
}

static bool set_schema_id(struct config *config, struct text key, struct text value,
                          const struct place *place, struct problems *problems) {
    int64_t id = 0;
    if (!text_to_int64(key, &id) || id < 1 || id > INT32_MAX) {
        return problems_add(problems, "%s: \"%.*s\" is not a schema id from 1 to %d", place->where,
                            TEXT_ARGS(key), INT32_MAX);
    }
    if (value.size == 0) {
        return problems_add(problems, "%s: needs the name of a schema file", place->where);
    }
    for (size_t i = 0; i < config->schemas.id_count; i++) {
        if (config->schemas.ids[i].id == (uint32_t)id) {
            string_replace(&config->schemas.ids[i].file, copy(value));
            return true;
        }
    }
    struct schema_entry *ids =
        realloc(config->schemas.ids, (config->schemas.id_count + 1) * sizeof *ids);
    REQUIRE(ids != NULL);
    ids[config->schemas.id_count] = (struct schema_entry){(uint32_t)id, copy(value)};
    config->schemas.ids = ids;
    config->schemas.id_count++;
    return true;
}

bool setting_set_entry(struct config *config, const struct setting *setting, struct text key,
                       struct text value, const struct place *place, struct problems *problems) {
    REQUIRE(setting_is_map(setting));
    if (setting->type == SETTING_SCHEMA_IDS) {
        return set_schema_id(config, key, value, place, problems);
    }
    return set_property(field_of(config, setting), key, value, place, problems);
}

bool setting_set_map(struct config *config, const struct setting *setting,
                     const struct fields *fields, const struct node *node) {
    if (node->kind != NODE_MAPPING) {
        return node_problem(fields->tree, node, fields->problems, "must be a mapping, not %s",
                            node_kind_name(node->kind));
    }
    setting_release(config, setting);
    bool is_good = true;
    struct buffer where;
    buffer_init(&where);
    for (const struct node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != NODE_SCALAR && item->kind != NODE_NULL) {
            is_good = node_problem(fields->tree, item, fields->problems,
                                   "must be one value, not %s", node_kind_name(item->kind));
            continue;
        }
        buffer_clear(&where);
        buffer_append_format(&where, "%s:%zu: ", fields->tree->name, item->line);
        node_append_path(&where, item);
        buffer_append_byte(&where, '\0');
        struct place place = {(const char *)where.data, NULL};
        is_good =
            setting_set_entry(config, setting, item->key, item->text, &place, fields->problems) &&
            is_good;
    }
    buffer_release(&where);
    return is_good;
}

static bool set_map_from_text(struct config *config, const struct setting *setting,
                              struct text value, const struct place *place,
                              struct problems *problems) {
    struct tree tree;
    tree_init(&tree);
    bool is_good = tree_parse(&tree, place->where, value, problems);
    if (is_good) {
        struct fields fields = {&tree, problems, &tree.arena};
        is_good = setting_set_map(config, setting, &fields, tree.root);
    }
    tree_release(&tree);
    return is_good;
}

bool setting_set(struct config *config, const struct setting *setting, struct text value,
                 const struct place *place, struct problems *problems) {
    void *field = field_of(config, setting);
    unsigned index = 0;
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_SECRET: return set_string(field, setting, value, place, problems);
    case SETTING_WORD:
        if (!take_word(setting, value, place, problems, &index)) {
            return false;
        }
        string_replace(field, copy(text_of(setting->words.names[index])));
        return true;
    case SETTING_ENUM:
        if (!take_word(setting, value, place, problems, &index)) {
            return false;
        }
        memcpy(field, &index, sizeof index);
        return true;
    case SETTING_INT: return set_int(field, setting, value, place, problems);
    case SETTING_BOOL: return set_bool(field, value, place, problems);
    case SETTING_PROPERTIES:
    case SETTING_SCHEMA_IDS: return set_map_from_text(config, setting, value, place, problems);
    }
    REQUIRE(false && "a type of option without a setter");
}

void setting_release(struct config *config, const struct setting *setting) {
    void *field = field_of(config, setting);
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_SECRET:
    case SETTING_WORD: string_replace(field, NULL); return;
    case SETTING_PROPERTIES: properties_clear(field); return;
    case SETTING_SCHEMA_IDS: ids_clear(config); return;
    case SETTING_ENUM:
    case SETTING_INT:
    case SETTING_BOOL: return;
    }
    REQUIRE(false && "a type of option without a release");
}

static bool properties_equal(const struct properties *a, const struct properties *b) {
    bool is_equal = a->count == b->count;
    for (size_t i = 0; i < a->count && is_equal; i++) {
        is_equal = strcmp(a->items[i].name, b->items[i].name) == 0 &&
                   strcmp(a->items[i].value, b->items[i].value) == 0;
    }
    return is_equal;
}

static bool ids_equal(const struct config *a, const struct config *b) {
    bool is_equal = a->schemas.id_count == b->schemas.id_count;
    for (size_t i = 0; i < a->schemas.id_count && is_equal; i++) {
        is_equal = a->schemas.ids[i].id == b->schemas.ids[i].id &&
                   strcmp(a->schemas.ids[i].file, b->schemas.ids[i].file) == 0;
    }
    return is_equal;
}

static size_t plain_size(enum setting_type type) {
    switch (type) {
    case SETTING_ENUM: return sizeof(unsigned);
    case SETTING_INT: return sizeof(int64_t);
    case SETTING_BOOL: return sizeof(bool);
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_SECRET:
    case SETTING_WORD:
    case SETTING_PROPERTIES:
    case SETTING_SCHEMA_IDS: return 0;
    }
    REQUIRE(false && "a type of option without a size");
}

bool setting_equal(const struct config *a, const struct config *b, const struct setting *setting) {
    const void *field_a = (const char *)a + setting->offset;
    const void *field_b = (const char *)b + setting->offset;
    size_t size = plain_size(setting->type);
    if (size > 0) {
        return memcmp(field_a, field_b, size) == 0;
    }
    if (setting->type == SETTING_PROPERTIES) {
        return properties_equal(field_a, field_b);
    }
    if (setting->type == SETTING_SCHEMA_IDS) {
        return ids_equal(a, b);
    }
    return strcmp(*(char *const *)field_a, *(char *const *)field_b) == 0;
}

static void properties_copy(struct properties *to, const struct properties *from) {
    properties_clear(to);
    to->items = calloc(from->count + 1, sizeof *to->items);
    REQUIRE(to->items != NULL);
    for (; to->count < from->count; to->count++) {
        to->items[to->count] = (struct property){copy(text_of(from->items[to->count].name)),
                                                 copy(text_of(from->items[to->count].value))};
    }
}

static void ids_copy(struct config *to, const struct config *from) {
    ids_clear(to);
    to->schemas.ids = calloc(from->schemas.id_count + 1, sizeof *to->schemas.ids);
    REQUIRE(to->schemas.ids != NULL);
    for (size_t i = 0; i < from->schemas.id_count; i++) {
        to->schemas.ids[i] = (struct schema_entry){from->schemas.ids[i].id,
                                                   copy(text_of(from->schemas.ids[i].file))};
    }
    to->schemas.id_count = from->schemas.id_count;
}

void setting_copy(struct config *to, const struct config *from, const struct setting *setting) {
    const void *source = (const char *)from + setting->offset;
    size_t size = plain_size(setting->type);
    if (size > 0) {
        memcpy(field_of(to, setting), source, size);
    } else if (setting->type == SETTING_PROPERTIES) {
        properties_copy(field_of(to, setting), source);
    } else if (setting->type == SETTING_SCHEMA_IDS) {
        ids_copy(to, from);
    } else {
        string_replace(field_of(to, setting), copy(text_of(*(char *const *)source)));
    }
}
