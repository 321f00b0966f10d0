#!/usr/bin/env bash
# An installation into an empty root runs from there, with manual pages and completion that know every verb and option;
# the recipes of packaging/ are well formed, as far as the tools for that are here. What is not says SKIPPED and why.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"

packaging=$project/packaging
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

# have PROGRAM WHAT: whether the program is here; if not, WHAT is skipped.
have() {
  command -v "$1" >/dev/null && return 0
  echo "SKIPPED: $2, as there is no $1"
  return 1
}

# --- The installation ----------------------------------------------------------------------------

expect 0 "podium-mpirun" cmake --install "$build" --prefix "$root"
share=$root/share/podium
for file in bin/podium bin/podium-mpirun share/podium/inputs/fashion_mnist.cfg share/podium/slurm/common.sh \
  share/podium/jube/podium.xml share/podium/reframe/podium.py share/doc/podium/README.md share/doc/podium/docs/cli.md \
  share/doc/podium/copyright share/bash-completion/completions/podium share/man/man1/podium-train.1; do
  [ -s "$root/$file" ] || expect 0 "" ls "$root/$file"
done
expect 1 "" grep -rqF "$project" "$root/share" # nothing leads back

cd "$scratch"
expect 0 "podium 0." "$root/bin/podium" --version
data=("--io.source=synthetic:200,8,8,1,4" --io.validation=50 "--io.cache_dir=$scratch/cache" "--run.dir=$scratch/run")
expect 0 '"records":' "$root/bin/podium" ingest "${data[@]}"
expect 0 '"ranks":2' "$root/bin/podium-mpirun" -n 2 "$root/bin/podium" train "$share/inputs/fashion_mnist-ci.cfg" \
  "${data[@]}" --train.model=dense --train.threads=1

# Job scripts find the installed executable from a user's folder.
mkdir user && cp -r "$share/slurm" user
expect 2 "RANKS=1,5: write numbers from 1 to 4" env SLURM_JOB_ID=1 SLURM_NTASKS=4 RANKS=1,5 SLURM_SUBMIT_DIR="$scratch/user" \
  PODIUM="$root/bin/podium" PODIUM_LAUNCHER=mpirun user/slurm/scaling.sbatch

cat >CMakeLists.txt <<'TEXT'
cmake_minimum_required(VERSION 3.22)
project(user LANGUAGES NONE)
find_package(podium 0.1 REQUIRED)
get_target_property(place podium::podium LOCATION)
message(STATUS "podium at ${place}")
TEXT
expect 0 "podium at $root/bin/podium" cmake -G Ninja -S . -B found "-DCMAKE_PREFIX_PATH=$root"
sed -i 's/podium 0.1 /podium 7.0 /' CMakeLists.txt
expect 1 "7.0" cmake -G Ninja -S . -B other "-DCMAKE_PREFIX_PATH=$root"

# --- Manual pages --------------------------------------------------------------------------------

# The verbs of this release, and the options of one, as its help lists them.
verbs=$("$root/bin/podium" --help | sed -n '/^Verbs:/,/^Flags:/{/not in this release/d;s/^  \([a-z]\+\) .*/\1/p}')
options_of() { "$root/bin/podium" "$1" --help | sed -n 's/^  --\([^ ]*\) .*/\1/p'; }

pages=$root/share/man/man1
if have groff "the look of the manual pages"; then
  for page in "$pages"/*.1; do
    warnings=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
    [ -z "$warnings" ] || expect 0 "$page without warnings" echo "$warnings"
  done
fi
for verb in $verbs; do
  expect 0 "" grep -q "^\\\\fB$verb\\\\fR" "$pages/podium.1"
  [ "$(options_of "$verb")" = "$(sed -n 's/^\\fB\\-\\-\(.*\)\\fR=.*/\1/p' "$pages/podium-$verb.1" | sed 's/\\-/-/g')" ] ||
    expect 0 "the options of podium $verb" echo "podium-$verb.1 has others"
done
if have man "man"; then
  expect 0 "--io.cache_dir=TEXT" env MANPAGER=cat MANWIDTH=100 LC_ALL=C man -l "$pages/podium-ingest.1"
fi

# --- Completion ----------------------------------------------------------------------------------

# complete WORD...: what bash offers for the last word; = is a word of its own, as bash cuts it.
complete_words() {
  bash -c 'source "$1" && shift && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) || exit
    _podium # its status says nothing to bash
    printf "%s\n" "${COMPREPLY[@]}"' completion "$root/share/bash-completion/completions/podium" "$@" 2>&1
}

# offers EXPECTED WORD...: exactly that, in any order.
offers() {
  local expected=$1 offered
  shift
  offered=$(complete_words "$@" | sort | paste -sd' ')
  [ "$offered" = "$expected" ] || expect 0 "completion: $expected" echo "$*: $offered"
}

