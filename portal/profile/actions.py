"""Changing the billing profile: one writer at a time, and no change overwrites an unseen change."""

from portal.domain.billing_profile import BillingProfile
from portal.domain.errors import ConflictError
from portal.ledger import audit
from portal.models import Organization, lock
from portal.storage import db


class ProfileChangedError(ConflictError):
    """Somebody has changed the billing profile meanwhile. Look at it again, and then change it."""


def change(organization: Organization, profile: BillingProfile, *, seen_version: int | None) -> None:
    """Replace the profile; ValidationError for one that cannot be used.

    `seen_version` is the version that the change was made from: ProfileChangedError if there is a newer one
    with other contents; None overwrites. The new version makes the provider's customer out of date, which the
    worker mends before its next document.
    """
    checked = profile.checked()
    lock(organization.id, "profile")
    db.session.refresh(organization)
    before = organization.billing_profile
    old, new = before.differences(checked)
    if not new:
        return
    if seen_version is not None and seen_version != organization.profile_version:
        raise ProfileChangedError
    organization.set_billing_profile(checked)
    organization.profile_version += 1
    audit.record(organization.id, "profile.changed", str(organization.uid), before=old, after=new)
