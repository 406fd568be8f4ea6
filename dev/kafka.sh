#!/usr/bin/env bash
# A real Apache Kafka for this machine, without containers: one node, loopback alone, started in the background.
#
#   kafka.sh start [OPTION…]      starts it and waits until it answers; does nothing where it runs
#   kafka.sh stop | status        ends it; says whether it runs
#   kafka.sh wipe                 kills it and removes its data
#   kafka.sh env                  prints what to export to reach it
#   kafka.sh tool NAME [ARG…]     runs Kafka's own tool of that name, such as kafka-topics, on it
#   kafka.sh ports N              prints so many free ports
#   kafka.sh install              fetches what it is made of (start does too), and prepares what makes starts quick
#
# Options: --dir DIR (data, logs, state; default data/dev/kafka), --port PORT (0: a free one),
#   --while-locked FILE [--grace-seconds N] (wiped when no process holds a lock on FILE any more),
#   and behind these --patient (its controller gives it up after half a minute, not 2 s: no test harms it, and all wait for
#   the same two cores), --secure PROTOCOL (a second listener, SECURE), --node ID@PORT,ID@PORT… (one of several, started at the
#   same time: the first is this one; the ports are the controllers'), and --set KEY=VALUE (of the broker), in which
#   @PORT@, @SECURE_PORT@, @CONTROLLER_PORT@ and @DIR@ stand for what the broker has.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$repository/dev/tools.sh"
source "$repository/dev/processes.sh"

server_name=kafka
server_dir=$repository/data/dev/kafka
readonly LOGGING=$repository/dev/kafka

# Quick to start and light, which is what tests want; a benchmark of the broker wants others.
jvm_options=${KAFKA_JVM_OPTIONS:--Xms64m -Xmx400m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}

java_home_missing() {
  server_die "a Java runtime (17 or newer) is missing; on Debian run:" \
    "  sudo apt-get update && sudo apt-get install -y --no-install-recommends openjdk-17-jre-headless maven"
}

# The jars, in a cache of the user; moved there whole.
install() {
  [[ -f $KAFKA_HOME/complete ]] && return
  command -v java >/dev/null || java_home_missing
  command -v mvn >/dev/null || server_die "Maven, which fetches Apache Kafka, is missing; on Debian run:" \
    "  sudo apt-get update && sudo apt-get install -y --no-install-recommends maven"
  local into
  mkdir -p "$TOOLS_DIR"
  into=$(mktemp -d "$TOOLS_DIR/.kafka.XXXXXX")
  server_say "fetching Apache Kafka $KAFKA_VERSION into $KAFKA_HOME (once per user)" >&2
  mvn --quiet --batch-mode -Dstyle.color=never --file "$repository/dev/kafka/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$into" </dev/null >&2 || {
    rm -rf "$into"
    server_die "Maven could not fetch Apache Kafka; its own words stand above"
  }
  [[ -f $into/kafka_2.13-$KAFKA_VERSION.jar ]] ||
    server_die "dev/kafka/pom.xml and dev/tools.sh name different versions of Apache Kafka"
  touch "$into/complete"
  mv -T "$into" "$KAFKA_HOME" 2>/dev/null || rm -rf "$into"
  [[ -f $KAFKA_HOME/complete ]] || server_die "could not put Apache Kafka into $KAFKA_HOME"
}

# What a start would work out anew each time: the classes of the broker and of its tools, loaded and checked, and the
# formatted folder. They are more than half of what a start costs; without them all works too.
prepare() (
  # Options of java are words.
  ! is_prepared && [[ $TOOLS_DIR != *[[:space:]]* ]] || return 0
  self=$repository/dev/kafka.sh
  into=$(mktemp -d "$TOOLS_DIR/.kafka-prepared.XXXXXX")
  trap '"$self" wipe --dir "$into/broker"; rm -rf "$into"' EXIT
  trap 'exit 130' INT TERM
  server_say "preparing quick starts of Apache Kafka (once per user)" >&2
  export KAFKA_JVM_OPTIONS="$jvm_options -XX:ArchiveClassesAtExit=$into/broker.jsa"
  export KAFKA_TOOL_OPTIONS=-XX:ArchiveClassesAtExit=$into/tools.jsa
  {
    "$self" start --dir "$into/broker" && "$self" tool --dir "$into/broker" kafka-topics --list &&
      "$self" stop --dir "$into/broker" && cp "$into/broker/data/bootstrap.checkpoint" "$into/" &&
      [[ -s $into/broker.jsa && -s $into/tools.jsa ]] && prepared_for >"$into/complete"
  } >"$into/log" 2>&1 || {
    server_say "quick starts could not be prepared, and starts are slower:" "$(tail -n 5 "$into/log")" >&2
    return 0
  }
  "$self" wipe --dir "$into/broker"
  rm -rf "$KAFKA_PREPARED"
  mv -T "$into" "$KAFKA_PREPARED"
)

