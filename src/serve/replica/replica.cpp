#include "serve/replica/replica.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>

#include "core/error.hpp"
#include "core/log.hpp"
#include "serve/protocol/compression.hpp"
#include "serve/protocol/metadata.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"
#include "serve/protocol/route.hpp"
#include "serve/replica/batch_computer.hpp"
#include "serve/replica/batcher.hpp"
#include "serve/replica/frame_socket.hpp"
#include "serve/replica/model_slot.hpp"

namespace podium::serve {
namespace {

using Batch = std::vector<QueuedInference>;

class Replica {
 public:
  Replica(const ReplicaOptions& options, const PredictorLoader& loader)
      : options_(options),
        socket_(options.socket, options.max_body_bytes + frame_slack_bytes),
        parser_(options.max_body_bytes),
        batcher_(options.max_batch, options.batch_delay),
        computer_(options_.name, options_.max_batch,
                  [this](uint64_t id, const ReplyFields& fields, const std::string& body) {
                    answer(id, fields, body);
                  }),
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
        return answer(id, {}, model_metadata_body(info));
      }
      if (route.call == Route::Call::model_config) return answer(id, {}, model_config_body(info));
      const bool predict = route.call == Route::Call::predict;
      Inference inference = parse(request, predict, *predictor);
      batcher_.push({id, predict, route.version, std::move(inference), received, SteadyClock::now(),
                     request.fields});
    } catch (const RequestError& error) {
      refuse(id, error.status(), error.what());
    } catch (const std::bad_alloc&) {
      refuse(id, 503, "out of memory");
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
      while (true) {
        Batch batch = batcher_.next_batch();
        computer_.compute(&batch, slot_.current().get());
      }
    } catch (const std::exception& failure) {
      ::_exit(fail(failure));
    }
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
  FrameSocket socket_;
  RequestParser parser_;
  Batcher batcher_;
  BatchComputer computer_;
  ModelSlot slot_;
  std::thread computing_;
};

}  // namespace

void run_replica(const ReplicaOptions& options, const PredictorLoader& loader) {
  Replica(options, loader).serve();
}

}  // namespace podium::serve
