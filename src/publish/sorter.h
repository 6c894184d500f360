/* sorter.h: a transaction's records, partition by partition. Private to publish. Pure.
 *
 * librdkafka takes locks, asks the clock twice and looks the partition up for each record that it
 * is given alone, and once for all records of a partition that it is given together. */
#ifndef ACCRUED_PUBLISH_SORTER_H
#define ACCRUED_PUBLISH_SORTER_H

#include <stddef.h>
#include <stdint.h>

struct sorter_record {
    uint32_t place; /* a partition of a topic, numbered by the caller */
    uint32_t key_size;
    size_t value_size;
    const void *key; /* NULL: none */
    const void *value;
};

struct sorter {
    struct sorter_record *records; /* as they came */
    size_t count;
    size_t capacity;
    uint32_t *order; /* of the records by place; a place's in the order in which they came */
    size_t order_capacity;
    size_t *ends; /* of each place in the order */
    uint32_t place_count;
};

void sorter_init(struct sorter *sorter, uint32_t place_count);
void sorter_release(struct sorter *sorter);
void sorter_clear(struct sorter *sorter);
/* Borrows key and value. */
void sorter_add(struct sorter *sorter, struct sorter_record record);
/* Fills order and ends. */
void sorter_sort(struct sorter *sorter);

#endif