# Which java and which jars.
prepared_for() { stat -c '%n %Y' "$(readlink -f "$(command -v java)")" "$KAFKA_HOME/complete"; }
is_prepared() { [[ -f $KAFKA_PREPARED/complete && $(<"$KAFKA_PREPARED/complete") == "$(prepared_for)" ]]; }

# use_prepared <archive>: what java is told, into `prepared`. What it does not take it passes over in silence.
use_prepared() {
  prepared=()
  ! is_prepared || prepared=(-Xlog:disable -Xlog:all=error:stderr "-XX:SharedArchiveFile=$KAFKA_PREPARED/$1.jsa")
}

main_class_of() {
  case ${1%.sh} in
    kafka-topics) echo org.apache.kafka.tools.TopicCommand ;;
    kafka-consumer-groups) echo org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
    kafka-console-consumer) echo org.apache.kafka.tools.consumer.ConsoleConsumer ;;
    kafka-console-producer) echo org.apache.kafka.tools.ConsoleProducer ;;
    kafka-get-offsets) echo org.apache.kafka.tools.GetOffsetShell ;;
    kafka-configs) echo kafka.admin.ConfigCommand ;;
    kafka-delete-records) echo org.apache.kafka.tools.DeleteRecordsCommand ;;
    kafka-acls) echo org.apache.kafka.tools.AclCommand ;;
    kafka-leader-election) echo org.apache.kafka.tools.LeaderElectionCommand ;;
    kafka-broker-api-versions) echo org.apache.kafka.tools.BrokerApiVersionsCommand ;;
    kafka-producer-perf-test) echo org.apache.kafka.tools.ProducerPerformance ;;
    kafka-dump-log) echo kafka.tools.DumpLogSegments ;;
    kafka-storage) echo kafka.tools.StorageTool ;;
    *) return 1 ;;
  esac
}

run_tool() {
  local name=$1 class
  shift
  class=$(main_class_of "$name") || server_die "no tool '$name' is known here"
  use_prepared tools
  # shellcheck disable=SC2086
  java "${prepared[@]}" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${KAFKA_TOOL_OPTIONS:-} \
    -Dlog4j2.configurationFile="$LOGGING/log4j2-tools.properties" -cp "$KAFKA_HOME/*" "$class" "$@"
}

bootstrap() { printf '127.0.0.1:%s\n' "$(<"$server_dir/port")"; }

