"""The sandbox's own start page: test numbers, events and fault switches. It only shows."""

import time
from dataclasses import dataclass
from itertools import islice

from portal.sandbox.stripe.cards import CARDS, SandboxCard
from portal.sandbox.stripe.ibans import IBANS
from portal.sandbox.stripe.store import Object, Store

EVENTS_SHOWN = 20
COURSES = {
    None: "works",
    "settle": "the bank agrees a minute later",
    "refuse": "the bank refuses a minute later",
    "end": "works, and its mandate ends a minute later",
}


@dataclass(frozen=True)
class Number:
    """A test number for the element, and its outcome."""

    text: str
    kind: str
    does: str


@dataclass(frozen=True)
class EventRow:
    """An event that is on record; `at` is in UTC."""

    at: str
    type: str
    object_id: str


def numbers() -> list[Number]:
    cards = [Number(_grouped(each.number), each.brand, _does(each)) for each in CARDS.values()]
    accounts = [Number(_grouped(iban), "SEPA debit", COURSES[course]) for iban, course in IBANS.items()]
    return cards + accounts


def latest_events(store: Store) -> list[EventRow]:
    """Newest first; read it inside a transaction."""
    return [_event_row(event) for event in islice(store.newest("event"), EVENTS_SHOWN)]


def _event_row(event: Object) -> EventRow:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(event["created"]))
    return EventRow(at, event["type"], event["data"]["object"]["id"])


def _does(card: SandboxCard) -> str:
    if card.refusal:
        return f"declined: {card.refusal.replace('_', ' ')}"
    return "the bank asks: approve or refuse" if card.asks_bank else "works"


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))
