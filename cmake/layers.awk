# Compares what `ninja -t deps` lists with layers.txt, which comes first on the command line.
# Variables: root, the sources' folder with a slash at its end.

function fail(text) { print text > "/dev/stderr"; failed = 1 }

function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }

# The part that a path belongs to: that of the longest prefix.
function part_of(path,   length_, part, prefix) {
  if (path in known) return known[path]
  length_ = 0
  part = ""
  for (prefix in prefix_part) {
    if (index(path, prefix) == 1 && length(prefix) > length_) { length_ = length(prefix); part = prefix_part[prefix] }
  }
  known[path] = part
  return part
}

function may_include(from, to,   i, count, next_) {
  if (from == to) return 1
  if ((from, to) in answer) return answer[from, to]
  answer[from, to] = 0
  count = split(direct[from], next_, " ")
  for (i = 1; i <= count; ++i) if (may_include(next_[i], to)) { answer[from, to] = 1; break }
  return answer[from, to]
}

# A path from the sources' folder on; the made version.h has the name that it is included by.
function from_root(path) {
  sub(/^(\.\.\/)+/, "", path)
  if (index(path, root) == 1) path = substr(path, length(root) + 1)
  if (path ~ /include\/zebu\/version\.h$/) return "zebu/version.h"
  return path
}

# One object: its sources (several in a unity build), and all that they include.
function check(   i, j, from, to, is_allowed) {
  for (i = 1; i <= headers; ++i) {
    to = part_of(header[i])
    if (to == "" || !sources) continue
    is_allowed = 0
    for (j = 1; j <= sources && !is_allowed; ++j) is_allowed = may_include(part_of(source[j]), to)
    if (is_allowed) continue
    from = part_of(source[1])
    if (!said[from, to, source[1]]++) {
      fail(source[1] ": " from " may not include " to " (" header[i] "); cmake/layers.txt says what it may")
    }
  }
  headers = sources = 0
}

FNR == NR {
  if (/^#/ || !NF) next
  split($0, field, "|")
  part = trim(field[1])
  parts[part]
  direct[part] = trim(field[3])
  count = split(trim(field[2]), path, " ")
  for (i = 1; i <= count; ++i) prefix_part[path[i]] = part
  next
}

FNR == 1 {
  for (part in direct) {
    count = split(direct[part], next_, " ")
    for (i = 1; i <= count; ++i) {
      if (!(next_[i] in parts)) fail("layers.txt: " part " names '" next_[i] "', which is not a part")
      else if (may_include(next_[i], part)) fail("layers.txt: " part " and " next_[i] " may include each other")
    }
  }
}

/^[^ ]/ { check(); next }
NF {
  path_ = from_root(trim($0))
  if (path_ ~ /\/CMakeFiles\//) next  # the file that includes a unity build's sources
  if (path_ ~ /\.cpp$/) { if (part_of(path_) != "") source[++sources] = path_ }
  else header[++headers] = path_
  ++seen
}
END {
  check()
  if (!seen) fail("no compiler's list of includes to compare")
  exit failed
}
