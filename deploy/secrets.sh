#!/usr/bin/env bash
# Makes what deploy/compose.yaml keeps from others, in deploy/secrets: the processes' keys, and passwords of Kafka's users and of
# PostgreSQL. What is there already is left as it is. The folder belongs in a backup, and nowhere else.
#
# Read once: STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, for secrets/checkout.toml; or put there later.
# Keys are made by the program: BLAZING_SUN_BIN, or else the image, which is built first. DEPLOY_DIR: another folder than this one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deploy_dir=${DEPLOY_DIR:-$here}
secrets=$deploy_dir/secrets

# The containers' user. As root it is one that owns nothing else.
user=$(id -u):$(id -g)
((EUID != 0)) || user=10001:10001

umask 077
mkdir -p "$secrets"

# Others may read these by their mode, but cannot get into the folder. Containers are given each as a single file, and their
# programs run as users of their own.
password() {
  local file=$secrets/$1
  [[ -s $file ]] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
  chmod 644 "$file"
}
for name in postgres postgres-checkout kafka-admin kafka-gateway kafka-backend kafka-checkout; do password "$name"; done

cat >"$secrets/backend.toml" <<END
[database]
url = "postgres://blazing_sun:$(<"$secrets/postgres")@postgres:5432/blazing_sun"
END

# Left as it is: the provider's keys stand in it.
[[ -s $secrets/checkout.toml ]] || cat >"$secrets/checkout.toml" <<END
[payments]
provider = "stripe"
database_url = "postgres://blazing_sun:$(<"$secrets/postgres-checkout")@postgres-checkout:5432/blazing_sun"
secret_key = "${STRIPE_SECRET_KEY:-}"
webhook_secrets = "${STRIPE_WEBHOOK_SECRET:-}"
END

# program <argument…>, with the folder of secrets as @
program() {
  if [[ -n ${BLAZING_SUN_BIN:-} ]]; then
    "$BLAZING_SUN_BIN" "${@//@/$secrets}"
  else
    docker run --rm --user "$(id -u):$(id -g)" --volume "$secrets:/secrets" blazing-sun:latest "${@//@//secrets}"
  fi
}
if [[ ! -s $secrets/keys || ! -s $secrets/keys-of-gateways ]]; then
  [[ -n ${BLAZING_SUN_BIN:-} ]] || docker build --file "$here/Dockerfile" --tag blazing-sun:latest "$here/.."
  program keys create @/keys >/dev/null
  program keys gateway --keys @/keys @/keys-of-gateways >/dev/null
fi
chmod 600 "$secrets"/{keys,keys-of-gateways,backend.toml,checkout.toml}
((EUID != 0)) || chown "$user" "$secrets"/{keys,keys-of-gateways,backend.toml,checkout.toml}

# Compose reads this file by itself, from the folder of compose.yaml.
touch "$deploy_dir/.env"
grep -q '^BLAZING_SUN_USER=' "$deploy_dir/.env" || printf 'BLAZING_SUN_USER=%s\n' "$user" >>"$deploy_dir/.env"
echo "secrets.sh: $secrets is complete"
