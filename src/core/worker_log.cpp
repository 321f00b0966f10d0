#include "core/worker_log.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/last_words.hpp"
#include "core/log_file.hpp"

namespace podium {

Log open_worker_log(const std::string& name) {
  const auto file = std::make_shared<LogFile>(standard_error_sink(LogLevel::warning));
  if (const char* const folder = std::getenv(worker_logs_variable)) {
    std::string file_name = name;
    std::ranges::replace_if(
        file_name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '_'; }, '-');
    file->open(folder, file_name,
               "started: " + name + " | process " + std::to_string(::getpid()) + " of process " +
                   std::to_string(::getppid()));
    say_last_words({name, {}, "", 0}, file);
  }
  return {LogLevel::info, name, file};
}

}  // namespace podium
