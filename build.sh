#!/usr/bin/env bash
# The one entry to building, running and testing PageVM; `./build.sh help` lists the verbs.
set -euo pipefail
cd "$(dirname "$0")"

# Flags from outside would replace those of .cargo/config.toml, and the wasm needs them.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
# Set to 1 to pass the wasm through wasm-opt. Off because it has not been measured to be faster than what rustc emits.
: "${WASM_OPT:=}"
# Rounds of `soak`.
: "${SOAK_ROUNDS:=20}"

wasm=wasm32-unknown-unknown
target=${CARGO_TARGET_DIR:-target}
tools=$PWD/build/tools
image=images/linux32
PATH=$tools/bin:$PWD/node_modules/.bin:$HOME/.cargo/bin:$PATH

usage() {
  cat <<'TEXT'
usage: ./build.sh VERB [arguments]

  run      build, make the default guest, serve the page and print its address
  boot     build, make the default guest and boot it in this terminal
  build    make dist/: everything a page downloads, and the command line
  test     check, then every test: native, wasm in Node and Chromium, boots, pages in three browsers
  check    formats, lints, types, dependencies; changes nothing
  fmt      put every file into the format that check asks for
  bench    benchmarks
  bless    accept what the golden tests print now
  fuzz     the long tests, in release mode; with a word: processor, machine (led by coverage), oracle (by seeds)
  soak     the boot tests, many rounds (SOAK_ROUNDS)
  image    make the default guest anew from Debian's packages
  setup    install whatever is missing for all of these; the verbs do their own part of it
  clean    delete what was built; what setup installed stays

WASM_OPT=1 passes the wasm through wasm-opt. Arguments of run and boot go to the server and the command line.
TEXT
}

say() { printf -- '--- %s\n' "$*"; }
die() {
  printf 'build.sh: %s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# --- set-up: each function installs only what is missing, and says so ---

packages=()
# need FILE-OR-COMMAND PACKAGE: asks for the Debian package if the file or command is not there
need() {
  if [[ $1 == /* ]]; then [[ -e $1 ]] || packages+=("$2"); else has "$1" || packages+=("$2"); fi
}
install_packages() {
  [[ ${#packages[@]} -gt 0 ]] || return 0
  local as_root=()
  if [[ $(id -u) != 0 ]]; then as_root=(sudo); fi
  if ! has apt-get || { [[ $(id -u) != 0 ]] && ! has sudo; }; then
    die "please install, as root, what Debian calls: ${packages[*]}"
  fi
  say "installing Debian packages: ${packages[*]}"
  "${as_root[@]}" apt-get -qq update || true # one broken source need not matter; the next line decides
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null ||
    die "apt-get could not install: ${packages[*]}"
  packages=()
  hash -r
}

setup_rust() {
  if ! has cargo; then
    has rustup || die "needs Rust: install it as https://rustup.rs says, then call this again"
    say "installing Rust's stable toolchain"
    rustup -q default stable || die "rustup could not install Rust's stable toolchain"
  fi
  [[ -d $(rustc --print sysroot)/lib/rustlib/$wasm ]] || rust_part target $wasm
}
setup_rust_lints() {
  cargo fmt --version >/dev/null 2>&1 || rust_part component rustfmt
  cargo clippy --version >/dev/null 2>&1 || rust_part component clippy
}
rust_part() { # target or component, its name
  has rustup || die "this Rust lacks the $1 $2: install Rust as https://rustup.rs says, then call this again"
  say "installing Rust's $2"
  rustup -q "$1" add "$2" || die "rustup could not add $2"
}

# The tool and the library must be of the very same version.
setup_wasm_bindgen() {
  local want have
  want=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
  have=$(wasm-bindgen --version 2>/dev/null || true)
  if [[ $have != "wasm-bindgen $want" ]] || ! has wasm-bindgen-test-runner; then
    say "installing wasm-bindgen $want into build/tools (2 to 3 minutes)"
    CARGO_TARGET_DIR=$PWD/build/tools/target cargo install -q wasm-bindgen-cli --version "$want" --root "$tools" --force ||
      die "cargo could not install wasm-bindgen-cli $want"
    rm -rf build/tools/target
    hash -r
  fi
}

setup_node() {
  local version
  version=$(node --version | sed 's/^v//; s/\..*//')
  [[ $version -ge 20 ]] || die "needs Node.js 20 or newer, found $version: see https://nodejs.org"
  if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
    say "installing the npm packages of package-lock.json"
    npm ci --ignore-scripts --silent || die "npm ci failed"
    touch node_modules/.package-lock.json
  fi
}

# setup WHAT...: build, image, check, test, all
setup() {
  local what
  need cc gcc
  need /usr/include/stdlib.h libc6-dev
  need node nodejs
  need npm npm
  has cargo || has rustup || ! has apt-cache || ! apt-cache show rustup >/dev/null 2>&1 || packages+=(rustup)
  for what; do
    case $what in
      build)
        [[ -z $WASM_OPT ]] || need wasm-opt binaryen
        need /usr/share/seabios/bios-256k.bin seabios
        ;;
      image)
        need cpio cpio
        need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
        ;;
      check) need shellcheck shellcheck ;;
      test)
        need /usr/bin/chromium chromium
        need /usr/bin/chromedriver chromium-driver
        need /usr/bin/firefox-esr firefox-esr
        need /usr/bin/WebKitWebDriver webkit2gtk-driver
        need /usr/bin/Xvfb xvfb
        need nasm nasm
        need mtools mtools
        need xorriso xorriso
        need /usr/lib/grub-rescue/grub-rescue-cdrom.iso grub-rescue-pc
        need /usr/lib/ipxe/ipxe.iso ipxe
        need /usr/lib/debian-installer/images/12/i386/text debian-installer-12-netboot-i386
        need /usr/lib/ISOLINUX/isolinux.bin isolinux
        need /usr/lib/syslinux/modules/bios/ldlinux.c32 syslinux-common
        ;;
      all) need wasm-opt binaryen ;;
    esac
  done
  install_packages
  setup_rust
  setup_node
  for what; do
    case $what in
      build | test) setup_wasm_bindgen ;;
      check) setup_rust_lints ;;
      all)
        # Only here: it takes minutes to install, which every run of the tests on a fresh machine would pay.
        if ! has cargo-deny; then
          say "installing cargo-deny into build/tools (2 to 3 minutes)"
          CARGO_TARGET_DIR=$PWD/build/tools/target cargo install -q --locked cargo-deny --root "$tools" ||
            die "cargo could not install cargo-deny"
          rm -rf build/tools/target
        fi
        ;;
    esac
  done
}

