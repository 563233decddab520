"""HTTP with EasyBill: a deadline and a breaker for each call, whole pages of a list, errors in our words."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias

import requests
from requests.auth import AuthBase

from portal.domain.errors import ProviderUnavailableError
from portal.domain.instants import usable_date
from portal.domain.numbers import decimal_of, whole_of
from portal.domain.strict_json import DECODER
from portal.gateways.bounded_http import bounded_session
from portal.gateways.breaker import Breaker
from portal.gateways.call_budget import Budget
from portal.gateways.deadline import Deadline
from portal.gateways.invoicing import (
    InvoicingKeyRefusedError,
    InvoicingRateLimitedError,
    InvoicingRefusedError,
    InvoicingUnavailableError,
)
from portal.gateways.observing import CallObserver, observed

log = logging.getLogger(__name__)

PAGE_ROWS = 100
_ANSWER_MAX_BYTES = 64 * 2**20
_CHUNK_BYTES = 64 * 1024
_ID = re.compile(r"/[0-9]+")

Body: TypeAlias = Mapping[str, Any]


class Connection:
    """The way to one account. Every call ends within the deadline, also when the answer drips in.

    Each call is taken out of the budget first; InvoicingRateLimitedError says when there is one again. While
    EasyBill is down, most calls are not even begun: they cost neither time nor budget. The deadline never
    says whether a call had an effect: a worker looks for an object before it creates it.
    """

    def __init__(
        self,
        api_key: str,
        api_base: str,
        deadline_seconds: int,
        budget: Budget | None = None,
        *,
        observer: CallObserver | None = None,
    ) -> None:
        self._key = _Bearer(api_key)
        self._base = api_base.rstrip("/")
        self._deadline = Deadline("easybill", deadline_seconds * 1000)
        self._observer = observer or CallObserver()
        self._breaker = Breaker(observer=self._observer)
        self._budget = budget or Budget()

    def list_of(self, path: str, query: Mapping[str, str]) -> list[Body]:
        bodies: list[Body] = []
        page = pages = 1
        while page <= pages:
            items, pages = self.page(path, query, page)
            bodies += items
            page += 1
        return bodies

    def page(self, path: str, query: Mapping[str, str], number: int) -> tuple[list[Body], int]:
        """Return one page of a list, counted from 1, and how many there are: none when it is empty."""
        listing = self.json("GET", path, query={**query, "limit": str(PAGE_ROWS), "page": str(number)})
        items = listing.get("items")
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise unreadable()
        return items, whole(listing.get("pages"))

    def json(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Body | None = None
    ) -> Body:
        return object_of(self.call(method, path, query=query, body=body))

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        accept: str = "*/*",
    ) -> Answer:
        """Ask, and return the answer unless the same may go through later.

        A 429 and every refusal are answers: the breaker counts only what failed on its way or at EasyBill.
        """
        with observed(self._observer, f"{method} {_ID.sub('/{id}', path)}") as call:
            self._begin()
            call.begins()
            with self._breaker.counting():
                answer = self._ask(method, path, query, body, accept=accept)
                _refuse_outage(answer)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                limited = _rate_limited(answer.retry_after_seconds)
                self._budget.pause(limited.seconds_to_wait)
                raise limited
            _refuse_for_now(answer)
            return answer

    def _begin(self) -> None:
        """Refuse a call while EasyBill is left alone, else take it out of the budget of all processes."""
        try:
            self._breaker.enter()
        except ProviderUnavailableError as error:
            raise _no_answer() from error
        milliseconds = self._budget.spend()
        if milliseconds:
            raise _rate_limited(-(-milliseconds // 1000))

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Body | None, *, accept: str
    ) -> Answer:
        """Return the answer of EasyBill within the deadline."""
        exchange = partial(self._exchange, method, path, query, body, accept=accept)
        try:
            answer = self._deadline.ask(exchange, is_repeatable=True)
        except ProviderUnavailableError as error:
            raise _no_answer() from error
        except requests.RequestException as error:
            facts = {"asked": f"{method} {path}", "why": type(error).__name__}
            log.warning("easybill: no answer", extra=facts)
            raise _no_answer() from error
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            log.warning("easybill: %s for %s %s: %s", answer.status, method, path, answer.excerpt)
        return answer

    def _exchange(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Body | None, *, accept: str
    ) -> Answer:
        """Speak to EasyBill over a connection of its own, and read no more than an answer may have."""
        with (
            bounded_session() as session,
            session.request(
                method,
                self._base + path,
                params=query,
                json=body,
                auth=self._key,
                headers={"Accept": accept, "X-Easybill-Escape": "true"},
                stream=True,
            ) as response,
        ):
            content = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                content += chunk
                if len(content) > _ANSWER_MAX_BYTES:
                    raise _no_answer()
            after = _seconds(response.headers.get("Retry-After", ""))
            return Answer(response.status_code, bytes(content), after)


def _seconds(text: str) -> int | None:
    """Read how long to wait; None where it is said as a date, or not at all."""
    try:
        return whole_of(text, digits=9)
    except ValueError:
        return None


class _Bearer(AuthBase):
    """Puts the key into the request; as `auth`, so that no .netrc replaces it, and no log shows it."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes
    retry_after_seconds: int | None

    @property
    def excerpt(self) -> str:
        return self.content[:500].decode(errors="replace")


