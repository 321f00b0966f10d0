// libjpeg tells errors by a callback that must not return. It leaves by longjmp, which must pass
// over no C++ object: each call of the library is a small step within guarded(), whose lambda has
// plain values only.
#include "io/sources/jpeg_decoder.hpp"

#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE

#include <jerror.h>
#include <jpeglib.h>

#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr long working_bytes_limit = long{768} << 20;  // coefficients of a progressive image
// A block of 64 pixels takes a bit at least, by Huffman codes.
constexpr uint64_t pixels_per_byte = 8 * 64;
constexpr int scans_limit = 500;  // a small file could otherwise ask for hours of work
constexpr int corruption = -1;    // libjpeg's level of warnings about damaged data

// What the callbacks see; libjpeg holds pointers to its first members.
struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
};

ErrorManager& manager_of(j_common_ptr jpeg) {
  return *reinterpret_cast<ErrorManager*>(jpeg->err);
}

extern "C" {

[[noreturn]] static void podium_jpeg_error(j_common_ptr jpeg) {
  ErrorManager& manager = manager_of(jpeg);
  manager.base.format_message(jpeg, manager.message.data());
  std::longjmp(manager.jump, 1);
}

// libjpeg goes on after damage and makes pixels up; that is an error here. Bytes between two
// segments, which some cameras leave, and odd version numbers do no harm.
static void podium_jpeg_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level != corruption || code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR) return;
  podium_jpeg_error(jpeg);
}

static void podium_jpeg_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= scans_limit) return;
  ErrorManager& manager = manager_of(jpeg);
  std::snprintf(manager.message.data(), manager.message.size(), "more than %d scans", scans_limit);
  std::longjmp(manager.jump, 1);
}

}  // extern "C"

class JpegReader {
 public:
  JpegReader(std::span<const uint8_t> file, const std::string& where, uint64_t most_bytes)
      : file_(file), where_(where), most_bytes_(most_bytes) {
    jpeg_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = podium_jpeg_error;
    errors_.base.emit_message = podium_jpeg_message;
    guarded([this] { jpeg_create_decompress(&jpeg_); });
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }

  Image read() {
    guarded([this] { read_header(); });
    Image image;
    image.shape = {jpeg_.image_height, jpeg_.image_width, choose_colours()};
    check_image_size(image.shape, where_, most_bytes_);
    if (jpeg_.arith_code != 0) {
      throw data_error("a JPEG image with arithmetic coding", where_,
                       "convert it to Huffman coding");
    }
    check_image_content(image.shape.height * image.shape.width, pixels_per_byte, file_.size(),
                        where_);
    image.pixels.resize(image.shape.bytes());
    const size_t row_bytes = image.shape.width * image.shape.channels;
    guarded([this, &image, row_bytes] {
      jpeg_start_decompress(&jpeg_);
      while (jpeg_.output_scanline < jpeg_.output_height) {
        JSAMPROW row = image.pixels.data() + jpeg_.output_scanline * row_bytes;
        jpeg_read_scanlines(&jpeg_, &row, 1);
      }
      jpeg_finish_decompress(&jpeg_);
    });
    return image;
  }

 private:
  template <typename Step>
  void guarded(const Step& step) {
    if (setjmp(errors_.jump) != 0) {
      throw data_error(std::string("cannot decode the JPEG image: ") + errors_.message.data(),
                       where_, "replace or remove it");
    }
    step();
  }

  void read_header() {
    jpeg_.mem->max_memory_to_use = working_bytes_limit;
    progress_.progress_monitor = podium_jpeg_progress;
    jpeg_.progress = &progress_;
    jpeg_mem_src(&jpeg_, file_.data(), file_.size());
    jpeg_read_header(&jpeg_, TRUE);
    jpeg_.dct_method = JDCT_ISLOW;  // the exact one: the same pixels on every machine
  }

  // Returns the channels of the result.
  size_t choose_colours() {
    if (jpeg_.jpeg_color_space == JCS_GRAYSCALE) {
      jpeg_.out_color_space = JCS_GRAYSCALE;
      return 1;
    }
    if (jpeg_.jpeg_color_space != JCS_YCbCr && jpeg_.jpeg_color_space != JCS_RGB) {
      throw data_error("a JPEG image in CMYK or another unusual colour space", where_,
                       "convert it to RGB");
    }
    jpeg_.out_color_space = JCS_RGB;
    return 3;
  }

  std::span<const uint8_t> file_;
  const std::string& where_;
  uint64_t most_bytes_;
  ErrorManager errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct jpeg_{};
};

}  // namespace

Image decode_jpeg(std::span<const uint8_t> file, const std::string& where, uint64_t most_bytes) {
  return JpegReader(file, where, most_bytes).read();
}

}  // namespace podium::io
