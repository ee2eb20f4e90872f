#!/bin/sh
# Installs `eqp` from a release: finds the platform, downloads the archive, verifies its SHA-256 checksum, tries the program, and then
# moves it into place. If a step fails, nothing is installed. An incompletely downloaded script runs nothing, because all commands are in
# functions.
set -eu

# Set by deploy/release/assemble.sh when a release is published.
repository=
release=

usage() {
    cat <<'END'
Install eqp from a release

Usage: install.sh [OPTIONS]

Options:
  --version VERSION  Version to install, such as 0.2.0, or latest [default: the version of this script's release]
  --from ADDRESS     Folder or URL (https, file) with the files of a release [default: the release on GitHub]
  --sha256 SUM       Expected SHA-256 checksum of the archive [default: the one in SHA256SUMS of the release]
  --to FOLDER        Folder to install into [default: ~/.local/bin]
  --cache FOLDER     Folder in which to store the archive for the next installation
  -h, --help         Print help

Exit codes: 1 if a step failed, 2 for wrong usage, 3 if the release does not exist or has no program for this platform.

Examples:
  sh install.sh --to /usr/local/bin
  sh install.sh --version 0.2.0 --from https://mirror.example.com/eqp/0.2.0
END
}

main() {
    parse "$@"
    target=$(platform)
    work=$(mktemp -d)
    new=
    trap 'rm -rf "$work"; [ -z "$new" ] || rm -f "$new"' EXIT
    trap 'exit 130' HUP INT TERM
    locate
    obtain
    unpack
    place
}

parse() {
    version=$release address='' sum='' to='' cache=''
    while [ $# -gt 0 ]; do
        option=$1
        case $option in
            -h | --help) usage && exit 0 ;;
            --version | --from | --sha256 | --to | --cache) ;;
            *) misuse "unknown option $option" ;;
        esac
        if [ $# -eq 1 ] || [ -z "$2" ]; then misuse "$option needs a value"; fi
        case $option in
            --version) version=${2#v} ;;
            --from) address=${2%/} ;;
            --sha256) sum=$(printf %s "$2" | tr A-F a-f) ;;
            --to) to=$2 ;;
            --cache) cache=$2 ;;
        esac
        shift 2
    done
    [ "$version" != latest ] || version=''
    case $version in
        *[!A-Za-z0-9.+-]*) misuse "$version is not a version, such as 0.2.0" ;;
    esac
    [ -z "$sum" ] || is_sum "$sum" || misuse "$sum is not a SHA-256 checksum"
    if [ -z "$to" ]; then
        [ -n "${HOME-}" ] || misuse "HOME is not set; pass --to FOLDER"
        to=$HOME/.local/bin
    fi
    if [ -z "$address" ]; then
        [ -n "$repository" ] || misuse "this script does not belong to a release; pass --from ADDRESS"
        address=https://github.com/$repository/releases
        if [ -n "$version" ]; then address=$address/download/v$version; else address=$address/latest/download; fi
    fi
}

# Prints the name of the platform, as in the names of the archives.
platform() {
    system=$(uname -s) machine=$(uname -m)
    case $machine in
        x86_64 | amd64) machine=x86_64 ;;
        aarch64 | arm64) machine=aarch64 ;;
    esac
    case $system-$machine in
        Linux-x86_64 | Linux-aarch64) echo "$machine-unknown-linux-musl" ;;
        Darwin-x86_64 | Darwin-aarch64) echo "$machine-apple-darwin" ;;
        *) absent "there is no program for $system on $machine; build eqp from its sources: cargo install --locked" ;;
    esac
}

# Determines the name of the archive and its checksum. With both version and checksum, the list of checksums is not needed.
locate() {
    if [ -z "$version" ] || [ -z "$sum" ]; then
        fetch SHA256SUMS "$work/SHA256SUMS"
    fi
    if [ -z "$version" ]; then
        versions=$(awk '{ print $2 }' "$work/SHA256SUMS" | sed -n "s/^[*]\{0,1\}eqp-\([A-Za-z0-9.+-]*\)-$target\.tar\.gz$/\1/p")
        case $versions in
            '') absent "$address has no program for $target; build eqp from its sources: cargo install --locked" ;;
            *[!A-Za-z0-9.+-]*) fail "$address has several versions; pass --version" ;;
        esac
        version=$versions
    fi
    archive=eqp-$version-$target.tar.gz
    if [ -z "$sum" ]; then
        sum=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1; exit }' "$work/SHA256SUMS")
        [ -n "$sum" ] || absent "$address has no eqp $version for $target; build eqp from its sources: cargo install --locked"
        is_sum "$sum" || fail "SHA256SUMS at $address is not a list of checksums"
    fi
}

