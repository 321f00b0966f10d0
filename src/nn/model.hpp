// Model: a network with its parameters, ready to train and to predict.
//
// Threads: a Model belongs to one thread; its backend may use workers inside a call. Invariants:
// parameters, gradients and statistics are each one flat, 64-byte aligned buffer that the
// caller can address wherever the backend computes, and whose address never changes; all memory of
// a step is planned at construction or at the first call with a batch size, so that a steady state
// allocates nothing. Equal seeds, batches and thread counts give equal bits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/trace.hpp"
#include "nn/buffer_info.hpp"
#include "nn/gradients_ready.hpp"
#include "nn/model_card.hpp"

namespace podium::nn {

class Executor;
class Ops;

class Model {
 public:
  // Throws usage_error for an architecture that does not fit the card's image, data_error for a
  // card that contradicts itself. REQUIRES: max_batch > 0. `max_batch` bounds every call below.
  // `blank`: all weights are zero, for who fills them next; drawing them takes longer than that.
  enum class Weights { initial, blank };
  Model(ModelCard card, std::unique_ptr<Ops> ops, int max_batch,
        Weights weights = Weights::initial);
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  // He initialisation (He et al. 2015): equal seeds give equal bits on every rank. Statistics are
  // reset to mean 0 and variance 1. Also restarts the dropout masks at (seed, step 0).
  void initialise(uint64_t seed);

  // Predictions go by what the buffers held at the first prediction after a call of parameters()
  // or statistics(): a span to write to is asked for anew after each prediction. All wait for what
  // the backend is still computing.
  std::span<float> parameters();
  std::span<const float> parameters() const;
  std::span<float> gradients();
  std::span<float> statistics();
  std::span<const float> statistics() const;
  const std::vector<BufferInfo>& buffers() const;  // parameters first, then statistics, in order

  struct StepResult {
    double loss_sum = 0;  // smoothed cross entropy, summed over the images
    int correct = 0;      // images whose largest output is their label

    StepResult& operator+=(const StepResult& more) {
      loss_sum += more.loss_sum;
      correct += more.correct;
      return *this;
    }
  };
  // One batch: images are uint8 [N,H,W,C], labels [N]. Writes (does not accumulate) the gradients
  // of the mean loss and updates the running statistics. N = 0 writes zero gradients. Throws
  // data_error for a label that is no class. `ready`, unless empty, hears which gradients the
  // caller may already read: layer by layer where the host computes, else when all are there.
  StepResult forward_backward(std::span<const uint8_t> images, std::span<const uint8_t> labels,
                              float label_smoothing, const GradientsReady& ready = {});

  // From now on the two passes of forward_backward() are spans of `lane`; where a GPU computes,
  // those of the host, which does not wait for it.
  void trace(Lane lane);

  // Class probabilities [N,classes] of uint8 images [N,H,W,C], 0 <= N <= max_batch, with running
  // statistics and without dropout. A card with `mirror` asks for the mean of the logits of each
  // image and its mirror image. What the softmax was taken of goes to `logits` [N,classes], unless
  // that is empty.
  void predict(std::span<const uint8_t> images, std::span<float> probabilities,
               std::span<float> logits = {});

  // The batch sizes at which predictions are computed, ascending: others run padded to the next of
  // these, or in pieces. The first prediction at each makes what that size needs.
  std::vector<int> prediction_sizes() const;

  // Makes what predictions of every size need, which on a GPU is kernels and a recorded graph for
  // each size: else the first predictions of a size wait for theirs. Costs seconds there, and
  // nothing on a CPU.
  void prepare_predictions();

  // Dropout masks are a function of (seed, step); each forward_backward() advances the step. Ranks
  // that share a batch give different seeds; a resumed run sets the step it goes on from.
  void set_dropout_stream(uint64_t seed, uint64_t step);

  // The backend that this model computes on, for its other state: optimizer and averages.
  Ops& ops();
  // One training step in pieces, for an engine that keeps images and labels where the backend
  // computes. Valid until this has been called with seven other batch sizes. Such an engine calls
  // parameters() or statistics() after its steps, so that predictions go by them.
  // REQUIRES: 0 < batch <= max_batch.
  Executor& training_executor(int batch);

  const ModelCard& card() const;
  int max_batch() const;
  int64_t parameter_count() const;
  int64_t flops_per_image() const;  // forward pass; a multiply-add counts as two
  std::string summary() const;      // a table: layer, output [C,H,W], parameters, FLOPs
  std::string backend() const;      // for instance "cpu (oneDNN 2.6.0, 1 thread)"

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace podium::nn
