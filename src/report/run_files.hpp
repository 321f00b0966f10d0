// The files of a run folder as JSON, as far as they can be read.
//
// A run may be under way, or have been killed: half lines and damaged files are counted, not
// refused. Free functions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/place.hpp"

namespace podium::report {

struct JsonLinesFile {
  Json lines = Json::array();  // those that are objects
  size_t damaged = 0;          // lines that are none
};

// None where there is no file. Throws io_error.
JsonLinesFile read_json_lines(const std::filesystem::path& path);

// An input file as one object: {"section.key": "value"}, in its order; empty where there is none.
Json read_settings(const std::filesystem::path& path);

// {"cnn-test": {...}}: the JSON documents of a folder, by their names without ".json", and how
// many files were none.
struct JsonFolder {
  Json documents = Json::object();
  size_t damaged = 0;
};
JsonFolder read_json_folder(const std::filesystem::path& folder);

// One document; null where there is none, or a damaged one, which counts.
Json read_json(const std::filesystem::path& path, size_t* damaged);

// {"rank-0.log": ["last", "lines"]}: the ends of the *.log files of a folder.
Json read_log_ends(const std::filesystem::path& folder);

}  // namespace podium::report
