#!/usr/bin/env bash
# Every benchmark, one after the other. Arguments go to each: --runs N, --json, and after -- options of the command line.
set -euo pipefail
cd "$(dirname "$0")"

# Numbers from a machine that does other work are worth little: say so beside them.
read -r load _ </proc/loadavg
printf '%s, node %s, %s processors, load %s\n' "$(uname -sm)" "$(node --version)" "$(nproc)" "$load"
node fib.mjs "$@"
node boot.mjs "$@"
