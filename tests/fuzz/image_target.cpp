// The bytes of one PNG or JPEG file.
#include "fuzz/target.hpp"
#include "io/sources/image_file.hpp"

using namespace podium;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::read_or_refuse([&] {
    const io::Image image = io::decode_image({data, size}, "image");
    fuzz::expect(image.pixels.size() == image.shape.bytes(), "pixels that do not fill the shape");
    fuzz::expect(image.shape.channels == 1 || image.shape.channels == 3, "odd channels");
  });
  return 0;
}
