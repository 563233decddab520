"""FOCUS exports for tests."""

import csv
import io
from pathlib import Path

USUAL = {
    "BillingCurrency": "EUR",
    "ChargeCategory": "Usage",
    "ChargeClass": "NULL",
    "ChargeDescription": "$0.5 per GB",
    "ChargePeriodStart": "2026-01-13T07:00:00Z",
    "ChargePeriodEnd": "2026-01-13T08:00:00Z",
    "ListUnitPrice": "0.5",
    "PricingQuantity": "3",
    "PricingUnit": "GB",
    "ServiceName": "Storage",
    "SkuPriceId": "sku-1",
    "SubAccountId": "4711",
    "SubAccountName": "production",
}


def row(**changes: str) -> dict[str, str]:
    """Return a usual row with some of its cells changed."""
    return USUAL | changes


def at(start: str, end: str, **changes: str) -> dict[str, str]:
    return row(ChargePeriodStart=start, ChargePeriodEnd=end, **changes)


def hour(number: int, day: int = 13, **changes: str) -> dict[str, str]:
    """Return a row of one of the first 23 hours of a day of January 2026."""
    return at(
        f"2026-01-{day:02d}T{number:02d}:00:00Z", f"2026-01-{day:02d}T{number + 1:02d}:00:00Z", **changes
    )


def text_of(*rows: dict[str, str], columns: list[str] | None = None) -> str:
    columns = columns or list(dict.fromkeys(name for each in rows for name in each)) or list(USUAL)
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore", restval="NULL")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def write(path: Path, *rows: dict[str, str], **options) -> Path:
    path.write_text(text_of(*rows, **options), encoding="utf-8", newline="")
    return path
