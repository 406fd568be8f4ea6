#!/usr/bin/env bash
# A whole cluster on this machine: Kafka, PostgreSQL, two backends, two gateways, a checkout with a test bank, and nginx that
# makes them one address.
#
#   cluster.sh run      starts all of it, says where, and starts again what ends, until Ctrl-C ends all
#   cluster.sh stop     ends one that runs elsewhere, or what one has left behind; its data stays
#   cluster.sh wipe     the same, and removes the data
#   cluster.sh status   says what runs, and where
#   cluster.sh bench    measures one, without nginx and payments, beside its floor, and removes it: what follows goes to
#                       `blazing-sun bench cluster`; without anything, as fast as possible and then 2,000 commands/s
#
# Read: LISTEN (127.0.0.1:8080), CLUSTER_DIR (data/cluster, for bench data/bench-cluster), BLAZING_SUN_BIN
# (target/release/blazing-sun), GATEWAYS and BACKENDS (2 each, for bench 1), BLAZING_SUN_* for the processes.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repository"
source dev/tools.sh
source dev/processes.sh

command=${1:-}
case $command in
  bench) default_dir=data/bench-cluster default_count=1 ;;
  *) default_dir=data/cluster default_count=2 ;;
esac
cluster_dir=${CLUSTER_DIR:-$default_dir}
[[ $cluster_dir == /* ]] || cluster_dir=$PWD/$cluster_dir
listen=${LISTEN:-127.0.0.1:8080}
gateways=${GATEWAYS:-$default_count}
backends=${BACKENDS:-$default_count}
program=${BLAZING_SUN_BIN:-${CARGO_TARGET_DIR:-target}/release/blazing-sun}
readonly SERVERS=(kafka postgres)
case $command in
  bench) payers=() ;;
  *) payers=(bank checkout-1) ;;
esac

# The functions of processes.sh work on one server at a time.
server_name=cluster
server_dir=$cluster_dir

[[ $gateways =~ ^[1-9]$ && $backends =~ ^[1-9]$ ]] || server_die "GATEWAYS and BACKENDS take a number from 1 to 9"

# members_of <kind> <count>
members_of() {
  local n
  for ((n = 1; n <= $2; n++)); do printf '%s-%d\n' "$1" "$n"; done
}
backend_names() { members_of backend "$backends"; }
gateway_names() { members_of gateway "$gateways"; }

of_member() {
  server_name=$1 server_dir=$cluster_dir/$1
  mkdir -p "$server_dir"
}

# Ports are kept: whoever comes back has to be found where it was.
port_of() {
  local file=$cluster_dir/$1/port
  # It may be asked for before its owner is started.
  mkdir -p "${file%/port}"
  [[ -s $file ]] || free_port >"$file"
  cat "$file"
}

start_server() {
  case $1 in
    kafka) KAFKA_JVM_OPTIONS=${KAFKA_JVM_OPTIONS:--Xms256m -Xmx1g} dev/kafka.sh start --dir "$cluster_dir/kafka" ;;
    postgres) dev/postgres.sh start --dir "$cluster_dir/postgres" ;;
  esac
}

# launch_member <name> <command…>: in the background, with its log beside its data.
launch_member() {
  local name=$1 pid
  shift
  of_member "$name"
  detach "$server_dir/output.log" "$@"
  pid=$!
  note_pid "$pid" || server_say "did not start; see $server_dir/output.log" >&2
}

start_process() {
  local name=$1 role=${1%-*} port
  of_member "$name"
  port=$(port_of "$name")
  local environment=(KAFKA_BOOTSTRAP_SERVERS="$kafka") arguments=()
  case $command in
    bench) arguments=(--bench) ;;
    *)
      environment+=(BLAZING_SUN_GATEWAY__TRUSTED_PROXIES='["127.0.0.1"]' BLAZING_SUN_SERVER__PUBLIC_URL="http://$listen"
        BLAZING_SUN_PAYMENTS__PROVIDER=test_bank)
      ;;
  esac
  case $role in
    gateway) environment+=(BLAZING_SUN_KEYS="$cluster_dir/keys-of-gateways" BLAZING_SUN_GATEWAY__ID="$name") ;;
    backend) environment+=(BLAZING_SUN_KEYS="$cluster_dir/keys" DATABASE_URL="$database") ;;
    checkout)
      environment+=(CHECKOUT_DATABASE_URL="$database"
        BLAZING_SUN_PAYMENTS__TEST_BANK_URL="http://127.0.0.1:$(port_of bank)"
        BLAZING_SUN_PAYMENTS__SECRET_KEY_FILE="$cluster_dir/bank/test-bank-secret-key"
        BLAZING_SUN_PAYMENTS__WEBHOOK_SECRETS_FILE="$cluster_dir/bank/test-bank-webhook-secret")
      ;;
  esac
  launch_member "$name" env "${environment[@]}" "$program" "$role" --listen "127.0.0.1:$port" "${arguments[@]}"
}

start_bank() {
  of_member bank
  launch_member bank "$program" test-bank --dir "$server_dir" --listen "127.0.0.1:$(port_of bank)" \
    --webhooks "http://127.0.0.1:$(port_of checkout-1)/webhooks/stripe"
  # A checkout reads its keys when it starts.
  wait_for "$START_SECONDS_MAX" is_listening "$(port_of bank)" || server_die "the test bank does not listen"
}

# Servers of an upstream, as nginx writes them.
upstream() {
  local name
  for name in "$@"; do
    # One that is away for a moment is asked again a second later.
    printf 'server 127.0.0.1:%s max_fails=1 fail_timeout=1s; ' "$(port_of "$name")"
  done
}

# The template's variables are the nginx image's, not the shell's.
# shellcheck disable=SC2016
site_of_nginx() {
  local names site
  site=$(<deploy/nginx/blazing-sun.conf.template)
  mapfile -t names < <(gateway_names)
  site=${site//'${GATEWAYS}'/$(upstream "${names[@]}")}
  mapfile -t names < <(backend_names)
  site=${site//'${BACKENDS}'/$(upstream "${names[@]}")}
  site=${site//'${CHECKOUTS}'/$(upstream checkout-1)}
  site=${site//'${LISTEN}'/$listen}
  site=${site//'${RESOLVER}'/}
  printf '%s\n' "${site//'${TLS}'/}"
}

start_nginx() {
  of_member nginx
  site_of_nginx >"$server_dir/site.conf"
  cat >"$server_dir/nginx.conf" <<END
daemon off;
pid $server_dir/nginx.pid;
error_log $server_dir/error.log;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
    access_log off;
    client_body_temp_path $server_dir/temp-body;
    proxy_temp_path $server_dir/temp-proxy;
    fastcgi_temp_path $server_dir/temp-fastcgi;
    uwsgi_temp_path $server_dir/temp-uwsgi;
    scgi_temp_path $server_dir/temp-scgi;
    include $server_dir/site.conf;
}
END
  "$nginx" -t -q -c "$server_dir/nginx.conf" || server_die "nginx does not take its configuration"
  launch_member nginx "$nginx" -c "$server_dir/nginx.conf"
}

start_member() {
  case $1 in
    nginx) start_nginx ;;
    bank) start_bank ;;
    kafka | postgres) start_server "$1" ;;
    *) start_process "$1" ;;
  esac
}

is_running_member() (
  of_member "$1"
  server_pid >/dev/null
)

# http_status <port> <path>
http_status() {
  local line
  line=$( (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$2" "$1" >&3
    timeout 5 head -n 1 <&3
  ) 2>/dev/null) || return 1
  read -r _ line _ <<<"$line"
  printf '%s\n' "$line"
}
is_ready() { [[ $(http_status "$(port_of "$1")" /readyz) == 200 ]]; }
is_ready_or_gone() { is_ready "$1" || ! is_running_member "$1"; }

wait_until_ready() {
  local name
  for name in "$@"; do
    wait_for "$START_SECONDS_MAX" is_ready_or_gone "$name" || true
    is_ready "$name" || {
      tail -n 20 "$cluster_dir/$name/output.log" >&2 || true
      server_die "$name did not become ready; the end of its log stands above"
    }
  done
}

# end_member <name> <signal>
end_member() (
  of_member "$1"
  pid=$(server_pid) || exit 0
  end_process "$pid" "$2"
  server_say "stopped"
)

# end_together <name…>: they take their time at once. Each is waited for by its id: a bare `wait` may wait for members
# that are still to run, where this shell was told to end between starting one process and waiting for it.
end_together() {
  local name pids=()
  for name in "$@"; do
    end_member "$name" TERM &
    pids+=($!)
  done
  wait "${pids[@]}" || true
}

# Clients' sides first: nobody is to find its server gone.
stop_all() {
  local name names
  end_member nginx TERM
  mapfile -t names < <(gateway_names)
  end_together "${names[@]}"
  for name in checkout-1 bank; do end_member "$name" TERM; done
  mapfile -t names < <(backend_names)
  end_together "${names[@]}"
  for name in "${SERVERS[@]}"; do "dev/$name.sh" stop --dir "$cluster_dir/$name"; done
}

members() {
  printf '%s\n' "${SERVERS[@]}"
  backend_names
  gateway_names
  ((${#payers[@]} == 0)) || printf '%s\n' "${payers[@]}"
  echo nginx
}

# One at a time in a folder; all that is started ends with this script.
claim() {
  [[ -x $program ]] || server_die "$program is not built; run make cluster, or name one in BLAZING_SUN_BIN"
  mkdir -p "$cluster_dir"
  exec 9>"$cluster_dir/running"
  flock -n 9 || server_die "one runs already in $cluster_dir; dev/cluster.sh stop ends it"
  note_pid $$
  trap 'exit 0' INT TERM
  trap 'trap "" INT TERM; stop_all; rm -f "$cluster_dir/pid"' EXIT
}

# All but nginx.
start_all() {
  local names name
  for name in "${SERVERS[@]}"; do start_server "$name"; done
  kafka=127.0.0.1:$(<"$cluster_dir/kafka/port")
  database=$(<"$cluster_dir/postgres/url")
  # Kept with the data: what they sealed, only they open.
  [[ -s $cluster_dir/keys ]] || "$program" keys create "$cluster_dir/keys" >/dev/null
  [[ -s $cluster_dir/keys-of-gateways ]] ||
    "$program" keys gateway --keys "$cluster_dir/keys" "$cluster_dir/keys-of-gateways" >/dev/null
  # Backends first: they make the topics that gateways wait for.
  mapfile -t names < <(backend_names)
  for name in "${names[@]}"; do start_member "$name"; done
  wait_until_ready "${names[@]}"
  mapfile -t names < <(gateway_names)
  for name in "${names[@]}"; do start_member "$name"; done
  wait_until_ready "${names[@]}"
  ((${#payers[@]} > 0)) || return 0
  for name in "${payers[@]}"; do start_member "$name"; done
  wait_until_ready checkout-1
}

run() {
  nginx=$(find_nginx) || server_die "nginx is missing; on Debian run:" \
    "  sudo apt-get update && sudo apt-get install -y --no-install-recommends nginx-light"
  is_listening "${listen##*:}" && server_die "something listens on port ${listen##*:} already; LISTEN takes another one"
  claim
  start_all
  start_member nginx
  server_name=cluster server_dir=$cluster_dir
  wait_for "$START_SECONDS_MAX" is_listening "${listen##*:}" || server_die "nginx does not listen on $listen"
  server_say "plays on http://$listen"
  server_say "export KAFKA_BOOTSTRAP_SERVERS=$kafka DATABASE_URL=$database CHECKOUT_DATABASE_URL=$database" \
    "BLAZING_SUN_KEYS=$cluster_dir/keys"
  server_say "logs are in $cluster_dir/*/output.log; kill what you like, it is started again; Ctrl-C ends all"
  keep_running
}

# ports_of <name…>: with commas between them.
ports_of() {
  local name ports=()
  for name in "$@"; do ports+=("$(port_of "$name")"); done
  local IFS=,
  printf '%s\n' "${ports[*]}"
}

bench() {
  local names gateway_ports backend_ports measure
  claim
  remove_data
  start_all
  mapfile -t names < <(gateway_names)
  gateway_ports=$(ports_of "${names[@]}")
  mapfile -t names < <(backend_names)
  backend_ports=$(ports_of "${names[@]}")
  measure=(env KAFKA_BOOTSTRAP_SERVERS="$kafka" DATABASE_URL="$database" "$program"
    bench --url "http://127.0.0.1:${backend_ports%%,*}" cluster
    --gateways "127.0.0.1:${gateway_ports//,/,127.0.0.1:}"
    --watch "gateway=$gateway_ports" --watch "backend=$backend_ports"
    --watch "kafka=${kafka##*:}" --watch "postgres=$(<"$cluster_dir/postgres/port")")
  if (($# > 0)); then
    "${measure[@]}" "$@"
  else
    "${measure[@]}"
    "${measure[@]}" --rate 2000
  fi
  stop_all
  remove_data
}

# A `sleep` in the background: `wait` ends at once with a signal.
keep_running() {
  local name names
  mapfile -t names < <(members)
  while sleep 1 & wait $!; do
    for name in "${names[@]}"; do
      is_running_member "$name" || {
        server_name=cluster
        server_say "$name has ended; starting it again"
        start_member "$name" || server_say "$name does not start; trying again"
      }
    done
  done
}

stop() {
  local pid
  ! pid=$(server_pid) || end_process "$pid" TERM
  # And whatever one that was killed has left.
  stop_all
}

remove_data() {
  local name
  for name in "${SERVERS[@]}"; do "dev/$name.sh" wipe --dir "$cluster_dir/$name"; done
  for name in nginx bank checkout-1 $(gateway_names) $(backend_names); do
    rm -rf "${cluster_dir:?}/$name"
  done
  rm -f "$cluster_dir"/{keys,keys-of-gateways}
}

wipe() {
  stop
  remove_data
  rm -f "$cluster_dir"/{running,pid}
  [[ ! -d $cluster_dir ]] || rmdir --ignore-fail-on-non-empty "$cluster_dir"
}

case $command in
  run) run ;;
  stop) stop ;;
  wipe) wipe ;;
  bench)
    shift
    bench "$@"
    ;;
  status)
    for name in $(members); do
      if is_running_member "$name"; then state=runs; else state="does not run"; fi
      printf '%-10s %s\n' "$name" "$state"
    done
    ;;
  *) server_die "usage: dev/cluster.sh run|stop|wipe|status|bench (its head says more)" ;;
esac
