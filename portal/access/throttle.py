"""How often something may be tried: counted in our own table, so right with several workers."""

import datetime as dt
import hashlib
import ipaddress
from dataclasses import dataclass

from sqlalchemy import case, delete

from portal.models import Throttle
from portal.storage import change, db, insert_into, remove

WINDOW = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `tries` an hour of one kind; `subject` is hashed, so that the table names no person."""

    kind: str
    subject: str
    tries: int

    @property
    def key(self) -> str:
        return f"{self.kind}:{hashlib.sha256(self.subject.encode()).hexdigest()[:32]}"


def network_of(address: str | None) -> str:
    """Return the network of an address: the address itself, or the /64 that one customer has in IPv6."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    if ip.version == 6:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def take(limit: Limit, *, now: dt.datetime) -> int:
    """Count a try; return 0 if it is allowed, else the seconds to wait. The caller commits at once."""
    is_over = Throttle.began_at <= now - WINDOW
    counted = (
        insert_into(Throttle)
        .values(key=limit.key, tries=1, began_at=now)
        .on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "tries": case((is_over, 1), else_=Throttle.tries + 1),
                "began_at": case((is_over, now), else_=Throttle.began_at),
            },
        )
        .returning(Throttle.tries, Throttle.began_at)
    )
    tries, began_at = db.session.execute(counted).one()
    if tries <= limit.tries:
        return 0
    return max(1, int((began_at + WINDOW - now).total_seconds()))


def give_back(limit: Limit) -> None:
    """Take back a counted try: it was right."""
    change(Throttle, (Throttle.key == limit.key) & (Throttle.tries > 0), tries=Throttle.tries - 1)


def forget(limit: Limit) -> None:
    """Begin to count anew."""
    db.session.execute(delete(Throttle).where(Throttle.key == limit.key))


def forget_over(*, now: dt.datetime) -> None:
    """Delete what counts for nothing any more."""
    remove(Throttle, Throttle.began_at <= now - WINDOW)
