"""The JSON contract of collectors: what they report, and what became of it."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from portal.metering.ingest import Ingested
from portal.web import shapes
from portal.web.bodies import Body
from portal.web.shapes import Answer, doc


class UsageEntry(Body, frozen=True):
    """What a subscription used in an hour."""  # read by domain/deliveries, a sentence for each entry

    subscription_id: UUID
    hour: Annotated[str, doc("The start of a whole hour, with its zone.", format="date-time")]
    quantity: Annotated[
        Any,
        doc(
            "A decimal number from 0 to 10000000; a text is exact everywhere.",
            type=["string", "number"],
            pattern=r"^[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$",
            minimum=0,
        ),
    ]
    revision: Annotated[int, Meta(ge=0, le=2**30)] = 0


class Reported(Answer, frozen=True):
    """How many entries of a batch were what."""

    new: shapes.Count
    same: Annotated[shapes.Count, doc("Known already.")]
    replaced: Annotated[shapes.Count, doc("With a higher revision than the known one.")]
    corrections: Annotated[shapes.Count, doc("Late for a month that is invoiced: billed by the next one.")]
    stale: Annotated[shapes.Count, doc("With a lower revision than the known one.")]
    rounded: Annotated[shapes.Count, doc("Finer than a billionth of the unit, and rounded.")]


def reported(batch: Ingested) -> Reported:
    return Reported.of(batch.written, rounded=batch.rounded)
