#include "serve/replica/model_slot.hpp"

#include <exception>
#include <utility>

#include "core/error.hpp"
#include "core/precedence.hpp"
#include "serve/replica/warm_up.hpp"

namespace podium::serve {
namespace {

void check(const ModelInfo& info, int version, const std::string& path) {
  const bool shaped = info.channels > 0 && info.height > 0 && info.width > 0 && info.classes > 0 &&
                      info.max_batch > 0;
  const bool named =
      info.class_names.empty() || info.class_names.size() == static_cast<size_t>(info.classes);
  if (!shaped || !named || info.version != version) {
    throw data_error("the model's description does not fit", path, "publish the model again");
  }
}

}  // namespace

ModelSlot::ModelSlot(PredictorLoader loader, int max_batch, Report report)
    : loader_(std::move(loader)),
      max_batch_(max_batch),
      report_(std::move(report)),
      thread_([this] { load_orders(); }) {}

ModelSlot::~ModelSlot() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void ModelSlot::prepare(Order order) {
  const std::lock_guard lock(mutex_);
  orders_.push_back(std::move(order));
  changed_.notify_all();
}

bool ModelSlot::activate(uint64_t ticket) {
  std::shared_ptr<Predictor> previous;  // released outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = prepared_.find(ticket);
  if (found == prepared_.end()) return false;
  previous = std::exchange(current_, found->second);
  prepared_.erase(prepared_.begin(), std::next(found));
  return true;
}

void ModelSlot::discard(uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  discarded_ = ticket;
  prepared_.erase(ticket);
  std::erase_if(orders_, [&](const Order& order) { return order.ticket == ticket; });
}

std::shared_ptr<Predictor> ModelSlot::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void ModelSlot::load_orders() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !orders_.empty(); });
    if (ending_) return;
    const Order order = std::move(orders_.front());
    orders_.pop_front();
    const bool serving = current_ != nullptr;
    lock.unlock();
    if (serving) let_others_first();
    std::shared_ptr<Predictor> predictor;
    std::string error;
    try {
      predictor = load(order);
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    lock.lock();
    if (predictor && order.ticket != discarded_) prepared_[order.ticket] = std::move(predictor);
    lock.unlock();
    report_(order, error);
    lock.lock();
  }
}

std::shared_ptr<Predictor> ModelSlot::load(const Order& order) const {
  std::shared_ptr<Predictor> predictor = loader_(order.path, order.version);
  if (!predictor) throw internal_error("the loader gave no model", order.path);
  check(predictor->info(), order.version, order.path);
  if (!warm_up(*predictor, max_batch_, warm_up_time).finite) {
    throw data_error("the model's outputs are not finite", order.path, "train it again");
  }
  return predictor;
}

}  // namespace podium::serve
