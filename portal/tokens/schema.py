"""The JSON contract of API tokens. Add keys freely; never rename or retype one."""

from typing import Annotated
from uuid import UUID

from portal.models import ApiToken
from portal.tokens.actions import NAME_LENGTH_MAX, Minted
from portal.tokens.queries import TokenList
from portal.web import shapes
from portal.web.bodies import Body, Flag, Text
from portal.web.shapes import Answer, doc


class Token(Answer, frozen=True):
    """A token, without its secret."""

    id: UUID
    name: str
    prefix: Annotated[str, doc("How it begins.")]
    owner: Annotated[str, doc("Whose rights it has.")]
    read_only: bool
    created_at: shapes.Instant
    last_used_at: shapes.Instant | None
    expires_at: Annotated[shapes.Instant | None, doc("Null: until it is revoked.")]


class NewToken(Token, frozen=True):
    """A token that was just made."""

    token: Annotated[str, doc("Keep it: it is shown once.")]


class TokenToMake(Body, frozen=True):
    """What is wanted of a token."""

    name: Annotated[Text, doc("What it is for.", minLength=1, maxLength=NAME_LENGTH_MAX)]
    expires_on: Annotated[
        Text | None, doc("It ends when this day begins, in UTC.", format="date", examples=["2026-01-13"])
    ] = None
    read_only: Flag | None = None


def token_list(page: TokenList) -> list[Token]:
    return [Token.of(row, **_named(row)) for row in page.tokens]


def new_token(minted: Minted) -> NewToken:
    """Return the only answer that ever has the token itself."""
    return NewToken.of(minted.row, **_named(minted.row), token=minted.token)


def _named(row: ApiToken) -> dict[str, object]:
    return {"id": row.uid, "owner": row.account.login, "read_only": row.is_read_only}
