#!/usr/bin/env bash
# Stripe's own stand-in for this machine: it checks every request against Stripe's description of its API, and answers with
# examples, the same whatever was asked before. Loopback alone, started in the background.
#
#   stripe-mock.sh start [OPTION…]   starts it and waits until it answers; does nothing where it runs
#   stripe-mock.sh stop | status     ends it; says whether it runs
#   stripe-mock.sh wipe              kills it and removes its folder
#   stripe-mock.sh env               prints what to export to reach it
#   stripe-mock.sh install           builds it (start does too); takes Go
#
# Options: --dir DIR (log, state; default data/dev/stripe-mock), --port PORT (0: a free one),
#   --while-locked FILE [--grace-seconds N] (wiped when no process holds a lock on FILE any more).
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$repository/dev/tools.sh"
source "$repository/dev/processes.sh"

server_name=stripe-mock
server_dir=$repository/data/dev/stripe-mock

is_missing() {
  server_die "Go $GO_VERSION_MIN or newer, which builds it, $1; on Debian 13 or newer run:" \
    "  sudo apt-get update && sudo apt-get install -y --no-install-recommends golang-go" \
    "elsewhere it comes from https://go.dev/dl."
}

# Built in a folder that goes again, and moved into place whole.
install() {
  [[ ! -x $STRIPE_MOCK ]] || return 0
  command -v go >/dev/null || is_missing "is missing"
  go_is_new_enough || is_missing "is needed; this is $(go env GOVERSION)"
  local into
  mkdir -p "$TOOLS_DIR"
  into=$(mktemp -d "$TOOLS_DIR/.stripe-mock.XXXXXX")
  server_say "building stripe-mock $STRIPE_MOCK_VERSION into ${STRIPE_MOCK%/bin/*} (once per user)" >&2
  GOPATH=$into/go GOBIN=$into/built/bin GOFLAGS="${GOFLAGS:-} -modcacherw" \
    go install "github.com/stripe/stripe-mock@v$STRIPE_MOCK_VERSION" </dev/null >&2 || {
    rm -rf "$into"
    server_die "Go could not build it; its own words stand above"
  }
  mv -T "$into/built" "${STRIPE_MOCK%/bin/*}" 2>/dev/null || true
  rm -rf "$into"
  [[ -x $STRIPE_MOCK ]] || server_die "could not put it into ${STRIPE_MOCK%/bin/*}"
}

address() { printf '127.0.0.1:%s\n' "$(<"$server_dir/port")"; }

has_started_or_died() { is_gone "$1" || is_listening "$2"; }

launch() {
  # Left out, HTTPS is served too, beyond loopback and always at one port, so that no second one could start.
  detach "$server_dir/server.log" "$STRIPE_MOCK" -http-addr "127.0.0.1:$1" -https-addr 127.0.0.1:0
  local pid=$!
  note_pid "$pid" || return 1
  wait_for "$START_SECONDS_MAX" has_started_or_died "$pid" "$1" ||
    server_die "it did not answer within ${START_SECONDS_MAX}s; see $server_dir/server.log"
  is_gone "$pid" && return 1
  printf '%s\n' "$1" >"$server_dir/port"
}

start() {
  local tries chosen=$port
  lock_server_dir
  if server_pid >/dev/null; then
    server_say "runs at $(address)"
  else
    install
    # A folder that was used before keeps its port.
    ((chosen > 0)) || chosen=$(cat "$server_dir/port" 2>/dev/null || echo 0)
    for ((tries = 1; ; tries++)); do
      launch "$( ((chosen > 0)) && echo "$chosen" || free_port)" && break
      # Another program may have taken the port meanwhile.
      ((tries < 4)) || {
        tail -n 20 "$server_dir/server.log" >&2 || true
        server_die "it did not start; the end of its log stands above"
      }
    done
    server_say "started at $(address); log: $server_dir/server.log"
  fi
  [[ -z $users_file ]] || start_watching "$repository/dev/stripe-mock.sh" "$users_file" "$grace_seconds"
}

stop() {
  local pid
  pid=$(server_pid) || return 0
  end_process "$pid" TERM
  server_say "stopped"
}

wipe_server() {
  local pid
  ! pid=$(server_pid) || end_process "$pid" KILL
  [[ -d $server_dir ]] || return 0
  rm -f "$server_dir"/{pid,port,server.log,watch.log,lock,watch.lock}
  rmdir --ignore-fail-on-non-empty "$server_dir"
}

command=${1:-}
(($# == 0)) || shift
read_server_options "$@"
((${#rest[@]} == 0)) || server_die "$command does not know '${rest[0]}'"
case $command in
  start) start ;;
  stop) stop ;;
  wipe) wipe_server ;;
  status)
    pid=$(server_pid) || server_die "does not run"
    server_say "runs at $(address), process $pid, folder $server_dir"
    ;;
  env)
    server_pid >/dev/null || server_die "does not run; start it with dev/stripe-mock.sh start"
    printf 'export STRIPE_API_URL=http://%s\n' "$(address)"
    ;;
  install) install ;;
  watch) watch_users "$users_file" "$grace_seconds" ;;
  *) server_die "usage: dev/stripe-mock.sh start|stop|wipe|status|env|install (its head says more)" ;;
esac
