// A running service and its clients: the same image gives the same probabilities however it comes,
// and the clients of others work as they are.
//
// tritonclient needs a Python that has it (python.hpp); without one its test is skipped.
#include <regex>

#include "app/predictions.hpp"
#include "app/python.hpp"
#include "app_fixture.hpp"
#include "io/data_files.hpp"
#include "io/image/transform.hpp"
#include "io/user_images.hpp"
#include "serve/client/client.hpp"
#include "serve/request_text.hpp"

namespace podium::test {
namespace {

constexpr io::ImageShape colour{16, 20, 3};  // of the files, and of the source
constexpr const char* source = "--io.source=synthetic:3000,16,20,3,4";
constexpr const char* transform = "resize 12 12; grayscale";
constexpr size_t pixels = 144;

class Clients : public AppTest {
 protected:
  // Serves a model of gray images, trained on what `transform` made of images in colour.
  void SetUp() override {
    const auto train = start_alone("train", {source, "--io.transform=" + std::string(transform),
                                             "--train.model=dense", "--model.dense.epochs=1"});
    ASSERT_EQ(train->wait(), 0) << train->err();
    ASSERT_EQ(start_alone("select", {source})->wait(), 0);
    job_ = start_alone("serve", {"--serve.linger=forever", "--serve.auth=off"});
    ASSERT_TRUE(job_->wait_for_err("serving on")) << job_->err();
    const std::string err = job_->err();
    std::smatch found;
    ASSERT_TRUE(std::regex_search(err, found, std::regex("serving on http://([^/]+)/")));
    address_ = found[1];
  }

  void TearDown() override {
    if (!job_) return;
    job_->signal(SIGTERM);
    EXPECT_EQ(job_->wait(), 0) << job_->err();
  }

  serve::Client client() const {
    const serve::HostPort door = serve::parse_host_port(address_);
    return serve::Client(door.host, door.port);
  }

  // The first row that `podium predict` writes with `more`.
  std::vector<float> predicted(const std::filesystem::path& input, const Words& more = {}) const {
    Words words = {"--input=" + input.string(), "--output=" + (folder() / "p.csv").string()};
    append(words, more);
    const auto predict = start_alone("predict", words);
    EXPECT_EQ(predict->wait(), 0) << predict->err();
    const CsvPredictions csv(folder() / "p.csv");
    std::vector<float> row;
    for (int k = 0; k < 4; ++k) row.push_back(float(csv.number(0, "p_" + std::to_string(k))));
    return row;
  }

  static void expect_equal(const std::vector<float>& row, const std::vector<float>& expected) {
    ASSERT_EQ(row.size(), expected.size());
    for (size_t k = 0; k < row.size(); ++k) EXPECT_FLOAT_EQ(row[k], expected[k]);
  }

