#!/usr/bin/env bash
# Fuzzes the HTTP API of a server of its own from docs/contract/openapi.json and openapi-operators.json: `api-fuzz.sh run
# BINARY`. Nothing may answer with 5xx or outside of its schema, what does not fit is refused, and the ledger is right
# afterwards.
# API_FUZZ_EXAMPLES: cases of each operation and phase; API_FUZZ_SEED: another run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source dev/tools.sh

readonly REQUIREMENTS=dev/api-fuzz/requirements.txt DOCUMENT=$PWD/docs/contract/openapi.json
readonly OPERATORS_DOCUMENT=$PWD/docs/contract/openapi-operators.json
readonly EXAMPLES=${API_FUZZ_EXAMPLES:-25} SEED=${API_FUZZ_SEED:-1}
# Nobody whom the fuzzer is likely to ban.
readonly OPERATOR_ID=4815162342000000

die() {
  printf 'api-fuzz: %s\n' "$@" >&2
  exit 1
}

install() {
  [[ -x $SCHEMATHESIS ]] && cmp -s "$REQUIREMENTS" "$SCHEMATHESIS_HOME/requirements.txt" && return
  local python
  python=$(find_python) || die "Python 3.11 or newer with its module venv is missing; Debian calls it python3-venv."
  mkdir -p "$TOOLS_DIR"
  echo "setup: installing schemathesis $SCHEMATHESIS_VERSION into $TOOLS_DIR (once per machine)"
  # An environment can not be moved into place: its programs name their interpreter by its path. What tells that it is
  # whole is copied last.
  rm -rf "$SCHEMATHESIS_HOME"
  "$python" -m venv "$SCHEMATHESIS_HOME"
  "$SCHEMATHESIS_HOME/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
    --requirement "$REQUIREMENTS" </dev/null
  cp "$REQUIREMENTS" "$SCHEMATHESIS_HOME/requirements.txt"
}

json_field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# Starts the server and says where it is.
serve() {
  local binary=$1
  # Each test signs in anew, and from one address. Nothing of this machine's own deployment counts.
  env -u KAFKA_BOOTSTRAP_SERVERS -u KAFKA_HOST -u DATABASE_URL -u BLAZING_SUN_CONFIG \
    BLAZING_SUN_ACCOUNTS__GUESTS_PER_HOUR=1000000 BLAZING_SUN_ACCOUNTS__ATTEMPTS_PER_QUARTER_HOUR=1000000 \
    BLAZING_SUN_ACCOUNTS__ACCESS_TOKEN_MINUTES=1440 BLAZING_SUN_BOT__ENABLED=false RUST_LOG=warn \
    "$binary" --json serve --data-dir "$scratch/data" --listen 127.0.0.1:0 >"$scratch/address" 2>"$scratch/log" &
  server=$!
  until [[ -s $scratch/address ]]; do
    kill -0 "$server" 2>/dev/null || die "the server did not start:" "$(tail -n 20 "$scratch/log")"
    sleep 0.1
  done
  API_FUZZ_URL=$(json_field url <"$scratch/address")
}

clean_up() {
  [[ -z ${server:-} ]] || kill "$server" 2>/dev/null || true
  rm -rf "${scratch:?}"
}

# From a folder of its own, for it keeps notes of its failures where it runs.
fuzz() {
  local document=$1
  (cd "$scratch" && "$SCHEMATHESIS" run "$document" --url "$API_FUZZ_URL" --max-examples "$EXAMPLES" --seed "$SEED") |
    tee "$scratch/report"
}

# All operations of a document but so many were tested.
all_tested() {
  local document=$1 left_out=$2 tested wanted
  wanted=$("$SCHEMATHESIS_HOME/bin/python" -c 'import json, sys
print(sum(map(len, json.load(open(sys.argv[1]))["paths"].values())) - int(sys.argv[2]))' "$document" "$left_out")
  tested=$(sed -n 's/^ *Tested: \([0-9]*\)$/\1/p' "$scratch/report")
  echo "api-fuzz: ${tested:-0} of $wanted operations tested"
  [[ ${tested:-0} == "$wanted" ]] || die "every operation of $document is to be tested"
}

# An operator's token, and two players to do something to.
prepare_operator() {
  local name data=(--data-dir "$scratch/data" --json)
  for name in Ann Bob; do
    "$binary" user create --username "$name" "${data[@]}" | json_field user_id | sed 's/.*/"&"/'
  done >"$scratch/players.txt"
  "$binary" user create --username Olga --id "$OPERATOR_ID" --role admin "${data[@]}" >/dev/null
  API_FUZZ_TOKEN=$("$binary" user token "$OPERATOR_ID" --minutes 60 --data-dir "$scratch/data")
}

run() {
  local binary status=0
  binary=$(realpath "$1")
  scratch=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  serve "$binary"
  API_FUZZ_TOKEN=$("$SCHEMATHESIS_HOME/bin/python" dev/api-fuzz/prepare.py "$API_FUZZ_URL" "$scratch/payments.txt")
  cp dev/api-fuzz/schemathesis.toml "$scratch"
  API_FUZZ_HOOKS=$PWD/dev/api-fuzz/hooks.py
  export API_FUZZ_URL API_FUZZ_TOKEN API_FUZZ_HOOKS
  fuzz "$DOCUMENT" || status=$?
  # The socket is left out.
  all_tested "$DOCUMENT" 1

  prepare_operator
  cp dev/api-fuzz/operators.toml "$scratch/schemathesis.toml"
  fuzz "$OPERATORS_DOCUMENT" || status=$?
  all_tested "$OPERATORS_DOCUMENT" 0

  kill "$server"
  wait "$server" || die "the server did not end well:" "$(tail -n 20 "$scratch/log")"
  server=
  if grep -E 'panicked|"level":"ERROR"' "$scratch/log"; then die "the server logged an error (above)"; fi
  "$binary" audit --data-dir "$scratch/data" || die "the ledger is wrong after the run"
  return "$status"
}

case ${1:-} in
  install) install ;;
  run) run "${2:?usage: api-fuzz.sh run BINARY}" ;;
  *) die "usage: dev/api-fuzz.sh install | run BINARY" ;;
esac
