"""stripe-python speaking to the sandbox's WSGI application in the same process, without a port."""

import json
from urllib.parse import urlsplit

import stripe


class InProcess(stripe.HTTPClient):
    """Keeps every answer, so that a test can look at what the SDK makes into objects."""

    name = "in-process"

    def __init__(self, app):
        super().__init__()
        self.browser = app.test_client()
        self.answers = []

    def request(self, method, url, headers, post_data=None):
        address = urlsplit(url)
        response = self.browser.open(
            f"{address.path}?{address.query}", method=method.upper(), headers=dict(headers), data=post_data
        )
        self.answers.append(response.json)
        return response.get_data(), response.status_code, response.headers

    def close(self):
        pass


def client_of(app, key="sk_test_sandbox"):
    return stripe.StripeClient(key, http_client=InProcess(app)).v1


def answers_of(client):
    return client._requestor._client.answers


def raw_call(app, method, path, *, key="sk_test_sandbox", headers=None, **form):
    """What the SDK would not send."""
    sent = {"Authorization": f"Bearer {key}"} | (headers or {})
    response = app.test_client().open(path, method=method, headers=sent, data=form)
    return response, json.loads(response.data)
