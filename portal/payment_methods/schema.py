"""The JSON contract of payment methods."""

from __future__ import annotations

from portal.models import PaymentMethod
from portal.payment_methods.queries import PaymentMethodList
from portal.web.json import JSON


def payment_method_list(page: PaymentMethodList) -> list[JSON]:
    return [payment_method(each) for each in page.methods]


def payment_method(method: PaymentMethod) -> JSON:
    return {
        "id": str(method.uid),
        "payment_type": method.payment_type,
        "default": method.is_default,
        "brand": method.brand,
        "last4": method.last4,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "iban": method.masked_iban,
    }
