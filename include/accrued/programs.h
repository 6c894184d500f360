/* programs.h: incentive programs as configuration has them. Room: rate. Pure.
 *
 * Keys and rules: accrual-model.md §6. Built and checked once by
 * programs_yaml.c, immutable afterwards, shared by all lanes. */
#ifndef ACCRUED_PROGRAMS_H
#define ACCRUED_PROGRAMS_H

#include "accrued/arena.h"
#include "accrued/calendar.h"
#include "accrued/money.h"
#include "accrued/reference.h"

#define PROGRAM_COUNT_MAX 64
#define ACCELERATOR_COUNT_MAX 32
#define RATE_MAX_UNITS (100 * RATE_UNITS_ONE)

enum beneficiary { BENEFICIARY_RESELLER, BENEFICIARY_DPOR, BENEFICIARY_PAL, BENEFICIARY_CPOR };
enum attribution { ATTRIBUTION_EXCLUSIVE, ATTRIBUTION_EVERY };
enum measure_kind { MEASURE_BILLED_AMOUNT, MEASURE_CONSUMED_AMOUNT };
enum pays { PAYS_MONEY, PAYS_RECOGNITION };
enum as_of { AS_OF_CHARGE_START_DATE, AS_OF_CHARGE_END_DATE };
enum standing { STANDING_DAY, STANDING_MONTH };

const char *beneficiary_name(enum beneficiary beneficiary);
const char *pays_name(enum pays pays);
/* The link type behind a link beneficiary; not for BENEFICIARY_RESELLER. */
enum link_type beneficiary_link_type(enum beneficiary beneficiary);

struct texts {
    const struct text *items;
    size_t count;
};
bool texts_contain(struct texts texts, struct text wanted);

/* Beside these the partner must always be known, also where `requires` is empty. */
struct requirements {
    bool mpn_active;
    bool indirect_reseller;
    bool bank_profile;
    bool tax_profile;
    bool any_competency;
    enum competency_level level;
    struct texts competencies;
};

struct rate_rule {
    struct texts families;
    struct texts workloads; /* count 0: any */
    struct rate rate;
    enum measure_kind measure;
};

struct accelerator {
    struct text id;
    struct rate rate;
    int32_t months; /* 0: not a customer-add condition */
    struct texts families;
    struct texts workloads;
    uint64_t tags; /* any of these; 0: no condition */
    bool has_tags; /* a condition on tags (may be one that no rule ever sets) */
};

struct program_version {
    struct interval valid; /* `from` is the version's name */
    enum standing standing;
    struct requirements requirements;
    const struct rate_rule *rates;
    size_t rate_count;
    const struct accelerator *accelerators;
    size_t accelerator_count;
};

struct program {
    struct text id;
    struct text name;
    enum beneficiary beneficiary;
    enum attribution attribution;
    enum measure_kind measure;
    enum pays pays;
    enum as_of as_of;
    bool retired;
    struct texts charge_types_excluded;
    uint8_t yields_to;                      /* bit per link_type */
    const struct program_version *versions; /* ascending by `from` */
    size_t version_count;
};

struct programs {
    struct arena arena; /* owns everything below */
    struct program *items;
    size_t count;
    int64_t revision;
    uint64_t hash; /* of what the file says */
};

void programs_init(struct programs *programs);
void programs_release(struct programs *programs);

/* Index of a program by id, or -1. */
int programs_find(const struct programs *programs, struct text id);

/* The version in force on the day, or NULL. */
const struct program_version *program_version_on(const struct program *program, int32_t day);

#endif
