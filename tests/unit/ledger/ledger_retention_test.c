#include "accrued/ledger.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define OLD_LINES 2000
#define OPEN_LINES 100
#define OLD_PERIOD 24000 /* months since the year 0 */
#define OPEN_PERIOD 24012

static struct program program_items[] = {{.id = {"reseller", 8}}};
static struct programs programs = {.items = program_items, .count = 1, .revision = 1};

/* What a compacted topic keeps. */
struct topic {
    struct buffer blocks[8192];
    size_t count;
    size_t tombstones;
};

static bool topic_take(void *context, uint64_t block_id, struct text block) {
    struct topic *topic = context;
    cr_assert_lt(block_id, 8192);
    if (text_is_null(block)) {
        buffer_clear(&topic->blocks[block_id]);
        topic->tombstones++;
        return true;
    }
    buffer_append_text(&topic->blocks[block_id], block);
    topic->count = block_id + 1 > topic->count ? block_id + 1 : topic->count;
    return true;
}

static size_t topic_bytes(const struct topic *topic) {
    size_t bytes = 0;
    for (size_t i = 0; i < topic->count; i++) {
        bytes += topic->blocks[i].size;
    }
    return bytes;
}

static void put(struct ledger *ledger, size_t number, int32_t period) {
    char id[24];
    (void)snprintf(id, sizeof id, "line-%zu", number);
    struct earner earner = {.partner_mpn_id = TEXT("4200001"),
                            .sequence = (uint32_t)number + 1,
                            .cumulative = {1000000}};
    struct line_state state = {
        .line = {.customer_id = TEXT("9a1f0000-0000-4000-8000-000000000001"),
                 .line_id = text_of(id),
                 .product_name = TEXT("a product whose name nobody asks for any more"),
                 .charge_type = TEXT("new"),
                 .currency = {{'U', 'S', 'D'}},
                 .billing_period = period,
                 .revision = 7},
        .origin_offset = (int64_t)number,
        .rerate_offset = -1,
        .earners = &earner,
        .earner_count = 1,
    };
    ledger_put(ledger, &state);
}

static void commit(struct ledger *ledger, struct topic *topic) {
    static int64_t next_offset;
    struct ledger_position position = {++next_offset, 0, 0};
    (void)ledger_clean(ledger, 64U << 10);
    cr_assert(ledger_seal(ledger, position, 1, 10000, topic_take, topic));
    ledger_commit(ledger);
}

static void check_line(struct ledger *ledger, size_t number, int32_t period, bool is_stub) {
    char id[24];
    struct line_state state;
    (void)snprintf(id, sizeof id, "line-%zu", number);
    cr_assert(
        ledger_find(ledger, TEXT("9a1f0000-0000-4000-8000-000000000001"), text_of(id), &state));
    cr_assert_eq(state.line.revision, 7);
    cr_assert_eq(state.line.billing_period, period);
    cr_assert_eq(state.earner_count, 1);
    cr_assert_eq(state.earners[0].sequence, number + 1);
    cr_assert_eq(text_is_null(state.line.product_name), is_stub);
}

Test(ledger_retention, closed_lines_become_stubs_and_stay, .timeout = 240) {
    static struct topic topic;
    struct ledger *ledger = ledger_open(&programs, 0, 1);
    for (size_t i = 0; i < OLD_LINES; i++) {
        put(ledger, i, OLD_PERIOD);
        if (i % 50 == 49) {
            commit(ledger, &topic);
        }
    }
    size_t before = topic_bytes(&topic);
    cr_assert_eq(ledger_horizon(ledger), 0);

    /* An abort takes the move back; a commit keeps it, also without any line. */
    ledger_set_horizon(ledger, OPEN_PERIOD);
    cr_assert_eq(ledger_horizon(ledger), OPEN_PERIOD);
    ledger_abort(ledger);
    cr_assert_eq(ledger_horizon(ledger), 0);
    ledger_set_horizon(ledger, OPEN_PERIOD);
    commit(ledger, &topic);
    ledger_set_horizon(ledger, OLD_PERIOD); /* never back */
    cr_assert_eq(ledger_horizon(ledger), OPEN_PERIOD);

    for (size_t i = 0; i < OPEN_LINES; i++) {
        put(ledger, OLD_LINES + i, OPEN_PERIOD);
        commit(ledger, &topic);
    }
    cr_assert_gt(topic.tombstones, 0);
    cr_assert_lt(topic_bytes(&topic), before / 2 + OPEN_LINES * 500);
    for (size_t i = 0; i < OLD_LINES; i++) {
        check_line(ledger, i, OLD_PERIOD, true);
    }
    for (size_t i = 0; i < OPEN_LINES; i++) {
        check_line(ledger, OLD_LINES + i, OPEN_PERIOD, false);
    }

    /* Rating again leaves them alone. */
    struct ledger_walk walk = ledger_walk_begin(ledger, 0);
    struct line_state state;
    size_t met = 0;
    while (ledger_walk_next(ledger, &walk, &state)) {
        cr_assert_eq(state.line.billing_period, OPEN_PERIOD);
        met++;
    }
    cr_assert_eq(met, OPEN_LINES);
    ledger_free(ledger);

    /* And from what the topic has kept. */
    ledger = ledger_open(&programs, 0, 1);
    for (size_t i = 0; i < topic.count; i++) {
        struct fault fault = {""};
        cr_assert(topic.blocks[i].size == 0 ||
                      ledger_restore(ledger, buffer_text(&topic.blocks[i]), &fault),
                  "%s", fault.text);
    }
    cr_assert_eq(ledger_horizon(ledger), OPEN_PERIOD);
    cr_assert_eq(ledger_line_count(ledger), OLD_LINES + OPEN_LINES);
    for (size_t i = 0; i < OLD_LINES; i++) {
        check_line(ledger, i, OLD_PERIOD, true);
    }
    ledger_free(ledger);
    for (size_t i = 0; i < topic.count; i++) {
        buffer_release(&topic.blocks[i]);
    }
}
