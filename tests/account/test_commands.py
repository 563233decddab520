"""The operator's commands: each says in one sentence what is wrong, and never shows a traceback."""

import datetime as dt
import json
from contextlib import ExitStack
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import create_engine, make_url, select

from portal.config.values import with_driver
from portal.domain import tokens
from portal.models import (
    Account,
    Collector,
    Delivery,
    Invoice,
    MonthReview,
    Organization,
    Price,
    Product,
    Project,
    Subscription,
    UsageHour,
    add_owned,
)
from portal.storage import db
from tests.delivery.rows import make_invoice, own_customer
from tests.factories import (
    JANUARY,
    MARCH,
    NOW,
    PASSWORD,
    make_account,
    make_member,
    make_product,
    make_subscription,
    use,
    use_all_hours,
)
from tests.page import bearer
from tests.postgres import own_database

ADDRESS = "--street Musterstraße --postal-code 20095 --city Hamburg --country DE".split()
HEADER = (
    "BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ListUnitPrice,PricingQuantity,"
    "PricingUnit,SkuPriceId,SubAccountId"
)
ROW = "EUR,Usage,2026-01-13T07:00:00Z,2026-01-13T08:00:00Z,0.5,3,GB,sku-1,4711"


@pytest.fixture
def run(app):
    """Run a command; `says` is what it prints on both streams."""

    def command(*arguments, status=0, **options):
        db.session.commit()
        result = app.test_cli_runner().invoke(args=[str(each) for each in arguments], **options)
        if status == 0:
            assert result.exit_code == 0, result.output
        else:
            assert isinstance(result.exception, SystemExit), repr(result.exception)
            assert result.exit_code == status, result.output
        db.session.rollback()
        db.session.expire_all()
        return result.output.strip()

    return command


@pytest.fixture
def export(tmp_path):
    def write(*rows, header=HEADER):
        path = tmp_path / "export.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write


def test_an_organization_is_made_and_its_id_printed(run):
    uid = run(
        "directory", "add-organization", "Acme GmbH", *ADDRESS, "--currency", "EUR", "--email", "a@b.example"
    )
    organization = db.session.scalars(db.select(Organization)).one()

    assert organization.uid == UUID(uid)
    assert (organization.name, organization.city, organization.emails) == (
        "Acme GmbH",
        "Hamburg",
        ["a@b.example"],
    )


def test_an_organization_in_no_currency_is_refused_in_one_sentence(run):
    said = run("directory", "add-organization", "Acme", *ADDRESS, "--currency", "euro", status=1)

    assert said == "Error: currency is not an ISO 4217 code such as EUR"


def test_an_account_is_made_and_can_sign_in(run, nobody):
    run("directory", "add-account", "Ada@example.org", "--name", "Ada", "--password", PASSWORD)
    nobody.page("/login")

    assert nobody.submit("/login", login="ada@example.org", password=PASSWORD).status_code == 303


def test_a_password_is_asked_for_twice_and_not_shown(run):
    said = run(
        "directory", "add-account", "ada@example.org", "--name", "Ada", input=f"{PASSWORD}\n{PASSWORD}\n"
    )

    assert PASSWORD not in said
    assert db.session.scalars(db.select(Account)).one().login == "ada@example.org"


def test_a_second_account_of_an_address_is_refused(run):
    make_account("ada@example.org")
    said = run("directory", "add-account", "ada@example.org", "--name", "A", "--password", PASSWORD, status=1)

    assert said == "Error: There is already an account ada@example.org."


def test_a_member_is_added(run, acme, sign_in):
    account = make_account("ada@example.org")
    run("directory", "add-member", "ada@example.org", "--organization", acme.number, "--preset", "viewer")

    sign_in(account).page("/invoices")


@pytest.mark.parametrize(
    ("login", "organization", "said"),
    [
        ("eve@example.org", "10001", "Error: There is no account eve@example.org."),
        ("ada@example.org", "99999", "Error: There is no organization 99999."),
        ("ada@example.org", "Acme", "Error: organization is neither a customer number nor a UUID"),
    ],
)
def test_an_unknown_account_or_organization_of_add_member_is_named(run, acme, login, organization, said):
    make_account("ada@example.org")

    assert (
        run("directory", "add-member", login, "--organization", organization, "--preset", "viewer", status=1)
        == said
    )


