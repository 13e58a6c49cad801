#!/usr/bin/env bash
# Makes docs/questions/ anew: `vecinity lab` on the demo's baskets. Needs cargo; a few minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet -p vecinity-cli
program=${CARGO_TARGET_DIR:-target}/release/vecinity
for question in activation sparse; do
  "$program" lab "$question" data/demo/baskets.txt.gz -o docs/questions --examples 300000 --text "$@"
done
