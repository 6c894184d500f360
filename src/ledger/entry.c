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
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

/* What a number takes at most: a varint, one of 128 bits. */
#define NUMBER_SIZE_MAX 10
#define AMOUNT_SIZE_MAX 19
/* Of the facts without their texts: two bytes, nine numbers, two amounts, currency, UUID. */
#define FACTS_SIZE_MAX (2 + 9 * NUMBER_SIZE_MAX + 2 * AMOUNT_SIZE_MAX + 3 + UUID_SIZE)
/* Of an earner without its id. */
#define EARNER_SIZE_MAX (1 + 5 * NUMBER_SIZE_MAX + 2 * AMOUNT_SIZE_MAX)

static bool is_dash_place(size_t i) {
    return i == 8 || i == 13 || i == 18 || i == 23;
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

static inline uint64_t load(const char *from, size_t size) {
    uint64_t word = 0;
    memcpy(&word, from, size);
    return word;
}

/* Eight lower-case hexadecimal digits, a byte each, the first one lowest, become four bytes. Bits
 * in *wrong: some byte is no such digit. */
static inline uint32_t pack_digits(uint64_t digits, uint64_t *wrong) {
    uint64_t is_letter = digits >> 6 & EACH_BYTE; /* 'a' … 'f' are 0x61 …, '0' … '9' 0x30 … */
    uint64_t values = (digits & 0x0f * EACH_BYTE) + 9 * is_letter;
    uint64_t tens = (values + 6 * EACH_BYTE) >> 4 & EACH_BYTE; /* 10 … 15: those of letters */
    *wrong |= ((digits & 0xf0 * EACH_BYTE) ^ 0x30 * (EACH_BYTE + is_letter)) |
              (values & 0x10 * EACH_BYTE) | (tens ^ is_letter);
    uint64_t bytes = (values << 4 | values >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    bytes = (bytes | bytes >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(bytes | bytes >> 16);
}

/* A lower-case UUID's 16 bytes; false for any other text. Two of them a line, so eight digits at a
 * time: 8-4-4-4-12. */
static bool uuid_pack(struct text text, uint8_t to[UUID_SIZE]) {
    if (text.size != UUID_TEXT_SIZE || text.data[8] != '-' || text.data[13] != '-' ||
        text.data[18] != '-' || text.data[23] != '-') {
        return false;
    }
    const char *from = text.data;
    uint64_t wrong = 0;
    uint32_t parts[4] = {
        pack_digits(load(from, 8), &wrong),
        pack_digits(load(from + 9, 4) | load(from + 14, 4) << 32, &wrong),
        pack_digits(load(from + 19, 4) | load(from + 24, 4) << 32, &wrong),
        pack_digits(load(from + 28, 8), &wrong),
    };
    memcpy(to, parts, UUID_SIZE);
    return wrong == 0;
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

/* Writing where room has been made already; all return what is behind. */
static inline uint8_t *put_varint(uint8_t *to, uint64_t value) {
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to = (uint8_t)value;
    return to + 1;
}

static inline uint8_t *put_zigzag(uint8_t *to, int64_t value) {
    return put_varint(to, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static inline uint8_t *put_bytes(uint8_t *to, const void *from, size_t size) {
    if (size > 0) {
        memcpy(to, from, size);
    }
    return to + size;
}

static inline uint8_t *put_sized(uint8_t *to, struct text text) {
    return put_bytes(put_varint(to, text.size), text.data, text.size);
}

static uint8_t *put_amount(uint8_t *to, int128 units) {
    uint128 zigzag = ((uint128)units << 1) ^ (uint128)(units >> 127);
    for (; zigzag > UINT64_MAX; zigzag >>= 7) {
        *to++ = (uint8_t)(zigzag | 0x80);
    }
    return put_varint(to, (uint64_t)zigzag);
}

static struct text take_sized(struct cursor *from) {
    return cursor_take(from, (size_t)cursor_varint(from));
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

static struct text optional_text(const struct billing_line *line, size_t i) {
    return *(const struct text *)((const char *)line + optional_texts[i]);
}

static size_t state_size_max(const struct line_state *state) {
    const struct billing_line *line = &state->line;
    size_t size = FACTS_SIZE_MAX + NUMBER_SIZE_MAX + line->subscription_id.size + NUMBER_SIZE_MAX +
                  line->charge_type.size;
    for (size_t i = 0; i < OPTIONAL_TEXT_COUNT; i++) {
        size += NUMBER_SIZE_MAX + optional_text(line, i).size;
    }
    for (size_t i = 0; i < state->earner_count; i++) {
        size += EARNER_SIZE_MAX + state->earners[i].partner_mpn_id.size;
    }
    return size;
}

static uint8_t *put_texts(uint8_t *to, const struct billing_line *line) {
    uint8_t *present = to++;
    *present = 0;
    for (size_t i = 0; i < OPTIONAL_TEXT_COUNT; i++) {
        struct text text = optional_text(line, i);
        if (!text_is_null(text)) {
            *present = (uint8_t)(*present | 1U << i);
            to = put_sized(to, text);
        }
    }
    return put_sized(to, line->charge_type);
}

static uint8_t *put_facts(uint8_t *to, const struct line_state *state) {
    const struct billing_line *line = &state->line;
    uint8_t uuid[UUID_SIZE];
    bool has_subscription = !text_is_null(line->subscription_id);
    bool is_uuid = has_subscription && uuid_pack(line->subscription_id, uuid);
    *to++ = (uint8_t)((line->is_void ? STATE_VOID : 0) |
                      (line->has_consumed_amount ? STATE_CONSUMED : 0) |
                      (line->has_event_time ? STATE_EVENT_TIME : 0) |
                      (has_subscription ? STATE_SUBSCRIPTION : 0) |
                      (is_uuid ? STATE_SUBSCRIPTION_UUID : 0) |
                      (state->rerate_offset >= 0 ? STATE_RERATED : 0));
    to = put_varint(to, (uint64_t)line->revision);
    to = put_zigzag(to, state->origin_offset);
    if (state->rerate_offset >= 0) {
        to = put_varint(to, (uint64_t)state->rerate_offset);
    }
    to = put_zigzag(to, line->billing_period);
    to = put_zigzag(to, line->charge_start_date);
    to = put_varint(to, (uint64_t)((int64_t)line->charge_end_date - line->charge_start_date));
    to = put_bytes(to, line->currency.code, sizeof line->currency.code);
    to = put_amount(to, line->billed_amount.units);
    if (line->has_consumed_amount) {
        to = put_amount(to, line->consumed_amount.units);
    }
    if (line->has_event_time) {
        to = put_zigzag(to, line->event_time_ms);
    }
    if (is_uuid) {
        to = put_bytes(to, uuid, sizeof uuid);
    } else if (has_subscription) {
        to = put_sized(to, line->subscription_id);
    }
    return put_texts(to, line);
}

static uint8_t *put_earner(uint8_t *to, const struct earner *earner, uint32_t number) {
    to = put_varint(to, number);
    struct text partner = earner->partner_mpn_id;
    to = put_varint(to, text_is_null(partner) ? 0 : partner.size + 1);
    to = put_bytes(to, partner.data, partner.size);
    to = put_varint(to, earner->sequence);
    to = put_zigzag(to, earner->program_version);
    to = put_amount(to, earner->cumulative.units);
    *to++ = (uint8_t)earner->forgone_reason;
    to = put_zigzag(to, earner->forgone_version);
    return put_amount(to, earner->forgone_amount.units);
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
    size_t size_max = state_size_max(state);
    uint8_t *start = buffer_reserve(to, size_max);
    uint8_t *at = put_facts(start, state);
    at = put_varint(at, state->earner_count);
    for (size_t i = 0; i < state->earner_count; i++) {
        const struct earner *earner = &state->earners[i];
        at = put_earner(at, earner, numbers[earner->program_index]);
    }
    REQUIRE((size_t)(at - start) <= size_max);
    to->size += (size_t)(at - start);
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
