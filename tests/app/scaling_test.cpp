// Scaling studies and plans as users start them. Nothing is timed.
#include <boost/property_tree/xml_parser.hpp>
#include <fstream>
#include <map>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

class Scaling : public AppTest {
 protected:
  static Words quick(const Words& more) {
    Words words = {"--bench.repetitions=2", "--bench.seconds=0.01", "--run.models=dense,cnn",
                   "--train.threads=1"};
    append(words, more);
    return words;
  }

  std::unique_ptr<Process> study(int ranks, const Words& more) const {
    Words command = {PODIUM_MPIRUN, "-n", std::to_string(ranks)};
    append(command, study_words(more));
    return std::make_unique<Process>(std::move(command));
  }

  Words study_words(const Words& more) const {
    Words words = {PODIUM_EXECUTABLE,
                   "bench",
                   "scaling",
                   PODIUM_CI_INPUT,
                   "--run.dir=" + run_dir().string(),
                   "--io.cache_dir=" + (folder() / "cache").string()};
    append(words, quick(more));
    return words;
  }

  // The lines of the CSV file, by heading.
  std::vector<std::map<std::string, std::string>> csv() const {
    std::ifstream file(run_dir() / "scaling.csv");
    const auto cells = [](const std::string& line) {
      Words words;
      std::istringstream stream(line);
      for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
      return words;
    };
    std::string line;
    std::getline(file, line);
    const Words heading = cells(line);
    std::vector<std::map<std::string, std::string>> rows;
    while (std::getline(file, line)) {
      const Words values = cells(line);
      EXPECT_EQ(values.size(), heading.size()) << line;
      rows.emplace_back();
      for (size_t i = 0; i < values.size(); ++i) rows.back()[heading[i]] = values[i];
    }
    return rows;
  }

  void check_row(const json& row, const json& base,
                 const std::map<std::string, std::string>& line) const {
    const double speed = row.at("ours");
    EXPECT_GT(speed, 0);
    EXPECT_LE(row.at("least"), speed);
    EXPECT_GE(row.at("most"), speed);
    EXPECT_EQ(row.at("repetitions"), 2);
    EXPECT_DOUBLE_EQ(row.at("speedup"), speed / base.at("ours").get<double>());
    const double ideal = row.at("ranks").get<double>() / base.at("ranks").get<double>();
    EXPECT_DOUBLE_EQ(row.at("efficiency"), row.at("speedup").get<double>() / ideal);
    double shares = 0;
    for (const char* share :
         {"compute_share", "data_wait_share", "exposed_comm_share", "hidden_comm_share"}) {
      EXPECT_GE(row.at(share), 0);
      EXPECT_DOUBLE_EQ(std::stod(line.at(share)), row.at(share));
      shares += row.at(share).get<double>();
    }
    EXPECT_GT(shares, 0);
    EXPECT_LE(shares, 1.001);  // the time of the slowest rank
    EXPECT_EQ(line.at("kind"), "measured");
    EXPECT_EQ(line.at("model"), row.at("model"));
    EXPECT_EQ(std::stoi(line.at("ranks")), row.at("ranks"));
    EXPECT_EQ(std::stoi(line.at("batch")), row.at("batch"));
    EXPECT_DOUBLE_EQ(std::stod(line.at("images_per_s")), speed);
    EXPECT_DOUBLE_EQ(std::stod(line.at("efficiency")), row.at("efficiency"));
  }
};

TEST_F(Scaling, StrongOnOneTwoAndFourRanks) {
  const auto job = study(4, {"--ranks=4,1,2", "--mode=strong"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  EXPECT_EQ(result.at("what"), "scaling");
  const json& rows = result.at("rows");
  ASSERT_EQ(rows.size(), 6u);
  const auto lines = csv();
  ASSERT_EQ(lines.size(), 6u);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("model"), i < 3 ? "dense" : "cnn");
    EXPECT_EQ(rows[i].at("ranks"), (std::array{1, 2, 4}[i % 3]));
    EXPECT_EQ(rows[i].at("batch"), 64);
    check_row(rows[i], rows[i / 3 * 3], lines[i]);
  }
  EXPECT_EQ(rows[0].at("exposed_comm_share"), 0);
  EXPECT_GT(rows[2].at("exposed_comm_share").get<double>() +
                rows[2].at("hidden_comm_share").get<double>(),
            0);
  boost::property_tree::ptree tree;
  ASSERT_NO_THROW(boost::property_tree::read_xml(result.at("plot").get<std::string>(), tree));
}

TEST_F(Scaling, WeakWithAnOddNumberOfRanksGivesEachItsBatch) {
  const auto job = study(3, {"--mode=weak"});  // 1, 2 and, as all there are, 3
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json rows = job->result().at("rows");
  ASSERT_EQ(rows.size(), 6u);
  for (const json& row : rows) EXPECT_EQ(row.at("batch"), 64 * row.at("ranks").get<int>());
}

