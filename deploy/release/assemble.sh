#!/bin/sh
# Completes the folder of a release: adds the installer, which installs this version from this repository by default, and SHA256SUMS.
#
# Usage: assemble.sh FOLDER OWNER/REPOSITORY
set -eu

main() {
    folder=${1:?"usage: assemble.sh FOLDER OWNER/REPOSITORY"} repository=${2:?"usage: assemble.sh FOLDER OWNER/REPOSITORY"}
    here=$(dirname "$0")
    version=$("$here/version.sh")
    case $repository in
        *[!A-Za-z0-9._/-]* | */*/* | /* | */) repository='' ;;
        */*) ;;
        *) repository='' ;;
    esac
    if [ -z "$repository" ]; then
        echo "error: $2 is not the name of a repository, such as acme/eqp" >&2
        exit 2
    fi
    sed -e "s|^repository=.*|repository=$repository|" -e "s|^release=.*|release=$version|" "$here/../install.sh" >"$folder/install.sh"
    chmod 755 "$folder/install.sh"
    # A checksum list of an earlier run must not be part of the new one.
    rm -f "$folder/SHA256SUMS"
    (cd "$folder" && checksums ./*) | sed 's|  \./|  |' >"$folder.sums"
    mv "$folder.sums" "$folder/SHA256SUMS"
    cat "$folder/SHA256SUMS"
}

# macOS has no sha256sum.
checksums() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

main "$@"
