"""API tokens: long, random, checkable without a database, and stored only as a hash."""

import hashlib
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import tokens
from tests.properties import examples

TOKEN = "bpk_0123456789ABCDEFGHIJKLMNOPQRST4PMbyp"  # well formed, and nobody's


def test_a_token_is_a_prefix_30_random_characters_and_a_checksum():
    assert re.fullmatch(r"bpk_[0-9A-Za-z]{36}", tokens.mint())


def test_a_minted_token_is_well_formed():
    assert all(tokens.is_well_formed(tokens.mint()) for _ in range(200))


def test_two_thousand_minted_tokens_are_all_different():
    assert len({tokens.mint() for _ in range(2000)}) == 2000


def test_every_character_of_the_token_alphabet_is_used():
    assert len(set("".join(tokens.mint()[4:34] for _ in range(500)))) == 62


@examples(100)
@given(st.integers(4, len(TOKEN) - 1), st.sampled_from("0aZ9b"))
def test_any_single_changed_character_breaks_the_checksum_of_a_token(place, character):
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert tokens.is_well_formed(changed) == (changed == TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        "bpk_",
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN[4:],
        "BPK_" + TOKEN[4:],
        "bpk-" + TOKEN[4:],
        TOKEN[:10] + "é" + TOKEN[11:],
        TOKEN[:10] + "\x00" + TOKEN[11:],
        "bpk_" + "0" * 36,
        "bpk_" + "\uff10" * 36,
    ],
)
def test_a_text_that_is_no_token_is_not_well_formed(text):
    assert not tokens.is_well_formed(text)


@examples(100)
@given(st.text(max_size=60))
def test_no_text_makes_the_check_of_a_token_raise(text):
    assert tokens.is_well_formed(text) is False


def test_the_checksum_of_a_token_is_the_crc32_of_its_random_part_in_base_62():
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    token = tokens.mint()
    number = 0
    for digit in token[-6:]:
        number = number * 62 + alphabet.index(digit)
    assert number == zlib.crc32(token[4:-6].encode())


def test_a_token_that_a_customer_holds_stays_valid_between_releases():
    assert tokens.is_well_formed("bpk_" + "A" * 30 + "0uCPlr")


def test_the_stored_fingerprint_is_the_sha_256_of_the_token():
    assert tokens.fingerprint(TOKEN) == hashlib.sha256(TOKEN.encode()).hexdigest()


def test_the_stored_fingerprint_says_nothing_of_the_token():
    assert TOKEN[4:] not in tokens.fingerprint(TOKEN)


def test_a_list_shows_four_characters_of_a_token():
    assert tokens.shown_prefix(TOKEN) == TOKEN[:8]
