#!/usr/bin/env bash
# oracle.sh [SEED…]: puts a seeded tree on the sample disk with ntfs-3g, and
# checks for each seed (default 1 2 3) that the plan, the catalog and the list
# of tar name the same objects, as many as sleuthkit's fls counts; and that
# verify objects to a deleted catalog line, two swapped segments, and each of
# 50 flipped bits.
#
# Needs root, FUSE, and ntfs-3g, gdisk, sleuthkit, zstd, python3. BIN is the
# program; without it, it is built.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
cleanup() {
  if mountpoint -q "$work/m"; then umount "$work/m"; fi
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
for tool in ntfs-3g sgdisk fls zstd tar python3; do
  command -v $tool >/dev/null || fail "$tool is not installed"
done
bin=${BIN:-}
if [ -z "$bin" ]; then
  bin=$work/coldstate
  CGO_ENABLED=0 go build -o "$bin" ./cmd/coldstate
fi
mkdir "$work/m"
"$bin" demo --to "$work/demo" >"$work/log" 2>&1 || { cat "$work/log"; fail "demo exited $?"; }
read -r first last < <(sgdisk -i 3 "$work/demo/disk.img" | awk '/First sector/ { f = $3 } /Last sector/ { print f, $3 }')
everything=(--include 'C:\* [*]')

# capture: status 3 is expected, for the sample disk holds a broken hive.
capture() {
  local status=0
  "$bin" capture "$@" "${everything[@]}" 2>"$work/log" || status=$?
  if [ $status != 0 ] && [ $status != 3 ]; then
    tail -n 5 "$work/log"
    fail "capture $* exited $status"
  fi
}

[ $# -gt 0 ] || set -- 1 2 3
for seed; do
  img=$work/disk.img store=$work/store vol=$work/volume
  rm -rf "$store"
  cp --sparse=always "$work/demo/disk.img" "$img"
  dd if="$img" of="$vol" bs=512 skip="$first" count=$((last - first + 1)) status=none
  ntfs-3g -o permissions,compression,streams_interface=xattr "$vol" "$work/m" 2>/dev/null || fail "ntfs-3g cannot mount: is there /dev/fuse?"
  python3 scripts/oracle.py tree "$work/m" "$seed"
  umount "$work/m"
  dd if="$vol" of="$img" bs=512 seek="$first" conv=notrunc status=none

  capture "$img" --dry-run --json >"$work/plan.json"
  capture "$img" --to "$store" --segment-size 1M >"$work/out"
  "$bin" verify "$store" >"$work/log" 2>&1 || { cat "$work/log"; fail "seed $seed: verify rejects a good store"; }
  zstd -dcq "$store"/catalog.*.jsonl.zst >"$work/catalog"
  cat "$store"/data.tar.zst.* | zstd -dcq | tar -t --quoting-style=literal >"$work/tar"
  fls -r -p -u -o "$first" "$img" >"$work/fls"
  python3 scripts/oracle.py compare "$work/plan.json" "$work/catalog" "$work/tar" "$work/fls" || fail "seed $seed: the lists differ"
  python3 scripts/oracle.py damage "$bin" "$store" "$seed" || fail "seed $seed: damage was not noticed"
  echo "ok: seed $seed"
done
