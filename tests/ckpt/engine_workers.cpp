#include "ckpt/engine_workers.hpp"

#include <algorithm>
#include <csignal>

#include "core/error.hpp"

namespace podium::ckpt::engine::test {
namespace {

Channel report_channel() {
  return {FileDescriptor(worker_socket_fd), most_message_bytes};
}

// Serves whatever comes until the engine goes.
int keep(const std::string& gate, const ReceiverOptions& options) {
  Channel report = report_channel();
  try {
    Receiver receiver(gate, options);
    report.send({{"joined", true}, {"greeting", receiver.greeting()}}, patience);
    while (true) {
      const bool fresh = receiver.take(patience);
      const Weights& weights = receiver.weights();
      Json told = {
          {"version", weights.version()},
          {"wrong", options.keeps_on_gpu ? 0 : wrong_bytes(weights, options.part, options.parts)}};
      if (!fresh) told["kept"] = receiver.why();
      if (!report.send(told, patience)) return 0;
    }
  } catch (const Error& error) {
    report.send({{"failed", error.what()}}, patience);
    return 1;
  }
}

// Takes part as a worker does, up to the middle of bucket `last`.
int fail_at(const std::string& gate, uint64_t last, int signal) {
  Channel report = report_channel();
  Channel channel = Channel::to_local(gate, patience);
  FileDescriptor memory;
  channel.send({{"role", "worker"}, {"name", "rogue"}}, patience);
  const size_t seat = channel.receive(patience, &memory)->at("seat");
  const Segment segment(std::move(memory));
  report.send({{"joined", true}}, patience);
  const uint64_t first = channel.receive(patience)->at("first");
  channel.send({{"ready", true}}, patience);
  for (uint64_t seq = first; segment.wait_published(seat, seq, patience); ++seq) {
    if (seq - first == last) std::raise(signal);
    if (!segment.take(seat, seq + 1)) return 3;  // it was dropped meanwhile
  }
  return 4;
}

}  // namespace

std::vector<Piece> whole_model() {
  const auto floats = [](const char* name, uint64_t rows, uint64_t columns) {
    return Piece{name, {rows, columns}, 4, 0, 4 * rows * columns};
  };
  return {floats("first", 7, 3),         floats("empty", 0, 5), Piece{"byte", {1}, 1, 0, 1},
          floats("huge", 300, 1001),     floats("odd", 1, 13),  floats("large", 64, 512),
          Piece{"bytes", {77}, 1, 0, 77}};
}

std::byte value(uint64_t version, const std::string& tensor, uint64_t index) {
  constexpr uint64_t quarter = 300'300;
  if (tensor == "huge" && index < 2 * quarter) version = 0;
  if (tensor == "huge" && index >= 3 * quarter) version /= 2;
  return static_cast<std::byte>((version * 31 + tensor.size() * 7 + index * 13 + index / 256) %
                                251);
}

void fill(HostShard& shard, uint64_t version) {
  for (size_t i = 0; i < shard.metas().pieces.size(); ++i) {
    const Piece& piece = shard.metas().pieces[i];
    const std::span<std::byte> bytes = shard.piece(i);
    for (uint64_t k = 0; k < bytes.size(); ++k) {
      bytes[k] = value(version, piece.name, piece.first + k);
    }
  }
}

size_t wrong_bytes(const Weights& weights, size_t part, size_t parts) {
  const uint64_t lines = weights.layout.model_bytes / alignment_bytes;
  const uint64_t first = lines * part / parts * alignment_bytes;
  const uint64_t last = lines * (part + 1) / parts * alignment_bytes;
  size_t wrong = weights.first == first && weights.bytes == last - first ? 0 : 1;
  for (const Tensor& tensor : weights.layout.tensors) {
    for (uint64_t i = 0; i < tensor.bytes; ++i) {
      const uint64_t place = tensor.place + i;
      if (place < first || place >= last) continue;
      if (weights.memory.bytes()[place - first] != value(weights.version(), tensor.name, i)) {
        ++wrong;
      }
    }
  }
  return wrong;
}

Worker::Worker(const std::string& gate, const std::string& name, const std::string& habit,
               size_t part, size_t parts)
    : process_(WorkerProcess::start(
          {worker_verb, gate, name, habit, std::to_string(part), std::to_string(parts)})),
      channel_(process_.take_socket(), most_message_bytes) {}

int worker_main(const std::vector<std::string>& arguments) {
  const std::string& gate = arguments.at(1);
  const std::string& habit = arguments.at(3);
  if (habit == "keep" || habit == "gpu") {
    return keep(gate, {arguments.at(2), std::stoul(arguments.at(4)), std::stoul(arguments.at(5)),
                       patience, habit == "gpu"});
  }
  const size_t equals = habit.find('=');
  const int signal = habit.starts_with("die") ? SIGKILL : SIGSTOP;
  return fail_at(gate, std::stoul(habit.substr(equals + 1)), signal);
}

}  // namespace podium::ckpt::engine::test
