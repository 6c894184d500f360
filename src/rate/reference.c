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

uint64_t reference_pair_hash(uint64_t customer_hash, uint64_t partner_hash) {
    const uint64_t hashes[2] = {customer_hash, partner_hash};
    return hash64(hashes, sizeof hashes, 0);
}
