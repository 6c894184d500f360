#include "accrued/verdict.h"

#include <criterion/criterion.h>
#include <string.h>

static const enum kafka_error_class classes[] = {
    KAFKA_ERROR_OTHER,
    KAFKA_ERROR_FENCED,
    KAFKA_ERROR_UNAUTHORISED,
    KAFKA_ERROR_TOO_LARGE,
};

static struct kafka_error_facts facts_of(unsigned flags, enum kafka_error_class class) {
    return (struct kafka_error_facts){
        .is_fatal = (flags & 1) != 0,
        .is_retriable = (flags & 2) != 0,
        .requires_abort = (flags & 4) != 0,
        .class = class,
    };
}

/* The whole table, all 32 rows of it, spelled out: flags are fatal = 1, retriable = 2, abort = 4.
 */
Test(verdict, every_row_of_the_table) {
    enum verdict expected[4][8] = {
        [KAFKA_ERROR_OTHER] = {VERDICT_REBUILD, VERDICT_REBUILD, VERDICT_AGAIN, VERDICT_REBUILD,
                               VERDICT_ABORT, VERDICT_REBUILD, VERDICT_ABORT, VERDICT_REBUILD},
    };
    for (unsigned flags = 0; flags < 8; flags++) {
        bool is_fatal = (flags & 1) != 0;
        expected[KAFKA_ERROR_FENCED][flags] = VERDICT_REBUILD;
        expected[KAFKA_ERROR_UNAUTHORISED][flags] = is_fatal ? VERDICT_REBUILD : VERDICT_STOP;
        expected[KAFKA_ERROR_TOO_LARGE][flags] = is_fatal ? VERDICT_REBUILD : VERDICT_STOP;
    }
    for (size_t c = 0; c < sizeof classes / sizeof classes[0]; c++) {
        for (unsigned flags = 0; flags < 8; flags++) {
            enum verdict verdict = verdict_of(facts_of(flags, classes[c]));
            cr_expect_eq(verdict, expected[classes[c]][flags], "class %zu, flags %u: %s", c, flags,
                         verdict_name(verdict));
        }
    }
}

/* What must never happen, whatever is added to the table later. */
Test(verdict, an_error_is_never_taken_for_success_and_a_lost_producer_never_used_again) {
    for (size_t c = 0; c < sizeof classes / sizeof classes[0]; c++) {
        for (unsigned flags = 0; flags < 8; flags++) {
            struct kafka_error_facts facts = facts_of(flags, classes[c]);
            enum verdict verdict = verdict_of(facts);
            cr_expect_neq(verdict, VERDICT_COMMITTED);
            cr_expect_neq(verdict, VERDICT_WAIT, "nothing outside is known to be down");
            bool is_lost = facts.is_fatal || facts.class == KAFKA_ERROR_FENCED;
            cr_expect(!is_lost || verdict == VERDICT_REBUILD);
            cr_expect(verdict != VERDICT_AGAIN || (facts.is_retriable && !facts.requires_abort),
                      "again only where librdkafka says so, and nothing is to be aborted");
        }
    }
}

Test(verdict, names_are_words_and_differ) {
    for (int a = 0; a < VERDICT_COUNT; a++) {
        const char *name = verdict_name((enum verdict)a);
        cr_expect(strlen(name) > 0);
        cr_expect_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name), "%s", name);
        for (int b = 0; b < a; b++) {
            cr_expect_str_neq(name, verdict_name((enum verdict)b));
        }
    }
}
