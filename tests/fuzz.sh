#!/usr/bin/env bash
# Runs every fuzz target for SECONDS (first argument, 10 unless given), one after the other. A failure names its input.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rl --include='*_test.go' '^func Fuzz' . | grep -v '^./tests/peers/' | sort | while read -r file; do
  package=$(dirname "$file")
  sed -n 's/^func \(Fuzz[A-Za-z]*\)(.*/\1/p' "$file" | while read -r target; do
    printf '== %s %s\n' "$package" "$target"
    go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10}s" < /dev/null
  done
done
