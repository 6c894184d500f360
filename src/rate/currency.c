#include "accrued/currency.h"

#define DECIMALS_USUAL 2

struct minor_unit {
    unsigned decimals;
    const char *codes; /* of three letters, a space between */
};

static const struct minor_unit minor_units[] = {
    {0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
    {3, "BHD IQD JOD KWD LYD OMR TND"},
    {4, "CLF UYW"},
};

bool currency_parse(struct text text, struct currency *ret_currency) {
    if (text.size != sizeof ret_currency->code) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 'A' || text.data[i] > 'Z') {
            return false;
        }
    }
    memcpy(ret_currency->code, text.data, sizeof ret_currency->code);
    return true;
}

unsigned currency_decimals(struct currency currency) {
    for (size_t i = 0; i < sizeof minor_units / sizeof minor_units[0]; i++) {
        size_t size = strlen(minor_units[i].codes);
        for (size_t at = 0; at < size; at += sizeof currency.code + 1) {
            if (memcmp(minor_units[i].codes + at, currency.code, sizeof currency.code) == 0) {
                return minor_units[i].decimals;
            }
        }
    }
    return DECIMALS_USUAL;
}
