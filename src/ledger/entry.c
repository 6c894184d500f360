#include "accrued/entry.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#define UUID_TEXT_SIZE 36
#define UUID_SIZE 16
#define KEY_SEED UINT64_C(0x6b6579)

enum key_form { KEY_TEXT = 0, KEY_UUID = 1 };

enum state_flag {
    STATE_VOID = 1,
    STATE_CONSUMED = 2,
    STATE_EVENT_TIME = 4,
    STATE_SUBSCRIPTION = 8,
    STATE_SUBSCRIPTION_UUID = 16,
    STATE_RERATED = 32,
};

/* The optional texts, in the order of the presence bits. */
static const size_t optional_texts[] = {
    offsetof(struct billing_line, reseller_mpn_id), offsetof(struct billing_line, product_id),
    offsetof(struct billing_line, sku_id),          offsetof(struct billing_line, product_name),
    offsetof(struct billing_line, meter_category),  offsetof(struct billing_line, product_family),
    offsetof(struct billing_line, workload),
};
#define OPTIONAL_TEXT_COUNT (sizeof optional_texts / sizeof optional_texts[0])
_Static_assert(OPTIONAL_TEXT_COUNT <= 8, "one presence byte");

/* The value of a lower-case hexadecimal digit, plus one; 0: it is none. */
static const uint8_t hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static bool is_dash_place(size_t i) {
    return i == 8 || i == 13 || i == 18 || i == 23;
}

/* Where in its text each byte of a UUID stands. */
static const uint8_t uuid_places[UUID_SIZE] = {0,  2,  4,  6,  9,  11, 14, 16,
                                               19, 21, 24, 26, 28, 30, 32, 34};

/* A lower-case UUID's 16 bytes; false for any other text. Three of them a line: no branches. */
static bool uuid_pack(struct text text, uint8_t to[UUID_SIZE]) {
    if (text.size != UUID_TEXT_SIZE || text.data[8] != '-' || text.data[13] != '-' ||
        text.data[18] != '-' || text.data[23] != '-') {
        return false;
    }
    const uint8_t *digits = (const uint8_t *)text.data;
    bool is_wrong = false;
    for (size_t i = 0; i < UUID_SIZE; i++) {
        unsigned high = hex_values[digits[uuid_places[i]]];
        unsigned low = hex_values[digits[uuid_places[i] + 1]];
        is_wrong |= (high == 0) | (low == 0);
        to[i] = (uint8_t)((high - 1) << 4 | ((low - 1) & 15));
    }
    return !is_wrong;
}

static struct text uuid_unpack(struct text packed, struct arena *arena) {
    static const char hex[] = "0123456789abcdef";
    char *text = arena_take(arena, UUID_TEXT_SIZE);
    size_t nibble = 0;
    for (size_t i = 0; i < UUID_TEXT_SIZE; i++) {
        if (is_dash_place(i)) {
            text[i] = '-';
            continue;
        }
        unsigned byte = (uint8_t)packed.data[nibble / 2];
        text[i] = hex[nibble % 2 == 0 ? byte >> 4 : byte & 15];
        nibble++;
    }
    return (struct text){text, UUID_TEXT_SIZE};
}

static void append_sized(struct buffer *to, struct text text) {
    buffer_append_varint(to, text.size);
    buffer_append_text(to, text);
}

static struct text take_sized(struct cursor *from) {
    return cursor_take(from, (size_t)cursor_varint(from));
}

static void append_amount(struct buffer *to, int128 units) {
    uint128 zigzag = ((uint128)units << 1) ^ (uint128)(units >> 127);
    while (zigzag >= 0x80) {
        buffer_append_byte(to, (uint8_t)((zigzag & 0x7F) | 0x80));
        zigzag >>= 7;
    }
    buffer_append_byte(to, (uint8_t)zigzag);
}

static int128 take_amount(struct cursor *from) {
    uint128 zigzag = 0;
    for (unsigned shift = 0; shift < 126; shift += 7) {
        uint8_t byte = cursor_byte(from);
        zigzag |= (uint128)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            return (int128)(zigzag >> 1) ^ -(int128)(zigzag & 1);
        }
    }
    from->bad = true;
    return 0;
}

void entry_append_key(struct buffer *to, struct text customer_id, struct text line_id) {
    uint8_t uuid[UUID_SIZE];
    if (uuid_pack(customer_id, uuid)) {
        buffer_append_byte(to, KEY_UUID);
        buffer_append(to, uuid, sizeof uuid);
    } else {
        buffer_append_byte(to, KEY_TEXT);
        append_sized(to, customer_id);
    }
    append_sized(to, line_id);
}

