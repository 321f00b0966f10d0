// Θ on parameter servers, which are processes: what a search that goes on begins with.
#include "search/theta_servers.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::search {
namespace {

using Json = nlohmann::ordered_json;

class ThetaServersTest : public testing::Test {
 protected:
  ThetaServersTest()
      : space_(Space::parse("conv {4|8} {1|3}; anchor; conv 4 {1|3}; dense classes")) {
    method_.name = "reinforce";
    method_.reinforce.controller.units = 6;
    adam_.lr = 0.1;
    parameters_ = Controller(space_, method_.reinforce.controller).parameter_count();
  }

  ThetaServers servers(int count = 2) const {
    return ThetaServers(method_, adam_, space_, count, Log(LogLevel::error, "test"));
  }

  // A controller that pushes the gradients `from` to `to`, and what Θ is then.
  std::vector<float> learn(ThetaServers& servers, uint64_t from, uint64_t to) const {
    const auto store = join_theta(servers.ticket(), method_, adam_, space_);
    std::vector<float> gradient(parameters_);
    for (uint64_t i = from; i < to; ++i) {
      Random random(i);
      for (float& slope : gradient) slope = static_cast<float>(random.normal());
      store->push(gradient);
    }
    std::vector<float> theta(parameters_);
    store->pull(theta);
    return theta;
  }

  Space space_;
  MethodOptions method_;
  AdamOptions adam_;
  size_t parameters_ = 0;
};

TEST_F(ThetaServersTest, ASearchThatGoesOnHasTheMomentsToo) {
  ThetaServers first = servers();
  first.start(nullptr);
  learn(first, 1, 6);
  const std::string saved = first.state().dump();
  const std::vector<float> expected = learn(first, 6, 9);

  ThetaServers second = servers(3);  // however many hold them
  second.start(Json::parse(saved));
  EXPECT_EQ(second.state().dump(), saved);
  EXPECT_EQ(learn(second, 6, 9), expected);
}

TEST_F(ThetaServersTest, ACheckpointOfThetaAloneBeginsWithEmptyMoments) {
  std::vector<float> theta(parameters_, 0.5F);
  ThetaServers of_old = servers();
  of_old.start(theta);
  const auto state = of_old.state().get<std::vector<float>>();
  ASSERT_EQ(state.size(), 4 * parameters_);
  theta.resize(state.size());
  EXPECT_EQ(state, theta);
}

TEST_F(ThetaServersTest, TheStateOfAnotherControllerIsRefused) {
  ThetaServers refusing = servers();
  EXPECT_THROW(refusing.start(std::vector<float>(parameters_ + 1)), Error);
  EXPECT_THROW(refusing.start(std::vector<float>(2 * parameters_)), Error);
}

}  // namespace
}  // namespace podium::search

// The servers' processes are this executable.
int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::ps::is_server_command(arguments)) podium::ps::run_server(arguments);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
