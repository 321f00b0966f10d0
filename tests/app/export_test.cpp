// Exported models in the programs they are made for: trained by podium, exported by podium, run by
// onnxruntime and read by safetensors (check_export.py), on the whole test split.
//
// That needs a Python with onnxruntime (python.hpp).
// Where there is none those tests are skipped; tests/nn/export_test.cpp runs graphs without it.
#include <fstream>
#include <numeric>

#include "app/python.hpp"
#include "app_fixture.hpp"
#include "io/loader/dataset.hpp"
#include "nn/export/model_view.hpp"
#include "workflow/model_predictor.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;

constexpr size_t batch = 500;

const std::string fashion_mnist = "/usr/share/datasets/fashion-mnist";

template <typename Value>
void write_values(const fs::path& path, std::span<const Value> values) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file.write(reinterpret_cast<const char*>(values.data()), std::ssize(values) * sizeof(Value));
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

struct Trained {
  const char* name;
  const char* model;  // a model of the input file, or architecture text
  std::string source;
  std::string input = PODIUM_CI_INPUT;
  std::vector<std::string> flags = {};
};

void PrintTo(const Trained& trained, std::ostream* out) {
  *out << trained.name;
}

class ExportedModel : public AppTest, public testing::WithParamInterface<Trained> {
 protected:
  // podium VERB on the data of this test; returns its result line.
  nlohmann::json podium(const std::string& verb, const Words& more) const {
    Words command = {PODIUM_EXECUTABLE,
                     verb,
                     GetParam().input,
                     "--run.dir=" + run_dir().string(),
                     "--io.cache_dir=" + (folder() / "cache").string(),
                     "--io.source=" + source()};
    append(command, GetParam().flags);
    append(command, more);
    Process job(command);
    EXPECT_EQ(job.wait(), 0) << job.err();
    return job.result();
  }

  // Of the real set the first train records are enough to train on, and all test records are used.
  std::string source() const {
    return GetParam().source == fashion_mnist ? file("fashion-mnist") : GetParam().source;
  }

  std::string file(const char* name) const { return (folder() / name).string(); }

  // Images of the test split, and what Podium computes of them.
  nlohmann::json write_expected(nn::Model& model, const fs::path& cache) const {
    const io::Dataset dataset = io::Dataset::open(cache);
    const size_t records = dataset.size(io::Split::test);
    for (size_t first = 0; first < records; first += batch) {
      const size_t count = std::min(batch, records - first);
      std::vector<uint32_t> indices(count);
      std::iota(indices.begin(), indices.end(), static_cast<uint32_t>(first));
      std::vector<uint8_t> images(count * dataset.info().image_bytes());
      std::vector<uint8_t> labels(count);
      dataset.gather(io::Split::test, indices, images, labels);
      write_values<uint8_t>(file("images.bin"), images);
      std::vector<float> probabilities(count * dataset.info().classes);
      std::vector<float> logits(probabilities.size());
      model.predict(images, probabilities, logits);
      write_values<float>(file("logits.bin"), logits);
    }
    nlohmann::json expected = {{"name", model.card().name}, {"classes", model.card().classes}};
    const io::DatasetInfo& info = dataset.info();
    expected["images"] = {records, info.height, info.width, info.channels};
    const nn::ModelView view(model);
    for (const nn::BufferInfo& buffer : view.plan.buffers) {
      expected["buffers"].push_back({buffer.name, buffer.shape});
      write_values<float>(file("weights.bin"), view.values_of(buffer));
    }
    std::ofstream(file("expected.json")) << expected;
    return expected;
  }
};

