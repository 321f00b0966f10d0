// An HDF5 file that others wrote: images and labels at the root or in groups, with every type,
// layout and filter that is let through.
#include "fuzz/target.hpp"

using namespace podium;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const std::filesystem::path path = folder / "set.h5";
  fuzz::write_file(path, {data, size});
  fuzz::read_or_refuse([&] { fuzz::read_source(path); });
  return 0;
}
