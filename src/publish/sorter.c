#include "sorter.h"

#include "accrued/require.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MIN 1024

void sorter_init(struct sorter *sorter, uint32_t place_count) {
    REQUIRE(place_count > 0);
    *sorter = (struct sorter){.place_count = place_count};
    sorter->ends = calloc(place_count, sizeof sorter->ends[0]);
    REQUIRE(sorter->ends != NULL);
}

void sorter_release(struct sorter *sorter) {
    free(sorter->records);
    free(sorter->order);
    free(sorter->ends);
    *sorter = (struct sorter){.records = NULL};
}

void sorter_clear(struct sorter *sorter) {
    sorter->count = 0;
}

void sorter_add(struct sorter *sorter, struct sorter_record record) {
    REQUIRE(record.place < sorter->place_count);
    REQUIRE(sorter->count < UINT32_MAX);
    if (sorter->count == sorter->capacity) {
        size_t capacity = sorter->capacity == 0 ? RECORDS_MIN : sorter->capacity * 2;
        struct sorter_record *records =
            realloc(sorter->records, capacity * sizeof sorter->records[0]);
        REQUIRE(records != NULL);
        sorter->records = records;
        sorter->capacity = capacity;
    }
    sorter->records[sorter->count++] = record;
}

static void make_room(struct sorter *sorter) {
    if (sorter->count <= sorter->order_capacity) {
        return;
    }
    free(sorter->order); /* of records that are gone */
    sorter->order_capacity = sorter->capacity;
    sorter->order = calloc(sorter->order_capacity, sizeof sorter->order[0]);
    REQUIRE(sorter->order != NULL);
}

void sorter_sort(struct sorter *sorter) {
    make_room(sorter);
    size_t *ends = sorter->ends;
    memset(ends, 0, sorter->place_count * sizeof ends[0]);
    for (size_t i = 0; i < sorter->count; i++) {
        ends[sorter->records[i].place]++;
    }
    size_t start = 0;
    for (uint32_t place = 0; place < sorter->place_count; place++) {
        size_t count = ends[place];
        ends[place] = start; /* and it moves on as the place fills */
        start += count;
    }
    REQUIRE(start == sorter->count);
    for (size_t i = 0; i < sorter->count; i++) {
        sorter->order[ends[sorter->records[i].place]++] = (uint32_t)i;
    }
}
