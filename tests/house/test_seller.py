"""The seller is a setting: the demo's stands in the demo, and nowhere in code or pages of the product."""

import ast
import json
from pathlib import Path

import pytest

from portal.config import ROOT

DEMO = json.loads((ROOT / "portal" / "demo" / "settings.json").read_text())
OF_STAND_INS = {ROOT / "portal" / "demo", ROOT / "portal" / "sandbox"}
PRODUCT = sorted(
    path for path in (ROOT / "portal").rglob("*.py") if not OF_STAND_INS.intersection(path.parents)
)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
WORDS = ("nordlicht", DEMO["SELLER_NAME"].lower(), DEMO["SELLER_LOGO"], DEMO["SELLER_IBAN"].replace(" ", ""))
# A country's letters may stand where the country itself is meant, whoever sells.
ABOUT_THE_COUNTRY = {
    "portal/domain/billing_profile.py": "customers there have postal codes of five digits",
    "portal/gateways/easybill_shapes.py": "EasyBill's name of its German template",
}
# EasyBill counts its days there, whoever sells.
ABOUT_THE_ZONE = {"portal/gateways/easybill.py"}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def strings_of(path: Path) -> list[str]:
    """Return the text constants of a module, docstrings aside."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


@pytest.mark.parametrize("path", [*PRODUCT, *TEMPLATES], ids=named)
def test_nothing_of_the_product_names_the_seller_of_the_demo(path):
    text = path.read_text().lower()
    assert [word for word in WORDS if word.lower() in text] == []


def test_the_country_of_a_seller_is_no_constant():
    modules = {named(path) for path in PRODUCT if DEMO["SELLER_COUNTRY"] in strings_of(path)}
    assert modules == set(ABOUT_THE_COUNTRY)


def test_the_time_zone_of_a_seller_is_no_constant():
    modules = {named(path) for path in PRODUCT if DEMO["SELLER_TIME_ZONE"] in strings_of(path)}
    assert modules == ABOUT_THE_ZONE


def test_the_search_for_the_seller_of_the_demo_reads_the_product_and_finds_the_demo():
    assert {"portal/config/environment.py", "portal/web/filters.py"} <= {named(path) for path in PRODUCT}
    assert "nordlicht" in (ROOT / "portal" / "demo" / "settings.json").read_text().lower()
