#!/usr/bin/env bash
# Installs what lies beside it: PREFIX=/usr/local, and DESTDIR before every path. A configuration that is there is left as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
prefix=${PREFIX:-/usr/local}
to=${DESTDIR:-}

sha256sum --quiet --check SHA256SUMS
install -D -m 755 bin/blazing-sun "$to$prefix/bin/blazing-sun"
install -D -m 644 completions/blazing-sun "$to$prefix/share/bash-completion/completions/blazing-sun"
install -D -m 644 completions/_blazing-sun "$to$prefix/share/zsh/site-functions/_blazing-sun"
install -D -m 644 completions/blazing-sun.fish "$to$prefix/share/fish/vendor_completions.d/blazing-sun.fish"
for unit in systemd/*.service; do
  install -d "$to/etc/systemd/system"
  sed "s|/usr/local/bin/|$prefix/bin/|" "$unit" >"$to/etc/systemd/system/$(basename "$unit")"
done
if [[ ! -e $to/etc/blazing-sun/config.toml ]]; then
  install -D -m 640 blazing-sun.example.toml "$to/etc/blazing-sun/config.toml"
fi
mkdir -p "$to$prefix/share/doc/blazing-sun"
cp -R README.md CHANGELOG.md RELEASE-NOTES.md LICENSE-* THIRD-PARTY-LICENCES.txt docs "$to$prefix/share/doc/blazing-sun/"
echo "installed; next: edit /etc/blazing-sun/config.toml, then systemctl daemon-reload && systemctl enable --now blazing-sun"
