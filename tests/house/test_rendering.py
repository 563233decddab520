"""The watch over statements in templates sees one, in a page and in a block."""

import pytest
from flask import Flask, render_template
from jinja2 import DictLoader
from jinja2_fragments.flask import render_block
from sqlalchemy import create_engine, text

from tests.rendering import StatementInTemplateError, watch

PAGE = "{% block rows %}{{ rows() }}{% endblock %}"


@pytest.fixture(scope="module", autouse=True)
def watched():
    watch()


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("templates that ask")
    app.jinja_loader = DictLoader({"page.html": PAGE})
    return app


def rows() -> int:
    with create_engine("sqlite://").connect() as connection:
        return connection.scalar(text("SELECT 1"))


def test_a_database_statement_before_the_page_is_rendered_is_allowed(app):
    with app.test_request_context("/"):
        count = rows()
        assert render_template("page.html", rows=lambda: count) == "1"


def test_a_database_statement_of_a_page_template_is_refused(app):
    with app.test_request_context("/"), pytest.raises(StatementInTemplateError):
        render_template("page.html", rows=rows)


def test_a_database_statement_of_a_block_of_a_template_is_refused(app):
    with app.test_request_context("/"), pytest.raises(StatementInTemplateError):
        render_block("page.html", "rows", rows=rows)


def test_a_database_statement_after_the_page_is_rendered_is_allowed(app):
    with app.test_request_context("/"):
        render_template("page.html", rows=lambda: 1)
        assert rows() == 1
