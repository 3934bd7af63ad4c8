#!/usr/bin/env bash
# wine.sh: runs the Windows build under Wine: demo, and capture, verify and
# extract of an image file and of a folder. What comes out must be what
# testimages/manifest.txt says.
#
# Installs what it needs when it is root on Debian. Wine lacks the function
# with which Go gets random numbers, ProcessPrng of bcryptprimitives.dll: a
# small DLL forwards it to RtlGenRandom, which Wine has.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
export WINEPREFIX=$work/prefix WINEDEBUG=-all
cleanup() {
  if [ -d "$WINEPREFIX" ]; then wineserver -k 2>/dev/null || true; fi
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }

missing=()
command -v wine >/dev/null || missing+=(wine wine64)
command -v x86_64-w64-mingw32-gcc >/dev/null || missing+=(gcc-mingw-w64-x86-64)
if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "install ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -o "$work/coldstate.exe" ./cmd/coldstate
CGO_ENABLED=0 go build -o "$work/coldstate" ./cmd/coldstate

cat >"$work/prng.c" <<'END'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) {
  while (size > 0) {
    ULONG n = size > 0x10000000 ? 0x10000000 : (ULONG)size;
    if (!RtlGenRandom(data, n)) return FALSE;
    data += n, size -= n;
  }
  return TRUE;
}
END
x86_64-w64-mingw32-gcc -shared -O2 -s -o "$work/bcryptprimitives.dll" "$work/prng.c" -ladvapi32
# A server that stays: one that is about to end between two commands drops the
# second.
mkdir "$WINEPREFIX"
wineserver -p
wineboot -i >"$work/log" 2>&1 || { tail -n 5 "$work/log"; fail "wineboot"; }
cp "$work/bcryptprimitives.dll" "$WINEPREFIX/drive_c/windows/system32/"

# cold STATUS ARGUMENT…: the program under Wine; it must end with that status.
cold() {
  local want=$1 got=0
  shift
  timeout 600 wine "$work/coldstate.exe" "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
  if [ $got != "$want" ]; then
    tail -n 5 "$work/out" "$work/err"
    fail "coldstate.exe $* exited $got, not $want"
  fi
}
# win PATH: a path of this host, as Wine names it.
win() { printf 'Z:%s' "${1//\//\\}"; }

# wanted: the hash and the path of every file of the sample disk that can
# come out: not those that are never captured, and not the folders of names
# that Windows programs cannot create; those are counted below. A Store alias
# is an empty file.
wanted() {
  LC_ALL=C awk -F '\t' -v empty="$(printf '' | sha256sum | cut -c1-64)" '
    $1 == "file" { print $3 "\t" $4 }
    $1 == "alias" { print empty "\t" $4 }' testimages/manifest.txt |
    LC_ALL=C grep -av -e '\\config\\\(RegBack\\\)\{0,1\}\(SAM\|SECURITY\)\(\.LOG[12]\)\{0,1\}$' -e '\(pagefile\|hiberfil\|swapfile\)\.sys$' \
      -e '\\odd\\names\\' -e '\\odd\\surrogate\\' | tr '\\' '/' | sed 's/\tC:/\tC/' | LC_ALL=C sort
}
# check DIR: what was extracted to DIR is what the manifest says.
check() {
  wanted >"$work/want"
  (cd "$1" && find C -type f ! -path '*/odd/names/*' ! -path '*/odd/surrogate/*' -print0 | xargs -0 sha256sum --zero | tr '\0' '\n') |
    sed 's/^\([0-9a-f]*\)  /\1\t/' | LC_ALL=C sort >"$work/got"
  LC_ALL=C diff -a "$work/want" "$work/got" >"$work/diff" || { head -n 10 "$work/diff"; fail "what came out of $1 is not what the manifest says"; }
  # Of the 16 names, two differ in case alone: Windows holds one of them.
  local names
  names=$(find "$1/C/Users/anna/Documents/odd/names" -type f | wc -l)
  [ "$names" -ge 15 ] || fail "only $names of the odd names came out"
  echo "ok: $(wc -l <"$work/got") files as the manifest says, $names odd names"
}
result() { LC_ALL=C grep -a '^RESULT:' "$work/err" | tail -n 1; }

cold 0 version
cat "$work/out"

echo "== demo"
cold 0 demo --to "$(win "$work/demo")"
result

echo "== capture of an image"
# Status 3: the registry of one user of the sample is damaged.
cold 3 capture "$(win "$work/demo/disk.img")" --to "$(win "$work/s1")" --include 'C:\* [*]'
result
[ "$(LC_ALL=C grep -ac '^coldstate: not captured:' "$work/err")" = 1 ] || fail "more than the one damaged hive was not captured"
cold 0 verify "$(win "$work/s1")"
# The host's program, and zstd and tar where they are, agree about the store.
"$work/coldstate" verify "$work/s1" >/dev/null 2>&1 || fail "the Linux build rejects the store"
# Status 3: two names differ in case alone, one is no UTF-16.
cold 3 extract "$(win "$work/s1")" --to "$(win "$work/x1")" --streams "$(win "$work/x1s")"
result
check "$work/x1"
LC_ALL=C awk -F '\t' '$1 == "stream" { print $3 }' testimages/manifest.txt | sort >"$work/want"
find "$work/x1s" -type f -print0 | xargs -0 sha256sum | cut -c1-64 | sort >"$work/got"
cmp "$work/want" "$work/got" || fail "the alternate streams differ"
echo "ok: $(wc -l <"$work/got") alternate streams"

echo "== capture of a folder"
"$work/coldstate" extract "$work/demo/disk.img" --to "$work/tree" >/dev/null 2>&1 || fail "the tree was not made"
# Wine shows the host's symbolic links as folders, which Windows does not.
find "$work/tree" -type l -delete
cold 3 capture "$(win "$work/tree/C/Windows")" --to "$(win "$work/s2")" --include 'C:\* [*]'
result
cold 0 verify "$(win "$work/s2")"
cold 3 extract "$(win "$work/s2")" --to "$(win "$work/x2")"
result
check "$work/x2"
