// `podium export` as a user starts it: which model it takes, what it refuses, and that nothing is
// lost by it.
#include <fstream>
#include <limits>

#include "app_fixture.hpp"
#include "ckpt/snapshot.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;

class ExportVerb : public AppTest {
 protected:
  // Trains and publishes a small model called dense.
  void publish(const Words& flags = {}) const {
    Words training = {"--train.model=dense", "--model.dense.epochs=1", "--train.threads=1",
                      "--io.source=synthetic:300,12,12,1,4", "--io.validation=50"};
    append(training, flags);
    const auto train = start_alone("train", training);
    ASSERT_EQ(train->wait(), 0) << train->err();
    ASSERT_EQ(start_alone("select")->wait(), 0);
  }

  std::string file(const char* name) const { return (folder() / name).string(); }
  std::string published() const {
    return (run_dir() / "registry/versions/000001-dense.h5").string();
  }

  // Expects exit code `code`, no result, and one error line that holds `words`.
  void expect_refused(const Words& flags, int code, const Words& words) const {
    const auto job = start_alone("export", flags);
    EXPECT_EQ(job->wait(), code) << job->err();
    EXPECT_TRUE(job->result().is_null()) << "a failed job has no result";
    const std::string last = job->last_words();
    EXPECT_TRUE(last.starts_with("podium: error: ")) << job->err();
    for (const std::string& word : words) {
      EXPECT_NE(last.find(word), std::string::npos) << "'" << word << "' is not in: " << last;
    }
  }

  static std::string content(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  // Files of the test's folder that begin with a dot: left-overs of writing.
  size_t hidden_files() const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder())) {
      count += entry.path().filename().string().starts_with(".") ? 1 : 0;
    }
    return count;
  }
};

TEST_F(ExportVerb, RefusesAFormatThatTheNameContradicts) {
  publish();
  expect_refused({"--output=" + file("m.onnx"), "--format=safetensors"}, 2, {"--export.format"});
  EXPECT_FALSE(fs::exists(file("m.onnx")));
}

TEST_F(ExportVerb, TakesTheAverageOfACheckpointThatHoldsOne) {
  const auto train = start_alone(
      "train", {"--train.model=dense", "--model.dense.epochs=3", "--train.threads=1",
                "--io.source=synthetic:300,12,12,1,4", "--io.validation=50", "--train.ema=0.5",
                "--train.ema_every=1", "--train.target_accuracy=0.01"});
  ASSERT_EQ(train->wait(), 0) << train->err();
  int checkpoints = 0;
  for (const auto& entry : fs::directory_iterator(run_dir() / "checkpoints" / "dense")) {
    if (entry.path().extension() != ".h5") continue;
    ++checkpoints;
    const auto job = start_alone(
        "export", {"--output=" + file("m.safetensors"), "--model=" + entry.path().string()});
    ASSERT_EQ(job->wait(), 0) << job->err();
    EXPECT_EQ(job->result().at("weights_xxh3"), train->result().at("weights_xxh3"));
  }
  EXPECT_EQ(checkpoints, 1);
}

TEST_F(ExportVerb, TakesTheModelThatIsNamed) {
  publish();
  const std::string config = content(run_dir() / "config.cfg");
  const auto job = start(2, "export", {"--format=onnx", "--output=" + file("a")});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("verb"), "export");
  EXPECT_EQ(job->result().at("format"), "onnx");
  EXPECT_EQ(job->result().at("model"), "dense");
  EXPECT_EQ(job->result().at("version"), 1);
  EXPECT_EQ(job->result().at("bytes"), fs::file_size(file("a")));
  EXPECT_EQ(content(run_dir() / "config.cfg"), config) << "the run keeps its configuration";

  for (const std::string& model : {run_dir().string(), (run_dir() / "registry").string()}) {
    const auto same = start_alone(
        "export", {"--run.dir=/nowhere", "--model=" + model, "--output=" + file("b.onnx")});
    ASSERT_EQ(same->wait(), 0) << same->err();
    EXPECT_TRUE(content(file("a")) == content(file("b.onnx"))) << "equal models, equal bytes";
  }
  for (const fs::path& model :
       {fs::path("registry/candidates/dense.h5"), fs::path("registry/versions/000001-dense.h5")}) {
    const auto job_of_file = start_alone(
        "export", {"--model=" + (run_dir() / model).string(), "--output=" + file("c.safetensors")});
    ASSERT_EQ(job_of_file->wait(), 0) << job_of_file->err();
    EXPECT_EQ(job_of_file->result().at("format"), "safetensors");
    EXPECT_TRUE(job_of_file->result().at("version").is_null()) << "a file tells no version";
  }
}

