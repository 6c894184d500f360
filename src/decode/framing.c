#include "accrued/decode.h"

#include <stdio.h>

#define CONFLUENT_MAGIC 0x00
#define CONFLUENT_HEADER_SIZE 5
#define GUID_MAGIC 0x01
#define SINGLE_OBJECT_HEADER_SIZE 10
static const uint8_t single_object_magic[2] = {0xC3, 0x01};

/* Each record has one. Member by member: put together first and then copied, it would wait for its
 * own stores. */
static void confluent_ref(const uint8_t *bytes, struct schema_ref *ret_ref) {
    memset(ret_ref, 0, sizeof *ret_ref);
    ret_ref->framing = FRAMING_CONFLUENT;
    ret_ref->id =
        (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4];
}

bool frame_parse(struct text value, struct schema_ref *ret_ref, struct text *ret_datum,
                 struct reject *ret_reject) {
    const uint8_t *bytes = (const uint8_t *)value.data;
    if (value.size >= CONFLUENT_HEADER_SIZE && bytes[0] == CONFLUENT_MAGIC) {
        confluent_ref(bytes, ret_ref);
        *ret_datum =
            (struct text){value.data + CONFLUENT_HEADER_SIZE, value.size - CONFLUENT_HEADER_SIZE};
        return true;
    }
    if (value.size >= SINGLE_OBJECT_HEADER_SIZE &&
        memcmp(bytes, single_object_magic, sizeof single_object_magic) == 0) {
        struct cursor from = cursor_of(bytes + sizeof single_object_magic, sizeof(uint64_t));
        *ret_ref = (struct schema_ref){.framing = FRAMING_SINGLE_OBJECT,
                                       .fingerprint = cursor_u64le(&from)};
        *ret_datum = (struct text){value.data + SINGLE_OBJECT_HEADER_SIZE,
                                   value.size - SINGLE_OBJECT_HEADER_SIZE};
        return true;
    }
    if (value.size == 0) {
        return reject_set(ret_reject, REJECT_AVRO_MALFORMED, "the value is empty");
    }
    return reject_set(ret_reject, REJECT_AVRO_MALFORMED,
                      "byte 0: 0x%02x begins neither a Confluent frame (00, 4 bytes of id) nor a "
                      "single-object one (c3 01, 8 bytes of fingerprint); %zu bytes",
                      bytes[0], value.size);
}

bool frame_parse_header(struct text header, struct schema_ref *ret_ref, struct reject *ret_reject) {
    const uint8_t *bytes = (const uint8_t *)header.data;
    if (header.size == 1 + GUID_SIZE && bytes[0] == GUID_MAGIC) {
        *ret_ref = (struct schema_ref){.framing = FRAMING_GUID};
        memcpy(ret_ref->guid, bytes + 1, GUID_SIZE);
        return true;
    }
    if (header.size == CONFLUENT_HEADER_SIZE && bytes[0] == CONFLUENT_MAGIC) {
        confluent_ref(bytes, ret_ref);
        return true;
    }
    return reject_set(ret_reject, REJECT_AVRO_MALFORMED,
                      "header " SCHEMA_HEADER ": %zu bytes that are neither 01 and a GUID of 16 "
                      "bytes nor 00 and an id of 4",
                      header.size);
}

void schema_guid_format(const uint8_t guid[GUID_SIZE], char to[GUID_TEXT_SIZE]) {
    size_t at = 0;
    for (size_t i = 0; i < GUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            to[at++] = '-';
        }
        (void)snprintf(to + at, 3, "%02x", guid[i]);
        at += 2;
    }
}

void frame_append(struct buffer *to, struct schema_ref ref) {
    if (ref.framing == FRAMING_CONFLUENT) {
        buffer_append_byte(to, CONFLUENT_MAGIC);
        for (unsigned shift = 32; shift > 0; shift -= 8) {
            buffer_append_byte(to, (uint8_t)(ref.id >> (shift - 8)));
        }
    } else {
        buffer_append(to, single_object_magic, sizeof single_object_magic);
        buffer_append_u64le(to, ref.fingerprint);
    }
}
