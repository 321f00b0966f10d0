// Marker: the small file that makes the parts of a checkpoint one whole.
//
// A checkpoint exists once its marker does. It is written last, when every part is durable, and
// names each with its size and hash: parts of different saves are never read as one, and lists are
// made without opening the parts. Grammar: docs/formats.md. Pure functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace podium::ckpt {

struct MarkedPart {
  std::string file;  // beside the marker
  uint64_t bytes = 0;
  std::string xxh3;  // of its seal
};

struct Marker {
  int64_t step = 0;         // optimizer steps of the run that were taken
  int epochs = 0;           // that were finished
  bool epoch_end = false;   // no epoch was under way
  double val_accuracy = 0;  // after the last epoch
  int ranks = 1;
  std::vector<MarkedPart> parts;
};

std::string to_text(const Marker& marker);

// Throws data_error naming `path` when the text is damaged, or of a newer format.
Marker parse_marker(const std::string& text, const std::filesystem::path& path);

}  // namespace podium::ckpt
