"""The JSON contract of API tokens. Add keys freely; never rename or retype one."""

from __future__ import annotations

from portal.tokens.queries import TokenList, TokenRow
from portal.web.json import JSON, instant


def token_list(page: TokenList) -> list[JSON]:
    return [token(each) for each in page.tokens]


def token(row: TokenRow) -> JSON:
    return {
        "id": str(row.uid),
        "name": row.name,
        "prefix": row.prefix,
        "owner": row.owner,
        "read_only": row.is_read_only,
        "created_at": instant(row.created_at),
        "last_used_at": row.last_used_at and instant(row.last_used_at),
        "expires_at": row.expires_at and instant(row.expires_at),
    }


def new_token(row: TokenRow, text: str) -> JSON:
    """The only answer that ever has the token itself."""
    return token(row) | {"token": text}
