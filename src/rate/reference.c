#include "accrued/reference.h"

#include "accrued/hash.h"
#include "accrued/require.h"

static const struct text link_type_names[LINK_TYPE_COUNT] = {
    [LINK_DPOR] = {"DPOR", 4},
    [LINK_PAL] = {"PAL", 3},
    [LINK_CPOR] = {"CPOR", 4},
};

const char *link_type_name(enum link_type type) {
    REQUIRE((unsigned)type < LINK_TYPE_COUNT);
    return link_type_names[type].data;
}

bool link_type_parse(struct text text, enum link_type *ret_type) {
    for (unsigned i = 0; i < LINK_TYPE_COUNT; i++) {
        if (text_equal_ignoring_case(text, link_type_names[i])) {
            *ret_type = (enum link_type)i;
            return true;
        }
    }
    return false;
}

static const struct {
    const char *name;
    const char *id_name;
} kinds[REFERENCE_KIND_COUNT] = {
    [REFERENCE_PARTNER] = {"partner", "mpn_id"},
    [REFERENCE_CUSTOMER] = {"customer", "customer_id"},
    [REFERENCE_FX] = {"fx", "period"},
};

const char *reference_kind_name(enum reference_kind kind) {
    REQUIRE((unsigned)kind < REFERENCE_KIND_COUNT);
    return kinds[kind].name;
}

const char *reference_kind_id_name(enum reference_kind kind) {
    REQUIRE((unsigned)kind < REFERENCE_KIND_COUNT);
    return kinds[kind].id_name;
}

struct text reference_id(const struct reference *reference) {
    switch (reference->kind) {
    case REFERENCE_PARTNER: return reference->partner.mpn_id;
    case REFERENCE_CUSTOMER: return reference->customer.customer_id;
    case REFERENCE_FX: return reference->fx.period;
    }
    REQUIRE(false && "a kind of reference without an id");
}

const char *exchange_rate_parse(struct text text, int128 *ret_units) {
    switch (decimal_parse_exact(text, EXCHANGE_RATE_SCALE, ret_units)) {
    case DECIMAL_OK: return *ret_units > 0 ? NULL : "is not above 0";
    case DECIMAL_MALFORMED: return "is not a decimal number";
    case DECIMAL_INEXACT: return "has more than 10 decimals";
    case DECIMAL_OVERFLOW: return "has more than 18 digits before the point";
    }
    REQUIRE(false && "a result of parsing without a meaning");
}

const struct exchange_rate *exchange_rates_find(const struct exchange_rates *rates,
                                                struct currency currency) {
    size_t low = 0;
    size_t high = rates->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = currency_compare(rates->items[middle].currency, currency);
        if (order == 0) {
            return &rates->items[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

uint64_t reference_pair_hash(uint64_t customer_hash, uint64_t partner_hash) {
    const uint64_t hashes[2] = {customer_hash, partner_hash};
    return hash64(hashes, sizeof hashes, 0);
}
