/* What a record brings beside key and value. */
#include "accrued/kafka_client.h"
#include "accrued/source.h"

#include <librdkafka/rdkafka.h>

void source_record_release(struct source_record *record) {
    if (record->message != NULL) {
        rd_kafka_message_destroy(record->message);
        record->message = NULL;
    }
}

bool source_record_has_headers(const struct source_record *record) {
    rd_kafka_headers_t *headers = NULL;
    return rd_kafka_message_headers(record->message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

struct text source_record_header(const struct source_record *record, const char *name) {
    return kafka_message_header(record->message, name);
}
