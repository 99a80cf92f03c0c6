#!/bin/sh
# Make a base for the sandbox's image where no registry can be reached: a minimal Debian with Python, as a tar.
#
#   make_base.sh OUTPUT.tar [MIRROR [SUITE]]
#
# Needs root and debootstrap. Without MIRROR the machine's own apt sources are used when it runs Debian, else Debian's
# public default. Only what image/collect.py takes from it reaches a sandbox.
set -eu

output=$1
default=http://deb.debian.org/debian

id=''
VERSION_CODENAME=''
if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && echo "${ID:-}")
    VERSION_CODENAME=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
fi

own_mirror() {
    [ "$id" = debian ] || return 0
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [ -r "$file" ] || continue
        # "URIs: U" of the deb822 format, or "deb [options] U suite" of the one-line format.
        sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' "$file" | head -n 1
        return 0
    done
}

mirror=${2:-$(own_mirror)}
mirror=${mirror:-$default}
suite=${3:-}
if [ -z "$suite" ]; then
    case $id/$VERSION_CODENAME in
        debian/bookworm | debian/trixie) suite=$VERSION_CODENAME ;;
        *) suite=bookworm ;;
    esac
fi

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
trap 'exit 1' HUP INT TERM

debootstrap --variant=minbase --include=python3 "$suite" "$folder/root" "$mirror" >&2
tar --sort=name --numeric-owner --one-file-system --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
    --exclude='./dev/*' -C "$folder/root" -cf "$output" .
