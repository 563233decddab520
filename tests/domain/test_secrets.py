"""What is blacked out of every text that is written down, and what is left as it is."""

import uuid

import pytest

from portal.domain.secrets import HIDDEN, scrubbed


@pytest.mark.parametrize(
    "secret",
    [
        "bpk_0123456789ABCDEFGHIJKLMNOPQRST4PMbyp",
        "sk_test_51Hh2kAbC",
        "rk_live_51Hh2kAbC",
        "whsec_0123abcd",
        "seti_1Ab_secret_9Zz",
        "Bearer abcdefgh12345",
        "Basic dXNlcjpwYXNz",
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "378282246310005",
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "NL91ABNA0417164300",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "before {} after", '{{"x": "{}"}}', "/path/{}/more"])
def test_a_secret_is_hidden_wherever_it_stands_in_a_text(secret, frame):
    found = scrubbed(frame.format(secret))

    assert HIDDEN in found
    assert not [part for part in secret.split() if len(part) > 6 and part in found]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "an invoice 10001-0001 of 2026-01",
        "4242424242424241",  # no card number: its check digit is wrong
        "2026-11-23T19:18:56.123456+00:00",
        str(uuid.UUID("550e8400-e29b-41d4-a716-446655440000")),
        "bpk_1a2b",  # as much as a list shows
        "0.00694",
        "DE•• •••• 3000",
        "FR12345678901",  # a VAT id
        "NL123456789B01",
        "IT12345678901",
        "PL1234567890",
    ],
)
def test_text_that_is_no_secret_is_not_hidden(text):
    assert scrubbed(text) == text


def test_no_uuid_is_taken_for_a_card_number():
    for number in range(2000):
        text = str(uuid.UUID(int=number * 7919**9 % 2**128))
        assert scrubbed(text) == text
