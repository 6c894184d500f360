/* programs.yaml and catalog.yaml: what is read, and how each mistake is told. */
#include "accrued/programs_yaml.h"
#include "accrued/rating.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file that lives as long as the test. */
struct file {
    char path[64];
};

static struct file file_of(const char *content) {
    struct file file = {"/tmp/programs_yaml_test_XXXXXX"};
    int descriptor = mkstemp(file.path);
    cr_assert(descriptor >= 0);
    cr_assert(write(descriptor, content, strlen(content)) == (ssize_t)strlen(content));
    (void)close(descriptor);
    return file;
}

/* Problems without the file's name: "3: programs[0].id: …\n". */
static char *problems_without_path(const struct problems *problems, const char *path) {
    char *text = calloc(1, problems->lines.size + 1);
    struct text lines = buffer_text(&problems->lines);
    size_t size = 0;
    while (lines.size > 0) {
        size_t line_size =
            (size_t)((const char *)memchr(lines.data, '\n', lines.size) - lines.data) + 1;
        size_t skip = strncmp(lines.data, path, strlen(path)) == 0 ? strlen(path) + 1 : 0;
        memcpy(text + size, lines.data + skip, line_size - skip);
        size += line_size - skip;
        lines = (struct text){lines.data + line_size, lines.size - line_size};
    }
    return text;
}

/* All problems of a programs file; "" if it is good. Caller frees. */
static char *problems_of_programs(const char *content) {
    struct file file = file_of(content);
    struct catalog catalog;
    struct programs programs;
    struct problems problems;
    catalog_init(&catalog);
    programs_init(&programs);
    problems_init(&problems);
    bool is_good = programs_load_all(&programs, &catalog, file.path, &problems);
    cr_expect(is_good == (problems.count == 0));
    char *text = problems_without_path(&problems, file.path);
    problems_release(&problems);
    programs_release(&programs);
    catalog_release(&catalog);
    (void)unlink(file.path);
    return text;
}

static char *problems_of_catalog(const char *content) {
    struct file file = file_of(content);
    struct catalog catalog;
    struct problems problems;
    catalog_init(&catalog);
    problems_init(&problems);
    bool is_good = catalog_load_all(&catalog, file.path, &problems);
    cr_expect(is_good == (problems.count == 0));
    char *text = problems_without_path(&problems, file.path);
    problems_release(&problems);
    catalog_release(&catalog);
    (void)unlink(file.path);
    return text;
}

struct mistake {
    const char *content;
    const char *told; /* all of it */
};

static void expect_told(const char *content, const char *told, char *(*problems_of)(const char *)) {
    char *text = problems_of(content);
    cr_expect_str_eq(text, told, "for:\n%s\ntold:\n%s", content, text);
    free(text);
}

#define PROGRAM "programs:\n- id: p\n  beneficiary: reseller\n  versions:\n"
#define VERSION PROGRAM "  - from: 2020-01-01\n"
#define RATES "    rates: [{families: [azure], rate: 4%}]\n"
#define V0 "programs[0].versions[0]"

