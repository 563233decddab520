"""The JSON contract of the billing profile. A client may change what it got and send it back."""

from __future__ import annotations

from portal.profile.page import ProfilePage
from portal.web.json import JSON


def profile(page: ProfilePage) -> JSON:
    return page.profile.as_fields() | {"version": page.version}
