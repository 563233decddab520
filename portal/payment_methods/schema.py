"""The JSON contract of payment methods."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from portal.models import PaymentMethod as PaymentMethodRow
from portal.payment_methods.queries import PaymentMethodList
from portal.web.bodies import Body, Text
from portal.web.shapes import Answer, doc


class PaymentMethod(Answer, frozen=True):
    """A card or mandate, as Stripe last told us."""

    id: Annotated[UUID, doc("Ours.")]
    payment_type: Annotated[str, doc("In Stripe's words, such as card or sepa_debit.")]
    default: bool
    brand: str | None
    last4: Annotated[str | None, doc("The last four digits, of a card or an IBAN.")]
    exp_month: Annotated[int, Meta(ge=1, le=12)] | None
    exp_year: int | None
    iban: Annotated[str | None, doc("Masked, and for sepa_debit alone: `DE•• •••• 3000`.")]


class ClientSecret(Answer, frozen=True):
    """Lets a browser finish one set-up at Stripe."""

    client_secret: Annotated[str, doc(pattern="^seti_[A-Za-z0-9_]+_secret_[A-Za-z0-9_]+$")]


class PaymentMethodToAttach(Body, frozen=True):
    """A payment method that was made at Stripe."""

    payment_method_id: Annotated[Text, doc(pattern="^pm_[A-Za-z0-9_]{1,200}$")]


class RemovalQuery(Struct):
    """What comes after the default."""

    new_default: Annotated[UUID, doc("Which one is the default from then on.")] | UnsetType = UNSET


def payment_method_list(page: PaymentMethodList) -> list[PaymentMethod]:
    return [payment_method(method) for method in page.methods]


def payment_method(method: PaymentMethodRow) -> PaymentMethod:
    return PaymentMethod.of(method, id=method.uid, default=method.is_default, iban=method.masked_iban)
