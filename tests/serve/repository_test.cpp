// A model that clients unload and load again, over real sockets. Versions are files "shift N" of
// this test, which takes the orders as a serving rank does.
#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "load.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class Orders : public ServiceTest {
 protected:
  void TearDown() override {
    stopping_ = true;
    if (owner_.joinable()) owner_.join();
  }

  // From here on orders are done, as a rank that serves the versions 1 to `newest` does.
  void obey(int newest) {
    for (int version = 1; version <= newest; ++version) {
      files_of_[version] = model_file("shift " + std::to_string(version));
    }
    owner_ = std::thread([this, newest] {
      while (!stopping_) {
        if (const auto order = service_->take_load_order()) {
          service_->finish_load(*order, load(order->version == 0 ? newest : order->version));
        }
        std::this_thread::sleep_for(1ms);
      }
    });
  }

  LoadResult load(int version) {
    const auto found = files_of_.find(version);
    if (found == files_of_.end()) return {404, "no such version"};
    if (service_->stats().version == version) return {};
    const DeployResult done = service_->load(found->second, version, 20s);
    return done.deployed ? LoadResult{} : LoadResult{500, done.error};
  }

  static HttpReply order(Client& http, const std::string& what, const std::string& body = "") {
    return http.request("POST", "/v2/repository/models/bands/" + what, body);
  }
  static Json index(Client& http) {
    return Json::parse(http.request("POST", "/v2/repository/index").body).at(0);
  }

  std::map<int, std::string> files_of_;
  std::atomic<bool> stopping_{false};
  std::thread owner_;
};

TEST_F(Orders, AnUnloadedModelIsNotReadyUntilItIsLoaded) {
  start_serving(options(), "shift 1");
  obey(1);
  Client http = client();
  EXPECT_EQ(order(http, "unload", R"({"parameters":{"unload_dependents":false}})").status, 200);
  EXPECT_EQ(get(http, "/v2/models/bands/ready").status, 503);
  EXPECT_EQ(get(http, "/v2/health/ready").status, 503);
  EXPECT_EQ(get(http, "/v2/health/live").status, 200);
  EXPECT_EQ(get(http, "/v2/models/bands").status, 503);
  const HttpReply refused =
      http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(3)));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.retry_after, "1");
  EXPECT_NE(refused.body.find("unloaded"), std::string::npos) << refused.body;
  EXPECT_EQ(index(http)["state"], "UNAVAILABLE");
  EXPECT_EQ(index(http)["reason"], "unloaded");
  EXPECT_FALSE(service_->ready());
  EXPECT_EQ(order(http, "unload").status, 200) << "again";
  const std::vector<ReplicaStats> before = service_->stats().replicas;
  EXPECT_EQ(order(http, "load", "{}").status, 200);
  EXPECT_EQ(get(http, "/v2/models/bands/ready").status, 200);
  EXPECT_EQ(index(http)["state"], "READY");
  EXPECT_EQ(infer(http, image_of_band(3)).classes, std::vector<int64_t>{4});
  EXPECT_EQ(service_->stats().replicas[0].pid, before[0].pid) << "replicas keep the model";
  EXPECT_EQ(service_->stats().rejected, 1);
}

TEST_F(Orders, ALoadTakesTheVersionItNames) {
  start_serving(options(), "shift 1");
  obey(3);
  Client http = client();
  const auto answers = [&](int version) {
    const InferReply reply = infer(http, image_of_band(2));
    EXPECT_EQ(reply.model_version, std::to_string(version));
    EXPECT_EQ(reply.classes, std::vector<int64_t>{2 + version});
    EXPECT_EQ(index(http)["version"], std::to_string(version));
  };
  EXPECT_EQ(order(http, "load").status, 200);
  answers(3);
  EXPECT_EQ(order(http, "load", R"({"parameters":{"version":1}})").status, 200);
  answers(1);
  EXPECT_EQ(order(http, "load", R"({"parameters":{"version":"2"}})").status, 200);
  answers(2);
  EXPECT_EQ(order(http, "load", R"({"parameters":{"version":9}})").status, 404);
  EXPECT_EQ(order(http, "load", R"({"parameters":{"version":"x"}})").status, 400);
  EXPECT_EQ(order(http, "load", R"({"parameters":{"config":"{}"}})").status, 400);
  EXPECT_EQ(order(http, "unload", "[]").status, 400);
  EXPECT_EQ(http.request("POST", "/v2/repository/models/other/load").status, 404);
  EXPECT_EQ(http.request("POST", "/v2/repository/models/other/unload").status, 404);
  answers(2);
  EXPECT_TRUE(deploy(4, "shift 4").deployed) << "what is published later comes as ever";
  answers(4);
}