static const struct mistake program_mistakes[] = {
    {"", "1: must be a mapping, not nothing\n"},
    {"[]", "1: must be a mapping, not a list\n"},
    {"revision: 1\n", "1: `programs` is missing\n"},
    {"programs:\n", "1: programs: must have a value\n"},
    {"programs: 5\n", "1: programs: must be a list, not a value\n"},
    {"program: []\nprograms: []\n", "1: program: unknown key, did you mean \"programs\"?\n"},
    {"programs: []\nprograms: []\n", "2: programs: stands twice, first on line 1\n"},
    {"revision: -1\nprograms: []\n",
     "1: revision: \"-1\" is not a whole number from 0 to 9223372036854775807\n"},
    {"programs: [a\n",
     "2: not YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins "
     "on line 1)\n"},
    {"programs: []\n---\na: b\n", "3: a second document begins here\n"},
    {"programs: &a [*a]\n", NULL},
    {"programs: \"\xFF\"\n", NULL},
    {"programs: [x]\n", "1: programs[0]: must be a mapping, not a value\n"},
    {"programs:\n- beneficiary: reseller\n  versions: [{from: 2020-01-01, rates: "
     "[{families: [azure], rate: 4%}]}]\n",
     "2: programs[0]: `id` is missing\n"},
    {"programs:\n- id: A_b\n  beneficiary: reseler\n  measure: billed\n  as_of: today\n"
     "  retired: perhaps\n  pays: cash\n  attribution: all\n",
     "2: programs[0].id: \"A_b\" is not lower-case-with-dashes\n"
     "3: programs[0].beneficiary: \"reseler\" is not reseller, dpor, pal or cpor, did you mean "
     "\"reseller\"?\n"
     "8: programs[0].attribution: \"all\" is not exclusive or every\n"
     "4: programs[0].measure: \"billed\" is not billed_amount or consumed_amount, did you mean "
     "\"billed_amount\"?\n"
     "7: programs[0].pays: \"cash\" is not money or recognition\n"
     "5: programs[0].as_of: \"today\" is not charge_start_date or charge_end_date\n"
     "6: programs[0].retired: \"perhaps\" is neither true nor false\n"
     "2: programs[0]: `versions` is missing\n"},
    {VERSION RATES "- id: p\n  beneficiary: dpor\n  yields_to: [dpor, ppal]\n  versions:\n"
                   "  - from: 2020-01-01\n" RATES,
     "7: programs[1].id: \"p\" is the id of programs[0] already\n"
     "9: programs[1].yields_to[0]: the program's own link type: it would never apply\n"
     "9: programs[1].yields_to[1]: \"ppal\" is not dpor, pal or cpor, did you mean \"pal\"?\n"},
    {PROGRAM "    []\n", "4: programs[0].versions: must not be an empty list\n"},
    {PROGRAM "  - to: 2020-01-01\n" RATES, "5: " V0 ": `from` is missing\n"},
    {PROGRAM "  - from: 2020-13-01\n    to: 20-1-1\n" RATES,
     "5: " V0 ".from: \"2020-13-01\" is not a date of the form YYYY-MM-DD\n"
     "6: " V0 ".to: \"20-1-1\" is not a date of the form YYYY-MM-DD\n"},
    {VERSION "    to: 2020-01-01\n" RATES,
     "6: " V0 ".to: must be later than `from`: the interval is from ≤ day < to\n"},
    {VERSION RATES "  - from: 2019-01-01\n    to: 2020-01-02\n" RATES,
     "7: programs[0].versions[1].from: overlaps with versions[0] on line 5\n"},
    {VERSION "    standing: year\n" RATES, "6: " V0 ".standing: \"year\" is not day or month\n"},
    {VERSION, "5: " V0 ": `rates` is missing\n"},
    {VERSION "    rates: []\n", "6: " V0 ".rates: must not be an empty list\n"},
    {VERSION "    rates:\n    - {rate: 4%}\n", "7: " V0 ".rates[0]: `families` is missing\n"},
    {VERSION "    rates:\n    - {families: [], rate: 4%}\n",
     "7: " V0 ".rates[0].families: must not be an empty list\n"},
    {VERSION "    rates:\n    - families: [azure, azur, azure]\n",
     "7: " V0 ".rates[0].families[1]: \"azur\" is not office_365, microsoft_365, azure, "
     "dynamics_365, azure_reservation, software, strategic_software or other, did you mean "
     "\"azure\"?\n"
     "7: " V0 ".rates[0].families[2]: \"azure\" stands twice\n"
     "7: " V0 ".rates[0]: `rate` is missing\n"},
    {VERSION "    rates:\n    - families: [azure]\n      rate: 4 percent\n",
     "8: " V0 ".rates[0].rate: \"4 percent\" is not a rate such as 4% or 0.04\n"},
    {VERSION "    rates: [{families: [azure], rate: -4%}]\n",
     "6: " V0 ".rates[0].rate: \"-4%\" is not a rate such as 4% or 0.04\n"},
    {VERSION "    rates: [{families: [azure], rate: 0.123456789}]\n",
     "6: " V0 ".rates[0].rate: \"0.123456789\" has more than 8 decimals (6 as a percentage)\n"},
    {VERSION "    rates: [{families: [azure], rate: 1.2345678%}]\n",
     "6: " V0 ".rates[0].rate: \"1.2345678%\" has more than 8 decimals (6 as a percentage)\n"},
    {VERSION "    rates: [{families: [azure], rate: 100.5}]\n",
     "6: " V0 ".rates[0].rate: \"100.5\" is above 100 (10000%)\n"},
    {VERSION "    rates: [{families: [azure], rate: 1.01}]\n",
     "6: " V0 ".rates[0].rate: with all accelerators that can apply the effective rate is 1.01, "
     "above 1, which only `pays: recognition` may be\n"},
    {VERSION "    rates: [{families: [azure], rate: 60%, measure: quantity}]\n",
     "6: " V0 ".rates[0].measure: \"quantity\" is not billed_amount or consumed_amount\n"},
    {VERSION RATES "    requires: {mpn: true}\n", "7: " V0 ".requires.mpn: unknown key\n"},
    {VERSION RATES "    requires: {mpn_activ: true, bank_profile: 1}\n",
     "7: " V0 ".requires.mpn_activ: unknown key, did you mean \"mpn_active\"?\n"
     "7: " V0 ".requires.bank_profile: \"1\" is neither true nor false\n"},
    {VERSION RATES "    requires: {any_competency: {level: bronze}}\n",
     "7: " V0 ".requires.any_competency.level: \"bronze\" is not silver or gold\n"
     "7: " V0 ".requires.any_competency: `of` is missing\n"},
    {VERSION RATES "    requires: {any_competency: {level: gold, of: []}}\n",
     "7: " V0 ".requires.any_competency.of: must not be an empty list\n"},
    {VERSION RATES
     "    accelerators:\n    - {id: a, rate: 1%, months: 0}\n    - {id: a, rate: 1%}\n"
     "    - {id: A, rate: 1%, tags: []}\n",
     "8: " V0 ".accelerators[0].months: \"0\" is not a whole number from 1 to 1200\n"
     "9: " V0 ".accelerators[1].id: \"a\" stands twice\n"
     "10: " V0 ".accelerators[2].id: \"A\" is not lower-case-with-dashes\n"
     "10: " V0 ".accelerators[2].tags: must not be an empty list\n"},
};