TEST_P(ExportedModel, RunsElsewhereAsHere) {
  const std::string python = find_python("numpy, onnx, onnxruntime, safetensors");
  if (python.empty()) {
    GTEST_SKIP() << "needs a Python with onnx, onnxruntime, safetensors and numpy; "
                    "name one by PODIUM_TEST_PYTHON";
  }
  if (GetParam().source == fashion_mnist) {
    if (!fs::exists(fashion_mnist)) GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
    Process subset({python, PODIUM_FIRST_RECORDS, fashion_mnist, "2500", source()});
    ASSERT_EQ(subset.wait(), 0) << subset.err();
  }
  const nlohmann::json trained =
      podium("train", {std::string("--train.model=") + GetParam().model, "--train.threads=1"});
  const std::string name = trained.at("model");
  const fs::path candidate = run_dir() / "registry/candidates" / (name + ".h5");
  const nlohmann::json onnx =
      podium("export", {"--model=" + candidate.string(), "--output=" + file("model.onnx")});
  const nlohmann::json safetensors =
      podium("export", {"--model=" + candidate.string(), "--output=" + file("model.safetensors")});
  for (const auto* result : {&onnx, &safetensors}) {
    EXPECT_EQ(result->at("weights_xxh3"), trained.at("weights_xxh3"));
    EXPECT_EQ(result->at("bytes"), fs::file_size(result->at("file").get<std::string>()));
  }

  const auto model = workflow::load_model(candidate, 1, batch);
  const nlohmann::json expected =
      write_expected(*model, podium("ingest", {}).at("cache").get<std::string>());
  Process check({python, PODIUM_CHECK_EXPORT, folder().string()});
  ASSERT_EQ(check.wait(), 0) << check.out() << check.err();
  const nlohmann::json report = nlohmann::json::parse(check.out());
  std::cout << "onnxruntime and Podium: " << report << std::endl;
  EXPECT_EQ(report.at("images"), expected.at("images").at(0));
  EXPECT_LT(report.at("largest"), 1e-4);
}

const std::string grey = "synthetic:1000,12,12,1,4";
const std::string colour = "synthetic:1000,12,10,3,5";
const std::vector<std::string> short_training = {"--io.validation=100", "--train.epochs=1"};
// The input file's models, on what little of the real set takes seconds.
const std::vector<std::string> real_training = {"--io.validation=500", "--model.dense.epochs=1",
                                                "--model.cnn.epochs=1", "--model.resnet.epochs=1"};

INSTANTIATE_TEST_SUITE_P(
    Of, ExportedModel,
    testing::Values(
        Trained{"Dense", "dense 32; relu; dense classes", grey, PODIUM_CI_INPUT, short_training},
        Trained{"Cnn", "conv 8 3; bn; relu; pool 2; dense 16; relu; dense classes", colour,
                PODIUM_CI_INPUT, short_training},
        Trained{"ResNetWithStrides",
                "conv 8 4 stride 2; bn; relu; res 8 1; res 12 2; gap; dense classes", colour,
                PODIUM_CI_INPUT, short_training},
        Trained{"AveragePoolAndDropout",
                "conv 8 2; relu; avgpool 3 stride 2; dropout 0.25; dense 16; bn; relu; "
                "dropout 0.5; dense classes",
                colour, PODIUM_CI_INPUT, short_training},
        Trained{"MeanOverMirrorImages",
                "conv 8 3; bn; relu; pool 2; dense classes",
                colour,
                PODIUM_CI_INPUT,
                {"--io.validation=100", "--train.epochs=1", "--train.flip", "--train.tta=flip"}},
        Trained{"UnusualOrders",
                "relu; bn; res 4 2 { conv 4 3 stride 2 }; pool 4 stride 1; dense 8; conv 4 3; bn; "
                "relu; res 4 1 { dense 4; bn }; avgpool 1; res 6 1 { dense 6 }; dense classes",
                colour, PODIUM_CI_INPUT, short_training},
        Trained{"FashionMnistDense", "dense", fashion_mnist, PODIUM_INPUT, real_training},
        Trained{"FashionMnistCnn", "cnn", fashion_mnist, PODIUM_INPUT, real_training},
        Trained{"FashionMnistResNet", "resnet", fashion_mnist, PODIUM_INPUT, real_training}),
    [](const auto& trained) { return trained.param.name; });

}  // namespace
}  // namespace podium::test
