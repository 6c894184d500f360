"""Feed files as vendors write them, a good row of each, and `accrued ingest` as a function."""

import csv
import gzip
import io
import json
import subprocess
from dataclasses import dataclass

from binary import require_binary

LICENSE = (
    "PartnerId,CustomerId,CustomerName,MpnId,ResellerMpnId,OrderId,SubscriptionId,"
    "SyndicationPartnerSubscriptionNumber,OfferId,DurableOfferId,OfferName,SubscriptionStartDate,"
    "SubscriptionEndDate,ChargeStartDate,ChargeEndDate,ChargeType,UnitPrice,Quantity,Amount,"
    "TotalOtherDiscount,Subtotal,Tax,TotalForCustomer,Currency,DomainName,SubscriptionName,"
    "SubscriptionDescription,BillingCycleType"
).split(",")
USAGE = (
    "PartnerId,PartnerName,PartnerBillableAccountId,CustomerCompanyName,MpnId,ResellerMpnId,"
    "InvoiceNumber,ChargeStartDate,ChargeEndDate,SubscriptionId,SubscriptionName,"
    "SubscriptionDescription,OrderId,ServiceName,ServiceType,ResourceGuid,ResourceName,Region,Sku,"
    "DetailLineItemId,ConsumedQuantity,IncludedQuantity,OverageQuantity,ListPrice,PretaxCharges,"
    "TaxAmount,PostTaxTotal,Currency,PretaxEffectiveRate,PostTaxEffectiveRate,ChargeType,CustomerId,"
    "DomainName,BillingCycleType,Unit,CustomerBillableAccount,UsageDate,MeteredRegion,"
    "MeteredService,MeteredServiceType,Project,ServiceInfo"
).split(",")
ONETIME = (
    "PartnerId,CustomerId,CustomerName,CustomerDomainName,CustomerCountry,InvoiceNumber,MPNID,"
    "ResellerMPNID,OrderId,OrderDate,ProductId,SkuId,AvailabilityId,SkuName,ProductName,ChargeType,"
    "UnitPrice,Quantity,Subtotal,TaxTotal,Total,Currency,PriceAdjustmentDescription,PublisherName,"
    "PublisherId,SubscriptionDescription,SubscriptionId,ChargeStartDate,ChargeEndDate,"
    "TermAndBillingCycle,EffectiveUnitPrice,UnitType,AlternateId,BillableQuantity,BillingFrequency,"
    "PricingCurrency,PCToBCExchangeRate,PCToBCExchangeRateDate,MeterDescription,ReservationOrderId,"
    "CreditReasonCode,SubscriptionStartDate,SubscriptionEndDate,ReferenceID,ProductQualifiers,"
    "PromotionID"
).split(",")
DAILY = (
    "PartnerId,PartnerName,CustomerId,CustomerName,CustomerDomainName,CustomerCountry,MpnId,"
    "Tier2MpnId,InvoiceNumber,ProductId,SkuId,AvailabilityId,SkuName,ProductName,PublisherName,"
    "PublisherId,SubscriptionDescription,SubscriptionId,ChargeStartDate,ChargeEndDate,UsageDate,"
    "MeterType,MeterCategory,MeterId,MeterSubCategory,MeterName,MeterRegion,Unit,ResourceLocation,"
    "ConsumedService,ResourceGroup,ResourceURI,ChargeType,UnitPrice,Quantity,UnitType,"
    "BillingPreTaxTotal,BillingCurrency,PricingPreTaxTotal,PricingCurrency,ServiceInfo1,"
    "ServiceInfo2,Tags,AdditionalInfo,EffectiveUnitPrice,PCToBCExchangeRate,"
    "PCToBCExchangeRateDate,EntitlementId,EntitlementDescription,PartnerEarnedCreditPercentage,"
    "CreditPercentage,CreditType,BenefitOrderId,BenefitId,BenefitType"
).split(",")

CUSTOMER = "7c3d0001-5a3e-4c1b-9d2f-0123456789ab"

