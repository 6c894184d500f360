/* Exchange rates of a month: settlement-model.md §6. */
#include "reference_maker.h"

#include <stdlib.h>

#define RATE_COUNT_MAX 1000 /* ISO 4217 has under two hundred codes */

/* Above 0, with at most ten decimals. */
static bool read_rate(struct maker *maker, const struct json *value, int128 *ret_units) {
    const struct place top = {NULL, 0};
    if (value->type != JSON_STRING && value->type != JSON_NUMBER) {
        return maker_refuse(maker, top, "rates", "%.*s: a rate is needed, found %s",
                            TEXT_ARGS(value->name), json_type_name(value->type));
    }
    const char *wrong = exchange_rate_parse(value->text, ret_units);
    return wrong == NULL ||
           maker_refuse(maker, top, "rates", "%.*s: \"%.*s\" %s", TEXT_ARGS(value->name),
                        TEXT_ARGS(maker_quoted(value->text)), wrong);
}

static int compare_rates(const void *a, const void *b) {
    return currency_compare(((const struct exchange_rate *)a)->currency,
                            ((const struct exchange_rate *)b)->currency);
}

/* Each currency once, in any order, and the base, which has the rate 1 whether it is named or not.
 */
static bool read_rates(struct maker *maker, const struct json *object, struct currency base,
                       struct exchange_rate *items, size_t *ret_count) {
    const struct place top = {NULL, 0};
    const int128 one = decimal_power_of_ten(EXCHANGE_RATE_SCALE);
    size_t count = 0;
    bool has_base = false;
    for (const struct json *value = object->first; value != NULL; value = value->next) {
        struct exchange_rate *item = &items[count];
        if (json_member_named(object, value->name) != value) {
            continue; /* of equal keys the last wins */
        }
        if (!currency_parse(value->name, &item->currency)) {
            return maker_refuse(maker, top, "rates",
                                "\"%.*s\" is not a currency (three upper-case letters)",
                                TEXT_ARGS(maker_quoted(value->name)));
        }
        if (!read_rate(maker, value, &item->units)) {
            return false;
        }
        if (currency_equal(item->currency, base)) {
            has_base = true;
            if (item->units != one) {
                return maker_refuse(maker, top, "rates", "%.*s is the base, its rate is 1",
                                    TEXT_ARGS(value->name));
            }
        }
        count++;
    }
    if (!has_base) {
        items[count++] = (struct exchange_rate){one, base};
    }
    qsort(items, count, sizeof *items, compare_rates);
    *ret_count = count;
    return true;
}

bool fx_read(struct maker *maker, const struct json *object) {
    struct exchange_rates *fx = &maker->made->fx;
    const struct place top = {NULL, 0};
    const struct json *rates = json_member(object, "rates");
    int32_t month = 0;
    if (json_is_absent(rates) || rates->type != JSON_OBJECT) {
        return maker_refuse(maker, top, "rates", "an object is needed, found %s",
                            json_is_absent(rates) ? "nothing" : json_type_name(rates->type));
    }
    if (rates->count > RATE_COUNT_MAX) {
        return maker_refuse(maker, top, "rates", "%zu rates, at most %d are read", rates->count,
                            RATE_COUNT_MAX);
    }
    struct exchange_rate *items = maker_take(maker, (rates->count + 1) * sizeof *items);
    if (!maker_read_id(maker, top, object, "period", false, &fx->period)) {
        return false;
    }
    if (!calendar_parse_month(fx->period, &month)) {
        return maker_refuse(maker, top, "period", "\"%.*s\" is not a month (YYYY-MM)",
                            TEXT_ARGS(maker_quoted(fx->period)));
    }
    fx->items = items;
    return maker_read_currency(maker, "base", json_member(object, "base"), &fx->base) &&
           read_rates(maker, rates, fx->base, items, &fx->count);
}

size_t fx_size(const struct json *object) {
    const struct json *rates = json_member(object, "rates");
    bool is_read = rates != NULL && rates->type == JSON_OBJECT && rates->count <= RATE_COUNT_MAX;
    return maker_text_room(object, "period") +
           (is_read ? (rates->count + 1) * sizeof(struct exchange_rate) : 0);
}
