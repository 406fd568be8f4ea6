#!/usr/bin/env bash
# Fails when a file of the repository holds what none should: see the rules below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

readonly SIZE_BYTES_MAX=$((600 * 1024))

# Files that git has or would add. One that was deleted but is still in the index has no text to check.
files=()
while IFS= read -r -d '' file; do
  [[ -f $file ]] && files+=("$file")
done < <(git ls-files -z --cached --others --exclude-standard --deduplicate)

if ((${#files[@]} == 0)); then
  echo "check-text: found no files to check" >&2
  exit 1
fi

faults=0

# rule <what is wrong> <extended regular expression> [<glob of files it does not apply to>]
rule() {
  local wrong=$1 pattern=$2 except=${3:-}
  local file hits
  local subject=()
  for file in "${files[@]}"; do
    # shellcheck disable=SC2053
    [[ -n $except && $file == $except ]] || subject+=("$file")
  done
  ((${#subject[@]} > 0)) || return 0
  if hits=$(grep -nHIE -e "$pattern" -- "${subject[@]}"); then
    printf '%s:\n%s\n\n' "$wrong" "$hits" >&2
    faults=$((faults + 1))
  elif (($? > 1)); then
    echo "check-text: grep failed" >&2
    exit 1
  fi
}

# Bracketed letters keep a pattern from matching its own line.
rule "a path of one machine" \
  '(^|[^A-Za-z0-9_.~/-])(/(w[o]rk|r[o]ot)/|/(h[o]me|U[s]ers)/[a-z])'
rule "a host of a package registry: name the package, the client knows where it is" \
  '(registry\.(npmjs|yarnpkg)|(static|index)\.crates|(proxy|sum)\.golang|(deb|security)\.debian|files\.pythonhosted|pypi|repo1?\.maven(\.apache)?)\.([i]o|[c]om|[o]rg)|[a]rtifactory'
rule "an unfinished note: finish it, or file it where work is planned" \
  '(^|[^A-Za-z0-9_])(TO[D]O|FIX[M]E|X[X]X)([^A-Za-z0-9_]|$)'
rule "a field that no log line shows: the formatter takes names that begin so for the log crate's own" \
  '^[^"]*[[:blank:](,]lo[g]\.[a-z_]+ = '
rule "a merge conflict" \
  '^(<{7}|>{7})( |$)'
rule "white space at the end of a line" \
  '[[:blank:]]$' '@(*.snap|fuzz/corpus/*)'
rule "a carriage return" \
  $'\r' 'fuzz/corpus/*'

for file in "${files[@]}"; do
  size_bytes=$(wc -c <"$file")
  if ((size_bytes > SIZE_BYTES_MAX)); then
    printf 'larger than %d bytes: %s (%d)\n\n' "$SIZE_BYTES_MAX" "$file" "$size_bytes" >&2
    faults=$((faults + 1))
  fi
done

if ((faults > 0)); then
  echo "check-text: $faults kinds of fault" >&2
  exit 1
fi
echo "check-text: ${#files[@]} files are in order"
