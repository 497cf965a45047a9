#!/bin/sh
# Build a Debian package from this tree and a folder of a release (packaging/release.py): sh packaging/debian.sh RELEASE OUT. Needs debhelper.
set -eu
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
release=$(CDPATH='' cd -- "$1" && pwd)
out=$(mkdir -p "$2" && CDPATH='' cd -- "$2" && pwd)
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$tree/inner/__init__.py")
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$tree" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH="$epoch"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/inner-$version" && cd "$work/inner-$version"
cp -R "$tree/packaging/debian" debian
mkdir dist && cp "$release/inner.pyz" "$release/inner.pyz.sha256" "$release/inner-system.tar.gz" dist/
printf 'inner (%s) unstable; urgency=medium\n\n  * Release %s; CHANGELOG.md of the sources tells what is new.\n\n -- The inner developers <enr@users.noreply.github.com>  %s\n' \
    "$version" "$version" "$(LC_ALL=C date -u -R -d "@$epoch")" > debian/changelog
dpkg-buildpackage -b -us -uc -d >&2
cp "$work"/inner_*.deb "$out/"
