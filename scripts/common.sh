# shellcheck shell=bash
# What run.sh, test.sh and other scripts share: install what is missing, configure, build, fail. To be sourced.
#
# Everything is told on stderr; stdout belongs to Podium. Exit codes are Podium's own: 69 when
# something needed is absent and cannot be installed, 70 when the build fails.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=release
build=$root/build/$preset
dependencies=$root/packaging/dependencies.txt

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
  local code=$1
  shift
  say "error: $*"
  exit "$code"
}

# run_guarded COMMAND...: runs COMMAND in the checkout's root and in a process group of its own.
# SIGINT, SIGTERM or SIGHUP to this script ends all of that group, then the script with 128 + number.
# Call it in the script's own shell: a subshell would not get the signal.
run_guarded() {
  local group='' status=0
  trap 'end_group "$group" 130' INT
  trap 'end_group "$group" 143' TERM
  trap 'end_group "$group" 129' HUP
  set -m
  env -C "$root" "$@" </dev/null &
  group=$!
  set +m
  wait "$group" || status=$?
  trap - INT TERM HUP
  return "$status"
}

# end_group GROUP CODE: asks the process group to end, kills what is left after five seconds, exits.
end_group() {
  local tries
  trap '' INT TERM HUP
  if [ -z "$1" ]; then exit "$2"; fi
  kill -TERM -- "-$1" 2>/dev/null || true
  for ((tries = 0; tries < 50; ++tries)); do
    kill -0 -- "-$1" 2>/dev/null || exit "$2"
    sleep 0.1
  done
  kill -KILL -- "-$1" 2>/dev/null || true
  exit "$2"
}

# The column of the dependency table: dependency_column NUMBER USE...
dependency_column() {
  local column=$1 uses=" ${*:2} "
  awk -v column="$column" -v uses="$uses" \
    '!/^#/ && NF >= 4 && index(uses, " " $1 " ") { print $column }' "$dependencies"
}

# --- Debian and Ubuntu ---------------------------------------------------------------------------

missing_packages() {
  local wanted installed
  wanted=$(dependency_column 2 "$@" | sort -u)
  # shellcheck disable=SC2086  # one word per package
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
    awk '$1 == "installed" { print $2 }' | sort -u) || true
  comm -23 <(echo "$wanted") <(echo "$installed")
}

apt_get() {
  local as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@"
}

# Its output goes to a file, whose end is shown if it fails.
install_once() {
  local log=$root/build/apt.log
  mkdir -p "$root/build"
  { apt_get update && apt_get install -y --no-install-recommends "$@"; } >"$log" 2>&1 && return 0
  tail -n 20 "$log" >&2
  return 1
}

# Installs what is missing; false if that is impossible here.
install_packages() {
  local packages
  mapfile -t packages < <(missing_packages "$@")
  if [ ${#packages[@]} = 0 ]; then return 0; fi
  apt_command="apt-get install ${packages[*]}"
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then return 1; fi
  say "installing ${packages[*]} (a few minutes; see build/apt.log)"
  install_once "${packages[@]}" && return 0
  say "apt-get failed; once more in 5 seconds"
  sleep 5
  install_once "${packages[@]}"
}

# --- Any other system ----------------------------------------------------------------------------

has_header() {
  local prefix prefixes flags=()
  IFS=: read -ra prefixes <<<"${CMAKE_PREFIX_PATH:-}"
  for prefix in "${prefixes[@]}"; do flags+=("-I$prefix/include"); done
  echo "#include <$1>" | "${CXX:-c++}" -std=c++20 "${flags[@]}" -E -x c++ - >/dev/null 2>&1
}

has_any_pkgconfig() {
  local name names
  IFS=, read -ra names <<<"$1"
  for name in "${names[@]}"; do
    pkg-config --exists "$name" 2>/dev/null && return 0
  done
  return 1
}

has_dependency() {
  case $1 in
    program:c++) command -v "${CXX:-c++}" >/dev/null ;;
    program:*) command -v "${1#*:}" >/dev/null ;;
    header:*) has_header "${1#*:}" ;;
    pkgconfig:*) has_any_pkgconfig "${1#*:}" ;;
    *) true ;;
  esac
}

# Names what is missing and how to get it, and exits; returns if nothing is.
require_dependencies() {
  local probe spec missing=() specs=()
  while read -r probe spec; do
    if has_dependency "$probe"; then continue; fi
    missing+=("${probe#*:}")
    if [[ " ${specs[*]} " != *" $spec "* ]]; then specs+=("$spec"); fi
  done < <(paste -d' ' <(dependency_column 3 "$@") <(dependency_column 4 "$@"))
  if [ ${#missing[@]} = 0 ]; then return; fi
  say "missing: ${missing[*]}"
  if [ -n "${apt_command:-}" ]; then
    fail 69 "cannot install packages here; as root: $apt_command"
  fi
  say "with Spack:    spack install ${specs[*]} && spack load ${specs[*]}"
  say "with modules:  'module avail' for the same names, then 'module load' them"
  fail 69 "install what is missing, make it visible by PATH, CMAKE_PREFIX_PATH and" \
    "PKG_CONFIG_PATH, and start again"
}

# --- Compiler and MPI ----------------------------------------------------------------------------

check_compiler() {
  local compiler=${CXX:-c++}
  "$compiler" -std=c++20 -fsyntax-only -x c++ - >/dev/null 2>&1 <<'CODE' || fail 69 \
    "$(command -v "$compiler" || echo "$compiler") cannot compile C++20; install g++ 12 or newer, or name one by CXX=..."
#include <charconv>
#include <ranges>
#include <span>
double number(std::span<const char> text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}
static_assert(std::ranges::range<std::span<const char>>);
CODE
}

check_mpi() {
  mpicc -E -x c - >/dev/null 2>&1 <<'CODE' || fail 69 \
    "$(command -v mpicc || echo mpicc) gives no MPI of version 3.1; install Open MPI 4.1 or newer"
#include <mpi.h>
#if MPI_VERSION < 3 || (MPI_VERSION == 3 && MPI_SUBVERSION < 1)
#error too old
#endif
CODE
}

# --- Set-up and build ----------------------------------------------------------------------------

# set_up USE...: after it everything needed is installed and build/release is configured.
set_up() {
  if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_packages "$@" || require_dependencies "$@"
  elif [ ! -e "$build/build.ninja" ]; then
    require_dependencies "$@"
  fi
  forget_foreign_build
  if [ -e "$build/build.ninja" ]; then return; fi
  check_compiler
  check_mpi
  say "configuring $build"
  run_guarded cmake --preset "$preset" >&2 ||
    fail 70 "cmake could not configure; its message is above"
}

# A tree that was moved or copied takes its build folder along, which CMake refuses.
forget_foreign_build() {
  local cache=$build/CMakeCache.txt
  if [ -e "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
    say "the build folder belongs to another place; starting it anew"
    rm -rf "$build"
  fi
}

# As many compilers as there are cores and 1.5 GiB of memory for each.
build_jobs() {
  local cores memory_kib jobs
  cores=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  jobs=$((${memory_kib:-1572864} / 1572864))
  if [ "$jobs" -gt "$cores" ]; then jobs=$cores; fi
  if [ "$jobs" -lt 1 ]; then jobs=1; fi
  echo "$jobs"
}

# build_targets TARGET...: brings the targets up to date.
build_targets() {
  if [ ! -w "${HOME:-/nonexistent}" ]; then export CCACHE_DIR=$root/build/ccache; fi
  export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(build_jobs)}
  run_guarded cmake --build --preset "$preset" --target "$@" >&2 ||
    fail 70 "the build failed; its message is above"
}
