/* A reader of Avro's binary form of its own, so that it is no mirror of the encoders. */
#include "oracle.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_SIZE 5

struct reading {
    const uint8_t *at;
    const uint8_t *end;
};

static int64_t take_long(struct reading *from) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (from->at == from->end || shift > 63) {
            sim_fail("an accrual ends in the middle");
        }
        uint8_t byte = *from->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static struct text take_bytes(struct reading *from) {
    int64_t size = take_long(from);
    if (size < 0 || size > from->end - from->at) {
        sim_fail("an accrual has a text that is too long");
    }
    struct text text = {(const char *)from->at, (size_t)size};
    from->at += size;
    return text;
}

static int64_t take_decimal(struct reading *from) {
    struct text bytes = take_bytes(from);
    int64_t value = bytes.size > 0 && (bytes.data[0] & 0x80) != 0 ? -1 : 0;
    for (size_t i = 0; i < bytes.size; i++) {
        value = (int64_t)((uint64_t)value << 8 | (uint8_t)bytes.data[i]);
    }
    return value;
}

static void skip_optional_bytes(struct reading *from) {
    if (take_long(from) != 0) {
        (void)take_bytes(from);
    }
}

static void skip_optional_long(struct reading *from) {
    if (take_long(from) != 0) {
        (void)take_long(from);
    }
}

static int number_behind(struct text text, const char *prefix) {
    char copy[32];
    size_t size = strlen(prefix);
    (void)snprintf(copy, sizeof copy, "%.*s", TEXT_ARGS(text));
    if (strncmp(copy, prefix, size) != 0) {
        sim_fail("an accrual names \"%s\"", copy);
    }
    return atoi(copy + size);
}

enum world_program program_read(struct text id) {
    static const char *const names[] = {"sale", "admin", "digital"};
    for (int i = 0; i < WORLD_PROGRAMS; i++) {
        if (text_equal(id, text_of(names[i]))) {
            return (enum world_program)i;
        }
    }
    sim_fail("an accrual names an unknown program");
}

void accrual_read(const struct record *record, struct accrual_read *ret_accrual) {
    struct reading from = {(const uint8_t *)record->value.data + FRAME_SIZE,
                           (const uint8_t *)record->value.data + record->value.size};
    struct accrual_read accrual = {.process = record->process,
                                   .transaction = record->transaction,
                                   .produced_ms = record->timestamp_ms};
    (void)take_bytes(&from); /* accrual_id */
    accrual.sequence = take_long(&from);
    accrual.line = number_behind(take_bytes(&from), "line-");
    accrual.revision = take_long(&from);
    accrual.program = (int)program_read(take_bytes(&from));
    (void)take_long(&from); /* program_version */
    (void)take_long(&from); /* pays */
    accrual.partner = number_behind(take_bytes(&from), "1");
    (void)take_bytes(&from);    /* customer_id */
    skip_optional_bytes(&from); /* subscription_id */
    (void)take_bytes(&from);    /* product_family */
    skip_optional_bytes(&from); /* workload */
    skip_optional_long(&from);  /* link_type */
    skip_optional_bytes(&from); /* link_id */
    accrual.period = number_behind(take_bytes(&from), "2020-0") - 1;
    (void)take_long(&from); /* as_of */
    accrual.currency = text_equal(take_bytes(&from), TEXT("EUR")) ? 0 : 1;
    (void)take_decimal(&from); /* measure */
    (void)take_decimal(&from); /* rate */
    if (take_long(&from) != 0) {
        sim_fail("an accrual with accelerators");
    }
    accrual.amount = take_decimal(&from);
    accrual.cumulative = take_decimal(&from);
    accrual.is_rerate = take_long(&from) == 3;
    skip_optional_bytes(&from); /* rerate_id */
    (void)take_bytes(&from);    /* source_topic */
    accrual.source_partition = (int32_t)take_long(&from);
    accrual.source_offset = take_long(&from);
    skip_optional_long(&from); /* event_time */
    accrual.accrued_at_ms = take_long(&from);
    char hash[17];
    struct text digits = take_bytes(&from);
    (void)snprintf(hash, sizeof hash, "%.*s", TEXT_ARGS(digits));
    accrual.reference_hash = strtoull(hash, NULL, 16);
    if (from.at != from.end) {
        sim_fail("an accrual with bytes behind its end");
    }
    REQUIRE(accrual.line >= 0 && accrual.line < world.line_count);
    REQUIRE(accrual.partner >= 0 && accrual.partner < world.partner_count);
    *ret_accrual = accrual;
}

void balance_read(const struct record *record, struct balance_read *ret_balance) {
    struct reading from = {(const uint8_t *)record->value.data + FRAME_SIZE,
                           (const uint8_t *)record->value.data + record->value.size};
    struct balance_read balance = {.partner = number_behind(take_bytes(&from), "1")};
    balance.program = (int)program_read(take_bytes(&from));
    balance.period = number_behind(take_bytes(&from), "2020-0") - 1;
    balance.currency = text_equal(take_bytes(&from), TEXT("EUR")) ? 0 : 1;
    balance.cumulative = take_decimal(&from);
    balance.lines = take_long(&from);
    (void)take_bytes(&from); /* last_accrual_id */
    balance.source_offset = take_long(&from);
    (void)take_long(&from); /* updated_at */
    if (from.at != from.end) {
        sim_fail("a balance with bytes behind its end");
    }
    *ret_balance = balance;
}

static int64_t header_number(const struct record *record, const char *name) {
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcmp(record->headers[i].name, name) == 0) {
            return atoll(record->headers[i].value.data);
        }
    }
    return -1;
}

size_t letters_from(const struct log *letters, int32_t partition, int64_t offset) {
    size_t count = 0;
    for (size_t i = 0; i < letters->count; i++) {
        const struct record *record = &letters->records[i];
        count += record->kind == RECORD_DATA && record->fate == FATE_COMMITTED &&
                 header_number(record, "accrued.source.partition") == partition &&
                 header_number(record, "accrued.source.offset") == offset;
    }
    return count;
}
