# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by kafka.sh, postgres.sh and stripe-mock.sh: servers that run in the background on this machine, each with a
# folder of its own. `$server_dir` is that folder, `$server_name` what people call it.

readonly START_SECONDS_MAX=120
readonly STOP_SECONDS_MAX=60

server_say() { printf '%s: %s\n' "$server_name" "$*"; }
server_die() {
  printf "$server_name: %s\n" "$@" >&2
  exit 1
}

# When a process began, in clock ticks since boot: with its id, that names it for good. Nothing for one
# that is gone or only waits to be reaped; its first thread may do so while others still hold its sockets.
process_start() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The second field is the program's name in brackets, in which anything may stand.
  read -ra stat <<<"${stat##*) }"
  if [[ ${stat[0]} == [ZX] ]]; then
    local threads=("/proc/$1/task/"*)
    ((${#threads[@]} > 1)) || return 1
  fi
  printf '%s\n' "${stat[19]}"
}

# The server's process, if it runs.
server_pid() {
  local pid started
  { read -r pid started <"$server_dir/pid"; } 2>/dev/null || return 1
  [[ $(process_start "$pid") == "$started" ]] && printf '%s\n' "$pid"
}

note_pid() {
  local started
  started=$(process_start "$1") || return 1
  printf '%s %s\n' "$1" "$started" >"$server_dir/pid"
}

is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the ports that the system gives to outgoing connections: a server that was killed must find its
# port free when it comes back.
free_port() {
  local first=20000 end port tries
  read -r end _ </proc/sys/net/ipv4/ip_local_port_range
  ((end >= first + 1000)) || end=32768
  for ((tries = 0; tries < 200; tries++)); do
    port=$((first + SRANDOM % (end - first)))
    is_listening "$port" || {
      printf '%s\n' "$port"
      return
    }
  done
  server_die "found no free port from $first to $end"
}

# wait_for <seconds> <command…>: until it succeeds.
wait_for() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.05
  done
}

is_gone() { ! process_start "$1" >/dev/null; }

# end_process <pid> <signal>: and waits until it is gone.
end_process() {
  kill -s "$2" "$1" 2>/dev/null || true
  # One that is stopped would never hear of it.
  kill -s CONT "$1" 2>/dev/null || true
  wait_for "$STOP_SECONDS_MAX" is_gone "$1" && return
  server_say "process $1 did not end within ${STOP_SECONDS_MAX}s; killing it" >&2
  kill -s KILL "$1" 2>/dev/null || true
  wait_for "$STOP_SECONDS_MAX" is_gone "$1"
}

# Two starts at once are one; who comes second finds the server running.
lock_server_dir() {
  mkdir -p "$server_dir"
  [[ -O $server_dir ]] || server_die "$server_dir belongs to somebody else"
  exec 9>"$server_dir/lock"
  flock 9
}

# Ends the server and removes its folder once nobody holds a lock on the file any more. Locks go with the
# process that holds them, however it ends.
watch_users() {
  local file=$1 grace_seconds=$2
  exec 8>"$server_dir/watch.lock" 7<"$file"
  flock -n 8 || return 0
  while :; do
    flock -x 7
    if ((grace_seconds > 0)); then
      flock -u 7
      sleep "$grace_seconds"
      flock -xn 7 || continue
    fi
    [[ -d $server_dir ]] || return 0
    wipe_server
    return 0
  done
}

# detach <log> <command…>: in the background, apart from this terminal, and with no file that a caller left open: a lock
# of somebody's must not last as long as a server. Its id is in `$!`.
detach() {
  local log=$1
  shift
  (
    # Without a redirection around the loop: what the shell keeps to undo it would be closed as well, and the log with it.
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      ((fd <= 2)) || eval "exec $fd>&-"
    done
    exec setsid "$@"
  ) </dev/null >>"$log" 2>&1 &
  # Not a job of this shell's: it neither waits for it nor says how it ended.
  disown
}

# start_watching <script> <file> <seconds of grace>
start_watching() {
  detach "$server_dir/watch.log" "$1" watch --dir "$server_dir" --while-locked "$2" --grace-seconds "$3"
}

# What every server's script takes behind its command; the rest is left in `rest`.
read_server_options() {
  port=0 users_file="" grace_seconds=0 rest=()
  while (($# > 0)); do
    case $1 in
      --dir | --port | --while-locked | --grace-seconds)
        (($# > 1)) || server_die "$1 needs a value"
        case $1 in
          --dir) server_dir=$2 ;;
          --port) port=$2 ;;
          --while-locked) users_file=$2 ;;
          --grace-seconds) grace_seconds=$2 ;;
        esac
        shift 2
        ;;
      *)
        rest=("$@")
        break
        ;;
    esac
  done
  [[ $server_dir == /* ]] || server_dir=$PWD/$server_dir
  [[ $port =~ ^[0-9]{1,5}$ ]] || server_die "--port takes a number, not '$port'"
  [[ $grace_seconds =~ ^[0-9]+$ ]] || server_die "--grace-seconds takes a number, not '$grace_seconds'"
}
