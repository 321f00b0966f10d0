#include "serve/repository.hpp"

#include <string>
#include <utility>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {

void Repository::load(int version, Answer answer) {
  if (answer_) throw RequestError(503, "another load is under way");
  answer_ = std::move(answer);
  {
    const std::lock_guard lock(mutex_);
    order_ = LoadOrder{++ticket_, version};
  }
  timer_.expires_after(patience_);
  // A timer that has just run out cannot be cancelled, and the order may be another one by then.
  timer_.async_wait([this, ticket = ticket_](const boost::system::error_code& error) {
    if (error || ticket != ticket_) return;
    give_up({504, "it was not loaded within " + std::to_string(patience_.count()) + " ms"});
  });
}

void Repository::unload() {
  loaded_ = false;
  overruled_ = ticket_;
  give_up({503, "the model was unloaded meanwhile"});
}

std::optional<LoadOrder> Repository::take_order() {
  const std::lock_guard lock(mutex_);
  return std::exchange(order_, std::nullopt);
}

void Repository::finish(const LoadOrder& order, const LoadResult& result) {
  if (result.status == 200 && order.ticket > overruled_) loaded_ = true;
  if (order.ticket == ticket_) give_up(result);
}

void Repository::give_up(const LoadResult& result) {
  {
    const std::lock_guard lock(mutex_);
    order_.reset();
  }
  timer_.cancel();
  if (answer_) std::exchange(answer_, nullptr)(result);
}

}  // namespace podium::serve