Test(programs_yaml, every_mistake_is_told_with_line_and_key) {
    for (size_t i = 0; i < sizeof program_mistakes / sizeof program_mistakes[0]; i++) {
        if (program_mistakes[i].told != NULL) {
            expect_told(program_mistakes[i].content, program_mistakes[i].told,
                        problems_of_programs);
            continue;
        }
        char *text = problems_of_programs(program_mistakes[i].content);
        cr_expect(strlen(text) > 0, "for:\n%s", program_mistakes[i].content);
        free(text);
    }
}

Test(programs_yaml, an_effective_rate_counts_only_accelerators_that_can_meet) {
    static const char *const good[] = {
        /* never on one line: other families, other workloads */
        VERSION
        "    rates: [{families: [azure], rate: 60%}]\n"
        "    accelerators: [{id: a, rate: 50%, families: [software]}, {id: b, rate: 40%}]\n",
        VERSION "    rates: [{families: [azure], workloads: [x], rate: 60%}]\n"
                "    accelerators: [{id: a, rate: 50%, workloads: [y]}]\n",
        VERSION
        "    rates: [{families: [azure], rate: 50%}]\n    accelerators:\n"
        "    - {id: a, rate: 50%, workloads: [x]}\n    - {id: b, rate: 50%, workloads: [y]}\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        expect_told(good[i], "", problems_of_programs);
    }
    expect_told(VERSION "    rates: [{families: [azure, software], rate: 60%}]\n    accelerators:\n"
                        "    - {id: a, rate: 30%, families: [software]}\n"
                        "    - {id: b, rate: 10.000001%, tags: [t], workloads: [x]}\n",
                "6: " V0 ".rates[0].rate: with all accelerators that can apply the effective rate "
                "is 1.00000001, above 1, which only `pays: recognition` may be\n",
                problems_of_programs);
    expect_told("programs:\n- id: p\n  pays: recognition\n  beneficiary: pal\n  versions:\n"
                "  - from: 2020-01-01\n    rates: [{families: [azure], rate: 99}]\n"
                "    accelerators: [{id: a, rate: 101%}]\n",
                "7: " V0 ".rates[0].rate: with all accelerators that can apply the effective rate "
                "is 100.01, above 100\n",
                problems_of_programs);
}

