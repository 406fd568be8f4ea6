#!/usr/bin/env bash
# Makes the root of an image that holds one program: it, the libraries that it is linked with (librdkafka needs OpenSSL's), the
# certificates of known authorities, and a user.
#
#   image-root.sh PROGRAM FOLDER
set -euo pipefail
(($# == 2)) || {
  echo "usage: image-root.sh PROGRAM FOLDER" >&2
  exit 2
}
program=$1 root=$2
mkdir -p "$root"/{etc/ssl/certs,tmp}
chmod 1777 "$root/tmp"
cp --dereference "$program" "$root/$(basename "$program")"

# Where the loader looks for each of them: the program is not changed.
while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp --dereference "$library" "$root$library"
done < <(ldd "$program" | grep -oE '/[^ ]+')

cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'blazing-sun:x:10001:10001::/:/nonexistent' >"$root/etc/passwd"
echo 'blazing-sun:x:10001:' >"$root/etc/group"
