"""Lineage of the report tables; see `schemas.lineage`."""

_BRIDGE = "recon.bridge.step recon.bridge.tokens"
_BRIDGE_USD = "recon.bridge.step recon.bridge.usd"
_LINE = "recon.charge.line_item"
_PERIOD = "raw.invoice.period_start_on raw.invoice.issued_on"
_SKU = "recon.allocation.provider recon.allocation.model recon.allocation.token_kind recon.charge.line_item"
_TOKENS = "recon.allocation.tokens recon.charge.quantity"
_PRICED = "recon.charge.billed_usd recon.charge.quantity_usd recon.charge.price_usd"
_BOOKED = "recon.allocation.usd recon.accrual.usd recon.prepaid.usd"
_STAMP = "raw.file.pulled_at raw.invoice.issued_on"
_POSTED = "what is posted, in words"
_LOCKER = "who locks the month"
_BILLED_LINE = "recon.charge.provider recon.charge.account recon.charge.invoice_id recon.charge.line_number"
_MONTH = "the month that is closed"

FROM = {
    "report.dispute": {
        "claim_id": f"{_BILLED_LINE} recon.price_effect.effect",
        "standing reason": "recon.price_effect.effect recon.charge.quantity_usd recon.finding.code",
        "claim_usd": "recon.price_effect.usd recon.charge.quantity_usd recon.finding.usd",
        "expected_usd": _PRICED,
        "rule": "recon.price_effect.reason recon.finding.message",
        "price_card": "recon.charge.expected_origin",
        "request_count": "core.call.call_id",
        "request_ids": "core.call.response_id core.call.request_id",
        "found_at": "recon.charge.file_id recon.charge.line recon.charge.position",
        "query": f"{_BILLED_LINE} recon.price_effect.effect",
    },
    "report.team": {
        "is_pool": "recon.allocation.{} recon.bridge.team",
        "traced_tokens explained_tokens unexplained_tokens gross_drift_tokens": _BRIDGE,
        "metered_tokens": "recon.bridge.tokens",
        "traced_usd unexplained_usd": _BRIDGE_USD,
        "explained_usd": f"recon.allocation.usd {_BRIDGE_USD}",
        "billed_usd": "recon.allocation.usd recon.allocation.view",
        "call_count": "core.call.call_id",
        "unpriced_tokens": "recon.bridge.tokens recon.bridge.usd",
    },
    "report.close": {
        "close_id": "raw.file.file_id raw.file.kind raw.file.format raw.file.decoder",
        "status": "recon.finding.code",
        "input_files": "raw.file.file_id",
        "span_count": "core.traced.span_id",
        "call_count": "core.call.call_id",
        "calls_with_usage": "core.call.usage_quality",
        "traced_tokens unexplained_tokens gross_drift_tokens": _BRIDGE,
        "metered_tokens": "recon.bridge.tokens",
        "billed_usd": "recon.tieout.usd recon.tieout.component",
        "headline": "recon.tieout.usd report.team.unexplained_usd recon.bridge.tokens",
    },
    "report.allocation": {
        "BilledCost": "recon.allocation.usd recon.prepaid.usd",
        "BillingAccountId": "recon.allocation.account",
        "BillingPeriodStart BillingPeriodEnd": f"{_PERIOD} raw.cost.dimensions",
        "ChargeCategory ChargeFrequency PricingCategory": "recon.allocation.category recon.allocation.pool",
        "ChargeClass": "recon.charge.charge_class raw.cost.dimensions raw.invoice.issued_on",
        "ChargeDescription": _LINE,
        "ChargePeriodStart ChargePeriodEnd": "recon.charge.billed_on raw.invoice.period_start_on "
        "raw.invoice.period_end_on",
        "ConsumedQuantity PricingQuantity": _TOKENS,
        "ConsumedUnit PricingUnit": "recon.allocation.tokens raw.cost.quantity_unit "
        "raw.invoice.quantity_unit",
        "ContractedCost": f"{_TOKENS} recon.charge.expected_unit_price recon.allocation.usd",
        "ContractedUnitPrice": "recon.charge.expected_unit_price",
        "EffectiveCost": "recon.allocation.usd",
        "InvoiceId": "recon.allocation.invoice_id",
        "InvoiceIssuerName": "raw.invoice.issuer recon.allocation.provider",
        "ListCost": f"{_TOKENS} recon.expected_rate.list_usd_per_token recon.allocation.usd",
        "ListUnitPrice": "recon.expected_rate.list_usd_per_token",
        "ProviderName PublisherName ServiceName x_Provider": "recon.allocation.provider",
        "SkuId": _SKU,
        "SkuMeter": f"{_SKU} recon.charge.fee_kind",
        "SkuPriceDetails": "recon.allocation.model recon.allocation.token_kind",
        "SkuPriceId": f"{_SKU} recon.allocation.service_tier recon.expected_rate.context",
        "x_AllocatedMethodDetails": "recon.allocation.method_details recon.allocation.usd "
        "recon.allocation.tokens",
        "x_AllocatedMethodId": "recon.allocation.method",
        "x_ContextBand": "recon.expected_rate.context",
        "x_Environment": "recon.allocation.environment",
        "x_Feature": "recon.allocation.feature",
        "x_InputHash": "report.close.close_id",
        "x_InvoiceLineNumber": "recon.allocation.line_number",
        "x_IsPool": "recon.allocation.is_pool",
        "x_ModelDeveloper x_ModelId": "recon.allocation.model",
        "x_Pool": "recon.allocation.pool",
        "x_PrepaidCost": "recon.prepaid.usd recon.allocation.usd",
        "x_PriceCardVersion": "report.close.price_card_version",
        "x_ReconState": "recon.allocation.invoice_id recon.allocation.method recon.charge.quantity_usd "
        "recon.price_effect.effect",
        "x_ReferenceInvoiceId": "raw.invoice.reference_invoice_id",
        "x_RuleVersion": "report.close.version",
        "x_ServiceTier": "recon.allocation.service_tier",
        "x_Team": "recon.allocation.team",
        "x_TokenCacheAction x_TokenDirection x_TokenKind": "recon.allocation.token_kind",
        "x_Tokens": "recon.allocation.tokens",
        "x_WorkloadClass": "recon.allocation.workload",
    },
    "report.invoice_detail": {
        "BillingPeriodStart BillingPeriodEnd": f"{_PERIOD} raw.invoice.reference_invoice_id",
        "InvoiceIssuerName": "raw.invoice.issuer",
        "BilledCost": "raw.invoice.amount raw.invoice.currency raw.invoice.exchange_rate",
        "BillingAccountId": "raw.invoice.account",
        "ChargeCategory x_Category": "raw.invoice.category",
        "InvoiceDetailCreated InvoiceDetailLastUpdated": _STAMP,
        "InvoiceDetailDescription": "raw.invoice.description",
        "InvoiceDetailGrain": "raw.invoice.description raw.invoice.model raw.invoice.token_kind "
        "raw.invoice.service_tier",
        "InvoiceDetailId PaymentCurrencyInvoiceDetailId": "raw.invoice.line raw.invoice.position",
        "InvoiceId": "raw.invoice.invoice_id",
        "InvoiceIssueDate": "raw.invoice.issued_on",
        "InvoiceIssueStatus": "raw.invoice.issue_status",
        "PaymentCurrency": "raw.invoice.currency",
        "PaymentCurrencyBilledCost": "raw.invoice.amount",
        "ReferenceInvoiceId": "raw.invoice.reference_invoice_id raw.invoice.invoice_id",
        "x_PricingQuantity": "raw.invoice.quantity",
        "x_PricingUnit": "raw.invoice.quantity_unit",
        "x_Provider": "raw.invoice.provider",
    },
    "report.journal": {
        "entry_id": "recon.allocation.invoice_id recon.accrual.for_month recon.prepaid.grant_id",
        "posted_on": "recon.allocation.month",
        "account cost_centre": "recon.allocation.team recon.allocation.category recon.allocation.provider",
        "debit credit": _BOOKED,
        "provider_account": "recon.allocation.account recon.accrual.account recon.prepaid.account",
    },
    "report.open_item": {
        "item_id": "recon.finding.code recon.finding.provider recon.finding.account recon.finding.team "
        "recon.finding.subject",
        "item_class": "recon.finding.code",
        "status": "recon.finding.severity recon.finding.code",
        "owner": "recon.finding.team recon.finding.code",
        "first_month age_days age_bucket is_carried": "recon.finding.month",
    },
    "report.locked_file": {"is_of_month": "raw.file.file_id"},
    "report.locked_figure": {
        "line": "recon.tieout.component recon.bridge.step",
        "amount": "recon.tieout.usd recon.bridge.tokens recon.bridge.usd report.team.billed_usd "
        "report.team.metered_tokens report.team.unexplained_tokens",
    },
    "report.closing": {
        "inputs_hash": "report.locked_file.file_id report.locked_file.kind report.locked_file.decoder",
        "price_card": "report.close.price_card_version",
        "tallystick_version": "report.close.version",
    },
    "report.billing_period": {
        "BillingPeriodCreated BillingPeriodLastUpdated": "report.closing.recorded_at",
        "BillingPeriodStatus": "report.closing.event",
        "x_BillingMonth": "report.allocation.BillingPeriodStart report.invoice_detail.BillingPeriodStart",
    },
    "report.restatement": {"old new difference": "report.locked_figure.amount"},
}

MADE = {
    "report.dispute": {"method": "a sentence for the reason"},
    "report.close": {
        "version": "the version of Tallystick",
        "price_card_version": "the name of the price list, with the configured prices and contracts",
    },
    "report.allocation": {
        "BillingAccountName": "never told",
        "BillingCurrency": "the currency of the books",
        "ServiceCategory ServiceSubcategory": "a word of FOCUS, the same on every row",
    },
    "report.invoice_detail": {
        "month": _MONTH,
        "BillingCurrency": "the currency of the books",
        "PaymentDueDate PaymentTerms": "never told",
    },
    "report.journal": {
        "entry description source": _POSTED,
        "line_number": "the place of the line in its entry",
        "currency": "the currency of the books",
    },
    "report.open_item": {"resolution": "the configuration settles it"},
    "report.locked_file": {"locked_version": "counted from 1"},
    "report.locked_quarantine": {"locked_version": "counted from 1"},
    "report.locked_figure": {
        "locked_version": "counted from 1",
        "dimension unit": "which figures a lock holds",
    },
    "report.closing": {
        "event recorded_at recorded_by why": _LOCKER,
        "rules_hash rules": "the configuration and the version of Tallystick",
        "results_hash": "the bytes of all published tables",
    },
}
