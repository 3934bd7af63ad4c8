#!/usr/bin/env bash
# wine.sh: runs the Windows build under Wine: demo, and capture, verify and
# extract of an image file, of a device and of a folder. What comes out must be
# what testimages/manifest.txt says. Then groups.cmd runs under Wine's command
# processor, and what it calls must be what plan/testdata/membership says.
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
[ -e /usr/share/i18n/locales/hi_IN ] || missing+=(locales)
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
# Status 3: the registry of one user of the sample is damaged, and a volume that
# is mounted in a folder is on no disk.
cold 3 capture "$(win "$work/demo/disk.img")" --to "$(win "$work/s1")" --include 'C:\* [*]'
result
[ "$(LC_ALL=C grep -ac '^coldstate: not captured:' "$work/err")" = 2 ] || fail "more than the damaged hive and the missing volume was not captured"
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

echo "== devices"
# What Wine has for a volume is a link to a device or a file of the host. It
# knows no size of devices of the host, so it is the file here; disks and
# volumes by their GUID it opens, and gives nothing of them.
mkdir "$work/empty"
ln -s "$work/empty" "$WINEPREFIX/dosdevices/d:"
ln -s "$work/demo/disk.img" "$WINEPREFIX/dosdevices/d::"
cold 0 inspect "$(win "$work/demo/disk.img")"
grep -a -v '^Z:' "$work/out" >"$work/want"
for name in '\\.\D:' '\\?\D:' '\\.\d:'; do
  cold 0 inspect "$name"
  LC_ALL=C grep -qa -F "$name  device, 46 MiB, GPT" "$work/out" || { cat "$work/out"; fail "$name is no device of 46 MiB"; }
  LC_ALL=C grep -a -v '^\\\\' "$work/out" >"$work/got"
  cmp "$work/want" "$work/got" || fail "inspect shows $name otherwise than the image"
done
cold 3 capture '\\.\D:' --to "$(win "$work/s0")" --include 'C:\* [*]'
result
cold 0 verify "$(win "$work/s0")"
cold 3 extract "$(win "$work/s0")" --to "$(win "$work/x0")" --streams "$(win "$work/x0s")"
check "$work/x0"
# A log is never written over a source.
cold 2 inspect '\\.\D:' --log '\\.\D:'
# All local disks: those of Wine cannot be read, which is said of each.
cold 4 inspect
LC_ALL=C grep -qa -e '^\\\\\.\\PhysicalDrive[0-9]* *cannot be opened' "$work/out" ||
  LC_ALL=C grep -qa 'no local disk was found' "$work/err" || { cat "$work/out" "$work/err"; fail "inspect without a source lists no disks"; }
rm "$WINEPREFIX/dosdevices/d:" "$WINEPREFIX/dosdevices/d::"
echo "ok: a device, a list of disks"

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

echo "== groups.cmd"
mkdir "$work/groups"
# As net.exe: notes its arguments in the file RECORD, with | between them. One
# that holds the text in REFUSE is refused as net refuses an unknown account,
# one that holds the text in MEMBER as it refuses somebody who is in the group.
# As powershell.exe: does nothing, as that of Wine; with LOCALISED tells the
# names in GROUP_544 … for the SIDs of groups, and notes who is put where.
cat >"$work/record.c" <<'END'
#include <windows.h>
#include <stdio.h>
#include <wchar.h>
static void put(HANDLE h, const wchar_t *s) {
  char b[8192];
  DWORD n;
  int k = WideCharToMultiByte(CP_UTF8, 0, s, -1, b, sizeof b, 0, 0);
  if (k > 1) WriteFile(h, b, k - 1, &n, 0);
}
static int holds(const wchar_t *s, const wchar_t *variable) {
  const wchar_t *v = _wgetenv(variable);
  return v && *v && wcsstr(s, v);
}
int wmain(int argc, wchar_t **argv) {
  HANDLE h = CreateFileW(_wgetenv(L"RECORD"), FILE_APPEND_DATA, 7, 0, OPEN_ALWAYS, 0, 0);
  HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
  if (wcsstr(argv[0], L"powershell")) {
    const wchar_t *script = argv[argc - 1], *sid = wcsstr(script, L"S-1-5-32-");
    if (!_wgetenv(L"LOCALISED")) return 0;
    if (sid && wcsstr(script, L"Translate")) {
      wchar_t name[10] = L"GROUP_";
      wcsncpy(name + 6, sid + 9, 3);
      if (!_wgetenv(name)) return 1;
      put(out, _wgetenv(name));
      put(out, L"\r\n");
      return 0;
    }
    put(h, wcsstr(script, L"Remove-") ? L"powershell remove|" : L"powershell add|");
    put(h, _wgetenv(L"GROUP"));
    put(h, L"|");
    put(h, _wgetenv(L"OTHER"));
    put(h, L"\n");
    return 0;
  }
  for (int i = 1; i < argc; i++) {
    if (i > 1) put(h, L"|");
    put(h, argv[i]);
  }
  put(h, L"\n");
  for (int i = 1; i < argc; i++) {
    int refused = holds(argv[i], L"REFUSE");
    if (refused || holds(argv[i], L"MEMBER")) {
      put(out, refused ? L"System error 1789 has occurred.\r\n" : L"System error 1378 has occurred.\r\n");
      return 2;
    }
  }
  return 0;
}
END
x86_64-w64-mingw32-gcc -municode -O2 -s -o "$work/groups/net.exe" "$work/record.c"
cp "$work/groups/net.exe" "$work/groups/powershell.exe"
# Wine's command processor reads files in the code page of the locale, whatever
# chcp says; that of this one is UTF-8.
mkdir "$work/locale"
localedef -i hi_IN -f UTF-8 "$work/locale/hi_IN.UTF-8" || [ $? = 1 ] || fail localedef

