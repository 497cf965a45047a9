#!/bin/sh
# Install inner for the user who runs this, from the tree it lies in; bubblewrap for the system, when it is missing.
#
#     sh packaging/install.sh
#
# Writes to ${XDG_DATA_HOME:-~/.local/share}/inner (a virtual environment) and links ~/.local/bin/inner. A second time updates;
# `--uninstall` takes both away, and leaves profiles, settings and records.
set -eu

tree=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
place=${XDG_DATA_HOME:-$HOME/.local/share}/inner
bin=$HOME/.local/bin

say() { printf '%s\n' "$*" >&2; }

case ${1:-} in
    "") ;;
    --uninstall)
        rm -rf "$place/venv" "$place/system"
        ! [ -e "$place" ] || rmdir --ignore-fail-on-non-empty "$place"
        if grep -qF "$place/venv/bin/python" "$bin/inner" 2>/dev/null; then rm "$bin/inner"; fi
        case $(readlink "$bin/bwrap") in "$place"/*) rm "$bin/bwrap" ;; esac
        exit ;;
    *) say "usage: sh packaging/install.sh [--uninstall]"; exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

# system NAME: install a package with the system's own package manager
system() {
    if command -v apt-get >/dev/null; then
        as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
    elif command -v dnf >/dev/null; then as_root dnf install -y -q "$1"
    elif command -v pacman >/dev/null; then as_root pacman -S --noconfirm --needed "$1"
    elif command -v zypper >/dev/null; then as_root zypper -n install "$1"
    elif command -v apk >/dev/null; then as_root apk add "$1"
    else return 1; fi
}

# fetched NAME: without root, on Debian and its kin: the package's files in a folder of the user's own
fetched() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    work=$(mktemp -d)
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    ( cd "$work" && apt-get -qq -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" update &&
      apt-get -qq -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" download "$1" && dpkg-deb -x "$1"_*.deb "$work/files" ) >/dev/null 2>&1 ||
        { rm -rf "$work"; return 1; }
    mkdir -p "$place" && cp -R "$work/files/." "$place/system" 2>/dev/null || { mkdir -p "$place/system" && cp -R "$work/files/." "$place/system/"; }
    rm -rf "$work"
}

python=
for name in python3.14 python3.13 python3.12 python3.11 python3; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$name; break; fi
done
if [ -z "$python" ]; then
    say "install: inner needs Python 3.11 or later; with Debian or Ubuntu: apt-get install python3"
    exit 1
fi

if ! command -v bwrap >/dev/null && ! [ -x "$bin/bwrap" ]; then
    say "install: bubblewrap is missing; installing it"
    if ! system bubblewrap; then
        mkdir -p "$bin"
        if fetched bubblewrap && [ -x "$place/system/usr/bin/bwrap" ]; then
            ln -sf "$place/system/usr/bin/bwrap" "$bin/bwrap"
        else
            say "install: bubblewrap cannot be installed from here; ask whoever can: apt-get install bubblewrap"
            exit 1
        fi
    fi
fi

mkdir -p "$place" "$bin"
if ! "$place/venv/bin/python" -c 'import pip' 2>/dev/null; then
    say "install: making a Python for inner in $place; this takes a while, once"
    rm -rf "$place/venv"
    if ! "$python" -m venv "$place/venv" >/dev/null 2>&1; then # Debian keeps ensurepip in a package of its own
        rm -rf "$place/venv"
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "install: Python's venv module is missing; installing it"
        if system "python$version-venv"; then
            "$python" -m venv "$place/venv"
        elif fetched python3-pip-whl; then
            "$python" -m venv --without-pip "$place/venv"
            PYTHONPATH=$(echo "$place"/system/usr/share/python-wheels/pip-*.whl) "$place/venv/bin/python" -m pip install -q --no-warn-script-location pip
        else
            say "install: ask whoever can: apt-get install python$version-venv"
            exit 1
        fi
    fi
fi
"$place/venv/bin/python" -m pip install -q --disable-pip-version-check --upgrade "$tree"
# -I: not the package that lies in the working directory. The script that pip makes reads the site's configuration first; inner needs none of it, and starts in half the time without.
packages=$("$place/venv/bin/python" -I -c 'import inner; print(inner.__path__[0].rsplit("/", 1)[0])')
own= # a bubblewrap that is there for this user alone is found whatever PATH says
case $(readlink "$bin/bwrap" || true) in "$place"/*) own='os.environ["PATH"] = f"{os.environ.get('"'PATH', '/usr/bin:/bin'"')}:'"$bin"'"' ;; esac
head="#!$place/venv/bin/python -IS"
case $place in *[[:space:]]*) head="#!/bin/sh
'''exec' \"$place/venv/bin/python\" -IS \"\$0\" \"\$@\"
' '''" ;; esac # a first line is split at spaces (execve(2)); to Python the two below it are a text
cat > "$bin/.inner.$$" <<EOF
$head
import os, sys
$own
sys.path.insert(0, "$packages")
from inner.__main__ import main
main()
EOF
chmod 755 "$bin/.inner.$$" && mv "$bin/.inner.$$" "$bin/inner"
version=$("$bin/inner" --version)
say "install: $version is in $bin"
case ":$PATH:" in *":$bin:"*) ;; *) say "install: put it on your PATH: export PATH=\"$bin:\$PATH\"" ;; esac
