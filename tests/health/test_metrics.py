"""/metrics: who may read it, what it says, and that it answers when the database does not."""

import socket
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from portal.config.types import Environment, ListenAddress, WatchSettings
from portal.health import listening, queries
from portal.health.listening import serve_metrics
from portal.health.samples import METRICS
from tests.health.test_facts import ran

TOKEN = "0b1e6f7c2a9d4358b6e0c1d2f3a49587"


@pytest.fixture
def guarded(settings):
    settings(environment=Environment.PRODUCTION, watch=WatchSettings(metrics_token=TOKEN))


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def numbers_in(text: str) -> dict[str, float]:
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scraper_with_the_token_reads_every_fact(nobody, guarded):
    ran("hours")
    response = nobody.get("/metrics", headers=bearing(TOKEN))
    assert response.status_code == 200
    assert response.mimetype == "text/plain"
    names = {name.partition(" ")[0] for name in numbers_in(response.text)}
    assert names >= set(METRICS) - {"portal_clock_host_ahead_seconds"}  # a test has one clock


@pytest.mark.parametrize(
    "headers", [{}, bearing(""), bearing(TOKEN[:-1]), bearing(f"{TOKEN}ä"), {"Authorization": TOKEN}]
)
def test_a_scraper_without_the_token_is_told_to_send_it(nobody, guarded, headers):
    response = nobody.get("/metrics", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "portal_" not in response.text


def test_without_a_token_in_the_settings_production_has_no_metrics(nobody, settings):
    settings(environment=Environment.PRODUCTION)
    assert nobody.get("/metrics", headers=bearing("")).status_code == 404


def test_a_demo_shows_its_metrics_to_its_own_machine_alone(nobody, settings):
    settings(environment=Environment.DEMO)
    assert nobody.get("/metrics").status_code == 200
    for address in ("192.0.2.7", "nonsense"):
        assert nobody.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 404


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_a_monitor_may_ask_a_process_by_its_address(nobody, guarded, path):
    response = nobody.get(path, headers=bearing(TOKEN) | {"Host": "10.0.0.7:8000"})
    assert response.status_code == 200
    assert "10.0.0.7" not in response.text + str(response.headers)


def test_a_page_is_not_shown_under_a_foreign_name(nobody):
    assert nobody.get("/login", headers={"Host": "10.0.0.7:8000"}).status_code == 400


def test_requests_of_this_process_are_among_the_metrics(nobody, guarded):
    name = "portal_requests_total read /healthz 200"
    before = numbers_in(nobody.get("/metrics", headers=bearing(TOKEN)).text).get(name, 0)
    nobody.get("/healthz")
    assert numbers_in(nobody.get("/metrics", headers=bearing(TOKEN)).text)[name] == before + 1


def test_metrics_answer_while_the_database_does_not(nobody, guarded, monkeypatch):
    def no_database(_):
        raise queries.SQLAlchemyError("no server")

    monkeypatch.setattr(queries, "_schema", no_database)
    response = nobody.get("/metrics", headers=bearing(TOKEN))
    numbers = numbers_in(response.text)
    assert response.status_code == 200
    assert numbers["portal_database_up"] == 0
    assert [name for name in numbers if name.startswith("portal_build_info")]


@pytest.fixture
def clocks_port(app, guarded) -> Iterator[int]:
    server = serve_metrics(app, ListenAddress("127.0.0.1", 0))
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_the_clock_shows_its_metrics_at_a_port_of_its_own(clocks_port):
    base = f"http://127.0.0.1:{clocks_port}"
    with urlopen(Request(f"{base}/metrics", headers=bearing(TOKEN)), timeout=10) as answer:
        assert "portal_build_info" in answer.read().decode()
    for path, status in (("/metrics", 401), ("/login", 404)):
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{base}{path}", timeout=10)
        assert refused.value.code == status
        refused.value.close()


def test_a_client_that_says_nothing_keeps_no_other_from_the_metrics_of_the_clock(clocks_port, monkeypatch):
    monkeypatch.setattr(listening._Handler, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", clocks_port)):
        asked = Request(f"http://127.0.0.1:{clocks_port}/metrics", headers=bearing(TOKEN))
        with urlopen(asked, timeout=10) as answer:
            assert answer.status == 200


def test_a_clock_whose_port_for_metrics_is_taken_says_so(app, settings, clocks_port):
    settings(watch=WatchSettings(metrics_listen=ListenAddress("127.0.0.1", clocks_port)))
    result = app.test_cli_runner().invoke(args=["billing", "work"])
    assert result.exit_code == 1
    assert f"METRICS_LISTEN: nothing can listen at 127.0.0.1:{clocks_port}" in result.output
