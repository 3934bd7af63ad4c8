#!/usr/bin/env bash
# build.sh: makes the files of this folder that are embedded: the sample disk,
# its variants and the manifest. As root on Debian, with FUSE and the packages
#   ntfs-3g gdisk dosfstools mtools libfaketime zstd
# The clock of all tools stands still, so that two runs give the same files.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD work=$(mktemp -d)
trap 'mountpoint -q "$work/m" && umount "$work/m"; rm -rf "$work"' EXIT
[ -e disk.img.zst ] || touch disk.img.zst two-windows.pages.zst no-windows.pages.zst manifest.txt
go build -o "$work/mktree" ./mktree
faketime=$(dpkg -L libfaketime | grep '/libfaketime\.so\.1$')
still() { LD_PRELOAD=$faketime FAKETIME='2024-05-14 08:00:00' FAKETIME_DONT_FAKE_MONOTONIC=1 "$@"; }
export TZ=UTC
mkdir "$work/m"
# mount OPTIONS: the NTFS volume. ntfs-3g goes into the background itself.
mount_volume() { still ntfs-3g -o "permissions,compression,streams_interface=xattr,noatime$1" "$work/ntfs" "$work/m"; }

# The disk: 512-byte sectors; EFI 8 MiB, MSR 4 MiB, Windows 32 MiB.
disk=$work/disk
truncate -s 46M "$disk"
still sgdisk -a 2048 \
  -n 1:2048:+8M -t 1:EF00 -c 1:'EFI system partition' -u 1:11111111-2222-4333-8444-555555555501 \
  -n 2:0:+4M -t 2:0C01 -c 2:'Microsoft reserved partition' -u 2:11111111-2222-4333-8444-555555555502 \
  -n 3:0:+32M -t 3:0700 -c 3:'Basic data partition' -u 3:01234567-89AB-CDEF-0123-456789ABCDEF \
  -U 11111111-2222-4333-8444-555555555555 "$disk" >/dev/null
read -r first last < <(sgdisk -i 3 "$disk" | awk '/First sector/ { f = $3 } /Last sector/ { print f, $3 }')

# The EFI system partition.
truncate -s 8M "$work/esp"
still mkfs.fat -F 12 -n SYSTEM -i 0C01D57A "$work/esp" >/dev/null
printf 'MZ a boot loader would be here\r\n' >"$work/bootmgfw.efi"
touch -d '2024-05-14 08:00:00 UTC' "$work/bootmgfw.efi"
still mmd -i "$work/esp" ::/EFI ::/EFI/Microsoft ::/EFI/Microsoft/Boot
still mcopy -m -i "$work/esp" "$work/bootmgfw.efi" ::/EFI/Microsoft/Boot/bootmgfw.efi

# The Windows volume. NTFS counts one sector less than its partition, whose
# last sector is the backup boot sector.
truncate -s 32M "$work/ntfs"
still mkntfs -F -Q -q -T -L Windows -s 512 -c 4096 -H 255 -S 63 -p "$first" "$work/ntfs" >/dev/null
mount_volume ''
"$work/mktree" fill "$work/m" "$work/patches"
umount "$work/m"
"$work/mktree" patch "$work/ntfs" "$work/patches"
mount_volume ,ro
"$work/mktree" manifest "$work/m" "$work/patches" >manifest.txt
umount "$work/m"

# put VOLUME DISK
put() { dd if="$1" of="$2" bs=512 seek="$first" conv=notrunc status=none; }
dd if="$work/esp" of="$disk" bs=512 seek=2048 conv=notrunc status=none
put "$work/ntfs" "$disk"
cp "$work/ntfs" "$work/plain"

compress() { zstd -q --ultra -22 --long=25; }
# variant NAME COMMAND…: the disk after COMMAND has changed the volume.
variant() {
  local name=$1; shift
  cp "$work/plain" "$work/ntfs"
  mount_volume ''
  "$@"
  umount "$work/m"
  cp "$disk" "$work/$name"
  put "$work/ntfs" "$work/$name"
  "$work/mktree" pack "$work/$name" "$disk" | compress >"$name.pages.zst"
}
variant two-windows "$work/mktree" second "$work/m"
variant no-windows rm -rf "$work/m/Windows"
"$work/mktree" pack "$disk" | compress >disk.img.zst
cp "$disk" "${KEEP:-/dev/null}"
cd "$here" && ls -l -- *.zst manifest.txt