Test(programs_yaml, reads_what_the_file_says) {
    struct file file = file_of(
        "revision: 7\nprograms:\n- id: one\n  beneficiary: cpor\n  attribution: every\n"
        "  measure: consumed_amount\n  pays: recognition\n  as_of: charge_end_date\n"
        "  retired: true\n  charge_types_excluded: [trial]\n  yields_to: [DPOR, pal]\n  versions:\n"
        "  - from: 2021-01-01\n    to: ~\n    standing: month\n"
        "    requires: {bank_profile: false, any_competency: {level: gold, of: [x, y]}}\n"
        "    rates:\n    - {families: [azure], workloads: [w], rate: 4.000001%}\n"
        "    - {families: [software], rate: 0.5, measure: billed_amount}\n"
        "    accelerators: [{id: fast, months: 3, rate: 1%, tags: [b, a], families: [azure]}]\n"
        "  - {from: 2020-01-01, to: 2021-01-01, rates: [{families: [azure], rate: 1}]}\n");
    struct catalog catalog;
    struct programs programs;
    struct fault fault = {""};
    catalog_init(&catalog);
    programs_init(&programs);
    cr_assert(catalog_tag(&catalog, TEXT("a")) == 0);
    cr_assert(programs_load(&programs, &catalog, file.path, &fault), "%s", fault.text);
    (void)unlink(file.path);

    const struct program *program = &programs.items[0];
    cr_expect(programs.revision == 7 && programs.count == 1 && program->retired);
    cr_expect(text_equal(program->name, TEXT("one")), "the id stands in for a name");
    cr_expect(program->beneficiary == BENEFICIARY_CPOR && program->pays == PAYS_RECOGNITION);
    cr_expect(program->attribution == ATTRIBUTION_EVERY && program->as_of == AS_OF_CHARGE_END_DATE);
    cr_expect(program->yields_to == (1U << LINK_DPOR | 1U << LINK_PAL));
    cr_expect(texts_contain(program->charge_types_excluded, TEXT("trial")));

    const struct program_version *version = &program->versions[1];
    cr_assert(program->version_count == 2);
    cr_expect(program->versions[0].valid.from < version->valid.from, "ascending");
    cr_expect(version->valid.to == DAY_MAX && version->standing == STANDING_MONTH);
    cr_expect(version->requirements.any_competency && !version->requirements.bank_profile);
    cr_expect(version->requirements.level == LEVEL_GOLD);
    cr_expect(version->rates[0].rate.units == 4000001);
    cr_expect(version->rates[0].measure == MEASURE_CONSUMED_AMOUNT, "the program's");
    cr_expect(version->rates[1].measure == MEASURE_BILLED_AMOUNT, "its own");
    cr_expect(version->accelerators[0].months == 3 && version->accelerators[0].has_tags);
    cr_expect(version->accelerators[0].tags == 3, "a is the catalog's, b is new");
    programs_release(&programs);
    catalog_release(&catalog);
}

static const struct mistake catalog_mistakes[] = {
    {"rules:\n", "1: rules: must have a value\n"},
    {"rules:\n- match: x\n", "2: rules[0].match: must be a mapping, not a value\n"},
    {"rules:\n- match: {sku: x}\n", "2: rules[0].match.sku: unknown key\n"},
    {"rules:\n- match: {sku_if: x}\n",
     "2: rules[0].match.sku_if: unknown key, did you mean \"sku_id\"?\n"},
    {"rules:\n- match:\n    sku_id: {suffix: x}\n",
     "3: rules[0].match.sku_id.suffix: unknown key, did you mean \"prefix\"?\n"},
    {"rules:\n- match:\n    sku_id: {}\n",
     "3: rules[0].match.sku_id: needs a text, or equals, prefix or contains\n"},
    {"rules:\n- match:\n    sku_id: [x]\n",
     "3: rules[0].match.sku_id: must be a mapping, not a list\n"},
    {"rules:\n- match:\n    sku_id: {prefix: \"\"}\n",
     "3: rules[0].match.sku_id.prefix: must not be empty\n"},
    {"rules:\n- match: {}\n  family: office365\n  from: 2020-01-01\n  to: 2019-01-01\n",
     "3: rules[0].family: \"office365\" is not office_365, microsoft_365, azure, dynamics_365, "
     "azure_reservation, software, strategic_software or other, did you mean \"office_365\"?\n"
     "5: rules[0].to: must be later than `from`: the interval is from ≤ day < to\n"},
    {"rules:\n- {match: {}, tags: strategic}\n", "2: rules[0].tags: must be a list, not a value\n"},
};

Test(catalog_yaml, every_mistake_is_told_with_line_and_key) {
    for (size_t i = 0; i < sizeof catalog_mistakes / sizeof catalog_mistakes[0]; i++) {
        expect_told(catalog_mistakes[i].content, catalog_mistakes[i].told, problems_of_catalog);
    }
}

