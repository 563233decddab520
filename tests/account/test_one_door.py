"""Command, form and JSON refuse the same billing profile in the same words, and then store nothing."""

from decimal import Decimal
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import update

from portal.domain.billing_profile import EMAILS_MAX
from portal.domain.errors import ValidationError
from portal.domain.money import exponent_of
from portal.ledger import catalogue
from portal.models import Organization
from portal.storage import db
from tests.factories import NOW, make_member, make_token
from tests.page import bearer

PROFILE = {
    "name": "Typo SARL",
    "street": "Rue 1",
    "postal_code": "75001",
    "city": "Paris",
    "country": "FR",
    "vat_id": "FR40303265045",
    "emails": ["billing@typo.example"],
}
NO_LINE = "has characters that cannot be printed on one line"
NO_VAT_ID = "is not a VAT id of"
NO_COUNTRY = "is not an ISO 3166 code such as DE"
NO_EMAIL = "has something that is no e-mail address:"
REFUSED = [
    ("vat_id", {"vat_id": "nonsense"}, f"{NO_VAT_ID} FR"),
    ("vat_id", {"vat_id": "FR40303265046"}, "has wrong check digits"),
    ("vat_id", {"vat_id": "DE136695976"}, "is one of DE, but the address is in FR"),
    ("vat_id", {"country": "GR", "vat_id": "GR-NONSENSE"}, f"{NO_VAT_ID} GR"),
    ("vat_id", {"country": "JP", "vat_id": "?"}, "is not a tax number: letters, digits and . / - are"),
    ("country", {"country": "UK"}, NO_COUNTRY),
    ("country", {"country": "ZZ"}, NO_COUNTRY),
    ("country", {"country": "XX"}, NO_COUNTRY),
    ("country", {"country": "fr"}, NO_COUNTRY),
    ("emails", {"emails": ["nomail"]}, f"{NO_EMAIL} 'nomail'"),
    ("emails", {"emails": ["a@b.example\nBcc: x"]}, f"{NO_EMAIL} 'a@b.example\\nBcc: x'"),
    ("emails", {"emails": [f"{each}@typo.example" for each in "abcd"]}, "are more than 3"),
    ("postal_code", {"country": "DE", "postal_code": "123", "vat_id": ""}, "has five digits in Germany"),
    ("name", {"name": ""}, "is missing"),
    ("street", {"street": "  "}, "is missing"),
    ("postal_code", {"postal_code": ""}, "is missing"),
    ("city", {"city": "x" * 81}, "has more than 80 characters"),
    ("name", {"name": "x" * 5000}, "has more than 120 characters"),
    ("name", {"name": "A\nB\x1b[31m"}, NO_LINE),
    ("name", {"name": "Acme\0"}, NO_LINE),
    ("city", {"city": "\N{RIGHT-TO-LEFT OVERRIDE}siraP"}, NO_LINE),
    ("street", {"street": "%KUNDE.ANREDE%"}, "has a placeholder between % signs"),
]
each_refused = pytest.mark.parametrize(("field", "change", "reason"), REFUSED)


@pytest.fixture
def command(app):
    def run(currency="EUR", **profile):
        db.session.commit()
        options = [
            f"--{name.replace('_', '-')}={profile[name]}"
            for name in profile
            if name not in {"name", "emails"}
        ]
        emails = [f"--email={email}" for email in profile["emails"]]
        words = [
            "directory",
            "add-organization",
            f"--currency={currency}",
            *options,
            *emails,
            "--",
            profile["name"],
        ]
        result = app.test_cli_runner().invoke(args=words)
        db.session.rollback()
        return result

    return run


@pytest.fixture
def url(acme):
    return f"/organizations/{acme.uid}/profile"


def stored():
    query = db.select(Organization).order_by(Organization.id)
    return [(each.name, each.billing_profile) for each in db.session.scalars(query)]


@each_refused
def test_the_command_refuses_an_unusable_billing_profile(command, field, change, reason):
    result = command(**PROFILE | change)
    assert (result.exit_code, result.output) == (1, f"Error: {field} {reason}\n")
    assert stored() == []


