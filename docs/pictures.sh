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
# The playground and the map, of the same model, served.
"$program" serve "$work/baskets.model" --listen 127.0.0.1:7797 --quiet >/dev/null 2>&1 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
sleep 1
picture() {
  chromium --headless --no-sandbox --hide-scrollbars --enable-unsafe-swiftshader --lang=en-US --force-device-scale-factor=1.5 \
    --window-size="$2" --virtual-time-budget=8000 --screenshot="$work/picture.png" "http://127.0.0.1:7797/#/$3" >/dev/null 2>&1
  mv "$work/picture.png" "docs/$1.png"
}
picture recommend 1240,800 'recommend?history=%5B%22510%22,%221236%22%5D'
picture map 1240,840 'map?method=layout'
echo "wrote docs/report.png, docs/recommend.png, docs/map.png"
