// A lingering job: both endpoints answer, SIGTERM under load loses no accepted request, and a job
// stopped while it trains goes on to the same bits.
#include <atomic>
#include <fstream>
#include <regex>
#include <thread>

#include "app_fixture.hpp"
#include "core/error.hpp"
#include "io/loader/dataset.hpp"

namespace podium::test {
namespace {

class ServiceOfAJob : public AppTest {
 protected:
  // host:port of the front door that the job printed; empty while it has none.
  static serve::HostPort front_door(const Process& job) {
    const std::string err = job.err();
    std::smatch found;
    if (!std::regex_search(err, found, std::regex("serving on http://([^/]+)/"))) return {};
    return serve::parse_host_port(found[1].str());
  }

  static std::string image_json(int value) {
    std::string text = "[";
    for (int i = 0; i < 144; ++i) text += (i == 0 ? "" : ",") + std::to_string(value);
    return text + "]";
  }
};

TEST_F(ServiceOfAJob, AnswersOnBothEndpointsUntilSigterm) {
  const auto job = start(4, "run", {"--serve.linger=forever"});
  ASSERT_TRUE(job->wait_for_err("or SIGTERM")) << job->err();
  const serve::HostPort door = front_door(*job);
  serve::Client client = client_of(door, run_dir());

  const auto infer = client.request("POST", "/v2/models/shapes/infer",
                                    R"({"id":"7","inputs":[{"name":"image","datatype":"UINT8",)"
                                    R"("shape":[1,12,12,1],"data":)" +
                                        image_json(9) + "}]}");
  ASSERT_EQ(infer.status, 200) << infer.body;
  const nlohmann::json reply = nlohmann::json::parse(infer.body);
  EXPECT_EQ(reply.at("model_name"), "shapes");
  EXPECT_EQ(reply.at("id"), "7");

  const auto predict =
      client.request("POST", "/predict", R"({"image_id":"a","image":)" + image_json(200) + "}");
  ASSERT_EQ(predict.status, 200) << predict.body;
  const nlohmann::json prediction = nlohmann::json::parse(predict.body);
  for (const char* key : {"image_id", "predicted_class", "confidence", "processing_time_ms",
                          "server_replica", "model_version"}) {
    EXPECT_TRUE(prediction.contains(key)) << key;
  }
  EXPECT_EQ(client.request("GET", "/v2/models/nothing").status, 404);

  const auto token_mode = std::filesystem::status(run_dir() / "serve.token").permissions();
  EXPECT_EQ(token_mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_TRUE(
      job->wait_for_err("clients show the token in " + (run_dir() / "serve.token").string()));
  serve::Client stranger(door.host, door.port);
  EXPECT_EQ(stranger.request("GET", "/v2/models/shapes").status, 401);
  EXPECT_EQ(stranger.request("GET", "/v2/health/ready").status, 200);

  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("service").at("failed"), 0);
}

// No client comes, so that only the signal can end the trial.
TEST_F(ServiceOfAJob, SigtermEndsATrial) {
  const auto job = start(4, "run",
                         {"--serve.linger=forever", "--serve.canary=0.5", "--serve.canary_s=3600",
                          "--serve.replicas=2"});
  ASSERT_TRUE(job->wait_for_err("on trial")) << job->err();
  job->signal(SIGTERM);
  const int status = job->wait();
  EXPECT_TRUE(status == 0 || status == 75) << status << job->err();
  EXPECT_NE(job->err().find("the service ends"), std::string::npos) << job->err();
}

// Nor does a trial keep a service that has lingered.
TEST_F(ServiceOfAJob, TheEndOfLingeringEndsATrial) {
  const Words tiny = {"--train.model=dense", "--model.dense.epochs=1", "--model.dense.lr=0.0001"};
  ASSERT_EQ(start(1, "train", tiny)->wait(), 0);
  ASSERT_EQ(start(1, "select")->wait(), 0);
  ASSERT_EQ(start(1, "train", {"--train.model=cnn", "--model.cnn.epochs=4"})->wait(), 0);
  const auto job = start(
      1, "serve",
      {"--serve.linger=10", "--serve.canary=0.5", "--serve.canary_s=3600", "--serve.replicas=2"});
  ASSERT_TRUE(job->wait_for_err("serving on")) << job->err();
  ASSERT_EQ(start(1, "select")->wait(), 0);
  ASSERT_TRUE(job->wait_for_err("on trial")) << job->err();
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_NE(job->err().find("the service ends"), std::string::npos) << job->err();
}

TEST_F(ServiceOfAJob, SigtermUnderLoadLosesNoAcceptedRequest) {
  const auto job = start(4, "run", {"--serve.linger=forever"});
  ASSERT_TRUE(job->wait_for_err("or SIGTERM")) << job->err();
  const serve::HostPort door = front_door(*job);

  const std::string body = R"({"image_id":"a","image":)" + image_json(100) + "}";
  std::atomic<int> answered{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      try {
        serve::Client client = client_of(door, run_dir());
        while (true) {
          const int status = client.request("POST", "/predict", body).status;
          if (status == 503) return;  // draining: the request was not accepted
          status == 200 ? ++answered : ++wrong;
        }
      } catch (const Error&) {
        // The door is closed: the connection ended between two requests or was refused.
      }
    });
  }
  const Deadline warm(std::chrono::seconds(20));
  while (answered < 200 && !warm.expired()) std::this_thread::yield();
  job->signal(SIGTERM);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(wrong, 0);
  // Every request that the service counts as answered reached its client.
  const nlohmann::json result = job->result();
  EXPECT_EQ(result.at("service").at("failed"), 0);
  const nlohmann::json& test = result.at("front_door");
  const int own = test.at("requests").get<int>() + test.at("ranks").at("requests").get<int>();
  EXPECT_EQ(result.at("service").at("requests").get<int>(), answered + own);
}

