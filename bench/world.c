#include "world.h"

#include "accrued/calendar.h"
#include "accrued/require.h"

#include <stdio.h>

enum { KIND_CUSTOMER = 1, KIND_LINE, KIND_SUBSCRIPTION, KIND_CHOICE, KIND_LINKS, KIND_AMOUNT };

#define UNIT_PER_CENT ((int128)100000000) /* MEASURE_SCALE is 10 */
#define YEAR 2026
#define MONTH 10

struct product {
    const char *product_id;
    const char *sku_id;
    const char *name;
    const char *meter_category;
    bool is_usage;
};

/* Mostly seats, a quarter usage; by their names the shipped catalog classifies them. */
static const struct product products[] = {
    {"CFQ7TTC0LH18", "0001", "Microsoft 365 Business Basic", NULL, false},
    {"CFQ7TTC0LDPB", "0001", "Microsoft 365 Business Standard", NULL, false},
    {"CFQ7TTC0LCHC", "0002", "Microsoft 365 Business Premium", NULL, false},
    {"CFQ7TTC0LFLX", "0001", "Microsoft 365 E3", NULL, false},
    {"CFQ7TTC0LFLZ", "0002", "Microsoft 365 E5", NULL, false},
    {"CFQ7TTC0LF8Q", "0001", "Office 365 E3", NULL, false},
    {"CFQ7TTC0LH16", "0001", "Exchange Online (Plan 1)", NULL, false},
    {"CFQ7TTC0LH0D", "0001", "Dynamics 365 Sales Enterprise", NULL, false},
    {"CFQ7TTC0LHSL", "0001", "Teams Essentials", NULL, false},
    {"DZH318Z0BPS6", "0001", "Azure plan", "Virtual Machines", true},
    {"DZH318Z0BPS6", "0001", "Azure plan", "Storage", true},
    {"DZH318Z0BPS6", "0001", "Azure plan", "Bandwidth", true},
};
#define PRODUCT_COUNT (sizeof products / sizeof products[0])

uint64_t world_mix(uint64_t number) {
    uint64_t bits = number + UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static uint64_t draw(uint64_t kind, uint64_t number, uint64_t bound) {
    return world_mix(kind << 56 ^ number) % bound;
}

void world_uuid(uint64_t kind, uint64_t number, char to[WORLD_ID_SIZE]) {
    static const char hex[] = "0123456789abcdef";
    uint64_t bits[2] = {world_mix(kind << 56 ^ number), world_mix(kind << 56 ^ ~number)};
    size_t nibble = 0;
    for (size_t i = 0; i < WORLD_ID_SIZE; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            to[i] = '-';
            continue;
        }
        to[i] = hex[bits[nibble / 16] >> (4 * (nibble % 16)) & 15];
        nibble++;
    }
}

