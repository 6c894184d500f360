/* reference.h: partners, customers and exchange rates as reference data has them. Room: rate. Pure.
 *
 * The values of accrual-model.md §4 and settlement-model.md §6 in memory: immutable once built,
 * every pointer inside the value's own allocation (reference_json.h builds them, cache.h owns
 * them). Ids of customers and subscriptions are folded. */
#ifndef ACCRUED_REFERENCE_H
#define ACCRUED_REFERENCE_H

#include "accrued/calendar.h"
#include "accrued/currency.h"
#include "accrued/money.h"
#include "accrued/text.h"

enum link_type { LINK_DPOR, LINK_PAL, LINK_CPOR };
#define LINK_TYPE_COUNT 3
/* "DPOR", "PAL", "CPOR" */
const char *link_type_name(enum link_type type);
/* In any case. */
bool link_type_parse(struct text text, enum link_type *ret_type);

enum competency_level { LEVEL_SILVER = 1, LEVEL_GOLD = 2 };

struct competency {
    struct text name;
    enum competency_level level;
    struct interval valid;
};

struct intervals {
    const struct interval *items;
    size_t count;
};

struct partner {
    struct text mpn_id;
    struct intervals mpn_active;
    struct intervals indirect_reseller;
    struct intervals bank_profile;
    struct intervals tax_profile;
    const struct competency *competencies;
    size_t competency_count;
    struct currency payout_currency; /* only with has_payout_currency */
    bool has_payout_currency;
};

struct link {
    struct text link_id;
    struct text partner_mpn_id;
    struct text subscription_id; /* null: any */
    struct text workload;        /* null: any */
    struct interval valid;
    enum link_type type;
};

struct customer {
    struct text customer_id;
    const struct link *links;
    size_t link_count;
    struct text group_id; /* folded; null: the customer is a group of its own */
    int32_t added_on;
    bool has_added_on;
};

#define EXCHANGE_RATE_SCALE 10
struct exchange_rate {
    int128 units; /* 10^-10 of the base; above 0, below 10^28 */
    struct currency currency;
};

/* What one of each currency is in the base, in one month. */
struct exchange_rates {
    struct text period; /* YYYY-MM, as in the key */
    struct currency base;
    const struct exchange_rate *items; /* by currency, each once, the base with 1 among them */
    size_t count;
};

/* The text of a rate: a decimal above 0 with at most 10 decimals. Returns NULL, or else what is
 * wrong with it, to be said behind it: "is not above 0". */
const char *exchange_rate_parse(struct text text, int128 *ret_units);

/* NULL: there is no rate of that currency. */
const struct exchange_rate *exchange_rates_find(const struct exchange_rates *rates,
                                                struct currency currency);

/* REFERENCE_FX: exchange rates. Its id is the month. */
enum reference_kind { REFERENCE_PARTNER, REFERENCE_CUSTOMER, REFERENCE_FX };
#define REFERENCE_KIND_COUNT 3
/* "partner", "customer", "fx": as in keys and in the JSON lines of files. */
const char *reference_kind_name(enum reference_kind kind);
/* The member that is the id: "mpn_id", "customer_id", "period". */
const char *reference_kind_id_name(enum reference_kind kind);

enum reference_state {
    REFERENCE_MISSING, /* a fact: partner unknown, customer without links, month without rates */
    REFERENCE_PRESENT,
    REFERENCE_UNREADABLE, /* never taken for missing: lines go to the dead letters */
};

struct reference {
    enum reference_kind kind;
    enum reference_state state;
    uint64_t hash; /* of the value's bytes in the store; 0 when missing */
    union {
        struct partner partner;
        struct customer customer;
        struct exchange_rates fx;
    };
    char unreadable_reason[160]; /* when REFERENCE_UNREADABLE */
};

/* The id of a reference of any state that carries one. */
struct text reference_id(const struct reference *reference);

/* reference_hash of an accrual: of the hashes of the customer's value and of the partner's, which
 * is 0 where nobody earns. */
uint64_t reference_pair_hash(uint64_t customer_hash, uint64_t partner_hash);

/* Where rating finds partners while it works on one line. Everything that a line can need has
 * been looked up before (enrich.h); a lookup therefore does no I/O and always answers. The
 * result stays valid until the batch ends. */
struct partner_lookup {
    const struct reference *(*find)(void *context, struct text mpn_id);
    void *context;
};

#endif
