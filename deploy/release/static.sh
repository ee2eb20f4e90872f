#!/bin/sh
# Fails if a program needs shared libraries.
#
# Usage: static.sh PROGRAM
set -eu

main() {
    program=${1:?"usage: static.sh PROGRAM"}
    sections=$(readelf --wide --dynamic --program-headers "$program")
    needed=$(printf '%s\n' "$sections" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
    if [ -n "$needed" ] || printf '%s\n' "$sections" | grep -q 'program interpreter'; then
        echo "error: $program is not static; it needs ${needed:-a program interpreter}" >&2
        exit 1
    fi
}

main "$@"
