"""Every table of the portal: columns, relations and facts derived from one row."""

from portal.models.account import Account, ApiToken, Collector, Membership, PasswordReset, UserSession
from portal.models.audit import AuditEntry, AuditHead
from portal.models.bulk import insert_rows
from portal.models.clock_state import ClockAcceptance, ClockState
from portal.models.idempotency_record import IdempotencyRecord
from portal.models.invoice import Delivery, Invoice, InvoiceStatus, MonthReview
from portal.models.invoice_line import (
    LINE_COLUMNS,
    InvoiceHead,
    InvoiceItem,
    InvoiceLine,
    ItemKind,
    correction_uid,
    invoice_uid,
    item_uid,
)
from portal.models.legal_document import (
    CallBudget,
    DocumentFormat,
    LegalDocument,
    LegalDocumentFile,
    LegalDocumentFormat,
    LegalStatus,
    SyncState,
)
from portal.models.operator_notice import OperatorNotice
from portal.models.organization import Organization
from portal.models.outgoing_mail import OutgoingMail
from portal.models.owned import Counter, add_owned, draw, draw_each, lock
from portal.models.payment_method import PaymentMethod, PaymentMethodLease, StripeCall, StripeEvent
from portal.models.product import Metering, Price, Product, ProductName
from portal.models.scheduler_step import SchedulerStep, StepOutcome
from portal.models.subscription import Project, ProjectName, Subscription
from portal.models.throttle import Throttle
from portal.models.usage import UsageCorrection, UsageDay, UsageHour
