#!/usr/bin/env bash
# Starts the broker; prepares its data folder first where it is empty.
set -euo pipefail
properties=/opt/blazing-sun/server.properties

# Names the cluster in its data folders, and keeps those of different ones apart: any 16 bytes in base64 for URLs. Brokers
# of one cluster have to be given the same.
random_id() {
  local id
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_')
  # Tools take a dash at its beginning for an option.
  id=${id/#-/A}
  printf '%s\n' "${id%==}"
}

data=$(sed -n 's/^log\.dirs=//p' "$properties")
known=$(sed -n 's/^cluster\.id=//p' "$data/meta.properties" 2>/dev/null || true)
kafka-storage.sh format --ignore-formatted --cluster-id "${CLUSTER_ID:-${known:-$(random_id)}}" --config "$properties"
exec kafka-server-start.sh "$properties"
