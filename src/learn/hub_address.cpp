#include "learn/hub_address.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/channel.hpp"
#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "io/files/atomic_file.hpp"

namespace podium::learn {

void write_hub_address(const std::filesystem::path& file, const HubAddress& address) {
  const Json json = {{"hub", address.address}, {"secret", address.secret}};
  const std::string text = json.dump(2) + "\n";
  const std::string fresh = file.string() + ".new";
  ::unlink(fresh.c_str());
  const FileDescriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out || ::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      std::rename(fresh.c_str(), file.c_str()) != 0) {
    throw io_error("cannot write where explorers join", file.string(), errno);
  }
}

HubAddress read_hub_address(const std::filesystem::path& file) {
  std::error_code unknown;  // then reading says why
  const bool odd =
      std::filesystem::exists(file, unknown) && !std::filesystem::is_regular_file(file, unknown);
  const Json json = odd ? Json() : Json::parse(io::read_text_file(file), nullptr, false);
  const HubAddress address =
      json.is_object() ? HubAddress{text_in(json, "hub"), text_in(json, "secret")} : HubAddress{};
  if (address.address.find(':') != std::string::npos && !address.secret.empty()) return address;
  throw data_error("this file does not say where to join", file.string(),
                   "give the learn.json of a job that learns");
}

}  // namespace podium::learn