def test_a_preset_given_to_a_command_is_one_of_five(run, acme):
    run("directory", "add-member", "a@b", "--organization", acme.number, "--preset", "king", status=2)


def test_a_token_is_printed_once_and_works(run, acme, nobody):
    make_member(acme, "viewer", make_account("ada@example.org"))
    token = run("directory", "add-token", "ada@example.org", "--organization", acme.uid, "--name", "ci")

    assert nobody.get("/invoices", headers=bearer(token)).json == []


def test_a_price_makes_its_product(run):
    run(
        "catalogue",
        "set-price",
        "vm",
        "--name",
        "Server",
        "--unit",
        "hour",
        "--currency",
        "EUR",
        "--price",
        "0.00694",
    )
    product = db.session.scalars(db.select(Product)).one()
    price = db.session.scalars(db.select(Price)).one()

    assert (product.code, product.name, product.unit, product.metering) == ("vm", "Server", "hour", "usage")
    assert (price.currency, price.start_day, price.unit_price) == ("EUR", 0, Decimal("0.00694"))


def test_a_price_may_begin_on_a_day(run):
    run("catalogue", "set-price", "vm", "--currency", "EUR", "--price", "1", "--since", "2026-03-01")

    assert db.session.scalars(db.select(Price)).one().start_day == MARCH.start_day


@pytest.mark.parametrize(
    ("currency", "price", "said"),
    [
        ("EUR", "0.0000000000001", "Error: unit_price is finer than 12 decimals"),
        ("EUR", "-1", "Error: unit_price is negative or too large"),
        ("EUR", "1e30", "Error: unit_price is negative or too large"),
        ("euro", "1", "Error: currency is not an ISO 4217 code such as EUR"),
    ],
)
def test_a_price_that_cannot_be_kept_is_refused(run, currency, price, said):
    assert run("catalogue", "set-price", "vm", "--currency", currency, f"--price={price}", status=1) == said
    assert db.session.scalars(db.select(Product)).all() == []


@pytest.mark.parametrize("price", ["cheap", "NaN", "1e1000000", "١", "1_0", "0" * 50])
def test_a_price_is_a_number(run, price):
    said = run("catalogue", "set-price", "vm", "--currency", "EUR", "--price", price, status=2)

    assert f"{price} is not a decimal number, or has too many digits" in said


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00", "0001-01-01"])
def test_a_time_that_is_far_away_is_refused_in_a_sentence(run, acme, since):
    make_product(code="vm")
    said = run("catalogue", "subscribe", "vm", "--organization", acme.number, "--since", since, status=2)

    assert f"{since} is" in said


def test_a_price_of_an_invoiced_month_is_frozen(run, acme, easybill_of_its_own):
    product = make_product("vm", code="vm")
    use_all_hours(make_subscription(acme, product), JANUARY)
    run("billing", "tick", "--now", "2026-02-10")
    said = run(
        "catalogue", "set-price", "vm", "--currency", "EUR", "--price", "9", "--since", "2026-01-20", status=1
    )

    assert said == "Error: That day is part of an invoiced month: its price cannot change any more."


def test_a_project_subscribes_from_an_hour_on(run, acme):
    make_product(code="vm")
    uid = run(
        *("catalogue", "subscribe", "vm", "--organization", acme.number),
        *("--project", "web", "--since", "2026-01-01T01:00:00+01:00"),
    )
    subscription = db.session.scalars(db.select(Subscription)).one()

    assert subscription.uid == UUID(uid)
    assert subscription.start_hour == JANUARY.start_hour
    assert db.session.scalars(db.select(Project)).one().code == "web"


def test_a_subscription_begins_with_a_full_hour(run, acme):
    make_product(code="vm")
    said = run(
        *("catalogue", "subscribe", "vm", "--organization", acme.number, "--since", "2026-01-01T10:30"),
        status=2,
    )

    assert "is not a full hour" in said


def test_a_product_without_a_price_cannot_be_subscribed_to(run, acme):
    make_product(code="vm", currency="USD")

    assert run("catalogue", "subscribe", "vm", "--organization", acme.number, status=1) == (
        "Error: vm has no price in EUR."
    )


