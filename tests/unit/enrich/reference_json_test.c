#include "accrued/reference_json.h"

#include "accrued/hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct reference *make(enum reference_kind kind, struct text id, struct text value) {
    struct arena scratch;
    arena_init(&scratch);
    size_t size = 0;
    struct reference *made = reference_from_json(kind, id, value, &scratch, &size);
    arena_release(&scratch);
    cr_assert(made != NULL);
    cr_assert_geq(size, sizeof *made);
    cr_assert_eq(made->kind, kind);
    return made;
}

static int32_t day(const char *text) {
    int32_t value = 0;
    cr_assert(calendar_parse_day(text_of(text), &value));
    return value;
}

Test(reference_json, reads_a_partner) {
    struct text value =
        TEXT("{\"mpn_id\": \"4200001\", \"note\": {\"ignored\": [1, 2]},"
             " \"mpn_active\": [{\"from\": \"2018-03-01\", \"to\": null},"
             "                  {\"from\": null, \"to\": \"2017-01-01\"}],"
             " \"indirect_reseller\": [{}],"
             " \"bank_profile\": null,"
             " \"competencies\": [{\"name\": \"cloud-platform\", \"level\": \"silver\","
             "                     \"from\": \"2019-07-01\", \"to\": \"2020-07-01\"},"
             "                    {\"name\": \"security\", \"level\": \"gold\"}]}");
    struct reference *made = make(REFERENCE_PARTNER, TEXT("4200001"), value);
    cr_assert_eq(made->state, REFERENCE_PRESENT, "%s", made->unreadable_reason);
    cr_assert_eq(made->hash, hash64(value.data, value.size, 0));
    const struct partner *partner = &made->partner;
    cr_assert(text_equal(partner->mpn_id, TEXT("4200001")));
    cr_assert_eq(partner->mpn_active.count, 2);
    cr_assert_eq(partner->mpn_active.items[0].from, day("2018-03-01"));
    cr_assert_eq(partner->mpn_active.items[0].to, DAY_MAX);
    cr_assert_eq(partner->mpn_active.items[1].from, DAY_MIN);
    cr_assert_eq(partner->mpn_active.items[1].to, day("2017-01-01"));
    cr_assert_eq(partner->indirect_reseller.count, 1);
    cr_assert_eq(partner->indirect_reseller.items[0].from, DAY_MIN);
    cr_assert_eq(partner->bank_profile.count, 0);
    cr_assert_eq(partner->tax_profile.count, 0);
    cr_assert_eq(partner->competency_count, 2);
    cr_assert(text_equal(partner->competencies[0].name, TEXT("cloud-platform")));
    cr_assert_eq(partner->competencies[0].level, LEVEL_SILVER);
    cr_assert_eq(partner->competencies[0].valid.to, day("2020-07-01"));
    cr_assert_eq(partner->competencies[1].level, LEVEL_GOLD);
    cr_assert_eq(partner->competencies[1].valid.to, DAY_MAX);
    free(made);
}

Test(reference_json, reads_a_customer) {
    struct text value =
        TEXT("{\"customer_id\": \"AB-1\", \"added_on\": \"2019-11-05\","
             " \"links\": [{\"link_id\": \"L-1\", \"type\": \"cPoR\","
             "   \"partner_mpn_id\": \"P\", \"subscription_id\": \"SUB-X\","
             "   \"workload\": \"Exchange\", \"from\": \"2020-01-15\", \"to\": \"2020-01-15\"},"
             "  {\"link_id\": \"L-2\", \"type\": \"PAL\", \"partner_mpn_id\": \"Q\","
             "   \"subscription_id\": \"\", \"workload\": null}]}");
    struct reference *made = make(REFERENCE_CUSTOMER, TEXT("ab-1"), value);
    cr_assert_eq(made->state, REFERENCE_PRESENT, "%s", made->unreadable_reason);
    const struct customer *customer = &made->customer;
    cr_assert(text_equal(customer->customer_id, TEXT("ab-1")));
    cr_assert(customer->has_added_on);
    cr_assert_eq(customer->added_on, day("2019-11-05"));
    cr_assert_eq(customer->link_count, 2);
    cr_assert_eq(customer->links[0].type, LINK_CPOR);
    cr_assert(text_equal(customer->links[0].subscription_id, TEXT("sub-x")));
    cr_assert(text_equal(customer->links[0].workload, TEXT("Exchange")));
    cr_assert_eq(customer->links[0].valid.from, customer->links[0].valid.to);
    cr_assert_eq(customer->links[1].type, LINK_PAL);
    cr_assert(text_is_null(customer->links[1].subscription_id));
    cr_assert(text_is_null(customer->links[1].workload));
    cr_assert_eq(customer->links[1].valid.from, DAY_MIN);
    free(made);
}

