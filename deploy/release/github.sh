#!/bin/sh
# Creates the GitHub release of a tag with the files of a folder. The release is a draft until it is complete, so an interrupted run
# can be repeated. A published release is never changed.
#
# Usage: github.sh TAG FOLDER NOTES
set -eu

main() {
    tag=${1:?"usage: github.sh TAG FOLDER NOTES"} folder=${2:?"usage: github.sh TAG FOLDER NOTES"}
    notes=${3:?"usage: github.sh TAG FOLDER NOTES"}
    state=$(gh release view "$tag" --json isDraft --jq .isDraft 2>/dev/null || echo none)
    case $state in
        none) gh release create "$tag" --draft --verify-tag --title "$tag" --notes-file "$notes" ;;
        true) ;;
        *)
            echo "error: the release $tag is already published; publish a new version instead" >&2
            exit 1
            ;;
    esac
    gh release upload "$tag" --clobber "$folder"/*
    gh release edit "$tag" --draft=false
}

main "$@"
