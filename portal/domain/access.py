"""Permissions: roles, the permission table of a member, and its presets."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

CATEGORIES = ("projects", "openstack", "garden", "rgw", "apps", "billing", "members", "settings")
ACTIONS = ("read", "update")

Permissions = Mapping[str, Sequence[str]]


class Role(StrEnum):
    """An admin passes every check; a member has a permission table."""

    ADMIN = "admin"
    MEMBER = "member"


class Preset(StrEnum):
    """The roles that people are given by name."""

    ADMIN = "admin"
    BILLING_MANAGER = "billing_manager"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    OPERATOR = "operator"


PRESETS: Mapping[Preset, tuple[Role, Permissions]] = {
    Preset.ADMIN: (Role.ADMIN, {"billing": ("read", "update")}),
    Preset.BILLING_MANAGER: (Role.MEMBER, {"billing": ("read", "update")}),
    Preset.DEVELOPER: (
        Role.MEMBER,
        {
            "projects": ("read", "update"),
            "openstack": ("read", "update"),
            "apps": ("read", "update"),
            "billing": ("read",),
        },
    ),
    Preset.VIEWER: (Role.MEMBER, {"projects": ("read",), "billing": ("read",)}),
    Preset.OPERATOR: (Role.MEMBER, {"projects": ("read", "update"), "openstack": ("read", "update")}),
}


def allows(role: str, permissions: Permissions, permission: str) -> bool:
    """Tell whether a membership passes a check such as `billing:read`."""
    category, _, action = permission.partition(":")
    assert category in CATEGORIES, permission
    assert action in ACTIONS, permission
    return role == Role.ADMIN or action in permissions.get(category, ())
