#!/usr/bin/env bash
# Makes out/disk.img, a bootable disk with Debian's i386 userland; see README.md. Needs root (debootstrap runs the new
# system's own programs) and some 3 GB in the folder for temporary files.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=$here/out
suite=bookworm # the newest Debian release with a 686 kernel
packages=linux-image-686,sysvinit-core,kmod,python3-minimal,perl-base,gcc,libc6-dev,make
cmdline="root=/dev/sda2 ro console=tty0 console=ttyS0 quiet tsc=reliable mitigations=off random.trust_cpu=on"
boot_mb=64
root_mb=1400

say() { printf 'debian32: %s\n' "$*"; }
die() {
  printf 'debian32: %s\n' "$*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || die "needs root: debootstrap runs the new system's own programs"
declare -A from=([debootstrap]=debootstrap [mke2fs]=e2fsprogs [mkfs.fat]=dosfstools [mcopy]=mtools [syslinux]=syslinux [sfdisk]=fdisk)
for tool in "${!from[@]}"; do
  command -v "$tool" >/dev/null || die "needs $tool (Debian: apt-get install ${from[$tool]})"
done
mbr=/usr/lib/syslinux/mbr/mbr.bin
[ -e $mbr ] || die "needs $mbr (Debian: apt-get install syslinux-common)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

say "packages of Debian $suite for i386"
debootstrap --arch=i386 --variant=minbase --include=$packages $suite "$work/root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || {
  tail -n 20 "$work/log" >&2
  die "debootstrap failed; is the network up?"
}

say "configuration"
cp -R "$here/root/." "$work/root/"
rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/{doc,man,locale,info}
chroot "$work/root" passwd -d root >/dev/null

say "boot partition"
kernels=("$work"/root/boot/vmlinuz-*)
kernel=${kernels[0]##*/}
initrd=initrd.img-${kernel#vmlinuz-}
truncate -s ${boot_mb}M "$work/boot"
mkfs.fat -F 16 -n BOOT "$work/boot" >/dev/null
syslinux --install "$work/boot"
printf 'SERIAL 0 115200\nDEFAULT linux\nPROMPT 0\nTIMEOUT 1\nLABEL linux\n KERNEL vmlinuz\n INITRD initrd\n APPEND %s\n' "$cmdline" \
  >"$work/syslinux.cfg"
mcopy -i "$work/boot" "$work/syslinux.cfg" ::syslinux.cfg
mcopy -i "$work/boot" "$work/root/boot/$kernel" ::vmlinuz
mcopy -i "$work/boot" "$work/root/boot/$initrd" ::initrd

say "disk"
mke2fs -q -t ext4 -L root -d "$work/root" "$work/ext4" ${root_mb}M
first=2048
second=$((first + boot_mb * 2048))
truncate -s $((1 + boot_mb + root_mb))M "$work/disk"
printf 'label: dos\n%d,%d,e,*\n%d,%d,83\n' $first $((boot_mb * 2048)) $second $((root_mb * 2048)) | sfdisk -q "$work/disk"
dd if=$mbr of="$work/disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot" of="$work/disk" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/ext4" of="$work/disk" bs=1M seek=$((1 + boot_mb)) conv=notrunc,sparse status=none
mv "$work/disk" "$out/disk.img"
# shellcheck disable=SC2016 # the fields are dpkg-query's
chroot "$work/root" dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' >"$out/manifest.txt"
say "out/disk.img, $(du -m "$out/disk.img" | cut -f1) MB of $(stat -c %s "$out/disk.img") bytes"
