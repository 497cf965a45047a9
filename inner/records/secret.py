"""What looks like a secret, and the same text without it. Pure, and cheap enough for the path of every run.

A net below the rules that keep secrets out of the box and out of records: for what people put on a command line all the same,
and for what a command prints. It knows shapes of common tokens and names of variables; it cannot know everything.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HIDDEN = "[secret]"
# As their makers document them: the beginnings of keys and tokens.
BEGINNINGS = (
    "sk-", "sk_live_", "sk_test_", "rk_live_", "pk-lf-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-",
    "xoxb-", "xoxp-", "xoxa-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "hf_", "npm_", "pypi-", "dop_v1_", "shpat_", "SG.",
    "AGE-SECRET-KEY-", "eyJ",
)  # fmt: skip
NAMES = ("token", "secret", "passw", "passphrase", "apikey", "api_key", "api-key", "access_key", "private_key", "credential",
         "authorization")  # fmt: skip
LEAST = 16  # characters of a token
SHORTEST = 8  # characters of a variable's value that is looked for
EDGES = " \t\r\n\"'`,;()[]{}<>|&"


def named(name: str) -> bool:
    """Whether a variable, an option or a header of this name holds a secret."""
    low = name.lower()
    return any(part in low for part in NAMES) or low.endswith(("_key", "-key", "_pat"))


def values(env: Mapping[str, str]) -> dict[str, str]:
    """The values of `env` that must not be kept, each with what is written in its place."""
    return {value: f"${name}" for name, value in env.items() if len(value) >= SHORTEST and named(name)}


def hidden(text: str, known: Mapping[str, str] | None = None) -> str:
    """`text` with what looks like a secret replaced; `known`: values to look for, with their replacements (`values`)."""
    for value, instead in (known or {}).items():
        if value in text:
            text = text.replace(value, instead)
    if len(text) < LEAST and "=" not in text and "@" not in text:
        return text
    parts: list[str] = []
    start = after = 0  # `after`: the piece before this one says that a secret follows
    for at, char in enumerate(text):
        if char in EDGES:
            if at > start:
                piece = text[start:at]
                parts.append(_piece(piece, after=bool(after)))
                after = _announces(piece)
            parts.append(char)
            start = at + 1
    parts.append(_piece(text[start:], after=bool(after)) if start < len(text) else "")
    return "".join(parts)


def words(line: Iterable[str], known: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """A command line without its secrets: also not the word that follows `--token`."""
    out: list[str] = []
    after = False
    for word in line:
        out.append(HIDDEN if after and not word.startswith("-") else hidden(word, known))
        after = word.startswith("--") and "=" not in word and " " not in word and named(word)
    return tuple(out)


def _announces(piece: str) -> int:
    return piece in ("Bearer", "Basic", "bearer") or (piece[-1:] in ":=" and named(piece))


def _piece(piece: str, *, after: bool) -> str:
    if after and len(piece) >= SHORTEST and piece not in ("Bearer", "Basic"):
        return HIDDEN
    name, equals, value = piece.partition("=")
    if not equals and ":" in piece and "://" not in piece:
        name, equals, value = piece.partition(":")
    if equals and value and named(name) and not value.startswith("$"):
        return f"{name}{equals}{HIDDEN}"
    if "://" in piece and "@" in piece:
        scheme, _, rest = piece.partition("://")
        user, at, host = rest.partition("@")
        if at and ":" in user and "/" not in user:
            return f"{scheme}://{user.partition(':')[0]}:{HIDDEN}@{host}"
    if equals and value:
        return f"{name}{equals}{_token(value)}"
    return _token(piece)


def _token(piece: str) -> str:
    if len(piece) >= LEAST and piece.startswith(BEGINNINGS) and (not piece.startswith("eyJ") or piece.count(".") >= 2):
        return HIDDEN
    return piece
