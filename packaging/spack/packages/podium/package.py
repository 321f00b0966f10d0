# The recipe of Podium for Spack. It builds the commit that the checkout around it is at:
#
#   spack repo add packaging/spack && spack install podium         # +cuda for GPUs
#   spack dev-build podium@main                                    # the working tree, with what is not committed
import os

from spack.package import *

try:  # Spack 1.0 and newer
    from spack_repo.builtin.build_systems.cmake import CMakePackage
except ImportError:
    pass


class Podium(CMakePackage):
    """Trains, selects, checkpoints and serves image classifiers on clusters: one executable whose MPI ranks take
    roles."""

    git = "file://" + os.path.realpath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))

    license("Apache-2.0")

    version("main", branch="main")

    # There is no build without MPI: a job of one rank needs it too.
    variant("cuda", default=False, description="Train and serve on NVIDIA GPUs")
    variant("native", default=True, description="Compile for the very processor of the build")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")

    depends_on("mpi@3.1:")
    depends_on("hdf5+mpi")
    depends_on("onednn@2.6:")
    depends_on("boost@1.74:+program_options")
    depends_on("nlohmann-json@3.9:")
    depends_on("simdjson@3:+shared+exceptions")
    depends_on("xxhash")
    depends_on("curl")
    depends_on("libarchive")
    depends_on("openssl@3:")
    depends_on("libpng")
    depends_on("libjpeg-turbo")
    depends_on("isa-l")
    depends_on("zlib-api")

    with when("+cuda"):
        depends_on("cuda@13:")
        depends_on("cudnn@9.8:")
        depends_on("nccl")

    conflicts("%gcc@:11", msg="Podium is C++20: g++ 12 or newer")

    generator("ninja")

    def cmake_args(self):
        args = [
            self.define("PODIUM_TESTS", self.run_tests),
            self.define("PODIUM_CUDA", "ON" if "+cuda" in self.spec else "OFF"),
        ]
        if "~native" in self.spec:
            args.append(self.define("PODIUM_ARCH", ""))  # Spack's wrappers choose by target=
        return args

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def answers(self):
        Executable(self.prefix.bin.podium)("--version")
