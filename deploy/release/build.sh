#!/bin/sh
# Builds `eqp` for a target, as it is shipped, and prints the path of the program. A program for musl must be static.
#
# Usage: build.sh TARGET
set -eu

main() {
    target=${1:?"usage: build.sh TARGET"}
    cd "$(dirname "$0")/../.."
    cargo build --profile dist --locked --package eqp-cli --target "$target" >&2
    program="${CARGO_TARGET_DIR:-target}/$target/dist/eqp"
    case $target in
        *-musl) deploy/release/static.sh "$program" ;;
    esac
    echo "$program"
}

main "$@"
