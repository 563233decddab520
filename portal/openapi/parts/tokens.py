"""API tokens."""

from __future__ import annotations

from portal.access.auth import MEMBER
from portal.openapi.operations import (
    IDEMPOTENCY_KEY,
    OF_ORGANIZATION,
    SLICE,
    Part,
    answer,
    body_of,
    in_path,
    nothing,
    operation,
    slice_of,
)
from portal.openapi.refusals import WRITING
from portal.openapi.shapes import DAY, FLAG, INSTANT, TEXT, UID, accepted, answered, or_null, ref, said
from portal.tokens.actions import NAME_LENGTH_MAX

_TOKEN = {
    "id": UID,
    "name": TEXT,
    "prefix": said(TEXT, "How it begins."),
    "owner": said(TEXT, "Whose rights it has."),
    "read_only": FLAG,
    "created_at": INSTANT,
    "last_used_at": or_null(INSTANT),
    "expires_at": said(or_null(INSTANT), "Null: until it is revoked."),
}

PART = Part(
    tag="Tokens",
    about="API tokens: each acts in one organization, with its owner's current rights there.",
    paths={
        "/organizations/{organization_id}/tokens": {
            "get": operation(
                "list_tokens",
                "The tokens of the caller; an admin sees everybody's",
                wanted=MEMBER,
                parameters=[OF_ORGANIZATION, *SLICE],
                answers={200: slice_of("Token")},
            ),
            "post": operation(
                "make_token",
                "Make a token",
                wanted=MEMBER,
                details="The token is in this answer alone, and `Idempotency-Key` is ignored. One that "
                "is made with a token ends with it, at the latest.",
                parameters=[OF_ORGANIZATION],
                body=body_of(ref("TokenToMake")),
                answers={201: answer("It was made.", ref("NewToken"))},
                refused=WRITING,
            ),
        },
        "/organizations/{organization_id}/tokens/{token_id}": {
            "delete": operation(
                "revoke_token",
                "Revoke a token, and all that were made with it",
                wanted=MEMBER,
                parameters=[OF_ORGANIZATION, in_path("token_id", "Which one."), IDEMPOTENCY_KEY],
                answers={204: nothing("It stopped working.")},
                refused=WRITING,
            ),
        },
    },
    schemas={
        "Token": answered("A token, without its secret.", _TOKEN),
        "NewToken": answered(
            "A token that was just made.", {**_TOKEN, "token": said(TEXT, "Keep it: it is shown once.")}
        ),
        "TokenToMake": accepted(
            "What is wanted of a token.",
            {
                "name": said(TEXT, "What it is for.") | {"minLength": 1, "maxLength": NAME_LENGTH_MAX},
                "expires_on": said(or_null(DAY), "It ends when this day begins, in UTC."),
                "read_only": or_null(FLAG),
            },
            optional=("expires_on", "read_only"),
        ),
    },
)
