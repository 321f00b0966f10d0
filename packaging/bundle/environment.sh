# shellcheck shell=sh
# What programs of a bundle need to find their libraries and Open MPI its parts. To be sourced, with
# `home` set to the bundle's folder. Plain POSIX shell: a bare machine may have no bash.
#
# The bundle's libraries come before those of the system, which may have other versions; CUDA's come
# after, from wherever the machine has them. Programs that start each other find all of it set.

# shellcheck disable=SC2154  # home is the caller's

refuse() {
  echo "podium bundle: error: $*" >&2
  exit 69
}

# What the machine of the build computes with, if the build was made for that machine.
check_processor() {
  [ -s "$home/etc/cpu-flags" ] && [ -r /proc/cpuinfo ] || return 0
  flags=" $(sed -n '/^flags[[:space:]]*:/ { s/^[^:]*://; p; q; }' /proc/cpuinfo) "
  lacking=
  while read -r flag; do
    case $flags in
      *" $flag "*) ;;
      *) lacking="$lacking $flag" ;;
    esac
  done <"$home/etc/cpu-flags"
  [ -z "$lacking" ] ||
    refuse "this processor lacks$lacking; build Podium with -DPODIUM_ARCH=x86-64-v3 and bundle that"
}

# Folders that may hold CUDA's libraries, one a line, the most deliberate first. The last are where
# Python's packages have them.
cuda_folders() {
  echo "${PODIUM_CUDA_LIBRARIES:-}" | tr : '\n'
  for folder in "${CUDA_HOME:-/usr/local/cuda}" /usr/local/cuda /opt/cuda; do
    echo "$folder/lib64"
    echo "$folder/lib"
  done
  command -v python3 >/dev/null || return 0
  python3 - <<'CODE' 2>/dev/null || true
import glob, os, sys
for folder in sys.path:
    for found in sorted(glob.glob(os.path.join(folder, "nvidia", "*", "lib"))):
        print(found)
CODE
}

in_system() {
  for ldconfig in ldconfig /sbin/ldconfig /usr/sbin/ldconfig; do
    "$ldconfig" -p 2>/dev/null | grep -q "[[:space:]]$1 " && return 0
  done
  return 1
}

# Sets `cuda_path` to the folders that have what the bundle leaves to the machine: etc/cuda-libraries
# has a name a line, and whether it is needed or optional.
find_cuda() {
  cuda_path=
  [ -s "$home/etc/cuda-libraries" ] || return 0
  folders=
  while read -r library need; do
    if in_system "$library"; then continue; fi
    if [ -z "$folders" ]; then folders=$(cuda_folders); fi
    place=$(echo "$folders" | while read -r folder; do
      if [ -n "$folder" ] && [ -e "$folder/$library" ]; then echo "$folder" && break; fi
    done)
    if [ -z "$place" ]; then
      [ "$need" != needed ] || refuse "$library is not here; install CUDA's libraries," \
        "or name their folders in PODIUM_CUDA_LIBRARIES"
      continue
    fi
    case :$cuda_path: in
      *":$place:"*) ;;
      *) cuda_path=${cuda_path:+$cuda_path:}$place ;;
    esac
  done <"$home/etc/cuda-libraries"
}

if [ "${PODIUM_BUNDLE:-}" != "$home" ]; then
  check_processor
  find_cuda
  LD_LIBRARY_PATH=$home/lib${cuda_path:+:$cuda_path}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  PATH=$home/bin:$PATH
  # Open MPI and what it stands on look for their parts where they were installed, unless told.
  OPAL_PREFIX=$home
  OPAL_LIBDIR=$home/lib
  OPAL_PKGLIBDIR=$home/lib/openmpi
  OPAL_DATADIR=$home/share
  OPAL_PKGDATADIR=$home/share/openmpi
  OPAL_SYSCONFDIR=$home/etc
  PMIX_PREFIX=$home
  PMIX_PKGLIBDIR=$home/lib/pmix
  PMIX_PKGDATADIR=$home/share/pmix
  PMIX_SYSCONFDIR=$home/etc
  HWLOC_PLUGINS_PATH=$home/lib/hwloc
  export LD_LIBRARY_PATH PATH OPAL_PREFIX OPAL_LIBDIR OPAL_PKGLIBDIR OPAL_DATADIR OPAL_PKGDATADIR \
    OPAL_SYSCONFDIR PMIX_PREFIX PMIX_PKGLIBDIR PMIX_PKGDATADIR PMIX_SYSCONFDIR HWLOC_PLUGINS_PATH
  # Its launcher of ranks on other nodes refuses to start where there is no ssh; one node needs none.
  if ! command -v ssh >/dev/null && ! command -v rsh >/dev/null; then export OMPI_MCA_plm=^rsh; fi
  export PODIUM_BUNDLE="$home"
fi
