#!/bin/sh
# Put a release where a system wants it: sh system.sh [install | uninstall]
#
# Beside this file, or in the folder $FROM: inner.pyz, man1, completions, apparmor (a release's inner-system.tar.gz has all but the first).
# DESTDIR, PREFIX (/usr/local), SYSCONFDIR (/etc) and ZSH (site-functions) as packagers know them. PROFILES=FOLDER: profiles for
# everybody on this system.
set -eu

from=${FROM:-$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)}
prefix=${DESTDIR:-}${PREFIX:-/usr/local}
etc=${DESTDIR:-}${SYSCONFDIR:-/etc}

# placed FILE PLACE [MODE]
placed() {
    case $action in
        install) mkdir -p "${2%/*}" && install -m "${3:-644}" "$1" "$2" ;;
        uninstall) rm -f "$2" ;;
    esac
}

action=${1:-install}
case $action in install | uninstall) ;; *) echo "usage: sh system.sh [install | uninstall]" >&2; exit 2 ;; esac
umask 022
[ "$action" = uninstall ] || [ -f "$from/inner.pyz" ] || { echo "system: there is no $from/inner.pyz" >&2; exit 1; }
placed "$from/inner.pyz" "$prefix/bin/inner" 755
for page in "$from"/man1/*.1; do placed "$page" "$prefix/share/man/man1/${page##*/}"; done
placed "$from/completions/inner.bash" "$prefix/share/bash-completion/completions/inner"
placed "$from/completions/_inner" "$prefix/share/zsh/${ZSH:-site-functions}/_inner"
placed "$from/completions/inner.fish" "$prefix/share/fish/vendor_completions.d/inner.fish"
placed "$from/apparmor/inner" "$prefix/share/inner/apparmor/inner" # for who has a release of AppArmor that knows them
# What an administrator wrote stays: an installation replaces nothing of theirs, and nothing of it is removed.
[ "$action" = uninstall ] || mkdir -p "$etc/inner/profiles"
for profile in ${PROFILES:+"$PROFILES"/*.toml}; do
    place=$etc/inner/profiles/${profile##*/}
    if [ "$action" = install ] && ! [ -e "$place" ]; then placed "$profile" "$place"; fi
done
