#!/usr/bin/env bash
# Packs the program for those who run it: deploy/dist.sh PROGRAM FOLDER makes FOLDER/blazing-sun-VERSION-ARCH-linux.tar.gz and its
# checksum. The same program and the same commit give the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
version=$("$program" --version | awk '{ print $2 }')
name=blazing-sun-$version
archive=$name-$(uname -m)-linux.tar.gz
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" LC_ALL=C

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/$name
mkdir -p "$root"/{bin,completions,systemd,docs}

# Names of functions stay, for backtraces; lines would be four fifths of the file.
objcopy --strip-debug "$program" "$root/bin/blazing-sun"
chmod 755 "$root/bin/blazing-sun"
"$program" completions bash >"$root/completions/blazing-sun"
"$program" completions zsh >"$root/completions/_blazing-sun"
"$program" completions fish >"$root/completions/blazing-sun.fish"
cp deploy/systemd/*.service "$root/systemd/"
cp deploy/package/blazing-sun.example.toml README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$root/"
install -m 755 deploy/package/install.sh "$root/install.sh"
cp docs/*.md "$root/docs/"
dev/release-notes.sh "$version" >"$root/RELEASE-NOTES.md"
node deploy/package/licences.mjs >"$root/THIRD-PARTY-LICENCES.txt"
chmod -R u=rwX,go=rX "$root"
(cd "$root" && find . -type f ! -name SHA256SUMS | sort | xargs sha256sum >SHA256SUMS)

tar --directory "$scratch" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
  --create "$name" | gzip --no-name "-${GZIP_LEVEL:-9}" >"$out/$archive"
(cd "$out" && sha256sum "$archive" >"$archive.sha256")
printf '%s\n' "$out/$archive"
