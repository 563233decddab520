"""The sentences about VAT that the law requires, in the document's language: `vat_texts.toml`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from portal.domain.vat import VatTreatment

# A home, or "directive" for any other: its cases, each with a sentence by language.
_TEXTS: Mapping[str, dict[str, Mapping[str, str]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def vat_text(treatment: VatTreatment, language: str, home: str) -> str | None:
    """Return the sentence that a document of a seller needs, or None where the rate says it all."""
    sentences = (_TEXTS["directive"] | _TEXTS.get(home, {})).get(treatment.case)
    if sentences is None:
        return None
    return sentences["de" if language == "de" else "en"].format(country=treatment.taxed_in)
