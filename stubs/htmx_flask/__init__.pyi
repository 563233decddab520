from collections.abc import Mapping
from typing import Any

from flask import Flask, Request, Response

class HtmxDetails:
    boosted: bool
    current_url: str | None
    history_restore_request: bool
    prompt: str | None
    target: str | None
    trigger: str | None
    trigger_name: str | None
    def __bool__(self) -> bool: ...

class HtmxRequest(Request):
    htmx: HtmxDetails

request: HtmxRequest

class Htmx:
    def __init__(self, app: Flask | None = None) -> None: ...
    def init_app(self, app: Flask) -> None: ...

def make_response(
    *args: Any,
    location: str | Mapping[str, Any] | None = None,
    push_url: str | bool | None = None,
    redirect: str | None = None,
    refresh: bool = False,
    replace_url: str | bool | None = None,
    reswap: str | None = None,
    retarget: str | None = None,
    trigger: str | Mapping[str, Any] | None = None,
    trigger_after_settle: str | Mapping[str, Any] | None = None,
    trigger_after_swap: str | Mapping[str, Any] | None = None,
) -> Response: ...
