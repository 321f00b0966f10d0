// Which device a rank takes, for every kind of machine.
#include "core/device_choice.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace podium {
namespace {

AcceleratorProbe with_gpus(int count) {
  AcceleratorProbe probe{.supported = true, .devices = {}, .why_none = ""};
  for (int i = 0; i < count; ++i) probe.devices.push_back({i, "Test GPU", 141'000'000'000});
  return probe;
}

AcceleratorProbe without_driver() {
  return {.supported = true, .devices = {}, .why_none = "no driver"};
}

AcceleratorProbe cpu_build() {
  return {.supported = false, .devices = {}, .why_none = "this build computes on CPUs only"};
}

TEST(DeviceRequest, IsParsed) {
  EXPECT_EQ(parse_device("auto"), DeviceRequest::automatic);
  EXPECT_EQ(parse_device("cpu"), DeviceRequest::cpu);
  EXPECT_EQ(parse_device("cuda"), DeviceRequest::cuda);
  EXPECT_THROW(parse_device("tpu"), Error);
}

TEST(DeviceChoice, TheCpuIsTakenWhereItIsAskedFor) {
  const DeviceChoice choice = choose_device(DeviceRequest::cpu, with_gpus(2), 0, 1);
  EXPECT_FALSE(choice.on_gpu());
  EXPECT_EQ(choice.notice, "");
}

TEST(DeviceChoice, RanksOfANodeTakeItsGpusInTurn) {
  const AcceleratorProbe probe = with_gpus(2);
  for (int rank = 0; rank < 5; ++rank) {
    EXPECT_EQ(choose_device(DeviceRequest::automatic, probe, rank, 5).gpu, rank % 2) << rank;
    EXPECT_EQ(choose_device(DeviceRequest::cuda, probe, rank, 5).gpu, rank % 2) << rank;
  }
}

TEST(DeviceChoice, AGpuThatCannotBeUsedIsLeftOut) {
  AcceleratorProbe probe = with_gpus(3);
  probe.devices.erase(probe.devices.begin());
  EXPECT_EQ(choose_device(DeviceRequest::cuda, probe, 0, 2).gpu, 1);
  EXPECT_EQ(choose_device(DeviceRequest::cuda, probe, 1, 2).gpu, 2);
}

TEST(DeviceChoice, TheFirstRankOfANodeTellsWhatIsTaken) {
  const AcceleratorProbe probe = with_gpus(2);
  EXPECT_EQ(choose_device(DeviceRequest::automatic, probe, 0, 2).notice,
            "computing on GPUs: 2 x Test GPU, 141 GB");
  EXPECT_EQ(choose_device(DeviceRequest::automatic, probe, 1, 2).notice, "");
}

TEST(DeviceChoice, RanksThatShareAGpuAreTold) {
  const std::string notice = choose_device(DeviceRequest::automatic, with_gpus(1), 0, 4).notice;
  EXPECT_NE(notice.find("4 ranks of a node see 1"), std::string::npos) << notice;
}

TEST(DeviceChoice, WithoutAGpuTheCpuIsTakenAndTheReasonTold) {
  const DeviceChoice choice = choose_device(DeviceRequest::automatic, without_driver(), 0, 2);
  EXPECT_FALSE(choice.on_gpu());
  EXPECT_NE(choice.notice.find("no driver"), std::string::npos) << choice.notice;
  EXPECT_EQ(choose_device(DeviceRequest::automatic, without_driver(), 1, 2).notice, "");
}

TEST(DeviceChoice, ABuildForCpusSaysNothing) {
  EXPECT_EQ(choose_device(DeviceRequest::automatic, cpu_build(), 0, 1).notice, "");
}

TEST(DeviceChoice, ADemandThatCannotBeMetEndsWithTheReason) {
  for (const AcceleratorProbe& probe : {without_driver(), cpu_build()}) {
    try {
      static_cast<void>(choose_device(DeviceRequest::cuda, probe, 0, 1));
      FAIL() << "took a GPU that is not there";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable);
      EXPECT_NE(std::string(error.what()).find(probe.why_none), std::string::npos) << error.what();
    }
  }
}

TEST(Accelerators, AreDescribedInGroups) {
  AcceleratorProbe probe = with_gpus(2);
  probe.devices.push_back({2, "Other GPU", 80'000'000'000});
  EXPECT_EQ(describe(probe), "2 x Test GPU, 141 GB, 1 x Other GPU, 80 GB");
  EXPECT_EQ(describe(without_driver()), "none: no driver");
}

TEST(Accelerators, AProbeFindsSomeOrSaysWhyNot) {
  const AcceleratorProbe probe = probe_accelerators();
  EXPECT_NE(probe.any(), !probe.why_none.empty()) << probe.why_none;
  EXPECT_EQ(accelerator_versions().empty(), !probe.supported);
}

}  // namespace
}  // namespace podium
