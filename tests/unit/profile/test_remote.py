"""Fetching a profile: from a server that behaves, and from servers that do not. Loopback only."""

from __future__ import annotations

import gzip
import hashlib
import ssl
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from threading import Event

import pytest
from configured import REPOSITORY, Server, file

from inner.config.document import LIMIT
from inner.errors import ConfigError, HostError, InnerError, UsageError
from inner.profile.remote import check, fetch

TLS = REPOSITORY / "tests/fixtures/tls"
TEXT = b'schema_version = "1"\n'


def authority() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(TLS / "authority.pem"))


def moved(to: str, code: int = 302) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Location", to.replace("SELF", f"http://127.0.0.1:{handler.server.server_address[1]}"))  # type: ignore[attr-defined]
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def raw(*pieces: bytes, pause: float = 0) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(pause)
        handler.close_connection = True

    return answer


def refused(answer: Callable[[BaseHTTPRequestHandler], None], seconds: float = 60) -> InnerError:
    with Server(answer) as server, pytest.raises(InnerError) as caught:
        fetch(f"{server.url}/p.toml", env={}, seconds=seconds)
    assert str(caught.value.where).startswith(("http://", "https://", "file:", "ftp:", "data:"))
    return caught.value


def test_what_the_server_sends_arrives_with_its_digest() -> None:
    with Server(file(TEXT)) as server:
        found = fetch(f"{server.url}/p.toml", env={})
    assert (found.content, found.sha256) == (TEXT, hashlib.sha256(TEXT).hexdigest())
    assert (found.asked, found.url, server.asked) == (f"{server.url}/p.toml", f"{server.url}/p.toml", ["/p.toml"])


def test_a_server_with_a_good_certificate_is_believed() -> None:
    with Server(file(TEXT), TLS / "loopback.pem") as server:
        assert fetch(f"{server.url}/p.toml", env={}, tls=authority()).content == TEXT


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with Server(file(TEXT), TLS / "loopback.pem") as server:
        with pytest.raises(HostError, match="the server's certificate is not good") as caught:
            fetch(f"{server.url}/p.toml", env={})
        assert server.asked == []
    assert caught.value.where == f"{server.url}/p.toml"


def test_the_certificate_of_another_host_is_refused() -> None:
    with Server(file(TEXT), TLS / "other.pem") as server, pytest.raises(HostError, match="the server's certificate is not good"):
        fetch(f"{server.url}/p.toml", env={}, tls=authority())
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    ["http://example.test/p.toml", "http://127.0.0.1.example.test/p", "http://localhost/p", "ftp://127.0.0.1/p", "file:///etc/passwd", "data:,x",
     "https://", "https:///p", "https://user@example.test/p", "https://user:secret@example.test/p", "https://@example.test/p", "https://exa mple.test/p",
     "https://example.test/\n", "https://exämple.test/p", "https://[::1/p", "https://example.test:99999/p", "https://example.test:0/p", "HTTP://10.0.0.1/p", "://", ""],
)  # fmt: skip
def test_an_address_that_is_never_fetched(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(url)
    assert "secret" not in str(caught.value.where) + caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "url",
    ["https://example.test/p.toml", "HTTPS://example.test", "http://127.0.0.1:8000/p", "http://[::1]/p", "http://127.8.9.1/"],
)
def test_an_address_that_may_be_fetched(url: str) -> None:
    check(url)


def test_a_few_redirects_are_followed_and_the_end_is_told() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        (file(TEXT) if handler.path == "/3" else moved(f"/{int(handler.path[1:]) + 1}"))(handler)

    with Server(answer) as server:
        found = fetch(f"{server.url}/1", env={})
    assert (found.content, found.url, server.asked) == (TEXT, f"{server.url}/3", ["/1", "/2", "/3"])


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_circle_of_redirects_ends(code: int) -> None:
    with Server(moved("SELF/p.toml", code)) as server, pytest.raises(ConfigError, match="sends us on more than 3 times"):
        fetch(f"{server.url}/p.toml", env={})
    assert len(server.asked) <= 5


