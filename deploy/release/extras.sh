#!/bin/sh
# Writes the manual pages and the shell completions of a program to FOLDER/man and FOLDER/completions.
#
# Usage: extras.sh PROGRAM FOLDER
set -eu

main() {
    program=$(realpath "${1:?"usage: extras.sh PROGRAM FOLDER"}") folder=${2:?"usage: extras.sh PROGRAM FOLDER"}
    home=$(mktemp -d)
    trap 'rm -rf "$home"' EXIT
    mkdir -p "$folder/completions"
    eqp man "$folder/man" >&2
    eqp completions bash >"$folder/completions/eqp"
    eqp completions zsh >"$folder/completions/_eqp"
    eqp completions fish >"$folder/completions/eqp.fish"
}

# Runs the program without the configuration of this machine: completions contain the names of profiles.
eqp() {
    env -i HOME="$home" PATH="$PATH" EQP_DATA_DIR="$home" "$program" "$@"
}

main "$@"
