"""Bodies of many entries are read one by one, as strictly as a body of one, and in little memory."""

import gzip
import json
import tracemalloc
from decimal import Decimal
from itertools import islice

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from portal.web.entries import ENTRY_LENGTH_MAX, entries_of_body
from tests.properties import examples

MEBIBYTE = 1024 * 1024
ARRAY, LINES = "application/json", "application/x-ndjson"


def read(body, kind=ARRAY, *, first=None, is_packed=False):
    headers = {"Content-Encoding": "gzip"} if is_packed else {}
    with Flask("entries").test_request_context(
        "/", method="POST", data=body, content_type=kind, headers=headers
    ):
        return list(islice(entries_of_body(unpacked_max_bytes=16 * MEBIBYTE), first))


@pytest.mark.parametrize("body", [b"[1e50]", b"[NaN]", b'[{"a":1,"a":2}]', b"{}", b"[" + b"1" * 41 + b"]"])
def test_entries_of_an_array_are_read_as_strictly_as_a_body(body):
    with pytest.raises(BadRequest):
        read(body)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=6,
)


@examples(30)
@given(
    st.lists(values, max_size=9), st.sampled_from(["", " ", "\r\n\t "]), st.sampled_from([0, 65_530, 90_000])
)
def test_entries_are_those_of_the_array_wherever_its_pieces_end(entries, blanks, more):
    text = f"{blanks},{blanks}".join(json.dumps(each, ensure_ascii=False) for each in entries)
    body = f"{' ' * more}[{blanks}{text}{blanks}]{blanks}"
    assert read(body.encode(errors="replace")) == json.loads(body.encode(errors="replace"))


@examples(30)
@given(st.lists(values, max_size=9), st.sampled_from([0, 65_530, 90_000]))
def test_entries_are_those_of_the_lines_wherever_their_pieces_end(entries, more):
    body = "\n" * more + "\n".join(json.dumps(each) for each in entries)
    assert read(body.encode(), LINES) == entries


def test_a_packed_body_of_many_pieces_is_read_to_its_last_entry():
    entries = [{"hour": f"{number}", "quantity": number} for number in range(20_000)]
    assert read(gzip.compress(json.dumps(entries).encode()), is_packed=True) == entries


def test_floats_as_python_writes_them_are_read_exactly():
    floats = [float(f"{number}e{exponent}") for number in (0.1, 1.234, 7) for exponent in range(-30, 30)]
    assert read(json.dumps(floats).encode()) == [Decimal(repr(each)) for each in floats]


@pytest.mark.parametrize("length", [ENTRY_LENGTH_MAX - 2, ENTRY_LENGTH_MAX - 1])
def test_an_entry_has_a_longest_length(length):
    text = b'"' + b"x" * length + b'"'
    is_short = length + 2 <= ENTRY_LENGTH_MAX
    for kind, body in ((ARRAY, b"[" + text + b"]"), (LINES, text), (LINES, text + b"\n" + text)):
        if is_short:
            assert set(read(body, kind)) == {"x" * length}
        else:
            with pytest.raises(HTTPException, match="longer than 4096 characters"):
                read(body, kind)


HOSTILE = {
    "empty objects": b"[" + b"{}," * (MEBIBYTE // 2) + b"{}]",
    "an entry of empty lists": b"[[" + b"[]," * (MEBIBYTE // 2) + b"[]]]",
    "an entry of texts": b"[[" + b'"",' * (MEBIBYTE // 2) + b'""]]',
    "a wide character among many": b'["'
    + "\N{PILE OF POO}".encode()
    + b'"'
    + b",{}" * (MEBIBYTE // 2)
    + b"]",
    "depth": b"[" * (2 * MEBIBYTE),
    "blanks": b" " * (2 * MEBIBYTE),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_body_that_says_much_in_few_bytes_is_read_in_little_memory(body):
    packed = gzip.compress(body, 1)
    tracemalloc.start()
    try:
        read(packed, is_packed=True, first=2_000)
    except HTTPException:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEBIBYTE


def test_lines_without_an_end_are_refused_before_all_of_them_are_unpacked():
    packed = gzip.compress(b"x" * (16 * MEBIBYTE))
    with pytest.raises(RequestEntityTooLarge):
        read(packed, LINES, is_packed=True)
