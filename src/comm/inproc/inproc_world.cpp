#include "comm/inproc/inproc_world.hpp"

#include <cstring>
#include <list>
#include <map>
#include <mutex>

#include "core/error.hpp"

namespace podium::comm {
namespace {

// Messages for one rank, in order of arrival.
class Mailbox {
 public:
  void put(Message message) {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
  }

  std::optional<Envelope> peek(int from, int tag) const {
    const std::lock_guard lock(mutex_);
    for (const Message& message : messages_) {
      if (matches(message, from, tag))
        return Envelope{message.from, message.tag, message.bytes.size()};
    }
    return std::nullopt;
  }

  std::optional<Message> take(int from, int tag) {
    const std::lock_guard lock(mutex_);
    for (auto it = messages_.begin(); it != messages_.end(); ++it) {
      if (!matches(*it, from, tag)) continue;
      Message message = std::move(*it);
      messages_.erase(it);
      return message;
    }
    return std::nullopt;
  }

 private:
  static bool matches(const Message& message, int from, int tag) {
    return (from == any_rank || message.from == from) && (tag == any_tag || message.tag == tag);
  }

  mutable std::mutex mutex_;
  std::list<Message> messages_;
};

class ReceiveOperation {
 public:
  enum class Length { exact, up_to };

  ReceiveOperation(Mailbox& mailbox, std::span<std::byte> bytes, int from, int tag, Length length)
      : mailbox_(&mailbox), bytes_(bytes), from_(from), tag_(tag), length_(length) {}

  bool test() {
    const std::optional<Message> message = mailbox_->take(from_, tag_);
    if (!message) return false;
    const size_t count = message->bytes.size();
    const bool fits = length_ == Length::exact ? count == bytes_.size() : count <= bytes_.size();
    if (!fits) {
      throw internal_error("a message of " + std::to_string(count) + " bytes arrived where " +
                               std::to_string(bytes_.size()) + " were expected",
                           "receive from rank " + std::to_string(message->from));
    }
    if (count > 0) std::memcpy(bytes_.data(), message->bytes.data(), count);
    return true;
  }

 private:
  Mailbox* mailbox_;
  std::span<std::byte> bytes_;
  int from_;
  int tag_;
  Length length_;
};

// Shared memory between threads is a block that all of them point to.
class InprocMemory : public SharedMemory {
 public:
  struct Block {
    explicit Block(size_t count) : bytes(count) {}
    AlignedBytes bytes;
  };
  InprocMemory(std::string name, std::shared_ptr<Block> block)
      : SharedMemory(std::move(name)), block_(std::move(block)) {}

  std::span<std::byte> bytes() override { return block_->bytes; }
  void forget_name() override {}

 private:
  std::shared_ptr<Block> block_;
};

// The blocks that still have an owner, by name.
class NamedMemories {
 public:
  std::unique_ptr<SharedMemory> make(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::string name = "block " + std::to_string(next_++);
    auto block = std::make_shared<InprocMemory::Block>(bytes);
    blocks_[name] = block;
    return std::make_unique<InprocMemory>(name, std::move(block));
  }

  std::unique_ptr<SharedMemory> join(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<InprocMemory::Block> block = blocks_[name].lock();
    if (!block) return nullptr;
    return std::make_unique<InprocMemory>(name, std::move(block));
  }

 private:
  std::mutex mutex_;
  int next_ = 0;
  std::map<std::string, std::weak_ptr<InprocMemory::Block>> blocks_;
};

}  // namespace

struct InprocWorld::Mailboxes {
  explicit Mailboxes(int ranks) : of_rank(static_cast<size_t>(ranks)) {}
  Mailbox& at(int rank) { return of_rank.at(static_cast<size_t>(rank)); }
  std::vector<Mailbox> of_rank;
  NamedMemories memories;
};

namespace {

template <typename Mailboxes>
class InprocCommunicator : public Communicator {
 public:
  InprocCommunicator(std::string name, std::shared_ptr<Mailboxes> mailboxes, int rank)
      : Communicator(std::move(name)), mailboxes_(std::move(mailboxes)), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(mailboxes_->of_rank.size()); }

  Request isend(std::span<const std::byte> bytes, int to, int tag) override {
    mailboxes_->at(to).put({rank_, tag, std::vector<std::byte>(bytes.begin(), bytes.end())});
    return Request();
  }

  Request irecv(std::span<std::byte> bytes, int from, int tag) override {
    return receive(bytes, from, tag, ReceiveOperation::Length::exact);
  }

  Request irecv_up_to(std::span<std::byte> bytes, int from, int tag) override {
    return receive(bytes, from, tag, ReceiveOperation::Length::up_to);
  }

  std::optional<Envelope> probe(int from, int tag) override {
    return mailboxes_->at(rank_).peek(from, tag);
  }

  std::unique_ptr<SharedMemory> make_shared_memory(size_t bytes, std::string*) override {
    return mailboxes_->memories.make(bytes);
  }

  std::unique_ptr<SharedMemory> join_shared_memory(const std::string& name, size_t,
                                                   std::string* why_not) override {
    std::unique_ptr<SharedMemory> memory = mailboxes_->memories.join(name);
    if (!memory) *why_not = "no thread has '" + name + "'";
    return memory;
  }

 private:
  Request receive(std::span<std::byte> bytes, int from, int tag, ReceiveOperation::Length length) {
    return Request(ReceiveOperation(mailboxes_->at(rank_), bytes, from, tag, length));
  }

  std::shared_ptr<Mailboxes> mailboxes_;
  int rank_;
};

}  // namespace

InprocWorld::InprocWorld(int ranks, std::string name)
    : name_(std::move(name)), mailboxes_(std::make_shared<Mailboxes>(ranks)) {}

InprocWorld::~InprocWorld() = default;

std::unique_ptr<Communicator> InprocWorld::communicator(int rank) {
  return std::make_unique<InprocCommunicator<Mailboxes>>(name_, mailboxes_, rank);
}

}  // namespace podium::comm
