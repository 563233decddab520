"""Stripe's customers and methods in memory, with a pause before and after each call."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from portal.domain.errors import NotFoundError, ProviderUnavailableError
from portal.gateways.stripe_shapes import CustomerMethods, Method

Clock = Callable[[], dt.datetime]
_ends_at: ContextVar[dt.datetime | None] = ContextVar("_ends_at", default=None)


@dataclass
class MemoryStripe:
    """Behaves as the gateway does; a call that begins after its deadline is not made."""

    clock: Clock
    pause: Callable[[], None] = lambda: None
    deadline: dt.timedelta = dt.timedelta(seconds=2)
    methods: dict[str, Method] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    is_live: bool = False
    is_answering: bool = True

    @contextmanager
    def deadline_scope(self) -> Iterator[None]:
        outer, own = _ends_at.get(), self.clock() + self.deadline
        token = _ends_at.set(min(outer or own, own))
        try:
            yield
        finally:
            _ends_at.reset(token)

    @contextmanager
    def _call(self) -> Iterator[None]:
        self.pause()
        ends_at = _ends_at.get()
        if ends_at is not None and self.clock() > ends_at:
            raise ProviderUnavailableError
        yield
        self.pause()

    def add(self, method_id: str, customer_id: str | None, fingerprint: str) -> None:
        self.methods[method_id] = Method(
            id=method_id,
            customer_id=customer_id,
            payment_type="card",
            brand="visa",
            last4="4242",
            exp_month=12,
            exp_year=2034,
            country="DE",
            fingerprint=fingerprint,
            created_at=len(self.methods),
        )

    def of(self, customer_id: str) -> list[str]:
        return [each.id for each in self.methods.values() if each.customer_id == customer_id]

    def methods_of(self, customer_id: str) -> CustomerMethods:
        with self._call():
            mine = tuple(self.methods[method_id] for method_id in reversed(self.of(customer_id)))
            return CustomerMethods(mine, self.defaults.get(customer_id), is_deleted=False)

    def attach(self, *, customer_id: str, method_id: str) -> Method:
        with self._call():
            method = self.methods[method_id] = replace(self.methods[method_id], customer_id=customer_id)
        return method

    def make_default(self, *, customer_id: str, method_id: str) -> None:
        with self._call():
            if method_id not in self.of(customer_id):
                raise NotFoundError("There is no such payment method.")
            self.defaults[customer_id] = method_id

    def detach(self, method_id: str) -> None:
        with self._call():
            customer_id = self.methods[method_id].customer_id
            if customer_id is not None:
                self.methods[method_id] = replace(self.methods[method_id], customer_id=None)
                if self.defaults.get(customer_id) == method_id:
                    del self.defaults[customer_id]
