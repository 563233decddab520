"""What happens in Stripe's frame and at the bank: spoken to the sandbox as its own script does."""

import requests

CARD = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2034"}
CARD |= {"card[cvc]": "123"}
HOLDER = {"billing_details[name]": "Erika Mustermann", "billing_details[email]": "erika@acme.example"}
ACCOUNT = {"type": "sepa_debit", "sepa_debit[iban]": "DE89370400440532013000"} | HOLDER
DECLINED = CARD | {"card[number]": "4000000000000002"}
ASKS_BANK = CARD | {"card[number]": "4000002760003184"}


def type_in(stripe_url: str, client_secret: str, method: dict[str, str]) -> requests.Response:
    """Confirm a set-up intent with the publishable key, as the payment element does."""
    data = {
        f"payment_method_data[{name.partition('[')[0]}]" + _rest(name): text for name, text in method.items()
    }
    data |= {
        "key": "pk_test_sandbox",
        "client_secret": client_secret,
        "return_url": "http://localhost/return",
    }
    url = f"{stripe_url}/v1/setup_intents/{setup_id_of(client_secret)}/confirm"
    return requests.post(url, data=data, timeout=10)


def setup_id_of(client_secret: str) -> str:
    return client_secret.partition("_secret_")[0]


def make_method(stripe_url: str, method: dict[str, str] = CARD) -> str:
    """Make a payment method that belongs to nobody yet."""
    data = {"key": "pk_test_sandbox"} | method
    return requests.post(f"{stripe_url}/v1/payment_methods", data=data, timeout=10).json()["id"]


def at_stripe(stripe_url: str, path: str, **data: str) -> dict:
    """Look at Stripe, or change something there, as its dashboard does."""
    method = "POST" if data else "GET"
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    return requests.request(method, f"{stripe_url}/v1/{path}", headers=headers, data=data, timeout=10).json()


def _rest(name: str) -> str:
    bracket = name.find("[")
    return name[bracket:] if bracket >= 0 else ""
