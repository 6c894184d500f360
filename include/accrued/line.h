/* line.h: a billing line in memory. Room: rate. Pure.
 *
 * Fields and rules: accrual-model.md §3. Texts are borrowed: from the record
 * that was decoded, or from a ledger entry; whoever made the line says how long
 * they live. line_id, customer_id and subscription_id are already folded. An
 * absent optional text is null, never empty. */
#ifndef ACCRUED_LINE_H
#define ACCRUED_LINE_H

#include "accrued/currency.h"
#include "accrued/money.h"
#include "accrued/text.h"

struct billing_line {
    struct text line_id;
    struct text customer_id;
    struct text invoice_id;
    struct text subscription_id;
    struct text reseller_mpn_id;
    struct text product_id;
    struct text sku_id;
    struct text product_name;
    struct text meter_category;
    struct text product_family;
    struct text workload;
    struct text charge_type;
    int64_t revision; /* ≥ 0 */
    int64_t event_time_ms;
    int32_t billing_period; /* month, calendar.h */
    int32_t charge_start_date;
    int32_t charge_end_date;
    struct currency currency;
    bool is_void;
    bool has_consumed_amount;
    bool has_quantity;
    bool has_event_time;
    struct measure billed_amount;
    struct measure consumed_amount;
    struct measure quantity;
};

/* Why a record cannot be a billing line: the codes of accrual-model.md §3. */
enum reject_code {
    REJECT_NONE,
    REJECT_AVRO_MALFORMED,
    REJECT_SCHEMA_UNKNOWN,
    REJECT_SCHEMA_INCOMPATIBLE,
    REJECT_FIELD_INVALID,
    REJECT_AMOUNT_OVERFLOW,
    REJECT_WRONG_PARTITION,
    REJECT_REFERENCE_UNREADABLE,
    REJECT_PERIOD_EXPIRED,
    REJECT_JSON_MALFORMED, /* only in the offline form (§9) */
};
#define REJECT_CODE_COUNT 10

/* "avro_malformed" … as in header accrued.error.code. */
const char *reject_code_name(enum reject_code code);

#define REJECT_MESSAGE_SIZE_MAX 256

struct reject {
    enum reject_code code;
    char message[REJECT_MESSAGE_SIZE_MAX]; /* names the field and the value */
};

/* Sets code and message (cut to size, always UTF-8). Always returns false. */
__attribute__((format(printf, 3, 4))) bool reject_set(struct reject *reject, enum reject_code code,
                                                      const char *format, ...);

#define LINE_ID_SIZE_MAX 128
#define LINE_TEXT_SIZE_MAX 1024

/* The rules that hold for a line whatever it came from: sizes, UTF-8, empty ids, start ≤ end,
 * currency form, revision ≥ 0. Empty optional texts become null. Ids must be folded already.
 * false: the line is bad, *ret_reject says why. */
bool line_check(struct billing_line *line, struct reject *ret_reject);

#endif
