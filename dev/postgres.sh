#!/usr/bin/env bash
# A real PostgreSQL for this machine, without containers: loopback alone, started in the background. One that the
# machine has is used; else one is fetched for the user.
#
#   postgres.sh start [OPTION…]   starts it and waits until it takes connections; does nothing where it runs
#   postgres.sh stop | status     ends it; says whether it runs
#   postgres.sh wipe              kills it and removes its data
#   postgres.sh env               prints what to export to reach it
#   postgres.sh install           fetches it if the machine has none (start does too)
#   postgres.sh find              prints the folder of its programs
#
# Options: --dir DIR (data, logs, state; default data/dev/postgres), --port PORT (0: a free one),
#   --while-locked FILE [--grace-seconds N] (wiped when no process holds a lock on FILE any more),
#   and behind these --set KEY=VALUE (of the server).
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$repository/dev/tools.sh"
source "$repository/dev/processes.sh"

server_name=postgres
server_dir=$repository/data/dev/postgres
readonly USER_NAME=blazing_sun

# It refuses to run as root; then it runs as another user of the system.
as_user=()
if ((EUID == 0)); then
  run_as=$(getent passwd postgres nobody | head -n 1 | cut -d: -f1)
  [[ -n $run_as ]] || server_die "PostgreSQL does not run as root, and there is no user postgres or nobody"
  as_user=(setpriv --reuid "$run_as" --regid "$(id -g "$run_as")" --clear-groups --)
fi

is_missing() {
  server_die "$1; on Debian run:" \
    "  sudo apt-get update && sudo apt-get install -y --no-install-recommends postgresql"
}

# For those who may not install packages. Root's own folders are closed to the user that it would run as.
fetch() {
  local machine into
  ((EUID != 0)) || is_missing "PostgreSQL 14 or newer is missing"
  case $(uname -m) in
    x86_64) machine=amd64 ;;
    aarch64) machine=arm64v8 ;;
    *) is_missing "PostgreSQL 14 or newer is missing" ;;
  esac
  { command -v mvn && command -v jar; } >/dev/null ||
    is_missing "PostgreSQL 14 or newer is missing, and so are Maven and a JDK, which could fetch it"
  mkdir -p "$TOOLS_DIR"
  into=$(mktemp -d "$TOOLS_DIR/.postgres.XXXXXX")
  server_say "fetching PostgreSQL $POSTGRES_VERSION into $POSTGRES_HOME (once per user)" >&2
  mvn --quiet --batch-mode -Dstyle.color=never \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory="$into" \
    -Dartifact="io.zonky.test.postgres:embedded-postgres-binaries-linux-$machine:$POSTGRES_VERSION" </dev/null >&2 || {
    rm -rf "$into"
    server_die "Maven could not fetch PostgreSQL; its own words stand above"
  }
  (cd "$into" && jar --extract --file ./*.jar && tar -xJf ./*.txz && rm -rf ./*.jar ./*.txz META-INF)
  mv -T "$into" "$POSTGRES_HOME" 2>/dev/null || rm -rf "$into"
}

# Prints the folder of its programs.
find_programs() {
  local folder
  for folder in "${POSTGRES_BIN:-}" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) /usr/pgsql-*/bin \
    "$(dirname "$(command -v postgres || echo /-/-)")" "$POSTGRES_HOME/bin"; do
    [[ -x $folder/postgres && -x $folder/initdb ]] || continue
    local version
    version=$("$folder/postgres" --version)
    if [[ $version =~ \)\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= 14)); then
      printf '%s\n' "$folder"
      return
    fi
  done
  return 1
}

install() { find_programs >/dev/null || { fetch && find_programs >/dev/null; } || server_die "no PostgreSQL was found"; }

url() {
  printf 'postgres://%s:%s@127.0.0.1:%s/postgres\n' "$USER_NAME" "$(<"$server_dir/password")" "$(<"$server_dir/port")"
}

