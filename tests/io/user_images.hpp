// Writes PNG and JPEG files of every kind, through the plain libraries.
#pragma once

#include <png.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include <jpeglib.h>

#include "io/data_files.hpp"
#include "io/image/image_shape.hpp"

namespace podium::test {

struct PngKind {
  int colour = PNG_COLOR_TYPE_GRAY;
  int depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<png_byte> palette_alpha = {};
};

// `rows` are the packed rows of an image of `kind`, one after the other.
inline void write_png(const std::filesystem::path& path, uint32_t height, uint32_t width,
                      const PngKind& kind, const Bytes& rows) {
  FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) throw std::runtime_error("cannot write " + path.string());
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_IHDR(png, info, width, height, kind.depth, kind.colour,
               kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!kind.palette.empty()) {
    png_set_PLTE(png, info, kind.palette.data(), static_cast<int>(kind.palette.size()));
  }
  if (!kind.palette_alpha.empty()) {
    png_set_tRNS(png, info, kind.palette_alpha.data(), static_cast<int>(kind.palette_alpha.size()),
                 nullptr);
  }
  png_write_info(png, info);
  Bytes copy = rows;
  std::vector<png_bytep> pointers;
  for (uint32_t row = 0; row < height; ++row) {
    pointers.push_back(copy.data() + row * (copy.size() / height));
  }
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);
}

// A gray or colour image of 8 bits.
inline void write_png(const std::filesystem::path& path, const io::ImageShape& shape,
                      const Bytes& pixels) {
  write_png(path, static_cast<uint32_t>(shape.height), static_cast<uint32_t>(shape.width),
            {shape.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB}, pixels);
}

// Gray with 1 channel, colour with 3, CMYK with 4; as exact as JPEG gets.
inline void write_jpeg(const std::filesystem::path& path, const io::ImageShape& shape,
                       const Bytes& pixels, bool progressive = false) {
  FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) throw std::runtime_error("cannot write " + path.string());
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_stdio_dest(&jpeg, file);
  jpeg.image_height = static_cast<JDIMENSION>(shape.height);
  jpeg.image_width = static_cast<JDIMENSION>(shape.width);
  jpeg.input_components = static_cast<int>(shape.channels);
  jpeg.in_color_space = shape.channels == 1   ? JCS_GRAYSCALE
                        : shape.channels == 3 ? JCS_RGB
                                              : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  Bytes copy = pixels;
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = copy.data() + jpeg.next_scanline * shape.width * shape.channels;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::fclose(file);
}

}  // namespace podium::test