# --- what the verbs are made of ---

build() {
  say "compiling crate/web for $wasm"
  cargo build -q --release --target $wasm -p web
  say "bindings: build/wasm/"
  wasm-bindgen --target web --out-dir build/wasm --out-name pagevm_web "$target/$wasm/release/web.wasm"
  if [[ -n $WASM_OPT ]]; then
    say "wasm-opt"
    wasm-opt -O3 --enable-simd --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int \
      --enable-mutable-globals --enable-multivalue --enable-reference-types \
      -o build/wasm/pagevm_web_bg.opt.wasm build/wasm/pagevm_web_bg.wasm
    mv build/wasm/pagevm_web_bg.opt.wasm build/wasm/pagevm_web_bg.wasm
  fi
  say "bundling the shell: dist/"
  [[ -e www/build.mjs ]] || die "www/build.mjs is missing: the wasm is in build/wasm/, but there is no shell to bundle"
  node www/build.mjs
  version >dist/VERSION
}

# The workspace's version, and the commit if this is a git checkout: 0.1.0+3d42aaf
version() {
  local commit
  commit=$(git rev-parse --short HEAD 2>/dev/null || true)
  printf '%s%s\n' "$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)" "${commit:++$commit}"
}

make_image() {
  say "making the guest: $image/out/"
  $image/build.sh
}
make_image_if_stale() {
  if [[ ! -e $image/out/vmlinuz || ! -e $image/out/initrd || ! -e $image/out/manifest.txt ||
    -n $(find $image/build.sh $image/root -newer $image/out/manifest.txt -print -quit) ]]; then
    make_image
  fi
}

# What prettier keeps in order; most texts (*.md) are laid out by hand.
prettier_files=('{www,tests,images}/**/*.{js,mjs,ts,json,css,html}' '!images/*/out/**' '*.json' '!package-lock.json'
  www/vm/wasm-interface.md tests/bench/README.md)

