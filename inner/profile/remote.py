"""A profile from the network, as bytes: fetched over TLS within limits of size, time and redirects. What it says is not read here.

Nothing of it is kept. Plain http is for this machine alone (a literal loopback address), where nobody is in between.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from inner.config.document import LIMIT
from inner.errors import ConfigError, HostError, UsageError
from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from typing import IO

SECONDS = 30.0  # for all of it, from the first look-up to the last byte
REDIRECTS = 3


@frozen
class Download:
    """What was received. `url` is where it came from in the end."""

    asked: str
    url: str
    content: bytes
    sha256: str


def fetch(url: str, *, env: Mapping[str, str], seconds: float = SECONDS, tls: ssl.SSLContext | None = None) -> Download:
    """The content at `url`. UsageError for an address that is never fetched, HostError when it cannot be had in time, ConfigError
    when what comes is not a small plain file. `tls` is for a certificate authority of one's own.
    """
    from hashlib import sha256
    from threading import Thread

    check(url)
    result: list[tuple[str, bytes] | BaseException] = []

    def work() -> None:
        try:
            result.append(_fetch(url, env, seconds, tls or ssl.create_default_context()))
        except BaseException as problem:  # noqa: BLE001 - raised below, in the thread that asked
            result.append(problem)

    # name look-ups, handshakes and one byte a second know no common time limit: the wait for all of it has one
    worker = Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds)
    if not result:
        raise HostError(f"nothing was received in {seconds:g} s", where=url, hint="download it another way, and name the file")
    if isinstance(result[0], BaseException):
        raise _told(result[0], url)
    final, content = result[0]
    return Download(url, final, content, sha256(content).hexdigest())


def check(url: str) -> None:
    """UsageError unless `url` is https (or http to this machine), names a host and holds no credentials."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("this is not an address", where=url, hint="`https://HOST/PATH.toml`") from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or not host or port == 0:
        raise UsageError("this is not an address", where=url, hint="`https://HOST/PATH.toml`")
    if "@" in parts.netloc:
        message = "an address with a name or a password in it is not fetched: others would see it"
        raise UsageError(
            message, where=url.replace(parts.netloc.rpartition("@")[0], "..."), hint="download it yourself, and name the file"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback(host)):
        raise UsageError(
            f"profiles are fetched over https only, not over {parts.scheme}",
            where=url,
            hint=f"`https://{parts.netloc}{parts.path}`",
        )


def loopback(host: str) -> bool:
    """A literal address of this machine."""
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A few, to the same scheme, never from elsewhere to this machine."""

    max_redirections = REDIRECTS
    max_repeats = REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage | Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme != old.scheme:
            raise ConfigError(
                f"the server sends us from {old.scheme} to {new.scheme or 'nowhere'}", where=newurl, hint="name the file itself"
            )
        try:
            check(newurl)
        except UsageError as problem:
            raise ConfigError(f"the server sends us on, and {problem.message}", where=problem.where) from None
        host = new.hostname or ""
        if (loopback(host) or host == "localhost" or host.endswith(".localhost")) and not loopback(old.hostname or ""):
            raise ConfigError("the server sends us to this machine", where=newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _fetch(url: str, env: Mapping[str, str], seconds: float, tls: ssl.SSLContext) -> tuple[str, bytes]:
    proxy = env.get("https_proxy") or env.get("HTTPS_PROXY") or ""
    opener = urllib.request.OpenerDirector()  # of its own: no ftp, no file, no data, no cookies, no netrc
    for handler in (
        urllib.request.ProxyHandler({"https": proxy} if proxy else {}),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=tls),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    # no compression: what is counted and hashed is what was sent
    request = urllib.request.Request(url, headers={"User-Agent": "inner", "Accept-Encoding": "identity"})  # noqa: S310 - checked above
    with opener.open(request, timeout=seconds) as response:
        if response.status != 200:
            raise ConfigError(f"the server answers with status {response.status}", where=url)
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise ConfigError("the server sends it compressed, which was not asked for", where=url)
        content = response.read(LIMIT + 1)
        if len(content) > LIMIT:
            raise ConfigError(f"the file is larger than {LIMIT // 1024} KiB", where=url, hint="a configuration is a page of text")
        if response.length:  # announced and not sent: read(n) does not say so
            raise http.client.IncompleteRead(content, response.length)
        return response.geturl(), content


def _told(problem: BaseException, url: str) -> BaseException:
    """The error as one of ours. Words of the server are not repeated."""
    if isinstance(problem, (ConfigError, UsageError)):
        return problem
    if isinstance(problem, urllib.error.HTTPError):
        problem.close()
        if problem.code in (301, 302, 303, 307, 308):
            return ConfigError(f"the server sends us on more than {REDIRECTS} times, or to no web address", where=url)
        return HostError(f"the server answers with status {problem.code}", where=url)
    reason = getattr(problem, "reason", problem)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return HostError(f"the server's certificate is not good: {reason.verify_message}", where=url)
    if isinstance(reason, TimeoutError):
        return HostError("the server does not answer", where=url)
    if isinstance(reason, http.client.IncompleteRead):
        return HostError("the connection ended before the file did", where=url)
    if isinstance(reason, (http.client.HTTPException, ValueError, EOFError)):
        return HostError("the server does not speak HTTP as it should", where=url)
    if isinstance(reason, OSError):
        return HostError(f"the server cannot be reached: {(reason.strerror or str(reason) or 'unknown').lower()}", where=url)
    return problem
