"""HTTP within the deadline of its call: the time that is left bounds each try.

The call knows the connection it waits on, so that one that drips byte after byte can be cut from outside.
"""

from typing import Any

from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from portal.gateways.deadline import current_call

_CONNECT_SECONDS_MAX = 3.05


def bounded_session() -> Session:
    """Return a session whose requests end with the deadline they are made in, and go nowhere else."""
    session = _Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _BoundedAdapter())
    return session


class _Session(Session):
    def get_redirect_target(self, resp: Response) -> None:
        """A redirect is an answer like any other, and never followed."""
        del resp


class GivenUpError(RequestException):
    """Its caller waits no longer, so a retry would hold a worker slot in vain."""


class _Connection(HTTPConnection):
    def send(self, data: Any) -> None:
        super().send(data)
        _wait_on(self)


class _SecureConnection(HTTPSConnection):
    def send(self, data: Any) -> None:
        super().send(data)
        _wait_on(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class _BoundedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        call = current_call()
        if call is None:
            return super().send(request, *args, **options)
        left = call.seconds_left
        if not left:
            raise GivenUpError(request=request)
        options["timeout"] = (min(_CONNECT_SECONDS_MAX, left), left)
        try:
            response = super().send(request, *args, **options)
            if not options.get("stream"):
                response.content  # noqa: B018 -- read here, where the connection is ours to cut
        except RequestException as error:
            if call.seconds_left:
                raise
            raise GivenUpError(request=request) from error
        return response


def _wait_on(connection: HTTPConnection) -> None:
    call = current_call()
    if call is not None:
        call.wait_on(connection.sock)
