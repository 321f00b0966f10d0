// A folder of CIFAR's binary files: the names of the classes, one train batch, the test batch.
// Lengths are those of target.hpp's cut().
#include "fuzz/target.hpp"

using namespace podium;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const auto files = fuzz::cut({data, size}, 3);
  if (files[0].empty()) {
    std::filesystem::remove(folder / "batches.meta.txt");
  } else {
    fuzz::write_file(folder / "batches.meta.txt", files[0]);
  }
  fuzz::write_file(folder / "data_batch_1.bin", files[1]);
  fuzz::write_file(folder / "test_batch.bin", files[2]);
  fuzz::read_or_refuse([&] { fuzz::read_source(folder.path()); });
  return 0;
}
