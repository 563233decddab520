"""The person's own page."""

import pytest

from portal.domain.access import Preset
from portal.models import Account
from portal.storage import db
from tests.factories import make_account, make_member, make_organization


def text_of(element):
    return " ".join(element.text.split())


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.VIEWER, make_account("ada@example.org"))


@pytest.fixture
def client(ada, sign_in):
    return sign_in(ada)


def test_the_account_page_says_whose_it_is_and_where_they_are_a_member(client, ada):
    make_member(make_organization("Beta AG"), Preset.ADMIN, ada)
    make_member(make_organization("Gamma SE"), Preset.OPERATOR, ada)
    soup = client.page("/account")

    assert "ada@example.org" in soup.main.text
    rows = {
        text_of(row.th): text_of(row.select("td")[-1])
        for row in soup.select('[aria-labelledby="where"] tbody tr')
    }
    assert rows == {"Acme GmbH": "read", "Beta AG": "read and change", "Gamma SE": "no access"}


def test_an_operator_has_an_account_page_too(operator):
    operator.page("/account")


def test_somebody_without_an_organization_has_an_account_page_too(sign_in):
    sign_in(make_account()).page("/account")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_theme_is_kept(client, ada, theme):
    response = client.submit("/account", theme=theme)

    assert (response.status_code, response.location) == (303, "/account")
    soup = client.page("/account")
    assert soup.html["data-theme"] == theme
    assert soup.select_one("input[checked]")["value"] == theme


def test_the_device_decides_the_theme_until_the_account_chooses(client):
    assert "data-theme" not in client.page("/account").html.attrs


@pytest.mark.parametrize("theme", ["pink", "", 'dark" onload="alert(1)'])
def test_an_unknown_theme_is_refused(client, ada, theme):
    assert client.submit("/account", theme=theme).status_code == 422
    assert db.session.get_one(Account, ada.id).theme == "system"


def test_a_theme_is_one_persons_own(client, ada, acme, sign_in):
    other = sign_in(make_member(acme))
    client.submit("/account", theme="dark")

    assert "data-theme" not in other.page("/account").html.attrs


def test_the_account_page_sends_a_visitor_to_sign_in(nobody):
    assert nobody.get("/account").location == "/login?next=/account"


def test_the_account_page_has_no_json_face(client):
    client.json("/account", 406)
