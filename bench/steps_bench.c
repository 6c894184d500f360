/* What each step of a line's way costs by itself, on one thread, without Kafka and Redis: decode,
 * look up, find, rate, post, encode, store, seal and commit, in ns a line. The shipped programs and
 * catalog; lines, partners and customers of world.h. A step that needs the ones before it is
 * measured together with them, and what they cost is taken off. */
#include "tool.h"
#include "world.h"

#include "accrued/cache.h"
#include "accrued/decode.h"
#include "accrued/encode.h"
#include "accrued/ledger.h"
#include "accrued/line_json.h"
#include "accrued/programs_yaml.h"
#include "accrued/rating.h"
#include "accrued/reference_json.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE_MAX 990000
#define CACHE_ENTRIES_MAX 200000 /* reference.cache_entries_max */
#define VALUE_AHEAD 4            /* as many lines ahead as the lane asks memory for a value */
#define VALUE_LINES 6

enum upto { UPTO_FIND, UPTO_RATE, UPTO_POST, UPTO_ENCODE, UPTO_STORE };

struct steps {
    const char *root;
    uint64_t line_count;
    uint64_t batch;
    struct world world;
    struct catalog catalog;
    struct programs programs;
    struct schema_set *schemas;
    struct cache cache; /* as the lane's, and used as the lane does */
    struct rating rating;
    struct posting posting;
    struct ledger *ledger;
    struct arena arena;
    struct buffer scratch;
    struct buffer bytes;   /* encoded events */
    struct buffer records; /* the batch as it came */
    struct text *values;   /* of its records */
    struct billing_line *lines;
    struct ledger_key *keys;
    struct text *ids; /* to be looked up */
    const struct cache_slot **customers;
    const struct cache_slot **resellers;
    uint64_t decode_us;
    uint64_t key_us;
    uint64_t look_up_us;
    uint64_t upto_us[UPTO_STORE + 1];
    uint64_t seal_us;
    uint64_t commit_us;
    uint64_t event_count;
    uint64_t event_bytes;
    uint64_t block_bytes;
};

static void load_rules(struct steps *steps) {
    char path[4096];
    struct fault fault;
    catalog_init(&steps->catalog);
    programs_init(&steps->programs);
    (void)snprintf(path, sizeof path, "%s/config/catalog.yaml", steps->root);
    bool good = catalog_load(&steps->catalog, path, &fault);
    (void)snprintf(path, sizeof path, "%s/config/programs.yaml", steps->root);
    good = good && programs_load(&steps->programs, &steps->catalog, path, &fault);
    (void)snprintf(path, sizeof path, "%s/schemas/billing-line.avsc", steps->root);
    struct schema_file file = {1, path};
    steps->schemas = good ? schema_set_open(path, &file, 1, &fault) : NULL;
    if (steps->schemas == NULL) {
        tool_fail("%s", fault.text);
    }
}

/* The value inside of {"partner": …} or {"customer": …}; its id is its first text. */
static void put_reference(struct steps *steps, enum reference_kind kind, struct text line) {
    const char *value = strchr(line.data + 1, '{');
    const char *id = strstr(value, "_id\": \"") + 7;
    struct text inner = {value, line.size - (size_t)(value - line.data) - 2};
    struct text key = {id, (size_t)(strchr(id, '"') - id)};
    size_t size = 0;
    struct reference *reference = reference_from_json(kind, key, inner, &steps->arena, &size);
    REQUIRE(reference != NULL && reference->state == REFERENCE_PRESENT);
    bool is_new;
    cache_put(&steps->cache, cache_want(&steps->cache, kind, key, &is_new), reference, size);
}

static void load_references(struct steps *steps) {
    cache_init(&steps->cache, CACHE_ENTRIES_MAX, SIZE_MAX / 2);
    struct buffer text;
    buffer_init(&text);
    for (uint64_t i = 0; i < steps->world.partner_count; i++) {
        buffer_clear(&text);
        world_append_partner(&steps->world, i, &text);
        buffer_append_byte(&text, 0);
        put_reference(steps, REFERENCE_PARTNER, (struct text){(char *)text.data, text.size - 1});
    }
    for (uint64_t i = 0; i < steps->world.customer_count; i++) {
        buffer_clear(&text);
        world_append_customer(&steps->world, i, &text);
        buffer_append_byte(&text, 0);
        put_reference(steps, REFERENCE_CUSTOMER, (struct text){(char *)text.data, text.size - 1});
    }
    buffer_release(&text);
}