# Copies the archive from the cache, or downloads it, and verifies its checksum.
obtain() {
    if [ -n "$cache" ] && [ -f "$cache/$archive" ]; then
        cp "$cache/$archive" "$work/archive"
        if [ "$(checksum "$work/archive")" = "$sum" ]; then return; fi
        echo "$cache/$archive has the wrong checksum; downloading it again" >&2
    fi
    fetch "$archive" "$work/archive"
    actual=$(checksum "$work/archive")
    if [ "$actual" != "$sum" ]; then
        fail "$archive has the wrong checksum, so it was not installed
  expected: $sum
  actual:   $actual
Try again. If the error persists, do not use this archive, and report it."
    fi
    if [ -n "$cache" ]; then
        if ! { mkdir -p "$cache" && cp "$work/archive" "$cache/$archive.$$" && mv -f "$cache/$archive.$$" "$cache/$archive"; }; then
            fail "cannot write to $cache; pass another --cache FOLDER"
        fi
    fi
}

unpack() {
    (cd "$work" && gzip -dc archive | tar -xf -) || fail "cannot unpack $archive; are gzip and tar installed, and is $work full?"
    program=$work/eqp-$version-$target/eqp
    [ -f "$program" ] || fail "$archive contains no eqp"
}

# Copies the program next to its final place, tries it there, and moves it, so that an old version is replaced in one step.
place() {
    if ! mkdir -p "$to" 2>/dev/null || [ ! -w "$to" ]; then
        fail "no permission to write to $to; choose another folder with --to"
    fi
    [ ! -d "$to/eqp" ] || fail "$to/eqp is a folder; choose another folder with --to"
    new=$(mktemp "$to/.eqp.XXXXXX") || fail "cannot write to $to; choose another folder with --to"
    if ! cp "$program" "$new" || ! chmod 755 "$new"; then fail "cannot write to $to; is the disk full?"; fi
    printed=$("$new" --version 2>&1) || fail "the program does not run on this machine: $printed"
    [ "$printed" = "eqp $version" ] || fail "the program in $archive is not eqp $version: $printed"
    mv -f "$new" "$to/eqp"
    new=
    echo "installed eqp $version as $to/eqp"
    case :${PATH-}: in
        *":$to:"*) ;;
        *) echo "$to is not in PATH; add it: export PATH=\"$to:\$PATH\"" ;;
    esac
}

# Copies a file of the release to a path.
fetch() {
    case $address in
        https://*) download https "$@" ;;
        http://127.0.0.1:* | http://localhost:* | http://\[::1\]:*) download http "$@" ;;
        http://*) misuse "$address is not encrypted; use https" ;;
        file:///*) copy "${address#file://}/$1" "$2" ;;
        *://*) misuse "$address is neither a folder nor an address with https or file" ;;
        *) copy "$address/$1" "$2" ;;
    esac
}

copy() {
    [ -e "$1" ] || absent "$1 does not exist"
    cp "$1" "$2" || fail "cannot read $1"
}

download() {
    url=$address/$2
    if command -v curl >/dev/null 2>&1; then
        status=$(curl --silent --show-error --location --proto "=$1" --proto-redir "=$1" --connect-timeout 20 --max-time 900 \
            --retry 3 --max-filesize 500000000 --output "$3" --write-out '%{http_code}' "$url") ||
            fail "cannot download $url"
        case $status in
            200) ;;
            404) absent "$url does not exist" ;;
            *) fail "cannot download $url: the server answered $status" ;;
        esac
    elif command -v wget >/dev/null 2>&1; then
        # Exit code 8: the server answered with an error.
        wget -q -T 60 -O "$3" "$url" || case $? in
            8) absent "$url does not exist, or the server rejected the request" ;;
            *) fail "cannot download $url" ;;
        esac
    else
        fail "neither curl nor wget is installed; install one, or download the release and pass its folder with --from"
    fi
}

checksum() {
    if command -v sha256sum >/dev/null 2>&1; then
        printed=$(sha256sum "$1")
    elif command -v shasum >/dev/null 2>&1; then
        printed=$(shasum -a 256 "$1")
    elif command -v openssl >/dev/null 2>&1; then
        printed=$(openssl dgst -sha256 -r "$1")
    else
        fail "cannot verify the checksum: neither sha256sum nor shasum nor openssl is installed"
    fi
    echo "${printed%% *}"
}

is_sum() {
    case $1 in
        *[!0-9a-f]*) return 1 ;;
    esac
    [ ${#1} -eq 64 ]
}

fail() {
    echo "error: $1" >&2
    exit 1
}

misuse() {
    echo "error: $1" >&2
    exit 2
}

absent() {
    echo "error: $1" >&2
    exit 3
}

{ main "$@"; }