offers "$(sort <<<"$verbs" | paste -sd' ')" podium ''
offers "search select serve" podium se
offers "--memo.max_age= --memo.max_change=" podium ingest --memo.max
offers "content" podium ingest --memo = con
offers "age always content never" podium ingest --memo =
offers "false true" podium ingest --io.follow = ''
offers "--input=" podium predict --inp
offers "--model." podium train --mod
offers "--model.wide.lr=" podium train --model.wide.lr
offers "io" podium bench i
offers "$share/inputs/search-ci.cfg $share/inputs/search-paper.cfg $share/inputs/search.cfg" podium train "$share/inputs/sea"
offers "--help --version" podium --
for verb in $verbs; do
  for key in $(options_of "$verb"); do
    [[ $key == *\** ]] || [ "$(complete_words podium "$verb" "--$key" | grep -cx -- "--$key=")" = 1 ] ||
      expect 0 "completion: --$key=" complete_words podium "$verb" "--$key"
  done
done

# --- Recipes -------------------------------------------------------------------------------------

expect 0 "" bash -n "$packaging/completion.bash"
if have python3 "the recipes in Python"; then
  for file in "$packaging"/*/*.py "$packaging"/spack/packages/podium/package.py "$packaging"/easybuild/*.eb; do
    expect 0 "" python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file"
  done
fi
if have xmllint "JUBE's file as XML"; then
  expect 0 "" xmllint --noout "$packaging/jube/podium.xml"
fi
for file in "$packaging"/apptainer/*.def; do
  awk '/^%/ { inside = ($1 == "%post"); next } /^Bootstrap:/ { inside = 0 } inside' "$file" >post.sh
  expect 0 "" sh -n post.sh
  [ "$(grep -c '^Bootstrap:' "$file")" = 2 ] || expect 0 "two stages" cat "$file"
done

# Each option that the studies name is one that Podium knows, and each key they parse is in a result line.
line=$("$root/bin/podium" train "$share/inputs/fashion_mnist-ci.cfg" "${data[@]}" --train.model=dense 2>/dev/null)
for file in "$packaging/jube/podium.xml" "$packaging/reframe/podium.py"; do
  while read -r option; do
    expect 0 "" grep -q -- "| \`${option//[-=]/}\` " "$project/docs/options.md"
  done < <(grep -o -- '--[a-z]\+\.[a-z_]\+=' "$file")
done
while read -r key; do
  expect 0 "\"$key\":" echo "$line"
done < <(sed -n 's/.*PODIUM_RESULT .*"\([a-z_]*\)":.jube_pat.*/\1/p' "$packaging/jube/podium.xml")

if have tclsh "the modulefile"; then
  cat >module.tcl <<'TEXT'
foreach command {module-whatis conflict prepend-path} { proc $command {args} {} }
proc setenv {name value} { puts "$name=$value" }
set ModulesCurrentModulefile [lindex $argv 0]
source $ModulesCurrentModulefile
TEXT
  module=("$share"/module/podium/*)
  expect 0 "PODIUM=$root/bin/podium" tclsh module.tcl "${module[0]}"
fi

# --- The Debian package ---------------------------------------------------------------------------

# CPack would build everything first; here it takes what is installed.
if have dpkg-shlibdeps "the Debian package"; then
  expect 0 "" env DESTDIR="$scratch/staged" cmake --install "$build" --prefix /usr
  expect 0 "package: $scratch" cpack --config "$build/CPackConfig.cmake" -B "$scratch" -D CPACK_INSTALL_CMAKE_PROJECTS= \
    -D "CPACK_INSTALLED_DIRECTORIES=$scratch/staged;/"
  expect 0 "libopenmpi" dpkg-deb --field "$scratch"/podium_*.deb Depends
  expect 0 "man1/podium-train.1.gz" dpkg-deb --contents "$scratch"/podium_*.deb
  expect 0 "" dpkg-deb --extract "$scratch"/podium_*.deb "$scratch/unpacked"
  expect 0 "podium 0." "$scratch/unpacked/usr/bin/podium" --version
fi

# --- The studies, where their tools are ----------------------------------------------------------

export PODIUM=$root/bin/podium PODIUM_MPIRUN=$root/bin/podium-mpirun RANKS=1 MODES=weak
export PODIUM_ARGUMENTS="--io.source=synthetic:200,8,8,1,4 --io.validation=50 --train.model=dense --train.epochs=1"
if have jube "a study by JUBE"; then
  expect 0 "" jube run "$share/jube/podium.xml" -o "$scratch/jube"
  expect 0 "weak,1,1,128," jube result "$scratch/jube" -a -i last
fi
if have reframe "a check by ReFrame"; then
  expect 0 "PASSED" env HOME="$scratch" TMPDIR="$scratch" reframe -C "$share/reframe/workstation.py" -c "$share/reframe/podium.py" -r \
    --prefix="$scratch/reframe" -P ranks=1 -P mode=weak -S podium="$PODIUM" -S arguments="$PODIUM_ARGUMENTS"
fi
exit "$failures"