TEST_F(ExportVerb, RefusesWhatItCannotWriteTo) {
  publish();
  fs::create_directory(folder() / "here");
  expect_refused({"--output=" + file("m.onnx"), "--format=onxx"}, 2, {"onxx", "onnx, safetensors"});
  expect_refused({}, 2, {"--export.output"});
  expect_refused({"--output=" + file("m.pb")}, 2, {"m.pb", "--format=onnx"});
  expect_refused({"--format=onnx", "--output=" + file("here")}, 2, {"here", "folder"});
  expect_refused({"--format=onnx", "--output=" + file("new/")}, 2, {"new/", "folder"});
  expect_refused({"--output=" + file("none/m.onnx")}, 74, {"none"});
  expect_refused({"--output=/proc/m.onnx"}, 74, {"/proc"});
  expect_refused({"--format=onnx", "--output=/dev/null"}, 2, {"/dev/null"});
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const std::string model = content(published());
  expect_refused({"--format=onnx", "--output=" + published()}, 2, {"no earlier export"});
  EXPECT_TRUE(content(published()) == model);
  const std::string current = (run_dir() / "registry/current.json").string();
  expect_refused({"--format=onnx", "--output=" + current}, 2, {"no earlier export"});
  EXPECT_EQ(hidden_files(), 0U);
}

TEST_F(ExportVerb, RefusesWhatIsNoModel) {
  const std::string output = "--output=" + file("m.onnx");
  expect_refused({output}, 69, {"no model is published", "podium select"});
  EXPECT_FALSE(fs::exists(run_dir())) << "exporting makes no run folder";
  expect_refused({output, "--model=" + folder().string()}, 69, {"no model is published"});
  expect_refused({output, "--model=nowhere.h5"}, 65, {"nowhere.h5"});
  expect_refused({output, "--model=/dev/zero"}, 65, {"/dev/zero"});
  publish();
  std::ofstream(file("text.h5")) << "not a model";
  expect_refused({output, "--model=" + file("text.h5")}, 65, {"text.h5"});
  std::string damaged = content(published());
  damaged[damaged.size() / 2] ^= 1;
  std::ofstream(file("damaged.h5"), std::ios::binary) << damaged;
  std::ofstream(file("m.onnx")) << "an earlier export";
  expect_refused({output, "--model=" + file("damaged.h5")}, 65, {"damaged.h5"});
  EXPECT_EQ(content(file("m.onnx")), "an earlier export");
}

TEST_F(ExportVerb, RefusesWeightsThatAreNoNumbers) {
  publish();
  ckpt::Snapshot snapshot = ckpt::read_snapshot(published());
  snapshot.buffers.at(1).values.at(2) = std::numeric_limits<float>::quiet_NaN();
  ckpt::write_snapshot(file("nan.h5"), snapshot);
  expect_refused({"--output=" + file("m.onnx"), "--model=" + file("nan.h5")}, 65,
                 {"nan.h5", snapshot.buffers.at(1).name});
  EXPECT_FALSE(fs::exists(file("m.onnx")));
}

TEST_F(ExportVerb, AFullDiskLosesNothing) {
  publish({"--model.dense.arch=dense 4096; relu; dense 512; dense classes"});
  std::ofstream(file("m.onnx")) << "an earlier export";
  // A limit of 8 MiB on the size of files stands in for a full disk: the weights have 10.8 MB.
  Words words = {"bash", "-c", "ulimit -f 8192; exec \"$0\" \"$@\""};
  append(words, this->words("export", {"--output=" + file("m.onnx")}));
  Process job(words);
  EXPECT_EQ(job.wait(), 74) << job.err();
  EXPECT_EQ(content(file("m.onnx")), "an earlier export");
  EXPECT_EQ(hidden_files(), 0U);
}

TEST_F(ExportVerb, KeepsALinkAndReplacesWhatIsBehindIt) {
  publish();
  std::ofstream(file("old.onnx")) << "an earlier export";
  fs::create_symlink(file("old.onnx"), file("link.onnx"));
  const auto job = start_alone("export", {"--output=" + file("link.onnx")});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_TRUE(fs::is_symlink(file("link.onnx")));
  EXPECT_EQ(fs::file_size(file("old.onnx")), job->result().at("bytes"));
}

}  // namespace
}  // namespace podium::test
