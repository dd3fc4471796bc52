#!/bin/sh
# Runs the guests about privilege in QEMU, and prints where it says something else than the manual, which each source
# has in its comments. By hand: the differences that are known are named in the headers. The processor is the one most like
# ours.
#
#   second-opinion.sh [NAME ...]        all of them unless named
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- "$here"/*.asm
for guest; do
  name=$(basename "$guest" .asm)
  nasm -f bin -Wall -Werror -I"$here/" -o "$work/guest.bin" "$here/$name.asm"
  timeout 60 qemu-system-i386 -cpu n270 -kernel "$work/guest.bin" -serial stdio -display none -no-reboot \
    -device isa-debug-exit,iobase=0xf4,iosize=1 >"$work/said" 2>"$work/errors" </dev/null || true
  node "$here/expected.mjs" "$here/$name.asm" >"$work/expected"
  echo "$name: $(wc -l <"$work/said") lines"
  diff -U0 "$work/expected" "$work/said" | tail -n +3 || true
done
