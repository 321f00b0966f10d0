// The rules themselves: wrong examples are caught, right ones pass.
#include "architecture/rules.hpp"

#include <gtest/gtest.h>

namespace podium::test {
namespace {

size_t bad_includes(const std::string& path, const std::string& text) {
  return check_includes({path, text}).size();
}

TEST(IncludeRule, AllowsTheOwnRoomAndFloorsBelow) {
  EXPECT_EQ(bad_includes("train/trainer.cpp",
                         "#include \"train/trainer.hpp\"\n"
                         "#include <vector>\n"
                         "#include <boost/asio.hpp>\n"
                         "#include \"core/error.hpp\"\n"
                         "#include \"ckpt/registry.hpp\"\n"),
            0u);
  EXPECT_EQ(
      bad_includes("main.cpp", "#include \"workflow/pipeline.hpp\"\n#include \"options.hpp\"\n"),
      0u);
}

TEST(IncludeRule, CatchesUpward) {
  const Findings findings =
      check_includes({"core/error.cpp", "// story\n#include \"io/idx.hpp\"\n"});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings.front(),
            "core/error.cpp:2: floor 0 reaches up to 'io' on floor 1 by including io/idx.hpp");
}

TEST(IncludeRule, CatchesAcross) {
  EXPECT_EQ(bad_includes("nn/model.hpp", "#include \"comm/communicator.hpp\"\n"), 1u);
  EXPECT_EQ(bad_includes("serve/route.cpp", "#include \"train/recipe.hpp\"\n"), 1u);
}

TEST(IncludeRule, CatchesTheTopFromARoom) {
  EXPECT_EQ(bad_includes("workflow/job.cpp", "#include \"options.hpp\"\n"), 1u);
}

TEST(IncludeRule, CatchesUnknownRoomsAndRoomsInBrackets) {
  EXPECT_EQ(bad_includes("train/trainer.cpp", "#include \"util/strings.hpp\"\n"), 1u);
  EXPECT_EQ(bad_includes("util/strings.cpp", "#include \"core/error.hpp\"\n"), 1u);
  EXPECT_EQ(bad_includes("io/idx.cpp", "  #  include <train/trainer.hpp>  // oops\n"), 1u);
}

TEST(LinkRule, CatchesEdgesAcrossAndUp) {
  const auto findings = [](const std::string& links) {
    return check_links({"nn/CMakeLists.txt", "podium_floor(nn\n  SOURCES train.cpp comm\n  LINKS " +
                                                 links + ")  # serve\n"})
        .size();
  };
  EXPECT_EQ(findings("core OpenMP::OpenMP_CXX"), 0u);
  EXPECT_EQ(findings("core comm"), 1u);
  EXPECT_EQ(findings("core podium_train"), 1u);
  EXPECT_EQ(findings("core\n    serve\n    io"), 2u);
  EXPECT_EQ(findings("core CUDA_SOURCES cuda/ops.cu CUDA_LINKS Podium::cudnn"), 0u);
  EXPECT_EQ(findings("core CUDA_LINKS comm"), 1u);
}

TEST(LinkRule, CatchesAFloorUnderAnotherName) {
  EXPECT_EQ(check_links({"nn/CMakeLists.txt", "podium_floor(io SOURCES a.cpp)"}).size(), 1u);
}

size_t bad_backends(const std::string& path, const std::string& text) {
  return check_backends({path, text}).size();
}

TEST(BackendRule, CatchesConditionalsInLogic) {
  for (const char* line : {"#ifdef PODIUM_CUDA\n", "  # if defined(HAVE_NCCL)\n",
                           "#if __CUDACC__\n", "#ifndef USE_MPI\n", "#elif OMPI_MAJOR > 4\n"}) {
    EXPECT_EQ(bad_backends("train/trainer.cpp", line), 1u) << line;
  }
}

TEST(BackendRule, CatchesGpuHeadersInLogic) {
  EXPECT_EQ(bad_backends("nn/model.cpp", "#include <cudnn.h>\n"), 1u);
  EXPECT_EQ(bad_backends("comm/ring_allreduce.cpp", "#include <nccl.h>\n"), 1u);
}

TEST(BackendRule, AllowsThemWhereTheyBelong) {
  const std::string text = "#ifdef PODIUM_CUDA\n#include <cuda_runtime.h>\n";
  EXPECT_EQ(bad_backends("nn/cuda/cuda_ops.cpp", text), 0u);
  EXPECT_EQ(bad_backends("comm/nccl.cpp", text), 0u);
  EXPECT_EQ(bad_backends("core/cuda_runtime.hpp", text), 0u);
}

TEST(BackendRule, AllowsOtherConditionalsAndWords) {
  EXPECT_EQ(bad_backends("nn/cpu/loops.cpp",
                         "#ifdef __COMPILER__\n#pragma once\n// #if MPI\nint if_MPI;\n"),
            0u);
}

TEST(LengthRule, CatchesALongFile) {
  std::string text;
  for (size_t i = 0; i < longest_file_lines; ++i) text += "int x;\n";
  EXPECT_TRUE(check_length({"io/a.cpp", text}).empty());
  EXPECT_EQ(check_length({"io/a.cpp", text + "int y;\n"}).size(), 1u);
}

TEST(OpeningRule, CatchesFilesWithoutAStory) {
  EXPECT_EQ(check_opening({"io/a.hpp", "#pragma once\n"}).size(), 1u);
  EXPECT_EQ(check_opening({"io/a.cpp", "\n#include \"io/a.hpp\"\n"}).size(), 1u);
  EXPECT_EQ(check_opening({"io/a.cpp", "#include <vector>\n"}).size(), 1u);
  EXPECT_EQ(check_opening({"nn/cuda/a.cuh", "#include \"nn/cuda/b.cuh\"\n"}).size(), 1u);
  EXPECT_EQ(check_opening({"nn/cuda/a.cu", "#include <vector>\n"}).size(), 1u);
  EXPECT_TRUE(check_opening({"io/a.hpp", "// A is for apples.\n#pragma once\n"}).empty());
  EXPECT_TRUE(check_opening({"io/a.cpp", "#include \"io/a.hpp\"\n"}).empty());
  EXPECT_TRUE(check_opening({"io/a.cpp", "#include <map>\n#include \"io/fruit.hpp\"\n"}).empty());
  EXPECT_TRUE(check_opening({"io/a.cpp", "// Apples.\n"}).empty());
}

TEST(MapRule, CatchesWhatIsMissingOnEitherSide) {
  const std::string map =
      "| 0 | `src/core/` | errors |\n| 1 | `src/nn/`, `src/nn/cpu/` | tensors |\n"
      "| 2 | `src/ps/` (to come) | servers |\n";
  EXPECT_TRUE(check_map(map, {"core", "nn", "nn/cpu"}).empty());
  EXPECT_EQ(check_map(map, {"core", "nn", "nn/cpu", "io"}), Findings{"src/io/ is not on the map"});
  EXPECT_EQ(check_map(map, {"core", "nn"}),
            Findings{"the map shows src/nn/cpu/, which is not there"});
  EXPECT_EQ(check_map(map, {"core", "nn", "nn/cpu", "ps"}), Findings{"src/ps/ is not on the map"});
}

}  // namespace
}  // namespace podium::test
