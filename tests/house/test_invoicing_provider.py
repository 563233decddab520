"""The invoicing provider is named by its gateway, its settings, the wiring and its stand-in only."""

from portal.config import ROOT

NAMES_IT = {
    "portal/app.py": "wires the gateway",
    "portal/config/__init__.py": "its settings have its name",
    "portal/config/environment.py": "its settings have its name",
    "portal/config/rules.py": "its settings have its name",
    "portal/config/types.py": "its settings have its name",
    "portal/config/values.py": "its settings have its name",
    "portal/cli/told_time.py": "pretends no time towards the real one",
    "portal/demo/settings.py": "the stand-in's address and key",
    "portal/demo/__main__.py": "waits for the stand-in",
    "portal/demo/stand_ins.py": "starts the stand-in",
    "portal/demo/people.py": "tells where the stand-in is",
    "portal/legal_invoices/schema.py": "tells programs whose document ids they get",
    "portal/models/legal_document.py": "a constraint from before its column was renamed",
    "portal/models/organization.py": "a constraint from before its column was renamed",
}
OF_THE_PROVIDER = (ROOT / "portal" / "gateways", ROOT / "portal" / "sandbox")
FILES = [*(ROOT / "portal").rglob("*.py"), *(ROOT / "templates").rglob("*.html")]


def test_the_invoicing_provider_is_named_only_by_its_own_modules_and_the_wiring():
    elsewhere = [path for path in FILES if not any(path.is_relative_to(home) for home in OF_THE_PROVIDER)]
    naming = {
        path.relative_to(ROOT).as_posix() for path in elsewhere if "easybill" in path.read_text().lower()
    }
    assert naming == set(NAMES_IT)
