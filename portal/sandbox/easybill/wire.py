"""The wire format: JSON with exact decimals, refusals, and Berlin time."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn, TypeAlias
from zoneinfo import ZoneInfo

from flask import Response, request

Body: TypeAlias = dict[str, Any]

BERLIN = ZoneInfo("Europe/Berlin")
EMPTY_FIELDS = 20000  # EasyBill's own number for missing fields, not an HTTP status


class Refusal(Exception):  # noqa: N818 - an answer of the API, not a fault of ours
    """Answers the request with EasyBill's error body."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        arguments: Sequence[str] = (),
        *,
        code: int | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: Body = {"code": code or status.value, "message": message}
        if arguments:
            self.body["arguments"] = list(arguments)
        self.headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}


def missing(*fields: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "Bitte füllen Sie alle Felder aus.", fields, code=EMPTY_FIELDS)


def invalid(*fields: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "Bitte überprüfen Sie Ihre Eingaben.", fields)


def not_found(kind: str, record_id: int) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, f"{kind}#{record_id} not found.")


def not_offered(what: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_IMPLEMENTED, f"The EasyBill sandbox does not offer {what}.")


def encode(value: Any) -> str:
    """JSON text of a value; a Decimal is written digit by digit, never by way of a float."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{encode(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(encode(each) for each in value) + "]"
    if isinstance(value, Decimal):
        return plain(value)
    return json.dumps(value)


def decode(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


def plain(value: Decimal) -> str:
    """The shortest plain digits: 2829 for 2829.00, as EasyBill writes whole numbers."""
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def request_body() -> Body:
    """The JSON object of this request, under any content type, as EasyBill reads it."""
    text = request.get_data()
    if not text.strip():
        return {}
    try:
        body = decode(text)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Invalid JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "Invalid JSON.")
    return body


def answer(body: Body, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(encode(body), status, content_type="application/json")


def nothing() -> Response:
    """204 with an HTML content type, as recorded."""
    return Response(status=HTTPStatus.NO_CONTENT, content_type="text/html; charset=UTF-8")


def now() -> datetime:
    return datetime.now(BERLIN)


def moment(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