def test_subscribing_to_an_unknown_product_names_the_product(run, acme):
    assert run("catalogue", "subscribe", "vm", "--organization", acme.number, status=1) == (
        "Error: There is no product vm."
    )


def test_an_import_says_how_many_rows_were_metered_rounded_and_refused(run, acme, export):
    path = export(ROW, ROW.replace("Usage", "Tax"), ROW.replace(",3,", ",0.0000000004,"))
    said = run("usage", "import", path, "--organization", acme.number).splitlines()

    assert said == [
        "export.csv:3: tax",
        "3 rows read, 2 metered, 1 rounded to 1e-9",
        "entries: 1 new, 0 same, 0 replaced, 0 corrections of invoiced months",
        "not metered: 1 × tax",
    ]
    assert db.session.scalars(db.select(UsageHour.quantity_nano)).all() == [3 * 10**9]


def test_an_import_of_a_file_that_is_no_export_is_refused(run, acme, export):
    said = run("usage", "import", export("1,2", header="a,b"), "--organization", acme.number, status=1)

    assert said.startswith("Error: This is not a FOCUS export: it has no column BillingCurrency,")


def test_an_import_needs_a_file_that_exists(run, acme, tmp_path):
    run("usage", "import", tmp_path / "nowhere.csv", "--organization", acme.number, status=2)


def test_a_tick_meters_closes_delivers_and_syncs(run, acme, easybill_of_its_own):
    use_all_hours(make_subscription(acme, make_product()), JANUARY)
    said = run("billing", "tick", "--now", "2026-02-10T00:00:00Z")

    assert "1 closed" in said
    invoice = db.session.scalars(db.select(Invoice)).one()
    assert invoice.delivery == "delivered"
    assert invoice.closed_at == dt.datetime(2026, 2, 10, tzinfo=dt.UTC)


def test_a_second_tick_in_the_same_hour_does_nothing(run, acme, easybill_of_its_own):
    use_all_hours(make_subscription(acme, make_product()), JANUARY)
    run("billing", "tick", "--now", "2026-02-10")

    said = " ".join(run("billing", "tick", "--now", "2026-02-10").split())

    assert "hours done 0 new closing done 0 closed, 0 parked delivery done nothing to do" in said


def test_a_time_given_to_a_command_is_iso_8601(run):
    run("billing", "tick", "--now", "tomorrow", status=2)


@pytest.fixture
def easybill_of_its_own(acme):
    """The sandbox outlives a test, so this customer has a number that no other test has."""
    return own_customer(acme)


def test_the_verify_command_says_that_all_is_well_or_which_month_differs(run, acme):
    server = make_subscription(acme, make_product("vm", "1"))
    use(server, {JANUARY.start_hour: 5})
    assert run("billing", "verify") == "every invoice is what was metered"

    db.session.execute(db.update(UsageHour).values(quantity_nano=1))
    db.session.commit()
    said = run("billing", "verify", status=1).splitlines()
    assert "the hours have 0.000000001, the day has 5" in said[0]
    assert said[-1] == "Error: 1 differences"


def test_a_parked_month_is_listed_with_its_reason_and_released(run, acme):
    with_reason = MonthReview(period="2026-01", reason="It looks odd.", began_at=NOW)
    add_owned(acme.id, with_reason)
    db.session.commit()

    assert run("billing", "parked", status=4) == f"{acme.number}  2026-01  Acme GmbH: It looks odd."
    assert run("billing", "release", acme.number, "2026-01") == ""
    assert run("billing", "parked") == ""
    assert "has no parked month 2026-01" in run("billing", "release", acme.number, "2026-01", status=1)
    assert "is not a month" in run("billing", "release", acme.number, "January", status=1)


def test_a_collectors_token_is_shown_once(run):
    token = run("directory", "add-collector", "region north")
    collector = db.session.scalars(db.select(Collector)).one()

    assert token.startswith(collector.prefix)
    assert collector.token_sha256 == tokens.fingerprint(token)