prepare() {
  [[ ! -f $server_dir/data/PG_VERSION ]] || return 0
  local password=$server_dir/password
  (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$password")
  mkdir -p "$server_dir/data"
  chmod 700 "$server_dir/data"
  ((EUID != 0)) || chown "$run_as" "$server_dir/data" "$password"
  "${as_user[@]}" test -w "$server_dir/data" -a -r "$password" ||
    server_die "user $run_as cannot reach $server_dir; name another folder with --dir"
  "${as_user[@]}" "$programs/initdb" --pgdata "$server_dir/data" --username "$USER_NAME" --pwfile "$password" \
    --auth scram-sha-256 --encoding UTF8 --no-locale >"$server_dir/initdb.log" 2>&1 || {
    rm -rf "$server_dir/data"
    server_die "its data folder could not be prepared:" "$(cat "$server_dir/initdb.log")"
  }
}

# The server itself says there how far it is.
is_ready() {
  local lines
  mapfile -t lines < <("${as_user[@]}" cat "$server_dir/data/postmaster.pid" 2>/dev/null)
  [[ ${lines[0]:-} == "$1" && ${lines[7]:-} == ready* ]]
}
# Each of its processes works in its data folder. Its own check, by the numbers in these files, fails where the
# killed one waits to be reaped.
is_unused() {
  [[ -z $(find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$server_dir/data" 2>/dev/null) ]]
}
forget_killed() {
  wait_for "$STOP_SECONDS_MAX" is_unused || server_die "parts of the last server still run in $server_dir/data"
  rm -f "$server_dir/data/"{postmaster.pid,.s.PGSQL.*}
}

has_started_or_died() { is_gone "$1" || is_ready "$1"; }

launch() {
  local pid sockets=$server_dir/data
  # The name of a Unix socket has to fit into 107 bytes.
  ((${#sockets} < 85)) || sockets=""
  detach "$server_dir/server.log" "${as_user[@]}" "$programs/postgres" -D "$server_dir/data" -p "$1" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories="$sockets" -c max_connections=300 \
    -c shared_buffers=128MB -c log_line_prefix='%m [%p] %q%a ' "${settings[@]}"
  pid=$!
  note_pid "$pid" || return 1
  wait_for "$START_SECONDS_MAX" has_started_or_died "$pid" ||
    server_die "it was not ready within ${START_SECONDS_MAX}s; see $server_dir/server.log"
  is_gone "$pid" && return 1
  printf '%s\n' "$1" >"$server_dir/port"
  (umask 077 && url >"$server_dir/url")
}

start() {
  local tries chosen=$port programs
  lock_server_dir
  if server_pid >/dev/null; then
    server_say "runs on port $(<"$server_dir/port")"
  else
    install
    programs=$(find_programs)
    prepare
    forget_killed
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
    server_say "started on port $(<"$server_dir/port"); log: $server_dir/server.log"
  fi
  [[ -z $users_file ]] || start_watching "$repository/dev/postgres.sh" "$users_file" "$grace_seconds"
}

stop() {
  local pid
  pid=$(server_pid) || return 0
  # Its "fast" way: connections are ended, nothing is lost.
  end_process "$pid" INT
  server_say "stopped"
}

# A killed server leaves its shared memory behind; one that ends "immediately" does not, and writes as little.
wipe_server() {
  local pid
  ! pid=$(server_pid) || end_process "$pid" QUIT
  [[ -d $server_dir ]] || return 0
  rm -rf "$server_dir/data"
  rm -f "$server_dir"/{pid,port,url,password,initdb.log,server.log,watch.log,lock,watch.lock}
  rmdir --ignore-fail-on-non-empty "$server_dir"
}

command=${1:-}
(($# == 0)) || shift
read_server_options "$@"
set -- "${rest[@]}"
case $command in
  start)
    settings=()
    while (($# > 0)); do
      [[ $1 == --set && $# -gt 1 ]] || server_die "start does not know '$1'"
      settings+=(-c "$2")
      shift 2
    done
    start
    ;;
  stop) stop ;;
  wipe) wipe_server ;;
  status)
    pid=$(server_pid) || server_die "does not run"
    server_say "runs on port $(<"$server_dir/port"), process $pid, folder $server_dir"
    ;;
  env)
    server_pid >/dev/null || server_die "does not run; start it with dev/postgres.sh start"
    printf 'export DATABASE_URL=%s\n' "$(url)"
    ;;
  install) install ;;
  find) find_programs || is_missing "PostgreSQL 14 or newer is missing" ;;
  watch) watch_users "$users_file" "$grace_seconds" ;;
  *) server_die "usage: dev/postgres.sh start|stop|wipe|status|env|install|find (its head says more)" ;;
esac