static void put_digits(char *to, size_t count, uint64_t number) {
    for (size_t i = count; i-- > 0;) {
        to[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

static void put_mpn(char to[WORLD_MPN_SIZE], uint64_t partner) {
    put_digits(to, WORLD_MPN_SIZE, 4200000 + partner);
}

static uint64_t line_of(const struct world *world, uint64_t record, bool *ret_is_revision) {
    uint64_t roll = world_mix((uint64_t)KIND_CHOICE << 56 ^ record);
    *ret_is_revision = record > 0 && roll % 100 < world->revision_percent;
    /* An earlier record's line: if that was a revision itself, the number names a line that was
     * not there yet; it then is new. */
    return *ret_is_revision ? (roll >> 8) % record : record;
}

struct billing_line world_line(const struct world *world, uint64_t record,
                               struct world_texts *texts, bool *ret_is_revision) {
    uint64_t line = line_of(world, record, ret_is_revision);
    bool was_revision = false;
    if (*ret_is_revision) {
        (void)line_of(world, line, &was_revision);
        *ret_is_revision = !was_revision;
    }
    uint64_t customer = draw(KIND_CUSTOMER, line, world->customer_count);
    const struct product *product = &products[draw(KIND_SUBSCRIPTION, line, PRODUCT_COUNT)];
    world_uuid(KIND_LINE, line, texts->line_id);
    world_uuid(KIND_CUSTOMER, customer, texts->customer_id);
    world_uuid(KIND_SUBSCRIPTION, customer * 8 + draw(KIND_LINE, line, 8), texts->subscription_id);
    texts->invoice_id[0] = 'G';
    put_digits(texts->invoice_id + 1, sizeof texts->invoice_id - 1, customer);
    put_mpn(texts->mpn_id, customer % world->partner_count);
    int32_t first;
    bool is_day = calendar_day_of(YEAR, MONTH, 1, &first);
    REQUIRE(is_day);
    int128 cents = 100 + (int64_t)draw(KIND_AMOUNT, record, 100000);
    return (struct billing_line){
        .line_id = {texts->line_id, WORLD_ID_SIZE},
        .customer_id = {texts->customer_id, WORLD_ID_SIZE},
        .invoice_id = {texts->invoice_id, sizeof texts->invoice_id},
        .subscription_id = {texts->subscription_id, WORLD_ID_SIZE},
        .reseller_mpn_id = {texts->mpn_id, WORLD_MPN_SIZE},
        .product_id = text_of(product->product_id),
        .sku_id = text_of(product->sku_id),
        .product_name = text_of(product->name),
        .meter_category = text_of(product->meter_category),
        .charge_type = product->is_usage ? TEXT("usage") : TEXT("cycleFee"),
        .revision = record == line ? 0 : (int64_t)record,
        .billing_period = calendar_month_of_day(first),
        .charge_start_date = first,
        .charge_end_date = first + 30,
        .currency = {{'U', 'S', 'D'}},
        .billed_amount = {cents * UNIT_PER_CENT},
        .has_consumed_amount = product->is_usage,
        .consumed_amount = {product->is_usage ? cents * UNIT_PER_CENT : 0},
        .has_quantity = true,
        .quantity = {(1 + (int128)draw(KIND_AMOUNT, line, 250)) * 100 * UNIT_PER_CENT},
    };
}

void world_append_partner(const struct world *world, uint64_t number, struct buffer *to) {
    REQUIRE(number < world->partner_count);
    char mpn[WORLD_MPN_SIZE];
    put_mpn(mpn, number);
    static const char since[] = "[{\"from\": \"2018-03-01\", \"to\": null}]";
    /* One in ten lacks its tax profile: what it would have earned is forgone. In the second
     * generation three quarters of all lack it beside these. */
    bool lacks = number % 10 == 9 || (world->generation == 2 && number % 20 >= 3);
    const char *tax = lacks ? "[]" : since;
    buffer_append_format(
        to,
        "{\"partner\": {\"mpn_id\": \"%.*s\", \"mpn_active\": %s, \"indirect_reseller\": %s, "
        "\"bank_profile\": %s, \"tax_profile\": %s, \"competencies\": [{\"name\": \"modern-work\", "
        "\"level\": \"silver\", \"from\": \"2019-07-01\", \"to\": null}, {\"name\": "
        "\"infrastructure\", \"level\": \"gold\", \"from\": \"2021-02-01\", \"to\": null}]}}\n",
        WORLD_MPN_SIZE, mpn, since, since, since, tax);
}

static void append_link(struct buffer *to, uint64_t id, const char *type, const char *mpn,
                        const char *workload, const char *separator) {
    buffer_append_format(to,
                         "%s{\"link_id\": \"L-%07u\", \"type\": \"%s\", \"partner_mpn_id\": "
                         "\"%.*s\", \"subscription_id\": null, \"workload\": %s, \"from\": "
                         "\"2020-01-01\", \"to\": null}",
                         separator, (unsigned)id, type, WORLD_MPN_SIZE, mpn, workload);
}

void world_append_customer(const struct world *world, uint64_t number, struct buffer *to) {
    REQUIRE(number < world->customer_count);
    char id[WORLD_ID_SIZE];
    world_uuid(KIND_CUSTOMER, number, id);
    buffer_append_format(to,
                         "{\"customer\": {\"customer_id\": \"%.*s\", \"added_on\": \"2025-11-05\", "
                         "\"links\": [",
                         WORLD_ID_SIZE, id);
    uint64_t count = world->link_count == 0 ? 2 : world->link_count;
    bool is_linked = world->linked_percent == 0 ||
                     world_mix((uint64_t)KIND_LINKS << 56 ^ ~number) % 100 < world->linked_percent;
    for (uint64_t i = 0; i < count && is_linked; i++) {
        char mpn[WORLD_MPN_SIZE];
        uint64_t link = number * count + i;
        put_mpn(mpn, draw(KIND_LINKS, link, world->partner_count));
        append_link(to, link, i % 2 == 0 ? "CPOR" : "PAL", mpn,
                    i % 2 == 0 ? "\"exchange\"" : "null", i == 0 ? "" : ", ");
    }
    buffer_append_string(to, "]}}\n");
}
