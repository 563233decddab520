"""Settings: none is the demo, production needs all, and a contradiction stops the start with a sentence."""

import json
import secrets

import pytest

from portal import config
from portal.config import EASYBILL_API, STRIPE_API, STRIPE_JS, Environment
from portal.config.seller import REQUIRED as SELLER_REQUIRED
from portal.config.seller import SettingsError
from portal.config.types import WatchSettings
from portal.demo import settings as demo_settings
from portal.domain.vat import VatRules, WithoutVatId
from tests.seller import SELLER

PRODUCTION = {
    "PORTAL_ENV": "production",
    "SECRET_KEY": "5f2b7c90d4e8a1366bb08e1f94c7d2a0",
    "AUDIT_KEY": "c91d30e7a48b56f2204fd8b7316e5ac9",
    "DATABASE_URL": "postgresql://portal@db/portal",
    "PORTAL_URL": "https://billing.example",
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef",
    "EASYBILL_API_KEY": "0123456789abcdef0123456789abcdef",
    "MAIL_URL": "smtp://portal:secret@mail.example:587",
    "MAIL_FROM": "billing@example.org",
    "PROXY_HOPS": "1",
    "SELLER_NAME": "Alpencloud",
    "SELLER_SUPPORT_EMAIL": "support@alpencloud.example",
    "SELLER_COUNTRY": "AT",
    "SELLER_TIME_ZONE": "Europe/Vienna",
}
REQUIRED = sorted(set(PRODUCTION) - {"PORTAL_ENV"})
TEST_KEYS = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1"}
METRICS = {"METRICS_TOKEN": "0b1e6f7c2a9d4358b6e0c1d2f3a49587"}
STAND_INS = {
    "STRIPE_API_BASE": "http://127.0.0.1:8001",
    "EASYBILL_API_BASE": "http://127.0.0.1:8002/rest/v1",
    "EASYBILL_API_KEY": "easybill-sandbox",
}
STAGING = PRODUCTION | TEST_KEYS | STAND_INS | {"PORTAL_ENV": "staging"}


def from_environment(environment=None):
    return config.from_environment(environment, demo=demo_settings.defaults)


def settings(**changes):
    return from_environment(
        {name: value for name, value in (PRODUCTION | changes).items() if value is not None}
    )


def refusal(given):
    with pytest.raises(SettingsError) as refused:
        from_environment(given)
    sentence = str(refused.value)
    assert sentence.endswith((".", "…")), sentence
    assert "\n" not in sentence
    return sentence


# -- production -----------------------------------------------------------------------------------------
def test_production_with_all_settings_starts():
    found = settings()
    assert found.is_production
    assert found.is_https
    assert not found.has_sandbox
    assert (found.stripe.api_base, found.stripe.js_url) == (STRIPE_API, STRIPE_JS)
    assert found.easybill.api_base == EASYBILL_API


def test_easybill_is_called_as_its_small_plan_allows_by_default():
    assert settings().easybill.calls_per_minute == 10
    assert settings(EASYBILL_CALLS_PER_MINUTE="60").easybill.calls_per_minute == 60


def test_metrics_and_mails_to_the_operator_are_optional_settings():
    assert settings().watch == WatchSettings()
    listen = settings(METRICS_LISTEN="[::1]:9101", **METRICS).watch.metrics_listen
    assert listen == ("::1", 9101)
    assert settings(OPERATIONS_MAIL="ops@example.org").watch.operations_mail == "ops@example.org"


@pytest.mark.parametrize("name", REQUIRED)
def test_production_needs_each_setting_and_names_a_missing_setting(name):
    assert name in refusal({key: value for key, value in PRODUCTION.items() if key != name})


@pytest.mark.parametrize("name", REQUIRED)
def test_an_empty_setting_counts_as_missing(name):
    assert name in refusal(PRODUCTION | {name: ""})


def test_the_seller_of_production_is_that_of_its_settings_alone():
    seller = settings().seller
    assert (seller.name, seller.brand, seller.logo, seller.bank) == ("Alpencloud", "Alpencloud", None, None)
    assert (seller.country, seller.vat_home, seller.time_zone.key) == ("AT", "AT", "Europe/Vienna")
    assert settings().vat_rules == VatRules("AT", WithoutVatId.REFUSE)


