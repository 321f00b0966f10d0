// `podium bench search` as users start it, on the table that comes with the project.
#include <fstream>
#include <nlohmann/json.hpp>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

class SearchProof : public AppTest {
 protected:
  std::unique_ptr<Process> proof(int ranks, const Words& more) const {
    Words command = {PODIUM_MPIRUN, "-n", std::to_string(ranks)};
    append(command, {PODIUM_EXECUTABLE, "bench", "search", "--run.dir=" + run_dir().string()});
    append(command, more);
    return std::make_unique<Process>(std::move(command));
  }
};

TEST_F(SearchProof, LearnsOnTheTableOfTheProject) {
  const auto job =
      proof(2, {"--bench.table=" PODIUM_TABLE, "--bench.seeds=8", "--search.samples=300"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  EXPECT_EQ(result.at("networks"), 729);
  EXPECT_EQ(result.at("proved"), true) << result.dump(1);
  ASSERT_EQ(result.at("rows").size(), 5u);
  for (const json& row : result.at("rows")) {
    EXPECT_EQ(row.at("tail_of_seeds").size(), 8u);
    EXPECT_EQ(row.at("reward_curve").size(), 20u);
    EXPECT_GE(row.at("regret").get<double>(), 0);
    EXPECT_LE(row.at("ours").get<double>(), 1);
  }
}

TEST_F(SearchProof, RefusesWhatIsNoTable) {
  const auto path = folder() / "table.h5";
  std::ofstream(path) << "no table";
  const auto job = proof(1, {"--bench.table=" + path.string()});
  EXPECT_EQ(job->wait(), 65) << job->err();
  EXPECT_NE(job->err().find("table.h5"), std::string::npos) << job->err();
}

}  // namespace
}  // namespace podium::test
