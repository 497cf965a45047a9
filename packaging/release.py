"""Build everything that a release publishes, all of one tree and one version: `inner/__init__.py` names it.

    python packaging/release.py [--out FOLDER] [--wheels FOLDER] [--only pyz,python,deb,rpm,arch] [--sign KEY]

Makes inner.pyz; inner-system.tar.gz (manual pages, completions, AppArmor's rules, the script that installs them), made by that very inner.pyz;
the source and binary distributions for Python; packages for Debian, Fedora and Arch; SHA256SUMS of them all, and with KEY (as ssh-keygen
makes them) its signature. The same tree and SOURCE_DATE_EPOCH give the same bytes. What cannot be built is refused before anything is.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pyz import TREE, epoch

HERE = TREE / "packaging"
# What is built, in this order, and the programs it needs with the packages that have them.
KINDS = {
    "pyz": {},
    "python": {},
    "deb": {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper"},
    "rpm": {"rpmbuild": "rpm"},
    "arch": {},
}
DIGESTS = {"PYZ": "inner.pyz", "TAR": "inner-system.tar.gz"}
MODULES = {"pyz": "shiv", "python": "hatchling"}
VERSION = re.search(r'__version__ = "([^"]+)"', (TREE / "inner/__init__.py").read_text())[1]  # type: ignore[index]


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=TREE / "dist")
    parser.add_argument("--wheels", type=Path, help="of inner.pyz: keep what was downloaded here, and use what is there")
    parser.add_argument("--only", default=",".join(KINDS), help="some of: " + ",".join(KINDS))
    parser.add_argument("--sign", type=Path, metavar="KEY", help="a private key for ssh-keygen -Y sign")
    given = parser.parse_args()
    kinds = [kind for kind in KINDS if kind in given.only.split(",") or kind == "pyz"]
    possible(kinds, set(given.only.split(",")), given.sign)
    os.umask(0o022)
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())
    given.out.mkdir(parents=True, exist_ok=True)
    out = given.out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        made: list[Path] = []
        for kind in kinds:
            work = Path(folder) / kind
            work.mkdir()
            made += BUILD[kind](out, work, given.wheels)
    sums = out / "SHA256SUMS"
    sums.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made)))
    signature = out / "SHA256SUMS.sig"
    signature.unlink(missing_ok=True)
    if given.sign:
        run("ssh-keygen", "-q", "-Y", "sign", "-f", given.sign, "-n", "inner", sums)
    for path in (*sorted(made), sums, *([signature] if given.sign else [])):
        print(path)  # noqa: T201


def possible(kinds: list[str], asked: set[str], key: Path | None) -> None:
    """Stop when something asked for cannot be made here."""
    if unknown := sorted(asked - set(KINDS)):
        sys.exit(f"release: there is no {', '.join(unknown)}; there are: {', '.join(KINDS)}")
    if modules := [MODULES[kind] for kind in kinds if kind in MODULES and not importlib.util.find_spec(MODULES[kind])]:
        sys.exit(f"release: {sys.executable} -m pip install {' '.join(modules)}")
    needs = {program: package for kind in kinds for program, package in KINDS[kind].items()} | {"ssh-keygen": "openssh-client"}
    if missing := [package for program, package in needs.items() if not shutil.which(program)]:
        sys.exit(f"release: apt-get install {' '.join(missing)}; or name what to build: --only {','.join(KINDS)}")
    if key and not key.is_file():
        sys.exit(f"release: there is no key {key}")


def run(*words: str | Path, **more: Path | dict[str, str]) -> None:
    """Run a program; what it says is shown only when it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
    if done.returncode != 0:
        sys.exit(f"{done.stdout}{done.stderr}release: {words[0]} failed")


# --- each kind: build(out, work, wheels) -> what it made -----------------------------------------------------------------


def program(out: Path, work: Path, wheels: Path | None) -> list[Path]:
    """inner.pyz, and what it says of itself."""
    run(sys.executable, HERE / "pyz.py", "--out", out, *(["--wheels", wheels] if wheels else []))
    pages = work / "pages"
    run(out / "inner.pyz", "man", "--write", pages, env={**os.environ, "HOME": str(work), "INNER_PYTHON": sys.executable})
    shutil.copytree(HERE / "apparmor", pages / "apparmor")
    shutil.copy(HERE / "system.sh", pages)
    (out / "inner-system.tar.gz").write_bytes(packed(pages))
    return [out / "inner.pyz", out / "inner-system.tar.gz"]


def packed(folder: Path) -> bytes:
    """All files below a folder, with nothing in it of who packed them, when or how."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(str(path.relative_to(folder)))
            entry.size, entry.mtime, entry.mode = path.stat().st_size, epoch(), 0o644
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    return gzip.compress(tar.getvalue(), 9, mtime=0)


def python(out: Path, work: Path, _wheels: Path | None) -> list[Path]:
    """The source distribution and the wheel."""
    run(sys.executable, "-m", "hatchling", "build", "-d", work, cwd=TREE)
    return [Path(shutil.copy(path, out)) for path in sorted(work.iterdir())]


def debian(out: Path, work: Path, _wheels: Path | None) -> list[Path]:
    """By dpkg-buildpackage."""
    run("sh", HERE / "debian.sh", out, work)
    return [Path(shutil.copy(path, out)) for path in sorted(work.iterdir())]


def rpm(out: Path, work: Path, _wheels: Path | None) -> list[Path]:
    """By rpmbuild; `--nodeps` because a builder may be of another distribution."""
    filled(HERE / "rpm/inner.spec", out)
    told = {
        "_sourcedir": out, "_topdir": work, "_dbpath": work / "db", "_buildhost": "localhost",
        "use_source_date_epoch_as_buildtime": 1, "clamp_mtime_to_source_date_epoch": 1,
    }  # fmt: skip
    words = [word for name, value in told.items() for word in ("--define", f"{name} {value}")]
    run("rpmbuild", "-bb", "--nodeps", *words, out / "inner.spec")
    return [out / "inner.spec", *(Path(shutil.copy(path, out)) for path in sorted((work / "RPMS").rglob("*.rpm")))]


def arch(out: Path, _work: Path, _wheels: Path | None) -> list[Path]:
    """The PKGBUILD; makepkg runs on Arch."""
    return [filled(HERE / "arch/PKGBUILD", out)]


def filled(recipe: Path, out: Path) -> Path:
    """A recipe with the version, the date and the digests of this release."""
    words = {"VERSION": VERSION, "DATE": datetime.fromtimestamp(epoch(), UTC).strftime("%a %b %d %Y")}
    words |= {word: hashlib.sha256((out / name).read_bytes()).hexdigest() for word, name in DIGESTS.items()}
    text = re.sub(r"@([A-Z]+)@", lambda match: words[match[1]], recipe.read_text())
    (out / recipe.name).write_text(text)
    return out / recipe.name


BUILD = {"pyz": program, "python": python, "deb": debian, "rpm": rpm, "arch": arch}

if __name__ == "__main__":
    main()
