#!/bin/sh
# Prints the section of a version from CHANGELOG.md. Fails if there is none, or if it is marked as unreleased.
#
# Usage: notes.sh VERSION [FILE]
set -eu

main() {
    version=${1:?"usage: notes.sh VERSION [FILE]"}
    file=${2-$(dirname "$0")/../../CHANGELOG.md}
    heading=$(awk -v version="$version" '$1 == "##" && ($2 == version || $2 == "[" version "]")' "$file")
    case $heading in
        '') fail "$file has no section for version $version; add one" ;;
        *nreleased*) fail "$file marks version $version as unreleased; replace that with the date" ;;
    esac
    awk -v version="$version" '
        $1 == "##" { inside = $2 == version || $2 == "[" version "]"; next }
        inside && (/[^ ]/ || printed) { print; printed = 1 }
    ' "$file"
}

fail() {
    echo "error: $1" >&2
    exit 1
}

main "$@"
