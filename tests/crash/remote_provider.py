"""An invoicing provider in memory that outlives the portal: a process of its own, and the way to it."""

from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Client, Listener
from typing import Any

from portal.gateways.invoicing import DocumentDraft
from tests.crash.children import Tell
from tests.memory_provider import MemoryProvider

_KEY = b"of the crash harness"


class RemoteProvider:
    """Asks the provider that listens at a port of this machine."""

    name = MemoryProvider.name

    def __init__(self, port: int) -> None:
        self._port = port

    def refuse_uncarried(self, draft: DocumentDraft) -> None:
        """Any currency is carried."""

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return partial(self.exchange, method)

    def exchange(self, method: str, *arguments: object) -> Any:
        with Client(("127.0.0.1", self._port), authkey=_KEY) as connection:
            connection.send((method, arguments))
            is_fine, result = connection.recv()
        if is_fine:
            return result
        raise result


def serve(tell: Tell, wait: Callable[[], None]) -> None:
    """Answer one call after another, for ever; a caller that was killed is not waited for."""
    provider = MemoryProvider()
    with Listener(("127.0.0.1", 0), authkey=_KEY) as listener:
        tell(listener.address[1])
        while True:
            try:
                with listener.accept() as connection:
                    method, arguments = connection.recv()
                    connection.send(_outcome(provider, method, arguments))
            except (EOFError, OSError):
                continue


def _outcome(provider: MemoryProvider, method: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, getattr(provider, method)(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
        return False, error
