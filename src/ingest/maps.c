/* The built-in maps. Column names are the vendors' own (domain.md §3); case, spaces, underscores
 * and dots do not matter, so the API's camelCase needs no spelling of its own. */
#include "accrued/ingest_map.h"

#include <assert.h>

#define AS_TEXT .kind = INGEST_AS_TEXT
#define AS_ID .kind = INGEST_AS_ID
#define AS_MPN .kind = INGEST_AS_MPN, .must_have_column = true
#define AS_DECIMAL .kind = INGEST_AS_DECIMAL
#define AS_DATE .kind = INGEST_AS_DATE
#define AS_MONTH .kind = INGEST_AS_MONTH
#define AS_CHARGE_TYPE .kind = INGEST_AS_CHARGE_TYPE
#define AS_CURRENCY .kind = INGEST_AS_CURRENCY

const struct ingest_map ingest_maps[] = {
    {
        .format = "partner-center-daily",
        .tag = "pcd",
        .what = "Partner Center daily rated usage: CSV, API items, gzipped JSON lines",
        .fields =
            {
                [INGEST_INVOICE_ID] = {{"InvoiceNumber"}, AS_TEXT},
                /* Azure plan is billed by calendar month; the end may stand on the next one's
                   first. */
                [INGEST_BILLING_PERIOD] = {{"ChargeStartDate", "UsageDate"}, AS_MONTH},
                [INGEST_CUSTOMER_ID] = {{"CustomerId"}, AS_ID},
                /* SubscriptionId is the plan; the Azure subscription is the entitlement. */
                [INGEST_SUBSCRIPTION_ID] = {{"EntitlementId", "SubscriptionId"}, AS_ID},
                /* The basic attribute set has no reseller at all: must_have_column. */
                [INGEST_RESELLER_MPN_ID] = {{"Tier2MpnId", "ResellerMpnId"}, AS_MPN},
                [INGEST_PRODUCT_ID] = {{"ProductId"}, AS_TEXT},
                [INGEST_SKU_ID] = {{"SkuId"}, AS_TEXT},
                [INGEST_PRODUCT_NAME] = {{"ProductName", "SkuName"}, AS_TEXT},
                [INGEST_METER_CATEGORY] = {{"MeterCategory"}, AS_TEXT},
                [INGEST_CHARGE_TYPE] = {{"ChargeType"}, AS_CHARGE_TYPE},
                [INGEST_CHARGE_START_DATE] = {{"UsageDate", "ChargeStartDate"}, AS_DATE},
                [INGEST_CHARGE_END_DATE] = {{"UsageDate", "ChargeEndDate"}, AS_DATE},
                [INGEST_CURRENCY] = {{"BillingCurrency", "Currency"}, AS_CURRENCY},
                [INGEST_BILLED_AMOUNT] = {{"BillingPreTaxTotal"}, AS_DECIMAL},
                /* UnitPrice is before the partner earned credit, EffectiveUnitPrice after it. */
                [INGEST_CONSUMED_AMOUNT] = {.factors = {"UnitPrice", "Quantity",
                                                        "PCToBCExchangeRate"},
                                            AS_DECIMAL},
                [INGEST_QUANTITY] = {{"Quantity"}, AS_DECIMAL},
                [INGEST_REVISION_DATE] = {{"InvoiceDate"}, AS_DATE},
            },
        .identity = {"invoice_id", "customer_id", "subscription_id", "product_id", "sku_id",
                     "charge_type", "charge_start_date", "charge_end_date", "AvailabilityId",
                     "MeterId", "ResourceGroup", "ResourceURI", "ResourceLocation"},
        .recognise = {"BillingPreTaxTotal", "BillingCurrency"},
        .type_value = "DailyRatedUsageLineItem",
    },
    {
        .format = "partner-center-license",
        .tag = "pcl",
        .what = "Partner Center licence-based reconciliation file or API items (legacy)",
        .fields =
            {
                [INGEST_INVOICE_ID] = {{"InvoiceNumber"}, AS_TEXT},
                [INGEST_BILLING_PERIOD] = {{"ChargeStartDate"}, AS_MONTH}, /* billed in advance */
                [INGEST_CUSTOMER_ID] = {{"CustomerId"}, AS_ID},
                [INGEST_SUBSCRIPTION_ID] = {{"SyndicationPartnerSubscriptionNumber",
                                             "SubscriptionId"},
                                            AS_ID},
                [INGEST_RESELLER_MPN_ID] = {{"ResellerMpnId", "Tier2MpnId"}, AS_MPN},
                [INGEST_PRODUCT_ID] = {{"DurableOfferId", "OfferId"}, AS_TEXT},
                [INGEST_SKU_ID] = {{"OfferId"}, AS_TEXT},
                [INGEST_PRODUCT_NAME] = {{"OfferName", "SubscriptionName"}, AS_TEXT},
                [INGEST_CHARGE_TYPE] = {{"ChargeType"}, AS_CHARGE_TYPE},
                [INGEST_CHARGE_START_DATE] = {{"ChargeStartDate"}, AS_DATE},
                [INGEST_CHARGE_END_DATE] = {{"ChargeEndDate"}, AS_DATE},
                [INGEST_CURRENCY] = {{"Currency"}, AS_CURRENCY},
                [INGEST_BILLED_AMOUNT] = {{"Subtotal"}, AS_DECIMAL},
                [INGEST_QUANTITY] = {{"Quantity"}, AS_DECIMAL},
                [INGEST_REVISION_DATE] = {{"InvoiceDate"}, AS_DATE},
            },
        .identity = {"invoice_id", "customer_id", "subscription_id", "product_id", "charge_type",
                     "charge_start_date", "charge_end_date", "OrderId"},
        .recognise = {"DurableOfferId", "Subtotal"},
        .type_value = "LicenseBasedLineItem",
    },
    {
        .format = "partner-center-usage",
        .tag = "pcu",
        .what = "Partner Center usage-based reconciliation file or API items (legacy)",
        .fields =
            {
                [INGEST_INVOICE_ID] = {{"InvoiceNumber"}, AS_TEXT},
                [INGEST_BILLING_PERIOD] = {{"ChargeEndDate"}, AS_MONTH}, /* billed in arrears */
                [INGEST_CUSTOMER_ID] = {{"CustomerId"}, AS_ID},
                [INGEST_SUBSCRIPTION_ID] = {{"SubscriptionId"}, AS_ID},
                [INGEST_RESELLER_MPN_ID] = {{"ResellerMpnId", "Tier2MpnId"}, AS_MPN},
                [INGEST_PRODUCT_ID] = {{"ResourceGuid"}, AS_TEXT},
                [INGEST_SKU_ID] = {{"Sku"}, AS_TEXT},
                [INGEST_PRODUCT_NAME] = {{"SubscriptionName", "SubscriptionDescription"}, AS_TEXT},
                [INGEST_METER_CATEGORY] = {{"ServiceName", "MeteredService"}, AS_TEXT},
                [INGEST_CHARGE_TYPE] = {{"ChargeType"}, AS_CHARGE_TYPE},
                [INGEST_CHARGE_START_DATE] = {{"ChargeStartDate"}, AS_DATE},
                [INGEST_CHARGE_END_DATE] = {{"ChargeEndDate"}, AS_DATE},
                [INGEST_CURRENCY] = {{"Currency"}, AS_CURRENCY},
                [INGEST_BILLED_AMOUNT] = {{"PretaxCharges"}, AS_DECIMAL},
                [INGEST_CONSUMED_AMOUNT] = {.factors = {"ListPrice", "ConsumedQuantity"},
                                            AS_DECIMAL},
                [INGEST_QUANTITY] = {{"OverageQuantity", "ConsumedQuantity"}, AS_DECIMAL},
                [INGEST_REVISION_DATE] = {{"InvoiceDate"}, AS_DATE},
            },
        .identity = {"invoice_id", "customer_id", "subscription_id", "product_id", "sku_id",
                     "charge_type", "charge_start_date", "charge_end_date", "OrderId", "Region",
                     "DetailLineItemId"},
        .recognise = {"ResourceGuid", "ConsumedQuantity"},
        .has_short_rows = true,
        .detail = "UsageDate", /* the file's second part: usage by day, without money */
        .type_value = "UsageBasedLineItem",
        .type_value_2 = "DailyUsageLineItem",
    },
    {
        .format = "partner-center-onetime",
        .tag = "pco",
        .what = "Partner Center new commerce and one-time purchases: CSV or API items",
        .fields =
            {
                [INGEST_INVOICE_ID] = {{"InvoiceNumber"}, AS_TEXT},
                /* The start: the end of a yearly term is a year away. */
                [INGEST_BILLING_PERIOD] = {{"ChargeStartDate", "SubscriptionStartDate",
                                            "OrderDate"},
                                           AS_MONTH},
                [INGEST_CUSTOMER_ID] = {{"CustomerId"}, AS_ID},
                [INGEST_SUBSCRIPTION_ID] = {{"SubscriptionId"}, AS_ID},
                [INGEST_RESELLER_MPN_ID] = {{"ResellerMPNID", "Tier2MpnId"}, AS_MPN},
                [INGEST_PRODUCT_ID] = {{"ProductId"}, AS_TEXT},
                [INGEST_SKU_ID] = {{"SkuId"}, AS_TEXT},
                [INGEST_PRODUCT_NAME] = {{"ProductName", "SkuName"}, AS_TEXT},
                [INGEST_METER_CATEGORY] = {{"MeterCategory"}, AS_TEXT},
                [INGEST_CHARGE_TYPE] = {{"ChargeType"}, AS_CHARGE_TYPE},
                [INGEST_CHARGE_START_DATE] = {{"ChargeStartDate", "SubscriptionStartDate",
                                               "OrderDate"},
                                              AS_DATE},
                [INGEST_CHARGE_END_DATE] = {{"ChargeEndDate", "SubscriptionEndDate", "OrderDate"},
                                            AS_DATE},
                [INGEST_CURRENCY] = {{"Currency"}, AS_CURRENCY},
                [INGEST_BILLED_AMOUNT] = {{"Subtotal"}, AS_DECIMAL},
                [INGEST_QUANTITY] = {{"BillableQuantity", "Quantity"}, AS_DECIMAL},
                [INGEST_REVISION_DATE] = {{"InvoiceDate"}, AS_DATE},
            },
        .identity = {"invoice_id", "customer_id", "subscription_id", "product_id", "sku_id",
                     "charge_type", "charge_start_date", "charge_end_date", "OrderId",
                     "AvailabilityId", "MeterDescription", "ReservationOrderId", "ReferenceID"},
        .recognise = {"Subtotal", "TermAndBillingCycle"},
        .type_value = "OneTimeInvoiceLineItem",
    },
    {
        .format = "focus",
        .tag = "focus",
        .what = "FOCUS 1.0 cost and usage (FinOps Foundation)",
        .fields =
            {
                [INGEST_INVOICE_ID] = {{"InvoiceId"}, AS_TEXT}, /* from 1.2 on */
                [INGEST_BILLING_PERIOD] = {{"BillingPeriodStart"}, AS_MONTH},
                [INGEST_CUSTOMER_ID] = {{"BillingAccountId"}, AS_ID},
                [INGEST_SUBSCRIPTION_ID] = {{"SubAccountId"}, AS_ID},
                [INGEST_PRODUCT_ID] = {{"SkuPriceId"}, AS_TEXT},
                [INGEST_SKU_ID] = {{"SkuId"}, AS_TEXT},
                [INGEST_PRODUCT_NAME] = {{"ChargeDescription", "ServiceName"}, AS_TEXT},
                [INGEST_METER_CATEGORY] = {{"ServiceName"}, AS_TEXT},
                [INGEST_CHARGE_TYPE] = {{"ChargeCategory"}, AS_CHARGE_TYPE},
                [INGEST_CHARGE_START_DATE] = {{"ChargePeriodStart"}, AS_DATE},
                [INGEST_CHARGE_END_DATE] = {{"ChargePeriodEnd"}, AS_DATE},
                [INGEST_CURRENCY] = {{"BillingCurrency"}, AS_CURRENCY},
                [INGEST_BILLED_AMOUNT] = {{"BilledCost"}, AS_DECIMAL},
                [INGEST_CONSUMED_AMOUNT] = {{"ListCost"}, AS_DECIMAL},
                [INGEST_QUANTITY] = {{"PricingQuantity", "ConsumedQuantity", "UsageQuantity"},
                                     AS_DECIMAL},
            },
        .identity = {"customer_id",
                     "subscription_id",
                     "invoice_id",
                     "product_id",
                     "sku_id",
                     "charge_type",
                     "BillingPeriodStart",
                     "ChargePeriodStart",
                     "ChargePeriodEnd",
                     "ChargeClass",
                     "ChargeDescription",
                     "ChargeFrequency",
                     "ResourceId",
                     "ServiceName",
                     "RegionId",
                     "PricingCategory",
                     "PricingUnit",
                     "CommitmentDiscountId",
                     "CommitmentDiscountStatus",
                     "InvoiceIssuerName"},
        .recognise = {"BilledCost", "ChargePeriodStart", "ChargeCategory"},
        .skip_column = "ChargeCategory",
        .skip_values = {"Tax"}, /* billed_amount is before tax */
        .null_word = "NULL",
    },
    {
        .format = "azure-cost",
        .tag = "az",
        .what = "Azure cost export (EA, MCA or CSP; actual cost)",
        .fields =
            {
                [INGEST_INVOICE_ID] = {{"InvoiceId"}, AS_TEXT},
                [INGEST_BILLING_PERIOD] = {{"BillingPeriodStartDate", "BillingPeriod", "Date",
                                            "UsageDateTime"},
                                           AS_MONTH},
                [INGEST_CUSTOMER_ID] = {{"CustomerTenantId", "BillingAccountId"}, AS_ID},
                [INGEST_SUBSCRIPTION_ID] = {{"SubscriptionId", "SubscriptionGuid"}, AS_ID},
                [INGEST_RESELLER_MPN_ID] = {{"ResellerMpnId"}, .kind = INGEST_AS_MPN},
                [INGEST_PRODUCT_ID] = {{"ProductId", "MeterId"}, AS_TEXT},
                [INGEST_SKU_ID] = {{"PartNumber", "OfferId"}, AS_TEXT},
                /* A reservation is named by its order only. */
                [INGEST_PRODUCT_NAME] = {{"ProductOrderName", "Product", "ProductName"}, AS_TEXT},
                [INGEST_METER_CATEGORY] = {{"MeterCategory"}, AS_TEXT},
                [INGEST_CHARGE_TYPE] = {{"ChargeType"}, AS_CHARGE_TYPE, .constant = "usage"},
                [INGEST_CHARGE_START_DATE] = {{"Date", "UsageDateTime", "UsageDate"}, AS_DATE},
                [INGEST_CHARGE_END_DATE] = {{"Date", "UsageDateTime", "UsageDate"}, AS_DATE},
                [INGEST_CURRENCY] = {{"BillingCurrency", "BillingCurrencyCode", "Currency"},
                                     AS_CURRENCY},
                [INGEST_BILLED_AMOUNT] = {{"CostInBillingCurrency", "Cost", "PreTaxCost"},
                                          AS_DECIMAL},
                [INGEST_CONSUMED_AMOUNT] = {{"PaygCostInBillingCurrency"},
                                            AS_DECIMAL,
                                            .factors = {"PayGPrice", "Quantity"}},
                [INGEST_QUANTITY] = {{"Quantity", "UsageQuantity"}, AS_DECIMAL},
            },
        .identity = {"customer_id", "subscription_id", "invoice_id", "sku_id", "charge_type",
                     "charge_start_date", "BillingPeriodStartDate", "BillingPeriod", "MeterId",
                     "ResourceId", "InstanceId", "ResourceLocation", "ProductOrderId",
                     "ReservationId", "PricingModel", "Frequency", "Term", "CostAllocationRuleName",
                     "BenefitId"},
        .recognise = {"MeterCategory", "MeterId"},
        .null_word = "NULL",
    },
};
static_assert(sizeof ingest_maps / sizeof ingest_maps[0] == INGEST_MAP_COUNT, "count the maps");
