// Jobs of another input file than usual, in the run folder of their test.
#pragma once

#include "app_fixture.hpp"

namespace podium::test {

class InputJobTest : public AppTest {
 protected:
  std::unique_ptr<Process> start_input(const std::string& verb, const std::string& input,
                                       const Words& more = {}) const {
    Words command = {PODIUM_EXECUTABLE, verb, std::string(PODIUM_INPUTS) + "/" + input,
                     "--run.dir=" + run_dir().string(),
                     "--io.cache_dir=" + (folder() / "cache").string()};
    append(command, more);
    return std::make_unique<Process>(command);
  }
};

}  // namespace podium::test
