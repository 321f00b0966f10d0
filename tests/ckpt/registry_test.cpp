#include "ckpt/registry.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <set>
#include <thread>

#include "core/random.hpp"
#include "io/data_files.hpp"
#include "io/files/atomic_file.hpp"
#include "temporary_folder.hpp"

namespace podium::ckpt {
namespace {

using test::thrown_by;

Snapshot model(float weight) {
  Snapshot snapshot;
  snapshot.card["metrics"] = {{"epochs", 3}};
  snapshot.buffers = {{"w", {1}, {weight}}};
  return snapshot;
}

class RegistryTest : public ::testing::Test {
 protected:
  Registry::Candidate candidate(const std::string& name) const {
    for (const auto& candidate : registry_.candidates()) {
      if (candidate.name == name) return candidate;
    }
    throw std::runtime_error("no candidate " + name);
  }

  Registry::Offer add_and_offer(const std::string& name, double accuracy) {
    registry_.add_candidate(name, accuracy, model(static_cast<float>(accuracy)));
    return registry_.offer(candidate(name));
  }

  test::TemporaryFolder folder_;
  Registry registry_{folder_.path() / "registry"};
};

TEST_F(RegistryTest, BeginsEmpty) {
  EXPECT_FALSE(registry_.current());
  EXPECT_TRUE(registry_.versions().empty());
  EXPECT_TRUE(registry_.candidates().empty());
  EXPECT_EQ(thrown_by([&] { registry_.select(); }).code, ExitCode::bad_data);
}

TEST_F(RegistryTest, PublishesTheFirstThenOnlyBetterOnes) {
  const auto first = add_and_offer("dense", 0.89);
  EXPECT_TRUE(first.published);
  EXPECT_EQ(first.current.number, 1);
  EXPECT_EQ(first.current.path.filename(), "000001-dense.h5");
  EXPECT_FALSE(add_and_offer("worse", 0.5).published);
  const auto tie = add_and_offer("tie", 0.89);
  EXPECT_FALSE(tie.published);
  EXPECT_EQ(tie.current.name, "dense");
  EXPECT_NE(tie.reason.find("not better than dense at 89.00 %"), std::string::npos);
  const auto better = add_and_offer("cnn", 0.92);
  EXPECT_TRUE(better.published);
  EXPECT_EQ(better.current.number, 2);
  EXPECT_EQ(registry_.current()->name, "cnn");
  EXPECT_DOUBLE_EQ(registry_.current()->val_accuracy, 0.92);
  EXPECT_EQ(read_snapshot(registry_.current()->path).buffers[0].values[0], 0.92f);
  const auto versions = registry_.versions();
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0].name, "dense");
  EXPECT_DOUBLE_EQ(versions[0].val_accuracy, 0.89);
}

TEST_F(RegistryTest, SelectOffersTheBestCandidate) {
  registry_.add_candidate("b", 0.7, model(1));
  registry_.add_candidate("c", 0.9, model(2));
  registry_.add_candidate("a", 0.9, model(3));
  EXPECT_EQ(registry_.select().current.name, "a");
  EXPECT_FALSE(registry_.select().published);
  EXPECT_EQ(candidate("b").metrics["epochs"], 3);
}

TEST_F(RegistryTest, WhatIsPublishedAlreadyIsSaidToBe) {
  add_and_offer("dense", 0.89);
  const auto again = registry_.select();
  EXPECT_FALSE(again.published);
  EXPECT_TRUE(again.already);
  EXPECT_FALSE(add_and_offer("cnn", 0.89).already) << "a tie is another model";
}

TEST_F(RegistryTest, ADamagedVersionGivesWay) {
  const auto first = add_and_offer("dense", 0.89);
  io::write_text_file(first.current.path, "no model");
  const auto worse = add_and_offer("cnn", 0.5);
  EXPECT_TRUE(worse.published) << worse.reason;
  EXPECT_EQ(worse.current.number, 2);
  EXPECT_NE(worse.reason.find("version 1 is damaged"), std::string::npos) << worse.reason;
}

TEST_F(RegistryTest, AReplacedCandidateLeavesItsVersionAlone) {
  add_and_offer("dense", 0.8);
  const auto again = add_and_offer("dense", 0.85);
  EXPECT_TRUE(again.published);
  EXPECT_EQ(read_snapshot(registry_.versions()[0].path).buffers[0].values[0], 0.8f);
  EXPECT_EQ(read_snapshot(registry_.versions()[1].path).buffers[0].values[0], 0.85f);
}

TEST_F(RegistryTest, NamesCannotEscape) {
  for (const std::string& name : {std::string("../x"), std::string(""), std::string("a/b"),
                                  std::string("."), std::string("a b"), std::string(200, 'a')}) {
    EXPECT_EQ(thrown_by([&] { registry_.add_candidate(name, 0.5, model(1)); }).code,
              ExitCode::usage);
    EXPECT_EQ(thrown_by([&] { registry_.offer({name, 0.5, "", {}}); }).code, ExitCode::usage);
  }
  io::write_text_file(registry_.folder() / "current.json",
                      R"({"number":1,"name":"../../x","val_accuracy":0.5})");
  EXPECT_EQ(thrown_by([&] { registry_.current(); }).code, ExitCode::bad_data);
}

TEST_F(RegistryTest, AccuracyOutsideItsRangeIsRefused) {
  for (const double accuracy : {-0.1, 1.1, std::nan("")}) {
    EXPECT_EQ(thrown_by([&] { registry_.add_candidate("x", accuracy, model(1)); }).code,
              ExitCode::usage);
  }
}

