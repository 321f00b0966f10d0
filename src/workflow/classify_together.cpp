#include "workflow/classify_together.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "comm/ring_allreduce.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "workflow/messages.hpp"

namespace podium::workflow {
namespace {

constexpr size_t most_images = 128;
constexpr size_t block_bytes = size_t{2} << 20;  // of images; or one image, if that is larger
constexpr size_t parcels_per_thread = 4;

// Encoded records on their way to the file. As a message: this header, then the bytes.
struct Header {
  uint64_t first = 0;
  uint64_t records = 0;  // 0: the rank has ended, with `code` and, if that is not 0, its message
  int64_t code = 0;
};

struct Parcel {
  Header header;
  std::string bytes;
};

// What every thread needs.
struct Work {
  const io::ImageInput& input;
  const Classifier& classifier;
  const ClassifyOptions& options;
  PredictionFormat format;
  PredictionSubject subject;
  size_t block;  // images in one

  uint64_t blocks() const { return (subject.input.info().records + block - 1) / block; }
};

// The threads of one rank, from start to end. Their parcels are taken by the thread that owns it.
class Crew {
 public:
  explicit Crew(const Work& work) : work_(work), confusion_(work.subject.model.classes.size()) {}
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    taken_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  // Starts `seats` threads, of which the first is number `first_seat` of `all_seats` in the job.
  void start(size_t first_seat, size_t seats, size_t all_seats) {
    limit_ = seats * parcels_per_thread;
    for (size_t seat = first_seat; seat < first_seat + seats; ++seat) {
      const uint64_t begin = work_.blocks() * seat / all_seats;
      const uint64_t end = work_.blocks() * (seat + 1) / all_seats;
      if (begin == end) continue;
      threads_.emplace_back([this, begin, end] { serve(begin, end); });
      const std::lock_guard lock(mutex_);
      ++started_;
    }
  }

  // The next parcel, if there is one. Throws what a thread has thrown.
  std::optional<Parcel> take() {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    if (parcels_.empty()) return {};
    Parcel parcel = std::move(parcels_.front());
    parcels_.pop_front();
    taken_.notify_one();
    return parcel;
  }

  // Whether all has been classified and taken.
  bool done() {
    const std::lock_guard lock(mutex_);
    return ended_ == started_ && parcels_.empty() && !failure_;
  }

  // REQUIRES: done().
  const train::Confusion& confusion() const { return confusion_; }

