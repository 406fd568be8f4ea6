#!/usr/bin/env bash
# Runs the suites named as arguments, or all of them, and counts them.
#
# A suite passes when its command succeeds and, where it runs tests, at least one ran and none was
# skipped. All named suites run even if one fails, so that one run shows everything that is wrong.
# Suites that need them find a real Kafka and a real PostgreSQL, started once; stripe-mock is started when a test asks for it.
# `rust` fails if its tests used none of one of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source dev/tools.sh

# Test runners are read below: no colours in their summaries, whatever the terminal.
export NO_COLOR=1 CARGO_TERM_COLOR=never
unset FORCE_COLOR CLICOLOR_FORCE

readonly ALL=(text typos fmt web-lint web-unit web-build deny npm-audit clippy rust soak package api-fuzz e2e)

suite_text() { dev/check-text.sh; }
suite_typos() { "$TYPOS"; }
suite_fmt() { cargo fmt --all --check; }
suite_web-lint() { npm --prefix web run lint; }
suite_web-unit() { npm --prefix web run test; }
suite_web-build() { env -u MAKEFLAGS -u MAKELEVEL make web; }
suite_deny() { "$CARGO_DENY" --locked check --hide-inclusion-graph licenses bans sources; }
suite_npm-audit() { dev/npm-audit.sh; }
# With kill points all of it, without them what is shipped.
suite_clippy() {
  cargo clippy --workspace --all-targets --locked --features blazing-sun-soak/failpoints -- -D warnings
  cargo clippy --workspace --locked -- -D warnings
}
# Two halves beside each other, as either waits more than it works: libraries and then faults, and all else. What the first
# half prints follows when both have ended.
suite_rust() {
  # It would write what is to be compared.
  unset UPDATE_GENERATED
  cargo test --workspace --locked --no-run
  local half=$scratch/half status=0 beside file name others=()
  for file in {crates,examples}/*/tests/*.rs {crates,examples}/*/tests/*/main.rs; do
    [[ -f $file ]] || continue
    name=$(basename "${file%/main.rs}" .rs)
    [[ $name == faults ]] || others+=(--test "$name")
  done
  {
    cargo test --workspace --locked --no-fail-fast --lib --bins --examples || status=$?
    cargo test --workspace --locked --no-fail-fast --test faults || status=$?
    exit "$status"
  } >"$half" 2>&1 &
  beside=$!
  cargo test --workspace --locked --no-fail-fast "${others[@]}" || status=$?
  cargo test --workspace --locked --no-fail-fast --doc || status=$?
  wait "$beside" || status=$?
  cat "$half"
  return "$status"
}
# The feature is named here alone, so that no other suite runs a program with kill points in it.
suite_soak() { cargo test --workspace --locked --features blazing-sun-soak/failpoints --test soak; }
# Not among ALL: the suite `rust` compares these files, this one writes them.
suite_generated() {
  UPDATE_GENERATED=1 cargo test --workspace --locked generated
  npm --prefix web run --if-present generate
}
# Where `rust` runs too, as its tests have built it: alone it would be built anew, with other features of libraries.
build_program() {
  case " ${suites[*]} " in
    *" rust "*) cargo test --workspace --locked --no-run ;;
    *) cargo build --locked -p blazing-sun-server -p rock-paper-scissors ;;
  esac
}
suite_api-fuzz() {
  build_program
  dev/api-fuzz.sh run "${CARGO_TARGET_DIR:-target}/debug/blazing-sun"
}
# What `make dist` packs, of the debug program.
suite_package() {
  build_program
  dev/test-package.sh "${CARGO_TARGET_DIR:-target}/debug/blazing-sun" "$scratch/package"
}
suite_e2e() {
  local bin
  build_program
  bin=$(realpath "${CARGO_TARGET_DIR:-target}/debug/blazing-sun")
  BLAZING_SUN_BIN=$bin CHROMIUM_BIN=$(find_chromium) npm --prefix web run e2e
}

# Reads a log of cargo test, Vitest or node --test; prints the tests that passed and those that did not run.
count_tests() {
  sed -E $'s/\033\\[[0-9;]*m//g' "$1" | awk '
    /^test result:/ {
      for (i = 2; i < NF; i++) {
        if ($(i + 1) ~ /^passed;/) passed += $i
        if ($(i + 1) ~ /^ignored;/) skipped += $i
      }
    }
    /^ +Tests +[0-9]/ {
      for (i = 2; i < NF; i++) {
        if ($(i + 1) == "passed") passed += $i
        if ($(i + 1) == "skipped" || $(i + 1) == "todo") skipped += $i
      }
    }
    /^ +Test Files +[0-9]/ {
      for (i = 3; i < NF; i++) if ($(i + 1) == "skipped") skipped += $i
    }
    /^(#|ℹ) (pass|skipped|todo) [0-9]+$/ {
      if ($2 == "pass") passed += $3; else skipped += $3
    }
    END { print passed + 0, skipped + 0 }
  '
}

# One Kafka and one PostgreSQL for all suites of this run. They go with it, even if it is killed: it holds the lock.
start_servers() {
  [[ -z ${BLAZING_SUN_TEST_KAFKA:-} || -z ${BLAZING_SUN_TEST_DATABASE_URL:-} ]] || return 0
  exec 8>"$scratch/users"
  flock --shared 8
  dev/kafka.sh start --dir "$scratch/kafka" --while-locked "$scratch/users" --patient || return
  dev/postgres.sh start --dir "$scratch/postgres" --while-locked "$scratch/users" || return
  BLAZING_SUN_TEST_KAFKA=127.0.0.1:$(<"$scratch/kafka/port")
  BLAZING_SUN_TEST_DATABASE_URL=$(<"$scratch/postgres/url")
  export BLAZING_SUN_TEST_KAFKA BLAZING_SUN_TEST_DATABASE_URL
}

clean_up() {
  local server
  for server in kafka postgres; do
    [[ ! -d $scratch/$server ]] || "dev/$server.sh" wipe --dir "$scratch/$server" || true
  done
  rm -rf "$scratch"
}

# How many tests took a place of their own on a server; the harness notes each. Those of the harness itself, in the
# program `servers`, prove nothing about the product.
tests_that_used() { { sort -u "$scratch/$1.used" 2>/dev/null || true; } | grep -cv '/servers-' || true; }

# Others have to get into it: PostgreSQL does not run as root.
scratch=$(mktemp -d)
chmod 755 "$scratch"
trap clean_up EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/summary"
export TEST_SERVERS_USED=$scratch

run_suite() {
  local suite=$1 verdict=ok note="" started=$SECONDS log=$scratch/log.$1 tests skipped server used
  printf '\n==> %s\n' "$suite"
  case $suite in
    rust | soak | e2e)
      start_servers || {
        echo "FAILED     0s  $suite  Kafka or PostgreSQL did not start" >"$scratch/summary/$suite"
        return
      }
      ;;
  esac
  # Not inside a condition, where `set -e` would not reach into the suite.
  set +e
  (
    set -e
    "suite_$suite"
  ) </dev/null 2>&1 | tee "$log"
  local status=${PIPESTATUS[0]}
  set -e
  ((status == 0)) || { verdict=FAILED note="exit code $status"; }

  case $suite in
    rust | soak | web-unit | e2e | generated)
      read -r tests skipped < <(count_tests "$log")
      note="${note:+$note, }$tests tests passed"
      if ((tests == 0)); then
        verdict=FAILED
      fi
      if ((skipped > 0)); then
        verdict=FAILED note="$note, $skipped skipped"
      fi
      ;;
  esac
  if [[ $suite == api-fuzz ]]; then
    tests=$(sed -n 's/^api-fuzz: \(.* tested\)$/\1/p' "$log" | paste -sd ';' | sed 's/;/, /g')
    note="${note:+$note, }${tests:-nothing tested}"
    [[ -n $tests ]] || verdict=FAILED
  fi
  if [[ $suite == rust ]]; then
    for server in kafka postgres stripe-mock; do
      used=$(tests_that_used "$server")
      note="$note, $used on $server"
      ((used > 0)) || verdict=FAILED
    done
  fi

  printf '%-6s  %4ds  %-10s%s\n' "$verdict" $((SECONDS - started)) "$suite" "${note:+  $note}" >"$scratch/summary/$suite"
  printf '<== %s: %s%s\n' "$suite" "$verdict" "${note:+ ($note)}"
}

suites=("$@")
(($# > 0)) || suites=("${ALL[@]}")
for suite in "${suites[@]}"; do
  declare -F "suite_$suite" >/dev/null || {
    echo "test.sh: no suite '$suite'; there are: ${ALL[*]}" >&2
    exit 2
  }
done
for suite in "${suites[@]}"; do run_suite "$suite"; done

printf '\n'
passed=0
for suite in "${suites[@]}"; do
  # Without a line of its own it did not come to an end.
  line=$(cat "$scratch/summary/$suite" 2>/dev/null || echo "FAILED     0s  $suite")
  sed 's/ *$//' <<<"$line"
  [[ $line != ok* ]] || passed=$((passed + 1))
done
printf '\n%d passed, %d failed\n' "$passed" $((${#suites[@]} - passed))
((passed == ${#suites[@]}))
