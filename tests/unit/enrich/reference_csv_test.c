#include "accrued/reference_set.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct world {
    struct reference_set set;
    struct problems problems;
    char path[32];
};

static void world_open(struct world *world) {
    reference_set_init(&world->set);
    problems_init(&world->problems);
}

static void world_close(struct world *world) {
    reference_set_release(&world->set);
    problems_release(&world->problems);
}

static const char *told(struct world *world) {
    buffer_append_byte(&world->problems.lines, '\0');
    world->problems.lines.size--;
    return (const char *)world->problems.lines.data;
}

static bool read_bytes(struct world *world, struct text table) {
    (void)snprintf(world->path, sizeof world->path, "/tmp/accrued-table-XXXXXX.csv");
    int file = mkstemps(world->path, 4);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, table.data, table.size), (ssize_t)table.size);
    (void)close(file);
    bool is_good = reference_set_read(&world->set, world->path, &world->problems);
    (void)unlink(world->path);
    return is_good;
}

static void read_good(struct world *world, const char *table) {
    cr_assert(read_bytes(world, text_of(table)), "%s", told(world));
    cr_assert_eq(world->problems.count, 0);
}

/* What entry `index` becomes where the store has nothing. */
static void expect(struct world *world, size_t index, const char *value) {
    cr_assert_lt(index, world->set.count);
    struct reference_entry *entry = world->set.entries[index];
    cr_assert(reference_set_plan(&world->set, entry, text_null(), &world->problems), "%s",
              told(world));
    cr_assert(text_equal(entry->value, text_of(value)), "%.*s", TEXT_ARGS(entry->value));
}

Test(reference_csv, partners_have_a_row_for_each_interval) {
    struct world world;
    world_open(&world);
    read_good(&world, "mpn_id,mpn_active_from,mpn_active_to,bank_profile_from\n"
                      "p,2018-03-01,2019-01-01,2018-04-10\n"
                      "q,,,\n"
                      "p,2020-01-01,,2018-04-10\n"
                      "r,,2021-01-01,\n");
    cr_assert_eq(world.set.count, 3);
    /* The bank profile, told on both rows of p, is one interval. */
    expect(&world, 0,
           "{\"mpn_id\":\"p\",\"mpn_active\":[{\"from\":\"2018-03-01\",\"to\":\"2019-01-01\"},"
           "{\"from\":\"2020-01-01\",\"to\":null}],"
           "\"bank_profile\":[{\"from\":\"2018-04-10\",\"to\":null}]}");
    expect(&world, 1, "{\"mpn_id\":\"q\",\"mpn_active\":[],\"bank_profile\":[]}");
    expect(&world, 2,
           "{\"mpn_id\":\"r\",\"mpn_active\":[{\"from\":null,\"to\":\"2021-01-01\"}],"
           "\"bank_profile\":[]}");
    world_close(&world);
}

Test(reference_csv, each_interval_goes_to_its_member) {
    struct world world;
    world_open(&world);
    read_good(&world, "mpn_id,tax_profile_to,bank_profile_to,indirect_reseller_to,mpn_active_to,"
                      "tax_profile_from,bank_profile_from,indirect_reseller_from,mpn_active_from\n"
                      "p,2020-01-04,2020-01-03,2020-01-02,2020-01-01,"
                      "2019-01-04,2019-01-03,2019-01-02,2019-01-01\n");
    expect(&world, 0,
           "{\"mpn_id\":\"p\",\"mpn_active\":[{\"from\":\"2019-01-01\",\"to\":\"2020-01-01\"}],"
           "\"indirect_reseller\":[{\"from\":\"2019-01-02\",\"to\":\"2020-01-02\"}],"
           "\"bank_profile\":[{\"from\":\"2019-01-03\",\"to\":\"2020-01-03\"}],"
           "\"tax_profile\":[{\"from\":\"2019-01-04\",\"to\":\"2020-01-04\"}]}");
    world_close(&world);
}

