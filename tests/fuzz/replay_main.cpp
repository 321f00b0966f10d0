// Runs a fuzz target without libFuzzer: on every input of its corpus, then on mutations of them
// that are the same on every machine.
//
//   fuzz_TARGET CORPUS_FOLDER MUTATIONS RESIDENT_LIMIT_MIB [ONLY]
//
// An input that takes more than 5 s of work or waits for 60 s, crashes, or is a finding of the
// target ends the process; the last line on stderr then names it, and as ONLY the number in it runs
// that mutation alone. So does memory beyond the limit at the end. Exit code 0: nothing was found.
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "fuzz/mutator.hpp"
#include "fuzz/target.hpp"

namespace podium::fuzz {
namespace {

constexpr unsigned work_limit_s = 5;  // of CPU time: a busy machine is no hang
constexpr unsigned wait_limit_s = 60;
constexpr int failure = 1;

// The name of the input that runs, for the signal handler, which can take no argument.
std::array<char, 512>& current() {
  static std::array<char, 512> name{};
  return name;
}

extern "C" void tell_input(int number) {
  const bool hangs = number == SIGALRM || number == SIGPROF;
  const char* what = hangs ? "\nHANG at " : "\nCRASH at ";
  for (const char* text : {what, static_cast<const char*>(current().data()), "\n"}) {
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) break;
  }
  ::_exit(failure);
}

void run(const Bytes& input, const std::string& name) {
  std::snprintf(current().data(), current().size(), "%s", name.c_str());
  const itimerval work{{0, 0}, {work_limit_s, 0}};
  if (::setitimer(ITIMER_PROF, &work, nullptr) != 0) finding("no timer");
  ::alarm(wait_limit_s);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  ::alarm(0);
}

struct Corpus {
  std::vector<std::string> names;
  std::vector<Bytes> inputs;
};

Corpus read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  Corpus corpus;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.names.push_back(path.filename().string());
    corpus.inputs.emplace_back(std::istreambuf_iterator<char>(file),
                               std::istreambuf_iterator<char>());
  }
  return corpus;
}

void run_all(const Corpus& corpus, uint64_t mutations, std::optional<uint64_t> only) {
  const Mutator mutator(corpus.inputs);
  const auto run_mutation = [&](uint64_t number) {
    run(mutator.mutation(number),
        "mutation " + std::to_string(number) + " of " + corpus.names[mutator.base(number)]);
  };
  if (only) return run_mutation(*only);
  for (size_t i = 0; i < corpus.inputs.size(); ++i) run(corpus.inputs[i], corpus.names[i]);
  for (uint64_t number = 0; number < mutations; ++number) run_mutation(number);
}

uint64_t peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) / 1024;
}

int replay(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) finding("usage: CORPUS_FOLDER MUTATIONS RESIDENT_LIMIT_MIB [ONLY]");
  for (const int number : {SIGALRM, SIGPROF, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    std::signal(number, tell_input);
  }
  const Corpus corpus = read_corpus(arguments[0]);
  if (corpus.inputs.empty()) finding("there is no corpus in " + arguments[0]);
  const uint64_t mutations = std::stoull(arguments[1]);
  const auto only = arguments.size() > 3 ? std::optional(std::stoull(arguments[3])) : std::nullopt;
  run_all(corpus, mutations, only);
  std::printf("%zu inputs and %llu mutations, %llu MiB at most\n", corpus.inputs.size(),
              static_cast<unsigned long long>(mutations),
              static_cast<unsigned long long>(peak_mib()));
  return peak_mib() <= std::stoull(arguments[2]) ? EXIT_SUCCESS : failure;
}

}  // namespace
}  // namespace podium::fuzz

int main(int count, char** values) {
  return podium::fuzz::replay({values + 1, values + count});
}