LICENSE_ROW = {
    "PartnerId": "4d1f3a52-7c0e-4b7a-9a54-2f6b8d0c1e90",
    "CustomerId": CUSTOMER.upper(),
    "MpnId": "4390934",
    "ResellerMpnId": "6048879",
    "OrderId": "566890604832738111",
    "SubscriptionId": "usCBMgAAAAAAAAIA",
    "SyndicationPartnerSubscriptionNumber": "1F58ACD7-FE51-4705-9567-D009C9ADA150",
    "OfferId": "AAA5B3F0-0EE2-431B-A42F-3F18F3C6D540",
    "DurableOfferId": "2F707C7C-2433-49A5-A437-9CA7CF40D3EB",
    "OfferName": "Exchange Online (Plan 2)",
    "ChargeStartDate": "2/1/2019 0:00",
    "ChargeEndDate": "2/28/2019 23:59",
    "ChargeType": "Cycle fee",
    "UnitPrice": "6.82",
    "Quantity": "2",
    "Amount": "13.32",
    "TotalOtherDiscount": "2.32",
    "Subtotal": "11",
    "Tax": "0",
    "TotalForCustomer": "11",
    "Currency": "USD",
}
USAGE_ROW = {
    "PartnerId": "4d1f3a52-7c0e-4b7a-9a54-2f6b8d0c1e90",
    "MpnId": "4390934",
    "ResellerMpnId": "6048879",
    "InvoiceNumber": "D010008Y0C",
    "ChargeStartDate": "8/2/2019",
    "ChargeEndDate": "9/1/2019",
    "SubscriptionId": "87F4B92F-A490-485E-AD34-5B70CB000000",
    "SubscriptionName": "Microsoft Azure",
    "OrderId": "568297985427000000",
    "ServiceName": "Azure App Service",
    "ServiceType": "Standard Plan",
    "ResourceGuid": "505db374-df8a-44df-9d8c-13c14b61dee1",
    "Sku": "7UD-00001",
    "DetailLineItemId": "1",
    "ConsumedQuantity": "745",
    "IncludedQuantity": "0",
    "OverageQuantity": "745",
    "ListPrice": "0.085",
    "PretaxCharges": "63.33",
    "TaxAmount": "6.34",
    "PostTaxTotal": "69.67",
    "Currency": "USD",
    "ChargeType": "Assess usage fee for current cycle",
    "CustomerId": CUSTOMER,
    "Unit": "1 Hour",
}
ONETIME_ROW = {
    "PartnerId": "4d1f3a52-7c0e-4b7a-9a54-2f6b8d0c1e90",
    "CustomerId": CUSTOMER,
    "InvoiceNumber": "G002297372",
    "MPNID": "6034453",
    "ResellerMPNID": "6048879",
    "OrderId": "QDOx5ZN3YR9uYhm4M1MGQJ_0nievUOrx1",
    "OrderDate": "2020-03-01T08:15:00.9397946Z",
    "ProductId": "CFQ7TTC0LFLX",
    "SkuId": "0002",
    "AvailabilityId": "CFQ7TTC0KT9B",
    "SkuName": "Microsoft 365 E3",
    "ProductName": "Microsoft 365 E3",
    "ChargeType": "New",
    "UnitPrice": "32",
    "Quantity": "10",
    "Subtotal": "320.00",
    "TaxTotal": "22.40",
    "Total": "342.40",
    "Currency": "EUR",
    "SubscriptionId": "281e26fe-9ce7-415b-911c-f39232000000",
    "ChargeStartDate": "3/1/2020",
    "ChargeEndDate": "3/31/2020",
    "TermAndBillingCycle": "One-Month commitment for monthly/yearly billing",
    "EffectiveUnitPrice": "32",
    "BillableQuantity": "10",
}
DAILY_ROW = {
    "PartnerId": "4d1f3a52-7c0e-4b7a-9a54-2f6b8d0c1e90",
    "CustomerId": CUSTOMER,
    "MpnId": "6034453",
    "Tier2MpnId": "6048879",
    "InvoiceNumber": "G002297373",
    "ProductId": "DZH318Z0BPS6",
    "SkuId": "0001",
    "AvailabilityId": "DZH318Z0BMTX",
    "ProductName": "Azure plan",
    "SubscriptionId": "a0000128-6c11-4e02-8b7d-5d2f90c4e1a7",
    "ChargeStartDate": "3/1/2020",
    "ChargeEndDate": "3/31/2020",
    "UsageDate": "3/12/2020",
    "MeterCategory": "Virtual Machines",
    "MeterId": "ec8c7b49-9790-4261-b46f-293dabb53fd9",
    "ResourceGroup": "rg-one",
    "ResourceURI": "/subscriptions/b0000001/resourceGroups/rg-one/providers/vm1",
    "ChargeType": "new",
    "UnitPrice": "0.045",
    "Quantity": "0.005001",
    "BillingPreTaxTotal": "0.000161868646",
    "BillingCurrency": "EUR",
    "PricingPreTaxTotal": "0.00019128825",
    "PricingCurrency": "USD",
    "EffectiveUnitPrice": "0.03825",
    "PCToBCExchangeRate": "0.846202666",
    "PCToBCExchangeRateDate": "9/30/2020",
    "EntitlementId": "B0000001-91D4-4F5E-A3C2-7E8801B6D4F3",
    "PartnerEarnedCreditPercentage": "15",
}
FOCUS_ROW = {
    "BilledCost": "0.0000008",
    "BillingAccountId": "1234567890123",
    "BillingCurrency": "USD",
    "BillingPeriodEnd": "2024-10-01 00:00:00",
    "BillingPeriodStart": "2024-09-01 00:00:00",
    "ChargeCategory": "Usage",
    "ChargeClass": "NULL",
    "ChargeDescription": "A request",
    "ChargePeriodEnd": "2024-09-18 23:00:00",
    "ChargePeriodStart": "2024-09-18 22:00:00",
    "ListCost": "0.000001",
    "PricingQuantity": "2",
    "ResourceId": "NULL",
    "ServiceName": "A Queue",
    "SkuId": "G95FST5FTYV3JSRX",
    "SkuPriceId": "G95FST5FTYV3JSRX.JRTCKXETXF",
    "SubAccountId": "/subscriptions/64e355d7-997c-491d-b0c1-8414dccfcf42",
}
AZURE_ROW = {
    "BillingAccountId": "8611537",
    "BillingPeriodStartDate": "09/01/2023",
    "SubscriptionId": "ed570627-0265-4620-bb42-bae06bcfa914",
    "Date": "09/04/2023",
    "Product": "Virtual Machines Dv3/DSv3 Series - D2 v3/D2s v3 - US South Central",
    "PartNumber": "AAA-44981",
    "MeterId": "ec8c7b49-9790-4261-b46f-293dabb53fd9",
    "MeterCategory": "Virtual Machines",
    "Quantity": "24",
    "Cost": "2.64",
    "BillingCurrency": "USD",
    "ResourceId": "/subscriptions/ed570627/vm1",
    "ChargeType": "Usage",
    "PayGPrice": "0.12",
}
ROWS = {
    "partner-center-license": (LICENSE, LICENSE_ROW),
    "partner-center-usage": (USAGE, USAGE_ROW),
    "partner-center-onetime": (ONETIME, ONETIME_ROW),
    "partner-center-daily": (DAILY, DAILY_ROW),
    "focus": (list(FOCUS_ROW), FOCUS_ROW),
    "azure-cost": (list(AZURE_ROW), AZURE_ROW),
}


