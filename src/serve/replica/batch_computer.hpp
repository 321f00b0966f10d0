// BatchComputer: a batch of requests through the model, and each request's answer.
//
// Used by the replica's computing thread. Every request of a batch is answered exactly once, also
// when the model fails.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "serve/feedback/chooser.hpp"
#include "serve/protocol/message.hpp"
#include "serve/replica/batcher.hpp"
#include "serve/replica/predictor.hpp"
#include "serve/replica/progress.hpp"

namespace podium::serve {

class BatchComputer {
 public:
  using Answer =
      std::function<void(uint64_t id, const ReplyFields& fields, const std::string& body)>;

  using Tell = std::function<void(uint64_t id, const DecisionView& decision)>;

  // `replica` is the "server_replica" of replies; at most `max_batch` images are computed at once.
  // With a chooser, what it decides about requests of one image is told before they are answered.
  BatchComputer(std::string replica, int max_batch, Answer answer,
                std::optional<Chooser> chooser = {}, Tell tell = {})
      : replica_(std::move(replica)),
        max_batch_(max_batch),
        answer_(std::move(answer)),
        chooser_(std::move(chooser)),
        tell_(std::move(tell)) {}

  // Takes the requests out of `*batch` that another version must answer, computes the others.
  void compute(std::vector<QueuedInference>* batch, Predictor* predictor);

  // Of the piece of a batch that is being computed.
  const Progress& progress() const { return progress_; }

 private:
  using Batch = std::vector<QueuedInference>;

  bool refuse_unfit(const QueuedInference& item, const ModelInfo& info);
  std::vector<float> predict_all(const Batch& batch, Predictor* predictor);
  void answer_inference(const QueuedInference& item, const ModelInfo& info,
                        std::span<const float> probabilities, ReplyCost cost);
  std::optional<Choice> choose(const QueuedInference& item, std::span<const float> probabilities);
  void tell(const QueuedInference& item, const ModelInfo& info, const Choice& choice);
  void refuse(uint64_t id, int status, const std::string& why);

  const std::string replica_;
  const int max_batch_;
  const Answer answer_;
  std::optional<Chooser> chooser_;
  const Tell tell_;
  Progress progress_;
};

}  // namespace podium::serve
