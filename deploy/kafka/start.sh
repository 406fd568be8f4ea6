#!/usr/bin/env bash
# Starts the broker; prepares its data folder first where it is empty.
set -euo pipefail
properties=/opt/blazing-sun/server.properties

# Any 16 bytes in base64. It names the cluster in its data folders, and keeps those of different ones apart.
kafka-storage.sh format --ignore-formatted --cluster-id "${CLUSTER_ID:-YmxhemluZy1zdW4ta2Fmaw}" --config "$properties"
exec kafka-server-start.sh "$properties"
