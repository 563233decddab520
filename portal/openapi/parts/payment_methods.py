"""Payment methods: cards and mandates that Stripe holds."""

from __future__ import annotations

from portal.openapi.operations import (
    IDEMPOTENCY_KEY,
    OF_ORGANIZATION,
    Part,
    answer,
    body_of,
    done,
    in_path,
    in_query,
    nothing,
    operation,
)
from portal.openapi.refusals import WRITING
from portal.openapi.shapes import FLAG, TEXT, UID, accepted, answered, list_of, or_null, ref, said
from portal.web.json import JSON

_BASE = "/organizations/{organization_id}/payment_methods"
_ASKING_STRIPE = (*WRITING, 502)
_METHOD = in_path("payment_method_id", "Which one; our id, not Stripe's.")


def _set_default(name: str, details: str) -> JSON:
    return operation(
        name,
        "Make one the default",
        wanted="billing:update",
        details=details,
        parameters=[OF_ORGANIZATION, _METHOD, IDEMPOTENCY_KEY],
        answers={200: done(ref("PaymentMethod"), "It is the default now.")},
        refused=_ASKING_STRIPE,
    )


PART = Part(
    tag="Payment methods",
    about="Cards and mandates that Stripe holds; numbers never come here.",
    paths={
        _BASE: {
            "get": operation(
                "list_payment_methods",
                "Every payment method of an organization, the default first",
                wanted="billing:read",
                parameters=[OF_ORGANIZATION],
                answers={200: answer("All of them.", list_of(ref("PaymentMethod")))},
            ),
        },
        f"{_BASE}/payment_intent": {
            "post": operation(
                "begin_payment_method",
                "Begin to add one: a client secret for Stripe's element",
                wanted="billing:update",
                details="The key of `Idempotency-Key` is passed on to Stripe; the secret is kept nowhere.",
                parameters=[OF_ORGANIZATION, IDEMPOTENCY_KEY],
                body=body_of(accepted("Nothing.", {}), is_required=False),
                answers={200: answer("Confirm it with Stripe's element.", ref("ClientSecret"))},
                refused=_ASKING_STRIPE,
            ),
        },
        f"{_BASE}/create_and_attach": {
            "post": operation(
                "attach_payment_method",
                "Add one that was made at Stripe",
                wanted="billing:update",
                parameters=[OF_ORGANIZATION, IDEMPOTENCY_KEY],
                body=body_of(ref("PaymentMethodToAttach")),
                answers={201: done(ref("PaymentMethod"), "It was added.")},
                refused=(*_ASKING_STRIPE, 402),
            ),
        },
        f"{_BASE}/{{payment_method_id}}/set_default": {
            "put": _set_default("set_default_payment_method", "The default is what invoices are charged to."),
            "post": _set_default("post_default_payment_method", "The same as PUT: a form cannot send that."),
        },
        f"{_BASE}/{{payment_method_id}}": {
            "delete": operation(
                "remove_payment_method",
                "Remove one",
                wanted="billing:update",
                details="The default cannot be removed while there are others, unless `new_default` names "
                "the one that comes first then: 409.",
                parameters=[
                    OF_ORGANIZATION,
                    _METHOD,
                    in_query("new_default", "Which one is the default from then on.", UID),
                    IDEMPOTENCY_KEY,
                ],
                answers={204: nothing("It is gone.")},
                refused=_ASKING_STRIPE,
            ),
        },
    },
    schemas={
        "PaymentMethod": answered(
            "A card or mandate, as Stripe last told us.",
            {
                "id": said(UID, "Ours."),
                "payment_type": said(TEXT, "In Stripe's words, such as card or sepa_debit."),
                "default": FLAG,
                "brand": or_null(TEXT),
                "last4": said(or_null(TEXT), "The last four digits, of a card or an IBAN."),
                "exp_month": or_null({"type": "integer", "minimum": 1, "maximum": 12}),
                "exp_year": or_null({"type": "integer"}),
                "iban": said(or_null(TEXT), "Masked, and for sepa_debit alone: `DE•• •••• 3000`."),
            },
        ),
        "PaymentMethodToAttach": accepted(
            "A payment method that was made at Stripe.",
            {"payment_method_id": {"type": "string", "pattern": "^pm_[A-Za-z0-9_]{1,200}$"}},
        ),
        "ClientSecret": answered(
            "Lets a browser finish one set-up at Stripe.",
            {"client_secret": {"type": "string", "pattern": "^seti_[A-Za-z0-9_]+_secret_[A-Za-z0-9_]+$"}},
        ),
    },
)
