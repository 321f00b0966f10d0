#include "comm/mpi/posix_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "core/file_descriptor.hpp"
#include "core/log.hpp"

namespace podium::comm {
namespace {

struct Mapping {
  void* address = MAP_FAILED;
  size_t bytes = 0;

  bool operator==(const Mapping&) const = default;
};

struct MappingTraits {
  using Value = Mapping;
  static Value null() noexcept { return {}; }
  static void close(Value mapping) noexcept {
    if (::munmap(mapping.address, mapping.bytes) != 0) {
      warn_in_destructor("munmap", std::strerror(errno));
    }
  }
};

// The name of an object, which is removed with the owner if not before.
class ObjectName {
 public:
  ObjectName() = default;
  explicit ObjectName(std::string name) : name_(std::move(name)) {}
  ObjectName(ObjectName&& other) noexcept : name_(std::exchange(other.name_, {})) {}
  ObjectName& operator=(ObjectName&&) = delete;
  ~ObjectName() { forget(); }

  void forget() noexcept {
    if (!name_.empty()) ::shm_unlink(name_.c_str());
    name_.clear();
  }

 private:
  std::string name_;
};

class PosixMemory : public SharedMemory {
 public:
  PosixMemory(std::string name, ObjectName owned, Handle<MappingTraits> mapping)
      : SharedMemory(std::move(name)), owned_(std::move(owned)), mapping_(std::move(mapping)) {}

  std::span<std::byte> bytes() override {
    return {static_cast<std::byte*>(mapping_.get().address), mapping_.get().bytes};
  }
  void forget_name() override { owned_.forget(); }

 private:
  ObjectName owned_;
  Handle<MappingTraits> mapping_;
};

std::string failure(const char* call, int error) {
  return std::string(call) + ": " + std::strerror(error);
}

Handle<MappingTraits> map(const FileDescriptor& object, size_t bytes, std::string* why_not) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, object.get(), 0);
  if (address == MAP_FAILED) {
    *why_not = failure("mmap", errno);
    return {};
  }
  return Handle<MappingTraits>({address, bytes});
}

// A name that no other object of this machine has, most likely.
std::string fresh_name() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return "/podium-" + std::to_string(::getpid()) + "-" + std::to_string(now.tv_sec) + "-" +
         std::to_string(now.tv_nsec);
}

}  // namespace

std::unique_ptr<SharedMemory> make_posix_memory(size_t bytes, std::string* why_not) {
  std::string name = fresh_name();
  FileDescriptor object(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  while (!object && errno == EEXIST) {
    name = fresh_name();
    object.reset(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  }
  if (!object) {
    *why_not = failure("shm_open", errno);
    return nullptr;
  }
  ObjectName owned(name);
  if (const int error = ::posix_fallocate(object.get(), 0, static_cast<off_t>(bytes)); error != 0) {
    *why_not = failure("reserving shared memory", error);
    return nullptr;
  }
  Handle<MappingTraits> mapping = map(object, bytes, why_not);
  if (!mapping) return nullptr;
  return std::make_unique<PosixMemory>(name, std::move(owned), std::move(mapping));
}

std::unique_ptr<SharedMemory> join_posix_memory(const std::string& name, size_t bytes,
                                                std::string* why_not) {
  const FileDescriptor object(::shm_open(name.c_str(), O_RDWR, 0));
  if (!object) {
    *why_not = failure("shm_open", errno);
    return nullptr;
  }
  struct stat facts {};
  if (::fstat(object.get(), &facts) != 0 || facts.st_size != static_cast<off_t>(bytes)) {
    *why_not = "the shared memory has another size";
    return nullptr;
  }
  Handle<MappingTraits> mapping = map(object, bytes, why_not);
  if (!mapping) return nullptr;
  return std::make_unique<PosixMemory>(name, ObjectName(), std::move(mapping));
}

}  // namespace podium::comm
