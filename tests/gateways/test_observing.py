"""What an observer is told of calls to providers: few words, each ending, how long a breaker rests."""

import smtplib

import pytest

from portal.domain.errors import BillingError, NotFoundError, ProviderUnavailableError
from portal.gateways.easybill import EasybillGateway
from portal.gateways.mail import Mail, SmtpMail
from portal.gateways.observing import CallObserver, CallOutcome, observed
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import NewCustomer
from tests.delivery.rows import KEY
from tests.factories import NOW
from tests.gateways.faults import faults_before


class Recorder(CallObserver):
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.rested: list[float] = []

    def called(self, operation, outcome, seconds):
        assert 0 <= seconds < 60
        self.calls.append((operation, str(outcome)))

    def rests(self, seconds):
        self.rested.append(seconds)


@pytest.fixture
def observer() -> Recorder:
    return Recorder()


def test_every_call_to_stripe_is_observed_under_its_operation(sandboxes, observer):
    gateway = StripeGateway("sk_test_sandbox", sandboxes.stripe_url, 5000, observer=observer)
    customer_id = gateway.create_customer(NewCustomer("o", "1", "Acme", None), "observed")
    gateway.methods_of(customer_id)
    with pytest.raises(NotFoundError):
        gateway.method_of("pm_none")
    assert observer.calls == [
        ("create_customer", "answered"),
        ("customer_of", "answered"),
        ("methods_of", "answered"),
        ("method_of", "refused"),
    ]


def test_a_call_to_stripe_without_an_answer_is_observed_as_what_it_is(sandboxes, observer):
    with faults_before(sandboxes.stripe_url) as faults:
        gateway = StripeGateway("sk_test_sandbox", faults.url, 400, observer=observer)
        faults.fail("refused")
        for _ in range(6):
            with pytest.raises(ProviderUnavailableError):
                gateway.detach("pm_1")
    assert observer.calls == [("detach", "unknown")] * 5 + [("detach", "not_begun")]
    assert observer.rested == [10]


def test_an_operation_at_easybill_names_no_document(sandboxes, observer):
    gateway = EasybillGateway(KEY, f"{sandboxes.easybill_url}/rest/v1", observer=observer)
    assert gateway.document_of("999999999999") is None
    gateway.customer_by_number("1")
    assert observer.calls == [("GET /documents/{id}", "answered"), ("GET /customers", "answered")]


def test_a_breaker_of_easybills_is_observed_when_it_opens(sandboxes, observer):
    with faults_before(sandboxes.easybill_url) as faults:
        gateway = EasybillGateway(KEY, f"{faults.url}/rest/v1", 1, observer=observer)
        faults.fail("500")
        for _ in range(6):
            with pytest.raises(BillingError):
                gateway.document_of("1")
    outcomes = [outcome for _, outcome in observer.calls]
    assert outcomes == ["unavailable"] * 5 + ["not_begun"]
    assert observer.rested == [10]


def test_a_mail_is_observed(observer, monkeypatch):
    class Broken:
        def __init__(self, *args, **options) -> None:
            raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(smtplib, "SMTP", Broken)
    server = SmtpMail("smtp://localhost", "a@b.example", "c@d.example", 1000, lambda: NOW, observer=observer)
    with pytest.raises(ProviderUnavailableError):
        server.send(Mail("ada@example.org", "Hello", "Hello"))
    assert observer.calls == [("send", "unavailable")]


def test_a_mistake_of_ours_in_a_call_is_observed_and_raised(observer):
    with pytest.raises(ZeroDivisionError), observed(observer, "count"):
        raise ZeroDivisionError
    assert observer.calls == [("count", CallOutcome.MISTAKE)]
