// What tests of the executable share: a folder of their own, and ways to start podium.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "process.hpp"
#include "serve/client/client.hpp"
#include "serve/http/token.hpp"
#include "temporary_folder.hpp"

namespace podium::test {

class AppTest : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  std::filesystem::path run_dir() const { return folder_.path() / "run"; }
  std::filesystem::path folder() const { return folder_.path(); }

  // podium VERB INPUT with run and cache folders of this test, on `ranks` ranks.
  std::unique_ptr<Process> start(int ranks, const std::string& verb, const Words& more = {}) const {
    Words command = {PODIUM_MPIRUN, "-n", std::to_string(ranks)};
    append(command, words(verb, more));
    return std::make_unique<Process>(std::move(command));
  }

  // The same without mpirun.
  std::unique_ptr<Process> start_alone(const std::string& verb, const Words& more = {}) const {
    return std::make_unique<Process>(words(verb, more));
  }

  Words words(const std::string& verb, const Words& more) const {
    Words words = {PODIUM_EXECUTABLE, verb, PODIUM_CI_INPUT, "--run.dir=" + run_dir().string(),
                   "--io.cache_dir=" + (folder() / "cache").string()};
    append(words, more);
    return words;
  }

  // A client of the service of a run folder, which shows its token.
  static serve::Client client_of(const serve::HostPort& door, const std::filesystem::path& run) {
    serve::Credentials credentials;
    credentials.token = serve::read_token(run / "serve.token");
    return {door.host, door.port, std::chrono::seconds(30), credentials};
  }

  static void append(Words& words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
  }
  static Words joined(Words words, const Words& more) {
    append(words, more);
    return words;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace podium::test
