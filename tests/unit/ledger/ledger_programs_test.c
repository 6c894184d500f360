/* Programs change under a ledger that is at work: a reload. */
#include "accrued/ledger.h"

#include <criterion/criterion.h>

#define BLOCK_SIZE_MAX 900000

static struct program two_items[] = {{.id = {"reseller", sizeof "reseller" - 1}},
                                     {.id = {"osu", sizeof "osu" - 1}}};
static struct program three_items[] = {{.id = {"new", sizeof "new" - 1}},
                                       {.id = {"osu", sizeof "osu" - 1}},
                                       {.id = {"reseller", sizeof "reseller" - 1}}};
static const struct programs two = {.items = two_items, .count = 2, .revision = 1};
static const struct programs three = {.items = three_items, .count = 3, .revision = 2};

struct kept {
    struct buffer blocks[4];
    size_t count;
};

static bool keep(void *context, uint64_t block_id, struct text block) {
    struct kept *kept = context;
    cr_assert(block_id > 0 && kept->count < 4);
    buffer_init(&kept->blocks[kept->count]);
    buffer_append_text(&kept->blocks[kept->count++], block);
    return true;
}

static void commit(struct ledger *ledger, struct kept *kept, int64_t next_offset) {
    struct ledger_position position = {next_offset, 1, 1};
    cr_assert(ledger_seal(ledger, position, 7, BLOCK_SIZE_MAX, keep, kept));
    ledger_commit(ledger);
}

static void put(struct ledger *ledger, struct earner *earners, size_t count, int64_t revision) {
    struct line_state state = {
        .line = {.customer_id = TEXT("c"),
                 .line_id = TEXT("l"),
                 .charge_type = TEXT("new"),
                 .currency = {{'E', 'U', 'R'}},
                 .revision = revision},
        .earners = earners,
        .earner_count = count,
        .rerate_offset = -1,
    };
    ledger_put(ledger, &state);
}

/* Each program's cumulative amount, whatever its place in the file. */
static void expect_entries(struct ledger *ledger, const struct programs *programs, size_t count) {
    struct line_state found;
    cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
    cr_assert_eq(found.earner_count, count);
    for (size_t i = 0; i < count; i++) {
        struct text id = programs->items[found.earners[i].program_index].id;
        int64_t want = text_equal(id, TEXT("osu")) ? 22 : text_equal(id, TEXT("new")) ? 33 : 11;
        cr_expect_eq((int64_t)found.earners[i].cumulative.units, want, "%.*s", TEXT_ARGS(id));
    }
}

Test(ledger_programs, entries_find_their_programs_again) {
    struct ledger *ledger = ledger_open(&two, 3, 8);
    struct kept kept = {.count = 0};
    struct earner before[] = {
        {.program_index = 0, .partner_mpn_id = TEXT("a"), .cumulative = {11}},
        {.program_index = 1, .partner_mpn_id = TEXT("b"), .cumulative = {22}}};
    put(ledger, before, 2, 1);
    commit(ledger, &kept, 1);
    ledger_take_programs(ledger, &three);
    expect_entries(ledger, &three, 2);
    struct earner after[] = {{.program_index = 0, .partner_mpn_id = TEXT("n"), .cumulative = {33}},
                             {.program_index = 1, .partner_mpn_id = TEXT("b"), .cumulative = {22}},
                             {.program_index = 2, .partner_mpn_id = TEXT("a"), .cumulative = {11}}};
    put(ledger, after, 3, 2);
    commit(ledger, &kept, 2);
    expect_entries(ledger, &three, 3);
    ledger_free(ledger);

    /* The topic tells the same, and that revision 2 wrote last. */
    ledger = ledger_open(&three, 3, 8);
    struct fault fault;
    for (size_t i = 0; i < kept.count; i++) {
        cr_assert(ledger_restore(ledger, buffer_text(&kept.blocks[i]), &fault), "%s", fault.text);
    }
    expect_entries(ledger, &three, 3);
    ledger_free(ledger);
    ledger = ledger_open(&two, 3, 8);
    cr_assert(ledger_restore(ledger, buffer_text(&kept.blocks[0]), &fault));
    cr_expect(!ledger_restore(ledger, buffer_text(&kept.blocks[1]), &fault));
    cr_expect(strstr(fault.text, "revision 2, this process has revision 1") != NULL, "%s",
              fault.text);
    ledger_free(ledger);
    for (size_t i = 0; i < kept.count; i++) {
        buffer_release(&kept.blocks[i]);
    }
}
