#!/usr/bin/env bash
# Kafka and PostgreSQL together: `servers.sh start`, then `eval "$(dev/servers.sh env)"`; also stop, wipe, status, install.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

case ${1:-} in
  start | stop | wipe | status | env | install) ;;
  *)
    echo "usage: dev/servers.sh start|stop|wipe|status|env|install" >&2
    exit 2
    ;;
esac
(($# == 1)) || {
  echo "servers.sh takes one word; kafka.sh and postgres.sh take options" >&2
  exit 2
}
status=0
for server in kafka postgres; do "$here/$server.sh" "$1" || status=$?; done
exit "$status"
