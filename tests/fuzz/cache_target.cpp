// A cache folder whose files are the input, as they are on disk: manifest, one train shard, one
// test shard. Lengths are those of target.hpp's cut().
#include <numeric>

#include "fuzz/target.hpp"
#include "io/cache/manifest.hpp"
#include "io/loader/dataset.hpp"

using namespace podium;

namespace {

void gather_all(const io::Dataset& dataset, io::Split split) {
  std::vector<uint32_t> records(dataset.size(split));
  std::iota(records.begin(), records.end(), 0U);
  std::vector<uint8_t> images(records.size() * dataset.info().image_bytes());
  std::vector<uint8_t> labels(records.size());
  dataset.gather(split, records, images, labels);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const auto files = fuzz::cut({data, size}, 3);
  fuzz::write_file(folder / io::manifest_file, files[0]);
  fuzz::write_file(folder / "train.h5", files[1]);
  fuzz::write_file(folder / "test.h5", files[2]);
  fuzz::read_or_refuse([&] {
    const io::Dataset dataset = io::Dataset::open(folder.path());
    for (const io::Split split : {io::Split::train, io::Split::validation, io::Split::test}) {
      gather_all(dataset, split);
    }
  });
  return 0;
}
