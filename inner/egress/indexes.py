"""Where the package managers of this machine fetch from: asked of their own configuration, and of the tools themselves when that
says nothing. No host is known here, so none can be out of date, and a mirror counts like the original.

Read outside of every project: a file in a working directory, or a program below it, has no say in what a box may reach.
`files` and `variables` are what an answer depends on; `configured` reads them, `default` asks a tool. Both return addresses.
"""

from __future__ import annotations

import re

from inner.frozen import TYPE_CHECKING, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inner.host import Host
    from inner.tools import Tools

    Texts = Mapping[str, str]
    Env = Mapping[str, str]

URL = re.compile(r"(?:[a-z0-9]+\+)?https?://[^\s\"'<>,|;)]+", re.ASCII | re.IGNORECASE)


@frozen
class Source:
    """One package manager. `configured` returns the addresses and whether they stand in for the default ones."""

    name: str
    files: Callable[[Host], tuple[str, ...]]
    variables: tuple[str, ...]
    configured: Callable[[Texts, Env], tuple[tuple[str, ...], bool]]
    default: Callable[[Host, Tools], tuple[str, ...]]
    programs: tuple[str, ...] = ()  # those that `default` asks


def urls(text: str) -> tuple[str, ...]:
    """Every http address in a text."""
    return tuple(dict.fromkeys(URL.findall(text)))


def settings(text: str) -> dict[str, list[str]]:
    """`key = value` lines, continued by indentation, whatever section they stand in; keys in lower case with `-`."""
    found: dict[str, list[str]] = {}
    key = ""
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare[0] in "#;[":
            continue
        if line[0] in " \t" and key:
            found[key].append(bare)
            continue
        name, sign, value = bare.partition("=")
        key = name.strip().lower().replace("_", "-") if sign else ""
        if key:
            found.setdefault(key, []).append(value.strip())
    return found


def _config(host: Host) -> str:
    given = host.env.get("XDG_CONFIG_HOME", "")
    return given if given.startswith("/") else f"{host.home}/.config"


# --- pip ------------------------------------------------------------------------------------------------------------------


def _pip_files(host: Host) -> tuple[str, ...]:
    named = host.env.get("PIP_CONFIG_FILE", "")
    return ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", f"{host.home}/.pip/pip.conf", f"{_config(host)}/pip/pip.conf",
            *([named] if named.startswith("/") else []))  # fmt: skip


def _pip(texts: Texts, env: Env) -> tuple[tuple[str, ...], bool]:
    index = env.get("PIP_INDEX_URL", "")
    extra = [env.get("PIP_EXTRA_INDEX_URL", "")]
    for text in texts.values():
        found = settings(text)
        extra += found.get("extra-index-url", [])
        index = index or " ".join(found.get("index-url", []))
    return urls(" ".join((index, *extra))), bool(index)


def _pip_default(_host: Host, tools: Tools) -> tuple[str, ...]:
    code = "import pip._internal.models.index as i; print(i.PyPI.simple_url, 'https://' + i.PyPI.file_storage_domain + '/')"
    return urls(tools.ask("python3", "-I", "-c", code)) or urls(tools.ask("pip", "install", "--help"))[:1]


# --- npm ------------------------------------------------------------------------------------------------------------------


def _npm_files(host: Host) -> tuple[str, ...]:
    named = host.env.get("NPM_CONFIG_USERCONFIG", "") or host.env.get("npm_config_userconfig", "")
    return ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc", named if named.startswith("/") else f"{host.home}/.npmrc")


def _npm(texts: Texts, env: Env) -> tuple[tuple[str, ...], bool]:
    main = [env.get("NPM_CONFIG_REGISTRY", "") or env.get("npm_config_registry", "")]
    scoped: list[str] = []
    for text in texts.values():
        for key, values in settings(text).items():
            if key == "registry":
                main += values
            elif key.endswith(":registry"):
                scoped += values
    return urls(" ".join((*main, *scoped))), any(main)


def _npm_default(_host: Host, tools: Tools) -> tuple[str, ...]:
    return urls(tools.ask("npm", "config", "get", "registry"))


# --- cargo ----------------------------------------------------------------------------------------------------------------


def _cargo_home(host: Host) -> str:
    given = host.env.get("CARGO_HOME", "")
    return given if given.startswith("/") else f"{host.home}/.cargo"


def _cargo_files(host: Host) -> tuple[str, ...]:
    home = _cargo_home(host)
    return f"{home}/config.toml", f"{home}/config"


def _cargo(texts: Texts, env: Env) -> tuple[tuple[str, ...], bool]:
    import tomllib

    found = [value for name, value in env.items() if name.startswith("CARGO_REGISTRIES_") and name.endswith("_INDEX")]
    replaced = False
    for text in texts.values():
        try:
            config = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        for table in ("source", "registries"):
            entries = config.get(table)
            for name, entry in entries.items() if isinstance(entries, dict) else ():
                if isinstance(entry, dict):
                    found += [value for value in (entry.get("registry"), entry.get("index")) if isinstance(value, str)]
                    replaced = replaced or (name == "crates-io" and "replace-with" in entry)
    return urls(" ".join(found)), replaced


