#include "feed.h"

#include "world.h"

#include "accrued/buffer.h"
#include "accrued/calendar.h"
#include "accrued/decode.h"
#include "accrued/line_json.h"
#include "accrued/require.h"
#include "accrued/rerate_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const currencies[] = {"EUR", "USD"};

static struct {
    int64_t end_ms;
    int64_t gap_ms;
    int64_t change_gap_ms;
    int64_t revisions[WORLD_LINES_MAX]; /* highest fed */
    bool uses_transactions;
    int64_t most; /* lines at once */
    int open_batches;
    int requests_due;
    bool is_over;
} feed;

static struct text bytes_of(const struct fed *fed) {
    char line_id[16];
    char customer_id[16];
    char reseller[16];
    world_line_name(fed->line, line_id);
    world_customer_name(world_customer_of(fed->line), customer_id);
    world_partner_name(fed->reseller, reseller);
    int32_t month = 0;
    int32_t day = 0;
    bool parsed = calendar_parse_month(TEXT("2020-01"), &month) &&
                  calendar_parse_day(TEXT("2020-01-15"), &day);
    REQUIRE(parsed);
    struct billing_line line = {
        .line_id = text_of(line_id),
        .customer_id = text_of(customer_id),
        .reseller_mpn_id = fed->reseller < 0 ? text_null() : text_of(reseller),
        .product_family = TEXT("azure"),
        .charge_type = TEXT("new"),
        .revision = fed->revision,
        .is_void = fed->is_void,
        .billing_period = month + fed->period,
        .charge_start_date = day,
        .charge_end_date = day + 1,
        .billed_amount = {(int128)fed->cents * 100000000},
    };
    memcpy(line.currency.code, currencies[fed->currency], sizeof line.currency.code);
    struct buffer value;
    buffer_init(&value);
    frame_append(&value, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 7});
    line_append_avro(&value, &line);
    struct text copy = sim_copy(buffer_text(&value));
    buffer_release(&value);
    return copy;
}

/* Remembers what stands at an offset. */
static void note(struct log *log, const struct fed *fed) {
    size_t at = log->count - 1;
    int32_t p = log->number;
    if (at >= world.fed_capacity[p]) {
        size_t capacity = (at + 1) * 2 + 64;
        world.fed[p] = realloc(world.fed[p], capacity * sizeof *world.fed[p]);
        REQUIRE(world.fed[p] != NULL);
        world.fed_capacity[p] = capacity;
    }
    world.fed[p][at] = *fed;
    world.fed[p][at].fed_ms = sim_now();
    sim_trace("[%d] %zu: line-%d revision %lld%s%s, %lld cents to %d", p, at, fed->line,
              (long long)fed->revision, fed->is_void ? " void" : "",
              fed->is_bad      ? " bad"
              : fed->is_closed ? " closed"
                               : "",
              (long long)fed->cents, 1000 + fed->reseller);
}

struct feeding {
    struct fed fed;
    struct log *log;
    struct record record;
};

static void prepare(struct feeding *to, const struct fed *fed) {
    char customer_id[16];
    int customer = world_customer_of(fed->line);
    world_customer_name(customer, customer_id);
    *to = (struct feeding){
        .fed = *fed,
        .log = &world.input->logs[world_home(customer)],
        .record = {.key = sim_copy(text_of(customer_id)), .timestamp_ms = sim_now()},
    };
    to->record.value = fed->is_bad ? sim_copy(TEXT("not a billing line")) : bytes_of(fed);
}

static struct fed draw_line(void) {
    int line = (int)sim_below((uint64_t)world.line_count);
    int64_t highest = feed.revisions[line];
    int64_t revision = sim_chance(6000)   ? highest + 1
                       : sim_chance(5000) ? highest
                                          : sim_between(0, highest);
    feed.revisions[line] = revision > highest ? revision : highest;
    return (struct fed){
        .is_bad = sim_chance(300),
        .line = line,
        .revision = revision,
        .is_void = sim_chance(1000),
        .cents = sim_chance(200) ? 0 : sim_between(-20000, 100000),
        .reseller = sim_chance(1000) ? -1 : (int)sim_below((uint64_t)world.partner_count),
        .currency = sim_chance(9000) ? 0 : 1,
        .period = sim_chance(9000) ? 0 : 1,
    };
}

/* A transaction of whoever feeds the topic: its records are lines once it has committed. */
struct batch_fed {
    struct producer_id producer;
    int number;
};

static void end_batch(void *context, uint64_t commit) {
    struct batch_fed *batch = context;
    (void)broker_end(batch->producer, commit != 0);
    free(batch);
    feed.open_batches--;
}

