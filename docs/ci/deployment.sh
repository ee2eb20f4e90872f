#!/usr/bin/env bash
# Shows the review of a version as a deployment on GitHub, from the commit of its tag to the environment adobe-marketplace. A repeated run
# changes nothing. With --check, exits with 0 if the deployment has succeeded, and with 1 otherwise. Needs git, curl and jq, and
# GITHUB_TOKEN with the right "Deployments: write" (in a job: `deployments: write`).
#
# Usage: deployment.sh STATE|--check [TAG]
# STATE is in_progress, success, failure or error. The default for TAG is v$EQP_VERSION, which `--then` sets.
set -euo pipefail

state=$1 tag=${2:-v${EQP_VERSION-}}
environment=adobe-marketplace
deployments=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/deployments
sha=$(git rev-parse --verify --quiet "refs/tags/$tag^{commit}")

# The token is not an argument, which other users could see.
api() {
  curl --silent --show-error --fail --max-time 30 --retry 3 \
    --header @<(printf 'Authorization: Bearer %s\n' "$GITHUB_TOKEN") \
    --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28' "$@"
}

id=$(api "$deployments?sha=$sha&environment=$environment" | jq --raw-output '.[0].id // empty')
current=
if [ -n "$id" ]; then current=$(api "$deployments/$id/statuses?per_page=1" | jq --raw-output '.[0].state // empty'); fi
if [ "$state" = --check ]; then
  [ "$current" = success ]
  exit
fi
if [ "$state" = "$current" ]; then exit; fi
if [ -z "$id" ]; then
  # By default, GitHub rejects a deployment while a status of the commit is pending, and may merge the default branch into the tag. The
  # request is not repeated, because the deployment may have been created although the response was lost: the next run finds it.
  id=$(jq --null-input --arg sha "$sha" --arg environment "$environment" --arg tag "$tag" \
    '{ref: $sha, $environment, description: "Release of \($tag)"[:140], auto_merge: false, required_contexts: []}' |
    api --retry 0 --data-binary @- "$deployments" | jq --raw-output .id)
fi
jq --null-input --arg state "$state" --arg environment "$environment" --arg tag "$tag" \
  '{$state, $environment, description: "\($tag): \($state)"[:140]}' |
  api --data-binary @- "$deployments/$id/statuses" >/dev/null