 private:
  void serve(uint64_t begin, uint64_t end) {
    train::Confusion mine(confusion_.classes());
    std::exception_ptr failure;
    try {
      classify(begin, end, mine);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    if (failure && !failure_) failure_ = failure;
    confusion_.add(mine);
    ++ended_;
  }

  void classify(uint64_t begin, uint64_t end, train::Confusion& mine);
  void judge(Predictions& block, std::span<const uint8_t> labels, train::Confusion& mine) const;

  // Waits while too many are under way; false when nobody wants them any more.
  bool put(Parcel parcel) {
    std::unique_lock lock(mutex_);
    taken_.wait(lock, [&] { return parcels_.size() < limit_ || stopped_ || failure_; });
    if (stopped_ || failure_) return false;
    parcels_.push_back(std::move(parcel));
    return true;
  }

  const Work& work_;
  size_t limit_ = 0;  // of parcels
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable taken_;
  std::deque<Parcel> parcels_;
  size_t started_ = 0;  // threads
  size_t ended_ = 0;
  bool stopped_ = false;
  std::exception_ptr failure_;
  train::Confusion confusion_;
};

void Crew::classify(uint64_t begin, uint64_t end, train::Confusion& mine) {
  const io::InputInfo& input = work_.input.info();
  const Classifier::About& about = work_.classifier.about();
  const std::unique_ptr<io::RecordStream> stream = work_.input.open(begin * work_.block);
  const std::unique_ptr<Classifier::Worker> worker = work_.classifier.make_worker(work_.block);
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
  Predictions block;
  for (uint64_t at = begin; at < end; ++at) {
    block.first = at * work_.block;
    const size_t count = std::min<uint64_t>(work_.block, input.records - block.first);
    images.resize(count * about.shape.bytes());
    labels.resize(count);
    stream->read(images, labels);
    block.probabilities.resize(count * about.classes.size());
    block.logits.resize(about.gives_logits ? block.probabilities.size() : 0);
    worker->classify(images, block.probabilities, block.logits);
    judge(block, labels, mine);
    Parcel parcel{{block.first, count, 0}, encode(work_.format, work_.subject, block)};
    if (!put(std::move(parcel))) return;
  }
  if (end == work_.blocks()) stream->finish();
}

// Picks the classes and compares them with the labels.
void Crew::judge(Predictions& block, std::span<const uint8_t> labels,
                 train::Confusion& mine) const {
  const size_t classes = mine.classes();
  block.predicted.resize(labels.size());
  block.labels.clear();
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::span<const float> row(&block.probabilities[i * classes], classes);
    if (!std::ranges::all_of(row, [](float value) { return std::isfinite(value); })) {
      throw data_error("the model gives a probability that is no number",
                       "image " + work_.input.name(block.first + i),
                       "train the model again, with a lower learning rate");
    }
    const size_t predicted = train::most_probable(row);
    block.predicted[i] = static_cast<uint32_t>(predicted);
    if (!work_.options.labels) continue;
    block.labels.push_back(work_.options.labels->at(labels[i]));
    mine.add(block.labels.back(), predicted);
  }
}

void send_parcel(comm::Communicator& group, const Header& header, std::string_view bytes) {
  std::vector<std::byte> message(sizeof header + bytes.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, bytes.data(), bytes.size());
  comm::send(group, message, 0, messages::predictions_tag);
}

Parcel parcel_of(const comm::Message& message) {
  Parcel parcel;
  require(message.bytes.size() >= sizeof parcel.header, "a parcel has a header", "classify");
  std::memcpy(&parcel.header, message.bytes.data(), sizeof parcel.header);
  parcel.bytes.assign(reinterpret_cast<const char*>(message.bytes.data()) + sizeof parcel.header,
                      message.bytes.size() - sizeof parcel.header);
  return parcel;
}

// A rank that is not 0: sends what its crew has classified; and its error, so that rank 0 can
// clear up before the job ends.
void send_all(Crew& crew, comm::Communicator& group) {
  try {
    Backoff backoff(Backoff::Kind::idle);
    while (!crew.done()) {
      if (const auto parcel = crew.take()) {
        send_parcel(group, parcel->header, parcel->bytes);
        backoff.reset();
      } else {
        backoff.pause();
      }
    }
  } catch (const Error& error) {
    send_parcel(group, {0, 0, static_cast<int64_t>(error.code())}, error.what());
    throw;
  }
  send_parcel(group, {}, "");
}

// Rank 0: writes what its own crew and the others have classified. Sleeps while there is nothing.
void write_all(Crew& crew, comm::Communicator& group, PredictionFile* file) {
  const auto write = [&](const Parcel& parcel) {
    if (file != nullptr) file->write(parcel.header.first, parcel.header.records, parcel.bytes);
  };
  int others = group.size() - 1;  // that have not ended
  Backoff backoff(Backoff::Kind::idle);
  while (others > 0 || !crew.done()) {
    const auto own = crew.take();
    if (own) write(*own);
    const auto message = comm::try_receive(group, comm::any_rank, messages::predictions_tag);
    if (message) {
      const Parcel parcel = parcel_of(*message);
      if (parcel.header.code != 0) {
        throw Error(static_cast<ExitCode>(parcel.header.code), parcel.bytes, "", "");
      }
      parcel.header.records > 0 ? write(parcel) : void(--others);
    }
    own || message ? backoff.reset() : backoff.pause();
  }
  if (file != nullptr) file->finish();
}

}  // namespace

train::Confusion classify_together(const io::ImageInput& input, const Classifier& classifier,
                                   const ClassifyOptions& options, comm::Communicator& group) {
  const auto rank = static_cast<size_t>(group.rank());
  const Classifier::About& about = classifier.about();
  const Work work{input,
                  classifier,
                  options,
                  prediction_format(options.output),
                  {input, about, options.labels.has_value()},
                  std::clamp<size_t>(block_bytes / about.shape.bytes(), 1, most_images)};
  std::unique_ptr<PredictionFile> file;
  if (rank == 0 && work.format != PredictionFormat::none) {
    file = create_prediction_file(options.output, work.subject);
  }
  std::vector<double> seats(static_cast<size_t>(group.size()));
  seats[rank] = options.threads;
  comm::ring_allreduce(group, std::span<double>(seats));
  size_t before = 0;
  size_t all = 0;
  for (size_t i = 0; i < seats.size(); ++i) {
    if (i < rank) before += static_cast<size_t>(seats[i]);
    all += static_cast<size_t>(seats[i]);
  }

  train::Confusion confusion(about.classes.size());
  {
    Crew crew(work);
    crew.start(before, static_cast<size_t>(options.threads), all);
    rank == 0 ? write_all(crew, group, file.get()) : send_all(crew, group);
    confusion = crew.confusion();
  }
  confusion.sum_over(group);
  return confusion;
}

}  // namespace podium::workflow
