#!/bin/sh
# Prints the version of the workspace. With a tag, fails if it is not the tag of this version.
#
# Usage: version.sh [TAG]
set -eu

main() {
    root=$(cd "$(dirname "$0")/../.." && pwd)
    version=$(sed -n '/^\[workspace\.package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
    if [ -z "$version" ]; then
        echo "error: [workspace.package] in $root/Cargo.toml has no version" >&2
        exit 1
    fi
    if [ "${1-v$version}" != "v$version" ]; then
        echo "error: the tag is $1, but the version in Cargo.toml is $version; tag v$version instead" >&2
        exit 1
    fi
    echo "$version"
}

main "$@"