static void feed_in_transaction(size_t count) {
    struct batch_fed *batch = calloc(1, sizeof *batch);
    REQUIRE(batch != NULL);
    char name[32];
    static int numbers;
    (void)snprintf(name, sizeof name, "ingest-%d", numbers++ % 20);
    if (broker_init_producer(name, 60000, &batch->producer) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        free(batch);
        return;
    }
    bool commits = sim_chance(8000);
    for (size_t i = 0; i < count; i++) {
        int64_t before[WORLD_LINES_MAX];
        memcpy(before, feed.revisions, sizeof before);
        struct fed fed = draw_line();
        if (!commits) {
            memcpy(feed.revisions, before, sizeof before);
        }
        struct feeding feeding;
        prepare(&feeding, &fed);
        (void)broker_add_partition(batch->producer, feeding.log);
        (void)broker_produce(batch->producer, feeding.log, &feeding.record);
        note(feeding.log, &fed);
    }
    feed.open_batches++;
    sim_at(sim_now() + sim_between(0, 1000), end_batch, batch, commits);
}

static void feed_plainly(size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct fed fed = draw_line();
        struct feeding feeding;
        prepare(&feeding, &fed);
        broker_append(feeding.log, &feeding.record);
        note(feeding.log, &fed);
    }
}

static void feed_some(void *context, uint64_t unused) {
    if (sim_now() >= feed.end_ms) {
        feed.is_over = true;
        return;
    }
    size_t count = (size_t)(sim_chance(8000) ? sim_between(1, 3) : sim_between(1, feed.most));
    if (feed.uses_transactions && sim_chance(5000)) {
        feed_in_transaction(count);
    } else {
        feed_plainly(count);
    }
    sim_at(sim_now() + sim_between(1, feed.gap_ms), feed_some, context, unused);
}

bool feed_is_over(void) {
    return feed.is_over && feed.open_batches == 0 && feed.requests_due == 0;
}

/* Appended after what it asks for has changed, as `accrued reference load` does. */
static void feed_request(enum rerate_scope scope, const char *id) {
    char name[24];
    (void)snprintf(name, sizeof name, "request-%zu", world.requests->logs[0].count);
    struct rerate_request request = {
        .scope = scope,
        .id = id != NULL ? text_of(id) : text_null(),
        .charge_start = {DAY_MIN, DAY_MAX},
        .request_id = text_of(name),
        .offset = -1,
    };
    struct buffer value;
    buffer_init(&value);
    frame_append(&value, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 10});
    rerate_append_avro(&value, &request, SIM_WALL_START_MS + sim_now());
    struct record record = {.value = buffer_text(&value), .timestamp_ms = sim_now()};
    broker_append(&world.requests->logs[0], &record);
    buffer_release(&value);
    sim_trace("request %zu: %s %s", world.requests->logs[0].count - 1, rerate_scope_name(scope),
              id != NULL ? id : "");
}

void feed_request_of_all(void) {
    feed_request(RERATE_ALL, NULL);
}

static void ask_for_all(void *context, uint64_t unused) {
    (void)context;
    (void)unused;
    feed_request_of_all();
    feed.requests_due--;
}

struct request_due {
    enum rerate_scope scope;
    char id[16];
};

static void ask(void *context, uint64_t unused) {
    (void)unused;
    struct request_due *due = context;
    feed_request(due->scope, due->id);
    free(due);
    feed.requests_due--;
}

static void ask_later(enum rerate_scope scope, const char *id) {
    struct request_due *due = calloc(1, sizeof *due);
    REQUIRE(due != NULL);
    due->scope = scope;
    (void)snprintf(due->id, sizeof due->id, "%s", id);
    feed.requests_due++;
    sim_at(sim_now() + sim_between(0, sim_chance(5000) ? 10 : 500), ask, due, 0);
}

/* Requests that nothing calls for change nothing. */
static void ask_idly(void *context, uint64_t unused) {
    if (sim_now() >= feed.end_ms) {
        return;
    }
    char id[16];
    switch (sim_below(4)) {
    case 0:
        world_customer_name((int)sim_below((uint64_t)world.customer_count), id);
        feed_request(RERATE_CUSTOMER, id);
        break;
    case 1:
        world_partner_name((int)sim_below((uint64_t)world.partner_count), id);
        feed_request(RERATE_PARTNER, id);
        break;
    case 2: feed_request(RERATE_PROGRAM, sim_chance(5000) ? "admin" : "sale"); break;
    default: feed_request(RERATE_ALL, NULL); break;
    }
    sim_at(sim_now() + sim_between(1, 5000), ask_idly, context, unused);
}

static int new_customer_value(struct customer_value value) {
    world.customer_values =
        sim_grown(world.customer_values, world.customer_value_count, &world.customer_value_capacity,
                  sizeof *world.customer_values);
    world.customer_values[world.customer_value_count] = value;
    return (int)world.customer_value_count++;
}

static void add_link(struct buffer *to, bool *is_first, const char *type, int partner) {
    buffer_append_format(to,
                         "%s{\"link_id\": \"%s-%d\", \"type\": \"%s\", \"partner_mpn_id\": "
                         "\"%d\", \"subscription_id\": null, \"workload\": null, \"from\": null, "
                         "\"to\": null}",
                         *is_first ? "" : ", ", type, partner, type, 1000 + partner);
    *is_first = false;
}

