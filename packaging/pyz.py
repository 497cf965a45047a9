"""Build `inner.pyz`: one file for CPython 3.11 to 3.14 on x86_64 and aarch64; the same tree and lock give the same bytes.

    python packaging/pyz.py [--out FOLDER] [--wheels FOLDER] [--pythons 3.11,3.12] [--machines x86_64]
    python packaging/pyz.py --lock          # write packaging/pyz.lock anew, from what the index has now

A shell head picks the interpreter; then inner's own modules as text (`inner.archive`); then a zip by shiv with the packages of others,
which are unpacked when the first of them is imported. Needs `shiv` and `pip`. SOURCE_DATE_EPOCH is the date of what is in the zip.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import marshal
import os
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
LOCK = HERE / "pyz.lock"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
LIBC = ("manylinux2014", "manylinux_2_17")
LEFT_OUT = {"rich", "markdown-it-py", "mdurl", "pygments"}  # inner's help is plain text
# Where an interpreter may be when /usr/bin/python3 is too old: none of these lies in a project.
ELSEWHERE = (
    "/usr/bin/python3.1[1-4]", "/usr/local/bin/python3.1[1-4]", "~/.local/bin/python3.1[1-4]",
    "~/.local/share/uv/python/cpython-3.1[1-4]*/bin/python3", "~/.pyenv/versions/3.1[1-4]*/bin/python3",
)  # fmt: skip
FIRST = ("/usr/bin/python3", "/usr/local/bin/python3", "/run/current-system/sw/bin/python3",
         "/nix/var/nix/profiles/default/bin/python3")  # fmt: skip

HEAD = """#!/bin/sh
# inner {version}: one file for CPython 3.11 to 3.14. Copy it to a folder on your PATH as `inner`; `python3 inner.pyz` works, too.
# The system's own python comes first: one that is found on PATH may lie in a project, where a box could have replaced it.
for python in "$INNER_PYTHON" {places}; do
    [ -f "$python" ] && [ -x "$python" ] && exec "$python" -IS -c '{stub}' "$0" "$@"
done
echo 'error: inner needs Python 3.11 or later, and there is none in the usual places' >&2
echo 'hint: INNER_PYTHON=/path/to/python3 names one' >&2
exit 125
"""
# For an interpreter of any age, without a single quote (it stands between two).
OLD = """import sys
if sys.version_info < (3, 11):
    import glob, os
    for p in {places}:
        for p in sorted(glob.glob(os.path.expanduser(p))):
            os.execv(p, [p] + open("/proc/self/cmdline", "rb").read().split(b"\\0")[1:-1])
    sys.stderr.write("error: inner needs Python 3.11 or later, and this is %d.%d\\n"
        "hint: INNER_PYTHON=/path/to/python3 names one\\n" % sys.version_info[:2])
    sys.exit(125)
"""
STUB = """{old}with open(sys.argv[1], "rb") as f:
    f.seek({start}); text = f.read({size})
inner = dict(__name__="inner.archive", __builtins__=__builtins__)
exec(compile(text, "inner/archive.py", "exec"), inner)
inner["start"](sys.argv[1], {facts})
"""
MAIN = """# `python3 inner.pyz`: the same start as by the shell head, without what the site adds.
{old}import os
place = os.path.abspath(__file__.rpartition("/")[0])
os.execv(sys.executable, [sys.executable, "-IS", "-c", {stub!r}, place] + sys.argv[1:])
"""


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=TREE / "dist")
    parser.add_argument("--wheels", type=Path, help="keep what was downloaded here, and use what is there")
    parser.add_argument("--pythons", default=",".join(PYTHONS))
    parser.add_argument("--machines", default=",".join(MACHINES))
    parser.add_argument("--lock", action="store_true", help="write the lock anew")
    given = parser.parse_args()
    os.umask(0o022)
    if given.lock:
        lock()
        return
    with tempfile.TemporaryDirectory() as folder:
        wheels = given.wheels or Path(folder) / "wheels"
        fetch(wheels, given.pythons.split(","), given.machines.split(","))
        site = Path(folder) / "site"
        suffixes = unpack(wheels, site, given.pythons.split(","), given.machines.split(","))
        packages = tuple(sorted({path.name.removesuffix(".py") for path in site.iterdir() if path.suffix in ("", ".py")}))
        own(site)
        built = assemble(site, packages, suffixes)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "inner.pyz"
    draft = given.out / ".inner.pyz"
    draft.write_bytes(built)
    draft.chmod(0o755)
    draft.rename(file)
    digest = hashlib.sha256(built).hexdigest()
    (given.out / "inner.pyz.sha256").write_text(f"{digest}  inner.pyz\n")


# --- packages of others --------------------------------------------------------------------------------------------------


def pip(*words: str) -> None:
    """pip, quietly; its complaint when it fails."""
    subprocess.run([sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *words], check=True)


def wanted(python: str, machine: str) -> list[str]:
    """Pip's options for wheels of one interpreter and machine."""
    platforms = [word for libc in LIBC for word in ("--platform", f"{libc}_{machine}")]
    return ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python, *platforms]


