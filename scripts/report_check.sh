#!/usr/bin/env bash
# Plays a small sweep and opens its report in headless Chromium (report_check.mjs). Fetches Chromium with
# apt and the npm packages where they are missing and can be had; says so and ends well where they cannot.
#   scripts/report_check.sh [FOLDER FOR SCREENSHOTS]
set -euo pipefail
cd "$(dirname "$0")/.."
fisc="${FISC:-target/debug/fisc}"
skip() { echo "report check: not run: $1"; exit 0; }
command -v node >/dev/null || skip "no node"
if [ ! -d scripts/node_modules/playwright-core ] || [ ! -d scripts/node_modules/axe-core ]; then
  command -v npm >/dev/null || skip "no npm"
  (cd scripts && npm install --no-package-lock --no-audit --no-fund --silent) || skip "npm packages cannot be had"
fi
if [ -z "${CHROMIUM:-}" ] && ! command -v chromium chromium-browser google-chrome >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    (apt-get update -qq && apt-get install -y -qq chromium) >/dev/null 2>&1 || skip "Chromium cannot be had"
  else
    skip "no Chromium; Debian has it as the package chromium"
  fi
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat > "$folder/sweep.toml" <<TOML
name = "report-check"
base = "$PWD/scenarios/rational.toml"
seeds = 3
[set]
population.size = 100
compare.planners = []
[grid]
planner.kind = ["us-2024", "saez-fixed-point", "optimal", { search = { method = { hill-climb = { points = [10] } } } }]
objective.welfare = ["inverse_wage", "rawlsian"]
economy.labor_exponent = [2.5, 3.5]
TOML
"$fisc" sweep "$folder/sweep.toml" --out "$folder/out" --quiet >/dev/null
"$fisc" report "$folder/out" >/dev/null
status=0
node scripts/report_check.mjs "$folder/out/report.html" "$@" || status=$?
[ "$status" = 77 ] && exit 0
exit "$status"
