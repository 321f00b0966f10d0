// Handle<Traits>: the one move-only owner of a resource with a C interface.
//
// Traits supply `using Value`, `static Value null()` and `static void close(Value) noexcept`. A
// view is the plain Value that get() returns; it does not own. Destructors never throw: close()
// reports what it cannot repair through warn_in_destructor().
#pragma once

#include <utility>

namespace podium {

template <typename Traits>
class Handle {
 public:
  using Value = typename Traits::Value;

  Handle() noexcept : value_(Traits::null()) {}
  explicit Handle(Value value) noexcept : value_(value) {}
  Handle(Handle&& other) noexcept : value_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { reset(); }

  Value get() const noexcept { return value_; }
  explicit operator bool() const noexcept { return value_ != Traits::null(); }

  // Gives up ownership: the caller closes the value.
  [[nodiscard]] Value release() noexcept { return std::exchange(value_, Traits::null()); }

  void reset(Value value = Traits::null()) noexcept {
    const Value old = std::exchange(value_, value);
    if (old != Traits::null()) Traits::close(old);
  }

 private:
  Value value_;
};

}  // namespace podium