Test(reference_csv, header_in_any_order_and_case_with_bom_and_quotes) {
    struct world world;
    world_open(&world);
    read_good(&world, "\xEF\xBB\xBFLevel, \"NAME\" ,To,\"Mpn_Id\",FROM\r\n"
                      "Gold,\"a, \"\"b\"\"\r\nc\",,\"p\",2020-01-01\r\n"
                      "\r\n"
                      ",,,,\r\n"
                      "silver,d,2021-01-01,p,"); /* no newline at the end */
    cr_assert_eq(world.set.count, 1);
    expect(&world, 0,
           "{\"mpn_id\":\"p\",\"competencies\":[{\"name\":\"a, \\\"b\\\"\\r\\nc\","
           "\"level\":\"gold\",\"from\":\"2020-01-01\",\"to\":null},"
           "{\"name\":\"d\",\"level\":\"silver\",\"from\":null,\"to\":\"2021-01-01\"}]}");
    world_close(&world);
}

Test(reference_csv, links_of_a_customer) {
    struct world world;
    world_open(&world);
    read_good(&world, "customer_id,link_id,type,partner_mpn_id,subscription_id,workload,from,to\n"
                      "C,L1,cpor,7,,exchange,2020-01-01,\n"
                      "c,L2,PAL,8,S-1,,,2020-06-01\n"
                      "c,L2,pal,8,S-1,,,2020-06-01\n");
    cr_assert_eq(world.set.count, 1);
    expect(&world, 0,
           "{\"customer_id\":\"c\",\"links\":[{\"link_id\":\"L1\",\"type\":\"CPOR\","
           "\"partner_mpn_id\":\"7\",\"subscription_id\":null,\"workload\":\"exchange\","
           "\"from\":\"2020-01-01\",\"to\":null},{\"link_id\":\"L2\",\"type\":\"PAL\","
           "\"partner_mpn_id\":\"8\",\"subscription_id\":\"S-1\",\"workload\":null,\"from\":null,"
           "\"to\":\"2020-06-01\"}]}");
    world_close(&world);
}

Test(reference_csv, an_id_alone_says_that_there_are_none) {
    struct world world;
    world_open(&world);
    read_good(&world, "customer_id,link_id,type,partner_mpn_id\nc,,,\n");
    read_good(&world, "mpn_id,name,level\np,,\n");
    expect(&world, 0, "{\"customer_id\":\"c\",\"links\":[]}");
    expect(&world, 1, "{\"mpn_id\":\"p\",\"competencies\":[]}");
    world_close(&world);
}

Test(reference_csv, customers_and_links_meet_in_one_value) {
    struct world world;
    world_open(&world);
    read_good(&world, "customer_id,link_id,type,partner_mpn_id\nc,L,DPOR,7\n");
    read_good(&world, "added_on,customer_id\n2019-11-05,C\n,d\n2019-11-05,c\n");
    expect(&world, 0,
           "{\"customer_id\":\"c\",\"added_on\":\"2019-11-05\",\"links\":[{\"link_id\":\"L\","
           "\"type\":\"DPOR\",\"partner_mpn_id\":\"7\",\"subscription_id\":null,\"workload\":null,"
           "\"from\":null,\"to\":null}]}");
    expect(&world, 1, "{\"customer_id\":\"d\",\"added_on\":null}");
    world_close(&world);
}

Test(reference_csv, payout_currencies_and_groups_stand_beside_the_rest) {
    struct world world;
    world_open(&world);
    read_good(&world, "payout_currency,mpn_id,bank_profile_from\nJPY,p,2020-01-01\nJPY,p,\n,q,\n");
    read_good(&world, "group_id,customer_id\nTPID-1,C\n,d\n");
    read_good(&world, "customer_id,added_on,group_id\nd,2020-01-01,\n");
    expect(&world, 0,
           "{\"mpn_id\":\"p\",\"bank_profile\":[{\"from\":\"2020-01-01\",\"to\":null}],"
           "\"payout_currency\":\"JPY\"}");
    expect(&world, 1, "{\"mpn_id\":\"q\",\"bank_profile\":[],\"payout_currency\":null}");
    expect(&world, 2, "{\"customer_id\":\"c\",\"group_id\":\"TPID-1\"}");
    expect(&world, 3, "{\"customer_id\":\"d\",\"added_on\":\"2020-01-01\",\"group_id\":null}");
    world_close(&world);
}

