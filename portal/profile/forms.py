"""A person's form and a program's body: both become a BillingProfile, checked in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from babel import Locale
from wtforms import FieldList, HiddenField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from portal.domain.billing_profile import EMAILS_MAX, LENGTHS_MAX, BillingProfile
from portal.domain.countries import COUNTRIES
from portal.domain.numbers import whole_of
from portal.web.forms import StrictForm

_VERSION_DIGITS_MAX = 9
_NAMES = Locale("en").territories
_LANGUAGE_CHOICES = [SelectChoice("de", "German"), SelectChoice("en", "English")]


def country_name(code: str) -> str:
    """Return the English name of a country."""
    return str(_NAMES.get(code, code))


_COUNTRY_CHOICES = [SelectChoice(code, country_name(code)) for code in sorted(COUNTRIES, key=country_name)]


class ProfileForm(StrictForm):
    """The billing profile. `version` is the shown one, so that no change overwrites an unseen change."""

    version = HiddenField()
    name = StringField("Name of the company")
    street = StringField("Street and number")
    postal_code = StringField("Postal code")
    city = StringField("City")
    country = SelectField("Country", choices=_COUNTRY_CHOICES, validate_choice=False)
    vat_id = StringField("VAT id")
    buyer_reference = StringField("Buyer reference or Leitweg-ID")
    order_number = StringField("Purchase order number")
    emails = FieldList(StringField("E-mail address"), min_entries=EMAILS_MAX, max_entries=EMAILS_MAX)
    language = RadioField("Language of the documents", choices=_LANGUAGE_CHOICES, validate_choice=False)

    @classmethod
    def showing(cls, profile: BillingProfile, version: int) -> ProfileForm:
        fields = profile.as_fields()
        padded = [*fields["emails"], *[""] * EMAILS_MAX][:EMAILS_MAX]
        return cls(formdata=None, data=fields | {"emails": padded, "version": str(version)})

    def lengths_max(self, field: str) -> int:
        return LENGTHS_MAX[field]

    def profile(self) -> BillingProfile:
        """Return what was typed, unchecked."""
        texts = {name: self[name].data or "" for name in (*LENGTHS_MAX, "country", "language")}
        return BillingProfile(emails=[each or "" for each in self.emails.data], **texts)

    def version_shown(self) -> int:
        """Return the version that the form was made from; 0, which nothing has, when it does not say."""
        try:
            return whole_of(self.version.data or "", digits=_VERSION_DIGITS_MAX)
        except ValueError:
            return 0

    def reject(self, problems: Mapping[str, Sequence[str]]) -> None:
        """Show at each field what is wrong with it."""
        for name, reasons in problems.items():
            self[name].errors = [*self[name].errors, *reasons]
