/* record_reader.h: a published record's fields by name. Private to decode.
 *
 * Reads with Avro C's own generic values, so that it is no mirror of encode.h. A reader is for one
 * thread; several may have one each (avro_turn.h). */
#ifndef ACCRUED_DECODE_RECORD_READER_H
#define ACCRUED_DECODE_RECORD_READER_H

#include "accrued/fault.h"
#include "accrued/money.h"

struct record_reader;

/* path: an .avsc. NULL: *fault. */
struct record_reader *record_reader_open(const char *path, struct fault *fault);
void record_reader_free(struct record_reader *reader);

/* A framed record of exactly that schema. false: *fault. */
bool record_reader_read(struct record_reader *reader, struct text value, struct fault *fault);

/* Does the schema have such a field? */
bool record_reader_has(const struct record_reader *reader, const char *name);
/* Fields of the record that was read last; false: there is no such field of that type. A null of an
 * optional text is null. Texts are valid until the next record. */
bool record_reader_text(const struct record_reader *reader, const char *name,
                        struct text *ret_text);
bool record_reader_symbol(const struct record_reader *reader, const char *name,
                          struct text *ret_text);
bool record_reader_decimal(const struct record_reader *reader, const char *name, int128 *ret_units);
bool record_reader_int(const struct record_reader *reader, const char *name, int32_t *ret_number);
bool record_reader_long(const struct record_reader *reader, const char *name, int64_t *ret_number);

#endif