TEST_F(ServiceOfAJob, AStoppedJobGoesOnToTheSameBits) {
  const Words longer = {"--model.resnet.epochs=60", "--run.models=dense,resnet"};
  const auto whole = start(4, "run", longer);
  ASSERT_EQ(whole->wait(), 0) << whole->err();
  std::filesystem::remove_all(run_dir());

  const auto first = start(4, "run", longer);
  ASSERT_TRUE(first->wait_for_err("train resnet   epoch  3/60")) << first->err();
  first->signal(SIGTERM);
  EXPECT_EQ(first->wait(), 75) << first->err();
  const auto second = start(4, "run", longer);
  ASSERT_EQ(second->wait(), 0) << second->err();
  EXPECT_NE(second->err().find("goes on after epoch"), std::string::npos) << second->err();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(second->result().at("models")[i].at("weights_xxh3"),
              whole->result().at("models")[i].at("weights_xxh3"));
  }
  EXPECT_EQ(second->result().at("selected"), whole->result().at("selected"));
}

TEST_F(ServiceOfAJob, TheServeVerbTakesABetterModelWithoutLosingARequest) {
  const Words tiny = {"--train.model=dense", "--model.dense.epochs=1", "--model.dense.lr=0.0001"};
  ASSERT_EQ(start(1, "train", tiny)->wait(), 0);
  ASSERT_EQ(start(1, "select")->wait(), 0);
  const auto serve = start(1, "serve", {"--serve.linger=forever"});
  ASSERT_TRUE(serve->wait_for_err("serving on")) << serve->err();
  const serve::HostPort door = front_door(*serve);

  const std::string body = R"({"image_id":"a","image":)" + image_json(100) + "}";
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> newest{0};
  std::thread load([&] {
    serve::Client client = client_of(door, run_dir());
    while (!done) {
      const serve::HttpReply reply = client.request("POST", "/predict", body);
      if (reply.status != 200) {
        ++wrong;
        continue;
      }
      const nlohmann::json version = nlohmann::json::parse(reply.body).at("model_version");
      newest = version.is_string() ? std::stoi(version.get<std::string>()) : version.get<int>();
    }
  });
  EXPECT_EQ(start(1, "train", {"--train.model=cnn", "--model.cnn.epochs=4"})->wait(), 0);
  const auto select = start(1, "select");
  EXPECT_EQ(select->wait(), 0);
  EXPECT_EQ(select->result().at("version"), 2);
  const Deadline swap(std::chrono::seconds(30));
  while (newest < 2 && !swap.expired()) std::this_thread::yield();
  done = true;
  load.join();
  EXPECT_EQ(newest, 2);
  EXPECT_EQ(wrong, 0);

  const auto predict =
      start_alone("predict", {"--predict.server=" + door.host + ":" + std::to_string(door.port)});
  EXPECT_EQ(predict->wait(), 0) << predict->err();
  const auto offline = start_alone("predict");
  EXPECT_EQ(offline->wait(), 0) << offline->err();
  EXPECT_EQ(predict->result().at("accuracy"), offline->result().at("accuracy"));
  EXPECT_EQ(predict->result().at("version"), "2");
  const auto direct = start(2, "predict",
                            {"--input=synthetic:3000,12,12,1,4",
                             "--server=" + door.host + ":" + std::to_string(door.port)});
  EXPECT_EQ(direct->wait(), 0) << direct->err();
  EXPECT_EQ(direct->result().at("confusion"), offline->result().at("confusion"));
  const auto other = start_alone(
      "predict",
      {"--input=synthetic:100,9,9,1,4", "--server=" + door.host + ":" + std::to_string(door.port)});
  EXPECT_EQ(other->wait(), 65) << other->err();
  EXPECT_NE(other->last_words().find("the model takes 12x12x1"), std::string::npos);
  const auto stranger =
      start_alone("predict", {"--run.dir=" + (folder() / "elsewhere").string(),
                              "--server=" + door.host + ":" + std::to_string(door.port)});
  EXPECT_EQ(stranger->wait(), 2) << stranger->err();
  EXPECT_NE(stranger->last_words().find("--predict.token_file"), std::string::npos);
  serve->signal(SIGTERM);
  EXPECT_EQ(serve->wait(), 0) << serve->err();
  EXPECT_EQ(serve->result().at("swaps"), 1);
}