Test(reference_json, reads_what_the_second_stage_wants) {
    struct reference *made =
        make(REFERENCE_PARTNER, TEXT("p"), TEXT("{\"mpn_id\":\"p\",\"payout_currency\":\"JPY\"}"));
    cr_assert_eq(made->state, REFERENCE_PRESENT, "%s", made->unreadable_reason);
    cr_assert(made->partner.has_payout_currency);
    cr_assert_eq(memcmp(made->partner.payout_currency.code, "JPY", 3), 0);
    free(made);
    static const char *const without[] = {"{\"mpn_id\":\"p\"}",
                                          "{\"mpn_id\":\"p\",\"payout_currency\":null}",
                                          "{\"mpn_id\":\"p\",\"payout_currency\":\"\"}"};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        made = make(REFERENCE_PARTNER, TEXT("p"), text_of(without[i]));
        cr_assert_eq(made->state, REFERENCE_PRESENT);
        cr_assert(!made->partner.has_payout_currency, "%s", without[i]);
        free(made);
    }
    made = make(REFERENCE_CUSTOMER, TEXT("c"),
                TEXT("{\"customer_id\":\"C\",\"group_id\":\"TPID-É\"}"));
    cr_assert_eq(made->state, REFERENCE_PRESENT);
    cr_assert(text_equal(made->customer.group_id, TEXT("tpid-É")));
    free(made);
    made = make(REFERENCE_CUSTOMER, TEXT("c"), TEXT("{\"customer_id\":\"C\",\"group_id\":\"\"}"));
    cr_assert(text_is_null(made->customer.group_id));
    free(made);
}

static int128 rate_of(const struct reference *fx, const char *code) {
    struct currency currency;
    cr_assert(currency_parse(text_of(code), &currency));
    const struct exchange_rate *found = exchange_rates_find(&fx->fx, currency);
    return found != NULL ? found->units : 0;
}

Test(reference_json, reads_exchange_rates) {
    struct reference *made =
        make(REFERENCE_FX, TEXT("2020-01"),
             TEXT("{\"period\":\"2020-01\",\"base\":\"USD\",\"source\":\"a bank\",\"rates\":{"
                  "\"JPY\":\"0.009142\",\"EUR\":1.1034,\"GBP\":\"1.3\",\"EUR\":\"1.1035\","
                  "\"AED\":\"0.0000000001\",\"ZAR\":\"999999999999999999.9999999999\"}}"));
    cr_assert_eq(made->state, REFERENCE_PRESENT, "%s", made->unreadable_reason);
    cr_assert_eq(made->fx.count, 6);
    cr_assert(text_equal(made->fx.period, TEXT("2020-01")));
    cr_assert(rate_of(made, "USD") == decimal_power_of_ten(EXCHANGE_RATE_SCALE));
    cr_assert(rate_of(made, "JPY") == 91420000);
    cr_assert(rate_of(made, "EUR") == INT64_C(11035000000), "the last of equal keys");
    cr_assert(rate_of(made, "AED") == 1);
    cr_assert(rate_of(made, "ZAR") == decimal_power_of_ten(28) - 1);
    cr_assert(rate_of(made, "CHF") == 0);
    free(made);
    /* The base may be named, and there may be nothing but the base. */
    made = make(REFERENCE_FX, TEXT("2020-02"),
                TEXT("{\"period\":\"2020-02\",\"base\":\"EUR\",\"rates\":{\"EUR\":\"1.00\"}}"));
    cr_assert_eq(made->state, REFERENCE_PRESENT, "%s", made->unreadable_reason);
    cr_assert_eq(made->fx.count, 1);
    free(made);
    made = make(REFERENCE_FX, TEXT("2020-02"), text_null());
    cr_assert_eq(made->state, REFERENCE_MISSING);
    cr_assert(text_equal(reference_id(made), TEXT("2020-02")));
    free(made);
}

