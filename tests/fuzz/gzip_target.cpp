// One file through ByteStream, plain or gzip: what read() gives, skip() passes over.
#include "fuzz/target.hpp"
#include "io/sources/byte_stream.hpp"

using namespace podium;

namespace {

constexpr size_t odd_piece = 4099;  // so that pieces and buffers never end together
constexpr uint64_t more_than_any = uint64_t{1} << 40;

uint64_t read_all(const std::filesystem::path& path) {
  io::ByteStream stream(path);
  std::vector<uint8_t> piece(odd_piece);
  while (stream.read(piece) == piece.size()) {
  }
  return stream.offset();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::ScratchFolder folder;
  const std::filesystem::path path = folder / "file";
  fuzz::write_file(path, {data, size});
  fuzz::read_or_refuse([&] {
    const uint64_t bytes = read_all(path);
    io::ByteStream stream(path);
    fuzz::expect(stream.skip(more_than_any) == bytes, "skip() and read() count differently");
  });
  return 0;
}
