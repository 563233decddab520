"""Who may do what: the presets as API.md lists them, and the check itself."""

import pytest

from portal.domain.access import ACTIONS, CATEGORIES, PRESETS, Preset, Role, allows


@pytest.mark.parametrize(
    ("preset", "may_read", "may_update"),
    [
        (Preset.ADMIN, True, True),
        (Preset.BILLING_MANAGER, True, True),
        (Preset.DEVELOPER, True, False),
        (Preset.VIEWER, True, False),
        (Preset.OPERATOR, False, False),
    ],
)
def test_a_preset_may_do_with_billing_what_api_md_says(preset, may_read, may_update):
    role, permissions = PRESETS[preset]
    assert allows(role, permissions, "billing:read") is may_read
    assert allows(role, permissions, "billing:update") is may_update


def test_each_preset_has_its_permissions():
    assert set(PRESETS) == set(Preset)


def test_only_the_admin_preset_is_an_admin():
    assert [preset for preset, (role, _) in PRESETS.items() if role == Role.ADMIN] == [Preset.ADMIN]


@pytest.mark.parametrize("preset", list(Preset))
def test_a_preset_names_only_categories_and_actions_that_exist(preset):
    _, permissions = PRESETS[preset]
    assert set(permissions) <= set(CATEGORIES)
    assert all(set(actions) <= set(ACTIONS) for actions in permissions.values())


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_admin_passes_every_check(category, action):
    assert allows("admin", {}, f"{category}:{action}")


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_member_without_permissions_passes_no_check(category, action):
    assert not allows("member", {}, f"{category}:{action}")


def test_the_permission_to_read_does_not_include_updating():
    assert not allows("member", {"billing": ["read"]}, "billing:update")


def test_the_permission_to_update_does_not_include_reading():
    assert not allows("member", {"billing": ["update"]}, "billing:read")


def test_a_permission_counts_for_its_own_category_only():
    assert not allows("member", {"projects": ["read", "update"]}, "billing:read")


@pytest.mark.parametrize("role", ["Admin", "owner", "", "administrator"])
def test_an_unknown_role_passes_no_check_by_itself(role):
    assert not allows(role, {}, "billing:read")


@pytest.mark.parametrize("wanted", ["billing", "billing:", "billing:delete", "money:read", ":read", ""])
def test_a_check_of_an_unknown_permission_raises(wanted):
    with pytest.raises(AssertionError):
        allows("admin", {}, wanted)
