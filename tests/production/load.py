"""People who use the portal while something is done to it, and what they were answered."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.production.processes import until
from tests.production.visitors import Visitor
from tests.security.sizes import sized

_THINKING_SECONDS = sized(0.2, 0.05)  # without it the clients take the processor from what they wait for
Turn = Callable[[Visitor], object]


@dataclass
class Load:
    """Answers so far, as `status` or the name of the error, by when they came."""

    answers: list[tuple[float, str]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def counts(self) -> Counter[str]:
        return Counter(answer for _, answer in list(self.answers))

    def since(self, instant: float) -> Counter[str]:
        return Counter(answer for at, answer in list(self.answers) if at >= instant)

    def go_on(self, count: int) -> None:
        """Wait until so many more answers came."""
        wanted = len(self.answers) + count
        until(lambda: len(self.answers) >= wanted, f"{count} more answers")

    def keep_asking(self, visitor: Visitor, turn: Turn) -> None:
        while not self.stopping.wait(_THINKING_SECONDS):
            try:
                answer = str(turn(visitor))
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is what the client got
                answer = type(error).__name__
                visitor.close()
            self.answers.append((time.monotonic(), answer))


@contextmanager
def load(visitors: list[Visitor], turn: Turn) -> Iterator[Load]:
    """Let each visitor take turns until the block is left."""
    running = Load()
    threads = [
        threading.Thread(target=running.keep_asking, args=(visitor, turn), daemon=True)
        for visitor in visitors
    ]
    for thread in threads:
        thread.start()
    try:
        running.go_on(len(visitors))
        yield running
    finally:
        running.stopping.set()
        for thread in threads:
            thread.join(60)
        for visitor in visitors:
            visitor.close()