TEST_F(Scaling, TablesOfSeveralJobsBecomeOne) {
  std::string files;
  for (const int ranks : {1, 2}) {
    Words more = {"--ranks=" + std::to_string(ranks), "--run.models=dense"};
    const auto job = study(ranks, more);
    ASSERT_EQ(job->wait(), 0) << job->err();
    const std::filesystem::path kept = folder() / (std::to_string(ranks) + ".csv");
    std::filesystem::copy_file(run_dir() / "scaling.csv", kept);
    files += (files.empty() ? "" : ",") + kept.string();
  }
  Process together(study_words({"--from=" + files}));
  ASSERT_EQ(together.wait(), 0) << together.err();
  const json result = together.result();
  ASSERT_EQ(result.at("rows").size(), 2u);
  EXPECT_EQ(result.at("rows")[1].at("ranks"), 2);
  EXPECT_NE(result.at("rows")[1].at("speedup"), 1);
  EXPECT_FALSE(result.contains("repetitions"));  // nothing was measured
}

TEST_F(Scaling, RunAloneItSaysHowToStartIt) {
  Process alone(study_words({"--ranks=1,2,4"}));
  EXPECT_EQ(alone.wait(), 2);
  for (const char* words : {"4 ranks", "the job has 1", "scripts/mpirun.sh -n 4"}) {
    EXPECT_NE(alone.last_words().find(words), std::string::npos) << alone.last_words();
  }
}

TEST_F(Scaling, BadInputIsOneLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--ranks=0", "bench.ranks"},
      {"--ranks=1,x", "bench.ranks"},
      {"--mode=medium", "strong, weak"},
      {"--train.batch=4096", "more than the 2700"},
      {"--from=/nowhere.csv", "/nowhere.csv"},
      {"--from=/dev/zero", "/dev/zero"}};
  for (const auto& [word, says] : cases) {
    Process job(study_words({word}));
    EXPECT_NE(job.wait(), 0) << word;
    EXPECT_NE(job.last_words().find(says), std::string::npos) << job.last_words();
  }
  const auto few = study(3, {"--ranks=3", "--train.batch=2"});
  EXPECT_EQ(few->wait(), 2);
  EXPECT_NE(few->last_words().find("a batch of 2 images leaves some of 3 ranks without one"),
            std::string::npos)
      << few->last_words();
}

TEST_F(Scaling, PlanSaysWhatAJobWouldNeed) {
  const auto plan = start_alone("plan", {"--nodes=16", "--ranks_per_node=2", "--plan.mode=weak",
                                         "--plan.step_ms=1,4,9", "--train.threads=3"});
  ASSERT_EQ(plan->wait(), 0) << plan->err();
  const json result = plan->result();
  EXPECT_EQ(result.at("verb"), "plan");
  EXPECT_EQ(result.at("ranks"), 32);
  EXPECT_EQ(result.at("threads"), 3);
  EXPECT_EQ(result.at("compute"), "given");
  EXPECT_EQ(result.at("roles"), "ingest: 0,27 | train: 1-26 | ckpt: 28-29 | serve: 30-31");
  const json& dense = result.at("models")[0];
  EXPECT_EQ(dense.at("parameters"), 144 * 32 + 32 + 32 * 4 + 4);
  EXPECT_EQ(dense.at("batch"), 64 * 32);
  EXPECT_EQ(dense.at("memory_bytes").at("momentum"), 4 * dense.at("parameters").get<int>());
  EXPECT_EQ(dense.at("memory_bytes").at("images"), 3300 * 144);
  EXPECT_DOUBLE_EQ(dense.at("compute_s"), 1e-3);
  EXPECT_DOUBLE_EQ(dense.at("step_s"), 1e-3 + dense.at("exposed_comm_s").get<double>());
  EXPECT_FALSE(std::filesystem::exists(run_dir()));  // it only looks
  EXPECT_FALSE(std::filesystem::exists(folder() / "cache"));
}

TEST_F(Scaling, APlanMeasuresWhatIsNotGiven) {
  const auto plan = start_alone("plan", {"--run.models=dense"});
  ASSERT_EQ(plan->wait(), 0) << plan->err();
  EXPECT_EQ(plan->result().at("compute"), "measured");
  EXPECT_GT(plan->result().at("models")[0].at("compute_s"), 0);
  EXPECT_EQ(plan->result().at("models")[0].at("exposed_comm_s"), 0);
}

TEST_F(Scaling, BadPlansAreOneLine) {
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"--nodes=0"}, "plan.nodes"},
      {{"--nodes=4096"}, "a batch of 64 images leaves some of 4096 ranks without one"},
      {{"--plan.step_ms=1,2"}, "2 step times for 3 models"},
      {{"--plan.step_ms=-1"}, "plan.step_ms"},
      {{"--plan.step_ms=1,,2,3"}, "a value is missing"},
      {{"--plan.mode=odd"}, "strong, weak"},
      {{"--run.models=dense", "--io.validation=3000"}, "would all be validation"},
      {{"--bandwidth_gb_s=0"}, "plan.bandwidth_gb_s"}};
  for (const auto& [more, says] : cases) {
    const auto plan = start_alone("plan", more);
    EXPECT_EQ(plan->wait(), 2) << says;
    EXPECT_NE(plan->last_words().find(says), std::string::npos) << plan->last_words();
  }
}

}  // namespace
}  // namespace podium::test
