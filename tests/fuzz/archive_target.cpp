// A tar archive, plain or gzip, of which two files are wanted.
#include "fuzz/target.hpp"
#include "io/sources/archive.hpp"

using namespace podium;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const std::filesystem::path archive = folder / "archive";
  const std::filesystem::path unpacked = folder / "unpacked";
  fuzz::write_file(archive, {data, size});
  fuzz::read_or_refuse([&] { io::unpack({archive, {"a.bin", "b.bin"}, unpacked}); });
  // All or nothing, and nothing beside it.
  const bool there = std::filesystem::exists(unpacked);
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    files += entry.is_directory() && entry.path() == unpacked ? 0 : 1;
  }
  fuzz::expect(files == (there ? 3 : 1), "an archive that wrote something else");
  std::filesystem::remove_all(unpacked);
  return 0;
}