uint64_t entry_key_hash(struct text key) {
    return hash64(key.data, key.size, KEY_SEED);
}

/* Reads the key; ids only where the caller wants them. */
static void take_key(struct cursor *from, struct arena *arena, struct text *customer_id,
                     struct text *line_id) {
    uint8_t form = cursor_byte(from);
    struct text customer = form == KEY_UUID ? cursor_take(from, UUID_SIZE) : take_sized(from);
    from->bad = from->bad || form > KEY_UUID;
    *line_id = take_sized(from);
    if (customer_id != NULL && !from->bad) {
        *customer_id = form == KEY_UUID ? uuid_unpack(customer, arena) : customer;
    }
}

bool entry_key(struct text entry, struct text *ret_key) {
    struct cursor from = cursor_of(entry.data, entry.size);
    struct text line_id;
    take_key(&from, NULL, NULL, &line_id);
    if (from.bad) {
        return false;
    }
    *ret_key = (struct text){entry.data, (size_t)((const char *)from.data - entry.data)};
    return true;
}

static void append_facts(struct buffer *to, const struct line_state *state) {
    const struct billing_line *line = &state->line;
    uint8_t uuid[UUID_SIZE];
    bool has_subscription = !text_is_null(line->subscription_id);
    bool is_uuid = has_subscription && uuid_pack(line->subscription_id, uuid);
    buffer_append_byte(to, (uint8_t)((line->is_void ? STATE_VOID : 0) |
                                     (line->has_consumed_amount ? STATE_CONSUMED : 0) |
                                     (line->has_event_time ? STATE_EVENT_TIME : 0) |
                                     (has_subscription ? STATE_SUBSCRIPTION : 0) |
                                     (is_uuid ? STATE_SUBSCRIPTION_UUID : 0) |
                                     (state->rerate_offset >= 0 ? STATE_RERATED : 0)));
    buffer_append_varint(to, (uint64_t)line->revision);
    buffer_append_zigzag(to, state->origin_offset);
    if (state->rerate_offset >= 0) {
        buffer_append_varint(to, (uint64_t)state->rerate_offset);
    }
    buffer_append_zigzag(to, line->billing_period);
    buffer_append_zigzag(to, line->charge_start_date);
    buffer_append_varint(to, (uint64_t)((int64_t)line->charge_end_date - line->charge_start_date));
    buffer_append(to, line->currency.code, sizeof line->currency.code);
    append_amount(to, line->billed_amount.units);
    if (line->has_consumed_amount) {
        append_amount(to, line->consumed_amount.units);
    }
    if (line->has_event_time) {
        buffer_append_zigzag(to, line->event_time_ms);
    }
    if (is_uuid) {
        buffer_append(to, uuid, sizeof uuid);
    } else if (has_subscription) {
        append_sized(to, line->subscription_id);
    }
    uint8_t present = 0;
    for (size_t i = 0; i < OPTIONAL_TEXT_COUNT; i++) {
        const struct text *text = (const struct text *)((const char *)line + optional_texts[i]);
        present = (uint8_t)(present | (text_is_null(*text) ? 0 : 1U << i));
    }
    buffer_append_byte(to, present);
    for (size_t i = 0; i < OPTIONAL_TEXT_COUNT; i++) {
        if ((present & (1U << i)) != 0) {
            append_sized(to, *(const struct text *)((const char *)line + optional_texts[i]));
        }
    }
    append_sized(to, line->charge_type);
}

static void take_facts(struct cursor *from, struct arena *arena, struct line_state *state) {
    struct billing_line *line = &state->line;
    uint8_t flags = cursor_byte(from);
    line->is_void = (flags & STATE_VOID) != 0;
    line->has_consumed_amount = (flags & STATE_CONSUMED) != 0;
    line->has_event_time = (flags & STATE_EVENT_TIME) != 0;
    line->revision = (int64_t)cursor_varint(from);
    state->origin_offset = cursor_zigzag(from);
    state->rerate_offset = (flags & STATE_RERATED) != 0 ? (int64_t)cursor_varint(from) : -1;
    line->billing_period = (int32_t)cursor_zigzag(from);
    line->charge_start_date = (int32_t)cursor_zigzag(from);
    uint64_t day_count = cursor_varint(from);
    if (day_count > (uint64_t)((int64_t)INT32_MAX - line->charge_start_date)) {
        from->bad = true;
        return;
    }
    line->charge_end_date = (int32_t)(line->charge_start_date + (int64_t)day_count);
    struct text currency = cursor_take(from, sizeof line->currency.code);
    if (!from->bad) {
        memcpy(line->currency.code, currency.data, currency.size);
    }
    line->billed_amount.units = take_amount(from);
    line->consumed_amount.units = line->has_consumed_amount ? take_amount(from) : 0;
    line->event_time_ms = line->has_event_time ? cursor_zigzag(from) : 0;
    if ((flags & STATE_SUBSCRIPTION_UUID) != 0) {
        struct text packed = cursor_take(from, UUID_SIZE);
        line->subscription_id = from->bad ? text_null() : uuid_unpack(packed, arena);
    } else if ((flags & STATE_SUBSCRIPTION) != 0) {
        line->subscription_id = take_sized(from);
    }
    uint8_t present = cursor_byte(from);
    for (size_t i = 0; i < OPTIONAL_TEXT_COUNT; i++) {
        if ((present & (1U << i)) != 0) {
            *(struct text *)((char *)line + optional_texts[i]) = take_sized(from);
        }
    }
    line->charge_type = take_sized(from);
}

