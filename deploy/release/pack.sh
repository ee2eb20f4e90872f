#!/bin/sh
# Packs a program with its manual pages, completions and licences: OUT/eqp-VERSION-TARGET.tar.gz. Prints the path of the archive.
# With SOURCE_DATE_EPOCH and GNU tar, the same program results in the same bytes.
#
# Usage: pack.sh PROGRAM TARGET OUT
set -eu

main() {
    program=${1:?"usage: pack.sh PROGRAM TARGET OUT"} target=${2:?"usage: pack.sh PROGRAM TARGET OUT"}
    out=${3:?"usage: pack.sh PROGRAM TARGET OUT"}
    here=$(dirname "$0")
    version=$("$here/version.sh")
    name="eqp-$version-$target"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    umask 022
    mkdir -p "$out" "$work/$name"
    install -m 755 "$program" "$work/$name/eqp"
    cp "$here/../../LICENSE-APACHE" "$here/../../LICENSE-MIT" "$work/$name"
    "$here/extras.sh" "$program" "$work/$name"
    set -- --create --directory "$work"
    if tar --version | grep -q GNU; then
        set -- --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w --format=ustar "$@"
        if [ -n "${SOURCE_DATE_EPOCH-}" ]; then set -- --mtime="@$SOURCE_DATE_EPOCH" "$@"; fi
    fi
    tar "$@" --file "$work/archive.tar" "$name"
    gzip -n -9 "$work/archive.tar"
    mv "$work/archive.tar.gz" "$out/$name.tar.gz"
    echo "$out/$name.tar.gz"
}

main "$@"