TEST_F(ServiceOfAJob, TheServeVerbLoadsWhatClientsOrder) {
  const Words tiny = {"--train.model=dense", "--model.dense.epochs=1", "--model.dense.lr=0.0001"};
  ASSERT_EQ(start(1, "train", tiny)->wait(), 0);
  ASSERT_EQ(start(1, "select")->wait(), 0);
  ASSERT_EQ(start(1, "train", {"--train.model=cnn", "--model.cnn.epochs=4"})->wait(), 0);
  const auto select = start(1, "select");
  ASSERT_EQ(select->wait(), 0);
  ASSERT_EQ(select->result().at("version"), 2);
  const auto serve = start(1, "serve", {"--serve.linger=forever"});
  ASSERT_TRUE(serve->wait_for_err("serving on")) << serve->err();
  serve::Client client = client_of(front_door(*serve), run_dir());
  const auto order = [&](const std::string& what, const std::string& body = "") {
    return client.request("POST", "/v2/repository/models/shapes/" + what, body).status;
  };
  const auto version = [&] {
    const auto reply =
        client.request("POST", "/predict", R"({"image_id":"a","image":)" + image_json(100) + "}");
    if (reply.status != 200) return std::to_string(reply.status);
    return nlohmann::json::parse(reply.body).at("model_version").get<std::string>();
  };
  EXPECT_EQ(version(), "2");
  EXPECT_EQ(order("unload"), 200);
  EXPECT_EQ(version(), "503");
  EXPECT_EQ(order("load", R"({"parameters":{"version":1}})"), 200);
  EXPECT_EQ(version(), "1");
  EXPECT_EQ(order("load", R"({"parameters":{"version":3}})"), 404);
  EXPECT_EQ(version(), "1");
  EXPECT_EQ(order("load"), 200);
  EXPECT_EQ(version(), "2");
  EXPECT_EQ(order("load"), 200) << "it is served already";
  std::ofstream(run_dir() / "registry" / "versions" / "000001-dense.h5") << "damaged";
  EXPECT_EQ(order("load", R"({"parameters":{"version":1}})"), 500);
  EXPECT_EQ(version(), "2");
  // What the service said before its answer may still be on its way through mpirun.
  EXPECT_TRUE(serve->wait_for_err("000001-dense.h5")) << serve->err();
  serve->signal(SIGTERM);
  EXPECT_EQ(serve->wait(), 0) << serve->err();
}

}  // namespace
}  // namespace podium::test
