"""Amounts, quantities and dates as one language writes them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.sandbox.easybill.languages import Language
from portal.sandbox.easybill.wire import plain

# Money EasyBill keeps in hundredths although it has none.
_WITHOUT_HUNDREDTHS = {"JPY", "KRW", "ISK", "HUF", "CLP", "VND"}


@dataclass(frozen=True)
class Figures:
    language: Language
    currency: str

    def amount(self, hundredths: int | Decimal) -> str:
        """1.234,56: at least two decimals, more for a price below a cent, none for whole yen."""
        value = Decimal(hundredths).scaleb(-2)
        digits = plain(value)
        decimals = len(digits.partition(".")[2])
        if decimals == 0 and self.currency in _WITHOUT_HUNDREDTHS:
            return self._grouped(value, 0)
        return self._grouped(value, max(2, decimals))

    def money(self, hundredths: int | Decimal) -> str:
        """The amount with its currency, held together."""
        return f"{self.amount(hundredths)}\N{NO-BREAK SPACE}{self.currency}"

    def number(self, value: int | Decimal) -> str:
        exact = Decimal(value)
        return self._grouped(exact, len(plain(exact).partition(".")[2]))

    def day(self, iso_date: str) -> str:
        return date.fromisoformat(iso_date).strftime(self.language.date_format)

    def period(self, first: str, last: str) -> str:
        return f"{self.day(first)} – {self.day(last)}"

    def _grouped(self, value: Decimal, decimals: int) -> str:
        whole, _, fraction = f"{value:,.{decimals}f}".partition(".")
        grouped = whole.replace(",", self.language.group_mark)
        return f"{grouped}{self.language.decimal_mark}{fraction}" if fraction else grouped
