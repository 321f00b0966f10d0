// Every way to ask for the wrong thing: one line that says what, where and what to do, the exit
// code of the design, nothing half-written and no rank left hanging.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>

#include "app_fixture.hpp"
#include "core/accelerator.hpp"
#include "core/file_descriptor.hpp"

namespace podium::test {
namespace {

struct BadInput {
  const char* name;
  const char* verb;
  std::vector<std::string> flags;
  int exit_code;
  std::vector<std::string> words;  // that the message holds
};

void PrintTo(const BadInput& bad, std::ostream* out) {
  *out << bad.name;
}

class RefusesBadInput : public AppTest, public testing::WithParamInterface<BadInput> {};

TEST_P(RefusesBadInput, WithOneClearLine) {
  const BadInput& bad = GetParam();
  if (bad.name == std::string_view("NoGpuHere") && probe_accelerators().any()) {
    GTEST_SKIP() << "there is one";
  }
  const auto job = start(2, bad.verb, bad.flags);
  EXPECT_EQ(job->wait(), bad.exit_code) << job->err();
  const std::string last = job->last_words();
  EXPECT_TRUE(last.starts_with("podium: error: ")) << job->err();
  for (const std::string& word : bad.words) {
    EXPECT_NE(last.find(word), std::string::npos) << "'" << word << "' is not in: " << last;
  }
  EXPECT_TRUE(job->result().is_null()) << "a failed job has no result";
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, RefusesBadInput,
    testing::Values(
        BadInput{"UnknownKey",
                 "run",
                 {"--train.epoch=3"},
                 2,
                 {"train.epoch", "did you mean 'train.epochs'"}},
        BadInput{"UnknownFlag", "run", {"--hlep"}, 2, {"--hlep"}},
        BadInput{"UnknownVerb", "trian", {}, 2, {"trian", "did you mean 'train'"}},
        BadInput{"ReportOfNoRun", "report", {"nowhere"}, 2, {"no run folder", "nowhere"}},
        BadInput{"UnknownRole", "run", {"--roles=trainer=2"}, 2, {"trainer", "--roles"}},
        BadInput{"NoTrainers", "run", {"--roles=train=0"}, 2, {"train", "at least 1"}},
        BadInput{"MoreTrainersThanRanks", "run", {"--roles=train=3"}, 2, {"train", "3", "2"}},
        BadInput{"UnknownLayer",
                 "run",
                 {"--model.cnn.arch=cnv 8 3; dense classes"},
                 2,
                 {"cnv", "did you mean 'conv'", "offset"}},
        BadInput{
            "ImpossibleStride", "run", {"--model.cnn.arch=pool 50; dense classes"}, 2, {"pool"}},
        BadInput{"UnknownModel",
                 "run",
                 {"--run.models=dense,resnte"},
                 2,
                 {"resnte", "did you mean 'resnet'"}},
        BadInput{"NotANumber", "run", {"--train.lr=fast"}, 2, {"train.lr", "fast"}},
        BadInput{"OutOfRange", "run", {"--serve.port=70000"}, 2, {"serve.port", "65535"}},
        BadInput{"NoSuchInputFile", "run", {"nowhere.cfg"}, 2, {"nowhere.cfg"}},
        BadInput{"NoGpuHere", "run", {"--device=cuda"}, 69, {"--device=cuda"}},
        BadInput{"NoSuchSource", "run", {"--io.source=/nowhere/at/all"}, 65, {"/nowhere/at/all"}},
        BadInput{
            "ImpossibleSynthetic", "run", {"--io.source=synthetic:0,1,1,1,1"}, 2, {"synthetic"}},
        BadInput{"TooMuchValidation", "run", {"--io.validation=3000"}, 2, {"3000"}},
        BadInput{"RunFolderIsImpossible", "run", {"--run.dir=/proc/podium"}, 74, {"/proc/podium"}},
        BadInput{"CacheFolderIsImpossible",
                 "ingest",
                 {"--io.cache_dir=/proc/podium"},
                 74,
                 {"/proc/podium"}},
        BadInput{"NothingToSelect", "select", {}, 65, {"candidates"}},
        BadInput{"NothingToServe", "serve", {}, 69, {"no model is published"}},
        BadInput{"NothingToPredictWith", "predict", {}, 69, {"no model is published"}},
        BadInput{"NoServer", "predict", {"--predict.server=127.0.0.1:1"}, 69, {"127.0.0.1:1"}}),
    [](const auto& input) { return input.param.name; });

class BadInputs : public AppTest {};

TEST_F(BadInputs, ABusyPortEndsTheJobBeforeItTrains) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  socklen_t length = sizeof address;
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));

  const auto job = start(4, "run", {"--serve.port=" + port});
  EXPECT_EQ(job->wait(), 69) << job->err();
  EXPECT_NE(job->last_words().find(port), std::string::npos) << job->err();
  EXPECT_EQ(job->err().find("epoch"), std::string::npos) << "nothing was trained";
}

