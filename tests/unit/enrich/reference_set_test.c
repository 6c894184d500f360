#include "accrued/reference_set.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOWHERE ((struct reference_origin){"f", 7})

struct world {
    struct reference_set set;
    struct problems problems;
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

static bool add_whole(struct world *world, enum reference_kind kind, const char *value,
                      size_t line) {
    struct fault fault;
    const struct json *tree = json_parse(&world->set.arena, text_of(value), &fault);
    cr_assert(tree != NULL);
    return reference_set_whole(&world->set, kind, tree, (struct reference_origin){"f", line},
                               &world->problems);
}

static void add_competency(struct world *world, struct reference_entry *entry, const char *name) {
    struct json *item = reference_set_object(&world->set);
    reference_set_add_member(item, reference_set_string(&world->set, "name", text_of(name)));
    reference_set_add_member(item, reference_set_string(&world->set, "level", TEXT("gold")));
    reference_set_append(&world->set, entry, PART_COMPETENCIES, item);
}

static void plan(struct world *world, struct reference_entry *entry, const char *existing,
                 enum reference_outcome outcome, const char *value, const char *differs) {
    cr_assert(reference_set_plan(&world->set, entry, text_of(existing), &world->problems), "%s",
              told(world));
    cr_assert_eq(entry->outcome, outcome);
    cr_assert(text_equal(entry->value, text_of(value)), "%.*s", TEXT_ARGS(entry->value));
    cr_assert(text_equal(entry->differs, text_of(differs)), "%.*s", TEXT_ARGS(entry->differs));
}

/* The lines of a file in a temporary place. */
static bool read_lines(struct world *world, const char *text) {
    char path[] = "/tmp/accrued-set-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(file);
    bool is_good = reference_set_read(&world->set, path, &world->problems);
    (void)unlink(path);
    return is_good;
}

Test(reference_set, one_entry_a_key_whatever_the_case_of_a_customer) {
    struct world world;
    world_open(&world);
    struct reference_entry *customer =
        reference_set_entry(&world.set, REFERENCE_CUSTOMER, TEXT("AB"), NOWHERE);
    cr_assert_eq(customer,
                 reference_set_entry(&world.set, REFERENCE_CUSTOMER, TEXT("aB"), NOWHERE));
    cr_assert(text_equal(customer->id, TEXT("ab")));
    struct reference_entry *partner =
        reference_set_entry(&world.set, REFERENCE_PARTNER, TEXT("ab"), NOWHERE);
    cr_assert_neq(partner, customer);
    cr_assert_neq(partner, reference_set_entry(&world.set, REFERENCE_PARTNER, TEXT("AB"), NOWHERE));
    cr_assert_eq(world.set.count, 3);
    world_close(&world);
}

Test(reference_set, finds_each_of_many_and_keeps_their_order) {
    struct world world;
    world_open(&world);
    char id[16];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 5000; i++) {
            (void)snprintf(id, sizeof id, "%zu", i);
            struct reference_entry *entry =
                reference_set_entry(&world.set, REFERENCE_PARTNER, text_of(id), NOWHERE);
            cr_assert_eq(entry, world.set.entries[i]);
            cr_assert(text_equal(entry->id, text_of(id)));
        }
        cr_assert_eq(world.set.count, 5000);
    }
    world_close(&world);
}

Test(reference_set, a_whole_value_is_new_changed_or_same) {
    static const char value[] = "{\"mpn_id\":\"p\",\"tax_profile\":[{\"from\":null,\"to\":null}]}";
    struct world world;
    world_open(&world);
    cr_assert(add_whole(&world, REFERENCE_PARTNER, value, 1));
    struct reference_entry *entry = world.set.entries[0];
    plan(&world, entry, NULL, OUTCOME_NEW, value, NULL);
    plan(&world, entry, value, OUTCOME_SAME, value, NULL);
    /* The order of members and white space mean nothing. */
    plan(&world, entry, "{ \"tax_profile\":[{\"to\":null,\"from\":null}], \"mpn_id\":\"p\"}",
         OUTCOME_SAME, value, NULL);
    plan(&world, entry, "{\"mpn_id\":\"p\",\"note\":1,\"tax_profile\":[]}", OUTCOME_CHANGED, value,
         "tax_profile, note");
    plan(&world, entry, "[]", OUTCOME_CHANGED, value, "unreadable before");
    plan(&world, entry, "{", OUTCOME_CHANGED, value, "unreadable before");
    world_close(&world);
}