Test(reference_csv, exchange_rates_have_a_row_for_each_currency) {
    struct world world;
    world_open(&world);
    read_good(&world, "currency,rate,period,base\n"
                      "EUR,1.1034,2020-01,USD\n"
                      "USD,0.9,2020-02,EUR\n"
                      "JPY,0.009142,2020-01,USD\n"
                      "EUR,1.1034,2020-01,USD\n");
    cr_assert_eq(world.set.count, 2);
    expect(&world, 0,
           "{\"period\":\"2020-01\",\"base\":\"USD\",\"rates\":{\"EUR\":\"1.1034\","
           "\"JPY\":\"0.009142\"}}");
    expect(&world, 1, "{\"period\":\"2020-02\",\"base\":\"EUR\",\"rates\":{\"USD\":\"0.9\"}}");
    world_close(&world);
}

#define RATES "period,base,currency,rate\n"
#define LINKS "customer_id,link_id,type,partner_mpn_id,from,to\n"

Test(reference_csv, tells_what_is_wrong_and_where) {
    static const struct {
        const char *table;
        const char *reason;
    } cases[] = {
        {"", ":1: empty: a header is needed"},
        {"\n\n", ":3: empty: a header is needed"},
        {"a,b\n1,2\n", ":1: not the header of a table that is known"},
        {"mpn_id\n1\n", ":1: not the header of a table"},
        {"mpn_id;name;level\n1;a;gold\n", "with commas between"},
        {"mpn_id,name,level,form\n", ":1: a table of competencies has no column \"form\", did you"},
        {"mpn_id,name,from\n", ":1: a table of competencies needs a column level"},
        {"customer_id,added_on,ADDED_ON\n", ":1: column added_on is there twice"},
        {"mpn_id,mpn_active_from,tax_profile_to\n",
         ":1: column tax_profile_to without tax_profile_from"},
        {"customer_id,link_id,partner_mpn_id\n", ":1: a table of links needs a column type"},
        {LINKS "c,L,PAL,7,2020-02-30,\n", ":2: from: \"2020-02-30\" is not a date (YYYY-MM-DD)"},
        {LINKS "c,L,PAL,7,,1/2/2020\n", ":2: to: \"1/2/2020\" is not a date"},
        {LINKS "c,L,PALS,7,,\n", ":2: type: \"PALS\" is none of DPOR, PAL, CPOR"},
        {LINKS "c,L,,7,,\n", ":2: type is empty"},
        {LINKS "c,,PAL,7,,\n", ":2: link_id is empty"},
        {LINKS "c,L,PAL,,,\n", ":2: partner_mpn_id is empty"},
        {LINKS ",L,PAL,7,,\n", ":2: customer_id is empty"},
        {LINKS "c,L,PAL,7,\n", ":2: 5 cells, but the header has 6"},
        {LINKS "c,L,PAL,7,,,\n", ":2: 7 cells, but the header has 6"},
        {LINKS "c,\"L\n\n1\",PAL,7,,\nc,L,PAL,7,x,\n", ":5: from: \"x\""},
        {LINKS "c,\"L\n1\",PAL,7,x,\n", ":2: from: \"x\""},
        {LINKS "c,\"L\" 1,PAL,7,,\n", ":2: a quotation mark"},
        {LINKS "c,L,PAL,7,,\nc,\"L,PAL,7,,\n", ":3: a quotation mark"},
        {LINKS "c,L\xE9,PAL,7,,\n", ":2: link_id: not UTF-8"},
        {"mpn_id,name\xE9,level\n", ":1: column 2: the name is not UTF-8"},
        {"mpn_id,name,level\n1,a,bronze\n", ":2: level: \"bronze\" is neither silver nor gold"},
        {"mpn_id,name,level\n1,a,\n", ":2: level is empty"},
        {"mpn_id,name,level\n1,,gold\n", ":2: name is empty"},
        {"mpn_id,mpn_active_from\n1,yesterday\n", ":2: mpn_active_from: \"yesterday\""},
        {"customer_id,added_on\nc,soon\n", ":2: added_on: \"soon\""},
        {"customer_id,added_on\nc,2020-01-01\nC,2020-01-02\n",
         ":3: customer c again, with another added_on (2020-01-01 before)"},
        {"customer_id,added_on\nc,\nC,2020-01-02\n", "(none before)"},
        {"mpn_id,payout_currency\np,eur\n", ":2: payout_currency: \"eur\" is not a currency"},
        {"mpn_id,payout_currency\np,EUR\np,JPY\n",
         ":3: partner p again, with another payout_currency (EUR before)"},
        {"customer_id,group_id\nc,a\nc,b\n", ":3: customer c again, with another group_id"},
        {RATES "2020-1,USD,EUR,1.1\n", ":2: period: \"2020-1\" is not a month (YYYY-MM)"},
        {RATES ",USD,EUR,1.1\n", ":2: period is empty"},
        {RATES "2020-01,,EUR,1.1\n", ":2: base is empty"},
        {RATES "2020-01,USD,EUR,\n", ":2: rate is empty"},
        {RATES "2020-01,US,EUR,1.1\n", ":2: base: \"US\" is not a currency"},
        {RATES "2020-01,USD,Eur,1.1\n", ":2: currency: \"Eur\" is not a currency"},
        {RATES "2020-01,USD,EUR,0\n", ":2: rate: \"0\" is not above 0"},
        {RATES "2020-01,USD,EUR,-1\n", ":2: rate: \"-1\" is not above 0"},
        {RATES "2020-01,USD,EUR,1.12345678901\n", "\"1.12345678901\" has more than 10 decimals"},
        {RATES "2020-01,USD,EUR,\"1,1\"\n", ":2: rate: \"1,1\" is not a decimal number"},
        {RATES "2020-01,USD,EUR,1.1\n2020-01,USD,EUR,1.2\n",
         ":3: EUR in 2020-01 again, with another rate (1.1 before)"},
        {RATES "2020-01,USD,EUR,1.1\n2020-01,EUR,USD,0.9\n",
         ":3: fx 2020-01 again, with another base (USD before)"},
        {"period,base,rate\n", ":1: a table of exchange rates needs a column currency"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        world_open(&world);
        cr_assert(!read_bytes(&world, text_of(cases[i].table)), "%s", cases[i].table);
        cr_assert_eq(world.problems.count, 1, "%s: %s", cases[i].table, told(&world));
        cr_assert(text_starts_with(text_of(told(&world)), text_of(world.path)));
        cr_assert(strstr(told(&world), cases[i].reason) != NULL, "case %zu: %s", i, told(&world));
        world_close(&world);
    }
}

Test(reference_csv, goes_on_after_a_bad_row) {
    struct world world;
    world_open(&world);
    cr_assert(!read_bytes(&world, TEXT(LINKS "c,L,PAL,7,x,\nc,L,PAL,7,,\nc,L,NO,7,,\n")));
    cr_assert_eq(world.problems.count, 2);
    cr_assert(strstr(told(&world), ":4: type") != NULL);
    world_close(&world);
}

Test(reference_csv, stops_after_many_problems) {
    struct world world;
    struct buffer table;
    world_open(&world);
    buffer_init(&table);
    buffer_append_string(&table, LINKS);
    for (size_t i = 0; i < REFERENCE_PROBLEM_COUNT_MAX + 50; i++) {
        buffer_append_string(&table, "c\n");
    }
    cr_assert(!read_bytes(&world, buffer_text(&table)));
    cr_assert_eq(world.problems.count, REFERENCE_PROBLEM_COUNT_MAX);
    buffer_release(&table);
    world_close(&world);
}

Test(reference_csv, limits_the_size_of_a_cell_and_the_count_of_columns) {
    for (int size = 1024; size <= 1025; size++) {
        struct world world;
        struct buffer table;
        world_open(&world);
        buffer_init(&table);
        buffer_append_string(&table, "mpn_id,level,name\np,gold,");
        for (int i = 0; i < size; i++) {
            buffer_append_byte(&table, 'n');
        }
        cr_assert_eq(read_bytes(&world, buffer_text(&table)), size == 1024, "%s", told(&world));
        buffer_clear(&table);
        buffer_append_string(&table, "mpn_id");
        for (int i = 0; i < size; i++) {
            buffer_append_string(&table, ",level");
        }
        cr_assert(!read_bytes(&world, buffer_text(&table)));
        cr_assert(strstr(told(&world), "columns: no table has so many") != NULL);
        buffer_release(&table);
        world_close(&world);
    }
}