Test(catalog_yaml, tags_have_a_limit) {
    struct buffer content;
    buffer_init(&content);
    buffer_append_string(&content, "rules:\n- match: {}\n  tags: [");
    for (int i = 0; i <= TAG_COUNT_MAX; i++) {
        buffer_append_format(&content, "%st%d", i == 0 ? "" : ", ", i);
    }
    buffer_append_string(&content, "]\n");
    buffer_append_byte(&content, '\0');
    expect_told((const char *)content.data, "3: rules[0].tags: more than 64 different tags\n",
                problems_of_catalog);
    buffer_release(&content);
}

Test(catalog_yaml, reads_what_the_file_says) {
    struct file file =
        file_of("revision: 3\nrules:\n"
                "- match: {sku_id: {prefix: A, contains: b}, product_name: \"null\"}\n"
                "  family: azure\n  workload: teams\n  tags: [x, y]\n"
                "  from: 2020-01-01\n- match:\n");
    struct catalog catalog;
    struct fault fault = {""};
    catalog_init(&catalog);
    cr_assert(catalog_load(&catalog, file.path, &fault), "%s", fault.text);
    (void)unlink(file.path);
    cr_expect(catalog.revision == 3 && catalog.rule_count == 2);
    const struct catalog_rule *rule = &catalog.rules[0];
    cr_assert(rule->match_count == 3);
    cr_expect(rule->matches[0].operator== MATCH_PREFIX && rule->matches[1].operator==
              MATCH_CONTAINS);
    cr_expect(rule->matches[2].field == CATALOG_PRODUCT_NAME);
    cr_expect(text_equal(rule->matches[2].value, TEXT("null")), "quoted, so a text");
    cr_expect(rule->tags == 3 && rule->valid.to == DAY_MAX);
    cr_expect(catalog.rules[1].match_count == 0 && text_is_null(catalog.rules[1].family));
    catalog_release(&catalog);
}

Test(programs_yaml, a_fault_says_how_many_more_there_are) {
    struct catalog catalog;
    struct programs programs;
    struct fault fault = {""};
    struct file file = file_of("a: 1\nb: 2\nprograms: []\n");
    catalog_init(&catalog);
    programs_init(&programs);
    cr_expect(!programs_load(&programs, &catalog, file.path, &fault));
    cr_expect(strstr(fault.text, ":1: a: unknown key (and 1 more: ") != NULL, "%s", fault.text);
    (void)unlink(file.path);
    programs_release(&programs);
    cr_expect(!programs_load(&programs, &catalog, "/nowhere/p.yaml", &fault));
    cr_expect_str_eq(fault.text, "/nowhere/p.yaml: cannot be opened: No such file or directory");
    programs_release(&programs);
    catalog_release(&catalog);
}

/* Loads a directory's pair of files; both must be good. */
static void expect_good_pair(const char *directory, struct catalog *catalog,
                             struct programs *programs) {
    struct fault fault = {""};
    char path[512];
    catalog_init(catalog);
    programs_init(programs);
    (void)snprintf(path, sizeof path, "%s/catalog.yaml", directory);
    cr_expect(catalog_load(catalog, path, &fault), "%s", fault.text);
    (void)snprintf(path, sizeof path, "%s/programs.yaml", directory);
    cr_expect(programs_load(programs, catalog, path, &fault), "%s", fault.text);
}

Test(programs_yaml, conformance_cases_load) {
    glob_t found;
    struct catalog catalog;
    struct programs programs;
    if (glob(ACCRUED_SOURCE_DIR "/../shared/conformance/case-*", 0, NULL, &found) != 0) {
        cr_skip_test("no conformance cases beside the source");
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        expect_good_pair(found.gl_pathv[i], &catalog, &programs);
        cr_expect(programs.count == 4 && catalog.rule_count == 5);
        programs_release(&programs);
        catalog_release(&catalog);
    }
    globfree(&found);
}

static int64_t base_rate(const struct programs *programs, const char *day_text,
                         const char *family) {
    int32_t day = 0;
    cr_assert(calendar_parse_day(text_of(day_text), &day));
    int index = programs_find(programs, TEXT("csp-indirect-reseller"));
    cr_assert(index >= 0);
    const struct program_version *version = program_version_on(&programs->items[index], day);
    cr_assert(version != NULL, "%s", day_text);
    for (size_t i = 0; i < version->rate_count; i++) {
        if (texts_contain(version->rates[i].families, text_of(family))) {
            return version->rates[i].rate.units;
        }
    }
    return -1;
}