def lock() -> None:
    """Write the lock: what pip chooses now, for every interpreter and machine, with the digests of all files."""
    import tomllib

    needs = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["dependencies"]
    found: dict[tuple[str, str], set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for python in PYTHONS:
            for machine in MACHINES:
                pip("download", "-d", folder, *wanted(python, machine), *needs)
        for wheel in sorted(Path(folder).glob("*.whl")):
            name, number = wheel.name.split("-")[:2]
            name = name.replace("_", "-").lower()
            if name not in LEFT_OUT:
                found.setdefault((name, number), set()).add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    lines = ["# What inner.pyz holds of others. `python packaging/pyz.py --lock` writes this file."]
    for (name, number), digests in sorted(found.items()):
        lines += [f"{name}=={number} \\", *(f"    --hash=sha256:{digest} \\" for digest in sorted(digests))]
        lines[-1] = lines[-1].removesuffix(" \\")
    LOCK.write_text("\n".join(lines) + "\n")


def locked() -> dict[str, set[str]]:
    """Digests by `NAME==VERSION`."""
    found: dict[str, set[str]] = {}
    for line in LOCK.read_text().splitlines():
        if match := re.fullmatch(r"([a-z0-9-]+==\S+) \\", line):
            last = found.setdefault(match[1], set())
        elif match := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})( \\)?", line):
            last.add(match[1])
    return found


def fetch(wheels: Path, pythons: list[str], machines: list[str]) -> None:
    """Download what the lock names and `wheels` lacks, checked by digest."""
    wheels.mkdir(parents=True, exist_ok=True)
    for python in pythons:
        for machine in machines:
            missing = [name for name in locked() if not find(wheels, name, python, machine)]
            if not missing:
                continue
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
                file.write("\n".join(f"{name} {' '.join(f'--hash=sha256:{d}' for d in locked()[name])}" for name in missing))
                file.flush()
                pip("download", "-d", str(wheels), "--no-deps", "--require-hashes", *wanted(python, machine), "-r", file.name)


def find(wheels: Path, name: str, python: str, machine: str) -> Path | None:
    """The wheel of `NAME==VERSION` for one interpreter and machine, if it is there."""
    start = name.replace("==", "-").replace("-", "_").lower()
    tag = f"cp{python.replace('.', '')}"
    for wheel in sorted(wheels.glob("*.whl")):
        first, number, *_ = wheel.name.split("-")
        pure = wheel.name.endswith("-none-any.whl")
        if f"{first}_{number}".lower() == start and (pure or (f"-{tag}-{tag}-" in wheel.name and machine in wheel.name)):
            if hashlib.sha256(wheel.read_bytes()).hexdigest() not in locked()[name]:
                sys.exit(f"pyz: {wheel} is not the file that the lock names")
            return wheel
    return None


def unpack(wheels: Path, site: Path, pythons: list[str], machines: list[str]) -> tuple[str, ...]:
    """All wheels in one folder: compiled modules side by side, everything else the same or refused. The compiled modules' suffixes."""
    chosen = {find(wheels, name, python, machine) for name in locked() for python in pythons for machine in machines}
    suffixes = set()
    for wheel in sorted(path for path in chosen if path):
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                name = entry.filename
                if name.endswith("/") or re.search(
                    r"\.dist-info/(RECORD|WHEEL|INSTALLER|REQUESTED|direct_url\.json|sboms/.*)$", name
                ):
                    continue
                if name.split("/")[0].endswith(".data") or "/../" in f"/{name}" or name.startswith("/"):
                    sys.exit(f"pyz: {wheel.name} holds {name}, which has no place here")
                data, path = archive.read(entry), site / name
                if path.exists() and path.read_bytes() != data:
                    sys.exit(f"pyz: {name} of {wheel.name} is not the same for all interpreters")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                path.chmod(0o644)
                if name.endswith(".so"):
                    suffixes.add(name[name.rindex("/") :].partition(".")[2])
    return tuple(sorted(f".{suffix}" for suffix in suffixes))