  std::string address_;
  std::unique_ptr<Process> job_;
};

Bytes image_in_colour() {
  Bytes image(colour.bytes());
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<uint8_t>(i * i % 251);
  return image;
}

TEST_F(Clients, AnImageIsTheSameHoweverItComes) {
  const Bytes original = image_in_colour();
  Bytes gray(pixels);
  io::Transform::parse(transform).apply(colour, original, gray);
  const auto png = folder() / "image.png";
  write_png(png, colour, original);
  const std::vector<float> expected = predicted(png);  // as the file's own model sees it
  ASSERT_EQ(expected.size(), 4U);
  ASSERT_NEAR(expected[0] + expected[1] + expected[2] + expected[3], 1, 1e-5);

  serve::Client http = client();
  const std::string infer = "/v2/models/shapes/infer";
  const auto probabilities = [](const serve::HttpReply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    return serve::parse_infer_reply(reply.body, reply.json_bytes.value_or(reply.body.size()))
        .probabilities;
  };
  const auto tensor = [](const std::string& datatype, const std::string& data) {
    return serve::test::tensor_text(datatype, "1,12,12,1", data);
  };
  const std::string numbers = R"("data":)" + nlohmann::json(gray).dump();
  expect_equal(probabilities(http.request("POST", infer, tensor("UINT8", numbers))), expected);
  expect_equal(probabilities(http.request("POST", infer, tensor("FP32", numbers))), expected);
  expect_equal(http.infer({"shapes", gray, 1, 12, 12, 1}).probabilities, expected);
  const std::vector<float> floats(gray.begin(), gray.end());
  const std::string head = serve::test::binary_text("FP32", "1,12,12,1", 576);
  const serve::HttpHeader json_bytes[] = {
      {"Inference-Header-Content-Length", std::to_string(head.size())}};
  const std::string body = head + std::string(reinterpret_cast<const char*>(floats.data()), 576);
  expect_equal(probabilities(http.request("POST", infer, body, json_bytes)), expected);
  expect_equal(predicted(png, {"--server=" + address_, "--io.transform=" + std::string(transform)}),
               expected);

  const auto best = std::ranges::max_element(expected);
  const auto expect_best = [&](const std::string& predict_body) {
    const serve::HttpReply reply = http.request("POST", "/predict", predict_body);
    ASSERT_EQ(reply.status, 200) << reply.body;
    const nlohmann::json answer = nlohmann::json::parse(reply.body);
    EXPECT_EQ(answer.at("class_index"), best - expected.begin());
    EXPECT_FLOAT_EQ(answer.at("confidence").get<float>(), *best);
  };
  expect_best(R"({"image":)" + nlohmann::json(gray).dump() + "}");
  expect_best(bytes_of(png));
}

TEST_F(Clients, AJpegIsDecodedAsPredictDoes) {
  const auto jpeg = folder() / "image.jpg";
  write_jpeg(jpeg, colour, image_in_colour());
  const std::vector<float> expected = predicted(jpeg);
  serve::Client http = client();
  const serve::HttpReply reply = http.request("POST", "/predict", bytes_of(jpeg));
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_FLOAT_EQ(nlohmann::json::parse(reply.body).at("confidence").get<float>(),
                  *std::ranges::max_element(expected));
}

TEST_F(Clients, ImageFilesThatAreNoneAreRefused) {
  serve::Client http = client();
  const auto refuse = [&](const std::string& body, const std::string& word) {
    const serve::HttpReply reply = http.request("POST", "/predict", body);
    EXPECT_EQ(reply.status, 400) << word;
    EXPECT_NE(reply.body.find(word), std::string::npos) << reply.body;
  };
  write_png(folder() / "image.png", colour, image_in_colour());
  const std::string png = bytes_of(folder() / "image.png");
  for (size_t bytes : {size_t{8}, size_t{40}, png.size() / 2, png.size() - 20}) {
    refuse(png.substr(0, bytes), "error");
  }
  refuse("\xff\xd8\xff" + std::string(100, 'x'), "error");
  write_png(folder() / "small.png", {3, 3, 3}, Bytes(27, 9));
  EXPECT_EQ(http.request("POST", "/predict", bytes_of(folder() / "small.png")).status, 200)
      << "the model's transform takes it";
  write_png(folder() / "bomb.png", {9000, 9000, 1}, Bytes(size_t{9000} * 9000));
  const std::string bomb = bytes_of(folder() / "bomb.png");
  EXPECT_LT(bomb.size(), size_t{1} << 20);
  refuse(bomb, "64 MiB");
}

TEST_F(Clients, TritonclientWorksAsItIs) {
  const std::string python = find_python("numpy, tritonclient.http");
  if (python.empty()) {
    GTEST_SKIP() << "needs a Python with tritonclient[http]; name one by PODIUM_TEST_PYTHON";
  }
  Process check({python, PODIUM_CHECK_TRITON_CLIENT, address_, "shapes"});
  ASSERT_EQ(check.wait(), 0) << check.out() << check.err();
  std::cout << "tritonclient: " << check.out() << std::endl;
}

}  // namespace
}  // namespace podium::test