Test(programs_yaml, shipped_rates_are_those_of_the_sources) {
    static const struct {
        const char *day;
        const char *family;
        int64_t units;
    } rates[] = {
        {"2018-07-01", "office_365", 8000000},
        {"2019-01-01", "office_365", 6000000},
        {"2019-09-30", "dynamics_365", 8000000},
        {"2019-10-01", "office_365", 4000000},
        {"2019-10-01", "microsoft_365", 4000000},
        {"2020-09-30", "azure", 4000000},
        {"2020-09-30", "dynamics_365", 6000000},
        {"2020-03-01", "azure_reservation", 10000000},
        {"2020-03-01", "software", 1250000},
        {"2020-03-01", "strategic_software", 6000000},
        {"2020-10-01", "dynamics_365", 4750000},
        {"2022-09-30", "office_365", 4000000},
        {"2025-10-01", "microsoft_365", 3750000},
        {"2025-10-01", "azure", -1},
        {"2020-03-01", "other", -1},
    };
    struct catalog catalog;
    struct programs programs;
    expect_good_pair(ACCRUED_SOURCE_DIR "/config", &catalog, &programs);
    cr_assert(programs.count == 4);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        cr_expect(base_rate(&programs, rates[i].day, rates[i].family) == rates[i].units, "%s %s",
                  rates[i].day, rates[i].family);
    }
    programs_release(&programs);
    catalog_release(&catalog);
}

Test(catalog_yaml, shipped_rules_know_common_products) {
    static const struct {
        const char *product;
        const char *meter;
        const char *family;
        const char *workload;
        const char *day;
        const char *tag;
    } products[] = {
        {"Office 365 E3", NULL, "office_365", NULL, "2020-01-01", NULL},
        {"Office 365 E1 (no Teams)", NULL, "office_365", NULL, "2024-01-01", NULL},
        {"Office 365 Business Premium", NULL, "office_365", NULL, "2020-01-01", "strategic"},
        {"EXCHANGE ONLINE (PLAN 2)", NULL, "office_365", "exchange", "2019-02-01", NULL},
        {"SHAREPOINT ONLINE (PLAN 2)", NULL, "office_365", "sharepoint", "2019-02-01", NULL},
        {"Microsoft 365 E5", NULL, "microsoft_365", NULL, "2020-01-01", "strategic"},
        {"Microsoft 365 E5", NULL, "microsoft_365", NULL, "2025-10-01", "strategic-tier-2"},
        {"Microsoft 365 Business Premium", NULL, "microsoft_365", NULL, "2026-01-01",
         "strategic-tier-1"},
        {"Dynamics 365 Business Central Essentials", NULL, "dynamics_365", NULL, "2020-01-01",
         "strategic"},
        {"Reserved VM Instance, Standard_D1, AP East, 3 years", NULL, "azure_reservation", NULL,
         "2020-01-01", NULL},
        {"Windows Server 2019 Standard", NULL, "strategic_software", NULL, "2020-01-01", NULL},
        {"Windows Server CAL 2019", NULL, "software", NULL, "2020-01-01", NULL},
        {"Azure plan", "Virtual Machines", "azure", NULL, "2020-06-01", NULL},
        {"Virtual Machine Licenses Windows Server", "Virtual Machine Licenses", "azure", NULL,
         "2020-06-01", NULL},
        {NULL, "STORAGE", "azure", NULL, "2020-01-01", NULL},
        {"Test WAF-as-a-Service", NULL, "other", NULL, "2020-01-01", NULL},
    };
    struct catalog catalog;
    struct programs programs;
    expect_good_pair(ACCRUED_SOURCE_DIR "/config", &catalog, &programs);
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        struct billing_line line = {.product_name = text_of(products[i].product),
                                    .meter_category = text_of(products[i].meter)};
        cr_assert(calendar_parse_day(text_of(products[i].day), &line.charge_start_date));
        struct classification found = catalog_classify(&catalog, &line);
        const char *tag = products[i].tag;
        uint64_t tags = tag != NULL ? UINT64_C(1) << catalog_tag(&catalog, text_of(tag)) : 0;
        const char *name = products[i].product != NULL ? products[i].product : products[i].meter;
        cr_expect(text_equal(found.family, text_of(products[i].family)), "%s: %.*s", name,
                  TEXT_ARGS(found.family));
        cr_expect(text_equal(found.workload, text_of(products[i].workload)), "%s: %.*s", name,
                  TEXT_ARGS(found.workload));
        cr_expect(found.tags == tags, "%s", name);
    }
    programs_release(&programs);
    catalog_release(&catalog);
}
