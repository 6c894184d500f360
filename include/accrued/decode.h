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

enum framing { FRAMING_CONFLUENT, FRAMING_SINGLE_OBJECT };

/* Names the schema of a datum: a registry id (Confluent: 0x00, 4 bytes big-endian) or a CRC-64-AVRO
 * fingerprint (single-object: 0xC3 0x01, 8 bytes little-endian). Both forms are recognised whatever
 * is configured for output. */
struct schema_ref {
    enum framing framing;
    uint32_t id;
    uint64_t fingerprint;
};

/* Splits a record's value. false: neither form (avro_malformed). */
bool frame_parse(struct text value, struct schema_ref *ret_ref, struct text *ret_datum,
                 struct reject *ret_reject);
void frame_append(struct buffer *to, struct schema_ref ref);

/* All writer schemas known, from local files (config schemas.ids and schemas.directory). */
struct schema_set;

struct schema_file {
    uint32_t id;      /* 0: none, only its fingerprint names it */
    const char *path; /* .avsc */
};

/* Reads and parses every file; the billing-line reader schema is `reader_path`. NULL: *fault. */
struct schema_set *schema_set_open(const char *reader_path, const struct schema_file *files,
                                   size_t count, struct fault *fault);
void schema_set_free(struct schema_set *set);

/* CRC-64-AVRO of the file's parsing canonical form, for writing single-object records. */
bool schema_fingerprint(const char *path, uint64_t *ret_fingerprint, struct fault *fault);

/* Decodes one framed record into *ret_line (which borrows from `value` and from `arena`, where ids
 * had to be folded or texts converted) and applies line_check. false: *ret_reject. */
bool line_decode(struct schema_set *set, struct text value, struct arena *arena,
                 struct billing_line *ret_line, struct reject *ret_reject);

#endif
