"""A circuit breaker: a provider that failed often is left alone for a while, and then tried by one call.

While it is open no request waits for a provider that will not answer, and the provider is not pressed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from portal.domain.errors import BillingError, ProviderUnavailableError
from portal.gateways.observing import CallObserver

_FAILURES_MAX = 5
_WINDOW_SECONDS = 30
_REST_SECONDS = 10


class Breaker:
    """Opens after five failures within 30 seconds; ten seconds later one call may try."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, observer: CallObserver | None = None
    ) -> None:
        self._clock = clock
        self._observer = observer or CallObserver()
        self._lock = threading.Lock()
        self._failed_at: deque[float] = deque(maxlen=_FAILURES_MAX)
        self._rests_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether a call would be refused now."""
        return self._rests_until is not None and self._clock() < self._rests_until

    def enter(self) -> None:
        """Let a call pass, or raise ProviderUnavailableError: then it has not begun."""
        with self._lock:
            if self._rests_until is None:
                return
            if self._clock() < self._rests_until:
                raise ProviderUnavailableError
            self._rests_until = self._clock() + _REST_SECONDS  # this call tries; the others wait for it

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count how a call went: ProviderUnavailableError is a failure, any other BillingError an answer."""
        try:
            yield
        except ProviderUnavailableError:
            self.failed()
            raise
        except BillingError:
            self.succeeded()
            raise
        self.succeeded()

    def succeeded(self) -> None:
        with self._lock:
            self._failed_at.clear()
            self._rests_until = None

    def failed(self) -> None:
        with self._lock:
            now = self._clock()
            self._failed_at.append(now)
            is_often = len(self._failed_at) == _FAILURES_MAX and now - self._failed_at[0] <= _WINDOW_SECONDS
            if is_often or self._rests_until is not None:
                self._rests_until = now + _REST_SECONDS
                self._observer.rests(_REST_SECONDS)
