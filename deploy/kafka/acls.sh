#!/usr/bin/env bash
# Tells a Kafka with an authorizer who may do what. Whoever may write to a command topic is trusted with every player's
# money, so each role gets what the topic table (crates/backbone/src/topics.rs) says and no more. May be run again.
#
#   acls.sh           grants
#   acls.sh --print   prints what it would grant: principal, operation, kind, name, and * or ... for a pattern
#
# Read: KAFKA_BOOTSTRAP_SERVERS (kafka:9094), KAFKA_COMMAND_CONFIG (a client's properties, an administrator's), GAMES (the
# names of the games), KAFKA_TOPIC_PREFIX (none), KAFKA_ACLS (kafka-acls.sh).
set -euo pipefail

servers=${KAFKA_BOOTSTRAP_SERVERS:-kafka:9094}
prefix=${KAFKA_TOPIC_PREFIX:-}
read -ra games <<<"${GAMES:-bigger_dice tic_tac_toe}"
read -ra kafka_acls <<<"${KAFKA_ACLS:-kafka-acls.sh}"
print=false
case ${1:-} in
  "") ;;
  --print) print=true ;;
  *)
    echo "acls.sh: takes nothing, or --print" >&2
    exit 2
    ;;
esac

# grant <principal> <operations, separated by commas> <topic|group> <literal|prefixed> <name…>
grant() {
  local principal=User:$1 operations=$2 kind=$3 pattern=$4 name operation
  shift 4
  local command=(--add --allow-principal "$principal" --resource-pattern-type "$pattern")
  for operation in ${operations//,/ }; do
    command+=(--operation "$operation")
    for name in "$@"; do
      ! "$print" || printf '%s %s %s %s\n' "$principal" "$operation" "$kind" "$name$([[ $pattern == literal ]] || echo ...)"
    done
  done
  for name in "$@"; do command+=("--$kind" "$name"); done
  "$print" || "${kafka_acls[@]}" --bootstrap-server "$servers" \
    ${KAFKA_COMMAND_CONFIG:+--command-config "$KAFKA_COMMAND_CONFIG"} "${command[@]}" >/dev/null
}

# with_prefix <name…>: as the topics and groups are called on these brokers, in `named`.
with_prefix() { named=("${@/#/$prefix}"); }

# Of each game.
payment_topics=()
for game in "${games[@]}"; do
  payment_topics+=("$game.participation_payed" "$game.win_prize" "$game.participation_refunded")
done

# may <principal> <operations> <topic…>
may() {
  local principal=$1 operations=$2
  shift 2
  with_prefix "$@"
  grant "$principal" "$operations" topic literal "${named[@]}"
}

may gateway Write games.commands chat.commands system.events gateway.presence events.dead_letter
may gateway Read games.events chat.events system.events
# Each gateway has a group of its own, ws_gateway.<id>, so that its lag shows.
with_prefix ws_gateway
grant gateway Read group prefixed "${named[@]}"

# Backends make the topics. What they publish they also read: an owner that takes over looks how far it came.
backend_writes=(games.commands games.events chat.commands chat.events system.events checkout.requests
  checkout.cancellations checkout.finished events.dead_letter
  "${payment_topics[@]}")
may backend Write "${backend_writes[@]}"
may backend Read,Create,DescribeConfigs,AlterConfigs "${backend_writes[@]}" gateway.presence
with_prefix blazing_sun
grant backend Read group literal "${named[@]}"
# They tell operators how far others have read.
with_prefix ws_gateway
grant backend Describe group prefixed "${named[@]}"
with_prefix checkout-service
grant backend Describe group literal "${named[@]}"

may checkout Write checkout.finished events.dead_letter
may checkout Read checkout.requests checkout.cancellations "${payment_topics[@]}"
with_prefix checkout-service
grant checkout Read group literal "${named[@]}"

# Without a password, for Kafka's own tools: look at everything, write nothing.
grant ANONYMOUS Read,DescribeConfigs topic literal '*'
grant ANONYMOUS Describe group literal '*'
grant ANONYMOUS Read group prefixed console-consumer-

"$print" || echo "acls.sh: granted"
