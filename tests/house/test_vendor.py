"""What others wrote and we serve: its version in its name, its content as the page promises."""

import base64
import hashlib
import re

import pytest
from bs4 import BeautifulSoup

from portal.config import ROOT

VENDORED = sorted(path for path in (ROOT / "static" / "vendor").iterdir() if path.is_file())
BASE = (ROOT / "templates" / "base.html").read_text()


def integrity_of(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def test_htmx_is_vendored():
    assert [path.name for path in VENDORED if path.name.startswith("htmx-")]


@pytest.mark.parametrize("path", VENDORED, ids=lambda path: path.name)
def test_a_vendored_script_is_the_one_whose_digest_the_page_names(path):
    soup = BeautifulSoup(BASE, "html.parser")
    tags = [tag for tag in soup.select("script") if path.name in tag.get("src", "")]
    assert tags, f"{path.name} is not used by base.html"
    assert [tag.get("integrity") for tag in tags] == [integrity_of(path.read_bytes())] * len(tags)


@pytest.mark.parametrize("path", VENDORED, ids=lambda path: path.name)
def test_a_vendored_script_has_its_version_in_its_name(path):
    assert re.search(r"-\d+\.\d+\.\d+", path.name)


@pytest.mark.parametrize("path", VENDORED, ids=lambda path: path.name)
def test_the_version_in_the_name_of_a_vendored_script_is_the_version_inside(path):
    version = re.search(r"-(\d+\.\d+\.\d+)", path.name)
    assert version
    assert version[1] in path.read_text()


def test_no_page_loads_anything_from_another_host():
    assert not re.findall(r"""(?:src|href)=["']\s*(?:https?:)?//""", BASE)
