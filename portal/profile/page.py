"""The billing profile as its page and its JSON show it."""

from dataclasses import dataclass
from http import HTTPStatus

from portal.domain.billing_profile import BillingProfile
from portal.models import Organization
from portal.profile.forms import ProfileForm, country_name


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """The billing profile with its version; `rejected` is a form that could not be used."""

    organization: Organization
    rejected: ProfileForm | None = None

    @property
    def profile(self) -> BillingProfile:
        return self.organization.billing_profile

    @property
    def form(self) -> ProfileForm:
        """Return the form to change it, filled in."""
        return self.rejected or ProfileForm.showing(self.profile, self.organization.profile_version)

    @property
    def country_name(self) -> str:
        return country_name(self.profile.country)

    @property
    def http_status(self) -> HTTPStatus:
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.rejected else HTTPStatus.OK
