/* The values of accrual-model.md §4 and settlement-model.md §6. Strict, because the alternative is
 * to guess what a partner earns: a member that is known but cannot be read makes the whole value
 * unreadable. Members that are not known are left alone, so that a value may carry more than this
 * version needs. */
#include "accrued/reference_json.h"

#include "accrued/hash.h"
#include "accrued/require.h"
#include "reference_maker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_SIZE_MAX 1024 /* accrual-model.md §2 */
#define QUOTED_SIZE_MAX 40 /* of a bad value, in a reason */
#define ALIGNMENT ((size_t)16)

static const char *const interval_lists[] = {"mpn_active", "indirect_reseller", "bank_profile",
                                             "tax_profile"};
#define INTERVAL_LIST_COUNT (sizeof interval_lists / sizeof interval_lists[0])

bool maker_refuse(struct maker *maker, struct place place, const char *field, const char *format,
                  ...) {
    char *to = maker->made->unreadable_reason;
    size_t room = sizeof maker->made->unreadable_reason;
    int used = place.list == NULL
                   ? snprintf(to, room, "%s: ", field)
                   : snprintf(to, room, "%s[%zu].%s: ", place.list, place.index, field);
    REQUIRE(used > 0 && (size_t)used < room);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(to + used, room - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

struct text maker_quoted(struct text text) {
    size_t size = text.size;
    if (size > QUOTED_SIZE_MAX) {
        size = QUOTED_SIZE_MAX;
        while (size > 0 && ((unsigned char)text.data[size] & 0xC0) == 0x80) {
            size--;
        }
    }
    return (struct text){text.data, size};
}

void *maker_take(struct maker *maker, size_t size) {
    REQUIRE(maker->size - maker->used >= size);
    void *taken = (char *)maker->made + maker->used;
    maker->used += size;
    return taken;
}

static struct text maker_copy(struct maker *maker, struct text text, bool fold) {
    char *copy = maker_take(maker, text.size);
    if (fold) {
        return text_fold(text, copy);
    }
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return (struct text){copy, text.size};
}

/* Absent and empty are null. */
static bool read_text(struct maker *maker, struct place place, const struct json *object,
                      const char *field, bool fold, struct text *ret_text) {
    const struct json *value = json_member(object, field);
    if (json_is_absent(value)) {
        *ret_text = text_null();
        return true;
    }
    if (value->type != JSON_STRING) {
        return maker_refuse(maker, place, field, "a string is needed, found %s",
                            json_type_name(value->type));
    }
    if (value->text.size > TEXT_SIZE_MAX) {
        return maker_refuse(maker, place, field, "longer than %d bytes", TEXT_SIZE_MAX);
    }
    *ret_text = value->text.size == 0 ? text_null() : maker_copy(maker, value->text, fold);
    return true;
}

bool maker_read_id(struct maker *maker, struct place place, const struct json *object,
                   const char *field, bool fold, struct text *ret_text) {
    struct text text;
    if (!read_text(maker, place, object, field, fold, &text)) {
        return false;
    }
    if (text_is_null(text)) {
        return maker_refuse(maker, place, field, "missing or empty");
    }
    *ret_text = text;
    return true;
}

static bool read_day(struct maker *maker, struct place place, const struct json *object,
                     const char *field, int32_t absent, int32_t *ret_day) {
    const struct json *value = json_member(object, field);
    if (json_is_absent(value)) {
        *ret_day = absent;
        return true;
    }
    if (value->type != JSON_STRING) {
        return maker_refuse(maker, place, field, "a date is needed, found %s",
                            json_type_name(value->type));
    }
    if (!calendar_parse_day(value->text, ret_day)) {
        return maker_refuse(maker, place, field, "\"%.*s\" is not a date (YYYY-MM-DD)",
                            TEXT_ARGS(maker_quoted(value->text)));
    }
    return true;
}

static bool read_interval(struct maker *maker, struct place place, const struct json *object,
                          struct interval *ret_interval) {
    struct interval interval;
    if (!read_day(maker, place, object, "from", DAY_MIN, &interval.from) ||
        !read_day(maker, place, object, "to", DAY_MAX, &interval.to)) {
        return false;
    }
    /* Half-open: `from` at or after `to` is an interval that never holds, as of a link that was
     * withdrawn before it began. */
    *ret_interval = interval;
    return true;
}

/* An array whose elements are all objects; absent counts as empty. *ret_array may be NULL then. */
static bool read_array(struct maker *maker, const struct json *object, const char *field,
                       const struct json **ret_array) {
    const struct place top = {NULL, 0};
    const struct json *array = json_member(object, field);
    if (json_is_absent(array)) {
        *ret_array = NULL;
        return true;
    }
    if (array->type != JSON_ARRAY) {
        return maker_refuse(maker, top, field, "an array is needed, found %s",
                            json_type_name(array->type));
    }
    size_t index = 0;
    for (const struct json *item = array->first; item != NULL; item = item->next, index++) {
        if (item->type != JSON_OBJECT) {
            return maker_refuse(maker, top, field, "[%zu]: an object is needed, found %s", index,
                                json_type_name(item->type));
        }
    }
    *ret_array = array;
    return true;
}

static bool read_intervals(struct maker *maker, const struct json *object, const char *field,
                           struct intervals *ret_intervals) {
    const struct json *array;
    if (!read_array(maker, object, field, &array)) {
        return false;
    }
    *ret_intervals = (struct intervals){NULL, 0};
    if (array == NULL || array->count == 0) {
        return true;
    }
    struct interval *items = maker_take(maker, array->count * sizeof *items);
    struct place place = {field, 0};
    for (const struct json *item = array->first; item != NULL; item = item->next) {
        if (!read_interval(maker, place, item, &items[place.index])) {
            return false;
        }
        place.index++;
    }
    REQUIRE(place.index == array->count);
    *ret_intervals = (struct intervals){items, array->count};
    return true;
}

static bool read_level(struct maker *maker, struct place place, const struct json *object,
                       enum competency_level *ret_level) {
    const struct json *value = json_member(object, "level");
    if (json_is_absent(value) || value->type != JSON_STRING) {
        return maker_refuse(maker, place, "level", "silver or gold is needed");
    }
    if (text_equal(value->text, TEXT("silver"))) {
        *ret_level = LEVEL_SILVER;
        return true;
    }
    if (text_equal(value->text, TEXT("gold"))) {
        *ret_level = LEVEL_GOLD;
        return true;
    }
    return maker_refuse(maker, place, "level", "\"%.*s\" is neither silver nor gold",
                        TEXT_ARGS(maker_quoted(value->text)));
}

static bool read_competencies(struct maker *maker, const struct json *array,
                              struct competency *items) {
    struct place place = {"competencies", 0};
    for (const struct json *item = array->first; item != NULL; item = item->next) {
        struct competency *competency = &items[place.index];
        if (!maker_read_id(maker, place, item, "name", false, &competency->name) ||
            !read_level(maker, place, item, &competency->level) ||
            !read_interval(maker, place, item, &competency->valid)) {
            return false;
        }
        place.index++;
    }
    REQUIRE(place.index == array->count);
    return true;
}

bool maker_read_currency(struct maker *maker, const char *field, const struct json *value,
                         struct currency *ret_currency) {
    const struct place top = {NULL, 0};
    if (json_is_absent(value) || value->type != JSON_STRING) {
        return maker_refuse(maker, top, field, "a currency is needed, found %s",
                            json_is_absent(value) ? "nothing" : json_type_name(value->type));
    }
    return currency_parse(value->text, ret_currency) ||
           maker_refuse(maker, top, field, "\"%.*s\" is not a currency (three upper-case letters)",
                        TEXT_ARGS(maker_quoted(value->text)));
}

static bool read_partner(struct maker *maker, const struct json *object) {
    struct partner *partner = &maker->made->partner;
    const struct json *competencies;
    if (!read_array(maker, object, "competencies", &competencies)) {
        return false;
    }
    /* Arrays before texts, the widest alignment first. */
    struct competency *items = NULL;
    size_t count = competencies ? competencies->count : 0;
    if (count > 0) {
        items = maker_take(maker, count * sizeof *items);
    }
    struct intervals *const lists[INTERVAL_LIST_COUNT] = {
        &partner->mpn_active, &partner->indirect_reseller, &partner->bank_profile,
        &partner->tax_profile};
    for (size_t i = 0; i < INTERVAL_LIST_COUNT; i++) {
        if (!read_intervals(maker, object, interval_lists[i], lists[i])) {
            return false;
        }
    }
    const struct place top = {NULL, 0};
    if (!maker_read_id(maker, top, object, "mpn_id", false, &partner->mpn_id)) {
        return false;
    }
    if (count > 0 && !read_competencies(maker, competencies, items)) {
        return false;
    }
    partner->competencies = items;
    partner->competency_count = count;
    const struct json *payout = json_member(object, "payout_currency");
    bool is_empty =
        !json_is_absent(payout) && payout->type == JSON_STRING && payout->text.size == 0;
    partner->has_payout_currency = !json_is_absent(payout) && !is_empty;
    return !partner->has_payout_currency ||
           maker_read_currency(maker, "payout_currency", payout, &partner->payout_currency);
}

static bool read_link_type(struct maker *maker, struct place place, const struct json *object,
                           enum link_type *ret_type) {
    const struct json *value = json_member(object, "type");
    if (json_is_absent(value) || value->type != JSON_STRING) {
        return maker_refuse(maker, place, "type", "DPOR, PAL or CPOR is needed");
    }
    if (!link_type_parse(value->text, ret_type)) {
        return maker_refuse(maker, place, "type", "\"%.*s\" is none of DPOR, PAL, CPOR",
                            TEXT_ARGS(maker_quoted(value->text)));
    }
    return true;
}

static bool read_link(struct maker *maker, struct place place, const struct json *object,
                      struct link *link) {
    return maker_read_id(maker, place, object, "link_id", false, &link->link_id) &&
           maker_read_id(maker, place, object, "partner_mpn_id", false, &link->partner_mpn_id) &&
           read_text(maker, place, object, "subscription_id", true, &link->subscription_id) &&
           read_text(maker, place, object, "workload", false, &link->workload) &&
           read_link_type(maker, place, object, &link->type) &&
           read_interval(maker, place, object, &link->valid);
}

static bool read_customer(struct maker *maker, const struct json *object) {
    struct customer *customer = &maker->made->customer;
    const struct place top = {NULL, 0};
    const struct json *links;
    if (!read_array(maker, object, "links", &links)) {
        return false;
    }
    struct link *items = NULL;
    size_t count = links ? links->count : 0;
    if (count > 0) {
        items = maker_take(maker, count * sizeof *items);
    }
    if (!maker_read_id(maker, top, object, "customer_id", true, &customer->customer_id) ||
        !read_text(maker, top, object, "group_id", true, &customer->group_id) ||
        !read_day(maker, top, object, "added_on", 0, &customer->added_on)) {
        return false;
    }
    customer->has_added_on = !json_is_absent(json_member(object, "added_on"));
    struct place place = {"links", 0};
    for (const struct json *item = links ? links->first : NULL; item != NULL; item = item->next) {
        if (!read_link(maker, place, item, &items[place.index])) {
            return false;
        }
        place.index++;
    }
    REQUIRE(place.index == count);
    customer->links = items;
    customer->link_count = count;
    return true;
}

size_t maker_text_room(const struct json *object, const char *field) {
    const struct json *value = json_member(object, field);
    return value != NULL && value->type == JSON_STRING ? value->text.size : 0;
}

static size_t array_room(const struct json *object, const char *field, size_t item_size) {
    const struct json *array = json_member(object, field);
    return array != NULL && array->type == JSON_ARRAY ? array->count * item_size : 0;
}

/* What the reader of the kind will take: exactly, if the value can be read. */
static size_t value_room(enum reference_kind kind, const struct json *object) {
    if (kind == REFERENCE_FX) {
        return fx_size(object);
    }
    size_t room = 0;
    const char *list = kind == REFERENCE_PARTNER ? "competencies" : "links";
    if (kind == REFERENCE_PARTNER) {
        room += maker_text_room(object, "mpn_id");
        room += array_room(object, list, sizeof(struct competency));
        for (size_t i = 0; i < INTERVAL_LIST_COUNT; i++) {
            room += array_room(object, interval_lists[i], sizeof(struct interval));
        }
    } else {
        room += maker_text_room(object, "customer_id") + maker_text_room(object, "group_id");
        room += array_room(object, list, sizeof(struct link));
    }
    static const char *const texts[] = {"name", "link_id", "partner_mpn_id", "subscription_id",
                                        "workload"};
    const struct json *array = json_member(object, list);
    const struct json *item = array != NULL ? array->first : NULL;
    for (; item != NULL; item = item->next) {
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            room += maker_text_room(item, texts[i]);
        }
    }
    return room;
}

static struct text *id_of(struct reference *reference) {
    switch (reference->kind) {
    case REFERENCE_PARTNER: return &reference->partner.mpn_id;
    case REFERENCE_CUSTOMER: return &reference->customer.customer_id;
    case REFERENCE_FX: return &reference->fx.period;
    }
    REQUIRE(false && "a kind of reference without an id");
}

static bool read_value(struct maker *maker, enum reference_kind kind, const struct json *object) {
    switch (kind) {
    case REFERENCE_PARTNER: return read_partner(maker, object);
    case REFERENCE_CUSTOMER: return read_customer(maker, object);
    case REFERENCE_FX: return fx_read(maker, object);
    }
    REQUIRE(false && "a kind of reference without a reader");
}

static struct maker maker_start(enum reference_kind kind, size_t room) {
    const size_t start = (sizeof(struct reference) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct maker maker = {.size = start + room, .used = start};
    maker.made = calloc(1, maker.size);
    REQUIRE(maker.made != NULL);
    maker.made->kind = kind;
    return maker;
}

/* A reference without a value still knows which id it is about (if the caller does). */
static struct reference *make_valueless(enum reference_kind kind, enum reference_state state,
                                        struct text id, const char *reason, size_t *ret_size) {
    struct maker maker = maker_start(kind, id.size);
    maker.made->state = state;
    if (!text_is_null(id)) {
        *id_of(maker.made) = maker_copy(&maker, id, kind == REFERENCE_CUSTOMER);
    }
    (void)snprintf(maker.made->unreadable_reason, sizeof maker.made->unreadable_reason, "%s",
                   reason);
    *ret_size = maker.size;
    return maker.made;
}

struct reference *reference_unreadable(enum reference_kind kind, struct text id, const char *reason,
                                       size_t *ret_size) {
    REQUIRE(!text_is_null(id) && reason != NULL && ret_size != NULL);
    return make_valueless(kind, REFERENCE_UNREADABLE, id, reason, ret_size);
}

struct reference *reference_from_tree(enum reference_kind kind, struct text id,
                                      const struct json *object, size_t *ret_size) {
    REQUIRE(object != NULL && ret_size != NULL);
    if (object->type != JSON_OBJECT) {
        char reason[sizeof(((struct reference *)0)->unreadable_reason)];
        (void)snprintf(reason, sizeof reason, "the value is not an object but %s",
                       json_type_name(object->type));
        return make_valueless(kind, REFERENCE_UNREADABLE, id, reason, ret_size);
    }
    struct maker maker = maker_start(kind, value_room(kind, object));
    maker.made->state = REFERENCE_PRESENT;
    bool ok = read_value(&maker, kind, object);
    bool folded = kind == REFERENCE_CUSTOMER;
    if (ok && !text_is_null(id)) {
        struct text found = *id_of(maker.made);
        if (folded ? !text_equal_ignoring_case(found, id) : !text_equal(found, id)) {
            ok = maker_refuse(&maker, (struct place){NULL, 0}, reference_kind_id_name(kind),
                              "\"%.*s\" is not the id of the key", TEXT_ARGS(maker_quoted(found)));
        }
    }
    if (!ok) {
        struct reference *unreadable =
            make_valueless(kind, REFERENCE_UNREADABLE, id, maker.made->unreadable_reason, ret_size);
        free(maker.made);
        return unreadable;
    }
    *ret_size = maker.size;
    return maker.made;
}

struct reference *reference_from_json(enum reference_kind kind, struct text id, struct text value,
                                      struct arena *scratch, size_t *ret_size) {
    REQUIRE(!text_is_null(id) && scratch != NULL && ret_size != NULL);
    if (text_is_null(value)) {
        return make_valueless(kind, REFERENCE_MISSING, id, "", ret_size);
    }
    arena_clear(scratch);
    struct fault fault;
    const struct json *tree = json_parse(scratch, value, &fault);
    struct reference *made =
        tree != NULL ? reference_from_tree(kind, id, tree, ret_size)
                     : make_valueless(kind, REFERENCE_UNREADABLE, id, fault.text, ret_size);
    made->hash = hash64(value.data, value.size, 0);
    return made;
}