Test(reference_set, a_part_leaves_the_other_members_alone) {
    struct world world;
    world_open(&world);
    struct reference_entry *entry =
        reference_set_entry(&world.set, REFERENCE_PARTNER, TEXT("p"), NOWHERE);
    add_competency(&world, entry, "a");
    add_competency(&world, entry, "b");
#define BOTH "[{\"name\":\"a\",\"level\":\"gold\"},{\"name\":\"b\",\"level\":\"gold\"}]"
    plan(&world, entry, NULL, OUTCOME_NEW, "{\"mpn_id\":\"p\",\"competencies\":" BOTH "}", NULL);
    plan(&world, entry, "{\"mpn_id\":\"p\",\"competencies\":[],\"bank_profile\":[{}]}",
         OUTCOME_CHANGED, "{\"mpn_id\":\"p\",\"competencies\":" BOTH ",\"bank_profile\":[{}]}",
         "competencies");
    plan(&world, entry, "{\"mpn_id\":\"p\",\"competencies\":" BOTH ",\"other\":true}", OUTCOME_SAME,
         "{\"mpn_id\":\"p\",\"competencies\":" BOTH ",\"other\":true}", NULL);
    world_close(&world);
}

Test(reference_set, a_part_goes_into_a_whole_value_of_the_same_load) {
    struct world world;
    world_open(&world);
    cr_assert(add_whole(&world, REFERENCE_PARTNER,
                        "{\"mpn_id\":\"p\",\"competencies\":[],\"note\":\"x\"}", 1));
    add_competency(&world, world.set.entries[0], "a");
    plan(&world, world.set.entries[0], "{\"mpn_id\":\"p\",\"old\":1}", OUTCOME_CHANGED,
         "{\"mpn_id\":\"p\",\"competencies\":[{\"name\":\"a\",\"level\":\"gold\"}],\"note\":\"x\"}",
         "competencies, note, old");
    world_close(&world);
}

Test(reference_set, a_touched_part_is_emptied) {
    struct world world;
    world_open(&world);
    struct reference_entry *entry =
        reference_set_entry(&world.set, REFERENCE_CUSTOMER, TEXT("c"), NOWHERE);
    reference_set_touch(&world.set, entry, PART_LINKS);
    plan(&world, entry, NULL, OUTCOME_NEW, "{\"customer_id\":\"c\",\"links\":[]}", NULL);
    plan(&world, entry,
         "{\"customer_id\":\"C\",\"links\":[{\"link_id\":\"L\",\"type\":\"PAL\","
         "\"partner_mpn_id\":\"p\"}]}",
         OUTCOME_CHANGED, "{\"customer_id\":\"C\",\"links\":[]}", "links");
    world_close(&world);
}

Test(reference_set, a_part_of_a_value_that_cannot_be_read_is_refused) {
    static const char *const broken[] = {"{", "[]", "7"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct world world;
        world_open(&world);
        struct reference_entry *entry =
            reference_set_entry(&world.set, REFERENCE_PARTNER, TEXT("p"), NOWHERE);
        add_competency(&world, entry, "a");
        cr_assert(!reference_set_plan(&world.set, entry, text_of(broken[i]), &world.problems));
        cr_assert_eq(entry->outcome, OUTCOME_UNPLANNED);
        cr_assert(strstr(told(&world), "f:7: partner p: the value in Redis cannot be read") != NULL,
                  "%s", told(&world));
        world_close(&world);
    }
}

