"""Payment methods: the list, adding one through Stripe's element, choosing the default, removing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from htmx_flask import request
from werkzeug.wrappers import Response

from portal.access.auth import Policy, organization
from portal.access.identity import account
from portal.domain.errors import ProviderUnavailableError
from portal.gateways.stripe_shapes import SetupStatus
from portal.payment_methods import forms, queries, schema, steps
from portal.payment_methods.lease import BeingChangedError
from portal.payment_methods.queries import PaymentMethodList
from portal.services import settings, stripe
from portal.web.bodies import Nothing
from portal.web.clock import now, today
from portal.web.forms import refuse_fields
from portal.web.headers import loads_stripe
from portal.web.operations import Operation
from portal.web.renders import renders, wants_json

bp = Blueprint(
    "payment_methods", __name__, url_prefix="/organizations/<uuid:organization_id>/payment_methods"
)

_OUTCOMES: Mapping[SetupStatus, str] = {
    SetupStatus.SUCCEEDED: "Your payment method was added.",
    SetupStatus.PROCESSING: "Your bank is still checking. The payment method appears here once it agrees.",
    SetupStatus.FAILED: "The payment method was not added. Please try again, or use another one.",
    SetupStatus.UNFINISHED: "Adding the payment method was not finished, so nothing was added.",
}
_BEING_CHECKED = "This could not be finished right now, so it is being checked. Nothing is lost."


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SetupPage:
    """The facts with which the browser mounts Stripe's element; its script fetches the client secret."""

    js_url: str
    publishable_key: str
    return_url: str


@bp.url_defaults
def stay_in_organization(endpoint: str, values: dict[str, object]) -> None:
    """Let links within the room lead to the same organization."""
    del endpoint
    if "organization_id" not in values:
        values["organization_id"] = organization().uid


def survives_outage(view: Callable[..., Result]) -> Callable[..., Result | Response]:
    """Lead a browser back to its list, with a notice, where its change has to wait; a program gets errors."""

    @wraps(view)
    def answer(**ids: UUID) -> Result | Response:
        try:
            return view(**ids)
        except (ProviderUnavailableError, BeingChangedError) as error:
            if wants_json() or request.htmx:
                raise
            flash(str(error))
            return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)

    return answer


@bp.get("")
@Policy("billing:read")
@Operation("list_payment_methods")
@renders("payment_methods/index.html", json=schema.payment_method_list, fragments={"payment_method_list"})
def index(**_: UUID) -> PaymentMethodList:
    is_answering = stripe().is_answering
    return queries.payment_methods_of(
        organization(), is_stripe_answering=is_answering, now=now(), today=today()
    )


@bp.get("/new")
@Policy("billing:update", is_confirmed=True)
@renders("payment_methods/new.html")
def new(**_: UUID) -> SetupPage:
    loads_stripe()
    return SetupPage(
        js_url=settings().stripe.js_url,
        publishable_key=settings().stripe.publishable_key,
        return_url=settings().portal_url + url_for(".complete_setup"),
    )


@bp.get("/return")
@Policy("billing:update")
def complete_setup(**_: UUID) -> Response:
    setup_id = forms.setup_id_of_query()
    try:
        setup = steps.complete_setup(organization(), setup_id, stripe=stripe(), now=now())
    except (ProviderUnavailableError, BeingChangedError):
        steps.ask_for_check(organization(), setup_id, stripe=stripe(), now=now())
        flash(_BEING_CHECKED)
        return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)
    if setup.status is SetupStatus.PROCESSING:
        steps.ask_for_check(organization(), setup_id, stripe=stripe(), now=now())
    flash(setup.message or _OUTCOMES[setup.status])
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@bp.post("/payment_intent")
@Policy("billing:update", is_confirmed=True, is_secret=True)
@Operation("begin_payment_method", body=Nothing, refuses=[502], passes_key_on=True)
def payment_intent(**_: UUID) -> schema.ClientSecret:
    refuse_fields()
    key = forms.idempotency_key(organization(), account())
    secret = steps.begin_setup(organization(), stripe=stripe(), request_key=key, now=now())
    return schema.ClientSecret(secret)


@bp.post("/create_and_attach")
@Policy("billing:update", is_confirmed=True)
@Operation(
    "attach_payment_method", body=schema.PaymentMethodToAttach, status=HTTPStatus.CREATED, refuses=[402, 502]
)
def create_and_attach(**_: UUID) -> schema.PaymentMethod:
    method = steps.attach(organization(), forms.method_id_of_body(), stripe=stripe(), now=now())
    return schema.payment_method(method)


@bp.route("/<uuid:payment_method_id>/set_default", methods=["PUT", "POST"])
@Policy("billing:update", is_confirmed=True)
@Operation("set_default_payment_method", method="PUT", refuses=[502])
@Operation("post_default_payment_method", method="POST", refuses=[502])
@survives_outage
def set_default(payment_method_id: UUID, **_: UUID) -> schema.PaymentMethod | Response:
    refuse_fields()
    method = steps.set_default(organization(), payment_method_id, stripe=stripe(), now=now())
    if wants_json():
        return schema.payment_method(method)
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@bp.delete("/<uuid:payment_method_id>")
@Policy("billing:update", is_confirmed=True)
@Operation("remove_payment_method", query=schema.RemovalQuery, refuses=[502])
def delete(payment_method_id: UUID, **_: UUID) -> None:
    refuse_fields("new_default")
    successor = forms.successor_of_request()
    steps.remove(organization(), payment_method_id, successor=successor, stripe=stripe(), now=now())


@bp.post("/<uuid:payment_method_id>/remove")
@Policy("billing:update", is_confirmed=True)
@survives_outage
def remove(payment_method_id: UUID, **_: UUID) -> Response:
    refuse_fields("new_default")
    successor = forms.successor_of_request()
    steps.remove(organization(), payment_method_id, successor=successor, stripe=stripe(), now=now())
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)
