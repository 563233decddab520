"""Two threads of which one goes on at a time, in every order that their pauses leave open.

A thread pauses before and after each call to the provider. It waits where it cannot go on before the other
has ended.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_LONGEST_SECONDS = 20


@dataclass
class Turns:
    """One run: at each pause the next of `choices` says who goes on, and the first who can after these."""

    choices: Sequence[int] = ()
    decisions: list[tuple[int, int]] = field(default_factory=list)  # what was chosen, of how many
    are_together: bool = False  # the second began before the first had ended
    _turn: int = 0
    _begun: set[int] = field(default_factory=set)
    _alive: set[int] = field(default_factory=lambda: {0, 1})
    _waiting: set[int] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _names: threading.local = field(default_factory=threading.local)

    def run(self, *steps: Callable[[], object]) -> list[object]:
        """Run both, and return what each came to."""
        results: list[object] = [None, None]

        def alone(me: int) -> None:
            self._names.me = me
            try:
                self._await(me)
                self._begun.add(me)
                self.are_together = self._begun == self._alive
                results[me] = steps[me]()
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                results[me] = error
            finally:
                self._end(me)

        threads = [threading.Thread(target=alone, args=(me,), daemon=True) for me in (0, 1)]
        self._turn = self._choose()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_LONGEST_SECONDS)
            assert not thread.is_alive(), "both wait for each other"
        return results

    def pause(self) -> None:
        """Let whoever is chosen go on; outside of a run nothing happens."""
        me = getattr(self._names, "me", None)
        if me is not None:
            with self._changed:
                self._turn = self._choose()
                self._changed.notify_all()
            self._await(me)

    def wait(self) -> None:
        """Go on when the other has ended."""
        self._waiting.add(self._names.me)
        self.pause()

    def _choose(self) -> int:
        can = sorted(self._alive - self._waiting) or sorted(self._alive)
        chosen = 0
        if len(can) > 1:
            position = len(self.decisions)
            chosen = self.choices[position] if position < len(self.choices) else 0
            self.decisions.append((chosen, len(can)))
        return can[chosen]

    def _await(self, me: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._turn == me, _LONGEST_SECONDS), "nobody goes on"

    def _end(self, me: int) -> None:
        with self._changed:
            self._alive.discard(me)
            self._waiting.clear()
            if self._alive:
                self._turn = self._choose()
            self._changed.notify_all()


def every_order(run: Callable[[Turns], None]) -> int:
    """Run two steps in every order there is; return how many there were."""
    count = 0
    todo: list[list[int]] = [[]]
    while todo:
        choices = todo.pop()
        turns = Turns(choices)
        run(turns)
        count += 1
        todo += _other_ways(choices, turns.decisions)
    return count


def _other_ways(choices: Sequence[int], decisions: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    for position in range(len(choices), len(decisions)):
        before = [chosen for chosen, _ in decisions[:position]]
        for other in range(1, decisions[position][1]):
            yield [*before, other]
