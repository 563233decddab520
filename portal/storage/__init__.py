"""The database: its session, its tables' base and columns, its statements, leases and transactions."""

from portal.storage.database import Model, db, engine_options, is_reading, probe_engine, reading, set_reading
from portal.storage.leases import Backlog, BackOff, Leased, LeaseQueue
from portal.storage.lists import newest_first
from portal.storage.statements import change, insert_into, remove
from portal.storage.transaction import (
    abandon_transaction,
    read_transaction,
    read_transaction_within,
    write_transaction,
)
from portal.storage.types import Price, UtcInstant, WideInteger
