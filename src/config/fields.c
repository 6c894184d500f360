#include "fields.h"

#include "accrued/require.h"
#include "accrued/suggest.h"

#include <inttypes.h>

static const char *const family_names[] = {
    "office_365", "microsoft_365",      "azure", "dynamics_365", "azure_reservation",
    "software",   "strategic_software", "other",
};
const struct words fields_families = {family_names, sizeof family_names / sizeof family_names[0]};

bool fields_mapping(const struct fields *fields, const struct node *node, struct words known) {
    if (node->kind != NODE_MAPPING) {
        return node_problem(fields->tree, node, fields->problems, "must be a mapping, not %s",
                            node_kind_name(node->kind));
    }
    bool is_good = true;
    for (const struct node *member = node->first; member != NULL; member = member->next) {
        bool is_known = false;
        for (size_t i = 0; i < known.count && !is_known; i++) {
            is_known = text_equal(member->key, text_of(known.names[i]));
        }
        if (!is_known) {
            char tail[SUGGESTION_SIZE_MAX];
            is_good = node_problem(fields->tree, member, fields->problems, "unknown key%s",
                                   suggest_tail(member->key, known.names, known.count, tail));
        }
    }
    return is_good;
}

bool fields_sequence(const struct fields *fields, const struct node *node, size_t count_min) {
    if (node->kind != NODE_SEQUENCE) {
        return node_problem(fields->tree, node, fields->problems, "must be a list, not %s",
                            node_kind_name(node->kind));
    }
    if (node->count < count_min) {
        return node_problem(fields->tree, node, fields->problems, "must not be an empty list");
    }
    return true;
}

const struct node *fields_member(const struct fields *fields, const struct node *mapping,
                                 const char *key, enum presence presence, bool *ret_good) {
    REQUIRE(mapping->kind == NODE_MAPPING);
    const struct node *member = node_member(mapping, key);
    if (member != NULL && member->kind != NODE_NULL) {
        return member;
    }
    if (presence == REQUIRED) {
        *ret_good = node_problem(fields->tree, member != NULL ? member : mapping, fields->problems,
                                 member != NULL ? "must have a value" : "`%s` is missing", key);
    }
    return NULL;
}

/* A scalar that is not empty. */
static bool take_scalar(const struct fields *fields, const struct node *node,
                        struct text *ret_text) {
    if (node->kind != NODE_SCALAR) {
        return node_problem(fields->tree, node, fields->problems, "must be one value, not %s",
                            node_kind_name(node->kind));
    }
    if (node->text.size == 0) {
        return node_problem(fields->tree, node, fields->problems, "must not be empty");
    }
    *ret_text = node->text;
    return true;
}

bool fields_text(const struct fields *fields, const struct node *mapping, const char *key,
                 enum presence presence, struct text *ret_text) {
    bool is_good = true;
    const struct node *member = fields_member(fields, mapping, key, presence, &is_good);
    struct text text = text_null();
    if (member == NULL) {
        return is_good;
    }
    if (!take_scalar(fields, member, &text)) {
        return false;
    }
    *ret_text = arena_copy(fields->arena, text);
    return true;
}

bool fields_bool(const struct fields *fields, const struct node *mapping, const char *key,
                 bool *ret_value) {
    bool is_good = true;
    const struct node *member = fields_member(fields, mapping, key, OPTIONAL, &is_good);
    struct text text = text_null();
    if (member == NULL) {
        return is_good;
    }
    if (!take_scalar(fields, member, &text)) {
        return false;
    }
    bool is_true = text_equal(text, TEXT("true"));
    if (!is_true && !text_equal(text, TEXT("false"))) {
        return node_problem(fields->tree, member, fields->problems,
                            "\"%.*s\" is neither true nor false", TEXT_ARGS(text));
    }
    *ret_value = is_true;
    return true;
}

bool fields_int(const struct fields *fields, const struct node *mapping, const char *key,
                int64_t min, int64_t max, int64_t *ret_value) {
    REQUIRE(0 <= min && min <= max);
    bool is_good = true;
    const struct node *member = fields_member(fields, mapping, key, OPTIONAL, &is_good);
    struct text text = text_null();
    if (member == NULL) {
        return is_good;
    }
    if (!take_scalar(fields, member, &text)) {
        return false;
    }
    int64_t value = 0;
    if (!text_to_int64(text, &value) || value < min || value > max) {
        return node_problem(fields->tree, member, fields->problems,
                            "\"%.*s\" is not a whole number from %" PRId64 " to %" PRId64,
                            TEXT_ARGS(text), min, max);
    }
    *ret_value = value;
    return true;
}

bool fields_unknown_word(const struct fields *fields, const struct node *node, struct text given,
                         struct words words) {
    char tail[SUGGESTION_SIZE_MAX];
    struct buffer list;
    buffer_init(&list);
    for (size_t i = 0; i < words.count; i++) {
        buffer_append_format(&list, "%s%s",
                             i == 0                ? ""
                             : i + 1 < words.count ? ", "
                                                   : " or ",
                             words.names[i]);
    }
    (void)node_problem(fields->tree, node, fields->problems, "\"%.*s\" is not %.*s%s",
                       TEXT_ARGS(given), TEXT_ARGS(buffer_text(&list)),
                       suggest_tail(given, words.names, words.count, tail));
    buffer_release(&list);
    return false;
}

