// Training as scripts see it: targets, MLPerf's log, and runs that diverge.
#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

class Training : public AppTest {
 protected:
  // The events of mlperf.log by model; every line must be one, with all that the format asks for.
  std::map<std::string, std::vector<json>> mlperf_events() const {
    const std::string prefix = ":::MLLOG ";
    std::map<std::string, std::vector<json>> by_model;
    std::ifstream file(run_dir() / "mlperf.log");
    for (std::string line; std::getline(file, line);) {
      EXPECT_TRUE(line.starts_with(prefix)) << line;
      const json event = json::parse(line.substr(prefix.size()));
      std::set<std::string> keys;
      for (const auto& [key, value] : event.items()) keys.insert(key);
      EXPECT_EQ(keys, (std::set<std::string>{"namespace", "time_ms", "event_type", "key", "value",
                                             "metadata"}));
      EXPECT_TRUE(event.at("metadata").at("file").get<std::string>().starts_with("src/")) << line;
      EXPECT_GT(event.at("metadata").at("lineno"), 0);
      by_model[event.at("metadata").at("model")].push_back(event);
    }
    return by_model;
  }

  // "run_start epoch_start ..."; times must not run backwards, and types must fit.
  static std::string order_of(const std::vector<json>& events) {
    std::string text;
    int64_t before = 0;
    for (const json& event : events) {
      const std::string key = event.at("key");
      const char* type = key.ends_with("_start")  ? "INTERVAL_START"
                         : key.ends_with("_stop") ? "INTERVAL_END"
                                                  : "POINT_IN_TIME";
      EXPECT_EQ(event.at("event_type"), type) << key;
      EXPECT_EQ(event.at("value").is_null(), std::string(type) != "POINT_IN_TIME") << key;
      EXPECT_GE(event.at("time_ms").get<int64_t>(), before) << key;
      before = event.at("time_ms");
      text += (text.empty() ? "" : " ") + key;
    }
    return text;
  }

  static json value_of(const std::vector<json>& events, const std::string& key) {
    const auto found =
        std::ranges::find_if(events, [&](const json& event) { return event.at("key") == key; });
    return found == events.end() ? json() : found->at("value");
  }

  static bool has_child(const Process& job, const std::string& name) {
    return std::ranges::any_of(children_of(job.pid()),
                               [&](pid_t child) { return name_of(child) == name; });
  }

  static size_t count_of(const std::string& text, const std::string& part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++count;
    }
    return count;
  }
};

const std::string beginning =
    "init_start submission_benchmark seed global_batch_size train_samples eval_samples opt_name "
    "opt_base_learning_rate opt_end_learning_rate opt_learning_rate_warmup_epochs opt_momentum "
    "opt_weight_decay";
const std::string epoch = " epoch_start epoch_stop eval_start eval_accuracy eval_stop";

TEST_F(Training, AStopIsHeardHoweverEarlyItComes) {
  for (const int signal : {SIGTERM, SIGUSR1, SIGHUP}) {
    for (const int after_ms : {0, 100, 400}) {
      const auto job = start(2, "train", {"--train.model=dense", "--model.dense.epochs=4000"});
      while (!has_child(*job, "mpirun")) usleep(1000);
      usleep(static_cast<useconds_t>(after_ms * 1000));
      job->signal(signal);
      EXPECT_EQ(job->wait(), 75) << signal << " after " << after_ms << " ms: " << job->err();
    }
  }
}

TEST_F(Training, AFullDiskBehindTheOutputIsTold) {
  for (const char* words : {" --help", " train --print-config"}) {
    Process full({"sh", "-c", std::string(PODIUM_EXECUTABLE) + words + " >/dev/full"});
    EXPECT_EQ(full.wait(), 74);
    EXPECT_NE(full.last_words().find("standard output"), std::string::npos) << full.err();
  }
}

