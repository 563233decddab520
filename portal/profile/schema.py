"""The JSON contract of the billing profile. A client may change what it got and send it back."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from portal.domain.billing_profile import EMAILS_MAX, LANGUAGES, LENGTHS_MAX, BillingProfile
from portal.profile.page import ProfilePage
from portal.web.bodies import Body, Text, TextOrNull, refused
from portal.web.shapes import Answer, doc

_VERSION_MAX = 10**9 - 1
_Emails = Annotated[
    list[Annotated[str, doc(format="email", maxLength=254)]], refused("is not a list of texts")
]


def _line(name: str, description: str) -> Meta:
    return doc(description, maxLength=LENGTHS_MAX[name])


class _Fields(Struct, frozen=True):
    """What is read and what is sent. `domain/billing_profile` says what a text has to be."""

    name: Annotated[Text, _line("name", "The name of the company.")]
    street: Annotated[Text, _line("street", "Street and number.")]
    postal_code: Annotated[Text, _line("postal_code", "Five digits in Germany.")]
    city: Annotated[Text, _line("city", "The town.")]
    country: Annotated[Text, doc("ISO 3166, such as DE.", pattern="^[A-Z]{2}$")]
    vat_id: Annotated[TextOrNull, _line("vat_id", "Checked against the rules of its country.")]
    buyer_reference: Annotated[
        TextOrNull, _line("buyer_reference", "What the buyer needs on e-invoices, such as a Leitweg-ID.")
    ]
    order_number: Annotated[TextOrNull, _line("order_number", "The buyer's purchase order.")]
    emails: Annotated[_Emails, doc("Where documents are sent.", maxItems=EMAILS_MAX)]
    language: Annotated[Text, doc("Of the documents.", enum=list(LANGUAGES))]


_Version = Annotated[int, Meta(ge=1, description="Grows with each change.")]


class Profile(_Fields, Answer, frozen=True):
    """What a legal invoice prints."""

    version: _Version


class ProfileToSave(_Fields, Body, frozen=True):
    """A whole profile, as it was read and then changed."""

    version: (
        Annotated[_Version, Meta(le=_VERSION_MAX), refused("is not a version that a profile has had")]
        | UnsetType
    ) = UNSET

    @property
    def seen_version(self) -> int | None:
        """The version that it was made from, if that is said."""
        return None if self.version is UNSET else self.version

    @property
    def profile(self) -> BillingProfile:
        fields = structs.asdict(self)
        del fields["version"]
        return BillingProfile(**fields)


def profile(page: ProfilePage) -> Profile:
    return Profile(**page.profile.as_fields(), version=page.organization.profile_version)
