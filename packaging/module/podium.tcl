#%Module
# Podium for `module load`, with Lmod or Environment Modules. Installed as PREFIX/share/podium/module/podium/VERSION:
#
#   module use PREFIX/share/podium/module && module load podium
#
# A copy elsewhere needs PREFIX below. Load the MPI that Podium was built with first, or name it here.

set prefix [file normalize [file join [file dirname $ModulesCurrentModulefile] .. .. .. ..]]
# module load gcc/12 openmpi/4.1

module-whatis "Podium: trains, selects, checkpoints and serves image classifiers on clusters"

proc ModulesHelp {} {
  puts stderr "podium --help lists the verbs; man podium; inputs and job scripts are in \$PODIUM_SHARE"
}

conflict podium
prepend-path PATH [file join $prefix bin]
prepend-path MANPATH [file join $prefix share man]
prepend-path XDG_DATA_DIRS [file join $prefix share]
prepend-path CMAKE_PREFIX_PATH $prefix
setenv PODIUM_ROOT $prefix
setenv PODIUM_SHARE [file join $prefix share podium]
setenv PODIUM [file join $prefix bin podium]
