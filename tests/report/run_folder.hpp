// A run folder made by a test, file by file.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "report/run_data.hpp"
#include "temporary_folder.hpp"

namespace podium::report {

class RunFolder {
 public:
  std::filesystem::path path() const { return folder_->path(); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path() / name).parent_path());
    std::ofstream(path() / name, std::ios::binary) << text;
  }

  void write_events(const std::vector<Json>& events) const {
    std::string text;
    for (const Json& event : events) text += event.dump() + "\n";
    write("metrics.jsonl", text);
  }

  RunData read(const Defaults& defaults = {}) const {
    return read_runs({path()}, defaults).front();
  }

 private:
  std::unique_ptr<test::TemporaryFolder> folder_ = std::make_unique<test::TemporaryFolder>();
};

// An epoch as `run` and `train` tell it.
inline Json epoch(const std::string& model, int number, double train, double validation,
                  double t_s = 1) {
  return {{"event", "epoch"},
          {"model", model},
          {"of_epochs", 9},
          {"epochs", number},
          {"loss", 1.0 / number},
          {"train_accuracy", train},
          {"val_accuracy", validation},
          {"t_s", t_s}};
}

}  // namespace podium::report
