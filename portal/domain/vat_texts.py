"""What the law wants a document to say about VAT, in the document's language.

"Steuerschuldnerschaft des Leistungsempfängers" is the wording of § 14a UStG, and "Reverse charge" its
equivalent in other languages: a document for abroad carries both.
"""

from __future__ import annotations

from portal.domain.vat import VatCase, VatTreatment

_REVERSE_CHARGE = {
    "de": "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge, Art. 196 MwStSystRL)",
    "en": "Reverse charge: VAT is owed by the recipient of the service (Art. 196 Directive 2006/112/EC) /"
    " Steuerschuldnerschaft des Leistungsempfängers",
}
_THIRD_COUNTRY = {
    "de": "Im Inland nicht steuerbare Leistung: der Leistungsort liegt im Drittland (§ 3a UStG)",
    "en": "Not subject to German VAT: the place of supply is outside the European Union /"
    " Im Inland nicht steuerbare Leistung",
}
_ONE_STOP_SHOP = {
    "de": "Umsatzsteuer des Mitgliedstaats {country}, erklärt im Verfahren One-Stop-Shop (§ 18j UStG)",
    "en": "VAT of the member state {country}, declared at the One Stop Shop (Art. 369a ff. VAT Directive)",
}


def vat_text(treatment: VatTreatment, language: str) -> str | None:
    """Return the sentence that a document needs, or None where the rate says it all."""
    texts = {
        VatCase.REVERSE_CHARGE: _REVERSE_CHARGE,
        VatCase.THIRD_COUNTRY: _THIRD_COUNTRY,
        VatCase.ONE_STOP_SHOP: _ONE_STOP_SHOP,
    }.get(treatment.case)
    if texts is None:
        return None
    return texts["de" if language == "de" else "en"].format(country=treatment.taxed_in)