static void make_records(struct steps *steps, uint64_t first) {
    buffer_clear(&steps->records);
    size_t *ends = calloc(steps->batch, sizeof *ends);
    REQUIRE(ends != NULL);
    for (uint64_t i = 0; i < steps->batch; i++) {
        struct world_texts texts;
        bool is_revision;
        struct billing_line line = world_line(&steps->world, first + i, &texts, &is_revision);
        frame_append(&steps->records, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
        line_append_avro(&steps->records, &line);
        ends[i] = steps->records.size;
    }
    for (uint64_t i = 0; i < steps->batch; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        steps->values[i] =
            (struct text){(const char *)steps->records.data + start, ends[i] - start};
    }
    free(ends);
}

static void decode_all(struct steps *steps) {
    struct reject reject;
    arena_clear(&steps->arena);
    for (uint64_t i = 0; i < steps->batch; i++) {
        bool good =
            line_decode(steps->schemas, steps->values[i], &steps->arena, &steps->lines[i], &reject);
        REQUIRE(good);
    }
}

static void make_keys(struct steps *steps) {
    for (uint64_t i = 0; i < steps->batch; i++) {
        steps->keys[i] = ledger_key_of(steps->lines[i].customer_id, steps->lines[i].line_id,
                                       &steps->scratch, &steps->arena);
    }
}

/* Customers, resellers and the partners of links: as the lane's enricher. */
static void look_up(struct steps *steps) {
    size_t ignored;
    cache_begin(&steps->cache);
    for (uint64_t i = 0; i < steps->batch; i++) {
        steps->ids[i] = steps->lines[i].customer_id;
    }
    cache_want_all(&steps->cache, REFERENCE_CUSTOMER, steps->ids, steps->batch, steps->customers,
                   &ignored);
    for (uint64_t i = 0; i < steps->batch; i++) {
        steps->ids[i] = steps->lines[i].reseller_mpn_id;
    }
    size_t customer_count = steps->cache.wanted_count;
    cache_want_all(&steps->cache, REFERENCE_PARTNER, steps->ids, steps->batch, steps->resellers,
                   &ignored);
    for (size_t i = 0; i < customer_count; i++) {
        const struct customer *customer = &steps->cache.wanted[i]->value->customer;
        for (size_t link = 0; link < customer->link_count; link++) {
            bool is_new;
            (void)cache_want(&steps->cache, REFERENCE_PARTNER, customer->links[link].partner_mpn_id,
                             &is_new);
        }
    }
}

/* Of the line at `i` as it is rated: the reseller is at hand, others are looked up. */
struct line_partners {
    struct steps *steps;
    uint64_t i;
};

static const struct reference *find_partner(void *context, struct text mpn_id) {
    const struct line_partners *of = context;
    return mpn_id.data == of->steps->lines[of->i].reseller_mpn_id.data
               ? of->steps->resellers[of->i]->value
               : cache_find(&of->steps->cache, REFERENCE_PARTNER, mpn_id);
}

static void expect_value(const struct cache_slot *slot) {
    for (size_t i = 0; i < VALUE_LINES; i++) {
        __builtin_prefetch((const char *)slot->value + 64 * i);
    }
}

static void encode_events(struct steps *steps) {
    struct provenance provenance = {.source_topic = TEXT("billing-lines")};
    for (size_t k = 0; k < steps->posting.event_count; k++) {
        const struct event *event = &steps->posting.events[k];
        if (event->kind == EVENT_ACCRUAL) {
            encode_accrual_avro(&steps->bytes, &event->accrual, &provenance);
        } else {
            encode_forgone_avro(&steps->bytes, &event->forgone, &provenance);
        }
    }
    steps->event_count += steps->posting.event_count;
}

static void work_on(struct steps *steps, uint64_t i, enum upto upto) {
    const struct billing_line *line = &steps->lines[i];
    struct line_state state;
    struct reject reject;
    enum posting_outcome outcome;
    bool known = ledger_find_key(steps->ledger, steps->keys[i], &state);
    if (upto == UPTO_FIND) {
        return;
    }
    if (i + VALUE_AHEAD < steps->batch) {
        expect_value(steps->customers[i + VALUE_AHEAD]);
        expect_value(steps->resellers[i + VALUE_AHEAD]);
    }
    struct line_partners partners = {steps, i};
    bool good = rating_compute(
        &steps->rating, &steps->programs, &steps->catalog, line, steps->customers[i]->value,
        (struct partner_lookup){find_partner, &partners}, (struct rating_options){false}, &reject);
    REQUIRE(good);
    if (upto == UPTO_RATE) {
        return;
    }
    struct posting_cause cause = {.origin_offset = (int64_t)i, .program_only = -1};
    good = posting_compute(&steps->posting, &steps->programs, known ? &state : NULL, line,
                           &steps->rating, cause, &outcome, &reject);
    REQUIRE(good);
    if (upto == UPTO_ENCODE) {
        encode_events(steps);
    }
    if (upto == UPTO_STORE && !steps->posting.is_stored_already) {
        ledger_put_key(steps->ledger, steps->keys[i], &steps->posting.next);
    }
}

static bool count_block(void *context, uint64_t block_id, struct text block) {
    (void)block_id;
    ((struct steps *)context)->block_bytes += block.size;
    return true;
}

static uint64_t lap(uint64_t *since_us) {
    uint64_t now_us = tool_cpu_us();
    uint64_t took_us = now_us - *since_us;
    *since_us = now_us;
    return took_us;
}

static void run_batch(struct steps *steps, uint64_t first) {
    make_records(steps, first);
    uint64_t since_us = tool_cpu_us();
    decode_all(steps);
    steps->decode_us += lap(&since_us);
    make_keys(steps);
    steps->key_us += lap(&since_us);
    look_up(steps);
    steps->look_up_us += lap(&since_us);
    for (int upto = UPTO_FIND; upto <= UPTO_STORE; upto++) {
        buffer_clear(&steps->bytes);
        for (uint64_t i = 0; i < steps->batch; i++) {
            work_on(steps, i, (enum upto)upto);
        }
        steps->upto_us[upto] += lap(&since_us);
        steps->event_bytes += upto == UPTO_ENCODE ? steps->bytes.size : 0;
    }
    struct ledger_position position = ledger_position(steps->ledger);
    position.next_offset += (int64_t)steps->batch;
    (void)ledger_seal(steps->ledger, position, 1, BLOCK_SIZE_MAX, count_block, steps);
    steps->seal_us += lap(&since_us);
    ledger_commit(steps->ledger);
    steps->commit_us += lap(&since_us);
}

static void report(const struct steps *steps) {
    double lines = (double)steps->line_count;
    double upto[UPTO_STORE + 1];
    for (int i = 0; i <= UPTO_STORE; i++) {
        upto[i] = (double)steps->upto_us[i] * 1000 / lines;
    }
    printf("{\"lines\": %llu, \"decode_ns\": %.0f, \"key_ns\": %.0f, \"look_up_ns\": %.0f, "
           "\"find_ns\": %.0f, "
           "\"rate_ns\": %.0f, \"post_ns\": %.0f, \"encode_ns\": %.0f, \"store_ns\": %.0f, "
           "\"seal_ns\": %.0f, \"commit_ns\": %.0f, \"events\": %.3f, \"event_bytes\": %.0f, "
           "\"block_bytes\": %.0f}\n",
           (unsigned long long)steps->line_count, (double)steps->decode_us * 1000 / lines,
           (double)steps->key_us * 1000 / lines, (double)steps->look_up_us * 1000 / lines,
           upto[UPTO_FIND], upto[UPTO_RATE] - upto[UPTO_FIND], upto[UPTO_POST] - upto[UPTO_RATE],
           upto[UPTO_ENCODE] - upto[UPTO_POST], upto[UPTO_STORE] - upto[UPTO_POST],
           (double)steps->seal_us * 1000 / lines, (double)steps->commit_us * 1000 / lines,
           (double)steps->event_count / lines, (double)steps->event_bytes / lines,
           (double)steps->block_bytes / lines);
}

int main(int argc, char **argv) {
    struct steps steps = {
        .root = ".",
        .line_count = 500000,
        .batch = 256,
        .world = {.partner_count = 2000, .customer_count = 50000, .revision_percent = 10}};
    const struct tool_option options[] = {
        {"root", &steps.root, NULL},
        {"lines", NULL, &steps.line_count},
        {"batch", NULL, &steps.batch},
        {"partners", NULL, &steps.world.partner_count},
        {"customers", NULL, &steps.world.customer_count},
        {"links", NULL, &steps.world.link_count},
        {"linked", NULL, &steps.world.linked_percent},
    };
    tool_options(argc, argv, options, sizeof options / sizeof options[0]);
    steps.line_count = steps.line_count / steps.batch * steps.batch;
    steps.values = calloc(steps.batch, sizeof *steps.values);
    steps.lines = calloc(steps.batch, sizeof *steps.lines);
    steps.keys = calloc(steps.batch, sizeof *steps.keys);
    steps.ids = calloc(steps.batch, sizeof *steps.ids);
    steps.customers = calloc(steps.batch, sizeof(void *));
    steps.resellers = calloc(steps.batch, sizeof(void *));
    REQUIRE(steps.values != NULL && steps.lines != NULL && steps.keys != NULL &&
            steps.ids != NULL && steps.customers != NULL && steps.resellers != NULL);
    load_rules(&steps);
    load_references(&steps);
    rating_init(&steps.rating);
    steps.rating.memo = catalog_memo_open(&steps.catalog);
    posting_init(&steps.posting);
    steps.ledger = ledger_open(&steps.programs, 0, 1);
    for (uint64_t first = 0; first < steps.line_count; first += steps.batch) {
        run_batch(&steps, first);
    }
    report(&steps);
    return 0; /* memory goes with the process */
}
