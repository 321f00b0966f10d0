// A table of every network of a small space, each trained several times: with it a search takes
// microseconds a sample, and the best network is known (the idea of NAS-Bench-101, Ying et al.
// 2019).
//
// On disk: a sealed HDF5 file, docs/formats.md. Missing entries, while a table is being made, are
// not numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace podium::bench {

struct SearchTable {
  std::string space;    // its text
  std::string setting;  // how the networks were trained, as JSON
  size_t networks = 0;
  size_t trainings = 0;              // of each network, from different seeds
  std::vector<float> accuracy = {};  // [networks, trainings], on validation images

  float& at(size_t network, size_t training) { return accuracy[network * trainings + training]; }
  float at(size_t network, size_t training) const {
    return accuracy[network * trainings + training];
  }
  // Of a network's trainings.
  double mean(size_t network) const;
  bool complete() const;
};

// Atomic and durable. Throws io_error.
void write_search_table(const std::filesystem::path& path, const SearchTable& table);

// Throws io_error, and data_error for a file that is damaged, no table, or not of its space.
SearchTable read_search_table(const std::filesystem::path& path);

}  // namespace podium::bench