check() {
  say "format: Rust"
  cargo fmt --all --check || die "not in format: ./build.sh fmt puts it right"
  say "format: JavaScript, pages, style sheets"
  prettier --log-level warn --check "${prettier_files[@]}" || die "not in format: ./build.sh fmt puts it right"
  say "lints: Rust, native"
  cargo clippy -q --workspace --all-targets -- -D warnings
  say "lints: crate/web for $wasm"
  cargo clippy -q -p web --target $wasm --all-targets --all-features -- -D warnings
  say "lints: shell scripts"
  local scripts
  mapfile -t scripts < <(find images tests -name '*.sh' -not -path '*/out/*')
  shellcheck build.sh .ci/run "${scripts[@]}"
  local project
  for project in www www/lib www/store; do
    if [[ -n $(find $project -maxdepth 2 \( -name '*.js' -o -name '*.mjs' \) -print -quit 2>/dev/null) ]]; then
      say "types: $project"
      tsc -p $project
    fi
  done
  if has cargo-deny; then
    say "dependencies: licences, bans, sources"
    cargo deny --log-level error check bans licenses sources
  else
    say "dependencies: not checked, cargo-deny is not installed (./build.sh setup installs it)"
  fi
}

# suite NAME COMMAND...: runs one part of the tests and goes on after a failure, so that one run shows them all.
# (Within it `set -e` does not hold: a part of several steps is a process of its own, or ends with the step that counts.)
failed=()
log=build/test.log
suite() {
  local name=$1 began=$SECONDS
  shift
  say "test: $name"
  if ! "$@" 2>&1 | tee -a $log; then
    failed+=("$name")
    printf -- '--- FAILED: %s\n' "$name"
  fi
  say "$name: $((SECONDS - began)) s"
}

