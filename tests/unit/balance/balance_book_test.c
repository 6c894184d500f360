/* Sums, lines and aborts against a model that remembers every line. */
#include "accrued/balance_book.h"

#include "accrued/buffer.h"
#include "accrued/encode.h"
#include "dice.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define PARTNERS 5
#define PERIODS 3
#define LINES 8
#define ROUNDS 20000

static const char *const partners[PARTNERS] = {"4200001", "a|b", "a%7Cb", "a/b", "a"};
static const char *const periods[PERIODS] = {"2020-01", "2020-02", "2020-03"};

/* What each line has under each key, committed and now. */
struct model {
    int64_t units[PARTNERS][PERIODS][LINES];
};

static struct balance key_of(size_t partner, size_t period) {
    return (struct balance){
        .partner_mpn_id = text_of(partners[partner]),
        .program_id = TEXT("sale"),
        .billing_period = text_of(periods[period]),
        .currency = TEXT("USD"),
    };
}

static struct published_accrual accrual_of(size_t partner, size_t period, int64_t amount,
                                           int64_t cumulative, const char *id) {
    return (struct published_accrual){
        .accrual_id = text_of(id),
        .partner_mpn_id = text_of(partners[partner]),
        .program_id = TEXT("sale"),
        .billing_period = text_of(periods[period]),
        .currency = TEXT("USD"),
        .amount = {amount},
        .cumulative = {cumulative},
    };
}

static void check(const struct balance_book *book, const struct model *model) {
    for (size_t p = 0; p < PARTNERS; p++) {
        for (size_t m = 0; m < PERIODS; m++) {
            struct balance key = key_of(p, m);
            struct balance balance = {.lines = 0};
            int128 sum = 0;
            int64_t lines = 0;
            for (size_t l = 0; l < LINES; l++) {
                sum += model->units[p][m][l];
                lines += model->units[p][m][l] != 0;
            }
            (void)balance_book_find(book, &key, &balance);
            cr_assert(balance.cumulative.units == sum, "%s %s", partners[p], periods[m]);
            cr_assert_eq(balance.lines, lines, "%s %s", partners[p], periods[m]);
        }
    }
}

static bool restore_into(void *context, const struct balance *balance) {
    struct fault fault;
    struct balance published = *balance;
    published.last_accrual_id = TEXT("restored");
    cr_assert(balance_book_restore(context, &published, &fault), "%s", fault.text);
    return true;
}

Test(balance_book, sums_and_lines_under_commits_and_aborts) {
    struct balance_book *book = balance_book_new();
    struct model committed = {0};
    struct model now = {0};
    struct dice dice = {11};
    struct fault fault;
    int64_t offset = 0;
    int64_t committed_offset = 0;
    char last_id[32] = "";
    char id[32] = "";
    for (int round = 0; round < ROUNDS; round++) {
        size_t p = dice_below(&dice, PARTNERS);
        size_t m = dice_below(&dice, PERIODS);
        size_t l = dice_below(&dice, LINES);
        int64_t after = (int64_t)dice_below(&dice, 4) - 1; /* often 0 */
        int64_t amount = after - now.units[p][m][l];
        offset += 1 + (int64_t)dice_below(&dice, 3); /* markers lie between */
        if (amount != 0) {
            (void)snprintf(id, sizeof id, "id-%d", round);
            struct published_accrual accrual = accrual_of(p, m, amount, after, id);
            cr_assert(balance_book_add(book, &accrual, offset, false, &fault), "%s", fault.text);
            now.units[p][m][l] = after;
        }
        if (dice_hits(&dice, 7)) {
            balance_book_commit(book);
            committed = now;
            (void)snprintf(last_id, sizeof last_id, "%s", id);
            committed_offset = balance_book_next_offset(book);
            check(book, &now);
        } else if (dice_hits(&dice, 20)) {
            balance_book_abort(book);
            now = committed;
            (void)snprintf(id, sizeof id, "%s", last_id);
            cr_assert_eq(balance_book_next_offset(book), committed_offset);
            offset = committed_offset > 0 ? committed_offset - 1 : 0;
            check(book, &committed);
        }
    }
    balance_book_abort(book);
    cr_assert(text_equal(balance_book_last_id(book), text_of(last_id)));
    struct balance_book *again = balance_book_new();
    cr_assert(balance_book_each(book, restore_into, again));
    check(again, &committed);
    cr_assert_eq(balance_book_next_offset(again), committed_offset);
    balance_book_free(again);
    balance_book_free(book);
}

Test(balance_book, keys_of_ids_with_separators_are_apart) {
    struct buffer key;
    buffer_init(&key);
    struct balance balance = key_of(1, 0);
    encode_balance_key(&key, &balance);
    cr_assert(text_equal(buffer_text(&key), TEXT("a%7Cb|sale|2020-01|USD")));
    buffer_clear(&key);
    balance = key_of(2, 0);
    encode_balance_key(&key, &balance);
    cr_assert(text_equal(buffer_text(&key), TEXT("a%257Cb|sale|2020-01|USD")));
    buffer_release(&key);
}

Test(balance_book, what_contradicts_itself_is_refused) {
    struct balance_book *book = balance_book_new();
    struct fault fault;
    struct published_accrual ended = accrual_of(0, 0, -5, 0, "x"); /* of a line never seen */
    cr_assert(!balance_book_add(book, &ended, 0, false, &fault));
    struct published_accrual nothing = accrual_of(0, 0, 0, 5, "x");
    cr_assert(!balance_book_add(book, &nothing, 0, false, &fault));
    cr_assert(balance_book_add(book, &ended, 0, true, &fault));
    balance_book_abort(book);
    struct published_accrual most = accrual_of(0, 0, 0, 0, "x");
    most.amount.units = decimal_power_of_ten(28) - 1;
    most.cumulative = most.amount;
    cr_assert(balance_book_add(book, &most, 1, false, &fault));
    struct published_accrual more = accrual_of(0, 0, 1, 1, "y");
    cr_assert(!balance_book_add(book, &more, 2, false, &fault));
    cr_assert(strstr(fault.text, "does not fit") != NULL, "%s", fault.text);
    struct balance back = key_of(0, 0);
    back.source_offset = 7;
    balance_book_abort(book);
    cr_assert(balance_book_restore(book, &back, &fault));
    back.source_offset = 6;
    cr_assert(!balance_book_restore(book, &back, &fault));
    balance_book_free(book);
}
