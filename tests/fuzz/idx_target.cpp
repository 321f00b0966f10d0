// A folder of the four IDX files: a byte of flags, then the files. Bit i of the flags packs file i
// by gzip, so that mutated headers arrive through the inflating reader, too; damaged gzip files
// come as they are. Lengths are those of target.hpp's cut().
#include <array>

#include "fuzz/target.hpp"
#include "io/data_files.hpp"
#include "io/sources/idx_source.hpp"

using namespace podium;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  if (size == 0) return 0;
  const auto files = fuzz::cut(fuzz::Input(data, size).subspan(1), io::idx_file_names.size());
  for (size_t i = 0; i < files.size(); ++i) {
    const test::Bytes bytes(files[i].begin(), files[i].end());
    const bool packed = (data[0] >> i & 1) != 0;
    fuzz::write_file(folder / io::idx_file_names[i], packed ? test::gzip(bytes) : bytes);
  }
  fuzz::read_or_refuse([&] { fuzz::read_source(folder.path()); });
  return 0;
}
