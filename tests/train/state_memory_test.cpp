// States beside the disk: the newest is taken, from whom it may be; what is damaged or of another
// run is passed over, and a memory that is full costs no run.
#include "ckpt/state_memory.hpp"

#include <mutex>

#include "checkpoints_fixture.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;
using Unit = ckpt::Interval::Unit;

class StateMemoryTest : public test::CheckpointsTest {};

TEST_F(StateMemoryTest, TheNewestOfMemoryAndDiskIsTaken) {
  const train::Recipe recipe = test::small_recipe();
  const std::string whole = train(recipe, 2);
  train::TrainerOptions options = every_step(cache_.folder() / "disk");
  const fs::path memory = cache_.folder() / "memory";
  options.checkpoints.memory = std::make_shared<ckpt::FolderMemory>([&] { return memory; });
  options.checkpoints.memory_every = {Unit::steps, 1};
  EXPECT_FALSE(train_steps(recipe, 2, options, 20));
  EXPECT_LE(files(memory, ".json").size(), 1U);

  // A job that was killed: the memory is ahead.
  fs::remove_all(options.checkpoints.folder);
  train::TrainerOptions memory_only = options;
  memory_only.checkpoints.every = {};
  EXPECT_FALSE(train_steps(recipe, 2, memory_only, 9));
  testing::internal::CaptureStderr();
  options.log = Log(LogLevel::info, "test");
  EXPECT_TRUE(train_steps(recipe, 2, options, 1000));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("from " + memory.string()), std::string::npos) << log;
  EXPECT_EQ(hash_, whole);
  EXPECT_EQ(ckpt::Store(options.checkpoints.folder).steps().front(), 44);
}

// The memory of somebody else, to whom every trainer hands its part.
class RemoteMemory : public ckpt::StateMemory {
 public:
  explicit RemoteMemory(fs::path folder) : folder_([folder] { return folder; }) {}

  int parts(int world) const override { return world; }
  std::vector<ckpt::StateOffer> offers() override {
    if (full) throw io_error("cannot create", "the memory", ENOSPC);
    return folder_.offers();
  }
  void keep(const ckpt::Marker& marker, int part, int parts, const nlohmann::ordered_json& card,
            std::span<const ckpt::NamedBuffer> buffers) override {
    const std::lock_guard lock(mutex_);
    if (fills) throw io_error("cannot write", "the memory", ENOSPC);
    parts_seen = std::max(parts_seen, parts);
    folder_.keep(marker, part, parts, card, buffers);
  }
  void clear() override { folder_.clear(); }

  bool full = false;   // from the start
  bool fills = false;  // later
  int parts_seen = 0;

 private:
  std::mutex mutex_;
  ckpt::FolderMemory folder_;
};

TEST_F(StateMemoryTest, EveryTrainerHandsItsPartToAMemoryThatIsNewerThanTheDisk) {
  const train::Recipe recipe = test::small_recipe();
  for (const int ranks : {1, 3}) {
    const std::string whole = train(recipe, ranks);
    const fs::path folder = cache_.folder() / ("shared" + std::to_string(ranks));
    const auto memory = std::make_shared<RemoteMemory>(folder);
    train::TrainerOptions options = every_step(cache_.folder() / ("d" + std::to_string(ranks)));
    options.checkpoints.every = {};
    options.checkpoints.memory_every = {Unit::steps, 1};
    options.checkpoints.memory = memory;
    EXPECT_FALSE(train_steps(recipe, ranks, options, 17));
    EXPECT_EQ(memory->parts_seen, ranks);
    EXPECT_TRUE(train_steps(recipe, ranks, options, 1000));
    EXPECT_EQ(hash_, whole);
    EXPECT_EQ(ckpt::Store(folder).steps().size(), 1U);
  }
}

TEST_F(StateMemoryTest, AMemoryThatIsFullCostsOneWarning) {
  const train::Recipe recipe = test::small_recipe();
  const std::string whole = train(recipe, 2);
  for (const bool from_start : {true, false}) {
    const auto memory = std::make_shared<RemoteMemory>(cache_.folder() / "full");
    memory->full = from_start;
    memory->fills = !from_start;
    train::TrainerOptions options;
    options.checkpoints.every = {};
    options.checkpoints.memory_every = {Unit::steps, 1};
    options.checkpoints.memory = memory;
    options.log = Log(LogLevel::warning, "test");
    testing::internal::CaptureStderr();
    EXPECT_TRUE(train_steps(recipe, 2, options, 1000));
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::ranges::count(log, '\n'), 1) << log;
    EXPECT_NE(log.find("No space left"), std::string::npos) << log;
    EXPECT_EQ(hash_, whole);
  }
}

TEST_F(StateMemoryTest, AMemoryThatIsDamagedOrOfAnotherRecipeIsPassedOver) {
  const train::Recipe recipe = test::small_recipe();
  const std::string whole = train(recipe, 2);
  train::Recipe other = recipe;
  other.lr *= 2;
  for (const char* what : {"flipped", "truncated", "other"}) {
    const fs::path folder = cache_.folder() / what / "memory";
    fs::create_directories(folder);
    train::TrainerOptions options = every_step(cache_.folder() / what / "disk");
    options.checkpoints.memory_every = {Unit::steps, 1};
    options.checkpoints.memory = std::make_shared<RemoteMemory>(folder);
    train::TrainerOptions memory_only = options;
    memory_only.checkpoints.every = {};
    EXPECT_FALSE(train_steps(recipe, 2, options, 5));
    fs::remove_all(folder);
    const bool stranger = std::string(what) == "other";
    memory_only.checkpoints.folder = stranger ? fs::path() : options.checkpoints.folder;
    EXPECT_FALSE(train_steps(stranger ? other : recipe, 2, memory_only, 20));
    const fs::path part = files(folder, ".h5").back();
    if (std::string(what) == "flipped") damage(part);
    if (std::string(what) == "truncated") fs::resize_file(part, fs::file_size(part) / 2);
    options.checkpoints.every = {Unit::epochs, 100};  // the memory is not kept waiting
    options.log = Log(LogLevel::info, "test");
    testing::internal::CaptureStderr();
    EXPECT_TRUE(train_steps(recipe, 2, options, 1000)) << what;
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find(folder.string()), std::string::npos) << log;
    EXPECT_NE(log.find("from " + options.checkpoints.folder.string()), std::string::npos) << log;
    EXPECT_EQ(hash_, whole) << what;
    const ckpt::Store store(folder);  // holds no damaged one, and none of another run
    for (const int64_t step : store.steps()) {
      EXPECT_EQ(store.read(step).card.at("identity").at("recipe"), train::to_json(recipe));
    }
  }
}

}  // namespace
}  // namespace podium
