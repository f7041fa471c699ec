#!/usr/bin/env bash
# Makes the README's figures from real runs of the shipped scenarios.
set -eu
out=$(mktemp -d)
target/debug/fisc run scenarios/rational.toml --quiet --out "$out/rational"
target/debug/fisc run scenarios/quickstart.toml --quiet --out "$out/quickstart"
mkdir -p docs/figures
cp "$out/rational/figures/schedules.png" docs/figures/rational-schedules.png
cp "$out/quickstart/figures/welfare.png" docs/figures/quickstart-welfare.png
rm -rf "$out"
