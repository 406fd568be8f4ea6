#!/usr/bin/env bash
# Gives each role a user of the broker, with the password in its file, and then its rights (acls.sh). May be run again: a changed
# password counts from then on.
#
# Read: KAFKA_BOOTSTRAP_SERVERS (kafka:9094), SECRETS (/run/secrets: kafka-admin, kafka-gateway, kafka-backend,
# kafka-checkout), KAFKA_CONFIGS (kafka-configs.sh), and what acls.sh reads.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

secrets=${SECRETS:-/run/secrets}
read -ra kafka_configs <<<"${KAFKA_CONFIGS:-kafka-configs.sh}"
export KAFKA_BOOTSTRAP_SERVERS=${KAFKA_BOOTSTRAP_SERVERS:-kafka:9094}

# Passwords go in by files: arguments can be read by others on the machine.
umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export KAFKA_COMMAND_CONFIG=$scratch/administrator.properties
cat >"$KAFKA_COMMAND_CONFIG" <<END
security.protocol=${KAFKA_SECURITY_PROTOCOL:-SASL_PLAINTEXT}
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="$(<"$secrets/kafka-admin")";
END

for role in gateway backend checkout; do
  printf 'SCRAM-SHA-512=iterations=8192,password=%s\n' "$(<"$secrets/kafka-$role")" >"$scratch/$role.properties"
  "${kafka_configs[@]}" --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --command-config "$KAFKA_COMMAND_CONFIG" \
    --alter --entity-type users --entity-name "$role" --add-config-file "$scratch/$role.properties" >/dev/null
  echo "users.sh: $role has its password"
done
"$here/acls.sh"
