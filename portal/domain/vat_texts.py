"""The sentences about VAT that the law requires, in the document's language.

"Steuerschuldnerschaft des Leistungsempfängers" is the wording of § 14a UStG, and "Reverse charge" its
equivalent in other languages: a document for abroad carries both. A seller at home in Germany names its law,
any other the directive that its law follows.
"""

from __future__ import annotations

from portal.domain.vat import VatCase, VatTreatment

_REVERSE_CHARGE = {
    "de": "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge, Art. 196 MwStSystRL)",
    "en": "Reverse charge: VAT is owed by the recipient of the service (Art. 196 Directive 2006/112/EC) /"
    " Steuerschuldnerschaft des Leistungsempfängers",
}
_THIRD_COUNTRY = {
    "de": "Nicht steuerbare Leistung: der Leistungsort liegt im Drittland (Art. 44, 59 MwStSystRL)",
    "en": "Not subject to VAT: the place of supply is outside the European Union"
    " (Art. 44, 59 Directive 2006/112/EC)",
}
_ONE_STOP_SHOP = {
    "de": "Umsatzsteuer des Mitgliedstaats {country}, erklärt im Verfahren One-Stop-Shop"
    " (Art. 369a ff. MwStSystRL)",
    "en": "VAT of the member state {country}, declared at the One Stop Shop (Art. 369a ff. VAT Directive)",
}
_TEXTS = {
    VatCase.REVERSE_CHARGE: _REVERSE_CHARGE,
    VatCase.THIRD_COUNTRY: _THIRD_COUNTRY,
    VatCase.ONE_STOP_SHOP: _ONE_STOP_SHOP,
}
_GERMAN_THIRD_COUNTRY = {
    "de": "Im Inland nicht steuerbare Leistung: der Leistungsort liegt im Drittland (§ 3a UStG)",
    "en": "Not subject to German VAT: the place of supply is outside the European Union /"
    " Im Inland nicht steuerbare Leistung",
}
_GERMAN_ONE_STOP_SHOP = _ONE_STOP_SHOP | {
    "de": "Umsatzsteuer des Mitgliedstaats {country}, erklärt im Verfahren One-Stop-Shop (§ 18j UStG)",
}
_TEXTS_BY_HOME = {
    "DE": _TEXTS
    | {VatCase.THIRD_COUNTRY: _GERMAN_THIRD_COUNTRY, VatCase.ONE_STOP_SHOP: _GERMAN_ONE_STOP_SHOP}
}


def vat_text(treatment: VatTreatment, language: str, home: str) -> str | None:
    """Return the sentence that a document of a seller needs, or None where the rate says it all."""
    texts = _TEXTS_BY_HOME.get(home, _TEXTS).get(treatment.case)
    if texts is None:
        return None
    return texts["de" if language == "de" else "en"].format(country=treatment.taxed_in)