def test_a_long_chain_of_redirects_ends() -> None:
    with (
        Server(lambda handler: moved(handler.path + "x")(handler)) as server,
        pytest.raises(ConfigError, match="sends us on more than 3 times"),
    ):
        fetch(f"{server.url}/p", env={})
    assert len(server.asked) <= 5


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("https://127.0.0.1/p", "the server sends us from http to https"),
        ("file:///etc/passwd", "the server sends us on more than 3 times, or to no web address"),
        ("ftp://127.0.0.1/p", "the server sends us from http to ftp"),
        ("data:text/plain,x", "the server sends us on more than 3 times, or to no web address"),
        ("http://example.test/p", "the server sends us on, and profiles are fetched over https only, not over http"),
        (
            "http://user:pw@127.0.0.1/p",
            "the server sends us on, and an address with a name or a password in it is not fetched: others would see it",
        ),
        ("http://[", "the server does not speak HTTP as it should"),
    ],
)
def test_a_redirect_goes_nowhere_that_was_not_allowed(to: str, message: str) -> None:
    assert refused(moved(to)).message == message


def test_a_redirect_from_tls_to_plain_http_is_refused() -> None:
    with Server(file(TEXT)) as plain, Server(moved(f"{plain.url}/p"), TLS / "loopback.pem") as server:
        with pytest.raises(ConfigError, match="sends us from https to http"):
            fetch(f"{server.url}/p.toml", env={}, tls=authority())
        assert plain.asked == []


def test_a_file_of_the_greatest_size_arrives_and_one_byte_more_does_not() -> None:
    with Server(file(b"#" * LIMIT)) as server:
        assert len(fetch(server.url, env={}).content) == LIMIT
    assert refused(file(b"#" * (LIMIT + 1))).message == "the file is larger than 256 KiB"


def test_a_file_without_end_is_cut_off() -> None:
    head = b"HTTP/1.0 200 OK\r\n\r\n"
    began = time.monotonic()
    assert refused(raw(head, *[b"#" * 65536] * 64)).message == "the file is larger than 256 KiB"
    assert time.monotonic() - began < 30


def test_a_header_without_end_is_cut_off() -> None:
    assert refused(raw(b"HTTP/1.0 200 OK\r\n", *[b"X: y\r\n"] * 5000)).message == "the server does not speak HTTP as it should"
    assert refused(raw(b"HTTP/1.0 200 OK\r\nX: " + b"y" * 200_000)).message == "the server does not speak HTTP as it should"


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.0 200 OK\r\nContent-Length: 201\r\n\r\n", *[b"#"] * 200],  # one byte at a time
        [b"HTTP/1.0 200 OK\r\n", *[b"A: b\r\n"] * 200],  # one header at a time
        [b"H", b"T", b"T", b"P"] * 50,
    ],
)
def test_a_server_that_takes_its_time_is_left(pieces: list[bytes]) -> None:
    began = time.monotonic()
    assert refused(raw(*pieces, pause=0.3), seconds=1).message == "nothing was received in 1 s"
    assert time.monotonic() - began < 30  # of sixty that it would take


def test_a_server_that_says_nothing_is_left() -> None:
    end = Event()
    try:
        found = refused(lambda _: end.wait(60) and None, seconds=0.5)
    finally:
        end.set()
    assert found.message in ("nothing was received in 0.5 s", "the server does not answer")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip"])
def test_compressed_content_is_refused_and_not_unpacked(encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000) if encoding == "gzip" else b"not gzip at all"
    assert refused(file(bomb, Content_Encoding=encoding)).message == "the server sends it compressed, which was not asked for"


@pytest.mark.parametrize(
    ("code", "message"), [(404, "status 404"), (401, "status 401"), (500, "status 500"), (206, "status 206"), (204, "status 204")]
)
def test_only_a_whole_file_is_an_answer(code: int, message: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code, "\x1b[31mwords of the server")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    assert refused(answer).message == f"the server answers with {message}"


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nshort"], "the connection ended before the file did"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"], "the connection ended before the file did"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhel"], "the connection ended before the file did"),
        ([b"\x00\x01\x02 nonsense\r\n\r\n"], "the server does not speak HTTP as it should"),
        ([b""], "the server does not speak HTTP as it should"),
    ],
)
def test_half_an_answer_is_none(pieces: list[bytes], message: str) -> None:
    found = refused(raw(*pieces))
    assert found.message == message or found.message.startswith("the server cannot be reached")


def test_a_port_where_nobody_listens() -> None:
    with Server(file(TEXT)) as server:
        pass
    with pytest.raises(HostError, match="the server cannot be reached"):
        fetch(server.url, env={}, seconds=60)


def test_the_users_own_files_with_passwords_are_not_consulted(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    seen = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append({name.lower() for name in handler.headers})
        file(TEXT)(handler)

    with Server(answer) as server:
        fetch(f"{server.url}/p.toml", env={})
    assert seen == [{"host", "user-agent", "accept-encoding", "connection"}]
