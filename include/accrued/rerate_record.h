/* rerate_record.h: re-rate requests as records of topic rerate-requests. Room: encode. Pure.
 *
 * Field order and types are those of schemas/rerate-request.avsc; framing is decode.h's. */
#ifndef ACCRUED_RERATE_RECORD_H
#define ACCRUED_RERATE_RECORD_H

#include "accrued/buffer.h"
#include "accrued/fault.h"
#include "accrued/rerate_set.h"

#define RERATE_REQUEST_ID_SIZE_MAX 128

/* What holds for a request whatever it came from: an id where the scope needs one, sizes, UTF-8,
 * from < to. Ids of customers must be folded. false: *fault names the field. */
bool rerate_request_check(const struct rerate_request *request, struct fault *fault);

/* Appends the datum. */
void rerate_append_avro(struct buffer *to, const struct rerate_request *request,
                        int64_t requested_at_ms);

/* Reads and checks a datum. Texts borrow from it, or from the arena. The offset is left alone.
 * false: *fault says what is wrong. */
bool rerate_read_avro(struct text datum, struct arena *arena, struct rerate_request *ret_request,
                      struct fault *fault);

#endif
