#!/usr/bin/env bash
# Packs a build of Podium into one archive that runs on a bare machine: the executable, the GPU tests,
# every shared library they need but glibc's and the GPU driver's, Open MPI with its plugins, and a
# wrapper that sets the paths. For machines that have a GPU and its driver and little else.
# `scripts/make_bundle.sh --help` shows the usage.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/gpu_tests.sh
source "$root/scripts/gpu_tests.sh"

usage() {
  cat <<'TEXT'
usage: ./scripts/make_bundle.sh [options]

  --output FILE   the archive, .tar.gz or .tar.xz; default build/podium-bundle.tar.gz
  --build DIR     the build to pack; default build/release. For a processor of another kind, build
                  with -DPODIUM_ARCH=x86-64-v3: cmake -S . -B DIR -G Ninja -DPODIUM_ARCH=x86-64-v3
  --tests GLOBS   names of further test executables, by blanks: 'test_core test_comm*'
  --with-data     also the raw files of Fashion-MNIST; fits in 60 MB as .tar.xz
  --with-cuda     also CUDA's libraries (gigabytes); else the machine must have them, in the system,
                  below CUDA_HOME or /usr/local/cuda, or in Python's nvidia packages

Without --with-cuda the archive has at most 60 MB. In it are
  podium          the executable          mpirun   scripts/mpirun.sh over the bundle's Open MPI
  with            starts any program of it: ./with tests/test_core
  scripts/gpu_check.sh                    every GPU test and benchmark (docs/gpu.md)

exit codes: 2 usage, 69 something needed is absent, 70 the archive is wrong or too large
TEXT
}

limit_bytes=60000000

# --- Which files ---------------------------------------------------------------------------------

# The machine's own: glibc belongs to its kernel and loader, libcuda and its helpers to its driver.
is_system_library() {
  case $1 in
    ld-linux* | libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.* | \
      libutil.so.* | libanl.so.* | libnsl.so.* | libnss_* | libmvec.so.* | linux-vdso* | \
      libcuda.so.* | libnvidia-*) return 0 ;;
    *) return 1 ;;
  esac
}

is_cuda_library() {
  case $1 in
    libcudart.so.* | libcudnn*.so.* | libcublas*.so.* | libnccl.so.* | libnvrtc*.so.* | \
      libnvJitLink.so.* | libcu*.so.* | libnv*.so.*)
      [[ $1 != libcurl* ]]
      ;;
    *) return 1 ;;
  esac
}

# Open MPI's plugins but for fabrics, whose libraries must be those of the machine's drivers, and
# for tools.
is_wanted_plugin() {
  case ${1##*/} in
    *ofi* | *openib* | *ucx* | *psm* | *usnic* | *monitoring* | libompi_dbg*) return 1 ;;
    *_atomic_* | *_memheap_* | *_spml_* | *_scoll_* | *_sshmem_*) return 1 ;;  # OpenSHMEM
    *.so) return 0 ;;
    *) return 1 ;;
  esac
}

# Lines "SONAME PATH" of what the files need, the plugins' needs too; PATH is - where it is missing.
needed_libraries() {
  env -u LD_LIBRARY_PATH ldd "$@" 2>/dev/null |
    awk '$2 == "=>" { print $1, $3 == "not" ? "-" : $3 }' | sort -u
}

# Sets `mpi_plugins`, `mpi_help` and `pmix_plugins`.
find_mpi() {
  local version
  command -v ompi_info >/dev/null || fail 69 "ompi_info is not here; bundles are made with Open MPI"
  version=$(ompi_info --version | sed -n 's/^Open MPI v//p')
  [[ $version == 4.* ]] || fail 69 "this is Open MPI $version; bundles are made with version 4"
  mpi_plugins=$(mpi_folder pkglibdir)
  mpi_help=$(mpi_folder pkgdatadir)
  pmix_plugins=$(env -u LD_LIBRARY_PATH ldd "$mpi_plugins"/mca_pmix_ext*.so 2>/dev/null |
    awk '$1 ~ /^libpmix/ { print $3; exit }')
  if [ -n "$pmix_plugins" ]; then pmix_plugins=$(dirname "$(readlink -f "$pmix_plugins")")/pmix; fi
}

mpi_folder() {
  ompi_info --path "$1" --parsable | sed -n "s/^path:$1://p"
}

