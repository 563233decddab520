"""The errors of billing, in the words of billing."""

from collections.abc import Mapping, Sequence


class UnusableValueError(ValueError):
    """One value cannot be used; the message says why, to follow the name of its field."""


class BillingError(Exception):
    """Something a customer may see. The docstring is the default message."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class NotFoundError(BillingError):
    """There is nothing here, or it is not yours to see."""


class ForbiddenError(BillingError):
    """Your role in this organization does not allow that."""


class UnauthorizedError(BillingError):
    """Sign in, or send a valid API token."""


class ConfirmationNeededError(ForbiddenError):
    """Type your password again first: this needs a sign-in of the last few minutes."""


class RateLimitedError(BillingError):
    """Too many tries. Please wait before the next one."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class ConflictError(BillingError):
    """That cannot be done in its current state."""


class NotAcceptableError(BillingError):
    """The document does not exist in that format."""


class PaymentFailedError(BillingError):
    """The payment method was declined."""


class ValidationError(BillingError):
    """Some of what was sent cannot be used: `fields` says what, and why."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        super().__init__("Validation failed")
        self.fields = {name: list(reasons) for name, reasons in fields.items()}


class ProviderUnavailableError(BillingError):
    """The provider did not answer in time. Please try again in a minute."""


class OutcomeUnknownError(ProviderUnavailableError):
    """No answer came in time, so this is being checked. Nothing is lost; look again in a minute."""


class ProviderRefusedError(BillingError):
    """The provider refused the request. Its answer is in our logs."""
