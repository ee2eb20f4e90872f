#!/usr/bin/env bash
# Shows the review of a version as a commit status on GitHub, at the commit of its tag. CODE is the exit code of `eqp release` or
# `eqp wait`. Needs git, curl and jq, and GITHUB_TOKEN with the right "Commit statuses: write" (in a job: `statuses: write`).
#
# Usage: commit-status.sh TAG CODE
set -euo pipefail

tag=$1 code=$2
sha=$(git rev-parse --verify --quiet "refs/tags/$tag^{commit}")
case $code in
  0) state=success text="$tag is in the store" ;;
  5) state=failure text="$tag was rejected; the reasons are in the log" ;;
  6) state=pending text="$tag is in review" ;;
  *) state=error text="the review of $tag could not be followed: exit code $code" ;;
esac
run=${GITHUB_RUN_ID:+$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID}

# GitHub rejects a description of more than 140 characters. The token is not an argument, which other users could see.
jq --null-input --arg state "$state" --arg text "$text" --arg run "$run" \
  '{$state, context: "adobe-marketplace", description: $text[:140]} + if $run == "" then {} else {target_url: $run} end' |
  curl --silent --show-error --fail --output /dev/null --max-time 30 --retry 3 \
    --header @<(printf 'Authorization: Bearer %s\n' "$GITHUB_TOKEN") \
    --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28' \
    --data-binary @- "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/statuses/$sha"
