#!/usr/bin/env bash
# QEMU's test-i386 and its x87 and SSE tests, run here and by a Linux guest: what they print has to be the same.
# By hand: it wants QEMU's sources (of Debian's source package, say), a compiler for i386, dist/ and images/linux32.
#   tests/isa/qemu-tests.sh FOLDER-OF-THE-SOURCES
# Differences that are none: SHLD and SHRD of 16 bits by more than 16, which the manual leaves undefined.
set -euo pipefail
cd "$(dirname "$0")/../.."
sources=${1:?the folder of QEMU\'s sources}/tests/tcg
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/root/t"

cc=(gcc -m32 -fno-pie -no-pie -static -O2 -w -fno-strict-aliasing "-I$sources/i386" "-I$sources/multiarch")
"${cc[@]}" -o "$scratch/root/t/test-i386" "$sources"/i386/test-i386{.c,-code16.S,-vm86.S} -lm 2>/dev/null
names=(f2xm1 fbstp fisttp fldcst fp-exceptions fpatan fprem fscale fxam fxtract fyl2x fyl2xp1 pcmpistri
  pseudo-denormal snan-convert sse-exceptions)
for name in "${names[@]}"; do
  "${cc[@]}" -msse4.2 -o "$scratch/root/t/t-$name" "$sources/i386/test-i386-$name.c" -lm
done

# Each one's status and what it printed, as a checksum; test-i386 in full. Both shells say it the same way.
# shellcheck disable=SC2016 # for the shells that run it
run='cd t; ./test-i386; for t in t-*; do ./$t > o 2>/dev/null; echo "$t $? $(md5sum < o)"; done'
(cd "$scratch/root" && bash -c "$run") >"$scratch/here"
rm -f "$scratch/root/t/o"
(cd "$scratch/root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$scratch/more"
cat images/linux32/out/initrd "$scratch/more" >"$scratch/initrd"
node dist/cli.mjs run --kernel images/linux32/out/vmlinuz --initrd "$scratch/initrd" --memory 256 \
  --cmdline "console=ttyS0 quiet tsc=reliable" --serial "file:$scratch/serial" --timeout 1200 \
  --expect "# " --serial-in "cd /; echo BEG\"\"IN; $run; echo EN\"\"D\\n" --expect END
tr -d '\r' <"$scratch/serial" | sed -n '/^BEGIN$/,/^END$/p' | sed '1d;$d' >"$scratch/there"

echo "lines printed: $(wc -l <"$scratch/here") here, $(wc -l <"$scratch/there") there"
diff "$scratch/here" "$scratch/there" | grep '^[<>]' | grep -vE '^[<>] sh[lr]dw ' && exit 1
echo "the same, but for $(diff "$scratch/here" "$scratch/there" | grep -c '^> sh[lr]dw ') lines of SHLD and SHRD"