TEST_F(RegistryTest, DamagedFilesAreNamedAndNothingIsPublished) {
  Snapshot large = model(1);
  large.buffers.push_back({"large", {10000}, std::vector<float>(10000, 1.0f)});
  registry_.add_candidate("x", 0.9, large);
  const auto found = candidate("x");
  test::flip_bit(found.path, std::filesystem::file_size(found.path) / 2, 0);
  const auto damaged = thrown_by([&] { registry_.offer(found); });
  EXPECT_EQ(damaged.code, ExitCode::bad_data);
  EXPECT_TRUE(damaged.mentions("x.h5"));
  EXPECT_TRUE(damaged.mentions("buffer 'large'"));
  EXPECT_FALSE(registry_.current());
  std::filesystem::remove(found.path);

  add_and_offer("y", 0.5);
  // The last two would be version 1, taken modulo 2^32 or cut.
  for (const char* text : {"", "{", "[]", "{\"number\":\"1\"}", "{\"number\":0}",
                           R"({"number":4294967297,"name":"y","val_accuracy":0.5})",
                           R"({"number":1.5,"name":"y","val_accuracy":0.5})"}) {
    io::write_text_file(registry_.folder() / "current.json", text);
    const auto thrown = thrown_by([&] { registry_.current(); });
    EXPECT_EQ(thrown.code, ExitCode::bad_data) << text;
    EXPECT_TRUE(thrown.mentions("current.json"));
  }
}

TEST_F(RegistryTest, AVersionIsFoundWhateverTheOthersAre) {
  const auto damaged = add_and_offer("x", 0.5).current.path;
  add_and_offer("y", 0.6);
  io::write_text_file(damaged, "damaged");
  const auto found = registry_.version(2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "y");
  EXPECT_EQ(found->val_accuracy, 0.6);
  EXPECT_TRUE(thrown_by([&] { registry_.version(1); }).mentions("000001-x.h5"));
  EXPECT_FALSE(registry_.version(3));
}

TEST_F(RegistryTest, MissingVersionFileIsNamed) {
  std::filesystem::remove(add_and_offer("x", 0.9).current.path);
  const auto thrown = thrown_by([&] { registry_.current(); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("000001-x.h5"));
}

TEST_F(RegistryTest, AnOfferThatDiedBeforeCurrentJsonUsesUpItsNumber) {
  registry_.add_candidate("x", 0.9, model(1));
  std::filesystem::copy_file(candidate("x").path, registry_.folder() / "versions/000001-x.h5");
  EXPECT_FALSE(registry_.current());
  EXPECT_EQ(registry_.offer(candidate("x")).current.number, 2);
}

TEST_F(RegistryTest, FileInPlaceOfTheFolderIsAnIoError) {
  test::write_bytes(folder_.path() / "file", {'x'});
  EXPECT_EQ(thrown_by([&] { Registry registry(folder_.path() / "file"); }).code, ExitCode::io);
}

// What must hold after any number of concurrent offers: version accuracies ascend strictly, numbers
// are unique, the current version is the best candidate and equals the last version.
void expect_consistent(const Registry& registry, double best) {
  const auto versions = registry.versions();
  ASSERT_FALSE(versions.empty());
  for (size_t i = 1; i < versions.size(); ++i) {
    EXPECT_GT(versions[i].number, versions[i - 1].number);
    EXPECT_GT(versions[i].val_accuracy, versions[i - 1].val_accuracy);
  }
  ASSERT_TRUE(registry.current());
  EXPECT_EQ(registry.current()->number, versions.back().number);
  EXPECT_DOUBLE_EQ(registry.current()->val_accuracy, best);
}

constexpr int offers_per_writer = 10;

void add_and_offer_many(const std::filesystem::path& folder, int writer) {
  Registry registry(folder);
  for (int i = 0; i < offers_per_writer; ++i) {
    const std::string name = "m" + std::to_string(writer) + "_" + std::to_string(i);
    const double accuracy = static_cast<double>((i * 7 + writer * 3) % 100) / 100.0;
    registry.add_candidate(name, accuracy, model(static_cast<float>(i)));
    registry.offer({name, accuracy, folder / "candidates" / (name + ".h5"), {}});
    EXPECT_GE(registry.current()->val_accuracy, accuracy);
  }
}

TEST_F(RegistryTest, ConcurrentProcessesStayConsistent) {
  std::vector<pid_t> children;
  for (int writer = 0; writer < 4; ++writer) {
    const pid_t child = fork();
    if (child == 0) {
      add_and_offer_many(registry_.folder(), writer);
      _exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(registry_.candidates().size(), 4u * offers_per_writer);
  expect_consistent(registry_, 0.72);
}

TEST_F(RegistryTest, ConcurrentThreadsStayConsistent) {
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 4; ++writer) {
    threads.emplace_back([&, writer] { add_and_offer_many(registry_.folder(), writer); });
  }
  for (std::thread& thread : threads) thread.join();
  expect_consistent(registry_, 0.72);
}

TEST_F(RegistryTest, AKilledWriterLeavesAWholeRegistry) {
  Random random(5);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) add_and_offer_many(registry_.folder(), i % 8);
    }
    usleep(static_cast<useconds_t>(random.below(20000)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    if (const auto current = registry_.current()) read_snapshot(current->path);
    for (const auto& version : registry_.versions()) read_snapshot(version.path);
    for (const auto& found : registry_.candidates()) read_snapshot(found.path);
  }
  add_and_offer("best", 1.0);
  EXPECT_EQ(registry_.current()->name, "best");
}

}  // namespace
}  // namespace podium::ckpt
