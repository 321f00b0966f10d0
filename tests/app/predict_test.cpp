// podium predict on every kind of input: the numbers are those that the model's file gives when
// computed here, and the bytes do not depend on the number of ranks and threads.
#include <algorithm>

#include "app/predictions.hpp"
#include "app_fixture.hpp"
#include "io/data_files.hpp"
#include "io/files/hdf5_file.hpp"
#include "io/files/seal.hpp"
#include "io/image/transform.hpp"
#include "io/sources/source.hpp"
#include "io/user_hdf5.hpp"
#include "io/user_images.hpp"

namespace podium::test {
namespace {

constexpr const char* source = "synthetic:3000,12,12,1,4";  // as in the input file
constexpr size_t pixels = 144;
constexpr size_t classes = 4;
constexpr io::ImageShape shape{12, 12, 1};

class PredictTest : public AppTest {
 protected:
  PredictTest() {
    train({"--train.model=dense classes", "--train.epochs=1"});
    load_test_images();
  }

  void train(const Words& more) const {
    const auto train = start_alone("train", more);
    EXPECT_EQ(train->wait(), 0) << train->err();
    EXPECT_EQ(start_alone("select")->wait(), 0);
  }

  // Result of `podium predict` on `ranks` ranks.
  nlohmann::json predict(const Words& more, int ranks = 1) const {
    const auto job = ranks == 1 ? start_alone("predict", more) : start(ranks, "predict", more);
    EXPECT_EQ(job->wait(), 0) << job->err();
    return job->result();
  }

  // Expects the refusal of an input with `code` and `word` in its one line, and no output.
  void refuse(const Words& more, int code, const std::string& word, int ranks = 1) const {
    const std::filesystem::path output = folder() / "refused.csv";
    Words words = more;
    if (std::ranges::none_of(more, [](const auto& w) { return w.starts_with("--output"); })) {
      words.push_back("--output=" + output.string());
    }
    const auto job = ranks == 1 ? start_alone("predict", words) : start(ranks, "predict", words);
    EXPECT_EQ(job->wait(), code) << job->err();
    EXPECT_TRUE(job->last_words().starts_with("podium: error: ")) << job->err();
    EXPECT_NE(job->last_words().find(word), std::string::npos) << job->err();
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      const std::string name = entry.path().filename().string();
      EXPECT_EQ(name.find("refused"), std::string::npos) << name << " was left behind";
    }
  }

  std::string path(const std::string& name) const { return (folder() / name).string(); }
  std::string input(const std::string& name) const { return "--input=" + path(name); }
  std::string output(const std::string& name) const { return "--output=" + path(name); }
  std::filesystem::path model() const { return run_dir() / "registry/versions/000001-model.h5"; }

  const uint8_t* image(size_t i) const { return images_.data() + i * pixels; }
  Bytes image_bytes(size_t i) const { return {image(i), image(i) + pixels}; }

  // The 300 test images of the source, through its own reader.
  Bytes images_;
  Bytes labels_;

