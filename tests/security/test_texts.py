"""A name, a unit or a key that nobody can read is refused by every door in the same words (S28).

Control characters write over a terminal, signs of direction turn an amount around, and a unit of 22 kB stood
on a legal document.
"""

import re

import pytest
from sqlalchemy import func, select

from portal.domain.access import Preset
from portal.metering.importing import import_focus
from portal.models import (
    Account,
    ApiToken,
    Collector,
    Organization,
    Price,
    Product,
    Project,
    Subscription,
    UsageHour,
)
from portal.storage import db
from tests.account.test_one_door import NO_LINE, PROFILE
from tests.factories import NOW, PASSWORD, make_member, make_product, make_token
from tests.metering.exports import row, write
from tests.page import bearer
from tests.security.sizes import sized

TOO_LONG = r"has more than \d+ characters"
BAD = {
    "": "is missing",
    "  ": "is missing",
    "x" * 5000: TOO_LONG,
    "<img src=x>" * 2000: TOO_LONG,
    "A\nB\x1b[31m": NO_LINE,
    "A\r\nBcc: x": NO_LINE,
    "A\tB": NO_LINE,
    "A\0": NO_LINE,
    "\N{RIGHT-TO-LEFT OVERRIDE}siraP": NO_LINE,
    "A\N{LEFT-TO-RIGHT ISOLATE}": NO_LINE,
    "A\N{POP DIRECTIONAL ISOLATE}": NO_LINE,
    "A\N{RIGHT-TO-LEFT MARK}": NO_LINE,
    "A\N{LINE SEPARATOR}B": NO_LINE,
    "A\N{ZERO WIDTH SPACE}": NO_LINE,
    "A\ud83d": NO_LINE,
}
TABLES = (Organization, Account, Collector, ApiToken, Product, Price, Project, Subscription, UsageHour)
ADDRESS = "--street=Rue 1|--postal-code=75001|--city=Paris|--country=FR|--currency=EUR".split("|")
PRICE = ("--currency=EUR", "--price=1")
COMMANDS = {
    "an organization's name": ("directory", "add-organization", *ADDRESS, "--", "{}"),
    "an organization's street": (
        "directory", "add-organization", *ADDRESS[1:], "--street={}", "--", "Typo SARL",
    ),
    "an account's name": (
        "directory", "add-account", "--name={}", f"--password={PASSWORD}", "--", "new@acme.example",
    ),
    "a collector's name": ("directory", "add-collector", "--", "{}"),
    "a token's name": (
        "directory", "add-token", "--name={}", "--organization={number}", "--", "ada@acme.example",
    ),
    "a product's code": ("catalogue", "set-price", "--name=Server", *PRICE, "--", "{}"),
    "a product's name": ("catalogue", "set-price", "--name={}", *PRICE, "--", "fresh"),
    "a product's unit": ("catalogue", "set-price", "--unit={}", *PRICE, "--", "fresh"),
    "a project's code": ("catalogue", "subscribe", "--project={}", "--organization={number}", "--", "vm"),
}  # fmt: skip
MAY_BE_EMPTY = {"a product's name", "a project's code"}  # the code itself; the organization itself
CUT = {"ChargeDescription", "SubAccountName"}  # free texts, of any length: a name is the beginning


def stored():
    return [db.session.scalar(select(func.count()).select_from(table)) for table in TABLES]


@pytest.fixture
def ada(acme):
    account = make_member(acme, Preset.ADMIN)
    account.login = "ada@acme.example"
    make_product(code="vm")
    return account


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_refuses_an_unusable_text(app, acme, ada, what):
    before = stored()
    for text, reason in BAD.items():
        if not text and what in MAY_BE_EMPTY:
            continue
        arguments = [each.replace("{number}", acme.number).replace("{}", text) for each in COMMANDS[what]]
        db.session.commit()
        done = app.test_cli_runner().invoke(args=arguments)
        db.session.rollback()
        assert done.exit_code == 1, (text[:20], done.output)
        assert re.search(reason, done.output), (text[:20], done.output)
    assert stored() == before


@pytest.mark.parametrize("what", ["tokens", "profile"])
def test_a_json_body_refuses_an_unusable_text(nobody, acme, ada, what):
    who = bearer(make_token(acme, ada))
    before = stored()
    for text, reason in BAD.items():
        if what == "tokens":
            answer = nobody.post(f"/organizations/{acme.uid}/tokens", json={"name": text}, headers=who)
        else:
            more = {"buyer_reference": None, "order_number": None, "language": "en"}
            profile = PROFILE | more | {"name": text}
            answer = nobody.put(f"/organizations/{acme.uid}/profile", json=profile, headers=who)
        if "\0" in text or "\ud83d" in text:
            assert answer.status_code == 400
            continue
        assert answer.status_code == 422, text[:20]
        (said,) = answer.json["errors"][0]["meta"]["validation_errors"]["name"]
        assert re.fullmatch(reason, said), text[:20]
    assert stored() == before


@pytest.mark.parametrize("what", ["tokens", "profile"])
def test_a_form_refuses_an_unusable_text(sign_in, acme, ada, what):
    client, before = sign_in(ada), stored()
    url = f"/organizations/{acme.uid}/{what}"
    typed = {name: value for name, value in PROFILE.items() if name != "emails"}
    fields = {"lasts": "30"} if what == "tokens" else typed | {"version": "1", "language": "en"}
    texts = [text for text in BAD if "\ud83d" not in text]  # no form has one
    for text in sized(texts[::5], texts):
        answer = client.submit(url, **fields | {"name": text})
        assert answer.status_code == 422, text[:20]
    assert stored() == before


@pytest.mark.parametrize(
    "column", ["ChargeDescription", "SubAccountName", "PricingUnit", "SkuPriceId", "SubAccountId"]
)
def test_an_import_refuses_an_unusable_text(acme, tmp_path, column):
    before, wanted, found = stored(), [], []
    rows = []
    for text, reason in BAD.items():
        is_no_text = "\ud83d" in text  # in no file of UTF-8
        if not text.strip() or is_no_text or (reason == TOO_LONG and column in CUT):
            continue
        rows.append(row(**{column: text}))
        wanted.append("malformed" if "\0" in text else f"{column} {reason}")
    path = write(tmp_path / "export.csv", *rows)
    db.session.commit()
    import_focus(acme, [path], lambda _, reason: found.append(reason), now=NOW)
    assert len(found) == len(wanted)
    assert all(re.fullmatch(*pair) for pair in zip(wanted, found, strict=True)), found
    assert stored() == before