Test(reference_set, a_merged_value_that_the_service_could_not_read_is_refused) {
    struct world world;
    world_open(&world);
    struct reference_entry *entry =
        reference_set_entry(&world.set, REFERENCE_PARTNER, TEXT("p"), NOWHERE);
    add_competency(&world, entry, "a");
    cr_assert(!reference_set_plan(&world.set, entry, TEXT("{\"mpn_id\":\"q\"}"), &world.problems));
    cr_assert(strstr(told(&world), "f:7: partner p: mpn_id: \"q\" is not the id of the key") !=
                  NULL,
              "%s", told(&world));
    world_close(&world);
}

Test(reference_set, a_key_has_one_whole_value) {
    struct world world;
    world_open(&world);
    cr_assert(add_whole(&world, REFERENCE_CUSTOMER, "{\"customer_id\":\"AB\"}", 1));
    cr_assert(!add_whole(&world, REFERENCE_CUSTOMER, "{\"customer_id\":\"ab\"}", 2));
    cr_assert_str_eq(told(&world), "f:2: customer ab again, it is in f:1 already\n");
    world_close(&world);
}

Test(reference_set, reads_json_lines) {
    struct world world;
    world_open(&world);
    cr_assert(read_lines(&world, "\xEF\xBB\xBF{\"partner\": {\"mpn_id\": \"p\"}}\r\n"
                                 "\n \t\n"
                                 "{\"customer\": {\"customer_id\": \"C\"}}\n"
                                 "{\"fx\": {\"period\": \"2020-01\", \"base\": \"USD\", "
                                 "\"rates\": {}}}"),
              "%s", told(&world));
    cr_assert_eq(world.set.count, 3);
    cr_assert_eq(world.set.entries[2]->kind, REFERENCE_FX);
    cr_assert(text_equal(world.set.entries[2]->id, TEXT("2020-01")));
    cr_assert_eq(world.set.entries[1]->kind, REFERENCE_CUSTOMER);
    cr_assert_eq(world.set.entries[1]->origin.line, 4);
    world_close(&world);
}

Test(reference_set, tells_every_bad_line) {
    static const struct {
        const char *line;
        const char *reason;
    } cases[] = {
        {"{\"partner\": {\"mpn_id\": 7}}", ":1: partner: mpn_id: a string is needed"},
        {"{\"partner\": {\"mpn_id\": \"p\"}, \"customer\": {}}", ":1: none of {\"partner\""},
        {"{\"vendor\": {}}", ":1: none of"},
        {"[]", ":1: none of"},
        {"{\"fx\": {\"period\": \"2020-01\", \"base\": \"USD\", \"rates\": {\"EUR\": 0}}}",
         ":1: fx: rates: EUR: \"0\" is not above 0"},
        {"{\"partner\": {\"mpn_id\": \"p\"}", ":1: not JSON at byte"},
        {"{\"customer\": []}", ":1: customer: the value is not an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world;
        world_open(&world);
        cr_assert(!read_lines(&world, cases[i].line));
        cr_assert_eq(world.problems.count, 1);
        cr_assert(strstr(told(&world), cases[i].reason) != NULL, "%s", told(&world));
        world_close(&world);
    }
}

Test(reference_set, stops_after_many_problems) {
    struct world world;
    struct buffer lines;
    world_open(&world);
    buffer_init(&lines);
    for (size_t i = 0; i < REFERENCE_PROBLEM_COUNT_MAX + 50; i++) {
        buffer_append_string(&lines, "{}\n");
    }
    buffer_append_byte(&lines, '\0');
    cr_assert(!read_lines(&world, (const char *)lines.data));
    cr_assert_eq(world.problems.count, REFERENCE_PROBLEM_COUNT_MAX);
    buffer_release(&lines);
    world_close(&world);
}

Test(reference_set, a_file_that_is_not_there_is_named) {
    struct world world;
    world_open(&world);
    cr_assert(!reference_set_read(&world.set, "/nowhere/x.jsonl", &world.problems));
    cr_assert(!reference_set_read(&world.set, "/nowhere/x.CSV", &world.problems));
    cr_assert_str_eq(told(&world), "/nowhere/x.jsonl: No such file or directory\n"
                                   "/nowhere/x.CSV: No such file or directory\n");
    world_close(&world);
}