#define FX_WITH(rates) "{\"period\":\"2020-01\",\"base\":\"USD\",\"rates\":" rates "}"

Test(reference_json, refuses_exchange_rates_that_cannot_be_right) {
    static const struct {
        const char *value;
        const char *reason;
    } cases[] = {
        {"{\"period\":\"2020-02\",\"base\":\"USD\",\"rates\":{}}",
         "period: \"2020-02\" is not the id"},
        {"{\"base\":\"USD\",\"rates\":{}}", "period: missing or empty"},
        {"{\"period\":\"2020-13\",\"base\":\"USD\",\"rates\":{}}",
         "period: \"2020-13\" is not a month"},
        {"{\"period\":202001,\"base\":\"USD\",\"rates\":{}}", "period: a string is needed"},
        {"{\"period\":\"2020-01\",\"rates\":{}}", "base: a currency is needed, found nothing"},
        {"{\"period\":\"2020-01\",\"base\":\"usd\",\"rates\":{}}",
         "base: \"usd\" is not a currency"},
        {"{\"period\":\"2020-01\",\"base\":7,\"rates\":{}}",
         "base: a currency is needed, found number"},
        {"{\"period\":\"2020-01\",\"base\":\"USD\"}", "rates: an object is needed, found nothing"},
        {FX_WITH("[]"), "rates: an object is needed, found array"},
        {FX_WITH("{\"EURO\":1}"), "rates: \"EURO\" is not a currency"},
        {FX_WITH("{\"EUR\":0}"), "rates: EUR: \"0\" is not above 0"},
        {FX_WITH("{\"EUR\":\"-0.0\"}"), "rates: EUR: \"-0.0\" is not above 0"},
        {FX_WITH("{\"EUR\":-1.1}"), "rates: EUR: \"-1.1\" is not above 0"},
        {FX_WITH("{\"EUR\":\"1.00000000001\"}"),
         "rates: EUR: \"1.00000000001\" has more than 10 decimals"},
        {FX_WITH("{\"EUR\":1e18}"), "rates: EUR: \"1e18\" has more than 18 digits"},
        {FX_WITH("{\"EUR\":\"1,1\"}"), "rates: EUR: \"1,1\" is not a decimal number"},
        {FX_WITH("{\"EUR\":null}"), "rates: EUR: a rate is needed, found null"},
        {FX_WITH("{\"USD\":\"1.1\"}"), "rates: USD is the base, its rate is 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reference *made = make(REFERENCE_FX, TEXT("2020-01"), text_of(cases[i].value));
        cr_assert_eq(made->state, REFERENCE_UNREADABLE, "case %zu", i);
        cr_assert(strstr(made->unreadable_reason, cases[i].reason) != NULL, "case %zu: %s", i,
                  made->unreadable_reason);
        free(made);
    }
}

Test(reference_json, reads_a_thousand_rates_and_no_more) {
    struct buffer value;
    buffer_init(&value);
    for (int count = 1000; count <= 1001; count++) {
        buffer_clear(&value);
        buffer_append_string(&value, "{\"period\":\"2020-01\",\"base\":\"ZZZ\",\"rates\":{");
        for (int i = 0; i < count; i++) {
            buffer_append_format(&value, "%s\"%c%c%c\":1.5", i == 0 ? "" : ",", 'A' + i / 676,
                                 'A' + i / 26 % 26, 'A' + i % 26);
        }
        buffer_append_string(&value, "}}");
        struct reference *made = make(REFERENCE_FX, TEXT("2020-01"), buffer_text(&value));
        cr_assert_eq(made->state, count == 1000 ? REFERENCE_PRESENT : REFERENCE_UNREADABLE, "%s",
                     made->unreadable_reason);
        free(made);
    }
    buffer_release(&value);
}

Test(reference_json, takes_absent_arrays_for_empty_ones) {
    struct reference *made =
        make(REFERENCE_CUSTOMER, TEXT("c"), TEXT("{\"customer_id\":\"C\",\"links\":null}"));
    cr_assert_eq(made->state, REFERENCE_PRESENT);
    cr_assert_eq(made->customer.link_count, 0);
    cr_assert(!made->customer.has_added_on);
    free(made);
    made = make(REFERENCE_PARTNER, TEXT("p"), TEXT("{\"mpn_id\":\"p\",\"competencies\":[]}"));
    cr_assert_eq(made->state, REFERENCE_PRESENT);
    cr_assert_eq(made->partner.competency_count, 0);
    free(made);
}

Test(reference_json, an_interval_that_ends_before_it_begins_never_holds) {
    struct text value =
        TEXT("{\"mpn_id\":\"p\",\"mpn_active\":[{\"from\":\"2020-01-02\",\"to\":\"2020-01-01\"}]}");
    struct reference *reference = make(REFERENCE_PARTNER, TEXT("p"), value);
    cr_assert_eq(reference->state, REFERENCE_PRESENT, "%s", reference->unreadable_reason);
    struct interval interval = reference->partner.mpn_active.items[0];
    cr_assert(!interval_contains(interval, interval.from));
    cr_assert(!interval_contains(interval, interval.to));
    free(reference);
}

Test(reference_json, a_missing_key_is_missing) {
    struct reference *made = make(REFERENCE_PARTNER, TEXT("p"), text_null());
    cr_assert_eq(made->state, REFERENCE_MISSING);
    cr_assert_eq(made->hash, 0);
    cr_assert(text_equal(made->partner.mpn_id, TEXT("p")));
    free(made);
}

#define PARTNER_WITH(member) "{\"mpn_id\":\"p\"," member "}"
#define CUSTOMER_WITH(member) "{\"customer_id\":\"c\"," member "}"
#define LINK_WITH(member)                                                                          \
    CUSTOMER_WITH("\"links\":[{\"link_id\":\"L\",\"type\":\"PAL\",\"partner_mpn_id\":\"p\"},{"     \
                  "\"link_id\":\"L\",\"type\":\"PAL\",\"partner_mpn_id\":\"p\"," member "}]")

Test(reference_json, is_strict_and_says_what_is_wrong) {
    static const struct {
        enum reference_kind kind;
        const char *value;
        const char *reason;
    } cases[] = {
        {REFERENCE_PARTNER, "", "not JSON at byte 0: nothing there"},
        {REFERENCE_PARTNER, "{\"mpn_id\":\"p\"", "not JSON at byte 13"},
        {REFERENCE_PARTNER, "[]", "the value is not an object but array"},
        {REFERENCE_PARTNER, "\"\\ud800\"", "half of a surrogate pair"},
        {REFERENCE_PARTNER, "{}", "mpn_id: missing or empty"},
        {REFERENCE_PARTNER, "{\"mpn_id\":\"\"}", "mpn_id: missing or empty"},
        {REFERENCE_PARTNER, "{\"mpn_id\":4200001}", "mpn_id: a string is needed, found number"},
        {REFERENCE_PARTNER, "{\"mpn_id\":\"P\"}", "mpn_id: \"P\" is not the id of the key"},
        {REFERENCE_PARTNER, "{\"mpn_id\":\"p\",\"mpn_id\":\"q\"}", "\"q\" is not the id"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"mpn_active\":{}"), "mpn_active: an array is needed"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"tax_profile\":[null]"),
         "tax_profile: [0]: an object is needed, found null"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"bank_profile\":[{},{\"from\":\"2020-02-30\"}]"),
         "bank_profile[1].from: \"2020-02-30\" is not a date"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"bank_profile\":[{\"to\":\"\"}]"),
         "bank_profile[0].to: \"\" is not a date"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"indirect_reseller\":[{\"to\":20200101}]"),
         "indirect_reseller[0].to: a date is needed, found number"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"competencies\":[{\"level\":\"gold\"}]"),
         "competencies[0].name: missing or empty"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"competencies\":[{\"name\":\"n\"}]"),
         "competencies[0].level: silver or gold is needed"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"competencies\":[{\"name\":\"n\",\"level\":\"Gold\"}]"),
         "competencies[0].level: \"Gold\" is neither silver nor gold"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"competencies\":\"none\""),
         "competencies: an array is needed, found string"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"payout_currency\":\"yen\""),
         "payout_currency: \"yen\" is not a currency"},
        {REFERENCE_PARTNER, PARTNER_WITH("\"payout_currency\":{}"),
         "payout_currency: a currency is needed, found object"},
        {REFERENCE_CUSTOMER, CUSTOMER_WITH("\"group_id\":7"), "group_id: a string is needed"},
        {REFERENCE_CUSTOMER, "{\"customer_id\":\"d\"}", "customer_id: \"d\" is not the id"},
        {REFERENCE_CUSTOMER, CUSTOMER_WITH("\"added_on\":\"2019-1-5\""),
         "added_on: \"2019-1-5\" is not a date"},
        {REFERENCE_CUSTOMER, CUSTOMER_WITH("\"added_on\":true"), "added_on: a date is needed"},
        {REFERENCE_CUSTOMER, CUSTOMER_WITH("\"links\":[7]"), "links: [0]: an object is needed"},
        {REFERENCE_CUSTOMER, LINK_WITH("\"type\":\"XPOR\""), "links[1].type: \"XPOR\" is none of"},
        {REFERENCE_CUSTOMER, LINK_WITH("\"type\":null"), "links[1].type: DPOR, PAL or CPOR"},
        {REFERENCE_CUSTOMER, LINK_WITH("\"link_id\":null"), "links[1].link_id: missing or empty"},
        {REFERENCE_CUSTOMER, LINK_WITH("\"partner_mpn_id\":\"\""),
         "links[1].partner_mpn_id: missing or empty"},
        {REFERENCE_CUSTOMER, LINK_WITH("\"workload\":[]"),
         "links[1].workload: a string is needed, found array"},
        {REFERENCE_CUSTOMER, LINK_WITH("\"subscription_id\":1"), "links[1].subscription_id: a str"},
        {REFERENCE_CUSTOMER, LINK_WITH("\"from\":\"x\""), "links[1].from: \"x\" is not a date"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text id = text_of(cases[i].kind == REFERENCE_PARTNER ? "p" : "c");
        struct text value = text_of(cases[i].value);
        struct reference *made = make(cases[i].kind, id, value);
        cr_assert_eq(made->state, REFERENCE_UNREADABLE, "case %zu", i);
        cr_assert(strstr(made->unreadable_reason, cases[i].reason) != NULL, "case %zu: %s", i,
                  made->unreadable_reason);
        cr_assert_eq(made->hash, hash64(value.data, value.size, 0));
        free(made);
    }
}

