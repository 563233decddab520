"""Stripe's objects in our words, and how each is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stripe import SetupIntent


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer, as Stripe gets it. `key` stays the same, so that asking twice makes one customer."""

    key: str
    number: str
    name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Method:
    """A card or SEPA mandate. `customer_id` is None once it is detached."""

    id: str
    customer_id: str | None
    payment_type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    country: str | None
    fingerprint: str | None
    created_at: int  # seconds since 1970, by Stripe's clock


@dataclass(frozen=True, slots=True)
class Mandate:
    """The permission to debit an account. `url` shows it to the customer alone."""

    method_id: str
    reference: str
    url: str
    status: str


@dataclass(frozen=True, slots=True)
class CustomerMethods:
    """The payment methods of a customer, and the default among them."""

    methods: tuple[Method, ...]
    default_id: str | None
    is_deleted: bool


class SetupStatus(StrEnum):
    """How far adding a payment method has come."""

    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    FAILED = "failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Setup:
    """An attempt at adding a payment method; `message` is the customer's sentence about a decline."""

    customer_id: str | None
    status: SetupStatus
    method: Method | None
    message: str | None
    mandate: Mandate | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at Stripe: look at the object itself, since events come in any order."""

    id: str
    type: str
    object_id: str
    customer_id: str | None
    is_live: bool


def setup_from(intent: SetupIntent) -> Setup:
    """Read a set-up intent whose method and mandate are expanded."""
    method = intent.payment_method
    assert not isinstance(method, str), "it was asked for expanded"
    statuses: Mapping[str, SetupStatus] = {
        "succeeded": SetupStatus.SUCCEEDED,
        "processing": SetupStatus.PROCESSING,
        "requires_payment_method": SetupStatus.FAILED if intent.last_setup_error else SetupStatus.UNFINISHED,
        "canceled": SetupStatus.FAILED,
    }
    return Setup(
        customer_id=_id_of(intent.customer),
        status=statuses.get(intent.status, SetupStatus.UNFINISHED),
        method=method_from(method) if method else None,
        message=_message_of_decline(intent),
        mandate=mandate_from(intent.mandate),
    )


def _message_of_decline(intent: SetupIntent) -> str | None:
    """Only what Stripe says of a card is written for customers."""
    error = intent.last_setup_error
    return error.message if error and error.type == "card_error" else None


def mandate_from(mandate: Any) -> Mandate | None:
    """Read a SEPA mandate; a card has none."""
    sepa = _path(mandate, "payment_method_details", "sepa_debit")
    if sepa is None:
        return None
    method_id = _id_of(mandate.payment_method)
    assert method_id is not None, "a mandate is for a payment method"
    return Mandate(method_id=method_id, reference=sepa.reference, url=sepa.url, status=mandate.status)


def method_from(method: Any) -> Method:
    details = _path(method, method.type)
    return Method(
        id=method.id,
        customer_id=_id_of(method.customer),
        payment_type=method.type,
        brand=_path(details, "brand"),
        last4=_path(details, "last4"),
        exp_month=_path(details, "exp_month"),
        exp_year=_path(details, "exp_year"),
        country=_path(details, "country"),
        fingerprint=_path(details, "fingerprint"),
        created_at=method.created,
    )


def customer_from(customer: Any) -> CustomerMethods:
    """Read a customer; of a deleted one Stripe keeps only that it was."""
    is_deleted = bool(_path(customer, "deleted"))
    default = None if is_deleted else customer.invoice_settings.default_payment_method
    return CustomerMethods(methods=(), default_id=_id_of(default), is_deleted=is_deleted)


def event_from(event: Any) -> Event:
    data: dict[str, Any] = event.data.to_dict()
    thing = data["object"]
    return Event(
        id=str(event.id),
        type=str(event.type),
        object_id=str(thing.get("id", "")),
        customer_id=_customer_id_in(thing, data.get("previous_attributes") or {}),
        is_live=event.livemode is True,
    )


def _customer_id_in(thing: Mapping[str, Any], previous: Mapping[str, Any]) -> str | None:
    """A detached method names its customer only among what it was before."""
    if thing.get("object") == "customer":
        return str(thing["id"])
    customer = thing.get("customer") or previous.get("customer")
    customer_id = customer.get("id") if isinstance(customer, dict) else customer
    return customer_id if isinstance(customer_id, str) else None


def _id_of(thing: Any) -> str | None:
    """Stripe gives an object or only its id."""
    return thing if thing is None or isinstance(thing, str) else str(thing.id)


def _path(thing: Any, *names: str) -> Any:
    """Follow attributes; None where one is missing, which Stripe's objects answer with an error."""
    for name in names:
        thing = getattr(thing, name, None)
    return thing
