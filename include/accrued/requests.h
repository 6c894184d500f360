/* requests.h: the topic of re-rate requests, read by every lane and written by commands. Room:
 * source. Adapter: librdkafka.
 *
 * One partition, read outside of the group from the lowest offset that a partition of the lane
 * needs; what has been read is kept in memory until nobody needs it. Nothing blocks but
 * requests_range. Lane thread only (the reader), main thread (the writer). */
#ifndef ACCRUED_REQUESTS_H
#define ACCRUED_REQUESTS_H

#include "accrued/config.h"
#include "accrued/rerate_set.h"

struct requests;

/* NULL: *fault. */
struct requests *requests_open(const struct config *config, int lane, struct fault *fault);
void requests_free(struct requests *requests);

/* First and next offset of the topic, asked of the broker. */
bool requests_range(struct requests *requests, int timeout_ms, int64_t *ret_first,
                    int64_t *ret_next, struct fault *fault);

/* From now on requests at `offset` and above are needed. Reads them again if they were forgotten,
 * and then begins anew: until it has caught up, requests_next is lower than before. */
bool requests_need(struct requests *requests, int64_t offset, struct fault *fault);
/* Requests below `offset` are needed no more. */
void requests_forget(struct requests *requests, int64_t offset);

/* Takes in what has arrived. What cannot be read is logged and skipped. */
void requests_poll(struct requests *requests);
/* Has it been at the end of the topic since it began? Everything below requests_next is known. */
bool requests_is_caught_up(const struct requests *requests);
/* Behind the last record that was read; −1: it has not begun. */
int64_t requests_next(const struct requests *requests);

/* What is known, by ascending offset; valid until the next call of poll, need or forget. */
const struct rerate_request *requests_items(const struct requests *requests, size_t *ret_count);

struct request_writer;

/* NULL: *fault. */
struct request_writer *request_writer_open(const struct config *config, struct fault *fault);
void request_writer_free(struct request_writer *writer);
/* Queues a request; its request_id is needed. */
bool request_writer_put(struct request_writer *writer, const struct rerate_request *request,
                        int64_t requested_at_ms, struct fault *fault);
/* Waits until all are with the brokers. *ret_last: the highest offset, −1 if none was put. */
bool request_writer_flush(struct request_writer *writer, int64_t *ret_last, struct fault *fault);

#endif