static bool word_index(struct words words, struct text text, unsigned *ret_index) {
    for (size_t i = 0; i < words.count; i++) {
        if (text_equal(text, text_of(words.names[i]))) {
            *ret_index = (unsigned)i;
            return true;
        }
    }
    return false;
}

bool fields_word(const struct fields *fields, const struct node *mapping, const char *key,
                 enum presence presence, struct words words, unsigned *ret_index) {
    bool is_good = true;
    const struct node *member = fields_member(fields, mapping, key, presence, &is_good);
    struct text text = text_null();
    if (member == NULL) {
        return is_good;
    }
    if (!take_scalar(fields, member, &text)) {
        return false;
    }
    return word_index(words, text, ret_index) || fields_unknown_word(fields, member, text, words);
}

bool fields_rate(const struct fields *fields, const struct node *mapping, const char *key,
                 struct rate *ret_rate) {
    bool is_good = true;
    const struct node *member = fields_member(fields, mapping, key, REQUIRED, &is_good);
    struct text text = text_null();
    if (member == NULL) {
        return is_good;
    }
    if (!take_scalar(fields, member, &text)) {
        return false;
    }
    struct rate rate = {0};
    switch (rate_parse(text, &rate)) {
    case DECIMAL_OK: break;
    case DECIMAL_MALFORMED:
        return node_problem(fields->tree, member, fields->problems,
                            "\"%.*s\" is not a rate such as 4%% or 0.04", TEXT_ARGS(text));
    case DECIMAL_INEXACT:
        return node_problem(fields->tree, member, fields->problems,
                            "\"%.*s\" has more than %d decimals (%d as a percentage)",
                            TEXT_ARGS(text), RATE_SCALE, RATE_SCALE - 2);
    case DECIMAL_OVERFLOW: rate.units = INT64_MAX; break;
    }
    if (rate.units > RATE_MAX_UNITS) {
        return node_problem(fields->tree, member, fields->problems, "\"%.*s\" is above 100 (%s)",
                            TEXT_ARGS(text), "10000%");
    }
    *ret_rate = rate;
    return true;
}

bool fields_texts(const struct fields *fields, const struct node *mapping, const char *key,
                  size_t count_min, struct words known, struct texts *ret_texts) {
    bool is_good = true;
    const struct node *member = fields_member(fields, mapping, key, OPTIONAL, &is_good);
    if (member == NULL) {
        return is_good;
    }
    if (!fields_sequence(fields, member, count_min)) {
        return false;
    }
    struct text *items = arena_take(fields->arena, (member->count + 1) * sizeof *items);
    struct texts taken = {items, 0};
    for (const struct node *item = member->first; item != NULL; item = item->next) {
        struct text text;
        unsigned index = 0;
        if (!take_scalar(fields, item, &text)) {
            is_good = false;
        } else if (known.count > 0 && !word_index(known, text, &index)) {
            is_good = fields_unknown_word(fields, item, text, known);
        } else if (texts_contain(taken, text)) {
            is_good = node_problem(fields->tree, item, fields->problems, "\"%.*s\" stands twice",
                                   TEXT_ARGS(text));
        } else {
            items[taken.count++] = arena_copy(fields->arena, text);
        }
    }
    *ret_texts = taken;
    return is_good;
}

/* A day, if the key is given. */
static bool take_day(const struct fields *fields, const struct node *mapping, const char *key,
                     enum presence presence, int32_t *ret_day) {
    bool is_good = true;
    const struct node *member = fields_member(fields, mapping, key, presence, &is_good);
    struct text text = text_null();
    if (member == NULL) {
        return is_good;
    }
    if (!take_scalar(fields, member, &text)) {
        return false;
    }
    if (!calendar_parse_day(text, ret_day)) {
        return node_problem(fields->tree, member, fields->problems,
                            "\"%.*s\" is not a date of the form YYYY-MM-DD", TEXT_ARGS(text));
    }
    return true;
}

bool fields_interval(const struct fields *fields, const struct node *mapping,
                     enum presence from_presence, struct interval *ret_interval) {
    struct interval interval = {DAY_MIN, DAY_MAX};
    bool has_from = take_day(fields, mapping, "from", from_presence, &interval.from);
    bool has_to = take_day(fields, mapping, "to", OPTIONAL, &interval.to);
    if (!has_from || !has_to) {
        return false;
    }
    if (interval.from >= interval.to) {
        return node_problem(fields->tree, node_member(mapping, "to"), fields->problems,
                            "must be later than `from`: the interval is from ≤ day < to");
    }
    *ret_interval = interval;
    return true;
}

bool fields_is_id(struct text text) {
    bool after_dash = true; /* so is the beginning */
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '-' && after_dash) {
            return false;
        }
        if (c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9')) {
            return false;
        }
        after_dash = c == '-';
    }
    return !after_dash;
}
