"""Guessing passwords against several processes on one database, and by the clock (S10, S11)."""

import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlalchemy import delete

from portal.domain.access import Preset
from portal.models import Throttle
from portal.storage import db
from tests.factories import PASSWORD, make_member
from tests.page import client_of
from tests.security.serve import served
from tests.security.sizes import IS_FULL, sized


def guess(url: str, login: str, password: str) -> tuple[int, str]:
    """Sign in as a browser does, and return the status and the words of the answer."""
    with requests.Session() as browser:
        page = browser.get(f"{url}/login", timeout=20).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        data = {"csrf_token": token[1], "login": login, "password": password}
        answer = browser.post(f"{url}/login", data=data, timeout=20, allow_redirects=False)
    error = re.search(r"This address and password do not go together[^<]*", answer.text)
    return answer.status_code, error[0] if error else ""


@pytest.mark.timeout(180)
def test_with_four_processes_ten_guesses_reach_the_hash_and_a_restart_forgets_none(
    app, acme, sandboxes, tmp_path, proves
):
    ada, grace = make_member(acme, Preset.ADMIN), make_member(acme, Preset.VIEWER)
    logins = ada.login, grace.login
    url, hashes = app.config["SQLALCHEMY_DATABASE_URI"], str(tmp_path / "hashes")
    if url.startswith("postgresql"):
        url = db.engine.url.render_as_string(hide_password=False)
    db.session.remove()
    processes, tries = sized(2, 4), sized(24, 100)
    with served(url, sandboxes, tmp_path, processes=processes, hashes=hashes) as addresses:
        with ThreadPoolExecutor(8) as pool:
            jobs = [
                pool.submit(guess, addresses[place % processes], logins[0], f"wrong password {place}")
                for place in range(tries)
            ]
            answers = {each.result() for each in jobs}
        reached = Path(hashes).stat().st_size
        assert reached <= 10
        assert len(answers) == 1, "the same words before and after the limit"
        assert guess(addresses[0], logins[0], PASSWORD) in answers, "the right one does not do either"
    with served(url, sandboxes, tmp_path, hashes=hashes) as [address]:
        assert guess(address, logins[0], PASSWORD) in answers, "a restart forgets nothing"
        assert Path(hashes).stat().st_size == reached
    client = client_of(app)  # from another network
    client.get("/login")
    data = {"csrf_token": client.csrf_token, "login": logins[1], "password": PASSWORD}
    other = client.post("/login", data=data, environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert other.status_code == 303, "another account is not affected"
    proves(f"S11 {tries} wrong passwords at {processes} processes: {reached} reached the hash")


if IS_FULL:  # a measurement: taken beside nothing else

    @pytest.mark.timeout(300)
    def test_signing_in_with_a_known_and_an_unknown_address_takes_the_same_time(app, acme, proves):
        ada = make_member(acme, Preset.ADMIN)
        client = client_of(app)
        client.get("/login")
        seconds: dict[str, list[float]] = {ada.login: [], "nobody@example.org": []}
        for place in range(400):
            login = list(seconds)[place % 2]
            db.session.execute(delete(Throttle))
            db.session.commit()
            data = {"csrf_token": client.csrf_token, "login": login, "password": "wrong horse battery"}
            started = time.perf_counter()
            answer = client.post("/login", data=data)
            seconds[login].append(time.perf_counter() - started)
            assert answer.status_code == 422
        known, unknown = (statistics.median(each) for each in seconds.values())
        assert abs(known - unknown) <= 0.1 * max(known, unknown)
        proves(f"S10 {known * 1000:.1f} ms for a known address, {unknown * 1000:.1f} ms for an unknown one")