@pytest.mark.parametrize(
    ("field", "change", "reason"),
    [case for case in REFUSED if "\0" not in case[1].get("name", "")],  # no JSON at all: 400
)
def test_json_refuses_an_unusable_billing_profile(nobody, acme, url, field, change, reason):
    token = bearer(make_token(acme, make_member(acme)))
    before = stored()
    more = {"buyer_reference": None, "order_number": None, "language": "en"}
    response = nobody.put(url, json=PROFILE | more | change, headers=token)
    assert response.status_code == 422
    assert response.json["errors"][0]["meta"]["validation_errors"] == {field: [reason]}
    assert stored() == before


@pytest.mark.parametrize(
    ("field", "change", "reason"), [case for case in REFUSED if len(case[1].get("emails", [])) <= EMAILS_MAX]
)
def test_the_form_refuses_an_unusable_billing_profile(admin, url, field, change, reason):
    emails = (PROFILE | change)["emails"]
    admin.page(url)
    before = stored()
    typed = {name: value for name, value in (PROFILE | change).items() if name != "emails"}
    typed |= {f"emails-{number}": email for number, email in enumerate(emails)}
    response = admin.submit(url, version="1", language="en", **typed)
    assert response.status_code == 422
    beside = BeautifulSoup(response.text, "html.parser").select_one(f"#{field}-problems")
    assert beside.get_text(strip=True) == f"{reason[0].upper()}{reason[1:]}."
    assert stored() == before


@pytest.mark.parametrize(
    ("currency", "reason"),
    [
        ("ZZZ", "is not an ISO 4217 code such as EUR"),
        ("euro", "is not an ISO 4217 code such as EUR"),
        ("XAU", "is an ISO 4217 code of a fund, a metal or a test, which nobody pays with"),
        ("BOV", "is an ISO 4217 code of a fund, a metal or a test, which nobody pays with"),
    ],
)
def test_the_command_refuses_a_currency_that_nobody_pays_with(command, currency, reason):
    result = command(currency, **PROFILE)
    assert (result.exit_code, result.output) == (1, f"Error: currency {reason}\n")
    assert stored() == []


def test_the_command_stores_the_billing_profile_that_the_form_would(command):
    assert command(**PROFILE | {"name": " Typo  SARL ", "vat_id": "40 303 265 045"}).exit_code == 0
    [(_, profile)] = stored()
    assert (profile.name, profile.vat_id) == ("Typo SARL", "FR40303265045")


def test_a_vat_id_of_blanks_is_none(command):
    assert command(**PROFILE | {"vat_id": "  "}).exit_code == 0
    [(_, profile)] = stored()
    assert profile.vat_id is None


def test_customers_whose_stored_profile_would_be_refused_are_listed(app, acme):
    table = Organization.__table__
    facts = acme.billing_profile.as_fields() | {"created_at": NOW, "profile_version": 1}
    rows = [
        {"number": "20001", "currency": "EUR", "country": "FR", "vat_id": "nonsense"},
        {"number": "20002", "currency": "ZZZ", "country": "DE", "vat_id": None},
        {"number": "20003", "currency": "EUR", "country": "UK", "vat_id": None},
        {"number": "20004", "currency": "EUR", "country": "DE", "vat_id": "  "},
    ]
    db.session.execute(table.insert(), [{**facts, "uid": uuid4(), **row} for row in rows])
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["directory", "check"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "20001: vat_id is not a VAT id of FR",
        "20002: currency is not an ISO 4217 code such as EUR",
        "20003: country is not an ISO 3166 code such as DE",
        "20004: vat_id would be stored as None",
        "Error: 4 to correct, on their profile pages or by hand.",
    ]


def test_no_customer_is_listed_where_every_stored_profile_can_be_used(app, acme):
    result = app.test_cli_runner().invoke(args=["directory", "check"])
    assert (result.exit_code, result.output) == (0, "")


def test_a_currency_that_iso_has_withdrawn_goes_on_working_for_a_customer_billed_in_it(app, acme):
    db.session.execute(update(Organization).values(currency="HRK"))
    product = catalogue.product_by_code("vm", name="Server", unit="hour")
    price = catalogue.set_price(product, "HRK", Decimal("0.5"), start_day=0)
    assert (price.currency, exponent_of("HRK")) == ("HRK", 2)
    with pytest.raises(ValidationError, match="Validation failed"):
        catalogue.set_price(product, "DEM", Decimal("0.5"), start_day=0)