TEST_F(Orders, AFailedLoadLeavesItAsItWas) {
  start_serving(options(), "shift 1");
  obey(1);
  files_of_[2] = model_file("nan");
  Client http = client();
  EXPECT_EQ(order(http, "unload").status, 200);
  const HttpReply failed = order(http, "load", R"({"parameters":{"version":2}})");
  EXPECT_EQ(failed.status, 500);
  EXPECT_NE(failed.body.find("not finite"), std::string::npos) << failed.body;
  EXPECT_EQ(get(http, "/v2/models/bands/ready").status, 503);
  EXPECT_EQ(order(http, "load").status, 200);
  EXPECT_EQ(infer(http, image_of_band(3)).model_version, "1");
}

TEST_F(Orders, ALoadUnderLoadLosesNothing) {
  start_serving(options(), "shift 1");
  obey(2);
  Load load(service_->port(), 3);
  ASSERT_TRUE(eventually([&] { return load.answered() > 20; }));
  Client http = client();
  EXPECT_EQ(order(http, "load").status, 200);
  const int before = load.answered();
  EXPECT_TRUE(eventually([&] { return load.answered() > before + 20; }));
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  EXPECT_EQ(*load.versions().rbegin(), 2);
}

// Nobody takes the orders.
TEST_F(Orders, ALoadThatNobodyDoesEndsInTime) {
  ServiceOptions hasty = options();
  hasty.load_timeout = 200ms;
  start_serving(hasty, "shift 1");
  Client http = client();
  const HttpReply late = order(http, "load");
  EXPECT_EQ(late.status, 504);
  EXPECT_FALSE(service_->take_load_order()) << "an order whose time is over is not done";
}

TEST_F(Orders, OneLoadAtATime) {
  start_serving(options(), "shift 1");
  std::thread first([&] {
    Client http = client();
    EXPECT_EQ(order(http, "load").status, 200);
  });
  std::optional<LoadOrder> taken;
  EXPECT_TRUE(eventually([&] { return (taken = service_->take_load_order()).has_value(); }));
  Client http = client();
  EXPECT_EQ(order(http, "load").status, 503);
  service_->finish_load(*taken, {});
  first.join();
  std::thread second([&] { EXPECT_EQ(order(http, "load").status, 504); });
  EXPECT_TRUE(eventually([&] { return (taken = service_->take_load_order()).has_value(); }));
  service_->finish_load({taken->ticket - 1, 0}, {});  // late word of the first one
  service_->finish_load(*taken, {504, "it took too long"});
  second.join();
}

TEST_F(Orders, AnUnloadOverrulesALoadUnderWay) {
  start_serving(options(), "shift 1");
  std::thread waiting([&] {
    Client http = client();
    EXPECT_EQ(order(http, "load").status, 503);
  });
  std::optional<LoadOrder> taken;
  EXPECT_TRUE(eventually([&] { return (taken = service_->take_load_order()).has_value(); }));
  Client http = client();
  EXPECT_EQ(order(http, "unload").status, 200);
  waiting.join();
  service_->finish_load(*taken, {});
  EXPECT_FALSE(service_->ready()) << "the last word was to unload it";
  obey(1);
  EXPECT_EQ(order(http, "load").status, 200);
  EXPECT_TRUE(service_->ready());
}

TEST_F(Orders, DrainingEndsAnOrder) {
  start_serving(options(), "shift 1");
  std::thread waiting([&] {
    Client http = client();
    EXPECT_EQ(order(http, "load").status, 503);
  });
  EXPECT_TRUE(eventually([&] { return service_->take_load_order().has_value(); }));
  EXPECT_TRUE(service_->drain(20s));
  waiting.join();
}

TEST_F(Orders, AreForThoseWhoShowTheToken) {
  ServiceOptions guarded = options();
  guarded.token = "0123456789abcdef0123456789abcdef";
  start_serving(guarded, "shift 1");
  Client stranger = client();
  EXPECT_EQ(order(stranger, "unload").status, 401);
  EXPECT_EQ(order(stranger, "load").status, 401);
  EXPECT_TRUE(service_->ready());
}

}  // namespace
}  // namespace podium::serve::test
