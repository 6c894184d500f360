#include "accrued/balance_check.h"

#include "accrued/balance_book.h"
#include "accrued/balances.h"
#include "accrued/encode.h"
#include "accrued/group_offsets.h"
#include "accrued/hash.h"
#include "accrued/require.h"
#include "accrued/topic_reader.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_SIZE 1024

struct checking {
    const struct config *config;
    struct accrual_reader *accruals;
    struct balance_reader *balances;
    struct balance_book **told;   /* a partition: the balances as published */
    struct balance_book **summed; /* … and as they should be */
    int64_t *committed;           /* of the group; −1: nothing */
    int32_t partitions;
    void (*tell)(void *context, const char *text);
    void *context;
    struct balance_check result;
    int32_t partition; /* that is compared */
};

static struct balance key_of(const struct published_accrual *accrual) {
    return (struct balance){
        .partner_mpn_id = accrual->partner_mpn_id,
        .program_id = accrual->program_id,
        .billing_period = accrual->billing_period,
        .currency = accrual->currency,
    };
}

static void say_wrong(struct checking *checking, const struct balance *key, const char *why) {
    char text[TEXT_SIZE];
    struct buffer name;
    buffer_init(&name);
    encode_balance_key(&name, key);
    (void)snprintf(text, sizeof text, "%.*s in partition %d: %s", (int)name.size,
                   (const char *)name.data, checking->partition, why);
    buffer_release(&name);
    checking->result.wrong++;
    checking->tell(checking->context, text);
}

static bool take_balance(void *context, const struct topic_record *record, struct fault *fault) {
    struct checking *checking = context;
    struct balance balance;
    return text_is_null(record->value) ||
           (balance_reader_read(checking->balances, record->value, &balance, fault) &&
            balance_book_restore(checking->told[record->partition], &balance, fault)) ||
           fault_prefix(fault,
                        "%s [%d] at offset %lld: ", checking->config->topics.accrual_balances,
                        record->partition, (long long)record->offset);
}

static bool take_accrual(void *context, const struct topic_record *record, struct fault *fault) {
    struct checking *checking = context;
    struct published_accrual accrual;
    struct balance told;
    if (text_is_null(record->value) ||
        !accrual_reader_read(checking->accruals, record->value, &accrual, fault)) {
        return fault_prefix(fault, "%s [%d] at offset %lld: ", checking->config->topics.accruals,
                            record->partition, (long long)record->offset);
    }
    const struct balance key = key_of(&accrual);
    bool is_told = balance_book_find(checking->told[record->partition], &key, &told);
    if (is_told && record->offset <= told.source_offset) {
        checking->result.accruals++;
        bool is_added = balance_book_add(checking->summed[record->partition], &accrual,
                                         record->offset, true, fault);
        balance_book_commit(checking->summed[record->partition]);
        return is_added;
    }
    if (record->offset >= checking->committed[record->partition]) {
        checking->result.pending++;
        return true;
    }
    checking->partition = record->partition;
    char why[256];
    (void)snprintf(why, sizeof why, "the accrual at offset %lld is not in it, but committed",
                   (long long)record->offset);
    say_wrong(checking, &key, why);
    return true;
}

static bool compare(void *context, const struct balance *told) {
    struct checking *checking = context;
    struct balance summed = {.source_offset = -1};
    char why[256];
    char is[DECIMAL_TEXT_SIZE];
    char should[DECIMAL_TEXT_SIZE];
    checking->result.balances++;
    (void)balance_book_find(checking->summed[checking->partition], told, &summed);
    if (told->cumulative.units == summed.cumulative.units && told->lines == summed.lines &&
        told->source_offset == summed.source_offset) {
        return true;
    }
    (void)decimal_format(told->cumulative.units, AMOUNT_SCALE, is);
    (void)decimal_format(summed.cumulative.units, AMOUNT_SCALE, should);
    (void)snprintf(why, sizeof why,
                   "%s over %lld lines up to offset %lld, but the accruals give %s over %lld lines "
                   "up to offset %lld",
                   is, (long long)told->lines, (long long)told->source_offset, should,
                   (long long)summed.lines, (long long)summed.source_offset);
    say_wrong(checking, told, why);
    return true;
}

/* A check against half of the accruals would prove nothing. */
static bool is_whole(const struct checking *checking, struct fault *fault) {
    struct topic_bounds *bounds = NULL;
    int32_t count = 0;
    if (!topic_bounds(checking->config, checking->config->topics.accruals, &bounds, &count,
                      fault)) {
        return false;
    }
    bool is_good =
        count == checking->partitions ||
        fault_set(fault, "%s has %d partitions, %s %d", checking->config->topics.accruals, count,
                  checking->config->topics.accrual_balances, checking->partitions);
    for (int32_t i = 0; i < count && is_good; i++) {
        is_good = bounds[i].first == 0 ||
                  fault_set(fault,
                            "%s [%d] begins at offset %lld: the accruals before are deleted "
                            "(retention), the sums cannot be checked",
                            checking->config->topics.accruals, i, (long long)bounds[i].first);
    }
    free(bounds);
    return is_good;
}

/* In this order: what is committed is decided, then everything of it is in the balances, then the
 * accruals of all these are there. */
static bool read_all(struct checking *checking, struct fault *fault) {
    const struct config *config = checking->config;
    char *group = balances_group(config);
    bool is_good = group_offsets(config, group, config->topics.accruals, &checking->committed,
                                 &checking->partitions, fault);
    free(group);
    if (!is_good || !is_whole(checking, fault)) {
        return false;
    }
    size_t count = (size_t)checking->partitions;
    checking->told = calloc(count, sizeof(*checking->told));
    checking->summed = calloc(count, sizeof(*checking->summed));
    REQUIRE(checking->told != NULL && checking->summed != NULL);
    for (size_t i = 0; i < count; i++) {
        checking->told[i] = balance_book_new();
        checking->summed[i] = balance_book_new();
    }
    return topic_read(config, config->topics.accrual_balances, take_balance, checking, fault) &&
           topic_read(config, config->topics.accruals, take_accrual, checking, fault);
}

static bool open_readers(struct checking *checking, struct fault *fault) {
    char path[4096];
    const char *directory = checking->config->schemas.directory;
    (void)snprintf(path, sizeof path, "%s/accrual.avsc", directory);
    checking->accruals = accrual_reader_open(path, fault);
    (void)snprintf(path, sizeof path, "%s/accrual-balance.avsc", directory);
    checking->balances = checking->accruals == NULL ? NULL : balance_reader_open(path, fault);
    return checking->balances != NULL;
}

bool balance_check(const struct config *config, void (*tell)(void *context, const char *text),
                   void *context, struct balance_check *ret_check, struct fault *fault) {
    struct checking checking = {.config = config, .tell = tell, .context = context};
    bool is_good = open_readers(&checking, fault) && read_all(&checking, fault);
    for (int32_t i = 0; is_good && i < checking.partitions; i++) {
        checking.partition = i;
        (void)balance_book_each(checking.told[i], compare, &checking);
    }
    for (int32_t i = 0; checking.told != NULL && i < checking.partitions; i++) {
        balance_book_free(checking.told[i]);
        balance_book_free(checking.summed[i]);
    }
    free(checking.told);
    free(checking.summed);
    free(checking.committed);
    accrual_reader_free(checking.accruals);
    balance_reader_free(checking.balances);
    *ret_check = checking.result;
    return is_good;
}