def test_a_stuck_document_is_listed_with_its_reason_and_tried_again(run, acme):
    invoice = make_invoice(own_customer(acme), ("production", "vm", "744", "0.5"))
    assert run("billing", "stuck") == ""
    invoice.attempts, invoice.last_error = 2, "EasyBill did not answer in time."
    invoice.next_attempt_at = NOW
    db.session.commit()
    assert run("billing", "stuck", status=4) == (
        f"{acme.number}  2026-01  Acme GmbH: again at 2026-03-10 12:30 UTC, tried 2 times:"
        " EasyBill did not answer in time."
    )
    invoice.delivery, invoice.last_error = Delivery.STUCK, "The totals differ."
    db.session.commit()
    assert run("billing", "stuck", status=4) == (
        f"{acme.number}  2026-01  Acme GmbH: stuck, tried 2 times: The totals differ."
    )
    assert "Name an organization" in run("billing", "retry", status=2)
    assert run("billing", "retry", acme.number) == "1 invoices are tried again by the next run"
    assert (invoice.delivery, invoice.attempts) == (Delivery.PENDING, 0)
    assert run("billing", "retry", "--all") == "0 invoices are tried again by the next run"
    assert run("billing", "stuck") == ""


def test_a_backup_is_made_and_never_replaces_another(run, acme, tmp_path):
    said = run("billing", "backup", tmp_path / "portal.backup")
    assert f"{(tmp_path / 'portal.backup').stat().st_size} bytes" in said
    assert "exists already" in run("billing", "backup", tmp_path / "portal.backup", status=1)
    assert "--replace" in run("billing", "restore", tmp_path / "portal.backup", status=1)
    assert "There is no file" in run("billing", "restore", tmp_path / "none", status=1)


def test_a_backup_is_restored_into_another_database_and_the_place_is_told(run, app, acme, tmp_path, request):
    path = tmp_path / "portal.backup"
    run("billing", "backup", path)
    with ExitStack() as stack:
        url, place = f"sqlite:///{tmp_path}/copy.sqlite", f"the file {tmp_path}/copy.sqlite"
        if db.engine.dialect.name == "postgresql":
            server = request.getfixturevalue("postgres_url")
            url = stack.enter_context(own_database(server)).replace("+psycopg", "").replace("@", ":secret@")
            place = f"the database own at 127.0.0.1, port {make_url(server).port}"
        said = run("billing", "restore", path, "--into", url).splitlines()
        assert said[0] == f"restoring {path} into {place}"
        assert said[-1] == (
            f"restored into {place}; now `db upgrade` and `billing verify`, with its address as DATABASE_URL"
        )
        assert "--replace" in run("billing", "restore", path, "--into", url, status=1)
        engine = create_engine(with_driver(url))
        with engine.connect() as connection:
            assert connection.scalars(select(Organization.name)).all() == ["Acme GmbH"]
        engine.dispose()


def test_a_place_or_file_that_cannot_be_meant_is_refused_in_a_sentence(run, tmp_path):
    (tmp_path / "portal.backup").touch()
    refused = run(
        "billing", "restore", tmp_path / "portal.backup", "--into", "mysql://a:secret@b/c", status=2
    )
    assert "--into URL begins with postgresql:// or sqlite:////" in refused
    assert "secret" not in refused
    for command in (("backup",), ("restore",), ("verify", "--heads")):
        assert "irectory" in run("billing", *command, tmp_path, status=2)


def test_verify_compares_audit_trails_with_the_heads_of_a_log(run, acme, tmp_path):
    log = tmp_path / "clock.log"
    log.write_text("nothing of ours\n")
    assert "has no head of an audit trail" in run("billing", "verify", "--heads", log, status=1)
    head = {"logger": "portal.ledger.audit_heads", "message": "audit head", "at": "2026-03-01T00:00:00Z"}
    head |= {"organization": str(acme.uid), "entry": 7, "sha256": "0" * 64}
    log.write_bytes(b"of another program: \xff\n" + json.dumps(head).encode() + b"\n")
    assert "entry 7, there on 2026-03-01, is missing" in run("billing", "verify", "--heads", log, status=1)
    log.write_bytes(log.read_bytes()[:-20])
    assert "Line 2 of the log" in run("billing", "verify", "--heads", log, status=1)


def test_seal_audit_says_how_many_trails_had_entries_without_the_key(run, acme):
    assert run("billing", "seal-audit").startswith("0 audit trails had entries without the key")
