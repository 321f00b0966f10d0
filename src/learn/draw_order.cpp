#include "learn/draw_order.hpp"

#include <set>
#include <tuple>

#include "core/error.hpp"

namespace podium::learn {
namespace {

// Keys end in the id, so that no two are equal; the smallest is first.
struct FifoKey {
  using Type = std::tuple<uint64_t, uint64_t>;
  static Type of(const Experience& experience) { return {experience.rollout, experience.id}; }
};

struct PriorityKey {
  using Type = std::tuple<double, int, uint64_t, uint64_t>;
  static Type of(const Experience& experience) {
    return {-experience.priority, experience.uses, experience.rollout, experience.id};
  }
};

template <typename Key>
class SortedOrder final : public DrawOrder {
 public:
  void add(const Experience& experience) override { keys_.insert(Key::of(experience)); }

  void remove(const Experience& experience) override {
    require(keys_.erase(Key::of(experience)) == 1, "who leaves an order is in it", "DrawOrder");
  }

  uint64_t first() const override {
    require(!keys_.empty(), "an order that is asked for its first has one", "DrawOrder");
    return std::get<std::tuple_size_v<typename Key::Type> - 1>(*keys_.begin());
  }

  size_t size() const override { return keys_.size(); }

 private:
  std::set<typename Key::Type> keys_;
};

}  // namespace

BufferOrder buffer_order(const std::string& name) {
  if (name == "fifo") return BufferOrder::fifo;
  if (name == "priority") return BufferOrder::priority;
  throw usage_error("unknown order of a buffer: '" + name + "'", "", "use fifo or priority");
}

std::unique_ptr<DrawOrder> make_draw_order(BufferOrder order) {
  if (order == BufferOrder::priority) return std::make_unique<SortedOrder<PriorityKey>>();
  return std::make_unique<SortedOrder<FifoKey>>();
}

}  // namespace podium::learn
