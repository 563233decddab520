"""How the schema changes under a portal that goes on: one upgrade at a time, short locks, nothing lost."""

from portal.migrating.comparison import schema_differences
from portal.migrating.indexes import create_index, drop_index
from portal.migrating.losses import LossError, refuse_loss
from portal.migrating.objects import version_of
from portal.migrating.patience import LONGEST_LOCK, one_at_a_time, patiently