void entry_append(struct buffer *to, const struct line_state *state, const uint32_t *numbers) {
    entry_append_key(to, state->line.customer_id, state->line.line_id);
    entry_append_state(to, state, numbers);
}

void entry_append_state(struct buffer *to, const struct line_state *state,
                        const uint32_t *numbers) {
    append_facts(to, state);
    buffer_append_varint(to, state->earner_count);
    for (size_t i = 0; i < state->earner_count; i++) {
        const struct earner *earner = &state->earners[i];
        buffer_append_varint(to, numbers[earner->program_index]);
        bool is_null = text_is_null(earner->partner_mpn_id);
        buffer_append_varint(to, is_null ? 0 : earner->partner_mpn_id.size + 1);
        buffer_append_text(to, earner->partner_mpn_id);
        buffer_append_varint(to, earner->sequence);
        buffer_append_zigzag(to, earner->program_version);
        append_amount(to, earner->cumulative.units);
        buffer_append_byte(to, (uint8_t)earner->forgone_reason);
        buffer_append_zigzag(to, earner->forgone_version);
        append_amount(to, earner->forgone_amount.units);
    }
}

static void take_earner(struct cursor *from, const int *indexes, size_t index_count,
                        struct earner *earner) {
    uint64_t number = cursor_varint(from);
    if (number >= index_count || indexes[number] < 0) {
        from->bad = true;
        return;
    }
    earner->program_index = (size_t)indexes[number];
    uint64_t size = cursor_varint(from);
    earner->partner_mpn_id = size == 0 ? text_null() : cursor_take(from, (size_t)size - 1);
    earner->sequence = (uint32_t)cursor_varint(from);
    earner->program_version = (int32_t)cursor_zigzag(from);
    earner->cumulative.units = take_amount(from);
    uint8_t reason = cursor_byte(from);
    from->bad = from->bad || reason >= FORGONE_REASON_COUNT;
    earner->forgone_reason = (enum forgone_reason)reason;
    earner->forgone_version = (int32_t)cursor_zigzag(from);
    earner->forgone_amount.units = take_amount(from);
}

/* Earners were stored in the order of the program file of that day; today's may differ. */
static void sort_earners(struct earner *earners, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct earner moving = earners[i];
        size_t at = i;
        while (at > 0 &&
               (earners[at - 1].program_index > moving.program_index ||
                (earners[at - 1].program_index == moving.program_index &&
                 text_compare(earners[at - 1].partner_mpn_id, moving.partner_mpn_id) > 0))) {
            earners[at] = earners[at - 1];
            at--;
        }
        earners[at] = moving;
    }
}

bool entry_parse(struct text entry, const int *indexes, size_t index_count, struct arena *arena,
                 struct line_state *ret_state) {
    struct cursor from = cursor_of(entry.data, entry.size);
    struct line_state state = {0};
    take_key(&from, arena, &state.line.customer_id, &state.line.line_id);
    take_facts(&from, arena, &state);
    uint64_t count = cursor_varint(&from);
    /* An earner takes at least 8 bytes: a wild count is recognised before it is allocated. */
    if (from.bad || count > cursor_left(&from) / 8) {
        return false;
    }
    state.earner_count = (size_t)count;
    state.earners = arena_take(arena, (state.earner_count + 1) * sizeof *state.earners);
    for (size_t i = 0; i < state.earner_count; i++) {
        take_earner(&from, indexes, index_count, &state.earners[i]);
    }
    if (from.bad || cursor_left(&from) != 0) {
        return false;
    }
    sort_earners(state.earners, state.earner_count);
    *ret_state = state;
    return true;
}
