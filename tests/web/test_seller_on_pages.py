"""Pages name the seller of the settings."""

import dataclasses

import pytest

from portal.app import create_app
from portal.config.seller import Logo
from tests.page import client_of
from tests.seller import SELLER


@pytest.fixture
def sign_in_page(app):
    """Return the page at which everybody begins, of a portal with another seller."""

    def of(**changes):
        settings = app.extensions["portal.settings"]
        seller = dataclasses.replace(SELLER, name="Alpencloud AG", brand="Alpen", **changes)
        other = create_app(dataclasses.replace(settings, seller=seller))
        return client_of(other).page("/login")

    return of


def test_a_page_names_its_seller_in_title_description_and_menu(sign_in_page):
    page = sign_in_page(logo=None)
    assert page.title.text.endswith(" · Alpencloud AG")
    assert "your Alpencloud AG account" in page.select_one("meta[name=description]")["content"]
    assert page.select_one(".brand").text == "Alpen Billing"
    assert "Nordlicht" not in str(page)


def test_the_menu_of_a_seller_without_a_logo_has_the_name_alone(sign_in_page):
    assert sign_in_page(logo=None).select(".brand svg, .brand img") == []


def test_the_sellers_logo_is_a_picture_or_a_drawing_in_the_colours_of_the_page(sign_in_page):
    picture = sign_in_page(logo=Logo("demo/logo.svg", None)).select_one(".brand img")
    assert picture["src"].startswith("/static/demo/logo.svg?v=")
    assert picture["alt"] == ""
    drawing = sign_in_page(logo=Logo("demo/logo.svg", "mark")).select_one(".brand svg use")
    assert drawing["href"].startswith("/static/demo/logo.svg?v=")
    assert drawing["href"].endswith("#mark")
