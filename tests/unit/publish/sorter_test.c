#include "publish/sorter.h"

#include "dice.h"

#include <criterion/criterion.h>

#define PLACE_COUNT 13
#define RECORD_MAX 5000

/* Each place has its records, all of them, in the order in which they came; round after round. */
Test(sorter, keeps_the_order_within_a_place) {
    struct dice dice = {7};
    struct sorter sorter;
    sorter_init(&sorter, PLACE_COUNT);
    static char bytes[RECORD_MAX];
    for (int round = 0; round < 50; round++) {
        size_t count = round == 0 ? 0 : dice_below(&dice, RECORD_MAX);
        size_t counts[PLACE_COUNT] = {0};
        for (size_t i = 0; i < count; i++) {
            uint32_t place = (uint32_t)dice_below(&dice, round % 5 == 4 ? 1 : PLACE_COUNT);
            counts[place]++;
            sorter_add(&sorter,
                       (struct sorter_record){.place = place, .value = &bytes[i], .value_size = i});
        }
        sorter_sort(&sorter);
        size_t at = 0;
        for (uint32_t place = 0; place < PLACE_COUNT; place++) {
            cr_assert_eq(sorter.ends[place], at + counts[place]);
            for (size_t last = SIZE_MAX; at < sorter.ends[place]; at++) {
                const struct sorter_record *record = &sorter.records[sorter.order[at]];
                cr_assert_eq(record->place, place);
                cr_assert_eq(record->value, (const void *)&bytes[record->value_size]);
                cr_assert(last == SIZE_MAX || record->value_size > last);
                last = record->value_size;
            }
        }
        cr_assert_eq(at, count);
        sorter_clear(&sorter);
    }
    sorter_release(&sorter);
}
