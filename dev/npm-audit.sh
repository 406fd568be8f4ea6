#!/usr/bin/env bash
# Asks the package registry for known faults of the pages' packages, and fails on one that is high or critical. A registry that
# answers no such questions is said so, and fails nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

audit=(npm --prefix web audit --json)
[[ -z ${NPM_AUDIT:-} ]] || audit=("$NPM_AUDIT")
answer=$("${audit[@]}" 2>/dev/null || true)
node --input-type=module -e '
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  let answer = {};
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { message: "it answered no JSON" };
  }
  const found = answer.metadata?.vulnerabilities;
  if (!found) {
    const why = answer.message ?? answer.error?.summary ?? "it did not say why";
    console.log(`npm-audit: NOT CHECKED: the registry answers no audits (${String(why).split("\n")[0].slice(0, 160)})`);
    process.exit(0);
  }
  const grave = Object.values(answer.vulnerabilities ?? {}).filter(({ severity }) => /^(high|critical)$/.test(severity));
  for (const { name, severity, range } of grave) console.log(`npm-audit: ${severity}: ${name} ${range}`);
  console.log(`npm-audit: ${found.total ?? 0} findings, ${grave.length} of them high or critical`);
  process.exit(grave.length > 0 ? 1 : 0);
' <<<"$answer"
