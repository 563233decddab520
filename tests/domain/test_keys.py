"""A signature holds for one text, one purpose, and the keys that are known."""

import pytest

from portal.domain.keys import Keys

OLD, NEW = "the key of last year", "the key of this year"


def test_a_signature_vouches_for_its_text():
    keys = Keys([NEW])
    assert keys.vouch_for("entry", "text", keys.sign("entry", "text"))


@pytest.mark.parametrize(
    ("purpose", "text", "keys"),
    [("entry", "other text", [NEW]), ("head", "text", [NEW]), ("entry", "text", ["a stranger's key"])],
)
def test_a_signature_vouches_for_nothing_else(purpose, text, keys):
    assert not Keys(keys).vouch_for(purpose, text, Keys([NEW]).sign("entry", "text"))


def test_a_signature_of_an_older_key_holds_while_the_key_is_known():
    signature = Keys([OLD]).sign("entry", "text")
    assert Keys([NEW, OLD]).vouch_for("entry", "text", signature)
    assert not Keys([NEW]).vouch_for("entry", "text", signature)


def test_a_signature_that_is_no_ascii_is_a_wrong_one():
    assert not Keys([NEW]).vouch_for("entry", "text", "é" * 64)


def test_keys_do_not_show_their_secrets():
    assert NEW not in repr(Keys([NEW]))
