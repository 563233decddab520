"""What stands above every page of a portal that is not for customers."""

from dataclasses import dataclass

from portal.config import Settings


@dataclass(frozen=True, slots=True)
class Banner:
    """What kind of portal this is, in a word, and what its payments and documents are worth."""

    word: str
    sentence: str


def banner_of(settings: Settings) -> Banner | None:
    """Return the banner; none where customers pay."""
    if settings.has_only_sandboxes:
        sentence = "Payments and legal invoices go to stand-ins: no real money, no real documents."
    elif settings.stripe.is_live:
        return None
    else:
        sentence = "Payments are tests: no real money."
    word = "Test mode" if settings.is_production else settings.environment.capitalize()
    return Banner(word, sentence)
