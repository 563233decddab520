"""Mails to the operator: one for what is new, a reminder each day, and one when something is over.

What was told is kept in rows, which are locked while a run decides: two clocks tell a thing once.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import ColumnElement, case, null, or_, select

from portal.gateways.mail import Mail
from portal.health.notices import Notice, notices
from portal.health.samples import Facts
from portal.mailing import outbox
from portal.models import OperatorNotice
from portal.storage import change, db, insert_into, remove, write_transaction

OPERATOR_NOTICE = "operator_notice"  # a kind of mail
_REMINDED_AFTER = dt.timedelta(days=1)
_IS_THE_SAME_WITHIN = dt.timedelta(hours=1)  # what comes and goes is not told each time
_KEPT_FOR = dt.timedelta(days=90)
_LINES_MAX = 50
_IS_OPEN = OperatorNotice.resolved_at.is_(None)


class News(NamedTuple):
    """Keys of notices: new ones, all that last, those that are over, and of these those that were told."""

    new: Sequence[str]
    lasting: Sequence[str]
    over: Sequence[str]
    over_and_told: Sequence[str]
    is_reminder: bool

    @property
    def is_to_be_mailed(self) -> bool:
        return bool(self.new or self.over_and_told or self.is_reminder)


def tell_operator(facts: Facts, *, now: dt.datetime) -> str:
    """Note what needs a person, order a mail where there is news, and return in words what was done."""
    current = notices(facts)
    with write_transaction():
        _note(current, now)
        news = _news(current, now, is_all_known=_is_all_known(facts))
        change(OperatorNotice, _IS_OPEN & OperatorNotice.key.in_(news.over), resolved_at=now)
        remove(OperatorNotice, OperatorNotice.resolved_at <= now - _KEPT_FOR)
        if news.is_to_be_mailed:
            change(OperatorNotice, _IS_OPEN & OperatorNotice.key.in_(news.lasting), mailed_at=now)
            facts_of_mail = {"new": list(news.new), "over": list(news.over_and_told)}
            outbox.enqueue(OPERATOR_NOTICE, facts_of_mail, now=now)
    return f"{len(current)} need a person, {len(news.new)} are new, {len(news.over)} are over"


def _note(current: Mapping[str, Notice], now: dt.datetime) -> None:
    """Write each notice down; one that was over begins anew, unless it was over for a moment only."""
    if not current:
        return
    fresh = insert_into(OperatorNotice)
    is_over = OperatorNotice.resolved_at.is_not(None)
    is_anew = is_over & (OperatorNotice.resolved_at <= now - _IS_THE_SAME_WITHIN)
    upsert = fresh.on_conflict_do_update(
        index_elements=[OperatorNotice.key],
        set_={
            "sentence": fresh.excluded.sentence,
            "first_seen_at": case(
                (is_over, fresh.excluded.first_seen_at), else_=OperatorNotice.first_seen_at
            ),
            "mailed_at": case((is_anew, null()), else_=OperatorNotice.mailed_at),
            "resolved_at": null(),
        },
        where=or_(is_over, OperatorNotice.sentence != fresh.excluded.sentence),
    )
    rows = [
        {"key": key, "sentence": notice.sentence, "first_seen_at": now}
        for key, notice in sorted(current.items())
    ]
    db.session.execute(upsert, rows)


def _news(current: Mapping[str, Notice], now: dt.datetime, *, is_all_known: bool) -> News:
    """Compare what holds with what was told; the rows stay locked until the transaction ends."""
    query = select(OperatorNotice.key, OperatorNotice.first_seen_at, OperatorNotice.mailed_at)
    rows = db.session.execute(query.where(_IS_OPEN).order_by(OperatorNotice.key).with_for_update()).all()
    over = [row for row in rows if row.key not in current and is_all_known]
    lasting = [
        row for row in rows if row.key in current and now - row.first_seen_at >= current[row.key].told_after
    ]
    return News(
        new=[row.key for row in lasting if row.mailed_at is None],
        lasting=[row.key for row in lasting],
        over=[row.key for row in over],
        over_and_told=[row.key for row in over if row.mailed_at is not None],
        is_reminder=any(row.mailed_at and row.mailed_at <= now - _REMINDED_AFTER for row in lasting),
    )


def _is_all_known(facts: Facts) -> bool:
    """Tell whether what is not among the facts does not hold, rather than could not be read."""
    return not any(sample.value for sample in facts.of("portal_fact_unknown"))


def operator_mail(
    news: Mapping[str, Any], now: dt.datetime, *, to: str | None, portal_url: str
) -> Mail | None:
    """Return the mail as it is true when it is sent; None where nobody is to be told, or all is old."""
    del now
    is_told = OperatorNotice.mailed_at.is_not(None)
    new = _sentences(_IS_OPEN & OperatorNotice.key.in_(news["new"]))
    still = _sentences(_IS_OPEN & is_told & OperatorNotice.key.not_in(news["new"]))
    over = _sentences(~_IS_OPEN & OperatorNotice.key.in_(news["over"]))
    if to is None or not (new or still or over):
        return None
    template = current_app.jinja_env.get_template("mails/operator_notice.txt")
    text = template.render(new=new, still=still, over=over, lines_max=_LINES_MAX, portal=portal_url)
    return Mail(to, f"Billing portal: {len(new)} new, {len(still)} still wait, {len(over)} over", text)


def _sentences(where: ColumnElement[bool]) -> Sequence[str]:
    query = select(OperatorNotice.sentence).where(where)
    return db.session.scalars(query.order_by(OperatorNotice.first_seen_at, OperatorNotice.key)).all()