# Those of the named folders' *.test.mjs that exist, one file at a time: they start browsers and virtual machines.
node_tests() {
  local files
  mapfile -t files < <(find "$@" -name '*.test.mjs' -not -path '*/node_modules/*' 2>/dev/null | LC_ALL=C sort)
  [[ ${#files[@]} -gt 0 ]] || return 0
  node --test --test-concurrency=1 --test-reporter=spec "${files[@]}"
}

# What this machine's processor does with thousands of instructions, and with sequences, for the tests of translated code.
oracle_vectors() {
  gcc -O2 -w -o build/oracle tests/isa/oracle/oracle.c
  gcc -O2 -w -DMOSTLY_MASKED_SSE -o build/oracle-sse tests/isa/oracle/oracle.c
  gcc -O2 -w -DUNMASKED -o build/oracle-unmasked tests/isa/oracle/oracle.c
  if ! build/oracle 32 int 5000 1 >build/oracle-int-32.jsonl || ! build/oracle 16 int 4000 1 >build/oracle-int-16.jsonl ||
    ! build/oracle-sse 32 sse 5000 1 >build/oracle-sse.jsonl ||
    ! build/oracle 32 seqfp 250 1 >build/oracle-seqfp.jsonl || ! build/oracle 32 seq 250 1 >build/oracle-seq.jsonl; then
    say "SKIPPED: the oracle cannot trace processes here"
    rm -f build/oracle-{int-16,int-32,sse,seq,seqfp}.jsonl
  fi
  build/oracle 32 ext 3000 1 >build/oracle-ext.jsonl || rm -f build/oracle-ext.jsonl
  # Where translated code begins from: it is compared with the interpreter.
  build/oracle-unmasked 32 x87 4000 1 >build/oracle-x87.jsonl || rm -f build/oracle-x87.jsonl
  build/oracle-unmasked 32 mmx 1000 1 >build/oracle-mmx.jsonl || rm -f build/oracle-mmx.jsonl
}

# The lines by which cargo, wasm-bindgen's runner and Node's runner report their sums.
totals() {
  awk '/^test result: /{passed += $4; failed += $6}
    /^(ℹ|#) pass [0-9]+$/{passed += $3}
    /^(ℹ|#) fail [0-9]+$/{failed += $3}
    END {printf "%d passed, %d failed\n", passed, failed}' $log
}

tests() {
  mkdir -p build
  : >$log
  suite "check" ./build.sh check
  suite "crates, native" cargo test -q --no-fail-fast --workspace --exclude web
  suite "oracle" oracle_vectors
  suite "crate/web in Node" cargo test --no-fail-fast -p web --target $wasm --features harness,oracle
  suite "crate/web in Chromium" env WASM_BINDGEN_USE_BROWSER=1 CHROMEDRIVER=/usr/bin/chromedriver \
    cargo test -p web --target $wasm --features harness
  suite "shell's parts" node_tests www
  local before=${#failed[@]}
  suite "build" ./build.sh build
  suite "guest image" make_image_if_stale
  if [[ ${#failed[@]} -eq $before ]]; then
    suite "boots" node_tests tests/boot
    suite "pages" node_tests tests/web
  else
    failed+=("boots and pages: not run")
  fi
  totals
  [[ ${#failed[@]} -eq 0 ]] || die "failed: $(printf '%s; ' "${failed[@]}" | sed 's/; $//')"
}

verb=${1:-help}
[[ $# -eq 0 ]] || shift
case $verb in
  run)
    setup build image
    build
    make_image_if_stale
    say "serving"
    exec node www/serve.mjs "$@"
    ;;
  boot)
    setup build image
    build
    make_image_if_stale
    say "booting $image in this terminal; 'poweroff' ends it"
    exec node dist/cli.mjs run --kernel $image/out/vmlinuz --initrd $image/out/initrd \
      --cmdline "$(sed -n 's/^cmdline = "\(.*\)"$/\1/p' $image/recipe.toml)" "$@"
    ;;
  build)
    setup build
    build
    ;;
  test)
    setup build image check test
    tests
    ;;
  check)
    setup check
    check
    ;;
  fmt)
    setup check
    cargo fmt --all
    prettier --log-level warn --write "${prettier_files[@]}"
    ;;
  bench)
    if [[ -x tests/bench/run.sh ]]; then
      setup build image
      build
      make_image_if_stale
      exec tests/bench/run.sh "$@"
    fi
    die "there is no tests/bench/run.sh yet; for a first number: ./build.sh boot --stats -"
    ;;
  bless)
    setup
    say "accepting what the golden tests print"
    BLESS=1 cargo test -q --workspace --exclude web golden
    ;;
  fuzz)
    if [[ ${1:-} == oracle ]]; then
      setup
      export ORACLE_SEEDS=${2:-4-33}
      say "all classes against this machine's processor, seeds $ORACLE_SEEDS"
      exec cargo test --release -p isa -- --include-ignored agree
    fi
    if [[ -n ${1:-} ]]; then
      # Led by coverage: wants cargo-fuzz, and the nightly compiler for its instrumentation.
      cargo fuzz --version >/dev/null 2>&1 || die "there is no cargo-fuzz: cargo install cargo-fuzz"
      # The address sanitizer is twenty times slower: FUZZ_SANITIZER=address, for a while, on what was found without.
      cd tests/fuzz
      exec cargo +nightly fuzz run --sanitizer "${FUZZ_SANITIZER:-none}" --fuzz-dir libfuzzer \
        --target-dir "$(realpath "$OLDPWD/$target")/fuzz" "$1" -- \
        -max_len=600 -len_control=0 -timeout=30 -max_total_time="${2:-600}"
    fi
    setup
    say "the long tests, in release mode"
    cargo test -q --release --workspace --exclude web -- --ignored
    ;;
  soak)
    setup build image
    build
    make_image_if_stale
    for ((round = 1; round <= SOAK_ROUNDS; round++)); do
      say "boots, round $round of $SOAK_ROUNDS"
      node_tests tests/boot || die "the boot tests failed in round $round"
    done
    ;;
  image)
    if [[ ${1:-linux32} == debian32 ]]; then
      need debootstrap debootstrap
      need mke2fs e2fsprogs
      need mkfs.fat dosfstools
      need mcopy mtools
      need syslinux syslinux
      need sfdisk fdisk
      install_packages
      exec images/debian32/build.sh
    fi
    setup image
    make_image
    ;;
  setup)
    setup build image check test all
    say "everything is there"
    ;;
  clean)
    say "deleting what was built"
    rm -rf "$target" dist build/wasm build/test.log images/*/out
    ;;
  help | -h | --help) usage ;;
  *) die "no such verb: $verb (./build.sh help lists them)" ;;
esac
