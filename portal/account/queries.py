"""Reads of customers whose record cannot be used."""

from collections.abc import Iterator

from sqlalchemy import select

from portal.domain.errors import ValidationError
from portal.models import Organization
from portal.storage import db

_ROWS_AT_ONCE = 1000


def unusable_customers() -> Iterator[tuple[Organization, ValidationError]]:
    """Return the organizations whose stored profile would be refused today, and the reasons."""
    query = select(Organization).order_by(Organization.id).execution_options(yield_per=_ROWS_AT_ONCE)
    for organization in db.session.scalars(query):
        stored = organization.billing_profile
        try:
            checked = stored.checked(currency=organization.currency)
        except ValidationError as error:
            yield organization, error
        else:
            _, tidy = stored.differences(checked)
            if tidy:
                reasons = {name: [f"would be stored as {value!r}"] for name, value in tidy.items()}
                yield organization, ValidationError(reasons)
