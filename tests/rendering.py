"""Watches every statement of a request: none runs while its page is rendered.

Reads happen in `queries.py`. A property that asks the database, or a relation that is loaded by a template,
would be read outside of what the query's tests count, once for each row of a list.
"""

from typing import Any

import sqlalchemy
from flask import before_render_template, has_request_context, request, template_rendered
from jinja2_fragments.flask import before_render_template_block, template_block_rendered
from sqlalchemy.engine import Engine

_IS_RENDERING = "tests.is_rendering"


class StatementInTemplateError(AssertionError):
    """A template asks the database."""


def watch() -> None:
    """Look at every statement of this process from now on."""
    for signal in (before_render_template, before_render_template_block):
        signal.connect(_begin)
    for signal in (template_rendered, template_block_rendered):
        signal.connect(_end)
    sqlalchemy.event.listen(Engine, "before_execute", _look)


def _begin(sender: Any, **_: Any) -> None:
    if has_request_context():
        request.environ[_IS_RENDERING] = True


def _end(sender: Any, **_: Any) -> None:
    if has_request_context():
        request.environ[_IS_RENDERING] = False


def _look(connection: Any, statement: Any, *_: Any) -> None:
    if has_request_context() and request.environ.get(_IS_RENDERING):
        raise StatementInTemplateError(f"{request.path} is being rendered:\n{statement}")