 private:
  void load_test_images() {
    io::SourceOptions options;
    options.source = source;
    const auto opened = io::open_source(options);
    labels_.resize(opened->info().test_records);
    images_.resize(labels_.size() * pixels);
    const auto stream = opened->open(io::Part::test, 0);
    stream->read(images_, labels_);
  }
};

TEST_F(PredictTest, TheCsvHoldsWhatTheModelsFileGives) {
  const nlohmann::json result = predict({std::string("--input=") + source, output("p.csv")}, 2);
  const LinearModel model(this->model());
  const CsvPredictions csv(folder() / "p.csv");
  EXPECT_EQ(csv.header, (std::vector<std::string>{"image", "class", "name", "probability", "label",
                                                  "p_0", "p_1", "p_2", "p_3"}));
  ASSERT_EQ(csv.rows.size(), 300U);
  std::array<std::array<int, classes>, classes> confusion{};
  for (size_t i = 0; i < csv.rows.size(); ++i) {
    const std::vector<double> expected = LinearModel::softmax(model.logits(image(i)));
    for (size_t k = 0; k < classes; ++k) {
      EXPECT_NEAR(csv.number(i, "p_" + std::to_string(k)), expected[k], 1e-5);
    }
    const auto best = static_cast<size_t>(std::ranges::max_element(expected) - expected.begin());
    EXPECT_EQ(csv.at(i, "image"), std::to_string(i));
    EXPECT_EQ(csv.at(i, "class"), std::to_string(best));
    EXPECT_EQ(csv.at(i, "name"), std::to_string(best));
    EXPECT_EQ(csv.at(i, "probability"), csv.at(i, "p_" + std::to_string(best)));
    EXPECT_EQ(csv.at(i, "label"), std::to_string(labels_[i]));
    ++confusion[labels_[i]][best];
  }
  EXPECT_EQ(result.at("images"), 300);
  EXPECT_EQ(result.at("confusion"), nlohmann::json(confusion));
  for (size_t k = 0; k < classes; ++k) {
    int taken = 0;
    for (const auto& row : confusion) taken += row[k];
    const nlohmann::json& scores = result.at("per_class")[k];
    EXPECT_DOUBLE_EQ(scores.at("precision").get<double>(), confusion[k][k] / double(taken));
    EXPECT_DOUBLE_EQ(scores.at("recall").get<double>(), confusion[k][k] / 75.0);
    EXPECT_DOUBLE_EQ(scores.at("f1").get<double>(), 2.0 * confusion[k][k] / (75 + taken));
  }
  const auto kept = nlohmann::json::parse(bytes_of(run_dir() / "evaluation/model-test.json"));
  EXPECT_EQ(kept.at("confusion"), result.at("confusion"));
}

TEST_F(PredictTest, TheHdf5FileHoldsLogitsToo) {
  predict({std::string("--input=") + source, output("p.h5")}, 3);
  io::verify_seal(folder() / "p.h5", {"podium.predictions", 1, ""});
  const io::Hdf5File file = io::Hdf5File::open(folder() / "p.h5");
  const LinearModel model(this->model());
  const auto floats = [&](const char* name) {
    const io::Hdf5Dataset dataset = file.dataset<float>(name);
    EXPECT_EQ(dataset.shape(), (std::vector<uint64_t>{300, classes}));
    std::vector<float> values(300 * classes);
    dataset.read(0, std::span(values));
    return values;
  };
  const std::vector<float> logits = floats("logits");
  const std::vector<float> probabilities = floats("probabilities");
  std::vector<uint32_t> predicted(300);
  std::vector<uint32_t> labels(300);
  file.dataset<uint32_t>("class").read(0, std::span(predicted));
  file.dataset<uint32_t>("labels").read(0, std::span(labels));
  EXPECT_TRUE(std::ranges::equal(labels, labels_));
  for (size_t i = 0; i < 300; ++i) {
    const std::vector<double> expected = model.logits(image(i));
    const std::vector<double> shares = LinearModel::softmax(expected);
    for (size_t k = 0; k < classes; ++k) {
      EXPECT_NEAR(logits[i * classes + k], expected[k], 1e-4);
      EXPECT_NEAR(probabilities[i * classes + k], shares[k], 1e-5);
    }
    EXPECT_EQ(predicted[i], std::ranges::max_element(expected) - expected.begin());
  }
  EXPECT_EQ(file.read_attribute("class_names"), R"(["0","1","2","3"])");
  EXPECT_EQ(file.read_attribute("model_version"), "1");
}

TEST_F(PredictTest, TheBytesAreTheSameOnAnyNumberOfRanksAndThreads) {
  const std::string many = "--input=synthetic:20000,12,12,1,4";  // 2,000 test images
  for (const char* suffix : {".csv", ".h5"}) {
    const std::string one = std::string("one") + suffix;
    predict({many, output(one), "--threads=1"});
    for (const int ranks : {1, 2, 5}) {
      const std::string other = std::to_string(ranks) + suffix;
      predict({many, output(other), "--threads=3"}, ranks);
      EXPECT_TRUE(bytes_of(folder() / one) == bytes_of(folder() / other)) << ranks << suffix;
    }
  }
}

TEST_F(PredictTest, EveryWayToTheSameImagesGivesTheSameBytes) {
  predict({output("cache.csv")});  // --io.source, by way of its cache
  const auto same = [&](const Words& more) {
    predict(more);
    EXPECT_EQ(bytes_of(folder() / "other.csv"), bytes_of(folder() / "cache.csv")) << more[0];
  };
  same({std::string("--input=") + source, output("other.csv")});
  for (const auto& entry : std::filesystem::directory_iterator(folder() / "cache")) {
    if (entry.is_directory()) same({"--input=" + entry.path().string(), output("other.csv")});
  }
  const std::vector<int64_t> labels(labels_.begin(), labels_.end());
  {
    UserHdf5 file(folder() / "set.h5");
    file.dataset("images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {300, 12, 12}, images_.data());
    file.dataset("labels", H5T_STD_I64LE, H5T_NATIVE_INT64, {300}, labels.data());
  }
  same({input("set.h5"), output("other.csv")});
  write_bytes(folder() / "x-images-idx3-ubyte.gz", gzip(idx_bytes({300, 12, 12}, images_)));
  write_bytes(folder() / "x-labels-idx1-ubyte.gz", gzip(idx_bytes({300}, labels_)));
  same({input("x-images-idx3-ubyte.gz"), output("other.csv")});
  same({input("x-images-idx3-ubyte.gz"), output("other.csv"), "--model=" + model().string()});
  same({input("x-images-idx3-ubyte.gz"), output("other.csv"), "--model=" + run_dir().string()});
}

TEST_F(PredictTest, LabelsAreMatchedByNameWhereThereAreNames) {
  std::vector<int64_t> turned(labels_.begin(), labels_.end());
  for (int64_t& label : turned) label = 3 - label;
  const auto write = [&](const std::string& name, const std::string& names) {
    UserHdf5 file(folder() / name);
    file.dataset("images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {300, 12, 12}, images_.data());
    file.dataset("labels", H5T_STD_I64LE, H5T_NATIVE_INT64, {300}, turned.data());
    file.attribute("class_names", names, true);
  };
  write("turned.h5", R"(["3","2","1","0"])");
  predict({std::string("--input=") + source, output("straight.csv")});
  predict({input("turned.h5"), output("turned.csv")});
  EXPECT_EQ(bytes_of(folder() / "turned.csv"), bytes_of(folder() / "straight.csv"));
  write("named.h5", R"(["ant","bee","cat","dog"])");
  EXPECT_LT(predict({input("named.h5")}).at("accuracy"), 0.5) << "numbers, and these are turned";
  write("strange.h5", R"(["3","2","1","zebra"])");
  const nlohmann::json strange = predict({input("strange.h5"), output("strange.csv")});
  EXPECT_TRUE(strange.at("accuracy").is_null()) << "zebras are no class of the model";
}

TEST_F(PredictTest, AFolderPerClassTellsTheTruth) {
  for (size_t i = 0; i < 40; ++i) {
    const auto folder = this->folder() / "in" / std::to_string(labels_[i]);
    std::filesystem::create_directories(folder);
    write_png(folder / (std::to_string(i) + ".png"), shape, image_bytes(i));
  }
  const nlohmann::json result = predict({input("in"), output("p.csv")}, 2);
  const LinearModel model(this->model());
  const CsvPredictions csv(folder() / "p.csv");
  ASSERT_EQ(csv.rows.size(), 40U);
  size_t correct = 0;
  for (size_t row = 0; row < 40; ++row) {
    const std::string name = csv.at(row, "image");
    const size_t i = std::stoul(name.substr(name.find('/') + 1));
    const std::vector<double> expected = model.logits(image(i));
    const auto best = std::ranges::max_element(expected) - expected.begin();
    EXPECT_EQ(csv.at(row, "class"), std::to_string(best)) << name;
    EXPECT_EQ(csv.at(row, "label"), std::to_string(labels_[i])) << name;
    correct += best == labels_[i] ? 1 : 0;
  }
  EXPECT_DOUBLE_EQ(result.at("accuracy").get<double>(), static_cast<double>(correct) / 40);
  EXPECT_TRUE(std::filesystem::exists(run_dir() / "evaluation/model-input.json"));
}

TEST_F(PredictTest, ImagesWithoutLabelsAndWithOddNames) {
  std::filesystem::create_directories(folder() / "in");
  const std::vector<std::string> names = {"a,b.png", "line\nbreak.png", "plain.png",
                                          "say \"hi\".png"};
  for (size_t i = 0; i < names.size(); ++i) {
    write_png(folder() / "in" / names[i], shape, image_bytes(i));
  }
  const nlohmann::json result = predict({input("in"), output("p.csv")});
  EXPECT_TRUE(result.at("accuracy").is_null());
  EXPECT_TRUE(result.at("confusion").is_null());
  const CsvPredictions csv(folder() / "p.csv");
  ASSERT_EQ(csv.rows.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(csv.at(i, "image"), names[i]);
  EXPECT_EQ(std::ranges::count(csv.header, "label"), 0);

  predict({input("in/plain.png"), output("one.csv")});
  const CsvPredictions one(folder() / "one.csv");
  ASSERT_EQ(one.rows.size(), 1U);
  EXPECT_EQ(one.at(0, "image"), "plain.png");
  EXPECT_NEAR(one.number(0, "p_0"), csv.number(2, "p_0"), 1e-6);

  std::filesystem::create_directories(folder() / "other/kitten");
  write_png(folder() / "other/kitten/1.png", shape, image_bytes(0));
  const auto strangers = start_alone("predict", {input("other")});
  EXPECT_EQ(strangers->wait(), 0) << strangers->err();
  EXPECT_TRUE(strangers->result().at("accuracy").is_null());
  EXPECT_NE(strangers->err().find("no class 'kitten'"), std::string::npos) << strangers->err();
}

TEST_F(PredictTest, ImagesGoTheWayOfTheModelsOwn) {
  const Words ours = {"--io.transform=crop 10 10; resize 8 8", "--train.model=dense classes",
                      "--train.epochs=1"};
  std::filesystem::remove_all(run_dir());
  train(ours);
  const io::Transform transform = io::Transform::parse("crop 10 10; resize 8 8");
  const LinearModel model(this->model());
  predict({std::string("--input=") + source, output("p.csv")});  // without saying how
  predict({output("cached.csv")});
  EXPECT_EQ(bytes_of(folder() / "p.csv"), bytes_of(folder() / "cached.csv"));
  const CsvPredictions csv(folder() / "p.csv");
  for (size_t i = 0; i < 300; ++i) {
    Bytes small(64);
    transform.apply(shape, std::span(image(i), pixels), small);
    const std::vector<double> expected = LinearModel::softmax(model.logits(small.data()));
    EXPECT_NEAR(csv.number(i, "p_0"), expected[0], 1e-5);
  }

  write_png(folder() / "big.png", {20, 16, 3}, Bytes(20 * 16 * 3, 90));
  refuse({input("big.png")}, 65, "resize 8 8; grayscale");
  const nlohmann::json said =
      predict({input("big.png"), "--io.transform=resize 8 8; grayscale", output("said.csv")});
  EXPECT_EQ(said.at("images"), 1);
  const std::vector<double> expected = LinearModel::softmax(model.logits(Bytes(64, 90).data()));
  EXPECT_NEAR(CsvPredictions(folder() / "said.csv").number(0, "p_0"), expected[0], 1e-5);
}

TEST_F(PredictTest, BadInputsAreRefusedAndNothingIsLeftBehind) {
  std::filesystem::create_directories(folder() / "empty");
  refuse({input("empty")}, 65, "no images");
  refuse({input("nowhere")}, 65, "no such file");
  const Bytes idx = idx_bytes({300, 12, 12}, images_);
  write_bytes(folder() / "cut", Bytes(idx.begin(), idx.end() - 100));
  refuse({input("cut")}, 65, "truncated");
  Bytes packed = gzip(idx);
  packed.resize(packed.size() / 2);
  write_bytes(folder() / "cut.gz", packed);
  refuse({input("cut.gz")}, 65, "cut.gz", 2);
  write_bytes(folder() / "none", idx_bytes({0, 12, 12}, {}));
  refuse({input("none")}, 65, "no images");
  write_bytes(folder() / "wide", idx_bytes({3, 9, 16}, Bytes(432)));
  refuse({input("wide")}, 65, "resize 12 12");
  write_bytes(folder() / "text.png", {'t', 'e', 'x', 't'});
  refuse({input("text.png")}, 65, "text.png");
  refuse({input("empty"), "--output=" + path("x.txt")}, 2, ".csv or .h5");
  refuse({input("cut"), "--output=" + path("cut")}, 2, ".csv or .h5");
  refuse({std::string("--input=") + source, "--output=" + path("missing/x.csv")}, 74, "missing");
  refuse({std::string("--input=") + source, "--split=validation"}, 2, "validation");
  refuse({"--model=" + path("nowhere")}, 65, "nowhere");
  refuse({"--model=" + path("empty")}, 69, "no model is published");
  refuse({"--model=" + path("wide")}, 65, "wide");
  refuse({"--model=" + path("wide"), "--server=127.0.0.1:1"}, 2, "--predict.server");
  std::filesystem::copy(folder() / "none", folder() / "none.h5");
  refuse({input("none.h5"), "--output=" + path("none.h5")}, 2, "replace their input");
  refuse({input("empty"), "--predict.threads=-1"}, 2, "predict.threads");
}

TEST_F(PredictTest, NoModelOrCacheIsLostToPredictions) {
  const std::string kept = bytes_of(model());
  refuse({std::string("--input=") + source, "--output=" + model().string()}, 2, "no predictions");
  EXPECT_EQ(bytes_of(model()), kept);
  predict({std::string("--input=") + source, output("again.h5")});
  predict({std::string("--input=") + source, output("again.h5")});
}

TEST_F(PredictTest, AnEvaluationThatCannotBeKeptIsNoFailure) {
  std::filesystem::remove_all(run_dir() / "evaluation");
  write_bytes(run_dir() / "evaluation", {'f'});
  const auto job = start_alone("predict", {std::string("--input=") + source});
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_NE(job->err().find("the evaluation is not kept"), std::string::npos) << job->err();
  EXPECT_TRUE(job->result().at("accuracy").is_number());
}

TEST_F(PredictTest, ABrokenImageOfTheLastRankIsNamedAndNothingIsLeftBehind) {
  std::filesystem::create_directories(folder() / "in");
  for (size_t i = 0; i < 300; ++i) {
    write_png(folder() / "in" / (std::to_string(1000 + i) + ".png"), shape, image_bytes(i));
  }
  write_bytes(folder() / "in/9.png", {'n', 'o'});
  refuse({input("in")}, 65, "9.png", 3);
}

TEST_F(PredictTest, AModelOfNoNumbersIsRefused) {
  const auto spoil = [&](float value) {
    ckpt::Snapshot snapshot = ckpt::read_snapshot(model());
    snapshot.buffers.front().values.front() = value;
    ckpt::write_snapshot(folder() / "spoilt.h5", snapshot);
    return "--model=" + path("spoilt.h5");
  };
  const std::string here = std::string("--input=") + source;
  refuse({here, spoil(std::nanf(""))}, 65, "no finite numbers");
  ckpt::Snapshot snapshot = ckpt::read_snapshot(model());
  for (ckpt::NamedBuffer& buffer : snapshot.buffers) {
    std::ranges::fill(buffer.values, 3e38F);  // finite, but what they give is not
  }
  ckpt::write_snapshot(folder() / "huge.h5", snapshot);
  refuse({here, "--model=" + path("huge.h5")}, 65, "no number");
  snapshot.card["model"]["classes"] = 7;
  ckpt::write_snapshot(folder() / "odd.h5", snapshot);
  refuse({here, "--model=" + path("odd.h5")}, 65, "odd.h5");
}

TEST_F(PredictTest, AFullDiskLeavesTheOldFile) {
  write_bytes(folder() / "p.csv", {'o', 'l', 'd'});  // a limit of 20 MiB on files stands in
  for (const char* name : {"p.csv", "p.h5"}) {
    Words words = {"bash", "-c", "ulimit -f 20480; exec \"$0\" \"$@\""};
    append(words, this->words("predict", {"--input=synthetic:6000000,12,12,1,4", output(name)}));
    Process job(words);
    EXPECT_EQ(job.wait(), 74) << job.err();
  }
  EXPECT_EQ(bytes_of(folder() / "p.csv"), "old");
  EXPECT_FALSE(std::filesystem::exists(folder() / "p.h5"));
}

TEST_F(PredictTest, ARunCountsAsPredictDoes) {
  std::filesystem::remove_all(run_dir());
  const auto run = start(2, "run", {"--run.models=dense"});
  ASSERT_EQ(run->wait(), 0) << run->err();
  const nlohmann::json counted = run->result().at("models")[0];
  const nlohmann::json again = predict({});
  EXPECT_EQ(again.at("confusion"), counted.at("confusion"));
  EXPECT_EQ(again.at("per_class"), counted.at("per_class"));
  EXPECT_EQ(again.at("accuracy"), counted.at("test_accuracy"));
}

}  // namespace
}  // namespace podium::test
