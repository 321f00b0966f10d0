// Feedback to answers over real sockets: who gets which status, and what reaches whoever learns.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>

#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

// Keeps what it is given, up to a limit.
class Shelf : public FeedbackSink {
 public:
  bool take(Feedback feedback) override {
    const std::lock_guard hold(lock_);
    if (kept_.size() >= room_) return false;
    kept_.push_back(std::move(feedback));
    return true;
  }

  std::vector<Feedback> kept() const {
    const std::lock_guard hold(lock_);
    return kept_;
  }
  void hold_at_most(size_t room) { room_ = room; }

 private:
  mutable std::mutex lock_;
  std::vector<Feedback> kept_;
  std::atomic<size_t> room_ = SIZE_MAX;
};

class FeedbackTest : public ServiceTest {
 protected:
  ServiceOptions taking(bool explore = false, size_t memory = 1000) {
    ServiceOptions taking = options();
    taking.feedback = {memory, explore, shelf_};
    return taking;
  }

  static Json infer_json(Client& http, int band, const std::string& more = "") {
    const HttpReply reply =
        http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(band), more));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body);
  }

  static Json predict_json(Client& http, const Json& image_id) {
    const HttpReply reply = http.request(
        "POST", "/predict", Json{{"image_id", image_id}, {"image", image_of_band(2)}}.dump());
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body);
  }

  static int post(Client& http, const std::string& body) {
    return http.request("POST", "/feedback", body).status;
  }
  static int post(Client& http, const Json& id, double reward) {
    return post(http, Json{{"id", id}, {"reward", reward}}.dump());
  }

  const std::shared_ptr<Shelf> shelf_ = std::make_shared<Shelf>();
};