def _cargo_default(host: Host, _tools: Tools) -> tuple[str, ...]:
    """What cargo has fetched from before: each folder below the index is called HOST-HASH and says where the packages are."""
    import json

    folder = f"{_cargo_home(host)}/registry/index"
    found: list[str] = []
    for name in host.listdir(folder):
        where = name.rpartition("-")[0]
        if where:
            found.append(f"https://{where}/")
        try:
            config = json.loads(host.read(f"{folder}/{name}/config.json") or b"{}")
        except (ValueError, RecursionError):
            continue
        if isinstance(config, dict):
            found += [value for value in (config.get("dl"), config.get("api")) if isinstance(value, str)]
    return urls(" ".join(found))


# --- go -------------------------------------------------------------------------------------------------------------------


def _go_files(host: Host) -> tuple[str, ...]:
    named = host.env.get("GOENV", "")
    return (named if named.startswith("/") else f"{_config(host)}/go/env",)


def _go(texts: Texts, env: Env) -> tuple[tuple[str, ...], bool]:
    proxy, sums = env.get("GOPROXY", ""), env.get("GOSUMDB", "")
    for text in texts.values():
        found = settings(text)
        proxy = proxy or "".join(found.get("goproxy", []))
        sums = sums or "".join(found.get("gosumdb", []))
    return (*urls(proxy), *_go_sums(sums)), bool(proxy)


def _go_sums(text: str) -> tuple[str, ...]:
    """The checksum database: `NAME[+KEY] [ADDRESS]`, where the name is the host if there is no address."""
    words = text.split()
    if not words or words[0] == "off":
        return ()
    return urls(words[1]) if len(words) > 1 else urls("https://" + words[0].partition("+")[0] + "/")


def _go_default(_host: Host, tools: Tools) -> tuple[str, ...]:
    lines = [*tools.ask("go", "env", "GOPROXY", "GOSUMDB").splitlines(), "", ""]
    return (*urls(lines[0]), *_go_sums(lines[1]))


# --- maven ----------------------------------------------------------------------------------------------------------------


def _maven_files(host: Host) -> tuple[str, ...]:
    return f"{host.home}/.m2/settings.xml", "/etc/maven/settings.xml"


def _maven(texts: Texts, _env: Env) -> tuple[tuple[str, ...], bool]:
    found: list[str] = []
    all_of_it = False
    for text in texts.values():
        text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)  # noqa: PLW2901 - the examples are in comments
        found += re.findall(r"<url>\s*([^<\s]+)\s*</url>", text)
        all_of_it = all_of_it or any(
            set(of.replace(" ", "").split(",")) & {"*", "central", "external:*"}
            for of in re.findall(r"<mirrorOf>([^<]*)</mirrorOf>", text)
        )
    return urls(" ".join(found)), all_of_it


def _maven_default(_host: Host, tools: Tools) -> tuple[str, ...]:
    """The model that every project inherits from is in one of Maven's own archives."""
    program = tools.find("mvn")
    home = program.rsplit("/", 2)[0] if program else ""
    return urls(" ".join(re.findall(r"<url>([^<]*)</url>", tools.member(f"{home}/lib", "maven-model-builder-", "pom-4.0.0.xml"))))


# --- apt ------------------------------------------------------------------------------------------------------------------


def _apt_files(host: Host) -> tuple[str, ...]:
    folder = "/etc/apt/sources.list.d"
    return (
        "/etc/apt/sources.list",
        *(f"{folder}/{name}" for name in host.listdir(folder) if name.endswith((".list", ".sources"))),
    )


def _apt(texts: Texts, _env: Env) -> tuple[tuple[str, ...], bool]:
    lines = [line for text in texts.values() for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = urls("\n".join(lines))
    return found, bool(found)


def _nothing(_host: Host, _tools: Tools) -> tuple[str, ...]:
    return ()


PIP_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE")
NPM_VARIABLES = ("NPM_CONFIG_REGISTRY", "npm_config_registry", "NPM_CONFIG_USERCONFIG", "npm_config_userconfig")

SOURCES = {
    source.name: source
    for source in (
        Source("pip", _pip_files, PIP_VARIABLES, _pip, _pip_default, ("python3", "pip")),
        Source("npm", _npm_files, NPM_VARIABLES, _npm, _npm_default, ("npm",)),
        Source("cargo", _cargo_files, ("CARGO_HOME",), _cargo, _cargo_default),
        Source("go", _go_files, ("GOPROXY", "GOSUMDB", "GOENV"), _go, _go_default, ("go",)),
        Source("maven", _maven_files, (), _maven, _maven_default, ("mvn",)),
        Source("apt", _apt_files, (), _apt, _nothing),
    )
}
