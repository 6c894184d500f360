#include "accrued/ingest_map.h"

#include "accrued/require.h"

#include <assert.h>

/* In the order of the enums. */
static const char *const field_names[] = {
    "invoice_id",    "billing_period",  "customer_id",       "subscription_id", "reseller_mpn_id",
    "product_id",    "sku_id",          "product_name",      "meter_category",  "product_family",
    "workload",      "charge_type",     "charge_start_date", "charge_end_date", "currency",
    "billed_amount", "consumed_amount", "quantity",          "revision_date",
};
static_assert(sizeof field_names / sizeof field_names[0] == INGEST_FIELD_COUNT, "a name for each");

static const char *const kind_names[] = {
    "text", "id", "mpn", "decimal", "date", "month", "charge_type", "currency",
};
static_assert(sizeof kind_names / sizeof kind_names[0] == INGEST_KIND_COUNT, "a name for each");

static bool name_find(const char *const *names, size_t count, struct text name, size_t *ret_index) {
    for (size_t i = 0; i < count; i++) {
        if (text_equal(name, text_of(names[i]))) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

const char *ingest_field_name(enum ingest_field field) {
    REQUIRE((size_t)field < INGEST_FIELD_COUNT);
    return field_names[field];
}

bool ingest_field_parse(struct text name, enum ingest_field *ret_field) {
    size_t index = 0;
    bool found = name_find(field_names, INGEST_FIELD_COUNT, name, &index);
    if (found) {
        *ret_field = (enum ingest_field)index;
    }
    return found;
}

const char *ingest_kind_name(enum ingest_kind kind) {
    REQUIRE((size_t)kind < INGEST_KIND_COUNT);
    return kind_names[kind];
}

bool ingest_kind_parse(struct text name, enum ingest_kind *ret_kind) {
    size_t index = 0;
    bool found = name_find(kind_names, INGEST_KIND_COUNT, name, &index);
    if (found) {
        *ret_kind = (enum ingest_kind)index;
    }
    return found;
}

enum ingest_kind ingest_field_kind(enum ingest_field field) {
    switch (field) {
    case INGEST_CUSTOMER_ID:
    case INGEST_SUBSCRIPTION_ID: return INGEST_AS_ID;
    case INGEST_RESELLER_MPN_ID: return INGEST_AS_MPN;
    case INGEST_BILLING_PERIOD: return INGEST_AS_MONTH;
    case INGEST_CHARGE_START_DATE:
    case INGEST_CHARGE_END_DATE:
    case INGEST_REVISION_DATE: return INGEST_AS_DATE;
    case INGEST_CHARGE_TYPE: return INGEST_AS_CHARGE_TYPE;
    case INGEST_CURRENCY: return INGEST_AS_CURRENCY;
    case INGEST_BILLED_AMOUNT:
    case INGEST_CONSUMED_AMOUNT:
    case INGEST_QUANTITY: return INGEST_AS_DECIMAL;
    case INGEST_INVOICE_ID:
    case INGEST_PRODUCT_ID:
    case INGEST_SKU_ID:
    case INGEST_PRODUCT_NAME:
    case INGEST_METER_CATEGORY:
    case INGEST_PRODUCT_FAMILY:
    case INGEST_WORKLOAD: return INGEST_AS_TEXT;
    }
    REQUIRE(false && "a field without a kind");
}

const struct ingest_map *ingest_map_find(const char *format) {
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        if (strcmp(ingest_maps[i].format, format) == 0) {
            return &ingest_maps[i];
        }
    }
    return NULL;
}

struct text ingest_normalise(struct text name, char to[INGEST_NAME_SIZE_MAX]) {
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    size_t size = 0;
    if (name.size >= 3 && memcmp(name.data, byte_order_mark, 3) == 0) {
        name = (struct text){name.data + 3, name.size - 3};
    }
    for (size_t i = 0; i < name.size && size < INGEST_NAME_SIZE_MAX; i++) {
        char c = name.data[i];
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
        if (is_kept) {
            to[size++] = c;
        }
    }
    return (struct text){to, size};
}

/* A JSON string is a YAML scalar. */
static void append_quoted(struct buffer *to, const char *value) {
    buffer_append_byte(to, '"');
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            buffer_append_byte(to, '\\');
        }
        buffer_append_byte(to, (uint8_t)*value);
    }
    buffer_append_byte(to, '"');
}

static void append_pair(struct buffer *to, const char *key, const char *value) {
    if (value != NULL) {
        buffer_append_format(to, "%s: ", key);
        append_quoted(to, value);
        buffer_append_byte(to, '\n');
    }
}

static void append_names(struct buffer *to, const char *const *names, size_t count_max) {
    buffer_append_byte(to, '[');
    for (size_t i = 0; i < count_max && names[i] != NULL; i++) {
        buffer_append_string(to, i > 0 ? ", " : "");
        append_quoted(to, names[i]);
    }
    buffer_append_byte(to, ']');
}

static bool source_is_used(const struct ingest_source *source) {
    return source->columns[0] != NULL || source->factors[0] != NULL || source->constant != NULL;
}

static void append_source(struct buffer *to, enum ingest_field field,
                          const struct ingest_source *source) {
    buffer_append_format(to, "  %s: {kind: %s", ingest_field_name(field),
                         ingest_kind_name(source->kind));
    if (source->columns[0] != NULL) {
        buffer_append_string(to, ", columns: ");
        append_names(to, source->columns, INGEST_SPELLINGS_MAX);
    }
    if (source->factors[0] != NULL) {
        buffer_append_string(to, ", product: ");
        append_names(to, source->factors, INGEST_FACTORS_MAX);
    }
    if (source->constant != NULL) {
        buffer_append_string(to, ", constant: ");
        append_quoted(to, source->constant);
    }
    buffer_append_string(to, source->must_have_column ? ", must_have_column: true}\n" : "}\n");
}

void ingest_map_append_yaml(struct buffer *to, const struct ingest_map *map) {
    append_pair(to, "format", map->format);
    append_pair(to, "what", map->what);
    append_pair(to, "tag", map->tag);
    append_pair(to, "null_word", map->null_word);
    buffer_append_string(to, map->is_day_first ? "day_first: true\n" : "");
    buffer_append_string(to, map->has_short_rows ? "short_rows: true\n" : "");
    buffer_append_string(to, "fields:\n");
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        if (source_is_used(&map->fields[i])) {
            append_source(to, (enum ingest_field)i, &map->fields[i]);
        }
    }
    buffer_append_string(to, "identity:\n");
    for (size_t i = 0; i < INGEST_IDENTITY_MAX && map->identity[i] != NULL; i++) {
        buffer_append_string(to, "  - ");
        append_quoted(to, map->identity[i]);
        buffer_append_byte(to, '\n');
    }
    if (map->recognise[0] != NULL) {
        buffer_append_string(to, "recognise: ");
        append_names(to, map->recognise, INGEST_RECOGNISE_MAX);
        buffer_append_byte(to, '\n');
    }
    append_pair(to, "detail", map->detail);
    if (map->skip_column != NULL) {
        buffer_append_string(to, "skip: {column: ");
        append_quoted(to, map->skip_column);
        buffer_append_string(to, ", values: ");
        append_names(to, map->skip_values, INGEST_SKIP_VALUES_MAX);
        buffer_append_string(to, "}\n");
    }
    if (map->type_value != NULL) {
        const char *types[] = {map->type_value, map->type_value_2};
        buffer_append_string(to, "object_types: ");
        append_names(to, types, 2);
        buffer_append_byte(to, '\n');
    }
}
