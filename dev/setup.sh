#!/usr/bin/env bash
# Installs what building (`setup.sh build`), testing (`setup.sh test`) or a cluster here (`setup.sh cluster`) needs and
# this machine lacks.
# Safe to run at any time; does nothing, quickly, when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source dev/tools.sh

readonly NODE_WANTED="Node.js 20.19 (or 22.12) or newer"

say() { printf 'setup: %s\n' "$*"; }
die() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

have() { command -v -- "$1" >/dev/null 2>&1; }

debian_install() {
  local why=$1
  shift
  local install="apt-get install -y --no-install-recommends $*"
  if ! have apt-get; then
    die "$why is missing; install it with your system's package manager (Debian calls it: $*)."
  elif [[ $EUID -ne 0 ]]; then
    die "$why is missing; run this, then try again:" "  sudo apt-get update && sudo $install"
  fi
  say "installing $why ($*)"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 update -qq </dev/null
  # shellcheck disable=SC2086
  apt-get -o DPkg::Lock::Timeout=300 ${install#apt-get } -qq </dev/null
}

check_rust() {
  local channel
  channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
  have cargo || die "cargo is missing; install Rust $channel from https://rustup.rs."
  local version
  version=$(rustc --version) ||
    die "Rust $channel is not installed; run: rustup toolchain install $channel --component rustfmt,clippy"
  [[ $version == "rustc $channel "* ]] ||
    die "this project is built with Rust $channel, but rustc says '$version'; install rustup, which reads rust-toolchain.toml."
}

check_rust_components() {
  local component
  for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 ||
      die "cargo $component is missing; run: rustup component add rustfmt clippy"
  done
}

check_node() {
  { have node && have npm; } || die "Node.js and npm are missing; install $NODE_WANTED from https://nodejs.org."
  local version major minor
  version=$(node --version)
  IFS=. read -r major minor _ <<<"${version#v}"
  # What Vite takes.
  ((major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19))) ||
    die "$NODE_WANTED is needed; this is $version."
}

# SQLite and librdkafka are compiled from sources that their crates bundle; the latter links against the system's
# OpenSSL and zlib.
check_c_tools() {
  local missing=()
  have cc || missing+=(gcc libc6-dev)
  have c++ || missing+=(g++)
  have make || missing+=(make)
  have cmake || missing+=(cmake)
  if have pkg-config; then
    pkg-config --exists openssl || missing+=(libssl-dev)
    pkg-config --exists zlib || missing+=(zlib1g-dev)
  else
    missing+=(pkg-config libssl-dev zlib1g-dev)
  fi
  ((${#missing[@]} == 0)) || debian_install "a part of the C and C++ tools" "${missing[@]}"
}

check_git() {
  have git || debian_install "git" git
}

# Apache Kafka comes from Maven's artifacts. So does PostgreSQL for who may not install packages and has none.
check_servers() {
  local missing=()
  { have java && java_is_new_enough; } || missing+=(openjdk-17-jdk-headless)
  have mvn || missing+=(maven)
  ((${#missing[@]} == 0)) || debian_install "what runs Apache Kafka in tests" "${missing[@]}"
  dev/kafka.sh install
  dev/postgres.sh find >/dev/null || ((EUID != 0)) || debian_install "PostgreSQL, for the tests" postgresql
  dev/postgres.sh install
}

java_is_new_enough() {
  [[ $(java -version 2>&1) =~ version\ \"([0-9]+) ]] && ((BASH_REMATCH[1] >= 17))
}

# Go builds it, once; afterwards the machine needs none.
check_stripe_mock() {
  [[ -x $STRIPE_MOCK ]] || have go || debian_install "Go, which builds stripe-mock" golang-go
  dev/stripe-mock.sh install
}

check_proxy() {
  find_nginx >/dev/null || debian_install "nginx, which makes a cluster one address" nginx-light
}

# Debian would start it at once, on every address of the machine: tests start their own.
check_prometheus() {
  local policy=/usr/sbin/policy-rc.d own=
  have prometheus && have promtool && return
  if ((EUID == 0)) && have apt-get && [[ ! -e $policy ]]; then
    own=1
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  (debian_install "Prometheus, which alerts and the dashboard are tested with" prometheus) || {
    [[ -z $own ]] || rm -f "$policy"
    exit 1
  }
  [[ -z $own ]] || rm -f "$policy"
}

check_schemathesis() {
  find_python >/dev/null || debian_install "Python with venv, which runs the API's fuzzer" python3-venv
  find_python >/dev/null || die "Python 3.11 or newer with its module venv is needed; Debian calls it python3-venv."
  dev/api-fuzz.sh install
}

check_chromium() {
  find_chromium >/dev/null || debian_install "Chromium, for the end-to-end tests" chromium
  find_chromium >/dev/null || die "Chromium was installed but is not on PATH."
}

# Unoptimised builds: these tools run for a second or two, and compile several times as fast.
cargo_install() {
  local crate=$1 version=$2 bin=$3
  local root=${bin%/bin/*}
  if [[ -x $bin ]] && [[ $("$bin" --version) == *" $version" ]]; then
    return
  fi
  mkdir -p "$TOOLS_DIR"
  BUILD_DIR=${BUILD_DIR:-$(mktemp -d "$TOOLS_DIR/.build.XXXXXX")}
  say "building $crate $version into $TOOLS_DIR (once per machine; a minute or two)"
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS \
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_INCREMENTAL=false \
    cargo install --quiet --locked --debug --no-track \
    --root "$BUILD_DIR/$crate" --target-dir "$BUILD_DIR/target" "$crate@$version" </dev/null
  # Moved into place whole, so that an interrupted or a second set-up never leaves half a tool.
  rm -rf "$root"
  mv "$BUILD_DIR/$crate" "$root"
  [[ $("$bin" --version) == *" $version" ]] || die "$bin does not say that it is version $version."
}

BUILD_DIR=
trap '[[ -z $BUILD_DIR ]] || rm -rf "$BUILD_DIR"' EXIT

case "${1:-test}" in
  build)
    check_rust
    check_node
    check_c_tools
    check_git
    ;;
  cluster)
    check_servers
    check_proxy
    ;;
  test)
    check_rust
    check_rust_components
    check_node
    check_c_tools
    check_git
    check_servers
    check_proxy
    check_chromium
    check_prometheus
    check_stripe_mock
    check_schemathesis
    cargo_install cargo-deny "$CARGO_DENY_VERSION" "$CARGO_DENY"
    cargo_install typos-cli "$TYPOS_VERSION" "$TYPOS"
    ;;
  *) die "usage: dev/setup.sh [build|test|cluster]" ;;
esac
