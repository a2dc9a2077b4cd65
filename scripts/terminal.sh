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
