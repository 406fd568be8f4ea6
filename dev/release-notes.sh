#!/usr/bin/env bash
# Prints what CHANGELOG.md says of a version: dev/release-notes.sh 1.2.0. Without a version it checks that the workspace's own has an
# entry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

workspace=$(awk '/^\[workspace.package\]/ { here = 1 } here && /^version/ { gsub(/[" ]/, "", $0); sub(/version=/, ""); print; exit }' Cargo.toml)
version=${1:-$workspace}
notes=$(awk -v head="## [$version]" '
  index($0, head) == 1 { here = 1; next }
  here && /^## \[/ { exit }
  here { print }
' CHANGELOG.md)
if [[ -z ${notes//[[:space:]]/} ]]; then
  echo "release-notes: CHANGELOG.md has no entry \`## [$version]\`, or nothing in it" >&2
  exit 1
fi
if (($# > 0)); then
  printf '# Blazing Sun %s\n%s\n' "$version" "$notes"
else
  echo "release-notes: CHANGELOG.md has an entry of $version"
fi
