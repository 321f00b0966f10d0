// A report: one page about one or more runs.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "report/place.hpp"

namespace podium::report {

struct ReportOptions {
  std::filesystem::path output;
  std::string podium_version;
  std::map<std::string, std::string> defaults;  // of every option; "model.*.lr" for all models
};

// Reads the run folders and writes the page. Returns {"runs", "bytes", "output", "sections"}.
// Throws usage_error, data_error, io_error.
Json write_report(const std::vector<std::filesystem::path>& folders, const ReportOptions& options);

}  // namespace podium::report