TEST_F(FeedbackTest, PairsAnAnswerWithItsReward) {
  start_serving(taking(), "shift 1");
  Client http = client();
  const Json answer = infer_json(http, 4, R"(,"id":"mine")");
  EXPECT_EQ(answer["parameters"]["feedback_id"], "mine");
  EXPECT_EQ(answer["parameters"]["chosen_class"], 5);
  EXPECT_EQ(answer["parameters"]["chosen_probability"], 1);
  const HttpReply reply =
      http.request("POST", "/feedback", R"({"id":"mine","reward":0.5,"by":"a person"})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(Json::parse(reply.body)["class_index"], 5);
  ASSERT_EQ(shelf_->kept().size(), 1u);
  const Feedback kept = shelf_->kept()[0];
  EXPECT_EQ(kept.reward, 0.5F);
  EXPECT_EQ(kept.decision.action, 5);
  EXPECT_EQ(kept.decision.version, 1);
  const std::vector<uint8_t> image = image_of_band(4);
  EXPECT_EQ(kept.decision.image, std::string(image.begin(), image.end()));
}

TEST_F(FeedbackTest, IdsAreMadeForRequestsWithoutOne) {
  start_serving(taking());
  Client http = client();
  const std::string made = infer_json(http, 4)["parameters"]["feedback_id"];
  EXPECT_EQ(made.size(), 16u);
  EXPECT_EQ(post(http, made, 1), 200);
  const std::string of_predict = predict_json(http, nullptr)["feedback_id"];
  EXPECT_EQ(post(http, of_predict, 1), 200);
  EXPECT_EQ(predict_json(http, 42)["feedback_id"], "42");
  EXPECT_EQ(post(http, 42, 1), 200);
  EXPECT_EQ(predict_json(http, "boot")["feedback_id"], "boot");
  EXPECT_EQ(post(http, "boot", 1), 200);
}

TEST_F(FeedbackTest, UnknownDoubledAmbiguousAndLateOnesAreRefused) {
  start_serving(taking(false, 3));
  Client http = client();
  EXPECT_EQ(post(http, "nobody's", 1), 404);
  infer_json(http, 1, R"(,"id":"a")");
  EXPECT_EQ(post(http, "a", 1), 200);
  EXPECT_EQ(post(http, "a", 1), 409);
  infer_json(http, 1, R"(,"id":"twice")");
  infer_json(http, 2, R"(,"id":"twice")");
  EXPECT_EQ(post(http, "twice", 1), 409);
  infer_json(http, 1, R"(,"id":"old")");
  for (int i = 0; i < 3; ++i) infer_json(http, 1);
  EXPECT_EQ(post(http, "old", 1), 410);
  EXPECT_EQ(shelf_->kept().size(), 1u);
  const FeedbackStats stats = service_->stats().feedback;
  EXPECT_EQ(stats.accepted, 1);
  EXPECT_EQ(stats.refused, 4);
}

TEST_F(FeedbackTest, SeveralImagesAreNotRemembered) {
  start_serving(taking());
  Client http = client();
  std::vector<uint8_t> two(2 * image_bytes, 7);
  const HttpReply reply = http.request(
      "POST", "/v2/models/bands/infer",
      tensor_text("UINT8", "2,20,10,1", R"("data":)" + Json(two).dump(), R"(,"id":"two")"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(Json::parse(reply.body)["parameters"].contains("feedback_id"));
  EXPECT_EQ(post(http, "two", 1), 404);
}

TEST_F(FeedbackTest, ExploringDrawsTheClassAndSaysSo) {
  start_serving(taking(true));
  Client http = client();
  std::map<int, int> named;
  for (int i = 0; i < 300; ++i) {
    const Json answer = infer_json(http, 4);
    const Json& said = answer["parameters"];
    const int chosen = said["chosen_class"];
    ++named[chosen];
    ASSERT_EQ(answer["outputs"][1]["data"][0], chosen);
    ASSERT_EQ(answer["outputs"][0]["data"][static_cast<size_t>(chosen)],
              said["chosen_probability"]);
    ASSERT_EQ(post(http, said["feedback_id"], chosen == 4), 200);
  }
  EXPECT_GT(named.size(), 3u) << "a likeliest class of 0.69 leaves something to the others";
  EXPECT_GT(named[4], 100);
  for (const Feedback& kept : shelf_->kept()) {
    EXPECT_EQ(kept.reward, kept.decision.action == 4 ? 1 : 0);
    EXPECT_LT(kept.decision.probability, 1);
  }
  EXPECT_EQ(shelf_->kept().size(), 300u);
  const Json answer = predict_json(http, nullptr);
  EXPECT_EQ(answer["class_index"], answer["chosen_class"]);
  EXPECT_EQ(answer["confidence"], answer["chosen_probability"]);
}

TEST_F(FeedbackTest, AFullLearnerAsksToComeAgain) {
  shelf_->hold_at_most(1);
  start_serving(taking());
  Client http = client();
  for (const char* id : {"a", "b"}) infer_json(http, 1, R"(,"id":")" + std::string(id) + "\"");
  EXPECT_EQ(post(http, "a", 1), 200);
  EXPECT_EQ(post(http, "b", 1), 503);
  EXPECT_EQ(service_->stats().feedback.turned_away, 1);
  shelf_->hold_at_most(2);
  EXPECT_EQ(post(http, "b", 1), 200);
}

TEST_F(FeedbackTest, MalformedOnesAreRefusedAndTheServiceGoesOn) {
  start_serving(taking());
  Client http = client();
  infer_json(http, 1, R"(,"id":"a")");
  for (const std::string body :
       {"", "{", "[]", "null", R"({"id":"a"})", R"({"reward":1})", R"({"id":"a","reward":"1"})",
        R"({"id":"a","reward":null})", R"({"id":"a","reward":1e999})",
        R"({"id":"a","reward":1e300})", R"({"id":"","reward":1})", R"({"id":1.5,"reward":1})",
        R"({"id":["a"],"reward":1})", "{\"id\":\"\xff\xfe\",\"reward\":1}",
        R"({"id":"\ud800","reward":1})"}) {
    EXPECT_EQ(post(http, body), 400) << body;
  }
  EXPECT_EQ(post(http, std::string(100, '[')), 400);
  EXPECT_EQ(post(http, std::string(15000, '[')), 400);
  EXPECT_EQ(post(http, Json(std::string(1000, 'x')), 1), 400);
  EXPECT_EQ(post(http, std::string(100000, ' ')), 413);
  EXPECT_EQ(http.request("GET", "/feedback").status, 405);
  EXPECT_EQ(post(http, "a", 1), 200);
}

TEST_F(FeedbackTest, AFloodLeavesTheMemoryAsItWas) {
  start_serving(taking(false, 50));
  Client http = client();
  const std::string huge(200000, 'i');
  for (int i = 0; i < 300; ++i) {
    const Json answer = infer_json(http, 1, i % 10 == 0 ? R"(,"id":")" + huge + "\"" : "");
    const std::string id = answer["parameters"]["feedback_id"];
    ASSERT_EQ(id.size(), 16u);
    if (i % 2 == 1) continue;
    ASSERT_EQ(post(http, "unknown-" + std::to_string(i), 1), 404);
  }
  EXPECT_EQ(service_->stats().feedback.refused, 150);
}

TEST_F(FeedbackTest, WithoutMemoryThereIsNone) {
  start_serving(options());
  Client http = client();
  EXPECT_FALSE(infer_json(http, 1, R"(,"id":"a")")["parameters"].contains("feedback_id"));
  EXPECT_EQ(post(http, "a", 1), 404);
}

TEST_F(FeedbackTest, IsCountedAmongTheMetrics) {
  start_serving(taking());
  Client http = client();
  infer_json(http, 1, R"(,"id":"a")");
  post(http, "a", 0.25);
  post(http, "a", 0.25);
  const std::string metrics = get(http, "/metrics").body;
  EXPECT_NE(metrics.find("podium_feedback_total{result=\"accepted\"} 1"), std::string::npos);
  EXPECT_NE(metrics.find("podium_feedback_total{result=\"refused\"} 1"), std::string::npos);
  EXPECT_NE(metrics.find("podium_feedback_reward_total 0.25"), std::string::npos);
}

}  // namespace
}  // namespace podium::serve::test
