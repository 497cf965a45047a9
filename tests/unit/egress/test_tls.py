from __future__ import annotations

import ssl

import pytest

from inner.egress.tls import Hello, NotTLS


def hello(name: str | None) -> bytes:
    """What OpenSSL really sends."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    out = ssl.MemoryBIO()
    side = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return out.read()


def made(extensions: bytes, *, more: bytes = b"", size: int | None = None, kind: int = 1) -> bytes:
    """A ClientHello with these extensions, as one record."""
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + len(extensions).to_bytes(2, "big") + extensions
    message = bytes([kind]) + (len(body) if size is None else size).to_bytes(3, "big") + body + more
    return b"\x16\3\1" + len(message).to_bytes(2, "big") + message


def ext(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def sni(name: bytes, kind: int = 0) -> bytes:
    entry = bytes([kind]) + len(name).to_bytes(2, "big") + name
    return ext(0, len(entry).to_bytes(2, "big") + entry)


def read(data: bytes) -> str:
    found = Hello()
    assert found.feed(data)
    return found.name


def test_openssl_in_one_piece_and_byte_by_byte():
    assert read(hello("a.example")) == "a.example"
    assert read(hello(None)) == ""
    found = Hello()
    data = hello("a.example")
    assert [found.feed(data[i : i + 1]) for i in range(len(data))] == [False] * (len(data) - 1) + [True]
    assert found.name == "a.example"


@pytest.mark.parametrize("size", [1, 2, 5, 41, 100])
def test_in_records_of_any_size(size):
    message = hello("a.example")[5:]
    pieces = b"".join(
        b"\x16\3\1" + len(message[i : i + size]).to_bytes(2, "big") + message[i : i + size] for i in range(0, len(message), size)
    )
    assert read(pieces) == "a.example"


def test_what_follows_the_hello_is_not_looked_at():
    assert read(hello("a.example") + b"\x14\3\3\0\1\1" + b"anything") == "a.example"


def test_grease_and_the_outer_name_of_ech():
    grease = ext(0x0A0A, b"") + ext(0xFE0D, b"\0" * 200) + sni(b"outer.example") + ext(0x1A1A, b"\0")
    assert read(made(grease)) == "outer.example"


def test_before_extensions_existed():
    body = b"\3\1" + bytes(32) + b"\0" + b"\0\2\0\x2f" + b"\1\0"
    message = b"\1" + len(body).to_bytes(3, "big") + body
    assert read(b"\x16\3\1" + len(message).to_bytes(2, "big") + message) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n", b"SSH-2.0-x\r\n", b"\x80\x2e\1\3\1", b"\x15\3\1\0\2\2\x28", b"\x16\2\1\0\5", b"\x16\3\5\0\5", b"\x16\3\1\0\0",
        b"\x16\3\1\x40\1",
        made(b"", kind=2), made(sni(b"a") + sni(b"a")), made(sni(b"a") + sni(b"b")), made(sni(b"a", kind=1)), made(sni(b"")),
        made(sni(b"a" * 256)), made(ext(0, b"\0\6\0\0\1a\0\0")), made(ext(0, b"\0\x0a\0\0\1a\0\0\1b\0\0")), made(ext(0, b"")),
        made(sni(b"a"), more=b"\1\0\0\0"), made(sni(b"a")[:-1]), made(b"\0"), made(sni(b"a"), size=10), made(b"", size=1 << 20),
        b"\x16\3\1\0\5\1\0\0\1\0",
    ],
)  # fmt: skip
def test_what_is_refused(data):
    for step in (len(data), 1):
        found = Hello()
        with pytest.raises(NotTLS):
            for i in range(0, len(data), step):
                found.feed(data[i : i + step])
            assert found.done, "still waiting"
            raise AssertionError(found.name)


def test_a_hello_that_never_ends_is_bounded():
    found = Hello()
    found.feed(b"\x16\3\1\x40\0\1\0\x7f\x00" + bytes(0x4000 - 4))
    with pytest.raises(NotTLS):
        for _ in range(10):
            found.feed(b"\x16\3\1\x40\0" + bytes(0x4000))
