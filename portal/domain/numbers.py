"""Numbers as people write them: thousands apart, every decimal kept. Nothing is rounded here."""

from decimal import Decimal

_GERMAN = str.maketrans(",.", ".,")


def grouped(number: Decimal, language: str = "en", *, decimals_min: int = 0) -> str:
    """Write a number with all the decimals it has, and at least so many: 1,234.5, in German 1.234,5."""
    shown = f"{number:,f}"
    if len(shown.partition(".")[2]) < decimals_min:
        shown = f"{number:,.{decimals_min}f}"  # its own decimals are fewer, so this only adds zeros
    return shown.translate(_GERMAN) if language == "de" else shown
