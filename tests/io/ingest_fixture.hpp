// A folder with a tiny set of IDX files, and ingests of it into caches beside it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "io/cache/ingest.hpp"
#include "io/data_files.hpp"
#include "temporary_folder.hpp"

namespace podium::io {

class IngestTest : public ::testing::Test {
 protected:
  IngestTest() { test::write_idx_folder(folder_.path() / "data", set_, true); }

  IngestOptions options(const std::string& cache = "cache") const {
    IngestOptions options;
    options.source = (folder_.path() / "data").string();
    options.cache_dir = folder_.path() / cache;
    options.split_seed = 7;
    options.validation_records = 400;
    options.log = Log(LogLevel::error, "test");
    return options;
  }

  test::TemporaryFolder folder_;
  const test::TinySet set_;
};

}  // namespace podium::io
