// Writes what is made from the schema for an installation: make_pages FOLDER COMPLETION
//
// FOLDER/man1/*.1 are the manual pages; FOLDER/podium is the completion for bash, the tables before
// the functions of the file COMPLETION (packaging/completion.bash).
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "completion.hpp"
#include "manual.hpp"
#include "podium_version.hpp"

namespace podium {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  if (!(text << std::ifstream(path).rdbuf()))
    throw std::runtime_error("cannot read " + path.string());
  return text.str();
}

void make_pages(const std::filesystem::path& folder, const std::filesystem::path& completion) {
  const std::filesystem::path manual = folder / "man1";
  std::filesystem::remove_all(manual);  // of verbs that are no more
  std::filesystem::create_directories(manual);
  write(manual / "podium.1", manual_page(PODIUM_VERSION));
  for (const Verb& verb : verbs()) {
    write(manual / ("podium-" + verb.name + ".1"), manual_page(verb, PODIUM_VERSION));
  }
  write(folder / "podium", "# bash completion for podium, made from its options.\n" +
                               completion_tables() + "\n" + contents(completion));
}

}  // namespace
}  // namespace podium

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "usage: make_pages FOLDER COMPLETION\n";
    return 2;
  }
  try {
    podium::make_pages(words[1], words[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_pages: error: " << error.what() << "\n";
    return 74;
  }
}