# Settings of the broker; what stands later wins.
write_properties() {
  local listeners=$1 names=$2
  local node_id=1 voters=1@127.0.0.1:$controller_port
  if [[ -n $nodes ]]; then
    node_id=${nodes%%@*} voters=${nodes//@/@127.0.0.1:}
  fi
  shift 2
  cat <<END
process.roles=broker,controller
node.id=$node_id
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=$listeners,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=$listeners
listener.security.protocol.map=$names,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
log.dirs=$server_dir/data
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=2097152
log.index.size.max.bytes=262144
log.segment.delete.delay.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=200
END
  local setting
  for setting in "$@"; do
    setting=${setting//@PORT@/$client_port}
    setting=${setting//@SECURE_PORT@/$secure_port}
    setting=${setting//@CONTROLLER_PORT@/$controller_port}
    printf '%s\n' "${setting//@DIR@/$server_dir}"
  done
}

# ApiVersions, the one request that every broker answers to anybody: ten bytes behind their length. The
# broker takes requests only once it is ready for all of them.
answers() {
  local length
  length=$( (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf '\0\0\0\12\0\22\0\0\0\0\0\1\377\377' >&3
    timeout 2 head -c 4 <&3 | od -An -tu1
  ) 2>/dev/null) || return 1
  [[ -n $length ]]
}

# As soon as it answers or has ended.
has_started_or_died() { is_gone "$1" || answers "$2"; }

# Any 16 bytes in base64 for URLs, but no dash to begin with, which tools take for an option.
random_id() { named_id "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_')"; }
named_id() {
  local id=${1/#-/A}
  printf '%s\n' "${id%==}"
}

# Names the cluster. Several nodes have it from their ports, for none of them starts first.
cluster_id() {
  if [[ -n $nodes ]]; then
    named_id "$(tr , '\n' <<<"$nodes" | sort | sha256sum | head -c 21)A"
  else
    random_id
  fi
}

format() {
  local properties=$1 data=$server_dir/data node_id=${nodes%%@*}
  if is_prepared; then
    mkdir -p "$data"
    cp "$KAFKA_PREPARED/bootstrap.checkpoint" "$data/"
    printf '%s\n' version=1 "cluster.id=$(cluster_id)" "node.id=${node_id:-1}" "directory.id=$(random_id)" \
      >"$data/meta.properties.part"
    mv "$data/meta.properties.part" "$data/meta.properties"
  else
    run_tool kafka-storage format --cluster-id "$(cluster_id)" --config "$properties" \
      >"$server_dir/format.log" 2>&1 ||
      server_die "its data folder could not be prepared:" "$(cat "$server_dir/format.log")"
  fi
}

launch() {
  local properties=$server_dir/server.properties log=$server_dir/server.log names=CLIENTS:PLAINTEXT
  local listeners=CLIENTS://127.0.0.1:$1
  local client_port=$1 secure_port="" controller_port
  controller_port=${nodes%%,*}
  controller_port=${controller_port#*@}
  [[ -n $controller_port ]] || controller_port=$(free_port)
  if [[ -n $secure_protocol ]]; then
    secure_port=$(cat "$server_dir/secure-port" 2>/dev/null || free_port)
    listeners=$listeners,SECURE://127.0.0.1:$secure_port names=$names,SECURE:$secure_protocol
  fi
  write_properties "$listeners" "$names" "${settings[@]}" >"$properties"
  [[ -f $server_dir/data/meta.properties ]] || format "$properties"
  ulimit -n "$(ulimit -H -n)"
  use_prepared broker
  # shellcheck disable=SC2086
  detach "$server_dir/output.log" java "${prepared[@]}" $jvm_options -Dkafka.log.file="$log" \
    -Dlog4j2.configurationFile="$LOGGING/log4j2.properties" \
    -cp "$KAFKA_HOME/*" kafka.Kafka "$properties"
  local pid=$!
  note_pid "$pid" || return 1
  wait_for "$START_SECONDS_MAX" has_started_or_died "$pid" "$1" ||
    server_die "it did not answer within ${START_SECONDS_MAX}s; see $log"
  is_gone "$pid" && return 1
  printf '%s\n' "$1" >"$server_dir/port"
  [[ -z $secure_port ]] || printf '%s\n' "$secure_port" >"$server_dir/secure-port"
}

start() {
  local tries chosen=$port
  lock_server_dir
  if server_pid >/dev/null; then
    server_say "runs at $(bootstrap)"
  else
    install
    command -v java >/dev/null || java_home_missing
    # A folder that was used before keeps its port.
    ((chosen > 0)) || chosen=$(cat "$server_dir/port" 2>/dev/null || echo 0)
    for ((tries = 1; ; tries++)); do
      launch "$( ((chosen > 0)) && echo "$chosen" || free_port)" && break
      # Another program may have taken the port meanwhile.
      ((tries < 4)) || {
        tail -n 20 "$server_dir/server.log" "$server_dir/output.log" >&2 || true
        server_die "it did not start; the end of its logs stands above"
      }
    done
    server_say "started at $(bootstrap); logs: $server_dir/server.log"
  fi
  [[ -z $users_file ]] || start_watching "$repository/dev/kafka.sh" "$users_file" "$grace_seconds"
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
  rm -rf "$server_dir/data"
  rm -f "$server_dir"/{pid,port,secure-port,server.properties,server.log,output.log,format.log,watch.log,lock,watch.lock}
  rmdir --ignore-fail-on-non-empty "$server_dir"
}

command=${1:-}
(($# == 0)) || shift
read_server_options "$@"
set -- "${rest[@]}"
case $command in
  start)
    settings=() secure_protocol="" nodes=""
    while (($# > 0)); do
      case $1 in
        --patient)
          settings+=(broker.session.timeout.ms=30000 broker.heartbeat.interval.ms=1000)
          shift
          continue
          ;;
        --set) settings+=("${2?--set needs KEY=VALUE}") ;;
        --secure) secure_protocol=${2?--secure needs a protocol} ;;
        --node) nodes=${2?--node needs ID@PORT,…} ;;
        *) server_die "start does not know '$1'" ;;
      esac
      shift 2
    done
    start
    ;;
  stop) stop ;;
  wipe) wipe_server ;;
  status)
    pid=$(server_pid) || server_die "does not run"
    server_say "runs at $(bootstrap), process $pid, folder $server_dir"
    ;;
  env)
    server_pid >/dev/null || server_die "does not run; start it with dev/kafka.sh start"
    printf 'export KAFKA_BOOTSTRAP_SERVERS=%s\n' "$(bootstrap)"
    ;;
  tool)
    (($# > 0)) || server_die "tool needs a name, such as kafka-topics"
    install
    name=$1
    shift
    # Where no broker is named it is this one.
    if [[ " $* " != *" --bootstrap-server "* && $name != kafka-storage* && $name != kafka-dump-log* ]]; then
      server_pid >/dev/null || server_die "does not run; start it, or name one with --bootstrap-server"
      set -- --bootstrap-server "$(bootstrap)" "$@"
    fi
    run_tool "$name" "$@"
    ;;
  ports) for ((n = ${rest[0]:-1}; n > 0; n--)); do free_port; done ;;
  install)
    install
    prepare
    ;;
  watch) watch_users "$users_file" "$grace_seconds" ;;
  *) server_die "usage: dev/kafka.sh start|stop|wipe|status|env|tool|install (its head says more)" ;;
esac
