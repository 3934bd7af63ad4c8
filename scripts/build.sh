#!/usr/bin/env bash
# build.sh [OUT]: makes the five static executables in OUT (default dist/) and
# prints their sizes; one above 16 MB is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-dist}
limit=16000000 status=0
mkdir -p "$out"
for target in windows/amd64 windows/386 windows/arm64 linux/amd64 linux/arm64; do
  os=${target%/*} arch=${target#*/}
  name=$out/coldstate-$os-$arch
  [ "$os" = windows ] && name=$name.exe
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags '-s -w' -o "$name" ./cmd/coldstate
  size=$(wc -c <"$name")
  printf '%10d bytes  %s\n' "$size" "$name"
  if [ "$size" -gt $limit ]; then
    echo "$name is larger than $limit bytes" >&2
    status=1
  fi
done
exit $status
