"""HTTP with EasyBill: a deadline for each call, whole pages of a list, and errors in our words."""

from __future__ import annotations

import datetime as dt
import json
import logging
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, TypeAlias

import requests
from requests.auth import AuthBase

from portal.domain.errors import ProviderRefusedError, ProviderUnavailableError
from portal.gateways.easybill_budget import Budget, Unlimited

log = logging.getLogger(__name__)

PAGE_ROWS = 100
_ANSWER_MAX_BYTES = 64 * 2**20
_CHUNK_BYTES = 64 * 1024
_CONNECT_SECONDS = 5
RATE_LIMIT_SECONDS = 60  # unless EasyBill says another number

Body: TypeAlias = Mapping[str, Any]


class EasybillUnavailableError(ProviderUnavailableError):
    """EasyBill did not answer in time."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class EasybillRateLimitedError(EasybillUnavailableError):
    """EasyBill takes no more calls for now."""


class EasybillRefusedError(ProviderRefusedError):
    """EasyBill refused the request."""


class EasybillKeyRefusedError(EasybillRefusedError):
    """EasyBill does not accept our key."""


class Connection:
    """The way to one account. Every call ends within the deadline, also when the answer drips in.

    Each call is taken out of the budget first; EasybillRateLimitedError says when there is one again.
    """

    def __init__(
        self, api_key: str, api_base: str, deadline_seconds: int, budget: Budget | None = None
    ) -> None:
        self._key = _Bearer(api_key)
        self._base = api_base.rstrip("/")
        self._deadline_seconds = deadline_seconds
        self._budget = budget or Unlimited()

    def list_of(self, path: str, asked: Mapping[str, str]) -> list[Body]:
        return [each for page in self.pages(path, asked) for each in page]

    def pages(self, path: str, asked: Mapping[str, str]) -> Iterator[list[Body]]:
        page = pages = 1
        while page <= pages:
            items, pages = self.page(path, asked, page)
            yield items
            page += 1

    def page(self, path: str, asked: Mapping[str, str], number: int) -> tuple[list[Body], int]:
        """Return one page of a list, counted from 1, and how many there are: none when it is empty."""
        found = self.json("GET", path, asked={**asked, "limit": str(PAGE_ROWS), "page": str(number)})
        items = found.get("items")
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise unreadable()
        return items, whole(found.get("pages"))

    def json(
        self, method: str, path: str, *, asked: Mapping[str, str] | None = None, body: Body | None = None
    ) -> Body:
        return object_of(self.call(method, path, asked=asked, body=body))

    def call(
        self,
        method: str,
        path: str,
        *,
        asked: Mapping[str, str] | None = None,
        body: Body | None = None,
        accept: str = "*/*",
    ) -> Answer:
        """Ask in a thread of its own: no timeout of a socket ends an answer that drips in for ever."""
        self._spend()
        ends_at = time.monotonic() + self._deadline_seconds
        outcome: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                outcome.put(self._exchange(method, path, asked, body, ends_at, accept=accept))
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to who asked
                outcome.put(error)

        threading.Thread(target=ask, name="easybill", daemon=True).start()
        try:
            answer = outcome.get(timeout=self._deadline_seconds)
        except queue.Empty as error:
            raise EasybillUnavailableError from error
        if isinstance(answer, requests.RequestException):
            facts = {"asked": f"{method} {path}", "why": type(answer).__name__}
            log.warning("easybill: no answer", extra=facts)
            raise EasybillUnavailableError from answer
        if isinstance(answer, Exception):
            raise answer
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            log.warning("easybill: %s for %s %s: %s", answer.status, method, path, answer.excerpt)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._budget.pause(answer.retry_after_seconds or RATE_LIMIT_SECONDS)
        _refuse_for_now(answer)
        return answer

    def _spend(self) -> None:
        """Take the call out of the budget that all processes share."""
        milliseconds = self._budget.spend()
        if milliseconds:
            raise EasybillRateLimitedError(retry_after_seconds=-(-milliseconds // 1000))

    def _exchange(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None,
        body: Body | None,
        ends_at: float,
        *,
        accept: str,
    ) -> Answer:
        with requests.request(
            method,
            self._base + path,
            params=asked,
            json=body,
            auth=self._key,
            headers={"Accept": accept, "X-Easybill-Escape": "true"},
            timeout=(min(_CONNECT_SECONDS, self._deadline_seconds), self._deadline_seconds),
            allow_redirects=False,
            stream=True,
        ) as response:
            content = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                content += chunk
                if time.monotonic() > ends_at or len(content) > _ANSWER_MAX_BYTES:
                    raise EasybillUnavailableError
            after = response.headers.get("Retry-After", "")
            return Answer(response.status_code, bytes(content), int(after) if after.isdecimal() else None)


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


def _refuse_for_now(answer: Answer) -> None:
    """Raise for what may go through later, by itself or once our key is put right."""
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise EasybillRateLimitedError(retry_after_seconds=answer.retry_after_seconds)
    if status == HTTPStatus.CONFLICT:
        raise EasybillUnavailableError("The document is locked at EasyBill for the moment.")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        message = f"EasyBill is not available (it answered {status})."
        raise EasybillUnavailableError(message, retry_after_seconds=answer.retry_after_seconds)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}:
        raise EasybillKeyRefusedError


def refuse_failure(answer: Answer) -> None:
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise EasybillRefusedError(f"EasyBill refused the request: {answer.status}{_fields(answer)}.")


def _fields(answer: Answer) -> str:
    """Name the fields that EasyBill objects to; its sentences stay in our log."""
    try:
        named = json.loads(answer.content)["arguments"]
    except (ValueError, KeyError, TypeError):
        return ""
    if not isinstance(named, list):
        return ""
    safe = [each for each in named if isinstance(each, str) and re.fullmatch(r"[a-z_.0-9]{1,40}", each)]
    return f" ({', '.join(safe[:10])})" if safe else ""


def object_of(answer: Answer) -> Body:
    refuse_failure(answer)
    try:
        found = json.loads(answer.content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise unreadable() from error
    if not isinstance(found, dict):
        raise unreadable()
    return found


def unreadable() -> EasybillUnavailableError:
    return EasybillUnavailableError("EasyBill answered something that cannot be read.")


def whole(value: object) -> int:
    """Read a whole number; old recordings have it as a text, null means none."""
    if value is None or value == "":
        return 0
    try:
        number = Decimal(str(value))
        if number == number.to_integral_value():
            return int(number)
    except ArithmeticError as error:
        raise unreadable() from error
    raise unreadable()


def text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def date(value: object) -> dt.date | None:
    """Read the day of a date or time; `0000-00-00` was seen for none."""
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def id_of(found: Body) -> str:
    number = whole(found.get("id"))
    if number <= 0:
        raise unreadable()
    return str(number)


def escaped(value: str) -> str:
    """A comma would separate several values of a filter."""
    return value.replace(",", "\\,")
