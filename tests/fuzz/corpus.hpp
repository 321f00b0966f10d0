// Corpus: the folder of one fuzz target's seeds, as make_corpus writes them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

#include "io/data_files.hpp"

namespace podium::fuzz {

using test::Bytes;

class Corpus {
 public:
  Corpus(std::filesystem::path root, const std::string& target) : folder_(std::move(root)) {
    folder_ /= target;
    std::filesystem::create_directories(folder_);
  }

  void add(const std::string& name, const Bytes& input) const {
    test::write_bytes(folder_ / name, input);
  }
  void add(const std::string& name, const std::string& text) const {
    add(name, Bytes(text.begin(), text.end()));
  }
  void add_cut(const std::string& name, Bytes input, size_t bytes) const {
    input.resize(std::min(bytes, input.size()));
    add(name, input);
  }

 private:
  std::filesystem::path folder_;
};

// What strangers send to a service, and what its processes say to each other (message_corpus.cpp).
void write_serve(const std::filesystem::path& root);
void write_frames(const std::filesystem::path& root);
void write_ps(const std::filesystem::path& root);

}  // namespace podium::fuzz
