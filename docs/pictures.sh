#!/usr/bin/env bash
# Makes the pictures of README.md anew: trains the demo's baskets and takes a picture of their report in a browser.
# Needs cargo and Chromium (Debian: apt-get install chromium).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet -p vecinity-cli
program=${CARGO_TARGET_DIR:-target}/release/vecinity
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc data/demo/baskets.txt.gz >"$work/baskets.txt"
"$program" train "$work/baskets.txt" -o "$work/baskets.model" --kind set --metadata data/demo/items.tsv --threads 1 \
  --dim 32 --epochs 20 --progress none --quiet >/dev/null
# A fixed width, twice as many points for sharp letters; cut where the first charts end.
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1.5 --window-size=1000,1120 \
  --screenshot="$work/report.png" "file://$work/baskets.model/report.html" >/dev/null 2>&1
mv "$work/report.png" docs/report.png
echo "wrote docs/report.png"
