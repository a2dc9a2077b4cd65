# What .ci/run and scripts/nightly are made of: named steps with a budget, and a table of what they took. Sourced, not run,
# from the sources' folder, after terminal.sh.

export ZEBU_JOBS=${ZEBU_JOBS:-$(nproc)}
if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
table=()
wanted=()
all_began=$(now_ms)

step() {  # NAME MINUTES TITLE COMMAND…
  ((!${#wanted[@]})) || [[ " ${wanted[*]} " == *" $1 "* ]] || return 0
  local began seconds line
  heading "── $3 (budget: $2 min)"
  began=$(now_ms)
  "${@:4}" || fail "step '$1' ($3) failed after $(seconds_since "$began")"
  seconds=$((($(now_ms) - began) / 1000))
  line=$(printf '%-10s %-34s %12s of %2d min' "$1" "$3" "$(as_time $seconds)" "$2")
  ((seconds <= $2 * 60)) || line+='  OVER'
  table+=("$line")
  say "${dim}── $line$plain"
}

summary() {
  ((${#table[@]})) || usage_error "there is no step '${wanted[*]}'"
  heading "All passed in $(as_time $((($(now_ms) - all_began) / 1000)))"
  printf '  %s\n' "${table[@]}"
}

this_debian() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }
other_debian() { if [[ $(this_debian) == trixie ]]; then echo bookworm; else echo trixie; fi; }

# Whether a Docker engine answers, after trying to start one where the tool for that is at hand.
have_docker() {
  docker info >/dev/null 2>&1 && docker image inspect "debian:$(other_debian)-slim" >/dev/null 2>&1 && return
  if [[ -x ../shared/tools/docker-engine ]]; then ../shared/tools/docker-engine trixie bookworm >&2 || return; fi
  docker info >/dev/null 2>&1
}