# --- inner ---------------------------------------------------------------------------------------------------------------


def modules() -> dict[str, tuple[bool, str]]:
    """Inner's own modules by name: whether it is a package, and its text."""
    found = {}
    for path in sorted((TREE / "inner").rglob("*.py")):
        parts = path.relative_to(TREE).with_suffix("").parts
        package = parts[-1] == "__init__"
        found[".".join(parts[:-1] if package else parts)] = (package, path.read_text())
    return found


def own(site: Path) -> None:
    """Inner in the folder of packages, for its data, and as files that Python compiles once."""
    for name, (package, text) in modules().items():
        path = site / f"{name.replace('.', '/')}{'/__init__.py' if package else '.py'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    (site / "inner/profiles").mkdir()
    for profile in sorted((TREE / "profiles").glob("*.toml")):
        (site / "inner/profiles" / profile.name).write_bytes(profile.read_bytes())
        (site / "inner/profiles" / profile.name).chmod(0o644)


def epoch() -> int:
    """SOURCE_DATE_EPOCH, else the date of the last commit, else the first day that a zip can name."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not given:
        done = subprocess.run(["git", "-C", str(TREE), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False)
        given = done.stdout.strip()
    return max(int(given or 0), 315532800)


# --- the file ------------------------------------------------------------------------------------------------------------


def assemble(site: Path, packages: tuple[str, ...], suffixes: tuple[str, ...]) -> bytes:
    """Head, block, zip."""
    from shiv.bootstrap.environment import Environment
    from shiv.builder import create_archive

    number = re.search(r'__version__ = "([^"]+)"', (TREE / "inner/__init__.py").read_text())[1]  # type: ignore[index]
    date = datetime.fromtimestamp(epoch(), UTC)
    made = Environment(
        built_at=date.strftime("%Y-%m-%d %H:%M:%S"), shiv_version=version("shiv"), compile_pyc=False,
        entry_point="inner.__main__:main", root="~/.cache/inner/pyz", reproducible=True,
    )  # fmt: skip
    packed = site.parent / "packed.zip"
    create_archive([site], packed, "/bin/sh", "_bootstrap:bootstrap", made)
    with zipfile.ZipFile(packed) as shipped:
        entries = {name: (shipped.getinfo(name), shipped.read(name)) for name in shipped.namelist() if "__pycache__" not in name}
    del entries["__main__.py"]

    first = modules()
    text = first["inner.archive"][1].encode()
    block = zlib.compress(marshal.dumps(first, 2), 9)
    total = hashlib.sha256(text + block + OLD.encode() + STUB.encode())
    for name, (_, data) in sorted(entries.items()):
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    identity = total.hexdigest()[:32]
    block = identity.encode() + block

    start, head, stub = 0, b"", ""
    while start != len(head) or not head:  # its own length stands in it
        start = len(head)
        facts = {"id": identity, "block": (start + len(text), len(block)), "packages": packages, "suffixes": suffixes}
        stub = STUB.format(old=OLD.format(places=json.dumps(ELSEWHERE)), start=start, size=len(text),
                           facts=json.dumps(facts))  # fmt: skip
        places = " ".join((*FIRST, *ELSEWHERE)).replace("~/", '"$HOME"/')
        head = HEAD.format(version=number, places=places, stub=stub).encode()
    if "'" in stub:
        sys.exit("pyz: the stub holds a single quote")
    _, old = MAIN, OLD.format(places=json.dumps(ELSEWHERE))
    made_main = MAIN.format(old=old, stub=stub).encode()

    result = site.parent / "inner.pyz"
    result.write_bytes(head + text + block)
    stamp = date.timetuple()[:6]
    with zipfile.ZipFile(result, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, (info, data) in sorted({**entries, "__main__.py": (None, made_main)}.items()):
            entry = zipfile.ZipInfo(name, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if info and name.endswith(".so") else 0o100644) << 16
            archive.writestr(entry, data)
    return result.read_bytes()


if __name__ == "__main__":
    main()
