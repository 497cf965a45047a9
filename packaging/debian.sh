#!/bin/sh
# Build a Debian package from this tree and dist/inner.pyz: sh packaging/debian.sh FOLDER. Needs debhelper; python with inner's
# dependencies as $PYTHON for the manual pages.
set -eu
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
out=$(mkdir -p "$1" && CDPATH='' cd -- "$1" && pwd)
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$tree/inner/__init__.py")
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$tree" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH="$epoch"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/inner-$version" && cd "$work/inner-$version"
cp -R "$tree/packaging/debian" debian
mkdir packaging dist && cp -R "$tree/packaging/apparmor" packaging/
cp "${DIST:-$tree/dist}/inner.pyz" "${DIST:-$tree/dist}/inner.pyz.sha256" dist/
"${PYTHON:-python3}" "$tree/packaging/man.py" dist
printf 'inner (%s) unstable; urgency=medium\n\n  * Release %s; CHANGELOG.md of the sources tells what is new.\n\n -- The inner developers <enr@users.noreply.github.com>  %s\n' \
    "$version" "$version" "$(LC_ALL=C date -u -R -d "@$epoch")" > debian/changelog
dpkg-buildpackage -b -us -uc -d >&2
cp "$work"/inner_*.deb "$out/"
