#include "learn/shared_weights.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "core/error.hpp"

namespace podium::learn {
namespace {

using namespace std::chrono_literals;

TEST(SharedWeights, GiveTheNewestVersion) {
  const auto out = share_weights(3);
  const auto in = find_shared_weights(out->ticket(), 3);
  ASSERT_NE(in, nullptr);
  std::vector<float> got(3);
  out->publish({0, 0}, std::vector<float>{1, 2, 3});
  EXPECT_EQ(in->take({0, 0}, got, 1s), (Version{0, 0}));
  EXPECT_EQ(got, (std::vector<float>{1, 2, 3}));
  out->publish({1, 8}, std::vector<float>{4, 5, 6});
  out->publish({2, 16}, std::vector<float>{7, 8, 9});
  EXPECT_EQ(in->take({1, 8}, got, 1s), (Version{2, 16}));
  EXPECT_EQ(got, (std::vector<float>{7, 8, 9}));
}

TEST(SharedWeights, AreWaitedForNoLongerThanAllowed) {
  const auto out = share_weights(1);
  const auto in = find_shared_weights(out->ticket(), 1);
  std::vector<float> got(1);
  out->publish({0, 0}, std::vector<float>{1});
  EXPECT_THROW(in->take({1, 1}, got, 20ms), Error);
  in->set_waiting([] { throw std::logic_error("there is nobody left"); });
  EXPECT_THROW(in->take({1, 1}, got, 10s), std::logic_error);
}

TEST(SharedWeights, AreFoundOnlyWhereTheyAreMeant) {
  const auto out = share_weights(4);
  EXPECT_EQ(find_shared_weights(out->ticket(), 5), nullptr) << "another policy";
  auto ticket = out->ticket();
  ticket["nonce"] = ticket.at("nonce").get<uint64_t>() ^ 1;
  EXPECT_EQ(find_shared_weights(ticket, 4), nullptr) << "another run's";
  ticket["file"] = "/proc/1/fd/9999";
  EXPECT_EQ(find_shared_weights(ticket, 4), nullptr) << "another node";
  EXPECT_EQ(find_shared_weights({{"road", "memory"}}, 4), nullptr);
}

TEST(SharedWeights, AreNeverAMixtureOfVersions) {
  constexpr size_t floats = 5000;
  const auto out = share_weights(floats);
  out->publish({0, 0}, std::vector<float>(floats, 0));
  std::atomic<bool> ending{false};
  std::thread writer([&] {
    for (uint64_t number = 1; !ending; ++number) {
      out->publish({number, number}, std::vector<float>(floats, static_cast<float>(number)));
    }
  });
  const auto in = find_shared_weights(out->ticket(), floats);
  std::vector<float> got(floats);
  int mixtures = 0;
  for (int i = 0; i < 2000; ++i) {
    const Version version = in->take({0, 0}, got, 10s);
    const std::vector<float> whole(floats, static_cast<float>(version.number));
    mixtures += got == whole ? 0 : 1;
  }
  ending = true;
  writer.join();
  EXPECT_EQ(mixtures, 0);
}

}  // namespace
}  // namespace podium::learn
