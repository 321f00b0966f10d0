// Loads on services and their live view, as users start them. Nothing is timed.
#include <algorithm>
#include <regex>

#include "app_fixture.hpp"
#include "free_port.hpp"
#include "serve/certificate.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

class LoadOfAService : public AppTest {
 protected:
  std::unique_ptr<Process> bench(const Words& more) const {
    Words words = {PODIUM_EXECUTABLE,
                   "bench",
                   "serve",
                   PODIUM_CI_INPUT,
                   "--run.dir=" + (folder() / "bench").string(),
                   "--repetitions=1",
                   "--seconds=0.1"};
    append(words, more);
    return std::make_unique<Process>(std::move(words));
  }

  static std::unique_ptr<Process> top(const Words& more) {
    Words words = {PODIUM_EXECUTABLE, "top", "--interval_ms=50"};
    append(words, more);
    return std::make_unique<Process>(std::move(words));
  }
};

TEST_F(LoadOfAService, EveryCaseHasItsRows) {
  const auto job = bench({"--run.models=dense", "--request=json"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  EXPECT_EQ(result.at("what"), "serve");
  const json& rows = result.at("rows");
  ASSERT_EQ(rows.size(), 9U) << result;
  for (const json& row : rows) {
    EXPECT_GT(row.at("ours"), 0) << row;
    EXPECT_TRUE(row.at("failed").empty()) << row;
    EXPECT_GT(row.at("p99_ms"), 0) << row;
  }
  EXPECT_EQ(rows[0].at("peer"), "echo of json");
  EXPECT_TRUE(rows[8].contains("asked_per_s"));
}

TEST_F(LoadOfAService, ARunningOneIsLoadedAndShown) {
  const auto job = start(4, "run", {"--serve.linger=forever", "--run.models=dense"});
  ASSERT_TRUE(job->wait_for_err("or SIGTERM")) << job->err();
  const std::string err = job->err();
  std::smatch found;
  ASSERT_TRUE(std::regex_search(err, found, std::regex("serving on http://([^/]+)/")));
  const std::string server = "--server=" + found[1].str();
  const std::string token = "--token_file=" + (run_dir() / "serve.token").string();

  const auto load = bench({server, "--rates=50", "--request=json", token});
  ASSERT_EQ(load->wait(), 0) << load->err();
  EXPECT_TRUE(load->result().at("rows")[0].at("failed").empty()) << load->out();

  const auto view = top({server, "--count=2", token});
  ASSERT_EQ(view->wait(), 0) << view->err();
  const std::string pages = view->out();
  EXPECT_EQ(view->result().at("pages"), 2);
  EXPECT_EQ(pages.find('\x1b'), std::string::npos) << "no terminal, no escapes";
  EXPECT_NE(pages.find("replica-1"), std::string::npos) << pages;
  EXPECT_NE(pages.find("  shapes  version 1  ready"), std::string::npos) << pages;

  const auto of_a_folder = top({run_dir().string(), server, "--count=1"});
  EXPECT_EQ(of_a_folder->wait(), 0) << of_a_folder->err();
  EXPECT_EQ(top({server, "--count=1"})->wait(), 69) << "the token is missing";

  const auto watching = top({server, token});
  ASSERT_TRUE(watching->wait_for_out("replica-0"));
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_TRUE(watching->wait_for_out("does not answer")) << watching->out();
  EXPECT_TRUE(watching->running());
  watching->signal(SIGINT);
  EXPECT_EQ(watching->wait(), 0) << watching->err();

  const auto late = top({server, "--count=1"});
  EXPECT_EQ(late->wait(), 69);
  const auto load_late = bench({server, "--body=" + std::string(PODIUM_CI_INPUT)});
  EXPECT_EQ(load_late->wait(), 69);
}

TEST_F(LoadOfAService, OneWithTlsIsLoadedAndShown) {
  serve::test::make_certificate(folder(), "localhost");
  const std::string certificate = (folder() / "localhost.crt").string();
  const auto job =
      start(4, "run",
            {"--serve.linger=forever", "--run.models=dense",
             "--serve.port=" + std::to_string(free_port()), "--serve.tls_cert=" + certificate,
             "--serve.tls_key=" + (folder() / "localhost.key").string()});
  ASSERT_TRUE(job->wait_for_err("or SIGTERM")) << job->err();
  const std::string err = job->err();
  std::smatch found;
  ASSERT_TRUE(std::regex_search(err, found, std::regex("serving on https://127.0.0.1:([0-9]+)/")));
  const Words shown = {"--server=localhost:" + found[1].str(),
                       "--token_file=" + (run_dir() / "serve.token").string()};
  const Words trusting = joined(shown, {"--tls_ca=" + certificate});

  const auto load = bench(joined(trusting, {"--rates=50", "--request=json"}));
  ASSERT_EQ(load->wait(), 0) << load->err();
  EXPECT_TRUE(load->result().at("rows")[0].at("failed").empty()) << load->out();
  const auto of_a_server = top(joined(trusting, {"--count=1"}));
  EXPECT_EQ(of_a_server->wait(), 0) << of_a_server->err();
  const auto of_a_folder = top({run_dir().string(), "--count=1"});
  EXPECT_EQ(of_a_folder->wait(), 0) << of_a_folder->err();
  const auto plain = bench(shown);
  EXPECT_EQ(plain->wait(), 69) << plain->err();
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 0) << job->err();
}

TEST_F(LoadOfAService, BadInputIsOneLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--cases=everything", "bench.cases"}, {"--rates=0", "bench.rates"},
      {"--request=xml", "bench.request"},    {"--arrivals=tides", "poisson"},
      {"--server=nowhere", "nowhere"},       {"--server=127.0.0.1:1", "127.0.0.1:1"},
      {"--model=/nowhere", "/nowhere"},      {"--token_file=/nowhere", "/nowhere"}};
  for (const auto& [word, says] : cases) {
    const auto job =
        bench({word, word.starts_with("--token") ? "--server=127.0.0.1:1" : "--seconds=0.1"});
    EXPECT_NE(job->wait(), 0) << word;
    EXPECT_NE(job->last_words().find(says), std::string::npos) << job->last_words();
  }
  for (const char* words : {"everything", "costs"}) {
    const auto job = bench({"--server=127.0.0.1:1", std::string("--cases=") + words});
    EXPECT_EQ(job->wait(), 2) << words;
    EXPECT_NE(job->last_words().find("bench.cases"), std::string::npos) << job->last_words();
  }
  const auto odd = top({"--server=foo"});
  EXPECT_EQ(odd->wait(), 2);
  EXPECT_NE(odd->last_words().find("top.server"), std::string::npos) << odd->last_words();
  const auto view = top({"--serve.port=0"});
  EXPECT_EQ(view->wait(), 2);
  EXPECT_NE(view->last_words().find("serve.port"), std::string::npos) << view->last_words();
}

}  // namespace
}  // namespace podium::test
