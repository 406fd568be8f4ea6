#!/usr/bin/env bash
# Tests of what is packed for those who run it: dev/test-package.sh PROGRAM FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")

fail() {
  echo "package: $*" >&2
  exit 1
}

# A version without an entry can not be packed, and grave faults of packages fail.
dev/release-notes.sh
! dev/release-notes.sh 999.0.0 2>/dev/null || fail "a version without an entry has release notes"
answers() {
  printf '#!/bin/sh\ncat <<"END"\n%s\nEND\n' "$1" >"$folder/npm"
  chmod +x "$folder/npm"
  NPM_AUDIT=$folder/npm dev/npm-audit.sh
}
grave='{"vulnerabilities":{"left":{"name":"left","severity":"high","range":"<2"}},"metadata":{"vulnerabilities":{"total":1}}}'
slight='{"vulnerabilities":{"left":{"name":"left","severity":"moderate","range":"<2"}},"metadata":{"vulnerabilities":{"total":1}}}'
! answers "$grave" >/dev/null || fail "a grave fault of a package is let through"
answers "$slight" | grep -q '1 findings, 0 of them' || fail "a slight fault is not counted"
answers '{"message":"405"}' | grep -q 'NOT CHECKED: .*405' || fail "a registry without audits is not said"

# The same bytes each time.
export GZIP_LEVEL=1
first=$(deploy/dist.sh "$program" "$folder/one")
second=$(deploy/dist.sh "$program" "$folder/two")
cmp "$first" "$second" || fail "two archives of one program differ"
(cd "$folder/one" && sha256sum --quiet --check ./*.sha256)

tar --extract --gzip --file "$first" --directory "$folder"
root=$(echo "$folder"/blazing-sun-*/)
DESTDIR=$folder/installed "$root/install.sh" >/dev/null
at=$folder/installed/usr/local
"$at/bin/blazing-sun" --version >/dev/null
bash -n "$at/share/bash-completion/completions/blazing-sun"
[[ $(stat -c %a "$folder/installed/etc/blazing-sun/config.toml") == 640 ]] || fail "the configuration is open to others"
env -u KAFKA_BOOTSTRAP_SERVERS -u DATABASE_URL "$at/bin/blazing-sun" config --config "$folder/installed/etc/blazing-sun/config.toml" >/dev/null
grep -q '^serde ' "$at/share/doc/blazing-sun/THIRD-PARTY-LICENCES.txt" || fail "licences are missing"
grep -q '^librdkafka ' "$at/share/doc/blazing-sun/THIRD-PARTY-LICENCES.txt" || fail "licences of what is in C are missing"
grep -q '^lit ' "$at/share/doc/blazing-sun/THIRD-PARTY-LICENCES.txt" || fail "licences of the pages are missing"
# A configuration that is there is kept.
echo '# mine' >"$folder/installed/etc/blazing-sun/config.toml"
DESTDIR=$folder/installed "$root/install.sh" >/dev/null
[[ $(<"$folder/installed/etc/blazing-sun/config.toml") == '# mine' ]] || fail "a configuration was replaced"
if command -v systemd-analyze >/dev/null; then
  for unit in "$folder"/installed/etc/systemd/system/*.service; do
    systemd-analyze security --offline=true --threshold=20 "$unit" >/dev/null || fail "$unit is not hardened"
  done
fi
echo "package: $(basename "$first") is whole"
