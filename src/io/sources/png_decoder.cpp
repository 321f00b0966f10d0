// libpng tells errors by longjmp, which must pass over no C++ object. So each call of the library
// is a small step within guarded(), whose lambda has plain values only; everything with a
// destructor lives outside.
#include "io/sources/png_decoder.hpp"

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr png_alloc_size_t chunk_bytes_limit = png_alloc_size_t{8} << 20;
constexpr png_uint_32 cached_chunks_limit = 1000;
// Deflate makes at least one byte of 1032, and a byte holds up to eight pixels.
constexpr uint64_t pixels_per_byte = 8 * 1032;

// What the callbacks see.
struct Context {
  std::span<const uint8_t> left;
  std::array<char, 160> message{};
};

extern "C" {

[[noreturn]] static void podium_png_error(png_structp png, png_const_charp message) {
  auto& context = *static_cast<Context*>(png_get_error_ptr(png));
  std::snprintf(context.message.data(), context.message.size(), "%s", message);
  png_longjmp(png, 1);
}

// Damage that libpng only warns of lies in parts that are not used.
static void podium_png_warning(png_structp, png_const_charp) {}

static void podium_png_read(png_structp png, png_bytep out, size_t count) {
  auto& context = *static_cast<Context*>(png_get_io_ptr(png));
  if (count > context.left.size()) png_error(png, "the file ends too early");
  std::memcpy(out, context.left.data(), count);
  context.left = context.left.subspan(count);
}

}  // extern "C"

class PngReader {
 public:
  PngReader(std::span<const uint8_t> file, const std::string& where, uint64_t most_bytes)
      : file_bytes_(file.size()), where_(where), most_bytes_(most_bytes) {
    context_.left = file;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &context_, podium_png_error,
                                  podium_png_warning);
    if (png_ == nullptr) throw std::bad_alloc();
    info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  Image read() {
    guarded([this] { begin(); });
    Image image;
    image.shape = {png_get_image_height(png_, info_), png_get_image_width(png_, info_),
                   png_get_channels(png_, info_)};
    check_image_size(image.shape, where_, most_bytes_);
    check_image_content(image.shape.height * image.shape.width, pixels_per_byte, file_bytes_,
                        where_);
    const size_t row_bytes = image.shape.width * image.shape.channels;
    const bool is_plain = image.shape.channels == 1 || image.shape.channels == 3;
    require(is_plain && png_get_rowbytes(png_, info_) == row_bytes,
            "libpng gives gray or colour of 8 bits", where_.c_str());
    image.pixels.resize(image.shape.bytes());
    std::vector<png_bytep> rows(image.shape.height);
    for (size_t row = 0; row < rows.size(); ++row) {
      rows[row] = image.pixels.data() + row * row_bytes;
    }
    guarded([this, &rows] {
      png_read_image(png_, rows.data());
      png_read_end(png_, nullptr);
    });
    return image;
  }

 private:
  template <typename Step>
  void guarded(const Step& step) {
    if (setjmp(png_jmpbuf(png_)) != 0) {
      throw data_error(std::string("cannot decode the PNG image: ") + context_.message.data(),
                       where_, "replace or remove it");
    }
    step();
  }

  // Reads the header and asks for gray or colour of 8 bits.
  void begin() {
    png_set_read_fn(png_, &context_, podium_png_read);
    png_set_user_limits(png_, image_side_limit, image_side_limit);
    png_set_chunk_malloc_max(png_, chunk_bytes_limit);
    png_set_chunk_cache_max(png_, cached_chunks_limit);
    png_read_info(png_, info_);
    const auto kind = png_get_color_type(png_, info_);
    if (kind == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (kind == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
    png_set_scale_16(png_);
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  uint64_t file_bytes_;
  const std::string& where_;
  uint64_t most_bytes_;
  Context context_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

Image decode_png(std::span<const uint8_t> file, const std::string& where, uint64_t most_bytes) {
  return PngReader(file, where, most_bytes).read();
}

}  // namespace podium::io
