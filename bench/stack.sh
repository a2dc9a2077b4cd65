# What the bench scripts share; they source it. Starts Zebu's programs on ports that the kernel chose, ends them with the
# script, and prints tables.
#
#   ZEBU_BUILD   the build directory; default: build/release
#   ZEBU_BIN     the programs that are measured, for instance an earlier version's; default: its bin

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${ZEBU_BUILD:-$root/build/release}
bin=${ZEBU_BIN:-$build/bin}
drivers=$build/bench
work=$(mktemp -d)
pids=()

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Ends what was started, newest first, and waits for it.
stop_all() {
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill "${pids[i]}" 2>/dev/null || true
    wait "${pids[i]}" 2>/dev/null || true
  done
  pids=()
}
trap 'stop_all; rm -rf "$work" ${store:+"$store"}' EXIT

[[ -x $bin/zebu-broker && -x $drivers/zebu_bench ]] ||
  die "no programs in $build: build them first (cmake --preset release && cmake --build --preset release), or set ZEBU_BUILD"

# start NAME PROGRAM ARG…: starts it and waits for its ready line, which is then in $ready.
start() {
  local name=$1
  shift
  # Removed first: the ready line of an earlier program of this name would be read before the new one's file is there.
  rm -f "$work/$name.out"
  "$bin/$1" "${@:2}" >"$work/$name.out" 2>"$work/$name.err" &
  pids+=($!)
  local deadline=$((SECONDS + 10))
  until grep -q " ready " "$work/$name.out" 2>/dev/null; do
    kill -0 "${pids[-1]}" 2>/dev/null && ((SECONDS < deadline)) || die "$name did not start: $(cat "$work/$name.err")"
    sleep 0.02
  done
  ready=$(cat "$work/$name.out")
}

# field NAME: the value of NAME=… in $ready.
field() { sed -n "s/.*[ ]$1=\([^ ]*\).*/\1/p" <<<"$ready"; }

# make_store_dir DIR: sets $store, a fresh folder in it for the broker's store, which goes with the script.
make_store_dir() { store=$(mktemp -d "$1/store-XXXXXX"); }

# Sets $clients, $consumers and $broker_pid. Its store is in $work, if the arguments name no other.
start_broker() {
  local named=(--store "sqlite:$work/zebu.db")
  [[ " $* " != *" --store "* ]] || named=()
  start broker zebu-broker --clients 'tcp://127.0.0.1:*' --consumers 'tcp://127.0.0.1:*' "${named[@]}" "$@"
  clients=$(field clients)
  consumers=$(field consumers)
  broker_pid=${pids[-1]}
}

# start_consumers COUNT ARG…; sets $consumer_pids.
start_consumers() {
  local count=$1 i
  consumer_pids=()
  for ((i = 0; i < count; i++)); do
    start "consumer-$i" zebu-consumer --broker "$consumers" --name "consumer-$i" "${@:2}"
    consumer_pids+=("${pids[-1]}")
  done
}

# Sets $http_port.
start_webfront() {
  start webfront zebu-webfront --broker "$clients" --listen 127.0.0.1:0 "$@"
  http_port=$(field http | sed 's/.*://')
}

# figure NAME FILE: what a driver printed for NAME.
figure() { awk -v name="$1" '$1 == name { print $2 }' "$2"; }

# family PID…: these processes and their children, with commas between.
family() {
  local pid
  for pid in "$@"; do echo "$pid" $(cat "/proc/$pid"/task/*/children); done | xargs | tr ' ' ','
}

# median FIGURE FILE…: of what several runs of a driver printed for it.
median() {
  local name=$1 file
  shift
  for file in "$@"; do figure "$name" "$file"; done | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# calc EXPRESSION [DIGITS]
calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }

# verdict VALUE OPERATOR LIMIT: "ok" or "MISSED".
verdict() { awk "BEGIN { print (($1) $2 ($3)) ? \"ok\" : \"MISSED\" }"; }

# 12,345, whatever the locale.
thousands() { calc "$1" 0 | sed ':more; s/\B[0-9]\{3\}\>/,&/; t more'; }

machine() {
  echo "machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
    "$(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r)," \
    "load before the run $(cut -d' ' -f1 /proc/loadavg)"
  echo "build:   $("$bin/zebu-broker" --version), $bin"
  [[ -z ${store:-} ]] || echo "store:   SQLite on $(df --output=fstype,source "$store" | awk 'NR == 2 { print $1 ", " $2 }')"
  echo
}
