# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: which tools they use, at which version, and where they are.
# They live in a cache of the user, so that a second clone installs nothing.

TOOLS_DIR="${BLAZING_SUN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/blazing-sun/tools}"

CARGO_DENY_VERSION=0.20.2
TYPOS_VERSION=1.52.0
KAFKA_VERSION=4.1.1
POSTGRES_VERSION=17.5.0
STRIPE_MOCK_VERSION=0.203.0
SCHEMATHESIS_VERSION=4.32.5
# What stripe-mock is built with, at least.
GO_VERSION_MIN=1.22.1

CARGO_DENY="$TOOLS_DIR/cargo-deny-$CARGO_DENY_VERSION/bin/cargo-deny"
TYPOS="$TOOLS_DIR/typos-$TYPOS_VERSION/bin/typos"
KAFKA_HOME="$TOOLS_DIR/kafka-$KAFKA_VERSION"
KAFKA_PREPARED="$TOOLS_DIR/kafka-$KAFKA_VERSION-prepared"
POSTGRES_HOME="$TOOLS_DIR/postgres-$POSTGRES_VERSION"
SCHEMATHESIS_HOME="$TOOLS_DIR/schemathesis-$SCHEMATHESIS_VERSION"
SCHEMATHESIS="$SCHEMATHESIS_HOME/bin/schemathesis"
STRIPE_MOCK="$TOOLS_DIR/stripe-mock-$STRIPE_MOCK_VERSION/bin/stripe-mock"

# Prints the path of a Chromium-like browser; fails where there is none.
find_chromium() {
  local name
  if [[ -n "${CHROMIUM_BIN:-}" ]]; then
    command -v -- "$CHROMIUM_BIN"
    return
  fi
  for name in chromium chromium-browser google-chrome; do
    command -v -- "$name" && return
  done
  return 1
}

# Prints the path of nginx, which Debian keeps where only root looks.
find_nginx() {
  command -v -- "${NGINX_BIN:-nginx}" && return
  [[ -x /usr/sbin/nginx ]] && printf '%s\n' /usr/sbin/nginx
}

# Prints the path of a Python that can make environments, and that schemathesis takes.
find_python() {
  local name
  for name in python3 /usr/bin/python3; do
    command -v -- "$name" >/dev/null 2>&1 || continue
    "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    command -v -- "$name"
    return
  done
  return 1
}

# Asked outside of any module, whose go.mod might have another Go fetched.
go_is_new_enough() {
  local version
  version=$(cd / && go env GOVERSION 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$GO_VERSION_MIN" "${version#go}" | sort -V | head -n 1) == "$GO_VERSION_MIN" ]]
}
