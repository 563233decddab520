"""How often something was tried lately."""

import datetime as dt

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL
from portal.storage import Model


class Throttle(Model):
    """How many tries were counted under a key since its window began."""

    __tablename__ = "throttle"
    __table_args__ = ({"info": LOCAL},)
    key: Mapped[str] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(Integer)
    began_at: Mapped[dt.datetime]
