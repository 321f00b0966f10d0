#include "serve/replica/replica.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <random>
#include <thread>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/precedence.hpp"
#include "core/span_names.hpp"
#include "core/trace.hpp"
#include "serve/protocol/compression.hpp"
#include "serve/protocol/metadata.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"
#include "serve/protocol/route.hpp"
#include "serve/replica/batch_computer.hpp"
#include "serve/replica/batch_tuner.hpp"
#include "serve/replica/batcher.hpp"
#include "serve/replica/frame_socket.hpp"
#include "serve/replica/model_slot.hpp"

namespace podium::serve {
namespace {

using std::chrono::microseconds;

std::optional<BatchTuner> tuner_of(const ReplicaOptions& options) {
  if (options.batch_target_p99.count() == 0) return {};
  return BatchTuner(options.max_batch, options.batch_target_p99);
}

std::optional<Chooser> chooser_of(const ReplicaOptions& options) {
  if (options.deciding == Deciding::silent) return {};
  std::random_device entropy;  // of two replicas, no two ids and draws are alike
  return Chooser(options.deciding, uint64_t{entropy()} << 32 | entropy());
}

// What headers and body say together.
void set_urgency(QueuedInference* request) {
  if (request->inference.priority != 0) request->fields.priority = request->inference.priority;
  const auto until = [&](microseconds left) {
    if (left.count() <= 0) return;
    request->deadline = std::min(request->deadline, request->received + left);
  };
  until(std::chrono::milliseconds(request->fields.timeout_ms));
  until(microseconds(request->inference.timeout_us));
}

class Replica {
 public:
  Replica(const ReplicaOptions& options, const PredictorLoader& loader)
      : options_(options),
        tracer_(
            TraceTicket::parse(options.trace),
            {options.name + " of rank " + std::to_string(options.rank), options.rank, "replica"},
            Log(LogLevel::warning, options.name)),
        batches_(tracer_.lane("batches")),
        socket_(options.socket, options.max_body_bytes + frame_slack_bytes),
        parser_(options.max_body_bytes),
        batcher_(options.max_batch, options.batch_delay),
        computer_(
            options_.name, options_.max_batch,
            [this](uint64_t id, const ReplyFields& fields, const std::string& body) {
              replies_.add(id, fields, body);
            },
            chooser_of(options),
            [this](uint64_t id, const DecisionView& decision) {
              replies_.add(encode_decision(id, decision));
            }),
        replies_(&socket_),
        tuner_(tuner_of(options)),
        slot_(loader, options_.max_batch,
              [this](const ModelSlot::Order& order, const std::string& error) {
                report(order, error);
              }),
        computing_([this] { compute_batches(); }) {}

  // Never returns: at the end of the socket nobody is left to answer, and a batch under way must
  // not hold the process.
  [[noreturn]] void serve() {
    int status = 0;
    try {
      while (const std::optional<Frame> frame = socket_.receive()) {
        accept(*frame);
        if (!socket_.more_at_hand()) batcher_.announce();
      }
    } catch (const std::exception& failure) {
      status = fail(failure);
    }
    tracer_.flush();
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
      case FrameKind::ping:
        return socket_.send(
            encode_pong(frame.id, static_cast<uint32_t>(computer_.progress().busy().count())));
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
        return answer(id, {}, model_metadata_body(info));
      }
      if (route.call == Route::Call::model_config) return answer(id, {}, model_config_body(info));
      const bool predict = route.call == Route::Call::predict;
      Inference inference = parse(request, predict, *predictor);
      enqueue({id, predict, route.version, std::move(inference), received, SteadyClock::now(),
               request.fields});
    } catch (const RequestError& error) {
      refuse(id, error.status(), error.what());
    } catch (const std::bad_alloc&) {
      refuse(id, 503, "out of memory");
    }
  }

  void enqueue(QueuedInference request) {
    set_urgency(&request);
    for (const QueuedInference& item : batcher_.push(std::move(request))) {
      refuse(item.id, 429, "the queue of the replica is full");
    }
  }

  Inference parse(const RequestView& request, bool predict, const Predictor& predictor) {
    std::string content;
    std::string_view body = request.body;
    if (request.fields.encoding != Encoding::identity) {
      content = decompress(body, request.fields.encoding, options_.max_body_bytes);
      body = content;
    }
    if (!predict) return parser_.infer(body, predictor.info(), request.fields.json_bytes);
    if (!is_image_file(body)) return parser_.predict(body, predictor.info());
    Inference inference;
    inference.n = 1;
    inference.id = "null";
    inference.images = predictor.read_image(body);
    return inference;
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
      if (tuner_) batcher_.tune(tuner_->batch(), tuner_->delay());
      while (true) {
        Batcher::Batch batch = batcher_.next_batch();
        for (const QueuedInference& item : batch.late) {
          refuse(item.id, 504, "its time was over before it was computed");
        }
        const auto begun = SteadyClock::now();
        compute(&batch.requests);
        if (tuner_) tune(batch.requests, begun);
      }
    } catch (const std::exception& failure) {
      ::_exit(fail(failure));
    }
  }

  void compute(Batcher::Requests* requests) {
    const Timed span(batches_, spans::batch);
    computer_.compute(requests, slot_.current().get());
    replies_.send();
  }

  void tune(const Batcher::Requests& computed, SteadyClock::time_point begun) {
    const auto end = SteadyClock::now();
    int images = 0;
    for (const QueuedInference& item : computed) {
      tuner_->answered(std::chrono::duration_cast<microseconds>(end - item.received));
      images += item.inference.n;
    }
    tuner_->computed(images, std::chrono::duration_cast<microseconds>(end - begun));
    batcher_.tune(tuner_->batch(), tuner_->delay());
  }

  // On any thread.
  void answer(uint64_t id, const ReplyFields& fields, const std::string& body) {
    socket_.send(encode_reply_head(id, fields, body.size()), body);
  }
  void refuse(uint64_t id, int status, std::string_view why) {
    ReplyFields fields;
    fields.status = status;
    answer(id, fields, error_body(why));
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
  Tracer tracer_;
  const Lane batches_;  // of the computing thread
  FrameSocket socket_;
  RequestParser parser_;
  Batcher batcher_;
  BatchComputer computer_;
  ReplyBundle replies_;              // of the computing thread
  std::optional<BatchTuner> tuner_;  // of the same
  ModelSlot slot_;
  std::thread computing_;
};

}  // namespace

void run_replica(const ReplicaOptions& options, const PredictorLoader& loader) {
  start_at_once();
  Replica(options, loader).serve();
}

}  // namespace podium::serve
