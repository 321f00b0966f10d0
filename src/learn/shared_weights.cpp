#include "learn/shared_weights.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/handle.hpp"
#include "core/log.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t magic = 0x5048474945573150;  // "P1WEIGHP"
constexpr size_t line_bytes = 64;

struct Mapping {
  void* address = nullptr;
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

struct Head {
  uint64_t magic = 0;
  uint64_t nonce = 0;
  uint64_t floats = 0;
  alignas(line_bytes) std::atomic<uint64_t> newest;
};
struct alignas(line_bytes) Place {
  std::atomic<uint64_t> sequence;
  std::atomic<uint64_t> number;
  std::atomic<uint64_t> made_at;
  // Values follow on the next line. They are copied as words that are atomic but in no order: the
  // sequence around them gives the order.
};

// The two places behind the head of a mapping.
class Segment {
 public:
  static size_t bytes_of(size_t floats) { return sizeof(Head) + 2 * place_bytes(floats); }

  Segment(const FileDescriptor& file, size_t floats, bool writes) : floats_(floats) {
    const int protection = writes ? PROT_READ | PROT_WRITE : PROT_READ;
    const size_t bytes = bytes_of(floats);
    void* address = ::mmap(nullptr, bytes, protection, MAP_SHARED, file.get(), 0);
    if (address == MAP_FAILED) throw io_error("cannot map shared memory", "weights", errno);
    mapping_.reset({address, bytes});
  }

  Head& head() const { return *static_cast<Head*>(mapping_.get().address); }
  Place& place(uint64_t index) const {
    auto* begin = static_cast<std::byte*>(mapping_.get().address) + sizeof(Head);
    return *reinterpret_cast<Place*>(begin + (index & 1) * place_bytes(floats_));
  }
  float* values(uint64_t index) const { return reinterpret_cast<float*>(&place(index) + 1); }

 private:
  static size_t place_bytes(size_t floats) {
    const size_t bytes = sizeof(Place) + floats * sizeof(float);
    return (bytes + line_bytes - 1) / line_bytes * line_bytes;
  }

  size_t floats_;
  Handle<MappingTraits> mapping_;
};

class SharedOut : public WeightsOut {
 public:
  explicit SharedOut(size_t floats)
      : floats_(floats),
        file_(make_file(Segment::bytes_of(floats))),
        segment_(file_, floats, true) {
    Head& head = segment_.head();
    if (::getrandom(&head.nonce, sizeof head.nonce, 0) != sizeof head.nonce) {
      throw io_error("cannot make a random number", "getrandom", errno);
    }
    head.floats = floats;
    head.magic = magic;
  }

  void publish(const Version& version, std::span<const float> parameters) override {
    require(parameters.size() == floats_, "weights are as many as were shared", "SharedWeights");
    const uint64_t next = segment_.head().newest.load(std::memory_order_relaxed) + 1;
    Place& place = segment_.place(next);
    const uint64_t sequence = place.sequence.load(std::memory_order_relaxed);
    place.sequence.store(sequence + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    place.number.store(version.number, std::memory_order_relaxed);
    place.made_at.store(version.made_at, std::memory_order_relaxed);
    float* to = segment_.values(next);
    for (size_t i = 0; i < floats_; ++i) {
      std::atomic_ref(to[i]).store(parameters[i], std::memory_order_relaxed);
    }
    place.sequence.store(sequence + 2, std::memory_order_release);
    segment_.head().newest.store(next, std::memory_order_release);
  }

  Json ticket() const override {
    return {{"road", "memory"},
            {"file", "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file_.get())},
            {"nonce", segment_.head().nonce}};
  }

 private:
  static FileDescriptor make_file(size_t bytes) {
    FileDescriptor file(::memfd_create("podium-weights", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file || ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0 ||
        ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
      throw io_error("cannot make shared memory", "weights", errno);
    }
    return file;
  }

  size_t floats_;
  FileDescriptor file_;
  Segment segment_;
};

class SharedIn : public WeightsIn {
 public:
  SharedIn(const FileDescriptor& file, size_t floats)
      : floats_(floats), segment_(file, floats, false) {}

  bool is(uint64_t nonce) const {
    const Head& head = segment_.head();
    return head.magic == magic && head.nonce == nonce && head.floats == floats_;
  }

  Version take(const Version& version, std::span<float> parameters,
               std::chrono::milliseconds limit) override {
    const Deadline deadline(limit);
    Backoff backoff(Backoff::Kind::idle);
    while (true) {
      const std::optional<Version> found = copy(parameters);
      if (found && found->number >= version.number) return *found;
      if (deadline.expired()) {
        throw unavailable_error(
            "version " + std::to_string(version.number) + " of the weights did not come",
            "shared memory", "see whether the trainers still run");
      }
      wait_on();
      backoff.pause();
    }
  }

 private:
  // The newest; empty when it was replaced meanwhile, or there is none.
  std::optional<Version> copy(std::span<float> parameters) const {
    const uint64_t index = segment_.head().newest.load(std::memory_order_acquire);
    const Place& place = segment_.place(index);
    const uint64_t before = place.sequence.load(std::memory_order_acquire);
    if (index == 0 || before % 2 != 0) return {};
    const Version version{place.number.load(std::memory_order_relaxed),
                          place.made_at.load(std::memory_order_relaxed)};
    float* from = segment_.values(index);
    for (size_t i = 0; i < floats_; ++i) {
      parameters[i] = std::atomic_ref(from[i]).load(std::memory_order_relaxed);
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (place.sequence.load(std::memory_order_relaxed) != before) return {};
    return version;
  }

  size_t floats_;
  Segment segment_;
};

}  // namespace

std::unique_ptr<WeightsOut> share_weights(size_t floats) {
  return std::make_unique<SharedOut>(floats);
}

std::unique_ptr<WeightsIn> find_shared_weights(const Json& ticket, size_t floats) {
  const auto file = ticket.find("file");
  const auto nonce = ticket.find("nonce");
  if (file == ticket.end() || !file->is_string() || nonce == ticket.end() ||
      !nonce->is_number_unsigned()) {
    return nullptr;
  }
  const FileDescriptor opened(
      ::open(file->get_ref<const std::string&>().c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!opened || ::fstat(opened.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<size_t>(status.st_size) != Segment::bytes_of(floats)) {
    return nullptr;
  }
  auto found = std::make_unique<SharedIn>(opened, floats);
  if (!found->is(*nonce)) return nullptr;
  return found;
}

}  // namespace podium::learn