TEST_F(Training, EndsAtItsTargetAndSaysWhen) {
  const auto job = start(2, "train",
                         {"--train.model=dense", "--model.dense.epochs=20",
                          "--train.target_accuracy=0.9", "--model.dense.ema=0.9"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  EXPECT_LT(result.at("epochs"), 20);
  EXPECT_EQ(result.at("target_accuracy"), 0.9);
  EXPECT_EQ(result.at("reached"), true);
  EXPECT_GE(result.at("val_accuracy"), 0.9);
  EXPECT_EQ(result.at("time_to_accuracy_s"), result.at("train_s"));

  const std::vector<json> events = mlperf_events().at("dense");
  std::string expected = beginning + " model_eval_ema_factor init_stop run_start";
  for (int i = 0; i < result.at("epochs"); ++i) expected += epoch;
  EXPECT_EQ(order_of(events), expected + " run_stop");
  EXPECT_EQ(events.back().at("metadata").at("status"), "success");
  EXPECT_EQ(value_of(events, "train_samples"), 2700);
  EXPECT_EQ(value_of(events, "eval_samples"), 300);
  EXPECT_EQ(value_of(events, "global_batch_size"), 64);
  EXPECT_EQ(value_of(events, "submission_benchmark"), "synthetic");
  EXPECT_EQ(value_of(events, "opt_base_learning_rate"), 0.05);
}

TEST_F(Training, ATargetThatIsNotReachedIsNoError) {
  const auto job = start(
      2, "train", {"--train.model=dense", "--train.target_accuracy=1", "--model.dense.lr=0.0001"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("epochs"), 2);
  EXPECT_EQ(job->result().at("reached"), false);
  EXPECT_TRUE(job->result().at("time_to_accuracy_s").is_null());
  EXPECT_EQ(mlperf_events().at("dense").back().at("metadata").at("status"), "aborted");

  const auto without = start(1, "train", {"--train.model=cnn"});
  ASSERT_EQ(without->wait(), 0) << without->err();
  for (const char* key : {"target_accuracy", "reached", "time_to_accuracy_s"}) {
    EXPECT_TRUE(without->result().at(key).is_null()) << key;
  }
}

TEST_F(Training, GroupsSideBySideShareTheLog) {
  const auto job = start(6, "run");
  ASSERT_EQ(job->wait(), 0) << job->err();
  ASSERT_NE(job->err().find("trainers in 3 groups"), std::string::npos) << job->err();
  const auto by_model = mlperf_events();
  ASSERT_EQ(by_model.size(), 3U);
  for (const json& model : job->result().at("models")) {
    const std::vector<json>& events = by_model.at(model.at("name"));
    EXPECT_EQ(order_of(events), beginning + " init_stop run_start" + epoch + epoch + " run_stop");
    EXPECT_EQ(events[events.size() - 3].at("value"), model.at("val_accuracy"));
  }
}

TEST_F(Training, ADivergedModelEndsTheJobWithOneLineAndIsNeverPublished) {
  // Ranks 1 and 2 train one model after the other.
  const auto job = start(3, "run", {"--model.cnn.lr=1000", "--model.cnn.warmup=0"});
  EXPECT_EQ(job->wait(), 2) << job->err();
  EXPECT_EQ(count_of(job->err(), "podium: error:"), 1U) << job->err();
  EXPECT_NE(job->err().find("model 'cnn', learning rate"), std::string::npos) << job->err();
  EXPECT_NE(job->err().find("no longer"), std::string::npos) << job->err();
  EXPECT_FALSE(std::filesystem::exists(run_dir() / "registry" / "candidates" / "cnn.h5"));
  EXPECT_TRUE(std::filesystem::exists(run_dir() / "checkpoints" / "dense"));
  const std::vector<json> events = mlperf_events().at("cnn");
  EXPECT_EQ(order_of(events), beginning + " init_stop run_start epoch_start epoch_stop run_stop");
  EXPECT_EQ(events.back().at("metadata").at("status"), "aborted");

  const auto again = start(3, "run");
  ASSERT_EQ(again->wait(), 0) << again->err();
  EXPECT_NE(again->err().find("model 'dense' is reused"), std::string::npos)
      << again->err();
  EXPECT_EQ(again->result().at("models").size(), 3U);
}

// Of each trainer, of all on average, and of each epoch: parts that sum to the wall time.
TEST_F(Training, TellsWhereTheTimeWent) {
  const auto sum = [](const json& wall) {
    double seconds = 0;
    for (const char* part :
         {"compute_s", "data_wait_s", "exposed_comm_s", "hidden_comm_s", "other_s"}) {
      seconds += wall.at(part).get<double>();
      EXPECT_GE(wall.at(part).get<double>(), 0.0) << part;
    }
    return seconds;
  };
  const auto job = start(2, "train", {"--train.model=cnn", "--train.accumulate=2"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  const double wall_s = result.at("wall_s").get<double>();
  EXPECT_NEAR(sum(result), wall_s, 1e-6 * wall_s);
  ASSERT_EQ(result.at("wall_by_rank").size(), 2U);
  // That of the first rank, within what passes between two looks at the clock.
  EXPECT_GE(result.at("wall_by_rank").at(0).at("wall_s").get<double>(),
            0.9 * result.at("train_s").get<double>());
  double mean = 0;
  for (const json& wall : result.at("wall_by_rank")) {
    EXPECT_NEAR(sum(wall), wall.at("wall_s").get<double>(), 1e-6 * wall_s);
    EXPECT_GT(wall.at("compute_s").get<double>(), 0.0);
    mean += wall.at("wall_s").get<double>() / 2;
  }
  EXPECT_NEAR(mean, wall_s, 1e-6 * wall_s);
  EXPECT_NE(job->err().find("% exposed and"), std::string::npos) << job->err();
  std::ifstream metrics(run_dir() / "metrics.jsonl");
  int epochs = 0;
  for (std::string line; std::getline(metrics, line);) {
    const json event = json::parse(line);
    if (event.at("event") != "epoch") continue;
    ++epochs;
    EXPECT_GT(sum(event.at("wall")), 0.0);
  }
  EXPECT_EQ(epochs, result.at("epochs").get<int>());
}

// The trainers' test, the job's own requests and `predict` all go by the model's card.
TEST_F(Training, PredictionsWithMirrorImagesAreTheSameEverywhere) {
  Words recipe = {"--run.models=cnn", "--train.flip=alternate", "--train.tta=flip",
                  "--train.ema=0.95", "--model.cnn.lr=0.01"};
  const auto job = start(2, "run", recipe);
  ASSERT_EQ(job->wait(), 0) << job->err();
  json model = job->result().at("models").at(0);
  EXPECT_EQ(job->result().at("front_door").at("accuracy"), model.at("test_accuracy"));
  const auto predictions = [&] {
    const std::filesystem::path file = folder() / "predictions.csv";
    const auto predict =
        start_alone("predict", {"--predict.split=validation", "--predict.output=" + file.string()});
    EXPECT_EQ(predict->wait(), 0) << predict->err();
    EXPECT_EQ(predict->result().at("accuracy"), model.at("val_accuracy"));
    std::ifstream stream(file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  const std::string mirrored = predictions();

  std::filesystem::remove_all(run_dir());
  recipe.push_back("--train.tta=none");
  const auto plain = start(2, "run", recipe);
  ASSERT_EQ(plain->wait(), 0) << plain->err();
  EXPECT_EQ(plain->result().at("models").at(0).at("weights_xxh3"), model.at("weights_xxh3"));
  model = plain->result().at("models").at(0);
  EXPECT_NE(predictions(), mirrored) << "the confidences of the same weights";
}

}  // namespace
}  // namespace podium::test
