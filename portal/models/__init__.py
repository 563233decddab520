"""Every table of the portal: columns, relations and facts derived from one row."""

from portal.models.account import Account, ApiToken, Membership
from portal.models.invoice import Delivery, Invoice, InvoiceItem, InvoiceStatus, invoice_uid, item_uid
from portal.models.legal_document import LegalDocument, LegalDocumentFile, LegalStatus
from portal.models.organization import Organization
from portal.models.owned import Counter, add_owned, draw
from portal.models.payment_method import PaymentMethod, StripeEvent
from portal.models.product import Metering, Price, Product
from portal.models.subscription import Project, Subscription
from portal.models.usage import UsageDay, UsageHour

__all__ = [
    "Account",
    "ApiToken",
    "Counter",
    "Delivery",
    "Invoice",
    "InvoiceItem",
    "InvoiceStatus",
    "LegalDocument",
    "LegalDocumentFile",
    "LegalStatus",
    "Membership",
    "Metering",
    "Organization",
    "PaymentMethod",
    "Price",
    "Product",
    "Project",
    "StripeEvent",
    "Subscription",
    "UsageDay",
    "UsageHour",
    "add_owned",
    "draw",
    "invoice_uid",
    "item_uid",
]
