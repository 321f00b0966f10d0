// What a replica spends on parsing a request and wording its reply, in microseconds of this
// thread's processor time. Only printed: a time is no test.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "request_text.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_parser.hpp"

namespace podium::serve {
namespace {

constexpr int repetitions = 15;  // of which the median is told
constexpr int calls = 200;

ModelInfo info_28x28() {
  ModelInfo info;
  info.model = "fashion_mnist";
  info.version = 1;
  info.channels = 1;
  info.height = info.width = 28;
  info.classes = 10;
  info.class_names.assign(10, "a class");
  return info;
}

double cpu_microseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) * 1e6 + double(time.tv_nsec) / 1e3;
}

void tell(const char* what, const std::function<void()>& call) {
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    const double begun = cpu_microseconds();
    for (int k = 0; k < calls; ++k) call();
    times.push_back((cpu_microseconds() - begun) / calls);
  }
  std::ranges::sort(times);
  std::cout << what << ": " << times[repetitions / 2] << " us (" << times.front() << " to "
            << times.back() << ")" << std::endl;
}

TEST(ProtocolCost, OfOneImage) {
  const ModelInfo info = info_28x28();
  std::vector<uint8_t> image(784);
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<uint8_t>(i * i % 256);
  const std::string json =
      test::tensor_text("UINT8", "1,28,28,1", R"("data":)" + nlohmann::json(image).dump());
  const std::string binary_head = test::binary_text("UINT8", "1,28,28,1", 784);
  const std::string raw(image.begin(), image.end());
  const std::string binary = binary_head + raw;
  RequestParser parser(1 << 20);
  tell("parse a JSON request", [&] { parser.infer(json, info); });
  tell("parse a binary request",
       [&] { parser.infer(binary, info, static_cast<int64_t>(binary_head.size())); });
  tell("parse a raw request", [&] { parser.infer(raw, info, 0); });
  tell("parse the same JSON by nlohmann",
       [&] { EXPECT_TRUE(nlohmann::json::parse(json).is_object()); });
  std::vector<float> probabilities(10, 0.1234567f);
  Inference inference = parser.infer(json, info);
  EXPECT_EQ(inference.images, image);
  tell("word a JSON reply", [&] { infer_body(info, inference, probabilities, {"replica-0", 1}); });
  inference.outputs = Inference::every_output(true);
  tell("word a binary reply", [&] {
    infer_body(info, inference, probabilities, {"replica-0", 1});
  });
}

}  // namespace
}  // namespace podium::serve
