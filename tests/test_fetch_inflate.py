"""Unpacking within bounds: pure."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.inflate import UndecodableError, decode, encoding_of


@given(st.binary(max_size=5000), st.integers(0, 4))
def test_what_was_packed_comes_back(body: bytes, cut: int) -> None:
    parts = [body[:cut], body[cut:]]
    assert decode(b"".join(gzip.compress(part) for part in parts), "gzip", 5000) == body
    assert decode(zlib.compress(body), "deflate", 5000) == body
    assert decode(body, "", 5000) == body


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_end_in_a_value_or_a_named_error(body: bytes) -> None:
    for encoding in ("gzip", "deflate"):
        with contextlib.suppress(UndecodableError):
            assert len(decode(body, encoding, 10_000)) <= 10_000


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_no_cut_goes_unseen(body: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(body)
    end = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(UndecodableError, match="avbruten"):
        decode(packed[:end], "gzip", 10_000)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_000])
def test_the_cap_is_exact_whatever_the_steps(size: int) -> None:
    packed = gzip.compress(b"x" * size)
    assert len(decode(packed, "gzip", size)) == size
    with pytest.raises(UndecodableError) as caught:
        decode(packed, "gzip", size - 1)
    assert caught.value.code == "decoded_too_large"


@pytest.mark.parametrize(
    ("values", "encoding"),
    [
        ([], ""),
        ([""], ""),
        (["identity"], ""),
        (["gzip"], "gzip"),
        ([" X-GZIP "], "gzip"),
        ([",gzip,"], "gzip"),
        (["deflate"], "deflate"),
    ],
)
def test_one_encoding_is_read(values: list[str], encoding: str) -> None:
    assert encoding_of(values) == encoding


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (["gzip, gzip"], "stacked_encodings"),
        (["gzip", "br"], "stacked_encodings"),
        (["identity, gzip"], "stacked_encodings"),
        (["br"], "unknown_encoding"),
        (["zstd"], "unknown_encoding"),
        (["compress"], "unknown_encoding"),
    ],
)
def test_several_encodings_and_unasked_ones_are_refused(values: list[str], code: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        encoding_of(values)
    assert caught.value.code == code
