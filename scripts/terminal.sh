# What the scripts say, and how. Sourced, not run.
# Colours only on a terminal, and not where NO_COLOR asks for none (no-color.org).
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' plain=''
fi

say() { printf '%s\n' "$*"; }

heading() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# One line per thing that came out well: a name, what is to be known about it, and an aside.
good() { printf '  %s✓%s %-18s %s %s%s%s\n' "$green" "$plain" "$1" "$2" "$dim" "${3:-}" "$plain"; }

# One sentence on stderr that says what is wrong and what to do about it.
fail() {
  printf '%s: %s%s%s\n' "${0##*/}" "$red" "$*" "$plain" >&2
  exit 1
}

# A mistake in how the script was called.
usage_error() {
  printf '%s: %s\nSee %s --help\n' "${0##*/}" "$*" "$0" >&2
  exit 2
}

# The comment block at the top of the calling script is its help; the path is kept because scripts change directory.
script=$(realpath "$0")
show_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$script"; }

# Milliseconds since some moment; bash writes the comma of the locale.
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }

# How long it is since a moment of now_ms, for people.
seconds_since() {
  local ms=$(($(now_ms) - $1))
  if ((ms < 10000)); then printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100)); else printf '%d s' $((ms / 1000)); fi
}

# A number of seconds for people: 45 s, 3 min 20 s.
as_time() { if (($1 < 60)); then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi; }

# Says from time to time how far the work is whose log has lines that begin with [done/all], until end_progress: on a
# terminal in one line that changes, else in a line every 15 seconds. UNIT is what is counted.
report_progress() {  # LOG UNIT
  end_progress
  follow_progress "$@" &
  progress=$!
  trap end_progress EXIT
}

follow_progress() {  # LOG UNIT
  local began done all seconds text pause=15 nothing
  [[ ! -t 1 ]] || pause=1
  began=$(now_ms)
  # Reading what never comes waits without a process of its own, which would outlive this one.
  exec {nothing}<> <(:)
  while kill -0 $$ 2>/dev/null; do
    read -rt $pause -u "$nothing" || true
    IFS=/ read -r done all < <(grep -o '^\[[0-9]*/[0-9]*\]' "$1" 2>/dev/null | tail -n 1 | tr -d '[]') || continue
    seconds=$((($(now_ms) - began) / 1000))
    text="  $done of $all $2, $(as_time $seconds) so far"
    ((done == 0)) || text+=", about $(as_time $((seconds * (all - done) / done))) left"
    if [[ -t 1 ]]; then printf '\r\e[K%s' "$text"; else say "$text"; fi
  done
}

end_progress() {
  [[ -n ${progress:-} ]] || return 0
  kill "$progress" 2>/dev/null || true
  wait "$progress" 2>/dev/null || true
  progress=''
  [[ ! -t 1 ]] || printf '\r\e[K'
}
