"""The signed cookie of a browser: the id of a session, the CSRF secret, the organization last looked at.

It is never read or set beside an Authorization header: one request has one identity.
"""

from __future__ import annotations

from flask import Flask, Request, Response
from flask import request as current_request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin


class TokenAwareSessions(SecureCookieSessionInterface):
    """With an Authorization header the cookie is neither read nor set."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if "Authorization" in request.headers:
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if "Authorization" not in current_request.headers:
            super().save_session(app, session, response)
