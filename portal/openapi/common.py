"""The parts of `/openapi.json` that no type and no route describes: `common.toml`, in OpenAPI's own words."""

import tomllib
from functools import cache
from pathlib import Path

from portal.web.json import JSON


@cache
def common() -> JSON:
    """Return the tables of the file, which no caller changes."""
    return tomllib.loads(Path(__file__).with_name("common.toml").read_text("utf-8"))


def reference(kind: str, name: str) -> JSON:
    """Point to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def header_refs(*names: str) -> JSON:
    """Point to headers by their names; every answer has a request id."""
    return {name: reference("headers", name) for name in ("X-Request-Id", *names)}