def csv_text(columns, rows):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path, name, *changes, columns=None, encoding="utf-8"):
    """A file of format `name`: its good row once per `changes`, each a dict over it."""
    own_columns, row = ROWS[name]
    rows = [{**row, **change} for change in (changes or ({},))]
    text = csv_text(columns or own_columns, rows).encode(encoding)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def camel(name):
    """A column of the CSV as the API spells it."""
    return {"MPNID": "mpnId", "ResellerMPNID": "resellerMpnId"}.get(
        name, name[:1].lower() + name[1:]
    )


@dataclass
class Result:
    code: int
    lines: list  # the billing lines on standard output
    told: str  # standard error

    @property
    def line(self):
        assert len(self.lines) == 1, (self.lines, self.told)
        return self.lines[0]

    def by_id(self):
        assert len({line["line_id"] for line in self.lines}) == len(self.lines)
        return {line["line_id"]: line for line in self.lines}


def command(*arguments, stdin=None, timeout=60):
    """`accrued ingest` with these arguments -> the completed process."""
    return subprocess.run(
        [str(require_binary()), "ingest", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def ingest(*arguments, code=0, stdin=None):
    """The same to standard output; must end with this exit code."""
    done = command("--to", "-", *arguments, stdin=stdin)
    told = done.stderr.decode("utf-8", "replace")
    assert done.returncode == code, f"ended with {done.returncode}: {told[-3000:]}"
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(list(each) == ["line"] for each in objects)
    return Result(done.returncode, [each["line"] for each in objects], told)


def read_rejects(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