def _no_answer() -> InvoicingUnavailableError:
    return InvoicingUnavailableError("EasyBill did not answer in time.")


def _rate_limited(seconds: int | None) -> InvoicingRateLimitedError:
    return InvoicingRateLimitedError("EasyBill takes no more calls for now.", retry_after_seconds=seconds)


def _refuse_outage(answer: Answer) -> None:
    """Raise for a failure of EasyBill's own."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        message = f"EasyBill is not available (it answered {answer.status})."
        raise InvoicingUnavailableError(message, retry_after_seconds=answer.retry_after_seconds)


def _refuse_for_now(answer: Answer) -> None:
    """Raise for what may go through later, by itself or once our key is put right."""
    status = answer.status
    if status == HTTPStatus.CONFLICT:
        raise InvoicingUnavailableError("The document is locked at EasyBill for the moment.")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}:
        raise InvoicingKeyRefusedError("EasyBill does not accept our key.")


def refuse_failure(answer: Answer) -> None:
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise InvoicingRefusedError(f"EasyBill refused the request: {answer.status}{_fields(answer)}.")


def _fields(answer: Answer) -> str:
    """Name the fields that EasyBill objects to; its sentences stay in our log."""
    try:
        named = _json(answer.content)["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    if not isinstance(named, list):
        return ""
    safe = [each for each in named if isinstance(each, str) and re.fullmatch(r"[a-z_.0-9]{1,40}", each)]
    return f" ({', '.join(safe[:10])})" if safe else ""


def _json(content: bytes) -> Any:
    return DECODER.decode(content.decode())


def object_of(answer: Answer) -> Body:
    refuse_failure(answer)
    try:
        body = _json(answer.content)
    except (ValueError, RecursionError) as error:
        raise unreadable() from error
    if not isinstance(body, dict):
        raise unreadable()
    return body


def unreadable() -> InvoicingUnavailableError:
    return InvoicingUnavailableError("EasyBill answered something that cannot be read.")


def whole(value: object) -> int:
    """Read a whole number; old recordings have it as a text, null means none."""
    if value is None or value == "":
        return 0
    try:
        number = decimal_of(str(value))
    except ValueError as error:
        raise unreadable() from error
    if number != number.to_integral_value():
        raise unreadable()
    return int(number)


def text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def date(value: object) -> dt.date | None:
    """Read the day of a date or time; `0000-00-00` was seen for none."""
    try:
        return usable_date(str(value)[:10])
    except ValueError:
        return None


def id_of(body: Body) -> str:
    number = whole(body.get("id"))
    if number <= 0:
        raise unreadable()
    return str(number)


def escaped(value: str) -> str:
    """A comma would separate several values of a filter."""
    return value.replace(",", "\\,")
