/* decode.h: a record's bytes → struct billing_line. Room: decode.
 *
 * Framing (core): which schema wrote the datum. Decoder (adapter, Avro C): one plan per writer
 * schema, made once from its parsed schema; per record straight into the struct, no generic value
 * in between, no allocation. Lane thread only. */
#ifndef ACCRUED_DECODE_H
#define ACCRUED_DECODE_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/fault.h"
#include "accrued/line.h"

/* The first two are also how outputs may be framed, in the order of the option's words. */
enum framing { FRAMING_CONFLUENT, FRAMING_SINGLE_OBJECT, FRAMING_GUID };

#define GUID_SIZE 16
#define GUID_TEXT_SIZE 37 /* with the NUL */
/* Names the schema of a value in a header instead: as in front of the value (0x00 and the id), or
 * 0x01 and a GUID. The value is then the datum alone. */
#define SCHEMA_HEADER "__value_schema_id"

/* Names the schema of a datum: a registry id (Confluent: 0x00, 4 bytes big-endian), a CRC-64-AVRO
 * fingerprint (single-object: 0xC3 0x01, 8 bytes little-endian), or a GUID in a header. All forms
 * are recognised whatever is configured for output. */
struct schema_ref {
    enum framing framing;
    uint32_t id;
    uint64_t fingerprint;
    uint8_t guid[GUID_SIZE];
};

/* Splits a record's value. false: neither form (avro_malformed). */
bool frame_parse(struct text value, struct schema_ref *ret_ref, struct text *ret_datum,
                 struct reject *ret_reject);
/* What the header says. false: neither form (avro_malformed). */
bool frame_parse_header(struct text header, struct schema_ref *ret_ref, struct reject *ret_reject);
void frame_append(struct buffer *to, struct schema_ref ref);
/* "8-4-4-4-12" hex digits. */
void schema_guid_format(const uint8_t guid[GUID_SIZE], char to[GUID_TEXT_SIZE]);

/* All writer schemas known: local files (config schemas.ids and schemas.directory), and what a
 * registry has. */
struct schema_set;
struct registry;

struct schema_file {
    uint32_t id;      /* 0: none, only its fingerprint names it */
    const char *path; /* .avsc */
};

/* Reads and parses every file; the billing-line reader schema is `reader_path`. NULL: *fault. */
struct schema_set *schema_set_open(const char *reader_path, const struct schema_file *files,
                                   size_t count, struct fault *fault);
void schema_set_free(struct schema_set *set);
/* From now on ids and GUIDs are the registry's; files are known by their fingerprints only. */
void schema_set_use_registry(struct schema_set *set, struct registry *registry);

/* CRC-64-AVRO of the file's parsing canonical form, for writing single-object records. */
bool schema_fingerprint(const char *path, uint64_t *ret_fingerprint, struct fault *fault);

enum decode_end {
    DECODE_LINE,
    DECODE_REJECT, /* *ret_reject */
    DECODE_LATER,  /* the registry has not told yet what schema it is: nothing is said of the record
                    */
};

/* Decodes one record into *ret_line (which borrows from `value` and from `arena`, where ids had to
 * be folded or texts converted) and applies line_check. What is in it otherwise means nothing.
 * `header`: of SCHEMA_HEADER, or null. */
enum decode_end record_decode(struct schema_set *set, struct text header, struct text value,
                              struct arena *arena, struct billing_line *ret_line,
                              struct reject *ret_reject);
/* The same for commands: what has to come from a registry is waited for, and is unknown if it does
 * not come in time. false: *ret_reject. */
bool record_decode_patiently(struct schema_set *set, struct text header, struct text value,
                             struct arena *arena, struct billing_line *ret_line,
                             struct reject *ret_reject);
/* … of a value without headers. */
bool line_decode(struct schema_set *set, struct text value, struct arena *arena,
                 struct billing_line *ret_line, struct reject *ret_reject);

#endif