static void change_customer(int customer) {
    char name[48];
    char id[16];
    world_customer_name(customer, id);
    (void)snprintf(name, sizeof name, "accrued:customer:%s", id);
    if (sim_chance(1000)) {
        redis_set(name, text_null(), PAYLOAD_MISSING);
        return;
    }
    struct customer_value value = {
        .administrators = (uint32_t)sim_below(UINT64_C(1) << world.partner_count),
        .digital = sim_chance(2000) ? -1 : (int)sim_below((uint64_t)world.partner_count),
    };
    struct buffer json;
    buffer_init(&json);
    buffer_append_format(&json, "{\"customer_id\": \"%s\", \"added_on\": null, \"links\": [", id);
    bool is_first = true;
    for (int i = 0; i < world.partner_count; i++) {
        if ((value.administrators >> i & 1U) != 0) {
            add_link(&json, &is_first, "PAL", i);
        }
    }
    if (value.digital >= 0) {
        add_link(&json, &is_first, "DPOR", value.digital);
    }
    buffer_append_string(&json, "]}");
    redis_set(name, buffer_text(&json), new_customer_value(value));
    buffer_release(&json);
}

static void change_partner(int partner) {
    char name[48];
    char id[16];
    world_partner_name(partner, id);
    (void)snprintf(name, sizeof name, "accrued:partner:%s", id);
    if (sim_chance(1000)) {
        redis_set(name, text_null(), PAYLOAD_MISSING);
        return;
    }
    bool active = sim_chance(7000);
    char json[400];
    (void)snprintf(json, sizeof json,
                   "{\"mpn_id\": \"%s\", \"mpn_active\": [%s], \"indirect_reseller\": [], "
                   "\"bank_profile\": [], \"tax_profile\": [], \"competencies\": []}",
                   id, active ? "{\"from\": null, \"to\": null}" : "");
    redis_set(name, text_of(json), active);
}

static void change_some(void *context, uint64_t unused) {
    if (sim_now() >= feed.end_ms) {
        return;
    }
    char id[16];
    if (sim_chance(6000)) {
        int customer = (int)sim_below((uint64_t)world.customer_count);
        change_customer(customer);
        world_customer_name(customer, id);
    } else {
        int partner = (int)sim_below((uint64_t)world.partner_count);
        change_partner(partner);
        world_partner_name(partner, id);
    }
    if (world.is_requested) {
        ask_later(id[0] == 'c' ? RERATE_CUSTOMER : RERATE_PARTNER, id);
    }
    sim_at(sim_now() + sim_between(1, feed.change_gap_ms), change_some, context, unused);
}

void feed_begin(int64_t end_ms) {
    feed.end_ms = end_ms;
    feed.gap_ms = sim_between(20, 600) + end_ms / 100;
    feed.change_gap_ms = sim_chance(3000) ? sim_between(20, 200) : sim_between(200, 2000);
    feed.uses_transactions = sim_chance(5000);
    feed.most = sim_chance(3000) ? 40 : 8;
    for (int i = 0; i < world.customer_count; i++) {
        change_customer(i);
    }
    for (int i = 0; i < world.partner_count; i++) {
        change_partner(i);
    }
    sim_at(sim_between(0, 500), feed_some, NULL, 0);
    if (!world.is_static) {
        sim_at(sim_between(0, 500), change_some, NULL, 0);
    }
    if (sim_chance(4000)) {
        sim_at(sim_between(0, 5000), ask_idly, NULL, 0);
    }
}

void feed_again(void) {
    for (int line = 0; line < world.line_count; line++) {
        struct log *log = &world.input->logs[world_home(world_customer_of(line))];
        const struct fed *winner = NULL;
        for (size_t i = 0; i < log->count; i++) {
            const struct fed *fed = &world.fed[log->number][i];
            if (log->records[i].kind == RECORD_DATA && log->records[i].fate == FATE_COMMITTED &&
                !fed->is_bad && fed->line == line &&
                (winner == NULL || fed->revision >= winner->revision)) {
                winner = fed;
            }
        }
        if (winner != NULL) {
            struct fed fed = *winner;
            fed.is_closed = world.is_closing && fed.period == 0;
            if (fed.is_closed && sim_chance(5000)) {
                /* Whatever period it now names. */
                fed.period = 1;
                fed.revision++;
            }
            struct feeding feeding;
            prepare(&feeding, &fed);
            broker_append(feeding.log, &feeding.record);
            note(feeding.log, &fed);
        }
    }
    if (world.is_closing && sim_chance(5000)) {
        /* What is closed stays as it is. */
        feed.requests_due++;
        sim_at(sim_now() + sim_between(0, 20000), ask_for_all, NULL, 0);
    }
}