Test(reference_json, bounds_what_it_quotes_and_what_it_takes) {
    struct buffer value;
    buffer_init(&value);
    buffer_append_string(&value, "{\"mpn_id\":\"p\",\"mpn_active\":[{\"from\":\"");
    for (int i = 0; i < 600; i++) {
        buffer_append_string(&value, i == 0 ? "x" : "\xC3\xA9");
    }
    buffer_append_string(&value, "\"}]}");
    struct reference *made = make(REFERENCE_PARTNER, TEXT("p"), buffer_text(&value));
    cr_assert_eq(made->state, REFERENCE_UNREADABLE);
    cr_assert(text_is_utf8(text_of(made->unreadable_reason)));
    cr_assert(strstr(made->unreadable_reason, "is not a date") != NULL);
    free(made);

    for (int size = 1024; size <= 1025; size++) {
        buffer_clear(&value);
        buffer_append_string(&value, "{\"customer_id\":\"c\",\"links\":[{\"type\":\"PAL\","
                                     "\"partner_mpn_id\":\"p\",\"link_id\":\"");
        for (int i = 0; i < size; i++) {
            buffer_append_byte(&value, 'L');
        }
        buffer_append_string(&value, "\"}]}");
        made = make(REFERENCE_CUSTOMER, TEXT("c"), buffer_text(&value));
        cr_assert_eq(made->state, size == 1024 ? REFERENCE_PRESENT : REFERENCE_UNREADABLE);
        free(made);
    }
    buffer_release(&value);
}

Test(reference_json, any_id_will_do_for_a_tree_without_a_key) {
    struct arena arena;
    struct fault fault;
    size_t size;
    arena_init(&arena);
    const struct json *tree = json_parse(&arena, TEXT("{\"customer_id\":\"AB\"}"), &fault);
    struct reference *made = reference_from_tree(REFERENCE_CUSTOMER, text_null(), tree, &size);
    cr_assert_eq(made->state, REFERENCE_PRESENT);
    cr_assert_eq(made->hash, 0);
    cr_assert(text_equal(made->customer.customer_id, TEXT("ab")));
    free(made);
    arena_release(&arena);
}
