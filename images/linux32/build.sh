#!/usr/bin/env bash
# Makes out/vmlinuz and out/initrd from Debian's i386 packages; see README.md.
# Needs no root: the initramfs holds no device nodes (the kernel's own holds /dev/console, /init mounts devtmpfs),
# and cpio writes every file as owned by root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=$here/out
kernel_package=linux-image-686
busybox_package=busybox-static
suite=bookworm # the newest Debian release with a 686 kernel; the fallback where the host's own has none
mirror=http://deb.debian.org/debian
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'linux32: %s\n' "$*"; }
die() {
  printf 'linux32: %s\n' "$*" >&2
  exit 1
}

for tool in apt-get apt-cache dpkg-deb cpio gzip sha256sum; do
  command -v "$tool" >/dev/null || die "needs $tool (Debian: apt-get install ${tool/apt-cache/apt})"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work"/{lists,cache/archives}/partial "$work"/{packages,kernel,busybox,root}

# A package manager of our own: the host's sources and keys, but another architecture, and state in the scratch folder.
: >"$work/status"
cat >"$work/apt.conf" <<CONF
#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Architecture "i386";
APT::Architectures { "i386"; };
APT::Sandbox::User "root";
Dir::State::status "$work/status";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
update() { apt-get -c "$work/apt.conf" -qq update 2>"$work/update.log" || true; } # one broken source need not matter
known() { apt-cache -c "$work/apt.conf" -q show "$1" >/dev/null 2>&1; }

say "package lists for i386"
update
if ! known $kernel_package || ! known $busybox_package; then
  say "not among this machine's package sources: taking Debian $suite from $mirror"
  [ -e $keyring ] || die "needs $keyring (Debian: apt-get install debian-archive-keyring)"
  {
    echo "deb [signed-by=$keyring] $mirror $suite main"
    echo "deb [signed-by=$keyring] $mirror $suite-updates main"
    echo "deb [signed-by=$keyring] $mirror-security $suite-security main"
  } >"$work/sources.list"
  cat >>"$work/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
CONF
  update
  if ! known $kernel_package || ! known $busybox_package; then
    cat "$work/update.log" >&2
    die "no source offers $kernel_package and $busybox_package for i386; is the network up?"
  fi
fi

# The name users install is a stand-in; its dependency is the package with the kernel in it.
real_package=$(apt-cache -c "$work/apt.conf" show --no-all-versions $kernel_package |
  sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
[ -n "$real_package" ] || die "$kernel_package names no kernel package"

say "fetching $real_package and $busybox_package"
(cd "$work/packages" && apt-get -c "$work/apt.conf" -qq download "$real_package" $busybox_package) ||
  die "could not fetch $real_package or $busybox_package"
dpkg-deb -x "$work"/packages/"$real_package"_*.deb "$work/kernel"
dpkg-deb -x "$work"/packages/${busybox_package}_*.deb "$work/busybox"

say "out/vmlinuz"
cp "$work"/kernel/boot/vmlinuz-* "$out/vmlinuz.new"

say "out/initrd"
mkdir -p "$work"/root/{bin,dev,etc,lib/modules,mnt,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,var}
cp "$work/busybox/bin/busybox" "$work/root/bin/busybox"
ln -s busybox "$work/root/bin/sh"
# Everything else a shell needs is in the kernel; the mouse driver is not (insmod /lib/modules/psmouse.ko).
find "$work/kernel" -name psmouse.ko -exec cp {} "$work/root/lib/modules/" \;
cp -R "$here/root/." "$work/root/"
find "$work/root" -type d -exec chmod 755 {} +
find "$work/root" -type f -exec chmod 644 {} +
chmod 755 "$work"/root/{init,bin/busybox,etc/greeting}
chmod 1777 "$work/root/tmp"
# The same packages give the same bytes: order, times, owners and inode numbers are ours.
stamp=$(stat -c %Y "$work/busybox/bin/busybox")
find "$work/root" -exec touch -h -d "@$stamp" {} +
(cd "$work/root" && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
  cpio --quiet --null -o -H newc -R 0:0 --reproducible) | gzip -n -9 >"$out/initrd.new"

{
  echo "# What out/vmlinuz and out/initrd were made from."
  for deb in "$work"/packages/*.deb; do
    printf 'package  %s %s %s  %s\n' "$(dpkg-deb -f "$deb" Package)" "$(dpkg-deb -f "$deb" Version)" \
      "$(dpkg-deb -f "$deb" Architecture)" "$(sha256sum <"$deb" | cut -d' ' -f1)"
  done
  for file in vmlinuz initrd; do
    printf 'output   %s %s bytes  %s\n' "$file" "$(stat -c %s "$out/$file.new")" "$(sha256sum <"$out/$file.new" | cut -d' ' -f1)"
  done
} >"$out/manifest.txt"
mv "$out/vmlinuz.new" "$out/vmlinuz"
mv "$out/initrd.new" "$out/initrd"
sed -n 's/^\(package\|output\) */linux32: /p' "$out/manifest.txt"
