#include "serve/replica.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>

#include "core/error.hpp"
#include "core/log.hpp"
#include "serve/batcher.hpp"
#include "serve/frame_socket.hpp"
#include "serve/model_slot.hpp"
#include "serve/protocol.hpp"
#include "serve/request_error.hpp"
#include "serve/route.hpp"

namespace podium::serve {
namespace {

using Batch = std::vector<QueuedInference>;

double milliseconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

class Replica {
 public:
  Replica(const ReplicaOptions& options, const PredictorLoader& loader)
      : options_(options),
        socket_(options.socket, options.max_body_bytes + frame_slack_bytes),
        parser_(options.max_body_bytes),
        batcher_(options.max_batch, options.batch_delay),
        slot_(loader, [this](const ModelSlot::Order& order,
                             const std::string& error) { report(order, error); }),
        computing_([this] { compute_batches(); }) {}

  // Never returns: at the end of the socket nobody is left to answer, and a batch under way must
  // not hold the process.
  [[noreturn]] void serve() {
    int status = 0;
    try {
      while (const std::optional<Frame> frame = socket_.receive()) accept(*frame);
    } catch (const std::exception& failure) {
      status = fail(failure);
    }
    ::_exit(status);
  }

 private:
  int fail(const std::exception& failure) const {
    Log(LogLevel::info, options_.name).error(failure.what());
    return static_cast<int>(ExitCode::internal);
  }

  // On the thread that reads frames.
  void accept(const Frame& frame) {
    switch (frame.kind) {
      case FrameKind::request:
        return accept_request(frame.id, decode_request(frame.payload));
      case FrameKind::prepare: {
        const VersionView order = decode_version(frame.payload);
        return slot_.prepare({frame.id, order.version, std::string(order.text)});
      }
      case FrameKind::activate:
        require(slot_.activate(frame.id), "a version was activated that is not prepared",
                "replica");
        return socket_.send(encode_version_frame(FrameKind::activated, frame.id,
                                                 decode_version(frame.payload).version),
                            {});
      case FrameKind::discard:
        return slot_.discard(frame.id);
      default:
        throw internal_error("a frame for the service reached a replica", "replica");
    }
  }

  void accept_request(uint64_t id, const RequestView& request) {
    const auto received = SteadyClock::now();
    try {
      const Route route = parse_route(request.method, request.target);
      const std::shared_ptr<Predictor> predictor = slot_.current();
      if (!predictor) throw RequestError(503, "no model is deployed yet");
      const ModelInfo& info = predictor->info();
      check_names(route, info);
      if (route.call == Route::Call::model_metadata) {
        return answer(id, 200, model_metadata_body(info));
      }
      const bool predict = route.call == Route::Call::predict;
      batcher_.push(
          {id, predict, route.version,
           predict ? parser_.predict(request.body, info) : parser_.infer(request.body, info),
           received});
    } catch (const RequestError& error) {
      answer(id, error.status(), error_body(error.what()));
    } catch (const std::bad_alloc&) {
      answer(id, 503, error_body("out of memory"));
    }
  }

  static void check_names(const Route& route, const ModelInfo& info) {
    if (!route.model.empty() && route.model != info.model) {
      throw RequestError(404, "no such model; there is " + info.model);
    }
    if (route.version != 0 && route.version != info.version) {
      throw RequestError(404, "version " + std::to_string(route.version) +
                                  " is not served; version " + std::to_string(info.version) +
                                  " is");
    }
  }

  // On the thread that computes.
  void compute_batches() {
    try {
      while (true) {
        Batch batch = batcher_.next_batch();
        compute(&batch, slot_.current());
      }
    } catch (const std::exception& failure) {
      ::_exit(fail(failure));
    }
  }

  void compute(Batch* batch, const std::shared_ptr<Predictor>& predictor) {
    const ModelInfo& info = predictor->info();
    std::erase_if(*batch, [&](const QueuedInference& item) { return refuse_unfit(item, info); });
    if (batch->empty()) return;
    std::vector<float> probabilities;
    try {
      probabilities = predict_all(*batch, predictor.get());
    } catch (const std::exception& failure) {
      for (const QueuedInference& item : *batch) {
        answer(item.id, 500, error_body(std::string("the model failed: ") + failure.what()));
      }
      return;
    }
    size_t row = 0;
    for (const QueuedInference& item : *batch) {
      const size_t count =
          static_cast<size_t>(item.inference.n) * static_cast<size_t>(info.classes);
      answer_inference(item, info, std::span(probabilities).subspan(row, count));
      row += count;
    }
  }

  // A version swapped after the request was parsed may have another number or shape.
  bool refuse_unfit(const QueuedInference& item, const ModelInfo& info) {
    const bool named = item.version == 0 || item.version == info.version;
    const bool shaped =
        item.inference.images.size() == static_cast<size_t>(item.inference.n) * info.image_bytes();
    if (named && shaped) return false;
    answer(item.id, 404,
           error_body("the version asked for was replaced by version " +
                      std::to_string(info.version)));
    return true;
  }

  // All images of the batch in order, in pieces that the model takes: [images,classes].
  std::vector<float> predict_all(const Batch& batch, Predictor* predictor) const {
    const ModelInfo& info = predictor->info();
    std::vector<uint8_t> gathered;
    if (batch.size() > 1) {
      for (const QueuedInference& item : batch) {
        gathered.insert(gathered.end(), item.inference.images.begin(), item.inference.images.end());
      }
    }
    const std::vector<uint8_t>& images =
        batch.size() > 1 ? gathered : batch.front().inference.images;
    const size_t total = images.size() / info.image_bytes();
    const auto limit = static_cast<size_t>(std::min(options_.max_batch, info.max_batch));
    const auto classes = static_cast<size_t>(info.classes);
    std::vector<float> probabilities(total * classes);
    for (size_t first = 0; first < total; first += limit) {
      const size_t n = std::min(limit, total - first);
      predictor->predict(
          std::span(images).subspan(first * info.image_bytes(), n * info.image_bytes()),
          static_cast<int>(n), std::span(probabilities).subspan(first * classes, n * classes));
    }
    return probabilities;
  }

  void answer_inference(const QueuedInference& item, const ModelInfo& info,
                        std::span<const float> probabilities) {
    const Computed computed{options_.name, milliseconds_since(item.received)};
    try {
      answer(item.id, 200,
             item.predict ? predict_body(info, item.inference, probabilities, computed)
                          : infer_body(info, item.inference, probabilities, computed));
    } catch (const RequestError& error) {
      answer(item.id, error.status(), error_body(error.what()));
    }
  }

  // On any thread.
  void answer(uint64_t id, int status, const std::string& body) {
    socket_.send(encode_reply_head(id, status, body.size()), body);
  }

  // On the loading thread.
  void report(const ModelSlot::Order& order, const std::string& error) {
    try {
      socket_.send(encode_version_frame(error.empty() ? FrameKind::prepared : FrameKind::failed,
                                        order.ticket, order.version,
                                        error.substr(0, frame_slack_bytes / 2)));
    } catch (const Error& failure) {
      ::_exit(fail(failure));
    }
  }

  const ReplicaOptions options_;
  FrameSocket socket_;
  RequestParser parser_;
  Batcher batcher_;
  ModelSlot slot_;
  std::thread computing_;
};

}  // namespace

void run_replica(const ReplicaOptions& options, const PredictorLoader& loader) {
  Replica(options, loader).serve();
}

}  // namespace podium::serve