# groups STATUS FILE [NAME=VALUE…]: runs a groups.cmd; its calls are in calls.
groups() {
  local want=$1 got=0
  cp "$2" "$work/groups/groups.cmd"
  shift 2
  rm -f "$work/calls"
  (cd "$work/groups" && env LOCPATH="$work/locale" LC_ALL=hi_IN.UTF-8 RECORD="$(win "$work/calls")" "$@" \
    timeout 300 wine cmd /c groups.cmd >"$work/out" 2>&1 </dev/null) || got=$?
  [ $got = "$want" ] || { tail -n 20 "$work/out"; fail "groups.cmd exited $got, not $want"; }
}
same() { # FILE
  diff "$1" "$work/calls" || fail "$1 is not what groups.cmd called"
}
for f in plan/testdata/membership/*.cmd; do
  groups 0 "$f"
  same "${f%.cmd}.calls"
  echo "ok: $(basename "$f"): $(wc -l <"$work/calls") calls"
done

# The destination speaks another language, the domain is not there, and one
# account is in its group already.
groups 0 plan/testdata/membership/elsewhere.cmd LOCALISED=1 GROUP_544=Administratoren GROUP_545=Benutzer \
  'GROUP_555=Desktop & mehr' REFUSE=S-1-5-21 MEMBER=bob
cat >"$work/want" <<'END'
localgroup|Administratoren|mia|/add
localgroup|Administratoren|AzureAD\noa@contoso.com|/add
localgroup|Administratoren|CORP\bob|/add
localgroup|Benutzer|S-1-12-1-1-1-1-1|/add
localgroup|Benutzer|S-1-5-21-10-20-30-1104|/add
localgroup|Benutzer|S-1-5-21-10-20-30-1104|/add
powershell add|Benutzer|S-1-5-21-10-20-30-1104
localgroup|Desktop & mehr|S-1-5-21-10-20-30-1104|/add
localgroup|Desktop & mehr|S-1-5-21-10-20-30-1104|/add
powershell add|Desktop & mehr|S-1-5-21-10-20-30-1104
END
same "$work/want"
# One account is not there; one is in its group already.
groups 1 plan/testdata/membership/german.cmd REFUSE=dan
grep -q '^1 could not be done' "$work/out" || fail "groups.cmd does not count what it could not do"
groups 0 plan/testdata/membership/german.cmd MEMBER=eve
echo "ok: another language, a domain that is not there, members already, refusals"

# The same file comes out of a store and of the command.
cold 0 plan "$(win "$work/demo/disk.img")" --cmd
cmp "$work/out" "$work/s1/groups.cmd" || fail "the groups.cmd of the store is not that of plan --cmd"
groups 0 "$work/s1/groups.cmd"
grep -qx 'localgroup|Scanner operators|zoë|/add' "$work/calls" || { cat "$work/calls"; fail "a call is missing"; }
echo "ok: groups.cmd of the sample: $(wc -l <"$work/calls") calls"