def test_a_seller_that_cannot_be_used_stops_the_start_with_a_sentence():
    assert "SELLER_COUNTRY" in refusal(PRODUCTION | {"SELLER_COUNTRY": "Austria"})


def test_all_missing_settings_are_named_at_once():
    sentence = refusal({"PORTAL_ENV": "production"})
    assert all(name in sentence for name in REQUIRED)


def test_production_makes_no_secret_of_its_own(tmp_path):
    settings(PORTAL_VAR=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


CONTRADICTIONS = {
    "a kind that does not exist": ({"PORTAL_ENV": "canary"}, "PORTAL_ENV"),
    "a stand-in for Stripe": (
        {
            "STRIPE_API_BASE": "http://127.0.0.1:8001",
            "STRIPE_SECRET_KEY": "sk_test_1",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
        },
        "stand-in",
    ),
    "a live key for a stand-in": ({"STRIPE_API_BASE": "http://127.0.0.1:8001"}, "live"),
    "a restricted live key for a stand-in": (
        {"STRIPE_API_BASE": "http://127.0.0.1:8001", "STRIPE_SECRET_KEY": "rk_live_1"},
        "live",
    ),
    "the real EasyBill in other words": (
        {"EASYBILL_API_BASE": f"{EASYBILL_API}/"},
        "EASYBILL_API_BASE is the address of a stand-in",
    ),
    "the real EasyBill by its port": (
        {"EASYBILL_API_BASE": "https://API.easybill.de.:443/rest/v1"},
        "EASYBILL_API_BASE is the address of a stand-in",
    ),
    "the real Stripe in other words": (
        {"STRIPE_API_BASE": "http://api.stripe.com"},
        "STRIPE_API_BASE is the address of a stand-in",
    ),
    "a stand-in without a scheme": ({"STRIPE_API_BASE": "localhost:1"}, "STRIPE_API_BASE is the address"),
    "a mail password that ends the host": ({"MAIL_URL": "smtp://u:p/w@mail.example"}, "in a password / is"),
    "a mail password that begins a fragment": ({"MAIL_URL": "smtp://u:1#w@mail.example"}, "MAIL_URL"),
    "a mail server that is no address": ({"MAIL_URL": "smtp://[mail"}, "MAIL_URL"),
    "a mail server behind no port": ({"MAIL_URL": "smtp://mail.example:99999"}, "MAIL_URL"),
    "a stand-in for EasyBill": ({"EASYBILL_API_BASE": "http://127.0.0.1:8002/rest/v1"}, "stand-in"),
    "a live key with a test key": ({"STRIPE_SECRET_KEY": "sk_test_1"}, "different modes"),
    "a test key with a live key": ({"STRIPE_PUBLISHABLE_KEY": "pk_test_1"}, "different modes"),
    "a script from elsewhere": ({"STRIPE_JS_URL": "https://evil.test/stripe.js"}, "STRIPE_JS_URL"),
    "a script from a host that only looks like it": (
        {"STRIPE_JS_URL": "https://js.stripe.com.evil.test/x.js"},
        "STRIPE_JS_URL",
    ),
    "no https": ({"PORTAL_URL": "http://billing.example"}, "https"),
    "no address": ({"PORTAL_URL": "billing.example"}, "PORTAL_URL"),
    "an address with a path": ({"PORTAL_URL": "https://billing.example/portal"}, "PORTAL_URL"),
    "an address without a host": ({"PORTAL_URL": "https://"}, "PORTAL_URL"),
    "an address with a port that is none": ({"PORTAL_URL": "https://billing.example:x"}, "PORTAL_URL"),
    "an address with a password": ({"PORTAL_URL": "https://a:b@billing.example"}, "PORTAL_URL"),
    "a short secret": ({"SECRET_KEY": PRODUCTION["SECRET_KEY"][1:]}, "SECRET_KEY needs at least 32"),
    "a secret of one character": ({"SECRET_KEY": "a" * 32}, "SECRET_KEY could be guessed"),
    "a secret of few characters": ({"SECRET_KEY": "changeme" * 5}, "SECRET_KEY could be guessed"),
    "a secret that repeats itself": ({"SECRET_KEY": "0123456789abcdef" * 3}, "SECRET_KEY could be guessed"),
    "a secret of an example": ({"SECRET_KEY": "your-secret-key-goes-here-1234567"}, "SECRET_KEY could be"),
    "a poor secret of before": ({"SECRET_KEY_FALLBACKS": "b" * 32}, "SECRET_KEY_FALLBACKS could be guessed"),
    "a secret of before that is in force": (
        {"SECRET_KEY_FALLBACKS": PRODUCTION["SECRET_KEY"]},
        "SECRET_KEY_FALLBACKS has the secrets of before",
    ),
    "a secret key for browsers": ({"STRIPE_PUBLISHABLE_KEY": "sk_live_1"}, "STRIPE_PUBLISHABLE_KEY begins"),
    "a publishable key for the server": ({"STRIPE_SECRET_KEY": "pk_live_1"}, "STRIPE_SECRET_KEY begins with"),
    "a key with a blank": ({"STRIPE_SECRET_KEY": "sk_live_1 "}, "STRIPE_SECRET_KEY begins with"),
    "any webhook secret": ({"STRIPE_WEBHOOK_SECRET": "x"}, "STRIPE_WEBHOOK_SECRET begins with whsec_"),
    "a short webhook secret": ({"STRIPE_WEBHOOK_SECRET": "whsec_1"}, "STRIPE_WEBHOOK_SECRET is one word"),
    "any key of EasyBill's": ({"EASYBILL_API_KEY": "x"}, "EASYBILL_API_KEY"),
    "test keys in production": (TEST_KEYS, "STRIPE_TEST_MODE=yes"),
    "live keys in test mode": ({"STRIPE_TEST_MODE": "yes"}, "STRIPE_TEST_MODE=yes"),
    "another word for test mode": ({"STRIPE_TEST_MODE": "true"}, "STRIPE_TEST_MODE"),
    "a sender that is no address": ({"MAIL_FROM": "a"}, "MAIL_FROM"),
    "a sender on no network": ({"MAIL_FROM": "portal@localhost"}, "MAIL_FROM"),
    "a sender with a second header": ({"MAIL_FROM": "A\r\nBcc: b@c.example <a@b.example>"}, "MAIL_FROM"),
    "a level that the log has not": ({"LOG_LEVEL": "info"}, "LOG_LEVEL"),
    "a grace that meets the next month's": ({"CLOSE_GRACE_DAYS": "28"}, "from 0 to 27"),
    "a deadline that no provider meets": ({"PROVIDER_DEADLINE_MILLISECONDS": "99"}, "from 100 to 30000"),
    "a deadline that no customer waits for": ({"PROVIDER_DEADLINE_MILLISECONDS": "30001"}, "from 100"),
    "a number without an end": ({"PROXY_HOPS": "1" * 5000}, "PROXY_HOPS"),
    "more proxies than there are": ({"PROXY_HOPS": "10"}, "PROXY_HOPS"),
    "an audit key that signed cookies before": (
        {"SECRET_KEY_FALLBACKS": PRODUCTION["AUDIT_KEY"]},
        "AUDIT_KEY is a secret of its own",
    ),
    "a token of numbers that signs": (
        {"METRICS_TOKEN": PRODUCTION["SECRET_KEY"]},
        "METRICS_TOKEN is a secret of its own",
    ),
    "a token of numbers that could be guessed": ({"METRICS_TOKEN": "x" * 40}, "METRICS_TOKEN"),
    "numbers at no port": (METRICS | {"METRICS_LISTEN": "127.0.0.1"}, "METRICS_LISTEN"),
    "numbers at a port that does not exist": (METRICS | {"METRICS_LISTEN": "::1:70000"}, "METRICS_LISTEN"),
    "numbers that nobody may read": ({"METRICS_LISTEN": "127.0.0.1:9101"}, "METRICS_TOKEN"),
    "an operator without an address": ({"OPERATIONS_MAIL": "operations"}, "OPERATIONS_MAIL"),
    "another database": ({"DATABASE_URL": "mysql://db/portal"}, "DATABASE_URL"),
    "days that are no number": ({"CLOSE_GRACE_DAYS": "three"}, "CLOSE_GRACE_DAYS"),
    "negative days": ({"CLOSE_GRACE_DAYS": "-1"}, "CLOSE_GRACE_DAYS"),
    "no call at all": ({"EASYBILL_CALLS_PER_MINUTE": "0"}, "EASYBILL_CALLS_PER_MINUTE"),
    "half a day": ({"CLOSE_GRACE_DAYS": "0.5"}, "CLOSE_GRACE_DAYS"),
    "digits that are none of ours": ({"CLOSE_GRACE_DAYS": "٣"}, "CLOSE_GRACE_DAYS"),
    "a deadline that is no number": (
        {"PROVIDER_DEADLINE_MILLISECONDS": "2s"},
        "PROVIDER_DEADLINE_MILLISECONDS",
    ),
}


@pytest.mark.parametrize(("changes", "said"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictory_settings_are_refused_with_a_sentence(changes, said):
    assert said in refusal(PRODUCTION | changes)


def test_no_refusal_of_settings_repeats_a_secret():
    for changes, _ in CONTRADICTIONS.values():
        sentence = refusal(PRODUCTION | changes)
        for name, value in (PRODUCTION | changes).items():
            is_secret = "SECRET" in name or "KEY" in name
            assert not (is_secret and len(value) > 1 and value in sentence), (name, sentence)


def test_several_settings_that_cannot_be_meant_are_named_at_once():
    sentence = refusal(PRODUCTION | {"SECRET_KEY": "a" * 32, "MAIL_FROM": "a", "EASYBILL_API_KEY": "x"})
    assert all(name in sentence for name in ("SECRET_KEY", "MAIL_FROM", "EASYBILL_API_KEY"))


@pytest.mark.parametrize(
    ("make", "byte_count"), [("token_hex", 16), ("token_urlsafe", 24), ("token_hex", 32)]
)
def test_a_random_secret_is_taken(make, byte_count):
    secret = getattr(secrets, make)(byte_count)
    assert settings(SECRET_KEY=secret).secret_key == secret


def test_production_takes_test_keys_with_a_word():
    assert not settings(**TEST_KEYS, STRIPE_TEST_MODE="yes").stripe.is_live


def test_the_secrets_of_before_are_a_list():
    fresh, last, first = (secrets.token_hex(32) for _ in range(3))
    found = settings(SECRET_KEY=fresh, SECRET_KEY_FALLBACKS=f"{last}, {first}")
    assert (found.secret_key, found.secret_key_fallbacks) == (fresh, (last, first))


@pytest.mark.parametrize("name", sorted(set(REQUIRED) - set(SELLER_REQUIRED) - {"PROXY_HOPS"}))
def test_a_setting_that_matters_asks_what_this_portal_is(name):
    sentence = refusal({name: PRODUCTION[name]})
    assert name in sentence
    assert "PORTAL_ENV says what this is: demo or staging or production" in sentence


# -- staging --------------------------------------------------------------------------------------------
def test_staging_is_production_with_stand_ins():
    found = from_environment(STAGING)
    assert found.environment is Environment.STAGING
    assert (found.is_production, found.allows_stand_ins, found.has_sandbox) == (False, True, True)


def test_staging_needs_not_one_stand_in():
    real = {name: value for name, value in STAGING.items() if name not in STAND_INS}
    assert not from_environment(real | {"EASYBILL_API_KEY": PRODUCTION["EASYBILL_API_KEY"]}).has_sandbox


def test_all_missing_settings_of_staging_are_named_at_once():
    sentence = refusal({"PORTAL_ENV": "staging"})
    assert all(name in sentence for name in REQUIRED)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PORTAL_URL": "http://staging.example"}, "https"),
        ({"SECRET_KEY": "a" * 32}, "SECRET_KEY"),
        ({"MAIL_URL": "folder"}, "MAIL_URL"),
        ({"MAIL_FROM": "a"}, "MAIL_FROM"),
        ({"STRIPE_WEBHOOK_SECRET": "x"}, "STRIPE_WEBHOOK_SECRET"),
        (
            {"STRIPE_API_BASE": "", "STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"},
            "needs PORTAL_ENV=production",
        ),
    ],
)
def test_staging_is_checked_as_production_is(changes, said):
    assert said in refusal(STAGING | changes)


def test_a_setting_can_be_a_number():
    found = settings(CLOSE_GRACE_DAYS="7", PROVIDER_DEADLINE_MILLISECONDS="500")
    assert (found.close_grace_days, found.provider_deadline_milliseconds) == (7, 500)


def test_a_month_has_three_days_of_grace_unless_said_otherwise():
    assert settings().close_grace_days == 3


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_database_url_may_have_the_scheme_that_its_tools_write(scheme):
    assert settings(DATABASE_URL=f"{scheme}://portal@db/p").database_url == "postgresql+psycopg://portal@db/p"


def test_production_may_use_the_embedded_database():
    assert (
        settings(DATABASE_URL="sqlite:////srv/portal.sqlite").database_url == "sqlite:////srv/portal.sqlite"
    )


@pytest.mark.parametrize(
    "url", ["sqlite:///portal.sqlite", "sqlite:///file:/srv/x?uri=true", "sqlite:///:memory:"]
)
def test_a_database_file_is_named_by_its_whole_path(url):
    """A path from where somebody stands is another file for the portal, its clock and a backup."""
    with pytest.raises(SettingsError, match="DATABASE_URL begins with postgresql:// or sqlite:////"):
        settings(DATABASE_URL=url)


def test_the_demos_database_may_be_named_from_where_one_stands(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = from_environment({"PORTAL_VAR": "mine"})
    assert found.database_url == f"sqlite:///{tmp_path}/mine/portal.sqlite"


def test_an_address_of_a_database_that_cannot_be_read_is_refused_without_its_password():
    with pytest.raises(SettingsError, match="DATABASE_URL cannot be read") as refused:
        settings(DATABASE_URL="postgresql://portal:half@db:half/portal")
    assert "half" not in str(refused.value)


def test_a_slash_at_the_end_of_the_portals_url_does_not_matter():
    assert settings(PORTAL_URL="https://billing.example/").portal_url == "https://billing.example"


# -- the demo -------------------------------------------------------------------------------------------
@pytest.fixture
def demo(tmp_path):
    def of(**given):
        chosen = {"PORTAL_ENV": "demo"} if given else {}
        return from_environment({"PORTAL_VAR": str(tmp_path)} | chosen | given)

    return of


def test_the_portal_without_settings_is_the_demo(demo, tmp_path):
    found = demo()
    assert not found.is_production
    assert found.has_sandbox
    assert found.database_url == f"sqlite:///{tmp_path / 'portal.sqlite'}"
    assert found.portal_url == "http://127.0.0.1:8000"
    assert found.stripe.is_sandbox
    assert found.easybill.is_sandbox


def test_the_demo_has_a_seller_of_its_own_unless_another_is_named(demo):
    assert demo().seller == SELLER
    other = demo(SELLER_NAME="Alpencloud", SELLER_BRAND="Alpen").seller
    assert (other.name, other.brand, other.country) == ("Alpencloud", "Alpen", "DE")


def test_the_demo_reads_nothing_but_the_environment(monkeypatch, tmp_path):
    for name in [*REQUIRED, "PORTAL_ENV", "STRIPE_API_BASE", "EASYBILL_API_BASE", "STRIPE_JS_URL"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORTAL_VAR", str(tmp_path))
    assert from_environment() == from_environment({"PORTAL_VAR": str(tmp_path)})


def test_the_demo_makes_its_secret_once(demo, tmp_path):
    assert demo().secret_key == demo().secret_key == (tmp_path / "secret").read_text()
    assert len(demo().secret_key) >= 32


def test_two_demos_have_two_secrets(tmp_path):
    one, other = (from_environment({"PORTAL_VAR": str(tmp_path / name)}).secret_key for name in "ab")
    assert one != other


def test_the_secret_of_the_demo_is_readable_by_its_owner_alone(demo, tmp_path):
    demo()
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_the_demo_uses_the_addresses_that_make_run_chose(demo, tmp_path):
    chosen = {
        "url": "http://127.0.0.1:1",
        "stripe_url": "http://127.0.0.1:2",
        "easybill_url": "http://127.0.0.1:3",
    }
    (tmp_path / "demo.json").write_text(json.dumps(chosen))
    found = demo()
    assert found.portal_url == "http://127.0.0.1:1"
    assert found.stripe.api_base == "http://127.0.0.1:2"
    assert found.stripe.js_url == "http://127.0.0.1:2/stripe.js"
    assert found.easybill.api_base == "http://127.0.0.1:3/rest/v1"


def test_a_stripe_key_in_the_settings_means_the_real_stripe(demo):
    found = demo(
        STRIPE_SECRET_KEY="sk_test_1",
        STRIPE_PUBLISHABLE_KEY="pk_test_1",
        STRIPE_WEBHOOK_SECRET=PRODUCTION["STRIPE_WEBHOOK_SECRET"],
    )
    assert found.stripe.api_base == STRIPE_API
    assert found.easybill.is_sandbox


def test_a_stripe_key_without_its_other_settings_is_refused():
    assert "STRIPE_PUBLISHABLE_KEY" in refusal({"PORTAL_ENV": "demo", "STRIPE_SECRET_KEY": "sk_test_1"})


def test_an_easybill_key_in_the_settings_means_the_real_easybill(demo):
    assert demo(EASYBILL_API_KEY=PRODUCTION["EASYBILL_API_KEY"]).easybill.api_base == EASYBILL_API


def test_the_demo_never_sends_a_live_key_to_a_stand_in(tmp_path):
    given = {
        "PORTAL_ENV": "demo",
        "PORTAL_VAR": str(tmp_path),
        "STRIPE_SECRET_KEY": "sk_live_1",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef",
        "STRIPE_API_BASE": "http://127.0.0.1:8001",
    }
    assert "live" in refusal(given)


def test_a_derived_secret_differs_by_purpose_and_by_secret():
    assert len({demo_settings.derived(secret, purpose) for secret in "ab" for purpose in "cd"}) == 4


def test_eu_customers_without_a_vat_id_are_refused_by_default():
    assert from_environment(PRODUCTION).eu_without_vat_id is WithoutVatId.REFUSE


@pytest.mark.parametrize("choice", WithoutVatId)
def test_the_vat_of_eu_customers_without_a_vat_id_is_a_setting(choice):
    chosen = from_environment(PRODUCTION | {"EU_WITHOUT_VAT_ID": choice.value})
    assert chosen.eu_without_vat_id is choice


def test_the_e_invoice_formats_of_the_account_are_a_setting():
    assert from_environment(PRODUCTION).document_formats == frozenset()
    named = from_environment(PRODUCTION | {"EASYBILL_FORMATS": "xrechnung, zugferd"})
    assert named.document_formats == {"xrechnung", "zugferd"}


@pytest.mark.parametrize(
    ("name", "value"), [("EU_WITHOUT_VAT_ID", "germany"), ("EASYBILL_FORMATS", "xrechnung,docx")]
)
def test_an_unknown_choice_of_a_setting_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        from_environment(PRODUCTION | {name: value})


def test_live_stripe_keys_are_refused_by_the_demo(demo):
    live = {
        "STRIPE_SECRET_KEY": "sk_live_x",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_x",
        "STRIPE_WEBHOOK_SECRET": PRODUCTION["STRIPE_WEBHOOK_SECRET"],
    }
    with pytest.raises(SettingsError, match="needs PORTAL_ENV=production"):
        demo(**live)


def test_the_open_mailbox_of_the_demo_is_refused_on_a_public_address(demo):
    with pytest.raises(SettingsError, match="anybody may read the mails"):
        demo(PORTAL_URL="https://billing.example")
