"""Settings from the environment: typed, checked once at start, each refused with one clear sentence."""

from portal.config.environment import from_environment
from portal.config.paths import ROOT, VAR
from portal.config.types import (
    EASYBILL_API,
    MAIL_FROM,
    STRIPE_API,
    STRIPE_JS,
    EasybillSettings,
    Environment,
    MailSettings,
    Settings,
    StripeSettings,
    WatchSettings,
)