# The test executables with tests of GPUs, and those named by --tests.
find_tests() {
  local file glob
  while read -r file; do
    if has_gpu_tests "$file"; then
      echo "$file"
      continue
    fi
    for glob in "${more_tests[@]}"; do
      # shellcheck disable=SC2053  # a pattern
      if [[ ${file##*/} == $glob ]]; then echo "$file"; fi
    done
  done < <(find "$build/tests" -name 'test_*' -type f -perm -u+x | sort)
}

# --- Copying -------------------------------------------------------------------------------------

copy_programs() {
  local file tests
  mkdir -p "$bundle/bin" "$bundle/tests"
  cp -L "$build/podium" "$(command -v orted)" "$bundle/bin/"
  cp -L "$(command -v mpirun)" "$bundle/bin/mpirun"
  mapfile -t tests < <(find_tests)
  for file in "${tests[@]}"; do cp "$file" "$bundle/tests/"; done
  say "${#tests[@]} test executables: ${tests[*]##*/}"
  strip "$bundle"/bin/* "$bundle"/tests/* 2>/dev/null || true
}

copy_mpi() {
  local file
  mkdir -p "$bundle/lib/openmpi" "$bundle/lib/pmix" "$bundle/lib/hwloc" "$bundle/share/openmpi" \
    "$bundle/etc"
  for file in "$mpi_plugins"/*; do
    if is_wanted_plugin "$file"; then cp -L "$file" "$bundle/lib/openmpi/"; fi
  done
  cp -rL "$mpi_help/." "$bundle/share/openmpi/"
  if [ -d "$pmix_plugins" ]; then
    find "$pmix_plugins" -name '*.so' ! -name '*slurm*' -exec cp -L {} "$bundle/lib/pmix/" \;
  fi
  touch "$bundle/etc/openmpi-mca-params.conf" "$bundle/etc/openmpi-default-hostfile" \
    "$bundle/etc/cuda-libraries"
}

# Everything that anything in the bundle needs; CUDA's only if asked.
copy_libraries() {
  local name path missing=()
  while read -r name path; do
    if is_system_library "$name"; then continue; fi
    if is_cuda_library "$name"; then
      take_cuda_library "$name" "$path" needed
    elif [ "$path" = - ]; then
      missing+=("$name")
    else
      cp -L "$path" "$bundle/lib/$name"
    fi
  done < <(needed_libraries "$bundle"/bin/* "$bundle"/tests/* "$bundle"/lib/*/*.so)
  if [ ${#missing[@]} != 0 ]; then fail 69 "libraries are missing here: ${missing[*]}"; fi
  take_loaded_libraries
}

# What Podium and cuDNN load by name while they run.
take_loaded_libraries() {
  local folder path
  grep -aq 'libcublasLt\.so' "$bundle/bin/podium" || return 0
  folder=$(cuda_folder)
  for path in "$folder"/libcublasLt.so.[0-9]*; do take_by_major "$path" needed; done
  for path in "$folder"/libnvrtc.so.[0-9]*; do take_by_major "$path" optional; done
  for path in "$folder"/libcudnn_*.so.[0-9] "$folder"/libnvrtc-builtins.so.[0-9]*; do
    if [ "$with_cuda" = 1 ] && [ -e "$path" ]; then cp -L "$path" "$bundle/lib/"; fi
  done
}

# take_by_major PATH needed|optional: unless it is the same library under its whole version.
take_by_major() {
  if [[ $1 =~ \.so\.[0-9]+$ ]]; then take_cuda_library "${1##*/}" "$1" "$2"; fi
}

# Where the build found cuDNN, with CUDA's other libraries beside it.
cuda_folder() {
  dirname "$(needed_libraries "$bundle/bin/podium" | awk '$1 ~ /^libcudnn\.so/ { print $2 }')"
}

# take_cuda_library NAME PATH needed|optional: into the bundle if asked, else on the list of what a
# machine must or may have.
take_cuda_library() {
  if [ "$with_cuda" = 1 ]; then
    if [ -e "$2" ]; then cp -L "$2" "$bundle/lib/$1"; fi
  else
    echo "$1 $3" >>"$bundle/etc/cuda-libraries"
  fi
}

copy_scripts() {
  local name
  mkdir -p "$bundle/scripts" "$bundle/inputs" "$bundle/bench"
  cp "$root"/scripts/{common.sh,mpirun.sh} "$root"/scripts/gpu_* "$bundle/scripts/"
  cp "$root"/inputs/*.cfg "$bundle/inputs/"
  cp "$root"/bench/*.py "$bundle/bench/"
  cp "$root/LICENSE" "$bundle/"
  cp "$root/packaging/bundle/environment.sh" "$bundle/"
  for name in podium mpirun with; do cp "$root/packaging/bundle/launcher.sh" "$bundle/$name"; done
}

# Unpacked: what packs the archive does it better.
copy_data() {
  local folder=/usr/share/datasets/fashion-mnist file
  if [ "$with_data" = 0 ]; then return; fi
  [ -d "$folder" ] || fail 69 "$folder is not here; install the package dataset-fashion-mnist"
  mkdir -p "$bundle/data/fashion-mnist"
  for file in "$folder"/*-ubyte.gz; do
    gunzip -c "$file" >"$bundle/data/fashion-mnist/$(basename "$file" .gz)"
  done
}

# --- What the bundle says of itself --------------------------------------------------------------

cache_value() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt" 2>/dev/null; }

# What GCC uses by itself of a processor that it builds for.
write_cpu_flags() {
  local flag flags
  : >"$bundle/etc/cpu-flags"
  if [ "$(cache_value PODIUM_ARCH)" != native ]; then return; fi
  flags=" $(sed -n '/^flags[[:space:]]*:/ { s/^[^:]*://; p; q; }' /proc/cpuinfo) "
  for flag in avx avx2 f16c fma bmi1 bmi2 movbe abm avx512f avx512bw avx512cd avx512dq avx512vl \
    avx512vbmi avx512_vbmi2 avx512ifma avx512_vnni avx512_bitalg avx512_vpopcntdq; do
    if [[ $flags == *" $flag "* ]]; then echo "$flag" >>"$bundle/etc/cpu-flags"; fi
  done
}

# The newest symbol version of glibc that anything here needs.
needed_glibc() {
  find "$bundle/bin" "$bundle/lib" "$bundle/tests" -type f -exec readelf -VW {} + 2>/dev/null |
    grep -o 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1
}

write_manifest() {
  {
    echo "podium $(cache_value CMAKE_PROJECT_VERSION)"
    echo "commit $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
    echo "build type $(cache_value CMAKE_BUILD_TYPE), -march=$(cache_value PODIUM_ARCH)"
    echo "needs $(needed_glibc) $(awk '$2 == "needed" { print $1 }' "$bundle/etc/cuda-libraries" | xargs)"
    echo
    cd "$bundle"
    find . -type f ! -name MANIFEST -printf '%s\t%P\n' | sort -k2
  } >"$bundle/MANIFEST"
}

# --- The archive ---------------------------------------------------------------------------------

pack() {
  local compress
  case $output in
    *.xz) compress=(xz -9) ;;
    *) compress=(gzip -9) ;;
  esac
  mkdir -p "$(dirname "$output")"
  tar -C "$scratch" --owner=0 --group=0 --sort=name -cf - podium-bundle | "${compress[@]}" \
    >"$output.partial"
  mv "$output.partial" "$output"
}

check_size() {
  local bytes
  bytes=$(stat -c %s "$output")
  say "$output: $((bytes / 1000000)).$(printf '%02d' $((bytes / 10000 % 100))) MB," \
    "$(du -sm --apparent-size "$bundle" | cut -f1) MiB unpacked"
  if [ "$with_cuda" = 0 ] && [ "$bytes" -gt "$limit_bytes" ]; then
    rm "$output"
    fail 70 "that is more than $((limit_bytes / 1000000)) MB; as .tar.xz, or without --with-data, it is less"
  fi
}

# The wrapper, the paths and all libraries at once, from a place where nobody built anything.
check_bundle() {
  if [ "$with_cuda" = 1 ] || [ ! -s "$bundle/etc/cuda-libraries" ] || is_cuda_here; then
    "$bundle/podium" --version >/dev/null || fail 70 "the bundle's podium does not start"
  else
    say "not tried: CUDA's libraries are not on this machine"
  fi
}

is_cuda_here() {
  # shellcheck disable=SC2016  # expanded by the shell that is started
  home=$bundle sh -c '. "$home/environment.sh"' >/dev/null 2>&1
}

parse_arguments() {
  output=$root/build/podium-bundle.tar.gz
  with_data=0
  with_cuda=0
  more_tests=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage && exit 0 ;;
      --with-data) with_data=1 ;;
      --with-cuda) with_cuda=1 ;;
      --output | --build | --tests)
        [ $# -ge 2 ] || fail 2 "$1 wants a value; see --help"
        case $1 in
          --output) output=$(realpath -m "$2") ;;
          --build) build=$(realpath -m "$2") ;;
          --tests) read -ra more_tests <<<"$2" ;;
        esac
        shift
        ;;
      *) fail 2 "unknown argument '$1'; see --help" ;;
    esac
    shift
  done
}

parse_arguments "$@"
[ -x "$build/podium" ] || fail 69 "$build has no podium; build it, for instance by ./scripts/run.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bundle=$scratch/podium-bundle
mkdir "$bundle"
find_mpi
copy_programs
copy_mpi
copy_libraries
copy_scripts
copy_data
write_cpu_flags
write_manifest
check_bundle
pack
check_size