// A data folder with one damaged file.
TEST_F(BadInputs, DamagedFilesAreNamed) {
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder() / "data" / name, std::ios::binary) << bytes;
  };
  std::filesystem::create_directory(folder() / "data");
  const std::string magic("\0\0\x08\x03", 4);
  write("train-images-idx3-ubyte", magic + std::string("\0\0\0\x02\0\0\0\x04\0\0\0\x04", 12) +
                                       std::string(20, 'x'));  // 32 pixels are due
  write("train-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x02\0\1", 10));
  write("t10k-images-idx3-ubyte", "no IDX file at all");
  write("t10k-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x02\0\1", 10));
  const std::string source = "--io.source=" + (folder() / "data").string();
  const auto job = start(2, "run", {source, "--io.validation=1"});
  EXPECT_EQ(job->wait(), 65) << job->err();
  EXPECT_NE(job->last_words().find("idx3-ubyte"), std::string::npos) << job->err();
}

TEST_F(BadInputs, WhatTheFileSystemRefusesIsToldOnce) {
  const std::string name = "/" + std::string(300, 'x');
  const auto job = start(1, "run", {"--serve.token_file=" + name});
  EXPECT_EQ(job->wait(), 74) << job->err();
  const std::string line = job->last_words();
  EXPECT_NE(line.find(name), std::string::npos) << line;
  const size_t told = line.find("too long");
  EXPECT_NE(told, std::string::npos) << line;
  EXPECT_EQ(told, line.rfind("too long")) << line;
}

TEST_F(BadInputs, AFullDiskEndsTheJobWithNothingHalfWritten) {
  // A limit of 30 MiB on the size of files stands in for a full disk: the shard has 47 MB.
  const std::string command = "ulimit -f 30720; exec \"$0\" \"$@\"";
  AppTest::Words words = {"bash", "-c", command, PODIUM_MPIRUN, "-n", "2"};
  append(words, this->words("run", {"--io.source=synthetic:60000,28,28,1,4"}));
  Process job(words);
  EXPECT_EQ(job.wait(), 74) << job.err();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder() / "cache")) {
    EXPECT_NE(entry.path().filename(), "manifest.h5") << "a cache that is not whole has a manifest";
  }
  EXPECT_EQ(start(2, "run")->wait(), 0) << "the next run succeeds";
}

TEST_F(BadInputs, ADamagedCacheIsRebuiltAndADamagedModelIsNotServed) {
  ASSERT_EQ(start(2, "run")->wait(), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder())) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("train-") && !name.starts_with("0000")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(entry.path()) / 2));
    file.write("damaged!", 8);
  }
  const auto serve = start_alone("serve", {"--serve.linger=1"});
  EXPECT_EQ(serve->wait(), 69) << serve->err();
  const auto ingest = start(2, "ingest");
  EXPECT_EQ(ingest->wait(), 0) << ingest->err();
  EXPECT_EQ(ingest->result().at("reused"), false);
}

TEST_F(BadInputs, LimitsThatMpiCannotLiveWithAreTold) {
  const auto limited = [&](const std::string& limit, AppTest::Words words) {
    words.insert(words.begin(), {"bash", "-c", limit + "; exec \"$0\" \"$@\""});
    return std::make_unique<Process>(words);
  };
  const auto files = limited("ulimit -f 64", words("ingest", {}));
  EXPECT_EQ(files->wait(), 69);
  EXPECT_NE(files->last_words().find("ulimit -f"), std::string::npos) << files->err();
  const auto alone = limited("ulimit -n 32", words("ingest", {}));
  EXPECT_EQ(alone->wait(), 69);
  AppTest::Words many = {PODIUM_MPIRUN, "-n", "3"};
  append(many, words("ingest", {}));
  const auto together = limited("ulimit -n 32", many);
  EXPECT_EQ(together->wait(), 69);
  EXPECT_NE(together->last_words().find("ulimit -n"), std::string::npos) << together->err();
}

TEST_F(BadInputs, AKilledRankEndsTheJobEverywhere) {
  const auto job = start(4, "run", {"--model.resnet.epochs=2000"});
  ASSERT_TRUE(job->wait_for_err("train resnet")) << job->err();
  std::vector<pid_t> launchers = children_of(job->pid());
  std::erase_if(launchers, [](pid_t child) { return name_of(child) != "mpirun"; });
  ASSERT_EQ(launchers.size(), 1U);
  const std::vector<pid_t> ranks = children_of(launchers.front());
  ASSERT_EQ(ranks.size(), 4U);
  ::kill(ranks[2], SIGKILL);
  EXPECT_NE(job->wait(std::chrono::seconds(30)), 124) << "the job hung";
}

}  // namespace
}  // namespace podium::test
