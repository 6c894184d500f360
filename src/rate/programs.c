#include "accrued/programs.h"

#include "accrued/require.h"

const char *beneficiary_name(enum beneficiary beneficiary) {
    switch (beneficiary) {
    case BENEFICIARY_RESELLER: return "reseller";
    case BENEFICIARY_DPOR: return "dpor";
    case BENEFICIARY_PAL: return "pal";
    case BENEFICIARY_CPOR: return "cpor";
    }
    REQUIRE(false && "a beneficiary without a name");
}

const char *pays_name(enum pays pays) {
    switch (pays) {
    case PAYS_MONEY: return "money";
    case PAYS_RECOGNITION: return "recognition";
    }
    REQUIRE(false && "a kind of pay without a name");
}

enum link_type beneficiary_link_type(enum beneficiary beneficiary) {
    switch (beneficiary) {
    case BENEFICIARY_DPOR: return LINK_DPOR;
    case BENEFICIARY_PAL: return LINK_PAL;
    case BENEFICIARY_CPOR: return LINK_CPOR;
    case BENEFICIARY_RESELLER: break;
    }
    REQUIRE(false && "a reseller has no link");
}

/* Names of up to 16 bytes, as all families are, are compared by two words: each line asks this some
 * ten times. */
bool texts_contain(struct texts texts, struct text wanted) {
    uint64_t last = text_last_word(wanted);
    for (size_t i = 0; i < texts.count; i++) {
        struct text text = texts.items[i];
        if (text.size != wanted.size || text_last_word(text) != last) {
            continue;
        }
        if (text.size >= sizeof last && text.size <= 2 * sizeof last) {
            if (text_word(text.data) == text_word(wanted.data)) {
                return true;
            }
        } else if (text_equal(text, wanted)) {
            return true;
        }
    }
    return false;
}

void programs_init(struct programs *programs) {
    *programs = (struct programs){.items = NULL};
    arena_init(&programs->arena);
}

void programs_release(struct programs *programs) {
    arena_release(&programs->arena);
    programs_init(programs);
}

int programs_find(const struct programs *programs, struct text id) {
    for (size_t i = 0; i < programs->count; i++) {
        if (text_equal(programs->items[i].id, id)) {
            return (int)i;
        }
    }
    return -1;
}

const struct program_version *program_version_on(const struct program *program, int32_t day) {
    for (size_t i = 0; i < program->version_count; i++) {
        if (interval_contains(program->versions[i].valid, day)) {
            return &program->versions[i];
        }
    }
    return NULL;
}
