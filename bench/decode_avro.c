/* ns a record: our plan beside Avro C, which reads into generic values; with the writer's own
 * schema, and resolved to the reader's. The records are billing lines with every field, written by
 * Avro C's schema and ours alike; the writer's schema is the reader's, so that all three may read
 * it. */
#include "accrued/decode.h"
#include "accrued/line_json.h"
#include "accrued/require.h"
#include "accrued/schema_file.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SCHEMA "schemas/billing-line.avsc"
#define RECORDS 1000
#define ROUNDS_MAX 100000
#define SECONDS 2

struct records {
    struct buffer bytes;
    size_t begin[RECORDS + 1];
};

static double now_s(void) {
    struct timespec time;
    REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void make(struct records *records) {
    buffer_init(&records->bytes);
    for (size_t i = 0; i < RECORDS; i++) {
        char id[40];
        (void)snprintf(id, sizeof id, "0ce8f8a4-5a3e-4b1c-9d2e-%012zu", i);
        struct billing_line line = {
            .line_id = text_of(id),
            .customer_id = text_of(id),
            .revision = (int64_t)i,
            .invoice_id = TEXT("G002297372"),
            .billing_period = 601,
            .subscription_id = text_of(id),
            .reseller_mpn_id = TEXT("4200001"),
            .product_id = TEXT("DZH318Z0BNZ5"),
            .sku_id = TEXT("006G"),
            .product_name = TEXT("Azure plan"),
            .charge_type = TEXT("new"),
            .charge_start_date = 18262,
            .charge_end_date = 18292,
            .billed_amount = {(int128)i * 1000003},
            .has_consumed_amount = true,
            .consumed_amount = {(int128)i * 7919},
            .has_event_time = true,
            .event_time_ms = INT64_C(1578000000000) + (int64_t)i,
        };
        REQUIRE(currency_parse(TEXT("USD"), &line.currency));
        records->begin[i] = records->bytes.size;
        frame_append(&records->bytes, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
        line_append_avro(&records->bytes, &line);
    }
    records->begin[RECORDS] = records->bytes.size;
}

static struct text record_at(const struct records *records, size_t i) {
    return (struct text){(const char *)records->bytes.data + records->begin[i],
                         records->begin[i + 1] - records->begin[i]};
}

static void tell(const char *what, double seconds, size_t rounds) {
    (void)printf("%-44s %8.0f ns a record\n", what, seconds * 1e9 / ((double)rounds * RECORDS));
}

static void measure_ours(const struct records *records) {
    struct fault fault;
    struct schema_file file = {1, SCHEMA};
    struct schema_set *set = schema_set_open(SCHEMA, &file, 1, &fault);
    REQUIRE(set != NULL);
    struct arena arena;
    arena_init(&arena);
    double begin = now_s();
    size_t rounds = 0;
    for (; rounds < ROUNDS_MAX && now_s() - begin < SECONDS; rounds++) {
        for (size_t i = 0; i < RECORDS; i++) {
            struct billing_line line;
            struct reject reject;
            REQUIRE(line_decode(set, record_at(records, i), &arena, &line, &reject));
        }
        arena_clear(&arena);
    }
    tell("ours: bytes to a checked billing line", now_s() - begin, rounds);
    arena_release(&arena);
    schema_set_free(set);
}

static void measure_avro_c(const struct records *records, avro_schema_t schema, bool is_resolved) {
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_value_iface_t *resolver = avro_resolved_writer_new(schema, schema);
    avro_value_t value;
    avro_value_t resolved;
    REQUIRE(class != NULL && resolver != NULL);
    REQUIRE(avro_generic_value_new(class, &value) == 0);
    REQUIRE(avro_resolved_writer_new_value(resolver, &resolved) == 0);
    avro_resolved_writer_set_dest(&resolved, &value);
    avro_reader_t reader = avro_reader_memory("", 0);
    double begin = now_s();
    size_t rounds = 0;
    for (; rounds < ROUNDS_MAX && now_s() - begin < SECONDS; rounds++) {
        for (size_t i = 0; i < RECORDS; i++) {
            struct text record = record_at(records, i);
            avro_reader_memory_set_source(reader, record.data + 5, (int64_t)record.size - 5);
            avro_value_t *to = is_resolved ? &resolved : &value;
            avro_value_reset(to);
            REQUIRE(avro_value_read(reader, to) == 0);
        }
    }
    tell(is_resolved ? "Avro C: bytes to a generic value, resolved"
                     : "Avro C: bytes to a generic value",
         now_s() - begin, rounds);
    avro_reader_free(reader);
    avro_value_decref(&resolved);
    avro_value_decref(&value);
    avro_value_iface_decref(resolver);
    avro_value_iface_decref(class);
}

int main(void) {
    struct records records;
    struct buffer source;
    struct fault fault;
    avro_schema_t schema = NULL;
    buffer_init(&source);
    make(&records);
    REQUIRE(schema_file_read(SCHEMA, &source, &fault));
    REQUIRE(avro_schema_from_json_length((const char *)source.data, source.size, &schema) == 0);
    (void)printf("%zu bytes a record\n", records.bytes.size / RECORDS);
    measure_ours(&records);
    measure_avro_c(&records, schema, false);
    measure_avro_c(&records, schema, true);
    avro_schema_decref(schema);
    buffer_release(&source);
    buffer_release(&records.bytes);
    return 0;
}
